/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: no handshake datagram is larger than the MTU that is set, none is needlessly small, a path
 * that takes less is found out, and a retransmitted flight is packed as the first one was (MTU-01,
 * MTU-02; rules 10, 11; A6, B9).
 *
 * Regression: the MTU was looked at only when the caller's timer ran out. Where the peer's own
 * retransmission arrives at that moment OpenSSL makes the flight again inside SSL_read(), and on a
 * path of 500 bytes a call never connected. And a flight between 256 and 576 bytes never shrank,
 * since the next step, 576, is no smaller than it. */

#include "common.h"

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <sluice/openssl.h>

static SluiceCertificate *large_rsa;

/* A certificate of more than 1200 bytes, as RSA of 4096 bits has it; the same by a long name costs
 * less time. */
static int make_large_rsa(void **state)
{
    EVP_PKEY *key = EVP_RSA_gen(2048);
    X509 *certificate = X509_new();
    X509_NAME *subject = X509_NAME_new();

    (void)state;
    assert_non_null(key);
    X509_set_version(certificate, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -86400);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 86400);
    for (int i = 0; i < 10; i++)
        assert_true(X509_NAME_add_entry_by_txt(
            subject, "OU", MBSTRING_ASC,
            (const unsigned char *)"sixty bytes of a name that has nothing else to say but words",
            -1, -1, 0));
    assert_true(X509_set_subject_name(certificate, subject));
    X509_NAME_free(subject);
    X509_set_pubkey(certificate, key);
    assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
    assert_status(sluice_certificate_from_openssl(certificate, key, &large_rsa), SLUICE_OK);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return 0;
}

static int free_all(void **state)
{
    sluice_certificate_unref(large_rsa);
    return free_certificates(state);
}

static void open_rsa(Pair *pair, size_t mtu)
{
    SluiceConfig *configs[2];

    for (int end = 0; end < 2; end++) {
        configs[end] = sluice_config_new(large_rsa);
        assert_status(sluice_config_set_handshake_mtu(configs[end], mtu), SLUICE_OK);
    }
    open_with(pair, configs[CLIENT], configs[SERVER]);
}

static size_t bytes_sent_at(const Pair *pair, int end, SluiceTime time, size_t *datagrams)
{
    size_t bytes = 0;

    *datagrams = 0;
    for (size_t i = 0; i < pair->end[end].n_sent; i++)
        if (pair->end[end].sent[i].time == time) {
            bytes += pair->end[end].sent[i].len;
            ++*datagrams;
        }
    return bytes;
}

static void test_never_above_and_packed(void **state)
{
    static const size_t mtus[] = {256, 257, 300, 576, 600, 1200, 1280, 4096};

    (void)state;
    for (size_t i = 0; i < sizeof mtus / sizeof mtus[0]; i++) {
        Pair pair;

        open_rsa(&pair, mtus[i]);
        pair.end[CLIENT].link.settings.mtu = mtus[i];
        pair.end[SERVER].link.settings.mtu = mtus[i];
        connect_within(&pair, 100 * MS);
        for (int end = 0; end < 2; end++) {
            /* The large flight of each end: of the server at 10 ms, of the client at 20 ms. */
            SluiceTime time = pair.begun + (end == CLIENT ? 20 * MS : 10 * MS);
            size_t datagrams, bytes = bytes_sent_at(&pair, end, time, &datagrams);

            assert_true(largest_sent(&pair, end) <= mtus[i]);
            assert_true(bytes > 1500);
            /* Each fragment costs a header of 25 bytes, and no record may be cut below that. */
            assert_true(datagrams <= bytes / (mtus[i] - 64) + 2);
        }
        assert_talks(&pair);
        pair_close(&pair);
    }
}

/* A6: OpenSSL sends each message of a retransmission alone. Same number of datagrams as the first
 * time. */
static void test_retransmission_is_packed(void **state)
{
    static const size_t mtus[] = {256, 600, 1200};

    (void)state;
    for (size_t i = 0; i < 3; i++)
        for (int from = 0; from < 2; from++) {
            SluiceTime sent_at, again_at = 0;
            size_t first, again;
            Pair pair;

            open_rsa(&pair, mtus[i]);
            sent_at = pair.begun + (from == CLIENT ? 20 * MS : 10 * MS);
            pair_start_both(&pair);
            pair_run(&pair, sent_at - pair.begun);
            link_clear(&pair.end[from].link);
            assert_true(pair_run_until(&pair, pair_both_connected, pair.begun + 400 * MS));
            bytes_sent_at(&pair, from, sent_at, &first);
            for (size_t n = 0; n < pair.end[from].n_sent && !again_at; n++)
                if (pair.end[from].sent[n].time > sent_at)
                    again_at = pair.end[from].sent[n].time;
            bytes_sent_at(&pair, from, again_at, &again);
            assert_true(first >= 2);
            assert_int_equal(again, first);
            assert_true(largest_sent(&pair, from) <= mtus[i]);
            pair_close(&pair);
        }
}

/* One datagram with all of a flight of P-256, the first time and again. */
static void test_small_flight_is_one_datagram(void **state)
{
    uint64_t mask = 1;
    Pair pair;

    (void)state;
    open_default(&pair);
    pair.end[SERVER].link.filter = lose_by_mask;
    pair.end[SERVER].link.filter_context = &mask;
    connect_within(&pair, 400 * MS);
    for (size_t i = 1; i < pair.end[SERVER].n_sent; i++)
        assert_true(pair.end[SERVER].sent[i].time > pair.end[SERVER].sent[i - 1].time);
    assert_true(pair_stats(&pair, SERVER).retransmissions >= 1);
    pair_close(&pair);
}

