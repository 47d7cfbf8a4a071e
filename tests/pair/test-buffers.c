/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: what a connection that is quiet keeps of OpenSSL's memory is bounded (Y5): the record buffers, 33 KB an end, go
 * when the handshake is done and after a lone record, and are there again before anything is written; a write without
 * them is a crash inside libssl 3.0 (performance rule 5). */

#include "common.h"
#include "openssl-version.h"

/* Of both ends. With the buffers it is 66 KB more. Since 3.2 OpenSSL keeps a queue of datagrams in between its record layers (15 KB
 * an end) and a larger record layer for each epoch. */
#define QUIET_BYTES (2 * (openssl_since(3, 2) ? 78000 : 45000))

static int64_t base;

/* Connected; the configs, and whatever libssl makes once, are not counted. */
static void open_measured(Pair *pair)
{
    open_connected(pair);
    pair_close(pair);
    open_default(pair);
    base = alloc_count().openssl_bytes;
    connect_within(pair, SECOND);
}

static void assert_quiet(void)
{
    assert_in_range(alloc_count().openssl_bytes - base, 1, QUIET_BYTES);
}

static void test_after_the_handshake(void **state)
{
    Pair pair;

    (void)state;
    open_measured(&pair);
    pair_run(&pair, SECOND);
    assert_quiet();
    assert_talks(&pair);
    pair_close(&pair);
}

/* Each first call after the release is one that writes. */
static void test_first_write(void **state)
{
    Pair pair;

    (void)state;
    for (int end = 0; end < 2; end++) {
        open_connected(&pair);
        pair_run(&pair, 5 * SECOND);
        assert_status(pair_send_data(&pair, end, "hello", 5), SLUICE_OK);
        pair_run(&pair, SECOND);
        assert_int_equal(pair.end[!end].n_messages, 1);
        pair_close(&pair);

        open_connected(&pair);
        pair_run(&pair, 5 * SECOND);
        sluice_transport_close(pair.end[end].transport, vclock_now());
        pair_drain(&pair, end);
        pair_run(&pair, SECOND);
        assert_reason(&pair, !end, SLUICE_END_CLOSE_NOTIFY);
        pair_close(&pair);
    }
}

/* A burst keeps them; the lone message after it gives them back. */
static void test_after_a_burst(void **state)
{
    Pair pair;

    (void)state;
    open_measured(&pair);
    for (int i = 0; i < 100; i++) {
        assert_status(pair_send_data(&pair, i & 1, "burst", 5), SLUICE_OK);
        pair_run(&pair, MS);
    }
    pair_run(&pair, SECOND);
    for (int end = 0; end < 2; end++) {
        pair_run(&pair, 10 * SECOND);
        assert_status(pair_send_data(&pair, end, "heartbeat", 9), SLUICE_OK);
        pair_run(&pair, SECOND);
    }
    assert_int_equal(pair.end[CLIENT].n_messages, 51);
    assert_int_equal(pair.end[SERVER].n_messages, 51);
    assert_quiet();
    assert_talks(&pair);
    pair_close(&pair);
}

/* The peer's last flight was lost: its retransmission comes to an end that has given the buffers back. */
static void test_last_flight_lost(void **state)
{
    uint64_t mask = 1u << 1; /* the server's second datagram */
    Pair pair;

    (void)state;
    open_default(&pair);
    pair.end[SERVER].link.filter = lose_by_mask;
    pair.end[SERVER].link.filter_context = &mask;
    connect_within(&pair, 5 * SECOND);
    assert_true(pair_stats(&pair, CLIENT).retransmissions > 0);
    assert_talks(&pair);
    pair_close(&pair);
}

/* No memory for the buffers: the call says so, and nothing crashes. */
static void test_no_memory(void **state)
{
    Pair pair;

    (void)state;
    for (int end = 0; end < 2; end++) {
        open_connected(&pair);
        pair_run(&pair, 5 * SECOND);
        alloc_fail_at(1, 1);
        assert_true(sluice_status_is_dead(sluice_transport_send_data(
            pair.end[end].transport, vclock_now(), (const uint8_t *)"x", 1)));
        alloc_fail_at(0, 0);
        pair_close(&pair);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_after_the_handshake), cmocka_unit_test(test_first_write),
        cmocka_unit_test(test_after_a_burst),       cmocka_unit_test(test_last_flight_lost),
        cmocka_unit_test(test_no_memory),
    };

    if (!alloc_init())
        return 1;
    return cmocka_run_group_tests(tests, NULL, free_certificates);
}
