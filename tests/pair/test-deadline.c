/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: the handshake has a deadline of its own (rule 15), which ends it once, at that moment,
 * with a reason; no timer runs afterwards, nor when connected (TMR-02, TMR-03). Role mistakes end
 * there, too (CHR-03). */

#include "restarts.h"

static void start_as(Pair *pair, SluiceRole first, SluiceRole second)
{
    for (int end = 0; end < 2; end++) {
        sluice_transport_set_path_validated(pair->end[end].transport, vclock_now(), 1);
        pair_know(pair, end);
    }
    pair_start(pair, 0, first);
    pair_start(pair, 1, second);
}

static size_t count_state_events(const Pair *pair, int end, SluiceState state, SluiceTime *when)
{
    size_t count = 0;

    for (size_t i = 0; i < pair->end[end].n_events; i++)
        if (pair->end[end].events[i].type == SLUICE_EVENT_STATE &&
            pair->end[end].events[i].u.state == state) {
            count++;
            *when = pair->end[end].events[i].time;
        }
    return count;
}

static void assert_failed_at(Pair *pair, int end, SluiceTime expected, SluiceEndReason reason)
{
    SluiceTransport *transport = pair->end[end].transport;
    SluiceTime when = 0;
    SluiceEnd why = pair_end(pair, end);
    char text[640];
    size_t sent;

    assert_state(pair, end, SLUICE_STATE_FAILED);
    assert_reason(pair, end, reason);
    assert_int_equal(count_state_events(pair, end, SLUICE_STATE_FAILED, &when), 1);
    assert_int_equal(when - pair->begun, expected);
    assert_int_equal(why.phase, SLUICE_STATE_CONNECTING);
    assert_status(sluice_end_describe(&why, text, sizeof text), SLUICE_OK);
    assert_non_null(strstr(text, sluice_end_reason_name(reason)));
    assert_true(strlen(sluice_end_hint(&why)) > 10);
    /* Over is over: no timer, no output, nothing twice. */
    sent = pair->end[end].n_sent;
    assert_int_equal(sluice_transport_next_timeout(transport), SLUICE_TIME_NEVER);
    assert_status(sluice_transport_handle_timeout(transport, vclock_now() + 100 * SECOND),
                  SLUICE_ENDED);
    pair_drain(pair, end);
    assert_int_equal(pair->end[end].n_sent, sent);
    assert_int_equal(count_state_events(pair, end, SLUICE_STATE_FAILED, &when), 1);
}

static void test_silent_peer(void **state)
{
    static const SluiceTime deadlines[] = {100 * MS, 5 * SECOND, 30 * SECOND, 600 * SECOND};

    (void)state;
    for (int i = 0; i < 4; i++) {
        SluiceConfig *configs[2] = {new_config(CLIENT), new_config(SERVER)};
        Pair pair;

        for (int end = 0; end < 2; end++)
            assert_status(sluice_config_set_deadlines(configs[end], deadlines[i], SECOND),
                          SLUICE_OK);
        open_with(&pair, configs[CLIENT], configs[SERVER]);
        for (int end = 0; end < 2; end++)
            pair.end[end].link.settings.loss = 1;
        start_as(&pair, SLUICE_ROLE_CLIENT, SLUICE_ROLE_SERVER);
        pair_run(&pair, deadlines[i] - 1);
        for (int end = 0; end < 2; end++)
            assert_state(&pair, end, SLUICE_STATE_CONNECTING);
        pair_run(&pair, SECOND);
        for (int end = 0; end < 2; end++)
            assert_failed_at(&pair, end, deadlines[i], SLUICE_END_DEADLINE);
        assert_int_equal(pair_end(&pair, CLIENT).last_flight_sent, 1);
        assert_int_equal(pair_end(&pair, CLIENT).last_flight_received, 0);
        assert_true(pair_end(&pair, CLIENT).retransmissions < 16);
        pair_close(&pair);
    }
}

/* OpenSSL gives up at the 13th expiry of a flight: with short timers that must not come before the
 * deadline (rule 12, LOSS-08). */
