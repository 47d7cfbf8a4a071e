/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: what cannot be told from the peer's own (a whole message of the kind that is waited for, from the right address)
 * breaks an attempt, but not the handshake: between two of our ends another attempt follows and connects, to the peer and
 * to nobody else (SPF-04, SPF-05, CHR-01; RFC 6347 section 4.1.2.7). */

#include "forged.h"
#include "restarts.h"

#include <stdio.h>

#define SOON (2 * SECOND)

/* Connected to the peer and to nobody else, and nothing is left of what it took. */
static void assert_recovered(Pair *pair, SluiceTime limit, const char *what, int victim, int when)
{
    if (!pair_run_until(pair, pair_both_connected, limit) || pair->spun)
        fail_msg("%s at the %s, moment %d: client %s (%s), server %s (%s)", what,
                 victim == CLIENT ? "client" : "server", when,
                 sluice_state_name(pair_state(pair, CLIENT)), reason_name(pair, CLIENT),
                 sluice_state_name(pair_state(pair, SERVER)), reason_name(pair, SERVER));
    for (int end = 0; end < 2; end++) {
        assert_int_equal(pair_stats(pair, end).generation, 1);
        assert_null(alert_event(pair, end, SLUICE_SENT_OUT));
        assert_null(alert_event(pair, end, SLUICE_RECEIVED));
    }
    assert_talks(pair);
    pair_run(pair, 40 * SECOND);
    assert_true(pair_both_connected(pair));
    for (int end = 0; end < 2; end++)
        assert_int_equal(sluice_transport_next_timeout(pair->end[end].transport),
                         SLUICE_TIME_NEVER);
}

/* Half a hop after each of the flights has left. */
static SluiceTime moment(const Pair *pair, int n) { return pair->begun + n * 10 * MS + 5 * MS; }

/* Near, far, and so far that the transport has to be told (ICE knows it). */
static const struct {
    int delay, told, limit;
} paths[] = {{10, 0, 2000}, {10, 1, 1000}, {100, 0, 2500}, {300, 1, 7000}};

static void set_path(Pair *pair, size_t path)
{
    for (int end = 0; end < 2; end++) {
        pair->end[end].link.settings.delay = paths[path].delay * MS;
        if (paths[path].told)
            sluice_transport_set_rtt(pair->end[end].transport, 2 * paths[path].delay * MS);
    }
}

/* With the cookie asked for, or on a validated path. */
static void open_on_path(Pair *pair, int cookie, size_t path)
{
    SluiceConfig *configs[2];

    for (int end = 0; end < 2; end++) {
        configs[end] = new_config(end);
        sluice_config_set_allow_unvalidated(configs[end], cookie);
    }
    open_with(pair, configs[CLIENT], configs[SERVER]);
    set_path(pair, path);
    for (int end = 0; end < 2; end++) {
        sluice_transport_set_path_validated(pair->end[end].transport, vclock_now(), !cookie);
        pair_know(pair, end);
    }
}

static void start(Pair *pair)
{
    pair_start(pair, CLIENT, SLUICE_ROLE_CLIENT);
    pair_start(pair, SERVER, SLUICE_ROLE_SERVER);
}

static void open_and_start(Pair *pair, int cookie)
{
    open_on_path(pair, cookie, 0);
    start(pair);
}

/* One message reaches @victim half a hop after a flight has left. */
static void try_message(const Stolen *stolen, int cookie, int victim, size_t i)
{
    for (size_t path = 0; path < sizeof paths / sizeof paths[0]; path++)
        for (int when = 0; when < 6; when++) {
            char what[60];
            Pair pair;

            snprintf(what, sizeof what, "message %d%s, %d ms", (int)i, cookie ? ", cookie" : "",
                     paths[path].delay);
            open_on_path(&pair, cookie, path);
            start(&pair);
            inject_bytes(&pair, victim,
                         pair.begun + when * paths[path].delay * MS + paths[path].delay * MS / 2,
                         stolen->bytes[i], stolen->len[i]);
            assert_recovered(&pair, pair.begun + paths[path].limit * MS, what, victim, when);
            pair_close(&pair);
        }
}

/* Each message of another handshake, in each role, at each moment. */
static void test_each_message_alone(void **state)
{
    static Stolen stolen[2];

    (void)state;
    for (int theirs = 0; theirs < 2; theirs++) {
        steal_handshake(stolen, theirs);
        for (int cookie = 0; cookie < 2; cookie++)
            for (int victim = CLIENT; victim <= SERVER; victim++)
                for (size_t i = 0; i < stolen[!victim].n; i++)
                    try_message(&stolen[!victim], cookie, victim, i);
    }
}

