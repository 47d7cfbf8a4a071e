/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: a client that was asked for a cookie in its server's name, while the server had not heard of it yet, connects.
 *
 * Bug: one forged HelloVerifyRequest of 32 bytes and one lost ClientHello, or a path that the server's ICE validated a
 * moment later than the client's, ended in the deadline at both ends. Mechanism: the client keeps the cookie that it was
 * given first, and sends ClientHellos with message 1 alone from then on; a server on a validated path, which asks for no
 * cookie, waits for message 0. It dropped each of them in silence, so that nothing ever contradicted what was forged. */

#include "foreign.h"
#include "forged.h"

/* Asks for the cookie 01020304. */
static const uint8_t request[] = {22, 0xfe, 0xff, 0, 0, 0, 0, 0, 0, 0,    0,    0, 12 + 7, 3, 0, 0,
                                  7,  0,    0,    0, 0, 0, 0, 0, 7, 0xfe, 0xff, 4, 1,      2, 3, 4};

/* The cookies that the client's ClientHellos bring. */
static int count_cookies(void *context, uint64_t number, SluiceTime now, uint8_t *data, size_t len)
{
    unsigned *cookies = context;

    (void)now;
    (void)len;
    *cookies += data[0] == 22 && data[13] == 1 && data[13 + 12 + 2 + 32 + 1] > 0;
    return number > 1; /* the first is lost */
}

/* Either the first ClientHello is lost, or the server's path is not validated yet. */
static void try_ours(int forged, int late)
{
    unsigned cookies = 0;
    Pair pair;

    open_default(&pair);
    for (int end = 0; end < 2; end++)
        pair_know(&pair, end);
    sluice_transport_set_path_validated(pair.end[CLIENT].transport, vclock_now(), 1);
    sluice_transport_set_path_validated(pair.end[SERVER].transport, vclock_now(), !late);
    pair.end[CLIENT].link.filter = count_cookies;
    pair.end[CLIENT].link.filter_context = &cookies;
    pair_start(&pair, CLIENT, SLUICE_ROLE_CLIENT);
    pair_start(&pair, SERVER, SLUICE_ROLE_SERVER);
    if (forged)
        inject_bytes(&pair, CLIENT, pair.begun + 5 * MS, request, sizeof request);
    pair_run(&pair, 50 * MS);
    sluice_transport_set_path_validated(pair.end[SERVER].transport, vclock_now(), 1);
    assert_true(pair_run_until(&pair, pair_both_connected, pair.begun + 2 * SECOND));
    assert_int_equal(cookies > 0, forged);
    assert_talks(&pair);
    pair_close(&pair);
}

static void test_before_the_server(void **state)
{
    (void)state;
    for (int forged = 0; forged < 2; forged++)
        for (int late = 0; late < 2; late++)
            try_ours(forged, late);
}

/* A server that never asks for one, and is there later still. Nothing but its silence tells. (One that message 1 has reached
 * keeps it for the second message of the handshake, as OpenSSL does, and breaks on that.) */
static void test_before_a_foreign_server(void **state)
{
    (void)state;
    for (int forged = 0; forged < 2; forged++) {
        SluiceStats stats;
        SluiceTime until;
        Foreign foreign;

        foreign_open(&foreign, &foreign_openssl, SLUICE_ROLE_CLIENT);
        until = foreign.begun + 5 * SECOND;
        link_clear(&foreign.to_peer);
        foreign.to_peer.filter = lose_until;
        foreign.to_peer.filter_context = &until;
        if (forged)
            link_inject(&foreign.to_us, foreign.begun + 5 * MS, request, sizeof request);
        foreign_run(&foreign, 10 * SECOND);
        assert_true(foreign_both_connected(&foreign));
        sluice_transport_get_stats(foreign.transport, &stats, sizeof stats);
        assert_int_equal(stats.attempts_given_up, forged);
        foreign_close(&foreign);
    }
}

/* The answer of a server that has asked may be lost for long: its client waits for it. */
static int lose_flight_4(void *context, uint64_t number, SluiceTime now, uint8_t *data, size_t len)
{
    const SluiceTime *until = context;

    (void)number;
    (void)len;
    return now >= *until || data[13] == 3;
}

static void test_silence_of_a_server_that_asked(void **state)
{
    SluiceConfig *configs[2] = {new_config(CLIENT), new_config(SERVER)};
    SluiceTime until;
    Pair pair;

    (void)state;
    for (int end = 0; end < 2; end++)
        sluice_config_set_allow_unvalidated(configs[end], 1);
    open_with(&pair, configs[CLIENT], configs[SERVER]);
    for (int end = 0; end < 2; end++)
        pair_know(&pair, end);
    until = vclock_now() + 3 * SECOND;
    pair.end[SERVER].link.filter = lose_flight_4;
    pair.end[SERVER].link.filter_context = &until;
    pair_start(&pair, CLIENT, SLUICE_ROLE_CLIENT);
    pair_start(&pair, SERVER, SLUICE_ROLE_SERVER);
    assert_true(pair_run_until(&pair, pair_both_connected, until + 4 * SECOND));
    assert_int_equal(pair_stats(&pair, CLIENT).attempts_given_up, 0);
    assert_int_equal(pair_stats(&pair, SERVER).attempts_given_up, 0);
    pair_close(&pair);
}

/* A ClientHello with a cookie of nobody, once, before that of a client with one attempt: asked for another cookie at
 * once, the client would take that for the answer to its own. */
static void test_wrong_cookie_of_nobody(void **state)
{
    static Stolen stolen[2];

    (void)state;
    steal_handshake(stolen, 1);
    for (size_t i = 0; i < stolen[CLIENT].n; i++) {
        const uint8_t *bytes = stolen[CLIENT].bytes[i];
        SluiceStats stats;
        Foreign foreign;

        if (bytes[13] != 1 || bytes[18] != 1)
            continue;
        foreign_open(&foreign, &foreign_openssl, SLUICE_ROLE_SERVER);
        link_inject(&foreign.to_us, foreign.begun + 5 * MS, bytes, stolen[CLIENT].len[i]);
        foreign_run(&foreign, 2 * SECOND);
        assert_true(foreign_both_connected(&foreign));
        sluice_transport_get_stats(foreign.transport, &stats, sizeof stats);
        assert_int_equal(stats.hello_verify_requests, 0);
        foreign_close(&foreign);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_before_the_server),
        cmocka_unit_test(test_before_a_foreign_server),
        cmocka_unit_test(test_silence_of_a_server_that_asked),
        cmocka_unit_test(test_wrong_cookie_of_nobody),
    };

    return cmocka_run_group_tests(tests, NULL, free_certificates);
}
