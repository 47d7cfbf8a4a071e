/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: when OpenSSL's clock and the caller's differ by a little, each timer still makes one
 * retransmission, and a flight that was lost once is not taken for one lost twice. */

#include "common.h"

static int restore_clock(void **state)
{
    (void)state;
    vclock_reset_wall();
    return 0;
}

/* Sends what waits and serves the timer until @limit. Times of sending in ms since @begun. */
static size_t serve(Pair *pair, int end, SluiceTime limit, int *times, size_t max)
{
    SluiceTransport *transport = pair->end[end].transport;
    const uint8_t *data;
    size_t len, n = 0;

    for (;;) {
        while (sluice_transport_peek_output(transport, &data, &len)) {
            assert_true(n < max);
            times[n++] = (int)((vclock_now() - pair->begun) / MS);
            sluice_transport_pop_output(transport, vclock_now(), SLUICE_SENT);
        }
        if (sluice_transport_next_timeout(transport) > limit)
            return n;
        vclock_advance_to(sluice_transport_next_timeout(transport));
        assert_status(sluice_transport_handle_timeout(transport, vclock_now()), SLUICE_OK);
    }
}

/* Bug: a loop that takes the time once a round and calls us 20 ms later got two retransmissions 20
 * ms apart. Mechanism: our timer, agreed by that time, ran out 20 ms before OpenSSL's, which reads
 * the clock itself. That was taken for a wall clock set back: we sent the flight from our own
 * copy, and then OpenSSL did, too. */
static void test_time_of_the_loop_is_late(void **state)
{
    static const int expected[] = {20, 120, 320, 720, 1520};
    SluiceTime now;
    int times[16];
    Pair pair;

    (void)state;
    open_default(&pair);
    sluice_transport_set_path_validated(pair.end[CLIENT].transport, vclock_now(), 1);
    now = vclock_now();
    vclock_advance(20 * MS);
    assert_status(sluice_transport_start(pair.end[CLIENT].transport, now, SLUICE_ROLE_CLIENT),
                  SLUICE_OK);
    assert_int_equal(serve(&pair, CLIENT, pair.begun + 2 * SECOND, times, 16), 5);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(times[i], expected[i]);
    assert_int_equal(pair_stats(&pair, CLIENT).retransmissions, 4);
    assert_int_equal(pair_stats(&pair, CLIENT).mtu_reductions, 0);
    pair_close(&pair);
}

/* The same for the server's flight, which is large enough to be cut if it seems to be lost
 * twice. */
static void test_late_time_cuts_no_flight(void **state)
{
    SluiceTransport *transport;
    LinkDatagram *hello;
    SluiceTime now;
    SluiceKind kind;
    int times[16];
    size_t len;
    Pair pair;

    (void)state;
    open_default(&pair);
    transport = pair.end[SERVER].transport;
    pair_start_both(&pair);
    now = pair.begun + 10 * MS;
    vclock_advance_to(now + 20 * MS);
    hello = link_take(&pair.end[CLIENT].link, vclock_now());
    assert_non_null(hello);
    len = hello->len;
    assert_status(sluice_transport_receive(transport, now, hello->data, &len, &kind), SLUICE_OK);
    link_free_datagram(hello);
    assert_int_equal(serve(&pair, SERVER, pair.begun + 300 * MS, times, 16), 2);
    assert_int_equal(times[1] - times[0], 100);
    assert_int_equal(pair_stats(&pair, SERVER).retransmissions, 1);
    assert_int_equal(pair_stats(&pair, SERVER).mtu_reductions, 0);
    pair_close(&pair);
}

/* The server's first flight is lost; the wall clock is set back by @step while it waits. */
static SluiceStats run_with_step(SluiceTime step)
{
    const LinkSettings settings = {.delay = 60 * MS};
    SluiceConfig *client = new_config(CLIENT), *server = new_config(SERVER);
    uint64_t lost = 1;
    SluiceStats stats;
    Pair pair;

    pair_open(&pair, client, server, &settings, 1);
    sluice_config_unref(client);
    sluice_config_unref(server);
    pair.end[SERVER].link.filter = lose_by_mask;
    pair.end[SERVER].link.filter_context = &lost;
    pair_start_both(&pair);
    pair_run(&pair, 65 * MS);
    vclock_step_wall(-step);
    pair_run(&pair, 5 * SECOND);
    assert_true(pair_both_connected(&pair));
    assert_false(pair.spun);
    assert_talks(&pair);
    stats = pair_stats(&pair, SERVER);
    pair_close(&pair);
    vclock_reset_wall();
    return stats;
}

/* Bug: NTP set the wall clock back by 40 ms, and a flight that was lost once went out three times
 * and was cut smaller. Mechanism: as above; every step back, however small, made a timer of our
 * own beside OpenSSL's, which ran out a little later. */
static void test_small_steps_back(void **state)
{
    SluiceStats without = run_with_step(0);

    (void)state;
    assert_int_equal(without.mtu_reductions, 0);
    for (SluiceTime step = 10 * MS; step <= 90 * MS; step += 10 * MS) {
        SluiceStats stats = run_with_step(step);

        assert_true(stats.retransmissions >= 1);
        assert_true(stats.retransmissions <= without.retransmissions);
        assert_int_equal(stats.mtu_reductions, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_time_of_the_loop_is_late),
        cmocka_unit_test(test_late_time_cuts_no_flight),
        cmocka_unit_test_teardown(test_small_steps_back, restore_clock),
    };

    alloc_init();
    return cmocka_run_group_tests(tests, NULL, free_certificates);
}
