/* SPDX-License-Identifier: BSD-3-Clause */

/* The queue of ciphertext: what is shown stays until it is popped, kinds are dropped without disturbing the others,
 * each bound holds (rule 3: data is refused before it is encrypted), and the counts are those of the list. */

#include "output.h"

#include "alloc.h"
#include "rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static SluiceStatus push(SlOutput *q, SlOutputKind kind, uint8_t mark, size_t len)
{
    uint8_t data[2048];

    assert_true(len <= sizeof data);
    memset(data, mark, sizeof data);
    return sl_output_push(q, kind, data, len);
}

/* The oldest one is as it was pushed; takes it away. */
static void expect(SlOutput *q, SlOutputKind kind, uint8_t mark, size_t len)
{
    SlOutputKind k;
    const uint8_t *data;
    size_t n;

    assert_true(sl_output_peek(q, &k, &data, &n));
    assert_int_equal(k, kind);
    assert_int_equal(n, len);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(data[i], mark);
    sl_output_pop(q);
}

static void expect_empty(const SlOutput *q)
{
    SlOutputKind kind;
    const uint8_t *data;
    size_t len;

    assert_false(sl_output_peek(q, &kind, &data, &len));
    assert_null(q->head);
    assert_null(q->tail);
    assert_int_equal(q->datagrams, 0);
    assert_int_equal(q->bytes, 0);
    assert_int_equal(q->data_datagrams, 0);
    assert_int_equal(q->data_bytes, 0);
    assert_int_equal(q->alerts, 0);
}

static void test_first_in_first_out(void **state)
{
    SlOutput q;

    (void)state;
    sl_output_init(&q, 10, 16384);
    expect_empty(&q);
    assert_int_equal(push(&q, SL_OUTPUT_FLIGHT, 1, 100), SLUICE_OK);
    assert_int_equal(push(&q, SL_OUTPUT_ALERT, 2, 15), SLUICE_OK);
    assert_int_equal(push(&q, SL_OUTPUT_DATA, 3, 200), SLUICE_OK);
    assert_int_equal(q.datagrams, 3);
    assert_int_equal(q.bytes, 315);
    assert_int_equal(q.data_datagrams, 1);
    assert_int_equal(q.data_bytes, 200);
    assert_int_equal(q.alerts, 1);
    expect(&q, SL_OUTPUT_FLIGHT, 1, 100);
    expect(&q, SL_OUTPUT_ALERT, 2, 15);
    expect(&q, SL_OUTPUT_DATA, 3, 200);
    expect_empty(&q);
    sl_output_pop(&q);
    expect_empty(&q);
    sl_output_cleanup(&q);
}

/* EAGAIN: shown again and again it is the same datagram at the same place, whatever is pushed behind it. */
static void test_peek_changes_nothing(void **state)
{
    SlOutput q;
    SlOutputKind kind;
    const uint8_t *first, *again;
    size_t len;

    (void)state;
    sl_output_init(&q, 10, 16384);
    assert_int_equal(push(&q, SL_OUTPUT_DATA, 7, 50), SLUICE_OK);
    assert_true(sl_output_peek(&q, &kind, &first, &len));
    assert_int_equal(push(&q, SL_OUTPUT_DATA, 8, 50), SLUICE_OK);
    assert_true(sl_output_peek(&q, &kind, &again, &len));
    assert_ptr_equal(first, again);
    assert_int_equal(again[0], 7);
    sl_output_cleanup(&q);
    expect_empty(&q);
}

static void test_data_is_bounded_in_datagrams(void **state)
{
    SlOutput q;

    (void)state;
    sl_output_init(&q, 3, 16384);
    for (int i = 0; i < 3; i++) {
        assert_true(sl_output_has_room(&q, 10));
        assert_int_equal(push(&q, SL_OUTPUT_DATA, 1, 10), SLUICE_OK);
    }
    assert_false(sl_output_has_room(&q, 10));
    assert_false(sl_output_has_room(&q, 0));
    assert_int_equal(push(&q, SL_OUTPUT_DATA, 1, 10), SLUICE_WOULD_BLOCK);
    assert_int_equal(q.datagrams, 3);
    sl_output_pop(&q);
    assert_int_equal(push(&q, SL_OUTPUT_DATA, 1, 10), SLUICE_OK);
    sl_output_cleanup(&q);
}

