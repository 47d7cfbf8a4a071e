/* SPDX-License-Identifier: BSD-3-Clause */

/* The inbox: order of arrival across data and media, sealed media shown to nobody, every bound kept, early DTLS kept
 * once and in order, and nothing plain left in freed memory. */

#include "inbox.h"

#include "rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The library's malloc and free, caught by the linker. */
void *__real_malloc(size_t size);
void __real_free(void *pointer);
void *__wrap_malloc(size_t size);
void __wrap_free(void *pointer);

static int malloc_fails;
static const uint8_t *watched; /* bytes that have to be zero when the block they are in is freed */
static size_t watched_len;
static int wiped; /* 1: they were; -1: they were not */

void *__wrap_malloc(size_t size) { return malloc_fails ? NULL : __real_malloc(size); }

void __wrap_free(void *pointer)
{
    uintptr_t block = (uintptr_t)pointer, place = (uintptr_t)watched;

    /* The header of an entry is in front of its bytes. */
    if (watched && place >= block && place - block < 128) {
        wiped = 1;
        for (size_t i = 0; i < watched_len; i++)
            if (watched[i])
                wiped = -1;
        watched = NULL;
    }
    __real_free(pointer);
}

static void watch(const uint8_t *data, size_t len)
{
    watched = data;
    watched_len = len;
    wiped = 0;
}

static const uint8_t *filled(uint8_t mark)
{
    static uint8_t data[2048];

    memset(data, mark, sizeof data);
    return data;
}

static void expect(SlInbox *box, SluiceKind kind, uint32_t generation, uint8_t mark, size_t len)
{
    SluiceMessage message;

    assert_true(sl_inbox_peek(box, &message));
    assert_int_equal(message.kind, kind);
    assert_int_equal(message.generation, generation);
    assert_int_equal(message.len, len);
    assert_int_equal((uintptr_t)message.data & 3, 0);
    for (size_t i = 0; i < len; i++)
        assert_int_equal(message.data[i], mark);
    sl_inbox_pop(box);
}

static void expect_empty(const SlInbox *box)
{
    SluiceMessage message;
    const uint8_t *data;
    size_t len;

    assert_false(sl_inbox_peek(box, &message));
    assert_false(sl_inbox_peek_early(box, &data, &len));
    assert_null(box->head);
    assert_null(box->tail);
    assert_null(box->early_head);
    assert_null(box->early_tail);
    assert_int_equal(box->messages, 0);
    assert_int_equal(box->message_bytes, 0);
    assert_int_equal(box->held, 0);
    assert_int_equal(box->held_bytes, 0);
    assert_int_equal(box->early, 0);
}

static uint32_t opened_generation; /* what open_packet() answers */

/* Opens by taking ten bytes off and turning the rest over; refuses what begins with 0xff. */
static SluiceStatus open_packet(void *context, SluiceKind kind, uint8_t *data, size_t *len,
                                uint32_t *generation)
{
    unsigned *calls = context;

    (void)kind;
    (*calls)++;
    *generation = opened_generation;
    if (data[0] == 0xff)
        return SLUICE_DROPPED_UNAUTHENTIC;
    *len -= 10;
    for (size_t i = 0; i < *len; i++)
        data[i] ^= 0x80;
    return SLUICE_OK;
}

static void test_order_of_arrival(void **state)
{
    unsigned calls = 0;
    SlInbox box;

    (void)state;
    sl_inbox_init(&box, 64, 131072, 256, 1048576);
    expect_empty(&box);
    sl_inbox_push_data(&box, 1, filled(1), 100);
    sl_inbox_push_media(&box, SLUICE_KIND_RTP, 0, filled(2), 110);
    sl_inbox_push_data(&box, 1, filled(3), 0);
    sl_inbox_push_media(&box, SLUICE_KIND_RTCP, 0, filled(4), 60);
    assert_true(sl_inbox_has_media(&box));
    expect(&box, SLUICE_KIND_DATA, 1, 1, 100);
    opened_generation = 1;
    sl_inbox_open(&box, open_packet, &calls);
    assert_int_equal(calls, 2);
    sl_inbox_push_media(&box, SLUICE_KIND_RTP, 2, filled(5), 200); /* already plain */
    expect(&box, SLUICE_KIND_RTP, 1, 0x82, 100);
    expect(&box, SLUICE_KIND_DATA, 1, 3, 0);
    expect(&box, SLUICE_KIND_RTCP, 1, 0x84, 50);
    assert_true(sl_inbox_has_media(&box));
    expect(&box, SLUICE_KIND_RTP, 2, 5, 200);
    assert_false(sl_inbox_has_media(&box));
    expect_empty(&box);
    sl_inbox_pop(&box);
    expect_empty(&box);
    sl_inbox_cleanup(&box);
}

