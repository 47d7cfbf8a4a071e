/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: the parts of a message make it whole in any order, once each; a part of another message begins anew; what a part
 * claims is never believed beyond what a record holds. */

#include "alloc.h"
#include "reassembly.h"
#include "rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static uint8_t message[SL_REASSEMBLY_MAX + 1];

static SlFragment part(uint32_t length, uint32_t offset, size_t len)
{
    const SlFragment fragment = {.type = SL_CERTIFICATE,
                                 .length = length,
                                 .message_seq = 3,
                                 .fragment_offset = offset,
                                 .body = message + offset,
                                 .len = len};

    return fragment;
}

static size_t add(SlReassembly *self, uint32_t length, uint32_t offset, size_t len)
{
    const SlFragment fragment = part(length, offset, len);

    return sl_reassembly_add(self, &fragment);
}

/* The record that comes out has the message, whole, and says so. */
static void assert_is(const SlReassembly *self, uint32_t length)
{
    size_t offset = 0, at = 0, len = sl_reassembly_whole(self);
    SlRecord record;
    SlFragment fragment;

    assert_int_equal(len, 25 + length);
    assert_int_equal(sl_record_next(self->record, len, &offset, &record), 1);
    assert_int_equal(offset, len);
    assert_int_equal(record.type, SL_HANDSHAKE);
    assert_int_equal(record.version, 0xfefd);
    assert_int_equal(record.epoch, 0);
    assert_int_equal(sl_fragment_next(record.body, record.len, &at, &fragment), 1);
    assert_int_equal(at, record.len);
    assert_int_equal(fragment.type, SL_CERTIFICATE);
    assert_int_equal(fragment.message_seq, 3);
    assert_int_equal(fragment.length, length);
    assert_int_equal(fragment.fragment_offset, 0);
    assert_memory_equal(fragment.body, message, length);
}

static void test_any_order(void **state)
{
    static const uint32_t lengths[] = {1, 7, 8, 9, 300, SL_REASSEMBLY_MAX};
    Rng rng;

    (void)state;
    rng_init(&rng, rng_test_seed(1));
    for (size_t i = 0; i < sizeof message; i++)
        message[i] = (uint8_t)rng_below(&rng, 256);
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        SlReassembly whole = {0};
        size_t brought = 0;

        while (!sl_reassembly_whole(&whole)) {
            uint32_t offset = (uint32_t)rng_below(&rng, lengths[i]);
            uint32_t most = lengths[i] - offset < 500 ? lengths[i] - offset : 500;

            brought += add(&whole, lengths[i], offset, 1 + rng_below(&rng, most));
        }
        assert_int_equal(brought, lengths[i]);
        assert_is(&whole, lengths[i]);
        assert_int_equal(add(&whole, lengths[i], 0, 1), 0);
        sl_reassembly_clear(&whole);
        assert_int_equal(sl_reassembly_whole(&whole), 0);
    }
}

/* Without a body it is whole at once. */
static void test_empty(void **state)
{
    SlReassembly whole = {0};

    (void)state;
    assert_int_equal(sl_reassembly_whole(&whole), 0);
    assert_int_equal(add(&whole, 0, 0, 0), 0);
    assert_is(&whole, 0);
    sl_reassembly_clear(&whole);
}

/* The forged twin: what is forged goes when the genuine part comes behind it; another length, type or number is another
 * message. */
static void test_others(void **state)
{
    static const uint8_t forged[64] = {0};
    SlReassembly whole = {0};
    SlFragment fragment = part(100, 0, 64);

    (void)state;
    fragment.body = forged;
    assert_int_equal(sl_reassembly_add(&whole, &fragment), 64);
    assert_int_equal(add(&whole, 100, 0, 64), 0);
    assert_int_equal(add(&whole, 100, 64, 36), 36);
    assert_is(&whole, 100);

    for (int what = 0; what < 3; what++) {
        assert_int_equal(add(&whole, 200, 0, 100), 100);
        fragment = part(200, 100, 100);
        assert_true(sl_reassembly_is_of(&whole, &fragment));
        fragment.type = what == 0 ? SL_SERVER_KEY_EXCHANGE : fragment.type;
        fragment.message_seq = what == 1 ? 4 : fragment.message_seq;
        fragment.length = what == 2 ? 201 : fragment.length;
        assert_false(sl_reassembly_is_of(&whole, &fragment));
        assert_int_equal(sl_reassembly_add(&whole, &fragment), 100);
        assert_int_equal(sl_reassembly_whole(&whole), 0);
        sl_reassembly_clear(&whole);
    }
}

static void test_bounds(void **state)
{
    AllocCount before = alloc_count(), after;
    SlReassembly whole = {0};

    (void)state;
    assert_int_equal(add(&whole, SL_REASSEMBLY_MAX + 1, 0, 1), 0);
    assert_int_equal(add(&whole, 0xffffff, 0, 1), 0);
    assert_null(whole.record);
    assert_int_equal(add(&whole, SL_REASSEMBLY_MAX, 0, 1), 1);
    after = alloc_count();
    assert_true(after.own_bytes - before.own_bytes < 19 * 1024);
    sl_reassembly_clear(&whole);
    alloc_fail_at(1, 0);
    assert_int_equal(add(&whole, 64, 0, 1), 0);
    alloc_fail_at(0, 0);
    assert_null(whole.record);
    assert_int_equal(add(&whole, 64, 0, 1), 1);
    sl_reassembly_clear(&whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_order),
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_others),
        cmocka_unit_test(test_bounds),
    };

    alloc_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
