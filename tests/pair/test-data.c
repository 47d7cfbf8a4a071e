/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: application data keeps its record boundaries, is never fragmented, is refused with the
 * limit named when it is too large for the path (MTU-04, D4), and waits in a bounded inbox that
 * pushes back (RES-05). Rule 9: one read is one record, and the pump reads on. */

#include "common.h"

static void test_boundaries(void **state)
{
    static const size_t lens[] = {1, 2, 3, 15, 16, 17, 100, 1000, 1, 1000};
    uint8_t message[1000];
    Pair pair;

    (void)state;
    open_connected(&pair);
    for (size_t i = 0; i < 10; i++) {
        memset(message, (int)i, lens[i]);
        assert_status(pair_send_data(&pair, CLIENT, message, lens[i]), SLUICE_OK);
    }
    pair_run(&pair, SECOND);
    assert_int_equal(pair.end[SERVER].n_messages, 10);
    for (size_t i = 0; i < 10; i++) {
        assert_int_equal(pair.end[SERVER].messages[i].kind, SLUICE_KIND_DATA);
        assert_int_equal(pair.end[SERVER].messages[i].generation, 1);
        assert_int_equal(pair.end[SERVER].messages[i].len, lens[i]);
        memset(message, (int)i, lens[i]);
        assert_memory_equal(pair.end[SERVER].messages[i].data, message, lens[i]);
    }
    pair_close(&pair);
}

/* The largest message makes a datagram within the limit; one byte more is refused. For each size
 * and cipher. */
static void test_largest(void **state)
{
    static const size_t limits[] = {256, 1200, 1500, 9000, 16384};
    static uint8_t message[16385];

    (void)state;
    for (size_t i = 0; i < 5; i++) {
        SluiceConfig *config = new_config(CLIENT);
        SluiceTransport *client;
        size_t most, sent;
        Pair pair;

        assert_status(sluice_config_set_datagram_limit(config, limits[i]), SLUICE_OK);
        open_with(&pair, config, new_config(SERVER));
        client = pair.end[CLIENT].transport;
        assert_int_equal(sluice_transport_max_data_size(client), 0);
        connect_within(&pair, 100 * MS);
        most = sluice_transport_max_data_size(client);
        assert_in_range(most, limits[i] - 64, limits[i] - 13);
        assert_status(pair_send_data(&pair, CLIENT, message, most + 1), SLUICE_TOO_LARGE);
        assert_int_equal(pair_stats(&pair, CLIENT).data_too_large, 1);
        sent = pair.end[CLIENT].n_sent;
        assert_status(pair_send_data(&pair, CLIENT, message, most), SLUICE_OK);
        assert_int_equal(pair.end[CLIENT].n_sent, sent + 1);
        assert_true(pair.end[CLIENT].sent[sent].len <= limits[i]);
        pair_run(&pair, SECOND);
        assert_int_equal(pair.end[SERVER].n_messages, 1);
        assert_int_equal(pair.end[SERVER].messages[0].len, most);
        pair_close(&pair);
    }
}

/* Two records in one datagram, as other stacks send them, are two messages (ORD-06). */
static void test_records_of_one_datagram(void **state)
{
    uint8_t both[200];
    const uint8_t *data;
    size_t len, total = 0;
    Pair pair;

    (void)state;
    open_connected(&pair);
    pair.end[CLIENT].no_output = 1;
    pair_send_data(&pair, CLIENT, "one", 3);
    pair_send_data(&pair, CLIENT, "two", 3);
    while (sluice_transport_peek_output(pair.end[CLIENT].transport, &data, &len)) {
        memcpy(both + total, data, len);
        total += len;
        sluice_transport_pop_output(pair.end[CLIENT].transport, vclock_now(), SLUICE_SENT);
    }
    link_inject(&pair.end[CLIENT].link, vclock_now(), both, total);
    pair_run(&pair, MS);
    assert_int_equal(pair.end[SERVER].n_messages, 2);
    assert_memory_equal(pair.end[SERVER].messages[0].data, "one", 3);
    assert_memory_equal(pair.end[SERVER].messages[1].data, "two", 3);
    pair_close(&pair);
}

