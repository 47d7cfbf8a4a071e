/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: whatever is lost, the handshake recovers, and a single loss on a fast path costs a tenth
 * of a second, not one (LOSS-01 to LOSS-08, ORD-01 to ORD-06; rules 4, 8, 12, 14). */

#include "common.h"

static void lose(Pair *pair, int from, uint64_t *mask)
{
    pair->end[from].link.filter = lose_by_mask;
    pair->end[from].link.filter_context = mask;
}

static SluiceTime both_connected_at(const Pair *pair)
{
    SluiceTime client = pair_stats(pair, CLIENT).connected_at - pair->begun;
    SluiceTime server = pair_stats(pair, SERVER).connected_at - pair->begun;

    return client > server ? client : server;
}

/* Undisturbed it takes 40 ms and two datagrams from each end. */
static void test_each_datagram_lost_once(void **state)
{
    (void)state;
    for (int from = 0; from < 2; from++)
        for (unsigned n = 0; n < 2; n++) {
            uint64_t mask = UINT64_C(1) << n;
            Pair pair;

            open_default(&pair);
            lose(&pair, from, &mask);
            connect_within(&pair, SECOND);
            assert_in_range(both_connected_at(&pair), 40 * MS + 1, 145 * MS);
            assert_int_equal(pair.end[from].link.lost, 1);
            assert_talks(&pair);
            pair_close(&pair);
        }
}

/* The same with flights of several datagrams. */
static void test_each_fragment_lost_once(void **state)
{
    (void)state;
    for (int from = 0; from < 2; from++)
        for (unsigned n = 0; n < 6; n++) {
            SluiceConfig *configs[2] = {new_config(CLIENT), new_config(SERVER)};
            uint64_t mask = UINT64_C(1) << n;
            Pair pair;

            for (int end = 0; end < 2; end++)
                assert_status(sluice_config_set_handshake_mtu(configs[end], 256), SLUICE_OK);
            open_with(&pair, configs[CLIENT], configs[SERVER]);
            lose(&pair, from, &mask);
            connect_within(&pair, SECOND);
            assert_true(both_connected_at(&pair) <= 145 * MS);
            pair.end[from].link.filter = NULL;
            assert_talks(&pair);
            pair_close(&pair);
        }
}

/* Back-off: never two copies of a flight at one time. */
static void test_each_datagram_lost_three_times(void **state)
{
    (void)state;
    for (int from = 0; from < 2; from++)
        for (unsigned n = 0; n < 2; n++) {
            uint64_t mask = UINT64_C(7) << n;
            SluiceTime last = -SECOND;
            size_t at_once = 0;
            Pair pair;

            open_default(&pair);
            lose(&pair, from, &mask);
            connect_within(&pair, 3 * SECOND);
            for (size_t i = 0; i < pair.end[from].n_sent; i++) {
                const PairSent *sent = &pair.end[from].sent[i];

                at_once = sent->time == last ? at_once + sent->len : sent->len;
                assert_true(sent->time == last || sent->time - last >= 10 * MS);
                assert_true(at_once < 800); /* no flight has more */
                last = sent->time;
            }
            assert_talks(&pair);
            pair_close(&pair);
        }
}

/* Rule 8, C1: the server is connected and has no timer; what makes it send its last flight again is
 * the client's repeated Finished, inside receive. */
static void test_last_flight_lost(void **state)
{
    uint64_t mask = 2; /* CCS and Finished */
    Pair pair;

    (void)state;
    open_default(&pair);
    lose(&pair, SERVER, &mask);
    pair_start_both(&pair);
    pair_run(&pair, 35 * MS);
    assert_state(&pair, SERVER, SLUICE_STATE_CONNECTED);
    assert_state(&pair, CLIENT, SLUICE_STATE_CONNECTING);
    assert_int_equal(sluice_transport_next_timeout(pair.end[SERVER].transport), SLUICE_TIME_NEVER);
    assert_true(pair_run_until(&pair, pair_both_connected, pair.begun + 145 * MS));
    assert_int_equal(pair_stats(&pair, SERVER).retransmissions, 1);
    assert_state(&pair, SERVER, SLUICE_STATE_CONNECTED);
    assert_talks(&pair);
    pair_close(&pair);
}

/* An exact duplicate of the client's last flight makes the server send nothing (C2). */
static void test_everything_twice(void **state)
{
    const LinkSettings settings = {.delay = 10 * MS, .duplicate = 1};
    SluiceConfig *a = new_config(CLIENT), *b = new_config(SERVER);
    Pair pair;

    (void)state;
    pair_open(&pair, a, b, &settings, 1);
    sluice_config_unref(a);
    sluice_config_unref(b);
    connect_within(&pair, 40 * MS);
    assert_int_equal(pair.end[CLIENT].n_sent, 2);
    assert_int_equal(pair.end[SERVER].n_sent, 2);
    pair_send_data(&pair, CLIENT, "once", 4);
    pair_send_media(&pair, CLIENT, SLUICE_KIND_RTP, 1, 1, 1, 20);
    pair_run(&pair, SECOND);
    assert_int_equal(pair_count(&pair, SERVER, SLUICE_KIND_DATA), 1);
    assert_int_equal(pair_count(&pair, SERVER, SLUICE_KIND_RTP), 1);
    assert_int_equal(pair_stats(&pair, SERVER).dropped_replayed, 1);
    pair_close(&pair);
}