static void test_data_is_bounded_in_bytes(void **state)
{
    SlOutput q;

    (void)state;
    sl_output_init(&q, 100, 1000);
    assert_int_equal(push(&q, SL_OUTPUT_DATA, 1, 600), SLUICE_OK);
    assert_true(sl_output_has_room(&q, 400));
    assert_false(sl_output_has_room(&q, 401));
    assert_false(sl_output_has_room(&q, SIZE_MAX));
    assert_int_equal(push(&q, SL_OUTPUT_DATA, 1, 401), SLUICE_WOULD_BLOCK);
    assert_int_equal(push(&q, SL_OUTPUT_DATA, 1, 400), SLUICE_OK);
    assert_int_equal(q.data_bytes, 1000);
    assert_false(sl_output_has_room(&q, 1));
    sl_output_cleanup(&q);
}

/* A bound under the size of one datagram would block for ever. */
static void test_empty_queue_takes_one(void **state)
{
    SlOutput q;

    (void)state;
    sl_output_init(&q, 1, 1000);
    assert_true(sl_output_has_room(&q, 1500));
    assert_int_equal(push(&q, SL_OUTPUT_DATA, 1, 1500), SLUICE_OK);
    assert_false(sl_output_has_room(&q, 1));
    assert_int_equal(push(&q, SL_OUTPUT_DATA, 1, 1), SLUICE_WOULD_BLOCK);
    sl_output_cleanup(&q);
}

/* Data may not lock out the handshake or an alert, and an alert's place does not grow. */
static void test_reserved_places(void **state)
{
    SlOutput q;

    (void)state;
    sl_output_init(&q, 1, 100);
    assert_int_equal(push(&q, SL_OUTPUT_DATA, 1, 100), SLUICE_OK);
    assert_int_equal(push(&q, SL_OUTPUT_DATA, 1, 100), SLUICE_WOULD_BLOCK);
    /* Eight alerts wait at the most; one more takes the place of the oldest, for the last one is what ends it all: a
     * close_notify once found no place behind eight warnings. */
    for (uint8_t i = 0; i < 9; i++)
        assert_int_equal(push(&q, SL_OUTPUT_ALERT, i, 15), SLUICE_OK);
    assert_int_equal(push(&q, SL_OUTPUT_FLIGHT, 3, 1200), SLUICE_OK);
    assert_int_equal(q.alerts, 8);
    assert_int_equal(q.datagrams, 10);
    expect(&q, SL_OUTPUT_FLIGHT, 3, 1200);
    expect(&q, SL_OUTPUT_DATA, 1, 100);
    for (uint8_t i = 1; i < 9; i++)
        expect(&q, SL_OUTPUT_ALERT, i, 15);
    expect_empty(&q);
    sl_output_cleanup(&q);
    expect_empty(&q);
}

static void test_drop_takes_one_kind(void **state)
{
    SlOutput q;

    (void)state;
    sl_output_init(&q, 10, 16384);
    push(&q, SL_OUTPUT_FLIGHT, 1, 10);
    push(&q, SL_OUTPUT_DATA, 2, 20);
    push(&q, SL_OUTPUT_FLIGHT, 3, 30);
    push(&q, SL_OUTPUT_ALERT, 4, 40);
    push(&q, SL_OUTPUT_FLIGHT, 5, 50);
    sl_output_drop(&q, SL_OUTPUT_FLIGHT);
    assert_int_equal(q.datagrams, 2);
    assert_int_equal(q.bytes, 60);
    /* A flight that is made again goes before what waits: the peer can read nothing of it without the flight. */
    push(&q, SL_OUTPUT_FLIGHT, 6, 60);
    push(&q, SL_OUTPUT_FLIGHT, 7, 70);
    push(&q, SL_OUTPUT_DATA, 8, 80);
    expect(&q, SL_OUTPUT_FLIGHT, 6, 60);
    expect(&q, SL_OUTPUT_FLIGHT, 7, 70);
    expect(&q, SL_OUTPUT_DATA, 2, 20);
    expect(&q, SL_OUTPUT_ALERT, 4, 40);
    expect(&q, SL_OUTPUT_DATA, 8, 80);
    expect_empty(&q);
    sl_output_drop(&q, SL_OUTPUT_DATA);
    push(&q, SL_OUTPUT_DATA, 7, 70);
    sl_output_drop(&q, SL_OUTPUT_DATA);
    expect_empty(&q);
}

