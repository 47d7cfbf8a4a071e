/* SPDX-License-Identifier: BSD-3-Clause */

/* The ring of events: in order, bounded, what is lost is counted, and the latest state is always there. */

#include "event-queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void push(SlEventQueue *q, SluiceEventType type, SluiceTime time)
{
    SluiceEvent event = {.type = type, .time = time};

    if (type == SLUICE_EVENT_STATE)
        event.u.state = (SluiceState)(time % 8);
    sl_event_queue_push(q, &event);
}

static void expect(SlEventQueue *q, SluiceEventType type, SluiceTime time)
{
    SluiceEvent event;

    assert_true(sl_event_queue_pop(q, &event));
    assert_int_equal(event.type, type);
    assert_int_equal(event.time, time);
}

static void expect_empty(SlEventQueue *q)
{
    SluiceEvent event;

    assert_false(sl_event_queue_pop(q, &event));
}

static void test_in_order_round_and_round(void **state)
{
    SlEventQueue q = {.count = 0};

    (void)state;
    expect_empty(&q);
    for (SluiceTime i = 0; i < 1000; i++) {
        push(&q, SLUICE_EVENT_STATE, 3 * i);
        push(&q, SLUICE_EVENT_FLIGHT, 3 * i + 1);
        push(&q, SLUICE_EVENT_ALERT, 3 * i + 2);
        expect(&q, SLUICE_EVENT_STATE, 3 * i);
        expect(&q, SLUICE_EVENT_FLIGHT, 3 * i + 1);
        expect(&q, SLUICE_EVENT_ALERT, 3 * i + 2);
        expect_empty(&q);
    }
    assert_int_equal(q.lost, 0);
}

static void test_full_ring_loses_nothing(void **state)
{
    SlEventQueue q = {.count = 0};

    (void)state;
    for (SluiceTime i = 0; i < SL_EVENTS_MAX; i++)
        push(&q, SLUICE_EVENT_FLIGHT, i);
    assert_int_equal(q.lost, 0);
    for (SluiceTime i = 0; i < SL_EVENTS_MAX; i++)
        expect(&q, SLUICE_EVENT_FLIGHT, i);
    expect_empty(&q);
}

static void test_overflow_spares_states(void **state)
{
    SlEventQueue q = {.count = 0};

    (void)state;
    q.first = SL_EVENTS_MAX - 3; /* the move goes across the end of the array */
    push(&q, SLUICE_EVENT_STATE, 1);
    push(&q, SLUICE_EVENT_ALERT, 2);
    push(&q, SLUICE_EVENT_STATE, 3);
    for (SluiceTime i = 4; i <= SL_EVENTS_MAX; i++)
        push(&q, SLUICE_EVENT_FLIGHT, i);
    push(&q, SLUICE_EVENT_FLIGHT, 100); /* costs the alert */
    push(&q, SLUICE_EVENT_STATE, 101);  /* costs flight 4 */
    assert_int_equal(q.lost, 2);
    assert_int_equal(q.count, SL_EVENTS_MAX);
    expect(&q, SLUICE_EVENT_STATE, 1);
    expect(&q, SLUICE_EVENT_STATE, 3);
    for (SluiceTime i = 5; i <= SL_EVENTS_MAX; i++)
        expect(&q, SLUICE_EVENT_FLIGHT, i);
    expect(&q, SLUICE_EVENT_FLIGHT, 100);
    expect(&q, SLUICE_EVENT_STATE, 101);
    expect_empty(&q);
}

static void test_states_only_lose_the_oldest(void **state)
{
    SlEventQueue q = {.count = 0};

    (void)state;
    for (SluiceTime i = 0; i < SL_EVENTS_MAX + 5; i++)
        push(&q, SLUICE_EVENT_STATE, i);
    assert_int_equal(q.lost, 5);
    for (SluiceTime i = 5; i < SL_EVENTS_MAX + 5; i++)
        expect(&q, SLUICE_EVENT_STATE, i);
    expect_empty(&q);
}

/* However many flights and alerts follow, the last state is told. */
static void test_latest_state_survives(void **state)
{
    SlEventQueue q = {.count = 0};
    SluiceEvent event;
    int seen = 0;

    (void)state;
    for (SluiceTime i = 0; i < SL_EVENTS_MAX; i++)
        push(&q, SLUICE_EVENT_STATE, i);
    push(&q, SLUICE_EVENT_STATE, 500);
    for (SluiceTime i = 501; i < 1500; i++)
        push(&q, i & 1 ? SLUICE_EVENT_FLIGHT : SLUICE_EVENT_ALERT, i);
    assert_int_equal(q.count, SL_EVENTS_MAX);
    while (sl_event_queue_pop(&q, &event))
        seen |= event.type == SLUICE_EVENT_STATE && event.time == 500;
    assert_true(seen);
}

/* New keys and a restart that failed are acted upon, too. */
static void test_keys_are_kept(void **state)
{
    SlEventQueue q = {.count = 0};

    (void)state;
    push(&q, SLUICE_EVENT_GENERATION, 1);
    push(&q, SLUICE_EVENT_RESTART_FAILED, 2);
    for (SluiceTime i = 0; i < 100; i++)
        push(&q, SLUICE_EVENT_FLIGHT, 100 + i);
    expect(&q, SLUICE_EVENT_GENERATION, 1);
    expect(&q, SLUICE_EVENT_RESTART_FAILED, 2);
    assert_int_equal(q.lost, 102 - SL_EVENTS_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_order_round_and_round),
        cmocka_unit_test(test_full_ring_loses_nothing),
        cmocka_unit_test(test_overflow_spares_states),
        cmocka_unit_test(test_states_only_lose_the_oldest),
        cmocka_unit_test(test_latest_state_survives),
        cmocka_unit_test(test_keys_are_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