static void test_short_timers_do_not_end_it(void **state)
{
    static const SluiceTime firsts[] = {20 * MS, 50 * MS, 10 * SECOND};
    static const SluiceTime deadlines[] = {30 * SECOND, 600 * SECOND};

    (void)state;
    for (int i = 0; i < 6; i++) {
        SluiceConfig *config = new_config(CLIENT);
        Pair pair;

        assert_status(sluice_config_set_first_timeout(config, firsts[i % 3]), SLUICE_OK);
        assert_status(sluice_config_set_deadlines(config, deadlines[i / 3], SECOND), SLUICE_OK);
        open_with(&pair, config, new_config(SERVER));
        pair.end[CLIENT].link.settings.loss = 1;
        start_as(&pair, SLUICE_ROLE_CLIENT, SLUICE_ROLE_SERVER);
        pair_run(&pair, deadlines[i / 3] + SECOND);
        assert_failed_at(&pair, CLIENT, deadlines[i / 3], SLUICE_END_DEADLINE);
        pair_close(&pair);
    }
}

/* A path that dies in mid-handshake: the reason names the flights. */
static void test_peer_falls_silent(void **state)
{
    Pair pair;

    (void)state;
    open_default(&pair);
    pair.end[CLIENT].link.settings.loss = 0;
    pair_start_both(&pair);
    pair_run(&pair, 25 * MS);
    for (int end = 0; end < 2; end++) {
        pair.end[end].link.settings.loss = 1;
        link_clear(&pair.end[end].link);
    }
    pair_run(&pair, 31 * SECOND);
    assert_failed_at(&pair, CLIENT, 30 * SECOND, SLUICE_END_DEADLINE);
    assert_failed_at(&pair, SERVER, 30 * SECOND, SLUICE_END_DEADLINE);
    assert_int_equal(pair_end(&pair, CLIENT).last_flight_sent, 5);
    assert_int_equal(pair_end(&pair, CLIENT).last_flight_received, 4);
    assert_int_equal(pair_end(&pair, SERVER).last_flight_sent, 4);
    assert_int_equal(pair_end(&pair, SERVER).last_flight_received, 1);
    pair_close(&pair);
}

static void test_no_timer_when_connected(void **state)
{
    Pair pair;

    (void)state;
    open_connected(&pair);
    pair_run(&pair, SECOND);
    for (int end = 0; end < 2; end++)
        assert_int_equal(sluice_transport_next_timeout(pair.end[end].transport), SLUICE_TIME_NEVER);
    /* Nor does one come with time, traffic or a stray call. */
    assert_talks(&pair);
    vclock_advance(3600 * SECOND);
    for (int end = 0; end < 2; end++) {
        size_t sent = pair.end[end].n_sent;

        assert_status(sluice_transport_handle_timeout(pair.end[end].transport, vclock_now()),
                      SLUICE_OK);
        pair_drain(&pair, end);
        assert_int_equal(pair.end[end].n_sent, sent);
        assert_int_equal(sluice_transport_next_timeout(pair.end[end].transport), SLUICE_TIME_NEVER);
    }
    assert_talks(&pair);
    pair_close(&pair);
}

/* TMR-02: nothing is armed but what is needed; each wake-up does something. */
static void test_no_idle_wake_ups(void **state)
{
    unsigned steps = 0;
    Pair pair;

    (void)state;
    open_default(&pair);
    pair.end[CLIENT].link.settings.loss = 1;
    start_as(&pair, SLUICE_ROLE_CLIENT, SLUICE_ROLE_SERVER);
    while (pair_step(&pair, vclock_now() + 60 * SECOND))
        steps++;
    assert_false(pair.spun);
    assert_in_range(steps, 12, 16); /* the retransmissions, and two deadlines */
    pair_close(&pair);
}

static void test_both_clients(void **state)
{
    Pair pair;

    (void)state;
    open_default(&pair);
    start_as(&pair, SLUICE_ROLE_CLIENT, SLUICE_ROLE_CLIENT);
    pair_run(&pair, 31 * SECOND);
    for (int end = 0; end < 2; end++) {
        assert_failed_at(&pair, end, 30 * SECOND, SLUICE_END_ROLE_CONFLICT);
        assert_true(pair_stats(&pair, end).client_hellos_at_client > 0);
        assert_true(pair_stats(&pair, end).dropped_unexpected > 0);
    }
    pair_close(&pair);
}

/* The forged twin of a role conflict: a ClientHello that somebody sends to a client disturbs
 * nothing. */