/* The path takes less than anyone said. */
static void test_path_takes_less(void **state)
{
    static const size_t paths[] = {1199, 1000, 600, 500, 300, 256};

    (void)state;
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        for (int rsa = 0; rsa < 2; rsa++) {
            Pair pair;

            if (rsa)
                open_rsa(&pair, 1200);
            else
                open_default(&pair);
            pair.end[CLIENT].link.settings.mtu = paths[i];
            pair.end[SERVER].link.settings.mtu = paths[i];
            connect_within(&pair, 6 * SECOND);
            assert_talks(&pair);
            /* Put back when the handshake is done. */
            assert_int_equal(pair_stats(&pair, SERVER).handshake_mtu, 1200);
            if (rsa && paths[i] < 1200)
                assert_true(pair_stats(&pair, SERVER).mtu_reductions >= 1);
            pair_close(&pair);
        }
}

static unsigned sent_again(const Pair *pair, int end, int flight)
{
    unsigned n = 0;

    for (size_t i = 0; i < pair->end[end].n_events; i++) {
        const SluiceEvent *event = &pair->end[end].events[i];

        n += event->type == SLUICE_EVENT_FLIGHT && event->u.flight.direction == SLUICE_SENT_OUT &&
             event->u.flight.number == flight && event->u.flight.retransmission;
    }
    return n;
}

/* RFC 6347 section 4.1.1.1: what the server has found out by its timers, its client does not find out again: its flight fits
 * the first time. The twin: a server that cuts as small because it was told so, and is not late, is not followed. */
static void test_client_follows_the_server(void **state)
{
    (void)state;
    for (int told = 0; told < 2; told++) {
        SluiceConfig *a = new_config(CLIENT), *b = new_config(SERVER);
        Pair pair;

        if (told)
            sluice_config_set_handshake_mtu(b, 256);
        open_with(&pair, a, b);
        for (int end = 0; end < 2 && !told; end++)
            pair.end[end].link.settings.mtu = 500;
        connect_within(&pair, 3 * SECOND);
        assert_int_equal(sent_again(&pair, CLIENT, 5), 0);
        assert_int_equal(pair_stats(&pair, CLIENT).mtu_reductions > 0, !told);
        if (told)
            assert_true(largest_sent(&pair, CLIENT) > 500);
        else
            assert_true(sent_again(&pair, SERVER, 4) > 1);
        assert_talks(&pair);
        pair_close(&pair);
    }
}

/* It falls in the middle of the handshake. */
static void test_path_shrinks(void **state)
{
    (void)state;
    for (int after = 5; after <= 35; after += 10) {
        Pair pair;

        open_rsa(&pair, 1200);
        pair_start_both(&pair);
        pair_run(&pair, after * MS);
        for (int end = 0; end < 2; end++) {
            link_clear(&pair.end[end].link);
            pair.end[end].link.settings.mtu = 500;
        }
        assert_true(pair_run_until(&pair, pair_both_connected, pair.begun + 6 * SECOND));
        assert_talks(&pair);
        pair_close(&pair);
    }
}

/* Loss alone does not make a flight smaller that is below the next step anyway. */
static void test_loss_of_a_small_flight_keeps_the_mtu(void **state)
{
    uint64_t mask = 7;
    Pair pair;

    (void)state;
    open_default(&pair);
    pair.end[CLIENT].link.filter = lose_by_mask; /* the ClientHello has 168 bytes */
    pair.end[CLIENT].link.filter_context = &mask;
    connect_within(&pair, 3 * SECOND);
    assert_int_equal(pair_stats(&pair, CLIENT).mtu_reductions, 0);
    pair_close(&pair);
}

/* MTU-03: EMSGSIZE. The flight is made again smaller at once, with no timer. */
static void test_network_refuses_the_size(void **state)
{
    static const size_t limits[] = {1100, 570, 400, 256};

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        Pair pair;

        open_rsa(&pair, 1200);
        pair.end[CLIENT].emsgsize = limits[i];
        pair.end[SERVER].emsgsize = limits[i];
        connect_within(&pair, 45 * MS);
        for (int end = 0; end < 2; end++) {
            assert_true(largest_sent(&pair, end) <= limits[i]);
            assert_true(pair_stats(&pair, end).output_too_big >= 1);
            assert_true(pair_stats(&pair, end).mtu_reductions >= 1);
        }
        assert_talks(&pair);
        pair_close(&pair);
    }
}

/* It refuses even the smallest: that ends at the deadline, not in a loop. */
static void test_network_refuses_every_size(void **state)
{
    Pair pair;

    (void)state;
    open_rsa(&pair, 1200);
    pair.end[SERVER].emsgsize = 100;
    pair_start_both(&pair);
    pair_run(&pair, 31 * SECOND);
    assert_false(pair.spun);
    assert_reason(&pair, CLIENT, SLUICE_END_DEADLINE);
    assert_reason(&pair, SERVER, SLUICE_END_DEADLINE);
    assert_true(pair_stats(&pair, SERVER).output_too_big < 400);
    pair_close(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_never_above_and_packed),
        cmocka_unit_test(test_retransmission_is_packed),
        cmocka_unit_test(test_small_flight_is_one_datagram),
        cmocka_unit_test(test_path_takes_less),
        cmocka_unit_test(test_client_follows_the_server),
        cmocka_unit_test(test_path_shrinks),
        cmocka_unit_test(test_loss_of_a_small_flight_keeps_the_mtu),
        cmocka_unit_test(test_network_refuses_the_size),
        cmocka_unit_test(test_network_refuses_every_size),
    };

    alloc_init();
    return cmocka_run_group_tests(tests, make_large_rsa, free_all);
}
