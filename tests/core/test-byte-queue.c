/* SPDX-License-Identifier: BSD-3-Clause */

/* Bytes in order, in one piece, whatever is put in and taken out; no more memory than twice what it had to hold, and no allocation
 * once it has held as much before; all or nothing when memory runs out. */

#include "byte-queue.h"

#include "alloc.h"
#include "rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static uint8_t byte_at(uint64_t at) { return (uint8_t)(at * 131 + (at >> 8) * 7); }

static void put(SlByteQueue *queue, uint64_t from, size_t len)
{
    uint8_t *bytes = test_malloc(len ? len : 1);

    for (size_t i = 0; i < len; i++)
        bytes[i] = byte_at(from + i);
    assert_int_equal(sl_byte_queue_append(queue, bytes, len), 1);
    test_free(bytes);
}

static void check(const SlByteQueue *queue, uint64_t from, uint64_t to)
{
    const uint8_t *data = sl_byte_queue_data(queue);

    assert_int_equal(sl_byte_queue_len(queue), to - from);
    for (uint64_t i = from; i < to; i++)
        assert_int_equal(data[i - from], byte_at(i));
}

static void test_empty(void **state)
{
    SlByteQueue queue = {0};

    (void)state;
    assert_int_equal(sl_byte_queue_len(&queue), 0);
    assert_null(sl_byte_queue_data(&queue));
    assert_int_equal(sl_byte_queue_append(&queue, NULL, 0), 1);
    assert_null(queue.bytes); /* nothing costs nothing */
    sl_byte_queue_consume(&queue, 0);
    sl_byte_queue_release(&queue);
    sl_byte_queue_release(&queue);
}

static void test_any_order(void **state)
{
    Rng rng;

    (void)state;
    rng_init(&rng, rng_test_seed(1));
    for (int run = 0; run < 50; run++) {
        SlByteQueue queue = {0};
        uint64_t from = 0, to = 0;
        size_t most = (size_t)1 << rng_below(&rng, 16), largest = 0;

        for (int i = 0; i < 300; i++) {
            size_t n = (size_t)rng_below(&rng, most);

            if (rng_below(&rng, 2)) {
                put(&queue, to, n);
                to += n;
            } else {
                n = n < to - from ? n : (size_t)(to - from);
                sl_byte_queue_consume(&queue, n);
                from += n;
            }
            if (to - from > largest)
                largest = (size_t)(to - from);
            if (i % 16 == 0)
                check(&queue, from, to);
        }
        check(&queue, from, to);
        assert_true(queue.capacity <= 4096 || queue.capacity < 2 * largest);
        sl_byte_queue_release(&queue);
        assert_int_equal(sl_byte_queue_len(&queue), 0);
        put(&queue, 5, 10);
        check(&queue, 5, 15);
        sl_byte_queue_release(&queue);
    }
}

/* At each length around where it has to make room. */
static void test_the_edges(void **state)
{
    (void)state;
    for (size_t first = 4090; first < 4100; first++)
        for (size_t gone = 0; gone < 12; gone++)
            for (size_t second = 0; second < 20; second++) {
                SlByteQueue queue = {0};

                put(&queue, 0, first);
                sl_byte_queue_consume(&queue, gone);
                put(&queue, first, second);
                check(&queue, gone, first + second);
                sl_byte_queue_consume(&queue, first + second - gone);
                assert_int_equal(sl_byte_queue_len(&queue), 0);
                put(&queue, 0, 4096);
                check(&queue, 0, 4096);
                sl_byte_queue_release(&queue);
            }
}

static void test_no_allocation_when_it_is_large_enough(void **state)
{
    SlByteQueue queue = {0};
    uint8_t bytes[1000] = {0};
    uint64_t before;

    (void)state;
    put(&queue, 0, 16384);
    sl_byte_queue_consume(&queue, 16384 - 700);
    before = alloc_count().own_calls;
    for (int i = 0; i < 10000; i++) {
        assert_int_equal(sl_byte_queue_append(&queue, bytes, sizeof bytes), 1);
        sl_byte_queue_consume(&queue, sizeof bytes);
        assert_int_equal(sl_byte_queue_len(&queue), 700);
    }
    assert_int_equal(alloc_count().own_calls, before);
    sl_byte_queue_release(&queue);
}

static void test_out_of_memory(void **state)
{
    SlByteQueue queue = {0};
    uint8_t bytes[10] = {0};

    (void)state;
    alloc_fail_at(1, 0);
    assert_int_equal(sl_byte_queue_append(&queue, bytes, sizeof bytes), 0);
    alloc_fail_at(0, 0);
    assert_int_equal(sl_byte_queue_len(&queue), 0);
    put(&queue, 0, 4090);
    sl_byte_queue_consume(&queue, 1);
    alloc_fail_at(1, 0);
    assert_int_equal(sl_byte_queue_append(&queue, bytes, sizeof bytes), 0);
    alloc_fail_at(0, 0);
    check(&queue, 1, 4090);
    put(&queue, 4090, 10);
    check(&queue, 1, 4100);
    assert_int_equal(sl_byte_queue_append(&queue, bytes, SIZE_MAX), 0); /* no room in the world */
    assert_int_equal(sl_byte_queue_append(&queue, bytes, SIZE_MAX / 2), 0);
    check(&queue, 1, 4100);
    sl_byte_queue_release(&queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_any_order),
        cmocka_unit_test(test_the_edges),
        cmocka_unit_test(test_no_allocation_when_it_is_large_enough),
        cmocka_unit_test(test_out_of_memory),
    };

    alloc_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
