/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds rule 26 against OpenSSL itself: an honest handshake passes the guard untouched, forged
 * datagrams that are seen here to kill a bare OpenSSL do not kill one behind the guard, and
 * whatever passes is read by OpenSSL as the guard read it. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "guard-records.h"
#include "openssl-version.h"
#include "record-guard.h"
#include "record.h"
#include "rng.h"
#include "ssl-peer.h"

#include <openssl/ssl.h>

#include <string.h>

static const SlGuardState client = {.role = SLUICE_ROLE_CLIENT};
static const SlGuardState server = {.role = SLUICE_ROLE_SERVER};
static const SlGuardState client_done = {.role = SLUICE_ROLE_CLIENT, .finished = 1};
static const SlGuardState server_done = {.role = SLUICE_ROLE_SERVER, .finished = 1};

/* Feeds a datagram behind the guard of @ssl's role. */
static int feed_guarded(SSL *ssl, const uint8_t *data, size_t len)
{
    static uint8_t out[70000];
    SlGuardReport report;
    SlGuardState state = {.role = SSL_is_server(ssl) ? SLUICE_ROLE_SERVER : SLUICE_ROLE_CLIENT,
                          .finished = SSL_is_init_finished(ssl)};
    size_t n = guard_filter(&state, data, len, out, &report);
    return n == 0 || ssl_peer_feed(ssl, out, n);
}

typedef int (*Feed)(SSL *ssl, const uint8_t *data, size_t len);

/* A handshake of two ends; before flight @at (0: client's first) is given, its receiver or (@other)
 * its sender gets the attack by @inject. 1: both finished. */
static int survives(Feed inject, int at, int other, const uint8_t *attack, size_t len)
{
    SSL *ends[2] = {ssl_peer_new(0), ssl_peer_new(1)};
    uint8_t flight[SSL_PEER_FLIGHT];
    int alive = ssl_peer_feed(ends[0], NULL, 0);
    for (int i = 0; alive && i < 4; i++) {
        SSL *from = ends[i % 2], *to = ends[(i + 1) % 2];
        size_t n = ssl_peer_take(from, flight);
        if (i == at)
            alive = inject(other ? from : to, attack, len);
        alive = alive && feed_guarded(to, flight, n);
    }
    alive = alive && SSL_is_init_finished(ends[0]) && SSL_is_init_finished(ends[1]);
    ssl_peer_free(ends[0]);
    ssl_peer_free(ends[1]);
    return alive;
}

/* 1 if it kills (or stalls) an end at any of the moments. */
static int kills(Feed inject, const uint8_t *attack, size_t len)
{
    for (int at = 0; at < 3; at++)
        for (int other = 0; other < 2; other++)
            if (!survives(inject, at, other, attack, len))
                return 1;
    return 0;
}

static size_t flights[2][2]; /* lengths: who wrote, which */
static uint8_t flight_bytes[2][2][SSL_PEER_FLIGHT];

static int record_flights(void **state)
{
    (void)state;
    SSL *ends[2] = {ssl_peer_new(0), ssl_peer_new(1)};
    assert_true(ssl_peer_feed(ends[0], NULL, 0));
    for (int i = 0; i < 4; i++) {
        uint8_t *bytes = flight_bytes[i % 2][i / 2];
        flights[i % 2][i / 2] = ssl_peer_take(ends[i % 2], bytes);
        assert_true(ssl_peer_feed(ends[(i + 1) % 2], bytes, flights[i % 2][i / 2]));
    }
    assert_true(SSL_is_init_finished(ends[0]) && SSL_is_init_finished(ends[1]));
    ssl_peer_free(ends[0]);
    ssl_peer_free(ends[1]);
    return 0;
}