/* Two of them at two moments: what begins anew is broken once more. */
static void test_pairs_of_messages(void **state)
{
    static Stolen stolen[2];
    uint64_t seed = rng_test_seed(31);
    Rng rng;

    (void)state;
    rng_init(&rng, seed);
    steal_handshake(stolen, 0);
    for (int round = 0; round < 300; round++) {
        int cookie = (int)rng_below(&rng, 2);
        Pair pair;

        open_and_start(&pair, cookie);
        for (int n = 0; n < 4; n++) {
            int victim = (int)rng_below(&rng, 2);
            size_t i = rng_below(&rng, stolen[!victim].n);

            inject_bytes(&pair, victim, pair.begun + (SluiceTime)rng_below(&rng, 300) * MS,
                         stolen[!victim].bytes[i], stolen[!victim].len[i]);
        }
        assert_recovered(&pair, pair.begun + 2 * SOON, "four", CLIENT, round);
        pair_close(&pair);
    }
}

/* A hundred a second at both ends, while it lasts; once it pauses they connect. */
static void storm(Pair *pair, const Stolen stolen[2], SluiceTime lasts, SluiceTime period)
{
    unsigned n = 0;

    for (SluiceTime at = pair->begun; at < pair->begun + lasts; at += period, n++)
        for (int victim = 0; victim < 2; victim++) {
            size_t i = n % stolen[!victim].n;

            inject_bytes(pair, victim, at, stolen[!victim].bytes[i], stolen[!victim].len[i]);
        }
}

static void test_storm_that_pauses(void **state)
{
    static Stolen stolen[2];

    (void)state;
    for (int theirs = 0; theirs < 2; theirs++)
        for (int cookie = 0; cookie < 2; cookie++)
            for (int lasts = 100; lasts <= 12000; lasts += lasts < 1500 ? 100 : 1500) {
                Pair pair;

                steal_handshake(stolen, theirs);
                open_and_start(&pair, cookie);
                storm(&pair, stolen, lasts * MS, 10 * MS);
                assert_recovered(&pair, pair.begun + lasts * MS + SOON, "storm", CLIENT, lasts);
                pair_close(&pair);
            }
}

/* The client begins long after it is over. */
static void test_storm_before_the_client(void **state)
{
    static Stolen stolen[2];

    (void)state;
    steal_handshake(stolen, 0);
    for (int lasts = 200; lasts <= 3000; lasts += 200) {
        Pair pair;

        open_default(&pair);
        for (int end = 0; end < 2; end++) {
            sluice_transport_set_path_validated(pair.end[end].transport, vclock_now(), 1);
            pair_know(&pair, end);
        }
        pair_start(&pair, SERVER, SLUICE_ROLE_SERVER);
        storm(&pair, stolen, lasts * MS, 10 * MS);
        pair_run(&pair, 10 * SECOND);
        pair_start(&pair, CLIENT, SLUICE_ROLE_CLIENT);
        assert_recovered(&pair, pair.begun + 10 * SECOND + SOON, "storm", SERVER, lasts);
        pair_close(&pair);
    }
}

/* One kind of message alone, as fast as before. */
static void test_storm_of_one_kind(void **state)
{
    static Stolen stolen[2];

    (void)state;
    steal_handshake(stolen, 0);
    for (int victim = 0; victim < 2; victim++)
        for (size_t i = 0; i < stolen[!victim].n; i++) {
            Pair pair;

            open_and_start(&pair, 0);
            for (SluiceTime at = 0; at < SECOND; at += 10 * MS)
                inject_bytes(&pair, victim, pair.begun + at, stolen[!victim].bytes[i],
                             stolen[!victim].len[i]);
            assert_recovered(&pair, pair.begun + SECOND + SOON, "storm of one", victim, (int)i);
            pair_close(&pair);
        }
}

