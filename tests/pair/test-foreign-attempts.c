/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: whatever of another handshake comes from the peer's address, alone or as a storm, no transport is connected but to
 * its peer, each ends by its deadline with a named reason, and what it takes to get there is bounded; whoever the peer is.
 * What of it is recovered depends on the peer: one of our own always, another library while the attempt that was
 * broken is not the one that it answers. With --table it prints what docs/forged-datagrams.md has. */

#include "foreign.h"
#include "forged.h"

#include <stdio.h>
#include <stdlib.h>

#define MOMENTS 6
#define SOON (2 * SECOND)
#define DEADLINE (30 * SECOND)

static const ForeignLibrary *const libraries[] = {
    &foreign_sluice,
    &foreign_openssl,
#ifdef HAVE_GNUTLS
    &foreign_gnutls,
#endif
};
#define LIBRARIES (sizeof libraries / sizeof libraries[0])

/* Of one kind of trial: how they went. */
typedef struct {
    unsigned n, connected;
    SluiceTime worst;
    unsigned reasons[32];
} Tally;

static const char *name_of(const uint8_t *record)
{
    switch (record[13]) {
    case 1:
        return record[18] ? "ClientHello with a cookie" : "ClientHello";
    case 2:
        return "ServerHello";
    case 3:
        return "HelloVerifyRequest";
    case 11:
        return "Certificate";
    case 12:
        return "ServerKeyExchange";
    case 13:
        return "CertificateRequest";
    case 14:
        return "ServerHelloDone";
    case 15:
        return "CertificateVerify";
    default:
        return "ClientKeyExchange";
    }
}

static void inject(Foreign *foreign, SluiceTime at, const uint8_t *data, size_t len)
{
    link_inject(&foreign->to_us, at, data, len);
}

/* Runs to the end, whatever that is, and enters it. */
static void finish(Foreign *foreign, Tally *tally)
{
    SluiceTransport *transport = foreign->transport;
    SluiceEnd end = {0};
    SluiceStats stats;

    foreign_run(foreign, foreign->begun + DEADLINE + SECOND - vclock_now());
    sluice_transport_get_stats(transport, &stats, sizeof stats);
    assert_true(stats.attempts_given_up <= 70);
    assert_true(stats.flights_sent <= 3000);
    assert_true(foreign->steps <= 8000);
    tally->n++;
    if (foreign_both_connected(foreign)) {
        SluiceTime took = vclock_now() - foreign->begun;

        tally->connected++;
        tally->worst = took > tally->worst ? took : tally->worst;
        assert_int_equal(stats.generation, 1);
        return;
    }
    if (sluice_transport_get_end(transport, &end) == SLUICE_OK) {
        assert_true(end.reason > 0 && end.reason < 32);
        tally->reasons[end.reason]++;
    } else { /* we are, the peer not yet: it has lost its way by itself */
        assert_string_equal(sluice_state_name(sluice_transport_get_state(transport)), "connected");
        tally->reasons[0]++;
    }
}

/* -- what is tried ------------------------------------------------------------------------------------------ */

static Stolen stolen[2][2]; /* without and with a cookie */

static void steal_all(void)
{
    for (int cookie = 0; cookie < 2; cookie++)
        if (!stolen[cookie][CLIENT].n)
            steal_handshake(stolen[cookie], cookie);
}

/* One message at each moment: half a hop after each flight has left. */
static Tally try_message(const ForeignLibrary *library, SluiceRole role, const uint8_t *data,
                         size_t len)
{
    Tally tally = {0};

    for (int when = 0; when < MOMENTS; when++) {
        Foreign foreign;

        foreign_open(&foreign, library, role);
        inject(&foreign, foreign.begun + when * 10 * MS + 5 * MS, data, len);
        finish(&foreign, &tally);
        foreign_close(&foreign);
    }
    return tally;
}

/* All of them in turn, a hundred a second. */
static Tally try_storm(const ForeignLibrary *library, SluiceRole role, SluiceTime lasts)
{
    Tally tally = {0};

    for (int cookie = 0; cookie < 2; cookie++) {
        const Stolen *from = &stolen[cookie][role == SLUICE_ROLE_CLIENT ? SERVER : CLIENT];
        AllocCount before = alloc_count(), after;
        Foreign foreign;
        size_t n = 0;

        foreign_open(&foreign, library, role);
        for (SluiceTime at = 5 * MS; at < lasts; at += 10 * MS, n++)
            inject(&foreign, foreign.begun + at, from->bytes[n % from->n], from->len[n % from->n]);
        foreign_run(&foreign, lasts < 500 * MS ? lasts : 500 * MS);
        after = alloc_count();
        assert_true(after.openssl_bytes - before.openssl_bytes < 400 * 1024);
        finish(&foreign, &tally);
        foreign_close(&foreign);
    }
    return tally;
}

static Tally try_kind(const ForeignLibrary *library, SluiceRole role, Forged kind)
{
    Tally tally = {0};

    for (int huge = 0; huge < 2; huge++) {
        uint8_t bytes[FORGED_MAX];
        size_t len = forge(kind, role, huge ? UINT64_C(1) << 39 : 9, bytes);
        Tally part = try_message(library, role, bytes, len);

        tally.n += part.n;
        tally.connected += part.connected;
    }
    return tally;
}

