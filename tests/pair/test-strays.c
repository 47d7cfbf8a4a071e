/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: what belongs to somebody else, or to another time, changes nothing: short datagrams of every first byte before,
 * during and after a handshake (SPF-06; RFC 7983 section 7, RFC 9443), and everything that an earlier association between
 * the same two ends has sent, on the same ports (SPF-07; RFC 8842 section 5). */

#include "common.h"

static void assert_connects(Pair *pair, SluiceTime limit)
{
    if (!pair_run_until(pair, pair_both_connected, limit) || pair->spun)
        fail_msg("client %s (%s), server %s (%s)", sluice_state_name(pair_state(pair, CLIENT)),
                 reason_name(pair, CLIENT), sluice_state_name(pair_state(pair, SERVER)),
                 reason_name(pair, SERVER));
}

/* Every first byte, lengths 1 to 40, to both ends. */
static void throw_in(Pair *pair)
{
    uint8_t bytes[40];

    memset(bytes, 0x41, sizeof bytes);
    for (int first = 0; first < 256; first++)
        for (size_t len = 1; len <= sizeof bytes; len++) {
            bytes[0] = (uint8_t)first;
            bytes[1] = (uint8_t)(len % 2 ? 0xfe : 0xc8); /* a version of DTLS, a report of RTCP */
            for (int end = 0; end < 2; end++) {
                link_inject(&pair->end[end].link, vclock_now(), bytes, len);
                pair_step(pair, vclock_now());
            }
        }
}

static void test_every_first_byte(void **state)
{
    (void)state;
    for (int when = 0; when < 6; when++) {
        size_t before[2] = {0, 0};
        Pair pair;

        open_default(&pair);
        for (int end = 0; end < 2; end++) {
            sluice_transport_set_path_validated(pair.end[end].transport, vclock_now(), 1);
            pair_know(&pair, end);
        }
        if (when == 0)
            throw_in(&pair);
        pair_start(&pair, CLIENT, SLUICE_ROLE_CLIENT);
        pair_start(&pair, SERVER, SLUICE_ROLE_SERVER);
        if (when > 0) {
            pair_run(&pair, (when * 10 - 5) * MS);
            throw_in(&pair);
        }
        assert_connects(&pair, pair.begun + SECOND);
        assert_talks(&pair);
        for (int end = 0; end < 2; end++) {
            SluiceStats stats = pair_stats(&pair, end);

            assert_int_equal(pair.end[end].n_messages - before[end], 3); /* assert_talks() alone */
            assert_true(stats.stun_received && stats.zrtp_received && stats.turn_received &&
                        stats.unknown_received);
        }
        pair_close(&pair);
    }
}

/* -- what an earlier one has sent --------------------------------------------------------------------------- */

#define KEPT_MAX 32

typedef struct {
    uint8_t bytes[KEPT_MAX][1400];
    size_t len[KEPT_MAX], n;
} Kept;

static int keep(void *context, uint64_t number, SluiceTime now, uint8_t *data, size_t len)
{
    Kept *kept = context;

    (void)number;
    (void)now;
    if (kept->n < KEPT_MAX) {
        memcpy(kept->bytes[kept->n], data, len);
        kept->len[kept->n++] = len;
    }
    return 1;
}

static void test_an_earlier_association(void **state)
{
    static Kept kept[2];

    (void)state;
    for (int close = 0; close < 2; close++) {
        Pair old;

        open_default(&old);
        for (int end = 0; end < 2; end++) {
            kept[end].n = 0;
            old.end[end].link.filter = keep;
            old.end[end].link.filter_context = &kept[end];
        }
        pair_start_both(&old);
        assert_connects(&old, old.begun + SECOND);
        assert_talks(&old);
        if (close) {
            sluice_transport_close(old.end[CLIENT].transport, vclock_now());
            pair_drain(&old, CLIENT);
            pair_run(&old, SECOND);
        }
        pair_close(&old);
        assert_true(kept[CLIENT].n >= 5 && kept[SERVER].n >= 5);
        for (int when = 0; when < 6; when++) {
            Pair pair;

            open_default(&pair);
            pair_start_both(&pair);
            for (int end = 0; end < 2; end++)
                for (size_t i = 0; i < kept[end].n; i++)
                    link_inject(&pair.end[end].link, pair.begun + (when * 10 + 5) * MS,
                                kept[end].bytes[i], kept[end].len[i]);
            assert_connects(&pair, pair.begun + 4 * SECOND);
            pair_run(&pair, SECOND);
            for (int end = 0; end < 2; end++) { /* nothing of the old one was delivered */
                assert_int_equal(pair.end[end].n_messages, 0);
                assert_int_equal(pair_stats(&pair, end).generation, 1);
            }
            assert_talks(&pair);
            assert_true(pair_both_connected(&pair));
            pair_close(&pair);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_first_byte),
        cmocka_unit_test(test_an_earlier_association),
    };

    alloc_init();
    return cmocka_run_group_tests(tests, NULL, free_certificates);
}
