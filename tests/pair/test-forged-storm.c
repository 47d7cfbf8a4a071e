/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: a storm of forged datagrams from the exact address of the peer, a hundred a second for the whole handshake,
 * changes nothing that the network does not change (SPF-02, SPF-03), on a clean path and on a bad one. What cannot be
 * told from the peer's own may break a handshake, but never connects to somebody else and never ends without a
 * reason (SPF-04, SPF-05). */

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

/* -- what cannot be told apart ------------------------------------------------------------------------------ */

#define STOLEN_MAX 16

/* The plaintext messages that one end of another handshake sent. */
typedef struct {
    uint8_t bytes[STOLEN_MAX][1400];
    size_t len[STOLEN_MAX], n;
} Stolen;

static int steal(void *context, uint64_t number, SluiceTime now, uint8_t *data, size_t len)
{
    Stolen *stolen = context;

    (void)number;
    (void)now;
    for (size_t at = 0; at + 13 <= len;) {
        size_t n = 13 + ((size_t)data[at + 11] << 8 | data[at + 12]);

        if (data[at] == 22 && data[at + 4] == 0 && stolen->n < STOLEN_MAX) {
            memcpy(stolen->bytes[stolen->n], data + at, n);
            stolen->len[stolen->n++] = n;
        }
        at += n;
    }
    return 1;
}

/* @cookie: with a HelloVerifyRequest. */
static void steal_handshake(Stolen stolen[2], int cookie)
{
    SluiceConfig *a = new_config(SERVER), *b = new_config(CLIENT);
    Pair pair;

    sluice_config_set_allow_unvalidated(a, 1);
    sluice_config_set_allow_unvalidated(b, 1);
    open_with(&pair, a, b);
    for (int end = 0; end < 2; end++) {
        stolen[end].n = 0;
        pair.end[end].link.filter = steal;
        pair.end[end].link.filter_context = &stolen[end];
        pair_know(&pair, end);
        sluice_transport_set_path_validated(pair.end[end].transport, vclock_now(), !cookie);
    }
    pair_start(&pair, CLIENT, SLUICE_ROLE_CLIENT);
    pair_start(&pair, SERVER, SLUICE_ROLE_SERVER);
    assert_true(pair_run_until(&pair, pair_both_connected, pair.begun + SECOND));
    pair_close(&pair);
}

/* Either it is the peer, and all goes well, or it is nobody, with a reason. */
static void assert_peer_or_nobody(Pair *pair)
{
    for (int end = 0; end < 2; end++) {
        SluiceState reached = pair_state(pair, end);

        if (reached == SLUICE_STATE_FAILED)
            assert_true(pair_end(pair, end).reason != 0 &&
                        pair_end(pair, end).reason != SLUICE_END_NO_MEMORY);
        else
            assert_true(reached == SLUICE_STATE_CONNECTED || reached == SLUICE_STATE_CLOSED);
    }
    assert_false(pair->spun);
    if (pair_both_connected(pair))
        assert_talks(pair);
    else
        for (int end = 0; end < 2; end++)
            assert_int_equal(pair->end[end].n_messages, 0);
}

/* A whole message of the kind that is waited for, with the right message_seq: nothing tells it from the peer's before
 * Finished. That a handshake survives it is not promised. */
static void test_what_cannot_be_told_apart(void **state)
{
    static Stolen stolen[2];

    (void)state;
    for (int cookie = 0; cookie < 2; cookie++) {
        steal_handshake(stolen, cookie);
        for (int victim = CLIENT; victim <= SERVER; victim++)
            for (size_t i = 0; i < stolen[!victim].n; i++)
                for (int when = 0; when < 4; when++) {
                    Pair pair;

                    open_default(&pair);
                    pair_start_both(&pair);
                    inject_bytes(&pair, victim, pair.begun + when * 10 * MS + 5 * MS,
                                 stolen[!victim].bytes[i], stolen[!victim].len[i]);
                    pair_run(&pair, 31 * SECOND);
                    assert_peer_or_nobody(&pair);
                    pair_close(&pair);
                }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clean_path),
        cmocka_unit_test(test_lossy_path),
        cmocka_unit_test(test_what_cannot_be_told_apart),
    };

    alloc_init();
    return cmocka_run_group_tests(tests, NULL, free_certificates);
}
