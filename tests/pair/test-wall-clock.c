/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: a wall clock that is set in mid-handshake neither stalls nor ends it (rule 13, B7,
 * TMR-05). OpenSSL 3.0 keeps its DTLS timer by gettimeofday(): set back an hour, it waits an hour.
 */

#include "common.h"

static int restore_clock(void **state)
{
    (void)state;
    vclock_reset_wall();
    return 0;
}

/* The server has had the client's last flight, its own is lost, and the client can only send the same bytes again:
 * OpenSSL took them for a replay (C2), was silent, and the client failed at its deadline. The server answers such a
 * copy with its last flight, once a timeout. */
static void assert_ends_well(Pair *pair)
{
    assert_true(pair_run_until(pair, pair_both_connected, pair->begun + 4 * SECOND));
    assert_false(pair->spun);
    assert_true(pair->end[CLIENT].n_sent < 14);
    assert_true(pair->end[SERVER].n_sent < 14);
    assert_talks(pair);
    pair_close(pair);
}

/* Steps the clock after so many milliseconds; the first copy of every flight from there on is lost.
 */
static void run_with_step(int64_t step, SluiceTime after, int from)
{
    SluiceTime until;
    Pair pair;

    open_default(&pair);
    pair_start_both(&pair);
    pair_run(&pair, after);
    vclock_step_wall(step);
    until = pair.begun + 700 * MS;
    pair.end[from].link.filter = lose_until;
    pair.end[from].link.filter_context = &until;
    link_clear(&pair.end[from].link);
    if (step < 0 && after > 20 * MS && from == SERVER) {
        assert_ends_well(&pair);
        return;
    }
    assert_true(pair_run_until(&pair, pair_both_connected, pair.begun + 1800 * MS));
    assert_false(pair.spun);
    for (int end = 0; end < 2; end++) {
        assert_true(pair.end[end].n_sent < 14); /* no burst */
        assert_int_equal(sluice_transport_next_timeout(pair.end[end].transport), SLUICE_TIME_NEVER);
    }
    assert_talks(&pair);
    pair_close(&pair);
}

static void test_steps(void **state)
{
    static const int64_t steps[] = {-3600, 3600, -86400, 86400, -1};

    (void)state;
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
        for (SluiceTime after = 5 * MS; after <= 25 * MS; after += 10 * MS)
            for (int from = 0; from < 2; from++) {
                run_with_step(steps[i] * SECOND, after, from);
                vclock_reset_wall();
            }
}

/* With the clock back, the retransmissions come at the times they were due, each the same flight.
 */
static void test_retransmissions_while_the_clock_is_back(void **state)
{
    static const int due[] = {0, 100, 300, 700, 1500, 3100, 6300, 10300, 14300};
    Pair pair;

    (void)state;
    open_default(&pair);
    pair.end[CLIENT].link.settings.loss = 1;
    pair_start_both(&pair);
    pair_run(&pair, 50 * MS);
    vclock_step_wall(-3600 * SECOND);
    pair_run(&pair, 15 * SECOND);
    assert_int_equal(pair.end[CLIENT].n_sent, 9);
    for (size_t i = 0; i < 9; i++) {
        assert_int_equal((pair.end[CLIENT].sent[i].time - pair.begun) / MS, due[i]);
        assert_int_equal(pair.end[CLIENT].sent[i].len, pair.end[CLIENT].sent[0].len);
    }
    assert_int_equal(pair_stats(&pair, CLIENT).retransmissions, 8);
    pair.end[CLIENT].link.settings.loss = 0;
    assert_true(pair_run_until(&pair, pair_both_connected, vclock_now() + 6 * SECOND));
    pair_close(&pair);
}

/* The clock is set right again later, as NTP does: no storm then. */
static void test_there_and_back(void **state)
{
    Pair pair;

    (void)state;
    open_default(&pair);
    pair.end[SERVER].link.settings.loss = 1;
    pair_start_both(&pair);
    pair_run(&pair, 250 * MS);
    vclock_step_wall(-3600 * SECOND);
    pair_run(&pair, SECOND);
    vclock_step_wall(3600 * SECOND);
    pair_run(&pair, SECOND);
    vclock_step_wall(86400 * SECOND);
    pair_run(&pair, SECOND);
    assert_false(pair.spun);
    assert_true(pair.end[CLIENT].n_sent < 10);
    pair.end[SERVER].link.settings.loss = 0;
    assert_true(pair_run_until(&pair, pair_both_connected, vclock_now() + 8 * SECOND));
    pair_close(&pair);
}