/* Nothing is delivered before the keys, and nothing overtakes what waits for them. */
static void test_sealed_is_not_shown(void **state)
{
    SluiceMessage message;
    SlInbox box;

    (void)state;
    sl_inbox_init(&box, 64, 131072, 256, 1048576);
    sl_inbox_push_media(&box, SLUICE_KIND_RTP, 0, filled(2), 110);
    sl_inbox_push_data(&box, 1, filled(1), 100);
    assert_false(sl_inbox_peek(&box, &message));
    sl_inbox_cleanup(&box);
    expect_empty(&box);
}

static void test_refused_packets_are_dropped(void **state)
{
    unsigned calls = 0;
    SlInbox box;

    (void)state;
    sl_inbox_init(&box, 64, 131072, 256, 1048576);
    sl_inbox_push_media(&box, SLUICE_KIND_RTP, 0, filled(0xff), 100);
    sl_inbox_push_media(&box, SLUICE_KIND_RTP, 0, filled(1), 100);
    sl_inbox_push_media(&box, SLUICE_KIND_RTCP, 0, filled(0xff), 100);
    opened_generation = 3;
    sl_inbox_open(&box, open_packet, &calls);
    assert_int_equal(calls, 3);
    assert_int_equal(box.held, 1);
    assert_int_equal(box.held_bytes, 90);
    /* The tail was dropped, and what is open is not opened twice. */
    sl_inbox_push_media(&box, SLUICE_KIND_RTP, 0, filled(2), 100);
    opened_generation = 4;
    sl_inbox_open(&box, open_packet, &calls);
    assert_int_equal(calls, 4);
    expect(&box, SLUICE_KIND_RTP, 3, 0x81, 90);
    expect(&box, SLUICE_KIND_RTP, 4, 0x82, 90);
    expect_empty(&box);
    sl_inbox_push_media(&box, SLUICE_KIND_RTP, 0, filled(0xff), 100);
    opened_generation = 4;
    sl_inbox_open(&box, open_packet, &calls);
    expect_empty(&box);
}

/* What a second association has kept aside goes behind what waits, whatever the bounds say. */
static void test_take_over(void **state)
{
    unsigned calls = 0;
    SlInbox box, aside;

    (void)state;
    sl_inbox_init(&box, 1, 200, 1, 200);
    sl_inbox_init(&aside, 64, 131072, 256, 1048576);
    sl_inbox_take_over(&box, &aside);
    sl_inbox_push_data(&aside, 2, filled(1), 100);
    sl_inbox_push_media(&aside, SLUICE_KIND_RTP, 0, filled(2), 110);
    sl_inbox_push_data(&aside, 2, filled(3), 120);
    sl_inbox_take_over(&box, &aside);
    expect_empty(&aside);
    assert_int_equal(aside.messages + aside.held, 0);
    sl_inbox_push_data(&aside, 3, filled(4), 10);
    sl_inbox_take_over(&box, &aside);
    assert_int_equal(box.messages, 3);
    assert_int_equal(box.message_bytes, 230);
    assert_int_equal(box.held, 1);
    opened_generation = 2;
    sl_inbox_open(&box, open_packet, &calls);
    expect(&box, SLUICE_KIND_DATA, 2, 1, 100);
    expect(&box, SLUICE_KIND_RTP, 2, 0x82, 100);
    expect(&box, SLUICE_KIND_DATA, 2, 3, 120);
    expect(&box, SLUICE_KIND_DATA, 3, 4, 10);
    expect_empty(&box);
    assert_int_equal(box.messages + box.held + box.message_bytes + box.held_bytes, 0);
}

static void test_drop_data(void **state)
{
    SlInbox box;

    (void)state;
    sl_inbox_init(&box, 64, 131072, 256, 1048576);
    sl_inbox_drop_data(&box);
    sl_inbox_push_data(&box, 1, filled(1), 100);
    sl_inbox_push_media(&box, SLUICE_KIND_RTP, 1, filled(2), 50);
    sl_inbox_push_data(&box, 1, filled(3), 100);
    sl_inbox_drop_data(&box);
    sl_inbox_push_data(&box, 1, filled(4), 20); /* the tail was dropped */
    assert_int_equal(box.messages, 1);
    expect(&box, SLUICE_KIND_RTP, 1, 2, 50);
    expect(&box, SLUICE_KIND_DATA, 1, 4, 20);
    expect_empty(&box);
}

