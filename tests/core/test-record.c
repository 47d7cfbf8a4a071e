/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds that records and handshake fragments are read as RFC 6347 sections 4.1 and 4.2.2 lay them
 * out, and that a length is never believed before it was compared with what is there. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "record.h"

#include <stdlib.h>
#include <string.h>

static void numbers(void **state)
{
    (void)state;
    uint8_t p[6];
    sl_put16(p, 0x1234);
    assert_int_equal(p[0], 0x12);
    assert_int_equal(sl_get16(p), 0x1234);
    sl_put24(p, 0xfedcba);
    assert_int_equal(p[0], 0xfe);
    assert_int_equal(sl_get24(p), 0xfedcba);
    sl_put48(p, UINT64_C(0xfedcba987654));
    assert_int_equal(p[0], 0xfe);
    assert_int_equal(p[5], 0x54);
    assert_true(sl_get48(p) == UINT64_C(0xfedcba987654));
}

static const uint8_t two_records[] = {
    22, 0xfe, 0xfd, 0x00, 0x01, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0, 3, 'a', 'b', 'c', /* 16 */
    99, 0xfe, 0xff, 0x00, 0x00, 0,    0,    0,    0,    0,    9,    0, 0};

static void records(void **state)
{
    (void)state;
    size_t offset = 0;
    SlRecord r;
    assert_int_equal(sl_record_next(two_records, sizeof two_records, &offset, &r), 1);
    assert_int_equal(r.type, 22);
    assert_int_equal(r.version, 0xfefd);
    assert_int_equal(r.epoch, 1);
    assert_true(r.number == UINT64_C(0x010203040506));
    assert_int_equal(r.len, 3);
    assert_memory_equal(r.body, "abc", 3);
    assert_int_equal(offset, 16);
    assert_int_equal(sl_record_next(two_records, sizeof two_records, &offset, &r), 1);
    assert_int_equal(r.type, 99);
    assert_int_equal(r.version, 0xfeff);
    assert_int_equal(r.len, 0);
    assert_int_equal(sl_record_next(two_records, sizeof two_records, &offset, &r), 0);
    assert_int_equal(offset, sizeof two_records);
}

/* Every truncation: a whole first record is read, half of one never, and the offset stays before
 * it. */
static void truncated_records(void **state)
{
    (void)state;
    for (size_t len = 0; len < sizeof two_records; len++) {
        uint8_t *copy = malloc(len > 0 ? len : 1);
        assert_non_null(copy);
        memcpy(copy, two_records, len);
        size_t offset = 0;
        SlRecord r;
        int first = sl_record_next(copy, len, &offset, &r);
        assert_int_equal(first, len == 0 ? 0 : len < 16 ? -1 : 1);
        assert_int_equal(offset, len < 16 ? 0 : 16);
        if (first == 1)
            assert_int_equal(sl_record_next(copy, len, &offset, &r), len == 16 ? 0 : -1);
        free(copy);
    }
    size_t beyond = sizeof two_records + 1;
    SlRecord r;
    assert_int_equal(sl_record_next(two_records, sizeof two_records, &beyond, &r), -1);
}

/* A length one too large, and the unified header of DTLS 1.3 (rule 26). */
static void bad_records(void **state)
{
    (void)state;
    uint8_t copy[16];
    size_t offset = 0;
    SlRecord r;
    memcpy(copy, two_records, sizeof copy);
    copy[12] = 4;
    assert_int_equal(sl_record_next(copy, sizeof copy, &offset, &r), -1);
    copy[11] = 0xff;
    assert_int_equal(sl_record_next(copy, sizeof copy, &offset, &r), -1);
    for (unsigned type = 0; type < 256; type++) {
        memcpy(copy, two_records, sizeof copy);
        copy[0] = (uint8_t)type;
        offset = 0;
        assert_int_equal(sl_record_next(copy, sizeof copy, &offset, &r),
                         type >= 32 && type <= 63 ? -1 : 1);
    }
}

static const uint8_t two_fragments[] = {11,  0,   0,   10,  0,   3,   0, 0, 4, 0, 0, 6,
                                        'd', 'e', 'f', 'g', 'h', 'i', /* 18: the end of a message */
                                        14,  0,   0,   0,   0,   4,   0, 0, 0, 0, 0, 0};

static void fragments(void **state)
{
    (void)state;
    size_t offset = 0;
    SlFragment f;
    assert_int_equal(sl_fragment_next(two_fragments, sizeof two_fragments, &offset, &f), 1);
    assert_int_equal(f.type, 11);
    assert_int_equal(f.length, 10);
    assert_int_equal(f.message_seq, 3);
    assert_int_equal(f.fragment_offset, 4);
    assert_int_equal(f.len, 6);
    assert_memory_equal(f.body, "defghi", 6);
    assert_int_equal(sl_fragment_next(two_fragments, sizeof two_fragments, &offset, &f), 1);
    assert_int_equal(f.type, 14);
    assert_int_equal(f.length, 0);
    assert_int_equal(f.len, 0);
    assert_int_equal(sl_fragment_next(two_fragments, sizeof two_fragments, &offset, &f), 0);
}

static void truncated_fragments(void **state)
{
    (void)state;
    for (size_t len = 0; len < sizeof two_fragments; len++) {
        uint8_t *copy = malloc(len > 0 ? len : 1);
        assert_non_null(copy);
        memcpy(copy, two_fragments, len);
        size_t offset = 0;
        SlFragment f;
        int first = sl_fragment_next(copy, len, &offset, &f);
        assert_int_equal(first, len == 0 ? 0 : len < 18 ? -1 : 1);
        if (first == 1)
            assert_int_equal(sl_fragment_next(copy, len, &offset, &f), len == 18 ? 0 : -1);
        free(copy);
    }
}

/* A fragment that leaves its record or its own message: at byte @at the value @value instead. */
static void bad_fragments(void **state)
{
    (void)state;
    static const struct {
        size_t at;
        uint8_t value;
        int result;
    } rows[] = {
        {3, 10, 1},    /* as it is */
        {3, 9, -1},    /* the message ends before the fragment does */
        {3, 3, -1},    /* the fragment starts behind the message */
        {8, 5, -1},    /* ends one byte behind it */
        {8, 3, 1},     /* one byte earlier: in the middle */
        {6, 0xff, -1}, /* far away */
        {11, 7, -1},   /* one byte too long for its message; the next header would be eaten */
        {9, 0xff, -1}, /* longer than the record */
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t copy[18];
        size_t offset = 0;
        SlFragment f;
        memcpy(copy, two_fragments, sizeof copy);
        copy[rows[i].at] = rows[i].value;
        assert_int_equal(sl_fragment_next(copy, sizeof copy, &offset, &f), rows[i].result);
        assert_int_equal(offset, rows[i].result == 1 ? 18 : 0);
    }
    /* Offset and length whose sum would wrap in 24 bits. */
    uint8_t wrap[13] = {11, 0, 0, 1, 0, 0, 0xff, 0xff, 0xff, 0, 0, 1, 'x'};
    size_t offset = 0;
    SlFragment f;
    assert_int_equal(sl_fragment_next(wrap, sizeof wrap, &offset, &f), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers),           cmocka_unit_test(records),
        cmocka_unit_test(truncated_records), cmocka_unit_test(bad_records),
        cmocka_unit_test(fragments),         cmocka_unit_test(truncated_fragments),
        cmocka_unit_test(bad_fragments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