static void test_outage(void **state)
{
    (void)state;
    for (int from = 0; from < 2; from++) {
        SluiceTime until;
        Pair pair;

        open_default(&pair);
        until = vclock_now() + 20 * SECOND;
        pair.end[from].link.filter = lose_until;
        pair.end[from].link.filter_context = &until;
        connect_within(&pair, 25 * SECOND);
        assert_true(both_connected_at(&pair) > 20 * SECOND);
        assert_talks(&pair);
        pair_close(&pair);
    }
}

/* It begins in the middle of the handshake. With a first timeout of 50 ms OpenSSL's 13 expiries
 * have to outlast the deadline all the same (rule 12). */
static void test_outage_with_short_timers(void **state)
{
    (void)state;
    for (int after = 5; after <= 35; after += 10) {
        SluiceTime until;
        Pair pair;

        open_default(&pair);
        for (int end = 0; end < 2; end++)
            assert_status(sluice_transport_set_rtt(pair.end[end].transport, 20 * MS), SLUICE_OK);
        pair_start_both(&pair);
        pair_run(&pair, after * MS);
        until = pair.begun + 25 * SECOND;
        for (int end = 0; end < 2; end++) {
            link_clear(&pair.end[end].link);
            pair.end[end].link.filter = lose_until;
            pair.end[end].link.filter_context = &until;
        }
        assert_true(pair_run_until(&pair, pair_both_connected, pair.begun + 30 * SECOND));
        assert_talks(&pair);
        pair_close(&pair);
    }
}

/* TMR-01: the caller's round-trip time sets the first timeout. */
static void test_first_timeout(void **state)
{
    static const struct {
        SluiceTime rtt, first;
    } cases[] = {{0, 100 * MS},       {1, 50 * MS},         {5 * MS, 50 * MS},
                 {50 * MS, 100 * MS}, {400 * MS, 800 * MS}, {3 * SECOND, SECOND}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        SluiceTime expected = 0, wait = cases[i].first;
        Pair pair;

        open_default(&pair);
        pair.end[CLIENT].link.settings.loss = 1;
        assert_status(sluice_transport_set_rtt(pair.end[CLIENT].transport, cases[i].rtt),
                      SLUICE_OK);
        sluice_transport_set_path_validated(pair.end[CLIENT].transport, vclock_now(), 1);
        pair_start(&pair, CLIENT, SLUICE_ROLE_CLIENT);
        pair_run(&pair, 6 * SECOND);
        assert_true(pair.end[CLIENT].n_sent >= 3);
        for (size_t n = 0; n < pair.end[CLIENT].n_sent; n++) {
            assert_int_equal((pair.end[CLIENT].sent[n].time - pair.begun) / 1000, expected / 1000);
            expected += wait;
            wait = wait * 2 < 4 * SECOND ? wait * 2 : 4 * SECOND;
        }
        pair_close(&pair);
    }
}

/* Rule 14, TMR-04: a program that was asleep for a minute neither gives up nor bursts. */
static void test_late_wake_up(void **state)
{
    SluiceConfig *config = new_config(CLIENT);
    Pair pair;

    (void)state;
    sluice_config_set_deadlines(config, 600 * SECOND, SECOND);
    open_with(&pair, config, new_config(SERVER));
    pair_start_both(&pair);
    pair_run(&pair, 5 * MS);
    link_clear(&pair.end[CLIENT].link);
    vclock_advance(20 * SECOND);
    sluice_transport_handle_timeout(pair.end[CLIENT].transport, vclock_now());
    pair_drain(&pair, CLIENT);
    assert_int_equal(pair.end[CLIENT].n_sent, 2);
    assert_true(sluice_transport_next_timeout(pair.end[CLIENT].transport) > vclock_now());
    assert_true(pair_run_until(&pair, pair_both_connected, vclock_now() + SECOND));
    pair_close(&pair);
}

/* ORD-02: datagrams of a flight in reverse, cured at the latest by the timer. */
static int hold_first_of_flight(void *context, uint64_t number, SluiceTime now, uint8_t *data,
                                size_t len)
{
    Link *link = context;

    (void)now;
    (void)data;
    (void)len;
    link->settings.delay = (SluiceTime)(10 + 3 * (number % 4)) * MS;
    return 1;
}

static void test_reordered_flights(void **state)
{
    SluiceConfig *configs[2] = {new_config(CLIENT), new_config(SERVER)};
    Pair pair;

    (void)state;
    for (int end = 0; end < 2; end++)
        sluice_config_set_handshake_mtu(configs[end], 256);
    open_with(&pair, configs[CLIENT], configs[SERVER]);
    for (int end = 0; end < 2; end++) {
        pair.end[end].link.filter = hold_first_of_flight;
        pair.end[end].link.filter_context = &pair.end[end].link;
    }
    connect_within(&pair, 250 * MS);
    assert_talks(&pair);
    pair_close(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_datagram_lost_once),
        cmocka_unit_test(test_each_fragment_lost_once),
        cmocka_unit_test(test_each_datagram_lost_three_times),
        cmocka_unit_test(test_last_flight_lost),
        cmocka_unit_test(test_everything_twice),
        cmocka_unit_test(test_outage),
        cmocka_unit_test(test_outage_with_short_timers),
        cmocka_unit_test(test_first_timeout),
        cmocka_unit_test(test_late_wake_up),
        cmocka_unit_test(test_reordered_flights),
    };

    alloc_init();
    return cmocka_run_group_tests(tests, NULL, free_certificates);
}
