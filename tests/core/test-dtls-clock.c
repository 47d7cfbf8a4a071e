/* SPDX-License-Identifier: BSD-3-Clause */

/* Timer durations (rules 12, 13): the first from the round-trip time, doubling, 13 expiries outlast the deadline. */

#include "dtls-clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static SluiceTime run_13(SluiceTime first, SluiceTime deadline)
{
    SlDtlsClock clock;
    SluiceTime sum = 0;
    unsigned us = 0;

    sl_dtls_clock_init(&clock, first, deadline);
    for (int i = 0; i < 13; i++) {
        us = sl_dtls_clock_duration(&clock, us);
        assert_true(us >= 20000);
        sum += (SluiceTime)us * 1000;
    }
    return sum;
}

static void test_first_timeout_is_twice_the_round_trip_within_bounds(void **state)
{
    (void)state;
    assert_int_equal(sl_dtls_clock_first_of_rtt(5 * SLUICE_MILLISECOND), 50 * SLUICE_MILLISECOND);
    assert_int_equal(sl_dtls_clock_first_of_rtt(50 * SLUICE_MILLISECOND), 100 * SLUICE_MILLISECOND);
    assert_int_equal(sl_dtls_clock_first_of_rtt(400 * SLUICE_MILLISECOND),
                     800 * SLUICE_MILLISECOND);
    assert_int_equal(sl_dtls_clock_first_of_rtt(3 * SLUICE_SECOND), SLUICE_SECOND);
    assert_int_equal(sl_dtls_clock_first_of_rtt(INT64_MAX / 2), SLUICE_SECOND);
}

static void test_it_doubles_up_to_the_cap(void **state)
{
    SlDtlsClock clock;
    unsigned us = 0;
    const unsigned expected[] = {100000, 200000, 400000, 800000, 1600000, 3200000, 4000000};

    (void)state;
    sl_dtls_clock_init(&clock, 100 * SLUICE_MILLISECOND, 30 * SLUICE_SECOND);
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        us = sl_dtls_clock_duration(&clock, us);
        assert_int_equal(us, expected[i]);
        assert_int_equal(clock.expiries, i);
    }
    /* A new flight starts over. */
    assert_int_equal(sl_dtls_clock_duration(&clock, 0), 100000);
    assert_int_equal(clock.expiries, 0);
}

/* OpenSSL treats the 13th expiry as fatal: with a cap of 3 s and a first timeout of 50 ms that was after 26 s. */
static void test_13_expiries_outlast_every_deadline(void **state)
{
    const SluiceTime firsts[] = {20, 50, 100, 1000, 10000};
    const SluiceTime deadlines[] = {1, 30, 60, 120, 600};

    (void)state;
    for (size_t i = 0; i < 5; i++)
        for (size_t j = 0; j < 5; j++)
            assert_true(run_13(firsts[i] * SLUICE_MILLISECOND, deadlines[j] * SLUICE_SECOND) >
                        deadlines[j] * SLUICE_SECOND);
}

static void test_an_expiry_of_our_own_doubles_too(void **state)
{
    SlDtlsClock clock;

    (void)state;
    sl_dtls_clock_init(&clock, 100 * SLUICE_MILLISECOND, 30 * SLUICE_SECOND);
    (void)sl_dtls_clock_duration(&clock, 0);
    sl_dtls_clock_expire(&clock, SLUICE_SECOND);
    assert_int_equal(clock.due, SLUICE_SECOND + 200 * SLUICE_MILLISECOND);
    assert_int_equal(clock.expiries, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_timeout_is_twice_the_round_trip_within_bounds),
        cmocka_unit_test(test_it_doubles_up_to_the_cap),
        cmocka_unit_test(test_13_expiries_outlast_every_deadline),
        cmocka_unit_test(test_an_expiry_of_our_own_doubles_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
