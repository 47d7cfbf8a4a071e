/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: the table of SSRCs does what a plain array of them would, through every growth; it takes no more than it may; it
 * is as it was when memory runs out; and no set of SSRCs makes its chains long. */

#include "ssrc-table.h"

#include "alloc.h"
#include "rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define SSRCS 600
#define MAX 400

static const uint64_t seed[2] = {0x9e3779b97f4a7c15, 0xbf58476d1ce4e5b9};

typedef struct {
    int there;
    SlSsrcList list;
    uint64_t when; /* it was put in front */
} Model;

static void check_list(SlSsrcTable *table, const Model *model, SlSsrcList list)
{
    uint32_t i = table->newest[list], newer = SL_SSRC_NONE, n = 0;
    uint64_t last = UINT64_MAX;

    for (; i != SL_SSRC_NONE; newer = i, i = table->places[i].older, n++) {
        const SlSsrc *entry = &table->places[i];

        assert_true(model[entry->ssrc].there);
        assert_int_equal(model[entry->ssrc].list, list);
        assert_int_equal(entry->list, list);
        assert_int_equal(entry->newer, newer);
        assert_true(model[entry->ssrc].when < last);
        last = model[entry->ssrc].when;
    }
    assert_int_equal(table->oldest[list], newer);
    assert_int_equal(table->count[list], n);
    if (n)
        assert_ptr_equal(sl_ssrc_table_oldest(table, list), &table->places[newer]);
    else
        assert_null(sl_ssrc_table_oldest(table, list));
}

static void one_operation(SlSsrcTable *table, Model *model, Rng *rng, uint64_t when)
{
    uint32_t ssrc = (uint32_t)rng_below(rng, SSRCS);
    SlSsrcList list = (SlSsrcList)rng_below(rng, 2);
    SlSsrc *entry = sl_ssrc_table_find(table, ssrc);

    assert_int_equal(entry != NULL, model[ssrc].there);
    if (entry) {
        assert_int_equal(entry->ssrc, ssrc);
        assert_int_equal(entry->rtp_last, ssrc * 3u);
    }
    if (!entry) {
        int full = table->n == MAX;

        entry = sl_ssrc_table_insert(table, ssrc, list);
        assert_int_equal(entry == NULL, full);
        if (!entry)
            return;
        assert_int_equal(entry->rtp_last + entry->streamed + entry->rtcp_last, 0);
        entry->rtp_last = ssrc * 3u;
        model[ssrc] = (Model){1, list, when};
    } else if (rng_below(rng, 3) == 0) {
        sl_ssrc_table_delete(table, entry);
        model[ssrc].there = 0;
    } else {
        sl_ssrc_table_put_in_front(table, entry, list);
        model[ssrc] = (Model){1, list, when};
    }
}

static void test_against_a_plain_array(void **state)
{
    Model *model = test_malloc(SSRCS * sizeof *model);
    uint64_t rest[2] = {seed[0], seed[1]};
    SlSsrcTable table;
    Rng rng;

    (void)state;
    rng_init(&rng, rng_test_seed(11));
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < SSRCS; i++)
            model[i] = (Model){0};
        rest[0] = rng_next(&rng);
        rest[1] = rng_next(&rng);
        assert_true(sl_ssrc_table_init(&table, MAX, rest));
        for (uint64_t when = 1; when < 4000; when++) {
            one_operation(&table, model, &rng, when);
            if (when % 97 == 0) {
                check_list(&table, model, SL_SSRC_LIVE);
                check_list(&table, model, SL_SSRC_REMEMBERED);
                assert_int_equal(table.count[0] + table.count[1], table.n);
            }
        }
        sl_ssrc_table_cleanup(&table);
    }
    test_free(model);
}

static void test_it_takes_no_more_than_it_may(void **state)
{
    SlSsrcTable table;

    (void)state;
    assert_true(sl_ssrc_table_init(&table, 10, seed));
    for (uint32_t i = 0; i < 10; i++)
        assert_non_null(sl_ssrc_table_insert(&table, i, SL_SSRC_LIVE));
    assert_null(sl_ssrc_table_insert(&table, 10, SL_SSRC_LIVE));
    sl_ssrc_table_delete(&table, sl_ssrc_table_find(&table, 4));
    assert_null(sl_ssrc_table_find(&table, 4));
    assert_non_null(sl_ssrc_table_insert(&table, 10, SL_SSRC_LIVE));
    assert_null(sl_ssrc_table_insert(&table, 4, SL_SSRC_LIVE));
    sl_ssrc_table_cleanup(&table);
}