/* An inbox that is full refuses the datagram; the same one, given again, is taken. */
static void test_full_inbox_would_block(void **state)
{
    SluiceConfig *config = new_config(SERVER);
    SluiceTransport *server;
    SluiceMessage message;
    Pair pair;
    unsigned given = 0;

    (void)state;
    assert_status(sluice_config_set_inbox_limits(config, 64, 131072, 5, 1048576), SLUICE_OK);
    open_with(&pair, new_config(CLIENT), config);
    connect_within(&pair, 100 * MS);
    server = pair.end[SERVER].transport;
    pair.end[SERVER].no_reading = 1;
    for (uint8_t i = 0; i < 8; i++)
        assert_status(pair_send_data(&pair, CLIENT, &i, 1), SLUICE_OK);
    vclock_advance(10 * MS);
    for (LinkDatagram *datagram; (datagram = link_take(&pair.end[CLIENT].link, vclock_now()));) {
        size_t len = datagram->len;
        SluiceKind kind;

        given++;
        if (given <= 5) {
            assert_status(
                sluice_transport_receive(server, vclock_now(), datagram->data, &len, &kind),
                SLUICE_OK);
        } else {
            for (int again = 0; again < 3; again++)
                assert_status(
                    sluice_transport_receive(server, vclock_now(), datagram->data, &len, &kind),
                    SLUICE_WOULD_BLOCK);
            assert_true(sluice_transport_peek_message(server, &message));
            assert_int_equal(message.data[0], given - 6);
            assert_status(sluice_transport_pop_message(server), SLUICE_OK);
            assert_status(
                sluice_transport_receive(server, vclock_now(), datagram->data, &len, &kind),
                SLUICE_OK);
        }
        assert_int_equal(kind, SLUICE_KIND_DTLS);
        link_free_datagram(datagram);
    }
    assert_int_equal(given, 8);
    assert_int_equal(pair_stats(&pair, SERVER).data_deferred, 9);
    assert_int_equal(pair_stats(&pair, SERVER).data_delivered, 8);
    assert_int_equal(pair_stats(&pair, SERVER).inbox_messages, 5);
    pair.end[SERVER].no_reading = 0;
    pair_drain(&pair, SERVER);
    assert_int_equal(pair.end[SERVER].n_messages, 5);
    assert_int_equal(pair.end[SERVER].messages[4].data[0], 7);
    assert_status(sluice_transport_pop_message(server), SLUICE_INVALID_STATE);
    pair_close(&pair);
}

/* The other bound; and media passes while data waits. */
static void test_full_inbox_in_bytes(void **state)
{
    SluiceConfig *config = new_config(SERVER);
    uint8_t message[1000] = {0};
    Pair pair;

    (void)state;
    assert_status(sluice_config_set_inbox_limits(config, 64, 131072, 256, 16384), SLUICE_OK);
    open_with(&pair, new_config(CLIENT), config);
    connect_within(&pair, 100 * MS);
    pair.end[SERVER].no_reading = 1;
    for (int i = 0; i < 40; i++) {
        pair_send_data(&pair, CLIENT, message, sizeof message);
        pair_run(&pair, 20 * MS);
    }
    assert_in_range(pair_stats(&pair, SERVER).inbox_messages, 14, 16);
    assert_true(pair_stats(&pair, SERVER).inbox_bytes <= 16384);
    assert_int_equal(pair.end[SERVER].last_status, SLUICE_WOULD_BLOCK);
    pair_send_media(&pair, CLIENT, SLUICE_KIND_RTP, 1, 1, 1, 40);
    pair_run(&pair, 20 * MS);
    assert_int_equal(pair.end[SERVER].n_messages, 1);
    assert_int_equal(pair.end[SERVER].messages[0].kind, SLUICE_KIND_RTP);
    assert_state(&pair, SERVER, SLUICE_STATE_CONNECTED);
    pair_close(&pair);
}

/* A forged, altered or repeated record is no message and no end. */
static void test_forged_records(void **state)
{
    uint8_t record[100], forged[100];
    const uint8_t *data;
    size_t len;
    Pair pair;

    (void)state;
    open_connected(&pair);
    pair.end[CLIENT].no_output = 1;
    pair_send_data(&pair, CLIENT, "genuine", 7);
    assert_true(sluice_transport_peek_output(pair.end[CLIENT].transport, &data, &len));
    memcpy(record, data, len);
    for (size_t bit = 0; bit < len * 8; bit++) {
        memcpy(forged, record, len);
        forged[bit / 8] ^= (uint8_t)(1u << bit % 8);
        link_inject(&pair.end[CLIENT].link, vclock_now(), forged, len);
        pair_run(&pair, 1);
    }
    assert_int_equal(pair.end[SERVER].n_messages, 0);
    assert_state(&pair, SERVER, SLUICE_STATE_CONNECTED);
    pair.end[CLIENT].no_output = 0;
    pair_drain(&pair, CLIENT);
    pair_run(&pair, 20 * MS);
    assert_int_equal(pair.end[SERVER].n_messages, 1);
    for (int i = 0; i < 10; i++)
        link_inject(&pair.end[CLIENT].link, vclock_now(), record, len);
    pair_run(&pair, 20 * MS);
    assert_int_equal(pair.end[SERVER].n_messages, 1);
    assert_talks(&pair);
    pair_close(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_boundaries),
        cmocka_unit_test(test_largest),
        cmocka_unit_test(test_records_of_one_datagram),
        cmocka_unit_test(test_full_inbox_would_block),
        cmocka_unit_test(test_full_inbox_in_bytes),
        cmocka_unit_test(test_forged_records),
    };

    alloc_init();
    return cmocka_run_group_tests(tests, NULL, free_certificates);
}