/* It never pauses: nobody is connected to anybody else, and it costs neither memory nor handshakes without end. */
static void test_storm_without_end(void **state)
{
    static Stolen stolen[2];

    (void)state;
    for (int cookie = 0; cookie < 2; cookie++) {
        AllocCount before, after;
        Pair pair;

        steal_handshake(stolen, cookie);
        before = alloc_count();
        open_and_start(&pair, cookie);
        storm(&pair, stolen, 32 * SECOND, 10 * MS);
        pair_run(&pair, 500 * MS);
        after = alloc_count();
        assert_true(after.openssl_bytes - before.openssl_bytes < 2 * 200 * 1024);
        pair_run(&pair, 31500 * MS);
        for (int end = 0; end < 2; end++) {
            SluiceStats stats = pair_stats(&pair, end);

            assert_true(stats.attempts_given_up <= 70);
            assert_true(stats.flights_sent < 3000);
            if (pair_state(&pair, end) == SLUICE_STATE_FAILED)
                assert_true(pair_end(&pair, end).reason != 0);
            else
                assert_state(&pair, end, SLUICE_STATE_CONNECTED);
        }
        if (pair_both_connected(&pair))
            assert_talks(&pair);
        else
            for (int end = 0; end < 2; end++)
                assert_int_equal(pair.end[end].n_messages, 0);
        pair_close(&pair);
    }
}

/* The races of the advisories, before: a ClientHello of nobody comes first, good or with nothing but
 * TLS_NULL_WITH_NULL_NULL; the client is started soon after, or at once. */
static void test_forged_hello_first(void **state)
{
    uint8_t hello[1500];

    (void)state;
    for (int good = 0; good < 2; good++)
        for (int many = 1; many <= 50; many += 49)
            for (int later = 0; later <= 12000; later += later < 1500 ? 100 : 1500) {
                size_t len = good ? strange_hello(0, hello) : forge_null_hello(hello);
                Pair pair;

                open_default(&pair);
                for (int end = 0; end < 2; end++) {
                    sluice_transport_set_path_validated(pair.end[end].transport, vclock_now(), 1);
                    pair_know(&pair, end);
                }
                pair_start(&pair, SERVER, SLUICE_ROLE_SERVER);
                for (int i = 0; i < many; i++) {
                    change_random(hello, (uint32_t)i);
                    inject_bytes(&pair, SERVER, pair.begun + i * 5 * MS, hello, len);
                }
                pair_run(&pair, later * MS);
                pair_start(&pair, CLIENT, SLUICE_ROLE_CLIENT);
                assert_recovered(&pair, pair.begun + later * MS + SOON, "ClientHello", SERVER,
                                 later);
                pair_close(&pair);
            }
}

/* An automatic transport that a forged ClientHello has made server takes the role that the answer names: its handshake has
 * broken, or goes on with nobody. */
static void test_forged_hello_takes_no_role(void **state)
{
    uint8_t hello[1500];

    (void)state;
    for (int good = 0; good < 2; good++)
        for (int role = SLUICE_ROLE_CLIENT; role <= SLUICE_ROLE_SERVER; role++) {
            size_t len = good ? strange_hello(0, hello) : forge_null_hello(hello);
            Pair pair;

            open_default(&pair);
            for (int end = 0; end < 2; end++) {
                sluice_transport_set_path_validated(pair.end[end].transport, vclock_now(), 1);
                pair_know(&pair, end);
            }
            pair_start(&pair, CLIENT, SLUICE_ROLE_AUTO);
            inject_bytes(&pair, CLIENT, pair.begun, hello, len);
            pair_run(&pair, 10 * MS);
            assert_state(&pair, CLIENT, SLUICE_STATE_CONNECTING);
            assert_status(pair_start(&pair, CLIENT, (SluiceRole)role), SLUICE_OK);
            assert_status(pair_start(&pair, CLIENT, (SluiceRole)role), SLUICE_INVALID_STATE);
            pair_start(&pair, SERVER,
                       role == SLUICE_ROLE_CLIENT ? SLUICE_ROLE_SERVER : SLUICE_ROLE_CLIENT);
            assert_recovered(&pair, pair.begun + SOON, good ? "ClientHello" : "null", CLIENT, role);
            pair_close(&pair);
        }
}

/* Bug: a forged part of a message that claims another length made a fragmented flight wait for ever. Mechanism: the parts
 * of the genuine one did not agree with it, and were dropped. */
static void test_forged_part_of_a_fragmented_flight(void **state)
{
    (void)state;
    for (int victim = CLIENT; victim <= SERVER; victim++)
        for (int kind = ONE_BYTE_FRAGMENT; kind <= TWO_LENGTHS; kind++)
            for (int when = 0; when < 4; when++) {
                SluiceConfig *a = new_config(CLIENT), *b = new_config(SERVER);
                Pair pair;

                sluice_config_set_handshake_mtu(a, 256);
                sluice_config_set_handshake_mtu(b, 256);
                open_with(&pair, a, b);
                pair_start_both(&pair);
                inject_forged(&pair, victim, (Forged)kind, 9, moment(&pair, when));
                assert_recovered(&pair, pair.begun + 2 * SOON, forged_name((Forged)kind), victim,
                                 when);
                pair_close(&pair);
            }
}

