/* SPDX-License-Identifier: BSD-3-Clause */

/* So many at once, then one an interval, whatever the clock says at first. */

#include "allowance.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const SluiceTime starts[] = {0, -5 * SLUICE_SECOND, 1000000 * SLUICE_SECOND};

static unsigned taken(SlAllowance *allowance, SluiceTime now, unsigned tries)
{
    unsigned n = 0;

    for (unsigned i = 0; i < tries; i++)
        n += sl_allowance_take(allowance, now) != 0;
    return n;
}

static void test_burst_then_rate(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        SluiceTime now = starts[i];
        SlAllowance allowance;

        sl_allowance_init(&allowance, 20 * SLUICE_MILLISECOND, 10);
        assert_int_equal(taken(&allowance, now, 100), 10);
        assert_int_equal(taken(&allowance, now + 19 * SLUICE_MILLISECOND, 100), 0);
        assert_int_equal(taken(&allowance, now + 20 * SLUICE_MILLISECOND, 100), 1);
        assert_int_equal(taken(&allowance, now + 100 * SLUICE_MILLISECOND, 100), 4);
        /* What was not used is not saved beyond the burst. */
        assert_int_equal(taken(&allowance, now + 1000 * SLUICE_SECOND, 100), 10);
    }
}

static void test_rate_over_time(void **state)
{
    SlAllowance allowance;
    unsigned n = 0;

    (void)state;
    sl_allowance_init(&allowance, 20 * SLUICE_MILLISECOND, 10);
    for (SluiceTime now = 0; now < SLUICE_SECOND; now += SLUICE_MILLISECOND)
        n += taken(&allowance, now, 1);
    assert_true(n >= 58 && n <= 60);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_burst_then_rate),
        cmocka_unit_test(test_rate_over_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
