/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: output that the network does not take for a while, at any point, is not lost, not
 * encrypted twice and never out of bounds; a retransmission replaces what is unsent of the same
 * flight (MTU-03, ICE-06, problems 000 and 002; rules 3, 17). */

#include "common.h"

static size_t waiting(Pair *pair, int end) { return pair_stats(pair, end).output_datagrams; }

static void block(Pair *pair, int end) { pair->end[end].no_output = 1; }

static void unblock(Pair *pair, int end)
{
    pair->end[end].no_output = 0;
    pair_drain(pair, end);
}

/* Blocked at each moment of the handshake, for a short time and for many retransmissions. */
static void test_blocked_in_the_handshake(void **state)
{
    static const SluiceTime lengths[] = {5 * MS, 150 * MS, 10 * SECOND};

    (void)state;
    for (int who = 0; who < 2; who++)
        for (SluiceTime from = 0; from < 45 * MS; from += 5 * MS)
            for (int i = 0; i < 3; i++) {
                Pair pair;

                open_default(&pair);
                if (from == 0)
                    block(&pair, who);
                pair_start_both(&pair);
                pair_run(&pair, from);
                block(&pair, who);
                pair_run(&pair, lengths[i]);
                assert_true(waiting(&pair, who) <=
                            4); /* one copy of a flight, perhaps in small datagrams */
                unblock(&pair, who);
                assert_true(pair_run_until(&pair, pair_both_connected, vclock_now() + 5 * SECOND));
                assert_talks(&pair);
                pair_close(&pair);
            }
}

/* Peek shows the same datagram until it is popped. */
static void test_peek_changes_nothing(void **state)
{
    const uint8_t *data, *again;
    uint8_t copy[2000];
    size_t len, len_again;
    SluiceTransport *client;
    Pair pair;

    (void)state;
    open_default(&pair);
    block(&pair, CLIENT);
    pair_start_both(&pair);
    client = pair.end[CLIENT].transport;
    assert_true(sluice_transport_peek_output(client, &data, &len));
    memcpy(copy, data, len);
    assert_true(sluice_transport_peek_output(client, &again, &len_again));
    assert_int_equal(len, len_again);
    assert_memory_equal(copy, again, len);
    assert_int_equal(pair_stats(&pair, CLIENT).packets_sent, 0);
    assert_status(sluice_transport_pop_output(client, vclock_now(), SLUICE_SENT), SLUICE_OK);
    assert_int_equal(pair_stats(&pair, CLIENT).packets_sent, 1);
    assert_int_equal(pair_stats(&pair, CLIENT).bytes_sent, len);
    assert_false(sluice_transport_peek_output(client, &data, &len));
    assert_status(sluice_transport_pop_output(client, vclock_now(), SLUICE_SENT),
                  SLUICE_INVALID_STATE);
    pair_close(&pair);
}

/* SEND_FAILED is as a loss on the way: the timer cures it. */
static void test_send_failed(void **state)
{
    SluiceTransport *client;
    Pair pair;

    (void)state;
    open_default(&pair);
    block(&pair, CLIENT);
    pair_start_both(&pair);
    client = pair.end[CLIENT].transport;
    assert_status(sluice_transport_pop_output(client, vclock_now(), SLUICE_SEND_FAILED), SLUICE_OK);
    assert_int_equal(pair_stats(&pair, CLIENT).output_failed, 1);
    assert_int_equal(pair_stats(&pair, CLIENT).packets_sent, 0);
    unblock(&pair, CLIENT);
    assert_true(pair_run_until(&pair, pair_both_connected, pair.begun + 145 * MS));
    pair_close(&pair);
}

static void test_data_waits_in_order(void **state)
{
    char text[8];
    Pair pair;

    (void)state;
    open_connected(&pair);
    block(&pair, CLIENT);
    for (int i = 0; i < 100; i++) {
        memset(text, 'a' + i % 26, sizeof text);
        assert_status(pair_send_data(&pair, CLIENT, text, sizeof text), SLUICE_OK);
    }
    assert_int_equal(waiting(&pair, CLIENT), 100);
    pair_run(&pair, SECOND);
    assert_int_equal(pair.end[SERVER].n_messages, 0);
    unblock(&pair, CLIENT);
    assert_int_equal(waiting(&pair, CLIENT), 0);
    pair_run(&pair, SECOND);
    assert_int_equal(pair.end[SERVER].n_messages, 100);
    for (int i = 0; i < 100; i++)
        assert_int_equal(pair.end[SERVER].messages[i].data[0], 'a' + i % 26);
    pair_close(&pair);
}

/* Refused before it is encrypted: nothing is lost, no record number is spent, and the same call
 * succeeds later. */
