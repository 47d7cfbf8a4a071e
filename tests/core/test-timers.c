/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: timers come out in the order in which they are due, however they were set, moved and taken out; one that is not
 * set costs nothing and is never woken (Y6). */

#include "alloc.h"
#include "rng.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <sluice/timers.h>

#define MANY 1000

static void test_order(void **state)
{
    static SluiceTimer timers[MANY];
    SluiceTimers *set = sluice_timers_new();
    SluiceTime last = 0;
    Rng rng;
    size_t wanted = 0, got = 0;
    SluiceTimer *timer;

    (void)state;
    rng_init(&rng, 7);
    for (int round = 0; round < 20000; round++) {
        timer = &timers[rng_below(&rng, MANY)];
        SluiceTime due =
            rng_below(&rng, 4) ? (SluiceTime)rng_below(&rng, 100000) : SLUICE_TIME_NEVER;
        assert_int_equal(sluice_timers_set(set, timer, due), SLUICE_OK);
        assert_int_equal(timer->due, due);
        assert_int_equal(timer->place != 0, due != SLUICE_TIME_NEVER);
    }
    for (size_t i = 0; i < MANY; i++)
        wanted += timers[i].place != 0;
    assert_int_equal(sluice_timers_count(set), wanted);
    while (sluice_timers_count(set)) {
        SluiceTime next = sluice_timers_next(set);
        assert_true(next >= last);
        assert_null(sluice_timers_pop(set, next - 1));
        timer = sluice_timers_pop(set, next);
        assert_non_null(timer);
        assert_int_equal(timer->due, next);
        assert_int_equal(timer->place, 0);
        last = next;
        got++;
    }
    assert_int_equal(got, wanted);
    assert_int_equal(sluice_timers_next(set), SLUICE_TIME_NEVER);
    assert_null(sluice_timers_pop(set, SLUICE_TIME_NEVER));
    sluice_timers_free(set);
}

/* Popped, a timer may be set again at once, in a loop around the clock. */
static void test_again(void **state)
{
    SluiceTimer a = {.user_data = &a}, b = {.user_data = &b};
    SluiceTimers *set = sluice_timers_new();
    int n_a = 0, n_b = 0;

    (void)state;
    sluice_timers_set(set, &a, 0);
    sluice_timers_set(set, &b, 0);
    for (SluiceTime now = 0; now < 100; now++) {
        SluiceTimer *timer;
        while ((timer = sluice_timers_pop(set, now)) != NULL) {
            n_a += timer->user_data == &a;
            n_b += timer->user_data == &b;
            sluice_timers_set(set, timer, now + (timer == &a ? 1 : 10));
        }
    }
    assert_int_equal(n_a, 100);
    assert_int_equal(n_b, 10);
    sluice_timers_free(set);
    assert_int_equal(a.place, 0); /* not set any more, and may go into another set */
}

/* What a loop does after every call: nothing moves, and no memory is asked for. */
static void test_same_time_again(void **state)
{
    SluiceTimers *set = sluice_timers_new();
    SluiceTimer timers[3] = {{0}};
    uint64_t calls;

    (void)state;
    for (int i = 0; i < 3; i++)
        assert_int_equal(sluice_timers_set(set, &timers[i], 10 * (i + 1)), SLUICE_OK);
    calls = alloc_count().own_calls;
    for (int i = 0; i < 3; i++)
        assert_int_equal(sluice_timers_set(set, &timers[i], 10 * (i + 1)), SLUICE_OK);
    assert_int_equal(alloc_count().own_calls, calls);
    assert_int_equal(sluice_timers_count(set), 3);
    for (int i = 0; i < 3; i++)
        assert_ptr_equal(sluice_timers_pop(set, 30), &timers[i]);
    assert_null(sluice_timers_pop(set, 30));
    sluice_timers_free(set);
}

static void test_misuse(void **state)
{
    SluiceTimers *one = sluice_timers_new(), *two = sluice_timers_new();
    SluiceTimer timer = {0}, other = {0};

    (void)state;
    assert_int_equal(sluice_timers_set(NULL, &timer, 1), SLUICE_INVALID_ARGUMENT);
    assert_int_equal(sluice_timers_set(one, NULL, 1), SLUICE_INVALID_ARGUMENT);
    assert_int_equal(sluice_timers_set(one, &timer, 1), SLUICE_OK);
    assert_int_equal(sluice_timers_set(two, &timer, 2), SLUICE_INVALID_ARGUMENT);
    assert_int_equal(sluice_timers_set(two, &other, 3), SLUICE_OK);
    assert_int_equal(sluice_timers_set(two, &timer, 2), SLUICE_INVALID_ARGUMENT);
    assert_int_equal(sluice_timers_next(one), 1);
    assert_int_equal(sluice_timers_set(one, &other, SLUICE_TIME_NEVER), SLUICE_INVALID_ARGUMENT);
    assert_int_equal(sluice_timers_next(two), 3);
    assert_int_equal(sluice_timers_next(NULL), SLUICE_TIME_NEVER);
    assert_null(sluice_timers_pop(NULL, 1));
    assert_int_equal(sluice_timers_count(NULL), 0);
    sluice_timers_free(NULL);
    sluice_timers_free(one);
    sluice_timers_free(two);
}

/* What was set before stays when memory runs out for a new one. */
static void test_no_memory(void **state)
{
    static SluiceTimer timers[200];
    SluiceTimers *set = sluice_timers_new();
    size_t n = 0;

    (void)state;
    while (n < 50)
        assert_int_equal(sluice_timers_set(set, &timers[n++], 1), SLUICE_OK);
    alloc_fail_at(1, 1);
    while (n < 200 && sluice_timers_set(set, &timers[n], 1) == SLUICE_OK)
        n++;
    assert_in_range(n, 50, 199);
    assert_int_equal(sluice_timers_set(set, &timers[n], 1), SLUICE_NO_MEMORY);
    assert_int_equal(timers[n].place, 0);
    assert_int_equal(sluice_timers_set(set, &timers[0], 5), SLUICE_OK); /* needs none */
    alloc_fail_at(0, 0);
    assert_int_equal(sluice_timers_count(set), n);
    assert_int_equal(sluice_timers_set(set, &timers[n], 1), SLUICE_OK);
    sluice_timers_free(set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),           cmocka_unit_test(test_again),
        cmocka_unit_test(test_same_time_again), cmocka_unit_test(test_misuse),
        cmocka_unit_test(test_no_memory),
    };

    alloc_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
