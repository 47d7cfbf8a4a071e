/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: there are never more than the limit, in all and of one source, and whoever gives back makes room at once. */

#include "half-open.h"
#include "rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const SlSource nobody = {.len = 0};

static SlSource source(uint32_t n)
{
    SlSource out = {.len = 4};

    memcpy(out.bytes, &n, 4);
    return out;
}

static void test_the_sum(void **state)
{
    SlHalfOpen *taken[3];
    SlHalfOpens all;

    (void)state;
    assert_true(sl_half_opens_init(&all, 3, 3));
    for (int i = 0; i < 3; i++) {
        assert_int_equal(sl_half_opens_count(&all), i);
        taken[i] = sl_half_opens_take(&all, &nobody);
        assert_non_null(taken[i]);
    }
    assert_null(sl_half_opens_take(&all, &nobody));
    sl_half_open_give_back(taken[1]);
    taken[1] = sl_half_opens_take(&all, &nobody);
    assert_non_null(taken[1]);
    assert_null(sl_half_opens_take(&all, &nobody));
    for (int i = 0; i < 3; i++)
        sl_half_open_give_back(taken[i]);
    sl_half_open_give_back(NULL);
    assert_int_equal(sl_half_opens_count(&all), 0);
    sl_half_opens_cleanup(&all);
}

/* One source has its share and no more; the others, and who is not named, have the rest. */
static void test_one_source(void **state)
{
    SlSource a = source(1), b = source(2), shorter = source(1);
    SlHalfOpen *taken[5];
    SlHalfOpens all;

    (void)state;
    shorter.len = 3;
    shorter.bytes[3] = 0;
    assert_true(sl_half_opens_init(&all, 5, 2));
    taken[0] = sl_half_opens_take(&all, &a);
    taken[1] = sl_half_opens_take(&all, &a);
    assert_non_null(taken[1]);
    assert_null(sl_half_opens_take(&all, &a));
    taken[2] = sl_half_opens_take(&all, &b);
    assert_non_null(taken[2]);
    taken[3] = sl_half_opens_take(&all, &shorter); /* the same bytes, but not the same source */
    assert_non_null(taken[3]);
    sl_half_open_give_back(taken[0]);
    taken[0] = sl_half_opens_take(&all, &a);
    assert_non_null(taken[0]);
    assert_null(sl_half_opens_take(&all, &a));
    taken[4] = sl_half_opens_take(&all, &nobody);
    assert_non_null(taken[4]);
    assert_null(sl_half_opens_take(&all, &nobody));
    for (int i = 0; i < 5; i++)
        sl_half_open_give_back(taken[i]);
    assert_int_equal(sl_half_opens_count(&all), 0);
    sl_half_opens_cleanup(&all);
}

/* Against plain counting: 300 sources share 64 lists. */
static void test_at_random(void **state)
{
    enum { MAX = 400, EACH = 3, SOURCES = 300 };
    SlHalfOpen *taken[MAX];
    unsigned of[MAX], counts[SOURCES] = {0}, n = 0, refused = 0;
    SlHalfOpens all;
    Rng rng;

    (void)state;
    rng_init(&rng, rng_test_seed(11));
    assert_true(sl_half_opens_init(&all, MAX, EACH));
    for (int i = 0; i < 100000; i++) {
        if (n && rng_below(&rng, 1000) < 400) {
            size_t at = rng_below(&rng, n);

            sl_half_open_give_back(taken[at]);
            counts[of[at]]--;
            n--;
            taken[at] = taken[n];
            of[at] = of[n];
        } else {
            unsigned from = (unsigned)rng_below(&rng, SOURCES);
            SlSource one = source(from);
            SlHalfOpen *got = sl_half_opens_take(&all, &one);

            assert_int_equal(got != NULL, n < MAX && counts[from] < EACH);
            refused += got == NULL;
            if (got) {
                taken[n] = got;
                of[n++] = from;
                counts[from]++;
            }
        }
        assert_int_equal(sl_half_opens_count(&all), n);
    }
    assert_true(refused > 1000);
    while (n)
        sl_half_open_give_back(taken[--n]);
    sl_half_opens_cleanup(&all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_sum),
        cmocka_unit_test(test_one_source),
        cmocka_unit_test(test_at_random),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
