/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: each figure of SluiceStats has one name; the names and words of W3C's RTCTransportStats are those. */

#include <sluice/stats.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static int find(const SluiceStats *stats, const char *name, SluiceStat *stat)
{
    for (size_t i = 0; sluice_stats_get(stats, i, stat); i++)
        if (strcmp(stat->name, name) == 0)
            return 1;
    return 0;
}

static int same(const SluiceStat *a, const SluiceStat *b)
{
    return a->known == b->known && a->count == b->count && a->duration == b->duration &&
           strcmp(a->text, b->text) == 0;
}

static SluiceStats empty(void)
{
    SluiceStats stats;

    memset(&stats, 0, sizeof stats);
    stats.started_at = 1000;
    stats.client_hello_at = stats.certificate_at = SLUICE_TIME_NEVER;
    stats.finished_at = stats.connected_at = SLUICE_TIME_NEVER;
    return stats;
}

/* How many figures are others when the byte at @offset is. */
static size_t figures_at(size_t offset)
{
    SluiceStats before = empty(), after = empty();
    SluiceStat a, b;
    size_t differ = 0;

    ((uint8_t *)&after)[offset] ^= 1;
    for (size_t i = 0; sluice_stats_get(&before, i, &a); i++) {
        assert_true(sluice_stats_get(&after, i, &b));
        differ += !same(&a, &b);
    }
    return differ;
}

#define AT(field) offsetof(SluiceStats, field)
#define END(field) (offsetof(SluiceStats, field) + sizeof(((SluiceStats *)0)->field))

/* The words, which have a test of their own, the start, from which the phases count, and gaps. */
static int is_apart(size_t at)
{
    return (at >= AT(dtls_state) && at < END(started_at)) ||
           (at >= END(restarts_failed) && at < AT(hellos_beside)) ||
           (at >= END(attempts_given_up) && at < AT(dropped_half_open));
}

/* A member that is added to the struct and has no name fails here: every four bytes are looked at. */
static void test_every_figure_has_a_name(void **state)
{
    (void)state;
    for (size_t at = 0; at < sizeof(SluiceStats); at += 4) {
        if (is_apart(at))
            continue;
        if (figures_at(at) != 1)
            print_error("byte %zu: %zu figures\n", at, figures_at(at));
        assert_int_equal(figures_at(at), 1);
    }
}

static void test_names_are_unique(void **state)
{
    SluiceStats stats = empty();
    SluiceStat a, b;
    size_t n = 0;

    (void)state;
    for (size_t i = 0; sluice_stats_get(&stats, i, &a); i++, n++)
        for (size_t j = 0; j < i; j++) {
            assert_true(sluice_stats_get(&stats, j, &b));
            assert_string_not_equal(a.name, b.name);
        }
    assert_true(n > 50);
    assert_false(sluice_stats_get(&stats, n, &a));
    assert_false(sluice_stats_get(&stats, SIZE_MAX, &a));
    assert_false(sluice_stats_get(NULL, 0, &a));
    assert_false(sluice_stats_get(&stats, 0, NULL));
}

static void assert_text(const SluiceStats *stats, const char *name, const char *text)
{
    SluiceStat stat;

    assert_true(find(stats, name, &stat));
    assert_int_equal(stat.type, SLUICE_STAT_TEXT);
    assert_string_equal(stat.text, text);
    assert_int_equal(stat.known, text[0] != '\0');
}

static void test_words(void **state)
{
    static const char *const states[] = {"new",       "new",       "connecting", "connecting",
                                         "connected", "connected", "closed",     "failed"};
    SluiceStats stats = empty();

    (void)state;
    for (int i = 0; i < 8; i++) {
        stats.dtls_state = (SluiceState)i;
        assert_text(&stats, "dtlsState", states[i]);
    }
    assert_text(&stats, "dtlsRole", "unknown");
    stats.dtls_role = SLUICE_ROLE_CLIENT;
    assert_text(&stats, "dtlsRole", "client");
    assert_text(&stats, "tlsVersion", "");
    stats.tls_version = 0xfefd;
    assert_text(&stats, "tlsVersion", "FEFD");
    assert_text(&stats, "dtlsCipher", "");
    strcpy(stats.dtls_cipher, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256");
    assert_text(&stats, "dtlsCipher", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256");
    strcpy(stats.tls_group, "x25519");
    assert_text(&stats, "tlsGroup", "x25519");
    assert_text(&stats, "srtpCipher", "");
    stats.srtp_cipher = SLUICE_SRTP_AEAD_AES_256_GCM;
    assert_text(&stats, "srtpCipher", "AEAD_AES_256_GCM");
}

static void assert_duration(const SluiceStats *stats, const char *name, int known, SluiceTime value)
{
    SluiceStat stat;

    assert_true(find(stats, name, &stat));
    assert_int_equal(stat.type, SLUICE_STAT_DURATION);
    assert_int_equal(stat.known, known);
    assert_int_equal(stat.duration, value);
}

static void test_phases(void **state)
{
    SluiceStats stats = empty();

    (void)state;
    assert_duration(&stats, "handshakeClientHello", 0, 0);
    assert_duration(&stats, "handshakeKeys", 0, 0);
    assert_duration(&stats, "handshakeRoundTripTime", 0, 0);
    stats.client_hello_at = 400; /* before the start */
    stats.certificate_at = 1020;
    stats.finished_at = 1030;
    stats.connected_at = 1090;
    stats.handshake_rtt = 20;
    assert_duration(&stats, "handshakeClientHello", 1, 0);
    assert_duration(&stats, "handshakeCertificate", 1, 20);
    assert_duration(&stats, "handshakeFinished", 1, 30);
    assert_duration(&stats, "handshakeKeys", 1, 90);
    assert_duration(&stats, "handshakeRoundTripTime", 1, 20);
    stats.started_at = SLUICE_TIME_NEVER;
    assert_duration(&stats, "handshakeKeys", 0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_figure_has_a_name),
        cmocka_unit_test(test_names_are_unique),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_phases),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