/* Two associations: what one makes again takes nothing of the other's out. */
static void test_each_maker_its_own(void **state)
{
    const uint8_t bytes[4] = {1, 2, 3, 4};
    SlOutput q;

    (void)state;
    sl_output_init(&q, 10, 16384);
    assert_int_equal(sl_output_maker(&q), 0);
    sl_output_push_of(&q, SL_OUTPUT_FLIGHT, 7, bytes, 1);
    sl_output_push_of(&q, SL_OUTPUT_FLIGHT, 8, bytes, 2);
    sl_output_push_of(&q, SL_OUTPUT_FLIGHT, 7, bytes, 3);
    sl_output_push_of(&q, SL_OUTPUT_ALERT, 7, bytes, 4);
    assert_int_equal(sl_output_maker(&q), 7);
    sl_output_drop_of(&q, SL_OUTPUT_FLIGHT, 7);
    assert_int_equal(q.datagrams, 2);
    assert_int_equal(q.bytes, 6);
    assert_int_equal(sl_output_maker(&q), 8);
    sl_output_drop_of(&q, SL_OUTPUT_FLIGHT, 0);
    assert_int_equal(q.datagrams, 2);
    sl_output_drop(&q, SL_OUTPUT_FLIGHT);
    assert_int_equal(sl_output_maker(&q), 7);
    sl_output_cleanup(&q);
}

static void test_out_of_memory(void **state)
{
    SlOutput q;

    (void)state;
    sl_output_init(&q, 10, 16384);
    push(&q, SL_OUTPUT_FLIGHT, 1, 10);
    alloc_fail_at(1, 0);
    assert_int_equal(push(&q, SL_OUTPUT_FLIGHT, 2, 20), SLUICE_NO_MEMORY);
    alloc_fail_at(0, 0);
    assert_int_equal(q.datagrams, 1);
    expect(&q, SL_OUTPUT_FLIGHT, 1, 10);
    expect_empty(&q);
}

static void check_counts(const SlOutput *q, const size_t by_kind[3])
{
    assert_int_equal(q->datagrams, by_kind[0] + by_kind[1] + by_kind[2]);
    assert_int_equal(q->alerts, by_kind[SL_OUTPUT_ALERT]);
    assert_int_equal(q->data_datagrams, by_kind[SL_OUTPUT_DATA]);
    assert_true(q->data_datagrams <= 5 && q->alerts <= 8 && q->data_bytes <= q->bytes);
}

static void test_counts_hold_at_random(void **state)
{
    size_t by_kind[3] = {0}, n;
    const uint8_t *data;
    SlOutputKind kind;
    SlOutput q;
    Rng rng;

    (void)state;
    rng_init(&rng, rng_test_seed(1));
    sl_output_init(&q, 5, 1000);
    for (int i = 0; i < 20000; i++) {
        uint64_t what = rng_below(&rng, 16);

        kind = (SlOutputKind)rng_below(&rng, 3);
        if (what == 0) {
            sl_output_drop(&q, kind);
            by_kind[kind] = 0;
        } else if (what < 8 && q.datagrams < 50) {
            by_kind[kind] += push(&q, kind, 1, rng_below(&rng, 400)) == SLUICE_OK;
            if (by_kind[SL_OUTPUT_ALERT] > 8)
                by_kind[SL_OUTPUT_ALERT] = 8;
        } else if (sl_output_peek(&q, &kind, &data, &n)) {
            by_kind[kind]--;
            sl_output_pop(&q);
        }
        check_counts(&q, by_kind);
    }
    sl_output_cleanup(&q);
    expect_empty(&q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_in_first_out),
        cmocka_unit_test(test_peek_changes_nothing),
        cmocka_unit_test(test_data_is_bounded_in_datagrams),
        cmocka_unit_test(test_data_is_bounded_in_bytes),
        cmocka_unit_test(test_empty_queue_takes_one),
        cmocka_unit_test(test_reserved_places),
        cmocka_unit_test(test_drop_takes_one_kind),
        cmocka_unit_test(test_each_maker_its_own),
        cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_counts_hold_at_random),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