typedef struct {
    uint8_t bytes[1500];
    size_t len;
} Kept;

/* Keeps the client's last flight: the datagram with a Finished. */
static int keep_last_flight(void *context, uint64_t number, SluiceTime now, uint8_t *data,
                            size_t len)
{
    Kept *kept = context;

    (void)number;
    (void)now;
    if (data[0] == 22 && len > 300 && len <= sizeof kept->bytes) {
        memcpy(kept->bytes, data, len);
        kept->len = len;
    }
    return 1;
}

/* The forged twin: whoever has seen the client's last flight may send copies of it. One in a timeout is answered, by
 * less than it holds, and the call goes on. */
static void test_copies_of_the_last_flight_make_no_storm(void **state)
{
    Kept kept = {.len = 0};
    size_t before;
    Pair pair;

    (void)state;
    open_default(&pair);
    pair.end[CLIENT].link.filter = keep_last_flight;
    pair.end[CLIENT].link.filter_context = &kept;
    connect_within(&pair, SECOND);
    pair_run(&pair, SECOND);
    assert_true(kept.len > 0);
    before = pair.end[SERVER].n_sent;
    for (int i = 0; i < 200; i++)
        link_inject(&pair.end[CLIENT].link, vclock_now() + i * MS, kept.bytes, kept.len);
    pair_run(&pair, SECOND);
    assert_in_range(pair.end[SERVER].n_sent - before, 1, 4);
    assert_true(pair.end[SERVER].sent[before].len < kept.len);
    assert_state(&pair, CLIENT, SLUICE_STATE_CONNECTED);
    assert_talks(&pair);
    pair_close(&pair);
}

/* The deadline is monotonic time's. */
static void test_deadline_ignores_the_wall_clock(void **state)
{
    static const int64_t steps[] = {-86400, 86400};

    (void)state;
    for (int i = 0; i < 2; i++) {
        Pair pair;

        open_default(&pair);
        pair.end[CLIENT].link.settings.loss = 1;
        pair_start_both(&pair);
        pair_run(&pair, SECOND);
        vclock_step_wall(steps[i] * SECOND);
        pair_run(&pair, 29 * SECOND - 1);
        assert_state(&pair, CLIENT, SLUICE_STATE_CONNECTING);
        pair_run(&pair, 1);
        assert_state(&pair, CLIENT, SLUICE_STATE_FAILED);
        assert_reason(&pair, CLIENT, SLUICE_END_DEADLINE);
        vclock_reset_wall();
        pair_close(&pair);
    }
}

/* TMR-06: the fingerprint alone decides, not the validity of the certificate. */
static void test_certificate_out_of_date(void **state)
{
    static const int64_t years[] = {-40, 70};

    (void)state;
    (void)certificate_of(CLIENT); /* both made now */
    (void)certificate_of(SERVER);
    for (int i = 0; i < 2; i++) {
        Pair pair;

        vclock_step_wall(years[i] * 365 * 86400 * SECOND);
        open_connected(&pair);
        assert_talks(&pair);
        pair_close(&pair);
        vclock_reset_wall();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_steps, restore_clock),
        cmocka_unit_test_teardown(test_retransmissions_while_the_clock_is_back, restore_clock),
        cmocka_unit_test_teardown(test_there_and_back, restore_clock),
        cmocka_unit_test_teardown(test_copies_of_the_last_flight_make_no_storm, restore_clock),
        cmocka_unit_test_teardown(test_deadline_ignores_the_wall_clock, restore_clock),
        cmocka_unit_test_teardown(test_certificate_out_of_date, restore_clock),
    };

    alloc_init();
    return cmocka_run_group_tests(tests, NULL, free_certificates);
}
