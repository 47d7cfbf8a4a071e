/* SPDX-License-Identifier: BSD-3-Clause */

/* The state table: what ends stays ended, nothing but verification makes a connection. */

#include "lifecycle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_the_way_up(void **state)
{
    SluiceState s = SLUICE_STATE_NEW;

    (void)state;
    s = sl_lifecycle_next(s, SL_INPUT_START_AUTO);
    assert_int_equal(s, SLUICE_STATE_LISTENING);
    s = sl_lifecycle_next(s, SL_INPUT_START);
    assert_int_equal(s, SLUICE_STATE_CONNECTING);
    s = sl_lifecycle_next(s, SL_INPUT_FINISHED);
    assert_int_equal(s, SLUICE_STATE_UNVERIFIED);
    s = sl_lifecycle_next(s, SL_INPUT_VERIFIED);
    assert_int_equal(s, SLUICE_STATE_CONNECTED);
    s = sl_lifecycle_next(s, SL_INPUT_DTLS_OVER);
    assert_int_equal(s, SLUICE_STATE_MEDIA_ONLY);
    s = sl_lifecycle_next(s, SL_INPUT_CLOSE);
    assert_int_equal(s, SLUICE_STATE_CLOSED);
}

static void test_an_end_is_final(void **state)
{
    (void)state;
    for (int input = 0; input < SL_LIFECYCLE_INPUTS; input++) {
        assert_int_equal(sl_lifecycle_next(SLUICE_STATE_CLOSED, (SlLifecycleInput)input),
                         SLUICE_STATE_CLOSED);
        assert_int_equal(sl_lifecycle_next(SLUICE_STATE_FAILED, (SlLifecycleInput)input),
                         SLUICE_STATE_FAILED);
    }
}

static void test_only_verification_connects(void **state)
{
    (void)state;
    for (int s = 0; s < SLUICE_STATE_CONNECTED; s++)
        for (int input = 0; input < SL_LIFECYCLE_INPUTS; input++)
            if (sl_lifecycle_next((SluiceState)s, (SlLifecycleInput)input) ==
                SLUICE_STATE_CONNECTED) {
                assert_int_equal(input, SL_INPUT_VERIFIED);
                assert_true(s == SLUICE_STATE_CONNECTING || s == SLUICE_STATE_UNVERIFIED);
            }
}

static void test_close_and_fail_end_every_living_state(void **state)
{
    (void)state;
    for (int s = 0; s < SLUICE_STATE_CLOSED; s++) {
        assert_int_equal(sl_lifecycle_next((SluiceState)s, SL_INPUT_CLOSE), SLUICE_STATE_CLOSED);
        assert_int_equal(sl_lifecycle_next((SluiceState)s, SL_INPUT_FAIL), SLUICE_STATE_FAILED);
    }
}

/* But for one: a new association brings back the DTLS that a warning has ended. */
static void test_nothing_goes_back(void **state)
{
    (void)state;
    for (int s = 0; s < SLUICE_STATE_CLOSED; s++)
        for (int input = 0; input < SL_LIFECYCLE_INPUTS; input++) {
            int next = (int)sl_lifecycle_next((SluiceState)s, (SlLifecycleInput)input);

            if (s == SLUICE_STATE_MEDIA_ONLY && input == SL_INPUT_VERIFIED)
                assert_int_equal(next, SLUICE_STATE_CONNECTED);
            else
                assert_true(next >= s);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_way_up),
        cmocka_unit_test(test_an_end_is_final),
        cmocka_unit_test(test_only_verification_connects),
        cmocka_unit_test(test_close_and_fail_end_every_living_state),
        cmocka_unit_test(test_nothing_goes_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