/* The same of the ClientHello, which the network brings in parts of 80 bytes, two milliseconds apart. */
static int cut_hello(void *context, uint64_t number, SluiceTime now, uint8_t *data, size_t len)
{
    Link *link = context;
    uint8_t part[200];
    size_t body = len - 25;

    (void)number;
    if (data[0] != 22 || data[13] != 1 || body < 100)
        return 1;
    for (size_t at = 0; at < body; at += 80) {
        size_t n = body - at < 80 ? body - at : 80;

        memcpy(part, data, 25);
        part[10] = (uint8_t)(data[10] + at);
        part[11] = 0;
        part[12] = (uint8_t)(12 + n);
        part[20] = (uint8_t)(at >> 8);
        part[21] = (uint8_t)at;
        part[23] = 0;
        part[24] = (uint8_t)n;
        memcpy(part + 25, data + 25 + at, n);
        link_inject(link, now + 10 * MS + (SluiceTime)at * MS / 40, part, 25 + n);
    }
    return 0;
}

/* Bytes 90 to 99 of a ClientHello of the same length, or of one byte more, come behind its head. */
static void test_forged_part_of_a_hello(void **state)
{
    static Stolen stolen[2];

    (void)state;
    for (int cookie = 0; cookie < 2; cookie++)
        for (int longer = 0; longer < 2; longer++) {
            uint8_t part[25 + 10];
            size_t n = 0;
            Pair pair;

            steal_handshake(stolen, cookie);
            while (stolen[CLIENT].bytes[n][13] != 1 || stolen[CLIENT].bytes[n][18] != cookie)
                n++;
            memset(part, 0x77, sizeof part);
            memcpy(part, stolen[CLIENT].bytes[n], 25);
            part[11] = 0;
            part[12] = 12 + 10;
            part[16] = (uint8_t)(part[16] + longer);
            part[21] = 90;
            part[23] = 0;
            part[24] = 10;
            open_on_path(&pair, cookie, 0);
            pair.end[CLIENT].link.filter = cut_hello;
            pair.end[CLIENT].link.filter_context = &pair.end[CLIENT].link;
            start(&pair);
            inject_bytes(&pair, SERVER, pair.begun + (cookie ? 31 : 11) * MS, part, sizeof part);
            assert_recovered(&pair, pair.begun + SOON, "part of a ClientHello", SERVER, longer);
            assert_int_equal(pair_stats(&pair, SERVER).attempts_given_up, 0);
            pair_close(&pair);
        }
}

/* What is forged does not stop a restart, nor what is said meanwhile. */
static void test_forged_in_a_restart(void **state)
{
    static Stolen stolen[2];
    static Counted counted;

    (void)state;
    steal_handshake(stolen, 1);
    for (int victim = 0; victim < 2; victim++)
        for (size_t i = 0; i < stolen[!victim].n; i++)
            for (int when = 0; when < 6; when++) {
                SluiceTime begun;
                Pair pair;

                open_connected(&pair);
                counted_begin(&counted, &pair);
                begun = vclock_now();
                assert_status(announce(&pair, SERVER, SLUICE_ROLE_SERVER), SLUICE_OK);
                assert_status(announce(&pair, CLIENT, SLUICE_ROLE_CLIENT), SLUICE_OK);
                inject_bytes(&pair, victim, begun + when * 10 * MS + 5 * MS,
                             stolen[!victim].bytes[i], stolen[!victim].len[i]);
                counted_talk(&counted, 2 * SECOND);
                counted_check(&counted, 1900);
                assert_int_equal(pair_stats(&pair, CLIENT).generation, 2);
                assert_int_equal(pair_stats(&pair, SERVER).generation, 2);
                pair_close(&pair);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_message_alone),
        cmocka_unit_test(test_pairs_of_messages),
        cmocka_unit_test(test_storm_that_pauses),
        cmocka_unit_test(test_storm_before_the_client),
        cmocka_unit_test(test_storm_of_one_kind),
        cmocka_unit_test(test_storm_without_end),
        cmocka_unit_test(test_forged_hello_first),
        cmocka_unit_test(test_forged_hello_takes_no_role),
        cmocka_unit_test(test_forged_part_of_a_fragmented_flight),
        cmocka_unit_test(test_forged_part_of_a_hello),
        cmocka_unit_test(test_forged_in_a_restart),
    };

    alloc_init();
    return cmocka_run_group_tests(tests, NULL, free_certificates);
}