static void test_data_is_bounded(void **state)
{
    SlInbox box;

    (void)state;
    sl_inbox_init(&box, 64, 131072, 2, 1000);
    assert_true(
        sl_inbox_has_room(&box, 16896)); /* an empty one takes a datagram, whatever the bound */
    sl_inbox_push_data(&box, 1, filled(1), 600);
    assert_true(sl_inbox_has_room(&box, 400));
    assert_false(sl_inbox_has_room(&box, 401));
    assert_false(sl_inbox_has_room(&box, SIZE_MAX));
    sl_inbox_push_data(&box, 1, filled(1), 10);
    assert_false(sl_inbox_has_room(&box, 1));
    sl_inbox_pop(&box);
    assert_true(sl_inbox_has_room(&box, 990));
    /* Media has a bound of its own. */
    assert_int_equal(sl_inbox_push_media(&box, SLUICE_KIND_RTP, 0, filled(1), 1500), SLUICE_OK);
    assert_true(sl_inbox_has_room(&box, 990));
    sl_inbox_cleanup(&box);
}

static void test_held_is_bounded(void **state)
{
    SlInbox box;

    (void)state;
    sl_inbox_init(&box, 3, 1000, 256, 1048576);
    assert_int_equal(sl_inbox_push_media(&box, SLUICE_KIND_RTP, 0, filled(1), 1001),
                     SLUICE_DROPPED_FULL);
    assert_int_equal(sl_inbox_push_media(&box, SLUICE_KIND_RTP, 0, filled(1), 500), SLUICE_OK);
    assert_int_equal(sl_inbox_push_media(&box, SLUICE_KIND_RTCP, 0, filled(1), 501),
                     SLUICE_DROPPED_FULL);
    assert_int_equal(sl_inbox_push_media(&box, SLUICE_KIND_RTCP, 0, filled(1), 20), SLUICE_OK);
    assert_int_equal(sl_inbox_push_media(&box, SLUICE_KIND_RTCP, 0, filled(1), 20), SLUICE_OK);
    assert_int_equal(sl_inbox_push_media(&box, SLUICE_KIND_RTCP, 0, filled(1), 20),
                     SLUICE_DROPPED_FULL);
    assert_int_equal(box.held, 3);
    assert_int_equal(box.held_bytes, 540);
    sl_inbox_cleanup(&box);
    expect_empty(&box);
}

/* Early media once pushed out the ClientHello that it waited for: they shared one bound. */
static void test_early_dtls_has_a_bound_of_its_own(void **state)
{
    SlInbox box;

    (void)state;
    sl_inbox_init(&box, 1, 1000, 256, 1048576);
    assert_int_equal(sl_inbox_push_media(&box, SLUICE_KIND_RTP, 0, filled(1), 1000), SLUICE_OK);
    for (uint8_t i = 0; i < SL_EARLY_MAX; i++)
        assert_int_equal(sl_inbox_push_early(&box, filled(i), 100), SLUICE_OK);
    assert_int_equal(sl_inbox_push_early(&box, filled(99), 100), SLUICE_DROPPED_FULL);
    sl_inbox_pop_early(&box);
    assert_int_equal(
        sl_inbox_push_early(&box, filled(99), 1500 + SL_EARLY_BYTES_MAX - SL_EARLY_MAX * 100),
        SLUICE_DROPPED_FULL);
    assert_int_equal(sl_inbox_push_early(&box, filled(99), 1500), SLUICE_OK);
    sl_inbox_cleanup(&box);
    expect_empty(&box);
}

static void expect_early(SlInbox *box, uint8_t mark, size_t len)
{
    const uint8_t *data;
    size_t n;

    assert_true(sl_inbox_peek_early(box, &data, &n));
    assert_int_equal(n, len);
    assert_memory_equal(data, filled(mark), len);
    sl_inbox_pop_early(box);
}

/* A client that waits for us sends its ClientHello again and again: one copy is enough. */
static void test_early_dtls(void **state)
{
    SlInbox box;

    (void)state;
    sl_inbox_init(&box, 3, 10000, 256, 1048576);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(sl_inbox_push_early(&box, filled(1), 100), SLUICE_OK);
        assert_int_equal(sl_inbox_push_early(&box, filled(2), 100), SLUICE_OK);
        assert_int_equal(sl_inbox_push_early(&box, filled(2), 101), SLUICE_OK);
    }
    assert_int_equal(box.early, 3);
    assert_int_equal(box.held, 0);
    assert_false(sl_inbox_has_media(&box));
    expect_early(&box, 1, 100);
    expect_early(&box, 2, 100);
    expect_early(&box, 2, 101);
    expect_empty(&box);
    sl_inbox_pop_early(&box);
}