/* It grows by doubling: that is all it ever allocates. */
static void test_allocations(void **state)
{
    SlSsrcTable table;
    uint64_t before = alloc_count().own_calls;

    (void)state;
    assert_true(sl_ssrc_table_init(&table, 100000, seed));
    for (uint32_t i = 0; i < 1024; i++)
        assert_non_null(sl_ssrc_table_insert(&table, i, SL_SSRC_LIVE));
    assert_int_equal(alloc_count().own_calls - before, 9); /* 4, 8, .. 1024 */
    before = alloc_count().own_calls;
    for (uint32_t i = 0; i < 5000; i++) {
        sl_ssrc_table_delete(&table, sl_ssrc_table_find(&table, i));
        assert_non_null(sl_ssrc_table_insert(&table, 1024 + i, SL_SSRC_LIVE));
    }
    assert_int_equal(alloc_count().own_calls, before);
    sl_ssrc_table_cleanup(&table);
}

static void test_no_memory(void **state)
{
    SlSsrcTable table;

    (void)state;
    alloc_fail_at(1, 0);
    assert_false(sl_ssrc_table_init(&table, 100, seed));
    sl_ssrc_table_cleanup(&table);
    alloc_fail_at(0, 0);

    assert_true(sl_ssrc_table_init(&table, 100, seed));
    for (uint32_t i = 0; i < 4; i++)
        assert_non_null(sl_ssrc_table_insert(&table, i, SL_SSRC_LIVE));
    alloc_fail_at(1, 0);
    assert_null(sl_ssrc_table_insert(&table, 4, SL_SSRC_LIVE));
    alloc_fail_at(0, 0);
    for (uint32_t i = 0; i < 5; i++)
        assert_int_equal(sl_ssrc_table_find(&table, i) != NULL, i < 4);
    assert_non_null(sl_ssrc_table_insert(&table, 4, SL_SSRC_LIVE));
    for (uint32_t i = 0; i < 5; i++)
        assert_non_null(sl_ssrc_table_find(&table, i));
    sl_ssrc_table_cleanup(&table);
}

/* Steps on average to find one of 4,096 SSRCs that are @step apart. */
static double steps_to_find(uint32_t step, const uint64_t random[2])
{
    SlSsrcTable table;
    uint64_t steps = 0;

    assert_true(sl_ssrc_table_init(&table, 4096, random));
    for (uint32_t i = 0; i < 4096; i++)
        assert_non_null(sl_ssrc_table_insert(&table, i * step, SL_SSRC_LIVE));
    for (uint32_t chain = 0; chain < 4 * table.room; chain++) {
        uint64_t n = 0;

        for (uint32_t i = table.chains[chain]; i != SL_SSRC_NONE; i = table.places[i].next)
            steps += ++n;
    }
    sl_ssrc_table_cleanup(&table);
    return (double)steps / 4096;
}

/* A peer that picks its SSRCs cannot know the multiplier. For some steps a multiplier is bad by chance, so the mean over
 * many of them counts. */
static void test_no_pattern_makes_long_chains(void **state)
{
    static const uint32_t patterns[] = {1, 2, 3, 16, 255, 256, 4096, 65536, 65537, 1u << 20};
    Rng rng;

    (void)state;
    rng_init(&rng, rng_test_seed(12));
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
        double sum = 0;

        for (int draw = 0; draw < 40; draw++) {
            uint64_t random[2] = {rng_next(&rng), rng_next(&rng)};

            sum += steps_to_find(patterns[i], random);
        }
        assert_true(sum / 40 < 3);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_a_plain_array),
        cmocka_unit_test(test_it_takes_no_more_than_it_may),
        cmocka_unit_test(test_allocations),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_no_pattern_makes_long_chains),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
