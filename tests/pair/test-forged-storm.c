/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: a storm of forged datagrams from the exact address of the peer, a hundred a second for the whole handshake,
 * changes nothing that the network does not change (SPF-02, SPF-03), on a clean path and on a bad one. What cannot be
 * told from the peer's own is met by test-fresh-attempts. */

#include "forged.h"

#define DELAY (150 * MS) /* a handshake of 600 ms: some sixty forged datagrams each way */
#define GRACE (2 * SECOND)
#define LOSSY_SEEDS 12

/* Record numbers of all sizes, the same ones in each run. */
static uint64_t some_number(unsigned i)
{
    static const uint64_t numbers[] = {
        0, 1, 6, 46, 106, UINT64_C(1) << 39, 200, 250, UINT64_C(1) << 47, (UINT64_C(1) << 48) - 1};

    return numbers[i % (sizeof numbers / sizeof numbers[0])];
}

static void open_on(Pair *pair, double loss, uint64_t seed)
{
    const LinkSettings settings = {.delay = loss > 0 ? 20 * MS : DELAY, .loss = loss};
    SluiceConfig *a = new_config(CLIENT), *b = new_config(SERVER);

    pair_open(pair, a, b, &settings, seed);
    sluice_config_unref(a);
    sluice_config_unref(b);
}

/* The time a handshake takes there; with @kind in a storm at both ends, or any kind in turn. */
static SluiceTime handshake_time(double loss, uint64_t seed, int kind, int stormy)
{
    SluiceTime took, next;
    Pair pair;
    unsigned n = 0;

    open_on(&pair, loss, seed);
    pair_start_both(&pair);
    next = pair.begun;
    while (!pair_both_settled(&pair) && vclock_now() < pair.begun + 25 * SECOND) {
        next += 10 * MS;
        for (int end = 0; stormy && end < 2; end++)
            inject_forged(&pair, end, (Forged)(kind < 0 ? (int)(n % FORGED_KINDS) : kind),
                          some_number(n), next);
        n++;
        (void)pair_run_until(&pair, pair_both_settled, next);
    }
    took = vclock_now() - pair.begun;
    if (!pair_both_connected(&pair) || pair.spun)
        fail_msg("%s, loss %d %%, seed %d: client %s (%s), server %s (%s)",
                 kind < 0 ? "all kinds" : forged_name((Forged)kind), (int)(loss * 100), (int)seed,
                 sluice_state_name(pair_state(&pair, CLIENT)), reason_name(&pair, CLIENT),
                 sluice_state_name(pair_state(&pair, SERVER)), reason_name(&pair, SERVER));
    if (stormy && (kind < 0 || forged_is_counted((Forged)kind)))
        for (int end = 0; end < 2; end++)
            assert_true(dropped_by(&pair, end) > 0);
    link_clear(&pair.end[CLIENT].link);
    link_clear(&pair.end[SERVER].link);
    pair.end[CLIENT].link.settings.loss = pair.end[SERVER].link.settings.loss = 0;
    pair_run(&pair, 5 * SECOND);
    assert_talks(&pair);
    pair_close(&pair);
    return took;
}

static void test_clean_path(void **state)
{
    (void)state;
    for (int kind = -1; kind < FORGED_KINDS; kind++)
        assert_true(handshake_time(0, 1, kind, 1) <= 4 * DELAY);
}

/* Forged datagrams draw no lot, so the same seed loses the same of the others. */
static void test_lossy_path(void **state)
{
    uint64_t seed = rng_test_seed(7);

    (void)state;
    for (uint64_t i = 0; i < LOSSY_SEEDS; i++) {
        SluiceTime quiet = handshake_time(0.1, seed + i, -1, 0);

        for (int kind = -1; kind < FORGED_KINDS; kind++)
            assert_true(handshake_time(0.1, seed + i, kind, 1) <= quiet + GRACE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clean_path),
        cmocka_unit_test(test_lossy_path),
    };

    alloc_init();
    return cmocka_run_group_tests(tests, NULL, free_certificates);
}