static void test_freed_memory_is_wiped(void **state)
{
    SluiceMessage message;
    unsigned calls = 0;
    SlInbox box;

    (void)state;
    sl_inbox_init(&box, 64, 131072, 256, 1048576);
    sl_inbox_push_data(&box, 1, filled(0x55), 100);
    assert_true(sl_inbox_peek(&box, &message));
    watch(message.data, 100);
    sl_inbox_pop(&box);
    assert_int_equal(wiped, 1);

    /* An opened packet is wiped as far as it was sealed. */
    sl_inbox_push_media(&box, SLUICE_KIND_RTP, 0, filled(0x55), 100);
    opened_generation = 1;
    sl_inbox_open(&box, open_packet, &calls);
    assert_true(sl_inbox_peek(&box, &message));
    watch(message.data, 100);
    sl_inbox_cleanup(&box);
    assert_int_equal(wiped, 1);

    sl_inbox_push_data(&box, 1, filled(0x55), 100);
    assert_true(sl_inbox_peek(&box, &message));
    watch(message.data, 100);
    sl_inbox_cleanup(&box);
    assert_int_equal(wiped, 1);
}

static void test_out_of_memory(void **state)
{
    SlInbox box;

    (void)state;
    sl_inbox_init(&box, 64, 131072, 256, 1048576);
    malloc_fails = 1;
    assert_int_equal(sl_inbox_push_data(&box, 1, filled(1), 10), SLUICE_NO_MEMORY);
    assert_int_equal(sl_inbox_push_media(&box, SLUICE_KIND_RTP, 0, filled(1), 10),
                     SLUICE_NO_MEMORY);
    assert_int_equal(sl_inbox_push_early(&box, filled(1), 10), SLUICE_NO_MEMORY);
    malloc_fails = 0;
    expect_empty(&box);
}

static void random_step(SlInbox *box, Rng *rng)
{
    uint8_t mark = (uint8_t)(rng_chance(rng, 0.2) ? 0xff : rng_below(rng, 100));
    size_t len = 10 + rng_below(rng, 300);
    unsigned calls = 0;

    switch (rng_below(rng, 12)) {
    case 0:
    case 1:
    case 2:
        if (sl_inbox_has_room(box, len))
            sl_inbox_push_data(box, 1, filled(mark), len);
        break;
    case 3:
    case 4:
        sl_inbox_push_media(box, SLUICE_KIND_RTP, 0, filled(mark), len);
        break;
    case 5:
        sl_inbox_push_media(box, SLUICE_KIND_RTCP, 7, filled(mark), len);
        break;
    case 6:
        sl_inbox_push_early(box, filled(mark), len);
        break;
    case 7:
        sl_inbox_pop_early(box);
        break;
    case 8:
        opened_generation = 7;
        sl_inbox_open(box, open_packet, &calls);
        break;
    default:
        sl_inbox_pop(box);
        break;
    }
}

static void test_bounds_hold_at_random(void **state)
{
    SlInbox box;
    Rng rng;

    (void)state;
    rng_init(&rng, rng_test_seed(2));
    sl_inbox_init(&box, 20, 3000, 10, 2000);
    for (int i = 0; i < 50000; i++) {
        random_step(&box, &rng);
        assert_true(box.held <= 20 && box.held_bytes <= 3000);
        assert_true(box.messages <= 10 && box.message_bytes <= 2000);
        assert_true((box.head == NULL) == (box.messages + box.held == 0));
        assert_true((box.early_head == NULL) == (box.early == 0) && box.early <= SL_EARLY_MAX);
    }
    sl_inbox_cleanup(&box);
    expect_empty(&box);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_of_arrival),
        cmocka_unit_test(test_sealed_is_not_shown),
        cmocka_unit_test(test_refused_packets_are_dropped),
        cmocka_unit_test(test_take_over),
        cmocka_unit_test(test_drop_data),
        cmocka_unit_test(test_data_is_bounded),
        cmocka_unit_test(test_held_is_bounded),
        cmocka_unit_test(test_early_dtls),
        cmocka_unit_test(test_early_dtls_has_a_bound_of_its_own),
        cmocka_unit_test(test_freed_memory_is_wiped),
        cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_bounds_hold_at_random),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