/* -- the tests ---------------------------------------------------------------------------------------------- */

static void test_each_message(void **state)
{
    (void)state;
    steal_all();
    for (size_t l = 0; l < LIBRARIES; l++)
        for (int cookie = 0; cookie < 2; cookie++)
            for (int role = SLUICE_ROLE_CLIENT; role <= SLUICE_ROLE_SERVER; role++) {
                const Stolen *from = &stolen[cookie][role == SLUICE_ROLE_CLIENT ? SERVER : CLIENT];

                for (size_t i = 0; i < from->n; i++) {
                    Tally tally =
                        try_message(libraries[l], (SluiceRole)role, from->bytes[i], from->len[i]);

                    if (libraries[l] == &foreign_sluice) {
                        assert_int_equal(tally.connected, tally.n);
                        assert_true(tally.worst <= SOON);
                    }
                }
            }
}

static void test_storms(void **state)
{
    static const int lasts[] = {100, 1000, 3000, 40000};

    (void)state;
    steal_all();
    for (size_t l = 0; l < LIBRARIES; l++)
        for (int role = SLUICE_ROLE_CLIENT; role <= SLUICE_ROLE_SERVER; role++)
            for (size_t i = 0; i < sizeof lasts / sizeof lasts[0]; i++) {
                Tally tally = try_storm(libraries[l], (SluiceRole)role, lasts[i] * MS);

                if (libraries[l] == &foreign_sluice && lasts[i] < 30000) {
                    assert_int_equal(tally.connected, tally.n);
                    assert_true(tally.worst <= lasts[i] * MS + SOON);
                }
            }
}

/* What can be told apart without keys is nothing to any peer. */
static void test_each_kind(void **state)
{
    (void)state;
    for (size_t l = 0; l < LIBRARIES; l++)
        for (int role = SLUICE_ROLE_CLIENT; role <= SLUICE_ROLE_SERVER; role++)
            for (int kind = 0; kind < FORGED_KINDS; kind++) {
                Tally tally = try_kind(libraries[l], (SluiceRole)role, (Forged)kind);

                if (tally.connected != tally.n)
                    fail_msg(
                        "%s, %s at the %s: %u of %u", libraries[l]->name, forged_name((Forged)kind),
                        role == SLUICE_ROLE_CLIENT ? "client" : "server", tally.connected, tally.n);
            }
}

/* -- the table ---------------------------------------------------------------------------------------------- */

static void print_tally(const Tally *tally)
{
    const char *mark = "; ";

    printf(" | %u of %u", tally->connected, tally->n);
    if (tally->worst)
        printf(", %.2f s", (double)(tally->worst / MS) / 1000);
    for (int reason = 0; reason < 32; reason++)
        if (tally->reasons[reason]) {
            printf("%s%s", mark,
                   reason ? sluice_end_reason_name((SluiceEndReason)reason) : "the peer stalls");
            mark = ", ";
        }
}

static void print_storms(SluiceRole role)
{
    static const struct {
        int lasts;
        const char *name;
    } storms[] = {{100, "all of them, 0.1 s"}, {1000, "all, 1 s"}, {40000, "all, without end"}};

    for (size_t i = 0; i < sizeof storms / sizeof storms[0]; i++) {
        printf("| %s", storms[i].name);
        for (size_t l = 0; l < LIBRARIES; l++) {
            Tally tally = try_storm(libraries[l], role, storms[i].lasts * MS);

            print_tally(&tally);
        }
        printf(" |\n");
    }
}

static void print_row(SluiceRole role, const uint8_t *data, size_t len)
{
    printf("| %s", name_of(data));
    for (size_t l = 0; l < LIBRARIES; l++) {
        Tally tally = try_message(libraries[l], role, data, len);

        print_tally(&tally);
    }
    printf(" |\n");
}

/* Those of a handshake without a cookie, and of one with it what the other has not. */
static int print_table(void)
{
    steal_all();
    for (int role = SLUICE_ROLE_CLIENT; role <= SLUICE_ROLE_SERVER; role++) {
        int from = role == SLUICE_ROLE_CLIENT ? SERVER : CLIENT;
        const Stolen *plain = &stolen[0][from], *cookie = &stolen[1][from];

        printf("| at our %s", role == SLUICE_ROLE_CLIENT ? "client" : "server");
        for (size_t l = 0; l < LIBRARIES; l++)
            printf(" | the peer is %s", libraries[l]->name);
        printf(" |\n|---|---|---|---|\n");
        for (size_t i = 0; i < cookie->n; i++)
            if (cookie->bytes[i][13] == 3 || (cookie->bytes[i][13] == 1 && cookie->bytes[i][18]))
                print_row((SluiceRole)role, cookie->bytes[i], cookie->len[i]);
        for (size_t i = 0; i < plain->n; i++)
            print_row((SluiceRole)role, plain->bytes[i], plain->len[i]);
        print_storms((SluiceRole)role);
        printf("\n");
    }
    return free_certificates(NULL);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_message),
        cmocka_unit_test(test_storms),
        cmocka_unit_test(test_each_kind),
    };

    alloc_init();
    if (argc > 1 && strcmp(argv[1], "--table") == 0)
        return print_table();
    return cmocka_run_group_tests(tests, NULL, free_certificates);
}