/* Every byte of an honest handshake passes, but for the version of the records that say 1.0. */
static void honest_flights(void **state)
{
    (void)state;
    const SlGuardState *receivers[] = {&server, &client};
    for (int who = 0; who < 2; who++) {
        for (int which = 0; which < 2; which++) {
            uint8_t want[SSL_PEER_FLIGHT], out[SSL_PEER_FLIGHT];
            size_t len = flights[who][which], offset = 0, start = 0;
            SlGuardReport report;
            SlRecord record;
            memcpy(want, flight_bytes[who][which], len);
            while (sl_record_next(want, len, &offset, &record) == 1) {
                sl_put16(want + start + 1, 0xfefd);
                start = offset;
            }
            assert_int_equal(
                guard_filter(receivers[who], flight_bytes[who][which], len, out, &report), len);
            assert_memory_equal(out, want, len);
            assert_int_equal(report.malformed + report.unexpected, 0);
            assert_false(report.client_hello_at_client);
        }
    }
    assert_int_equal(sl_get16(flight_bytes[0][0] + 1), 0xfeff);
    assert_true(survives(feed_guarded, 9, 0, NULL, 0));
}

static const uint8_t alert[] = {21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 2, 40};

/* The datagrams of 15 bytes and a few more that end a handshake of a bare OpenSSL, each seen to do
 * so here. */
