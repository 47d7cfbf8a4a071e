/* SPDX-License-Identifier: BSD-3-Clause */

/* The guess which keys took an SSRC's last packet: right for the last ones that were told, none for others. */

#include "generation-hints.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <string.h>

#include <cmocka.h>

static void test_told_and_not_told(void **state)
{
    SlGenerationHints hints;

    (void)state;
    memset(&hints, 0, sizeof hints);
    assert_int_equal(sl_generation_hints_get(&hints, 0), 0);
    assert_int_equal(sl_generation_hints_get(&hints, UINT32_MAX), 0);
    sl_generation_hints_set(&hints, UINT32_MAX, 3);
    sl_generation_hints_set(&hints, 0, 4);
    assert_int_equal(sl_generation_hints_get(&hints, UINT32_MAX), 3);
    assert_int_equal(sl_generation_hints_get(&hints, 0), 4);
    sl_generation_hints_set(&hints, 0, 5);
    assert_int_equal(sl_generation_hints_get(&hints, 0), 5);
    memset(&hints, 0, sizeof hints);
    assert_int_equal(sl_generation_hints_get(&hints, UINT32_MAX), 0);
}

/* An SSRC never has another one's. */
static void test_places_are_shared(void **state)
{
    SlGenerationHints hints;
    unsigned known = 0;

    (void)state;
    memset(&hints, 0, sizeof hints);
    for (uint32_t ssrc = 1; ssrc <= 1000; ssrc++)
        sl_generation_hints_set(&hints, ssrc, ssrc + 7);
    for (uint32_t ssrc = 1; ssrc <= 1000; ssrc++) {
        uint32_t got = sl_generation_hints_get(&hints, ssrc);

        assert_true(got == 0 || got == ssrc + 7);
        known += got != 0;
    }
    assert_true(known > 0 && known <= SL_HINTS);
}

/* Those of a call, counted up, do not share one place. */
static void test_neighbours(void **state)
{
    SlGenerationHints hints;
    unsigned known = 0;

    (void)state;
    memset(&hints, 0, sizeof hints);
    for (uint32_t ssrc = 5000; ssrc < 5008; ssrc++)
        sl_generation_hints_set(&hints, ssrc, 1);
    for (uint32_t ssrc = 5000; ssrc < 5008; ssrc++)
        known += sl_generation_hints_get(&hints, ssrc);
    assert_int_equal(known, 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_told_and_not_told),
        cmocka_unit_test(test_places_are_shared),
        cmocka_unit_test(test_neighbours),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
