/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: flights that the network, or another library, cuts otherwise than we do are read: in fragments of any size, in
 * any order, overlapping; one that is lost is made good by the timer, whose flight has other boundaries (MTU-06, ORD-05;
 * RFC 6347 section 4.2.3). */

#include "cutting.h"

static void open_cut(Pair *pair, Cutting cutting[2], const Cutting *how, int both)
{
    open_default(pair);
    for (int end = 0; end < 2; end++) {
        cutting[end] = *how;
        cutting[end].link = &pair->end[end].link;
        if (end == SERVER || both) {
            pair->end[end].link.filter = cut;
            pair->end[end].link.filter_context = &cutting[end];
        }
    }
    pair_start_both(pair);
}

static void assert_connects(Pair *pair, SluiceTime limit, const Cutting *how)
{
    if (!pair_run_until(pair, pair_both_connected, pair->begun + limit) || pair->spun)
        fail_msg(
            "fragments of %d, overlap %d, backwards %d, lost %u: client %s (%s), server %s (%s)",
            (int)how->size, (int)how->overlap, how->backwards, how->lost,
            sluice_state_name(pair_state(pair, CLIENT)), reason_name(pair, CLIENT),
            sluice_state_name(pair_state(pair, SERVER)), reason_name(pair, SERVER));
    pair->end[CLIENT].link.filter = pair->end[SERVER].link.filter = NULL;
    assert_talks(pair);
}

/* MTU-06: of 300, 64 and 7 bytes, and of a single one, forwards and backwards. No timer is needed. */
static void test_any_size(void **state)
{
    static const size_t sizes[] = {300, 64, 7, 1};

    (void)state;
    for (size_t i = 0; i < 4; i++)
        for (int backwards = 0; backwards < 2; backwards++) {
            const Cutting how = {.size = sizes[i], .backwards = backwards};
            Cutting cutting[2];
            Pair pair;

            open_cut(&pair, cutting, &how, 1);
            assert_connects(&pair, 40 * MS, &how);
            assert_true(cutting[SERVER].fragments >= 300 / sizes[i]);
            pair_close(&pair);
        }
}

/* Overlapping ones are read or dropped; then the flight comes once more, whole. */
static void test_overlapping(void **state)
{
    static const size_t overlaps[] = {1, 30, 63};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        const Cutting how = {.size = 64, .overlap = overlaps[i]};
        Cutting cutting[2];
        AllocCount before = alloc_count(), after;
        Pair pair;

        open_cut(&pair, cutting, &how, 1);
        pair_run(&pair, 35 * MS);
        after = alloc_count();
        assert_true(after.own_bytes + after.openssl_bytes - before.own_bytes -
                        before.openssl_bytes <
                    2 * 200 * 1024);
        if (!pair_both_connected(&pair))
            pair.end[CLIENT].link.filter = pair.end[SERVER].link.filter = NULL;
        assert_connects(&pair, SECOND, &how);
        pair_close(&pair);
    }
}

/* ORD-05: one fragment is lost; the copy of the flight is whole, or cut elsewhere. */
static void test_other_boundaries(void **state)
{
    (void)state;
    for (unsigned lost = 1; lost <= 12; lost++)
        for (int whole = 0; whole < 2; whole++) {
            const Cutting how = {.size = 64, .lost = lost};
            Cutting cutting[2];
            Pair pair;

            open_cut(&pair, cutting, &how, 0);
            pair_run(&pair, 15 * MS);
            if (whole)
                pair.end[SERVER].link.filter = NULL;
            else
                cutting[SERVER].size = 50;
            assert_connects(&pair, 400 * MS, &how);
            pair_close(&pair);
        }
}

/* The forged twin: a fragment of the same message that says another length comes first. More of them: test-forged-parts.c. */
static void test_forged_fragment(void **state)
{
    (void)state;
    for (int at = 0; at < 2; at++) {
        const Cutting how = {.size = 64, .hello = 70};
        uint8_t forged[25 + 64] = {22, 0xfe, 0xfd, 0,   0, 0, 0, 0, 0, 0xff, 0, 0, 12 + 64,
                                   12, 0,    0,    200, 0, 2, 0, 0, 0, 0,    0, 64};
        Cutting cutting[2];
        Pair pair;

        open_cut(&pair, cutting, &how, 1);
        link_inject(&pair.end[SERVER].link, pair.begun + (at ? 15 : 5) * MS, forged, sizeof forged);
        assert_connects(&pair, 45 * MS, &how);
        pair_close(&pair);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_size),
        cmocka_unit_test(test_overlapping),
        cmocka_unit_test(test_other_boundaries),
        cmocka_unit_test(test_forged_fragment),
    };

    alloc_init();
    return cmocka_run_group_tests(tests, NULL, free_certificates);
}