static void forged_records(void **state)
{
    (void)state;
    uint8_t p[4096];
    static const struct {
        uint8_t type;
        uint8_t len;
        const char *body;
    } rows[] = {
        {23, 5, "hello"}, {99, 5, "hello"},   {26, 2, "\0\0"},    {24, 5, "hello"},
        {25, 5, "hello"}, {21, 1, "\2"},      {21, 2, "\5\50"},   {20, 1, "\2"},
        {20, 2, "\1\1"},  {0x20, 5, "hello"}, {0x3f, 5, "hello"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t len =
            put_record(p, rows[i].type, 0xfefd, 0, (const uint8_t *)rows[i].body, rows[i].len);
        if (rows[i].type != 20 && !kills(ssl_peer_feed, p, len))
            fail_msg("row %zu: harmless", i);
        if (kills(feed_guarded, p, len))
            fail_msg("row %zu: kills behind the guard", i);
    }
    /* The one that a guard without memory cannot tell from the truth. */
    assert_true(kills(ssl_peer_feed, alert, sizeof alert));
    assert_true(kills(feed_guarded, alert, sizeof alert));
}

/* Messages of a wrong direction or size. @kills: seen to kill a bare OpenSSL. */
static void forged_messages(void **state)
{
    (void)state;
    uint8_t p[4096];
    static const struct {
        uint8_t type;
        uint32_t length;
        uint8_t part;
    } rows[] = {
        {SL_HELLO_REQUEST, 0, 0},
        {SL_NEW_SESSION_TICKET, 6, 6},
        {22, 50, 50}, /* CertificateStatus */
        {99, 50, 50},
        {SL_FINISHED, 12, 12},
        {SL_SERVER_HELLO_DONE, 5, 5},
        {SL_CLIENT_HELLO, 0xffffff, 1},
        {SL_SERVER_HELLO, 0xffffff, 1},
        {SL_CERTIFICATE, 0xffffff, 1},
        {SL_CLIENT_HELLO, 200, 0},
        {SL_SERVER_HELLO, 200, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t len = put_fragment(p, rows[i].type, rows[i].length, 0, rows[i].part);
        if (!kills(ssl_peer_feed, p, len))
            fail_msg("row %zu: harmless", i);
        if (kills(feed_guarded, p, len))
            fail_msg("row %zu: kills behind the guard", i);
    }
}

/* A ClientHello that comes to a client, a HelloVerifyRequest that comes to a server. */
static void wrong_way(void **state)
{
    (void)state;
    const uint8_t *hello = flight_bytes[0][0];
    assert_false(survives(ssl_peer_feed, 0, 1, hello, flights[0][0]));
    assert_true(survives(feed_guarded, 0, 1, hello, flights[0][0]));
    uint8_t p[4096];
    size_t len = put_fragment(p, SL_HELLO_VERIFY_REQUEST, 35, 0, 35);
    assert_false(survives(ssl_peer_feed, 0, 0, p, len));
    assert_true(survives(feed_guarded, 0, 0, p, len));
}

/* Regression: OpenSSL, when it does not like the version or length in a header, drops these 13
 * bytes and reads what is behind them as the next record of the same datagram. So a header that the
 * guard reads in another way than OpenSSL carries anything past it: here an alert, behind a unified
 * header of DTLS 1.3, and inside the body of a record of version 1.0 that comes after the version
 * is settled. Since 3.2 OpenSSL looks at the major version alone, and takes that record for what it says. */
static void smuggled_alert(void **state)
{
    (void)state;
    uint8_t p[256] = {0x2c};
    memset(p + 1, 0x11, 12);
    memcpy(p + 13, alert, sizeof alert);
    assert_true(kills(ssl_peer_feed, p, 13 + sizeof alert));
    assert_false(kills(feed_guarded, p, 13 + sizeof alert));

    uint8_t body[SL_HANDSHAKE_HEADER + 1 + sizeof alert] = {SL_CLIENT_HELLO};
    sl_put24(body + 1, 200);
    sl_put24(body + 6, 1);
    sl_put24(body + 9, 1 + sizeof alert);
    memcpy(body + SL_HANDSHAKE_HEADER + 1, alert, sizeof alert);
    size_t len = put_record(p, SL_HANDSHAKE, 0xfeff, 0, body, sizeof body);
    assert_int_equal(survives(ssl_peer_feed, 1, 1, p, len), openssl_since(3, 2));
    assert_true(survives(feed_guarded, 1, 1, p, len));
}

/* ---- any bytes at all ---- */

/* What is passed is made of sound records only, and passes a second time unchanged. */
static void check_output(const SlGuardState *state, const uint8_t *in, size_t len)
{
    static uint8_t once[SSL_PEER_FLIGHT], twice[SSL_PEER_FLIGHT];
    SlGuardReport report, again;
    size_t n = guard_filter(state, in, len, once, &report), offset = 0, records = 0;
    SlRecord record;
    int found;
    assert_true(len == 0 || report.passed + report.malformed + report.unexpected > 0);
    while ((found = sl_record_next(once, n, &offset, &record)) == 1) {
        records++;
        assert_int_equal(record.version, 0xfefd);
        assert_in_range(record.epoch, 0, 1);
        assert_in_range(record.type, 20, 23);
        assert_in_range(record.len, 1, 16384 + 256);
    }
    assert_int_equal(found, 0);
    assert_int_equal(records, report.passed);
    assert_int_equal(guard_filter(state, once, n, twice, &again), n);
    assert_memory_equal(once, twice, n);
    assert_int_equal(again.malformed + again.unexpected, 0);
}

static void truncations_and_flips(void **state)
{
    (void)state;
    const SlGuardState *all[] = {&client, &server, &client_done, &server_done};
    Rng rng;
    uint8_t copy[SSL_PEER_FLIGHT];
    rng_init(&rng, rng_test_seed(9443));
    for (int who = 0; who < 2; who++)
        for (int which = 0; which < 2; which++)
            for (size_t len = 0; len <= flights[who][which]; len++)
                check_output(all[1 - who], flight_bytes[who][which], len);
    for (int round = 0; round < 20000; round++) {
        int who = (int)rng_below(&rng, 2), which = (int)rng_below(&rng, 2);
        size_t len = flights[who][which];
        memcpy(copy, flight_bytes[who][which], len);
        for (uint64_t n = 1 + rng_below(&rng, 6); n > 0; n--)
            copy[rng_below(&rng, rng_chance(&rng, 0.5) ? 40 : len)] ^=
                (uint8_t)(1u << rng_below(&rng, 8));
        check_output(all[rng_below(&rng, 4)], copy, len);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(honest_flights),  cmocka_unit_test(forged_records),
        cmocka_unit_test(forged_messages), cmocka_unit_test(wrong_way),
        cmocka_unit_test(smuggled_alert),  cmocka_unit_test(truncations_and_flips),
    };
    return cmocka_run_group_tests(tests, record_flights, NULL);
}