static void test_full_output_would_block(void **state)
{
    static const struct {
        size_t datagrams, bytes, message, taken_at_least, taken_at_most;
    } cases[] = {{10, 1048576, 20, 10, 10}, {1000, 16384, 1000, 14, 16}};

    (void)state;
    for (int i = 0; i < 2; i++) {
        SluiceConfig *config = new_config(CLIENT);
        uint8_t message[1000];
        size_t taken = 0;
        Pair pair;

        assert_status(sluice_config_set_output_limits(config, cases[i].datagrams, cases[i].bytes),
                      SLUICE_OK);
        open_with(&pair, config, new_config(SERVER));
        connect_within(&pair, 100 * MS);
        block(&pair, CLIENT);
        memset(message, 7, sizeof message);
        while (pair_send_data(&pair, CLIENT, message, cases[i].message) == SLUICE_OK)
            taken++;
        assert_in_range(taken, cases[i].taken_at_least, cases[i].taken_at_most);
        for (int n = 0; n < 1000; n++)
            assert_status(pair_send_data(&pair, CLIENT, message, cases[i].message),
                          SLUICE_WOULD_BLOCK);
        assert_int_equal(pair_stats(&pair, CLIENT).data_refused, 1001);
        assert_int_equal(pair_stats(&pair, CLIENT).data_sent, taken);
        assert_true(pair_stats(&pair, CLIENT).output_bytes <= cases[i].bytes);
        unblock(&pair, CLIENT);
        assert_status(pair_send_data(&pair, CLIENT, message, cases[i].message), SLUICE_OK);
        pair_run(&pair, SECOND);
        assert_int_equal(pair.end[SERVER].n_messages, taken + 1);
        pair_close(&pair);
    }
}

/* With a full output the last flight still has its place: the peer's repeated Finished is answered.
 * The data that overtakes it is kept by the peer's OpenSSL, up to 16 records. */
static void test_full_output_and_the_last_flight(void **state)
{
    SluiceConfig *config = new_config(SERVER);
    uint64_t mask = 2;
    Pair pair;

    (void)state;
    assert_status(sluice_config_set_output_limits(config, 12, 16384), SLUICE_OK);
    open_with(&pair, new_config(CLIENT), config);
    pair.end[SERVER].link.filter = lose_by_mask;
    pair.end[SERVER].link.filter_context = &mask;
    pair_start_both(&pair);
    pair_run(&pair, 35 * MS);
    assert_state(&pair, SERVER, SLUICE_STATE_CONNECTED);
    block(&pair, SERVER);
    for (int i = 0; i < 12; i++)
        assert_status(pair_send_data(&pair, SERVER, "x", 1), SLUICE_OK);
    assert_status(pair_send_data(&pair, SERVER, "x", 1), SLUICE_WOULD_BLOCK);
    pair_run(&pair, 500 * MS);
    assert_int_equal(waiting(&pair, SERVER), 13);
    unblock(&pair, SERVER);
    assert_true(pair_run_until(&pair, pair_both_connected, vclock_now() + 2 * SECOND));
    pair_run(&pair, SECOND);
    assert_int_equal(pair_count(&pair, CLIENT, SLUICE_KIND_DATA), 12);
    assert_talks(&pair);
    pair_close(&pair);
}

/* So have alerts: close_notify leaves behind a full output. */
static void test_full_output_and_close(void **state)
{
    size_t before;
    Pair pair;

    (void)state;
    open_connected(&pair);
    block(&pair, CLIENT);
    while (pair_send_data(&pair, CLIENT, "x", 1) == SLUICE_OK)
        ;
    before = waiting(&pair, CLIENT);
    assert_status(sluice_transport_close(pair.end[CLIENT].transport, vclock_now()), SLUICE_OK);
    assert_int_equal(waiting(&pair, CLIENT), before + 1);
    unblock(&pair, CLIENT);
    pair_run(&pair, SECOND);
    assert_int_equal(pair_count(&pair, SERVER, SLUICE_KIND_DATA), before);
    assert_state(&pair, SERVER, SLUICE_STATE_CLOSED);
    assert_reason(&pair, SERVER, SLUICE_END_CLOSE_NOTIFY);
    pair_close(&pair);
}

/* A datagram of data that the network refuses for its size: an event names it, and no MTU falls. */
static void test_data_too_big_for_the_network(void **state)
{
    uint8_t message[1000] = {0};
    int seen = 0;
    Pair pair;

    (void)state;
    open_connected(&pair);
    pair.end[CLIENT].emsgsize = 900;
    assert_status(pair_send_data(&pair, CLIENT, message, sizeof message), SLUICE_OK);
    assert_status(pair_send_data(&pair, CLIENT, "small", 5), SLUICE_OK);
    pair_run(&pair, SECOND);
    for (size_t i = 0; i < pair.end[CLIENT].n_events; i++)
        if (pair.end[CLIENT].events[i].type == SLUICE_EVENT_DATA_TOO_BIG) {
            assert_in_range(pair.end[CLIENT].events[i].u.size, 1001, 1100);
            seen++;
        }
    assert_int_equal(seen, 1);
    assert_int_equal(pair_stats(&pair, CLIENT).output_too_big, 1);
    assert_int_equal(pair_stats(&pair, CLIENT).mtu_reductions, 0);
    assert_int_equal(pair.end[SERVER].n_messages, 1);
    assert_state(&pair, CLIENT, SLUICE_STATE_CONNECTED);
    pair_close(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blocked_in_the_handshake),
        cmocka_unit_test(test_peek_changes_nothing),
        cmocka_unit_test(test_send_failed),
        cmocka_unit_test(test_data_waits_in_order),
        cmocka_unit_test(test_full_output_would_block),
        cmocka_unit_test(test_full_output_and_the_last_flight),
        cmocka_unit_test(test_full_output_and_close),
        cmocka_unit_test(test_data_too_big_for_the_network),
    };

    alloc_init();
    return cmocka_run_group_tests(tests, NULL, free_certificates);
}