static void test_stray_client_hello_at_a_client(void **state)
{
    uint8_t hello[600];
    const uint8_t *data;
    size_t len;
    Pair other, pair;

    (void)state;
    open_default(&other);
    other.end[CLIENT].no_output = 1;
    start_as(&other, SLUICE_ROLE_CLIENT, SLUICE_ROLE_SERVER);
    assert_true(sluice_transport_peek_output(other.end[CLIENT].transport, &data, &len));
    memcpy(hello, data, len);
    pair_close(&other);
    open_default(&pair);
    start_as(&pair, SLUICE_ROLE_CLIENT, SLUICE_ROLE_SERVER);
    link_inject(&pair.end[SERVER].link, vclock_now() + 5 * MS, hello, len);
    assert_true(pair_run_until(&pair, pair_both_connected, pair.begun + 45 * MS));
    assert_int_equal(pair_stats(&pair, CLIENT).client_hellos_at_client, 1);
    assert_talks(&pair);
    pair_close(&pair);
}

static void test_both_servers(void **state)
{
    Pair pair;

    (void)state;
    open_default(&pair);
    start_as(&pair, SLUICE_ROLE_SERVER, SLUICE_ROLE_SERVER);
    pair_run(&pair, 31 * SECOND);
    for (int end = 0; end < 2; end++) {
        assert_failed_at(&pair, end, 30 * SECOND, SLUICE_END_DEADLINE);
        assert_int_equal(pair.end[end].n_sent, 0);
        assert_int_equal(pair_end(&pair, end).role, SLUICE_ROLE_SERVER);
    }
    pair_close(&pair);
}

/* Who listens waits without a limit: the answer may take an hour. */
static void test_listening_has_no_deadline(void **state)
{
    Pair pair;

    (void)state;
    open_default(&pair);
    start_as(&pair, SLUICE_ROLE_AUTO, SLUICE_ROLE_AUTO);
    pair_run(&pair, 3600 * SECOND);
    for (int end = 0; end < 2; end++) {
        assert_state(&pair, end, SLUICE_STATE_LISTENING);
        assert_int_equal(sluice_transport_next_timeout(pair.end[end].transport), SLUICE_TIME_NEVER);
    }
    pair_start(&pair, 0, SLUICE_ROLE_CLIENT);
    assert_true(pair_run_until(&pair, pair_both_connected, vclock_now() + 100 * MS));
    pair_close(&pair);
}

/* An offerer waits as `actpass`; the answer names it server after 29.9 s, and its peer begins a moment later.
 *
 * Bug: with a ClientHello of nobody at the beginning, that failed. Mechanism: it made the transport server and started the
 * deadline, which naming the role did not start anew. */
static void test_named_after_a_hello_of_nobody(void **state)
{
    uint8_t hello[1500];
    size_t len = strange_hello(CLIENT, hello);

    (void)state;
    for (int forged = 0; forged < 2; forged++)
        for (int comes = 0; comes < 2; comes++) {
            SluiceTime named;
            Pair pair;

            open_default(&pair);
            for (int end = 0; end < 2; end++) {
                sluice_transport_set_path_validated(pair.end[end].transport, vclock_now(), 1);
                pair_know(&pair, end);
            }
            pair_start(&pair, SERVER, SLUICE_ROLE_AUTO);
            if (forged)
                link_inject(&pair.end[CLIENT].link, vclock_now(), hello, len);
            pair_run(&pair, 29900 * MS);
            named = vclock_now();
            assert_status(pair_start(&pair, SERVER, SLUICE_ROLE_SERVER), SLUICE_OK);
            pair_run(&pair, 200 * MS);
            if (comes) {
                pair_start(&pair, CLIENT, SLUICE_ROLE_CLIENT);
                assert_true(pair_run_until(&pair, pair_both_connected, vclock_now() + 2 * SECOND));
                assert_talks(&pair);
            } else {
                pair_run(&pair, 31 * SECOND);
                assert_failed_at(&pair, SERVER, named + 30 * SECOND - pair.begun,
                                 SLUICE_END_DEADLINE);
            }
            pair_close(&pair);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_silent_peer),
        cmocka_unit_test(test_short_timers_do_not_end_it),
        cmocka_unit_test(test_peer_falls_silent),
        cmocka_unit_test(test_no_timer_when_connected),
        cmocka_unit_test(test_no_idle_wake_ups),
        cmocka_unit_test(test_both_clients),
        cmocka_unit_test(test_stray_client_hello_at_a_client),
        cmocka_unit_test(test_both_servers),
        cmocka_unit_test(test_listening_has_no_deadline),
        cmocka_unit_test(test_named_after_a_hello_of_nobody),
    };

    alloc_init();
    return cmocka_run_group_tests(tests, NULL, free_certificates);
}
