/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: DTLS that comes before the start, and SRTP that comes before the keys, are kept in a
 * bounded inbox and used in order (RFC 8842, RFC 5764 section 5.1); what is beyond the bound is
 * dropped and counted, and hurts nobody. */

#include "common.h"

static void ready(Pair *pair)
{
    for (int end = 0; end < 2; end++) {
        assert_status(
            sluice_transport_set_path_validated(pair->end[end].transport, vclock_now(), 1),
            SLUICE_OK);
        assert_status(pair_know(pair, end), SLUICE_OK);
    }
}

static SluiceConfig *config_with_mtu(int side, size_t mtu)
{
    SluiceConfig *config = new_config(side);

    assert_status(sluice_config_set_handshake_mtu(config, mtu), SLUICE_OK);
    return config;
}

/* Answered at the start, with no retransmission: no second is lost (libdatachannel issue 1554). */
static void test_client_hello_before_start(void **state)
{
    static const SluiceRole roles[] = {SLUICE_ROLE_SERVER, SLUICE_ROLE_AUTO};

    (void)state;
    for (int i = 0; i < 2; i++) {
        Pair pair;

        open_default(&pair);
        ready(&pair);
        pair_start(&pair, CLIENT, SLUICE_ROLE_CLIENT);
        pair_run(&pair, 50 * MS);
        assert_state(&pair, SERVER, SLUICE_STATE_NEW);
        assert_int_equal(pair.end[SERVER].n_sent, 0);
        assert_status(pair_start(&pair, SERVER, roles[i]), SLUICE_OK);
        assert_int_equal(pair.end[SERVER].n_sent, 1);
        assert_true(pair_run_until(&pair, pair_both_connected, vclock_now() + 30 * MS));
        assert_int_equal(pair_stats(&pair, CLIENT).retransmissions, 0);
        assert_int_equal(pair_stats(&pair, SERVER).dtls_role, SLUICE_ROLE_SERVER);
        assert_talks(&pair);
        pair_close(&pair);
    }
}

/* Cuts a ClientHello record into records with 60 bytes of the message each (RFC 6347
 * section 4.2.3). Our own always fits into one datagram. */
static size_t cut_hello(const uint8_t *hello, size_t len, uint8_t out[][100], size_t lens[])
{
    size_t body = len - 25, n = 0;

    for (size_t done = 0; done < body; n++) {
        size_t part = body - done < 60 ? body - done : 60;
        uint8_t *record = out[n];

        memcpy(record, hello, 25);
        record[10] =
            (uint8_t)(20 * n); /* number: leaves room for those that follow, within the window */
        record[11] = 0;
        record[12] = (uint8_t)(12 + part);
        record[21] = (uint8_t)done; /* offset and length of the fragment */
        record[23] = 0;
        record[24] = (uint8_t)part;
        memcpy(record + 25, hello + 25 + done, part);
        lens[n] = 25 + part;
        done += part;
    }
    return n;
}

/* A ClientHello in several datagrams, as those with an ML-KEM share are, in order and not. */
static void test_fragmented_client_hello_before_start(void **state)
{
    (void)state;
    for (int reversed = 0; reversed < 2; reversed++) {
        uint8_t fragments[8][100];
        size_t lens[8], len, n;
        const uint8_t *hello;
        SluicePeerOffer offer;
        Pair pair;

        open_default(&pair);
        ready(&pair);
        pair.end[CLIENT].no_output = 1;
        pair_start(&pair, CLIENT, SLUICE_ROLE_CLIENT);
        assert_true(sluice_transport_peek_output(pair.end[CLIENT].transport, &hello, &len));
        assert_in_range(len, 25 + 60 + 1, 25 + 8 * 60);
        n = cut_hello(hello, len, fragments, lens);
        sluice_transport_pop_output(pair.end[CLIENT].transport, vclock_now(), SLUICE_SENT);
        pair.end[CLIENT].no_output = 0;
        for (size_t i = 0; i < n; i++) {
            size_t k = reversed ? n - 1 - i : i;

            link_send(&pair.end[CLIENT].link, vclock_now(), 0, fragments[k], lens[k]);
        }
        pair_run(&pair, 50 * MS);
        assert_int_equal(pair.end[SERVER].n_sent, 0);
        assert_status(pair_start(&pair, SERVER, SLUICE_ROLE_SERVER), SLUICE_OK);
        assert_true(pair_run_until(&pair, pair_both_connected, vclock_now() + 30 * MS));
        assert_int_equal(pair_stats(&pair, CLIENT).retransmissions, 0);
        assert_status(sluice_transport_get_offer(pair.end[SERVER].transport, &offer), SLUICE_OK);
        assert_int_equal(offer.fragments, n);
        pair_close(&pair);
    }
}

/* The path is validated after the ClientHello came: that one is dropped, the next one counts. */
static void test_early_dtls_from_an_unvalidated_path(void **state)
{
    Pair pair;

    (void)state;
    open_default(&pair);
    sluice_transport_set_path_validated(pair.end[CLIENT].transport, vclock_now(), 1);
    pair_know(&pair, CLIENT);
    pair_know(&pair, SERVER);
    pair_start(&pair, CLIENT, SLUICE_ROLE_CLIENT);
    pair_run(&pair, 50 * MS);
    assert_int_equal(pair.end[SERVER].last_status, SLUICE_DROPPED_UNVALIDATED);
    assert_int_equal(pair_stats(&pair, SERVER).dropped_unvalidated, 1);
    pair_start(&pair, SERVER, SLUICE_ROLE_SERVER);
    assert_int_equal(pair.end[SERVER].n_sent, 0); /* nothing was kept */
    sluice_transport_set_path_validated(pair.end[SERVER].transport, vclock_now(), 1);
    assert_true(pair_run_until(&pair, pair_both_connected, pair.begun + 200 * MS));
    pair_close(&pair);
}

/* The peer is connected first and its media overtakes its last flight. */
static int lose_server_ccs(void *context, uint64_t number, SluiceTime now, uint8_t *data,
                           size_t len)
{
    (void)context;
    (void)number;
    (void)now;
    (void)len;
    return data[0] != 20;
}

static void test_media_before_the_keys(void **state)
{
    Pair pair;

    (void)state;
    open_default(&pair);
    pair.end[SERVER].link.filter = lose_server_ccs;
    pair_start_both(&pair);
    pair_run(&pair, 35 * MS);
    assert_state(&pair, SERVER, SLUICE_STATE_CONNECTED);
    for (int i = 0; i < 5; i++) {
        assert_status(
            pair_send_media(&pair, SERVER, SLUICE_KIND_RTP, 9, (uint16_t)(i + 1), (uint8_t)i, 40),
            SLUICE_OK);
        assert_status(pair_send_media(&pair, SERVER, SLUICE_KIND_RTCP, 9, 0, (uint8_t)i, 40),
                      SLUICE_OK);
    }
    assert_status(pair_send_data(&pair, SERVER, "early", 5), SLUICE_OK);
    pair_run(&pair, 20 * MS);
    assert_state(&pair, CLIENT, SLUICE_STATE_CONNECTING);
    assert_int_equal(pair.end[CLIENT].n_messages, 0);
    assert_int_equal(pair_stats(&pair, CLIENT).inbox_messages, 10);
    pair.end[SERVER].link.filter = NULL;
    assert_true(pair_run_until(&pair, pair_both_connected, pair.begun + 300 * MS));
    pair_run(&pair, 50 * MS);
    assert_int_equal(pair.end[CLIENT].n_messages, 11);
    for (size_t i = 0; i < 10; i++) {
        const PairMessage *message = &pair.end[CLIENT].messages[i];

        assert_int_equal(message->kind, i % 2 ? SLUICE_KIND_RTCP : SLUICE_KIND_RTP);
        assert_int_equal(message->data[message->len - 1], i / 2);
        assert_int_equal(message->generation, 1);
    }
    assert_memory_equal(pair.end[CLIENT].messages[10].data, "early", 5);
    assert_int_equal(pair_stats(&pair, CLIENT).rtp_delivered, 5);
    assert_int_equal(pair_stats(&pair, CLIENT).rtcp_delivered, 5);
    assert_int_equal(pair_stats(&pair, CLIENT).held, 10);
    pair_close(&pair);
}

/* The forged twin: early media that turns out to be nobody's is not delivered, and counted. */
static void test_forged_media_before_the_keys(void **state)
{
    uint8_t forged[64];
    Pair pair;

    (void)state;
    open_default(&pair);
    pair_start_both(&pair);
    pair_run(&pair, 15 * MS);
    assert_int_equal(pair_make_media(forged, SLUICE_KIND_RTP, 9, 1, 1, 40), 52);
    link_inject(&pair.end[SERVER].link, vclock_now(), forged, 52);
    assert_true(pair_run_until(&pair, pair_both_connected, pair.begun + 100 * MS));
    assert_int_equal(pair.end[CLIENT].n_messages, 0);
    assert_int_equal(pair_stats(&pair, CLIENT).dropped_unauthentic, 1);
    assert_talks(&pair);
    pair_close(&pair);
}

static void inject_media(Pair *pair, int from, size_t count, size_t len)
{
    uint8_t packet[1500];

    for (size_t i = 0; i < count; i++) {
        size_t size = pair_make_media(packet, SLUICE_KIND_RTP, 5, (uint16_t)i, 1, len);

        link_inject(&pair->end[from].link, vclock_now(), packet, size);
    }
    pair_run(pair, MS);
}

static void test_bound_in_packets_and_bytes(void **state)
{
    static const struct {
        size_t packets, bytes, payload, kept;
    } cases[] = {{8, 131072, 100, 8}, {64, 131072, 100, 64}, {64, 2000, 388, 5}};

    (void)state;
    for (int i = 0; i < 3; i++) {
        SluiceConfig *config = new_config(SERVER);
        Pair pair;

        assert_status(
            sluice_config_set_inbox_limits(config, cases[i].packets, cases[i].bytes, 256, 1048576),
            SLUICE_OK);
        open_with(&pair, new_config(CLIENT), config);
        ready(&pair);
        inject_media(&pair, CLIENT, 200, cases[i].payload);
        assert_int_equal(pair_stats(&pair, SERVER).inbox_messages, cases[i].kept);
        assert_true(pair_stats(&pair, SERVER).inbox_bytes <= cases[i].bytes);
        assert_int_equal(pair_stats(&pair, SERVER).dropped_inbox_full, 200 - cases[i].kept);
        assert_int_equal(pair.end[SERVER].last_status, SLUICE_DROPPED_FULL);
        pair_close(&pair);
    }
}

/* A full inbox does not stop the handshake of a transport that has started. */
static void test_flood_before_connecting(void **state)
{
    Pair pair;

    (void)state;
    open_default(&pair);
    pair_start_both(&pair);
    inject_media(&pair, CLIENT, 1000, 1000);
    inject_media(&pair, SERVER, 1000, 1000);
    assert_true(pair_run_until(&pair, pair_both_connected, pair.begun + 100 * MS));
    pair_run(&pair, 10 * MS);
    for (int end = 0; end < 2; end++) {
        assert_int_equal(pair.end[end].n_messages, 0);
        assert_int_equal(pair_stats(&pair, end).inbox_bytes, 0);
        assert_int_equal(pair_stats(&pair, end).dropped_inbox_full +
                             pair_stats(&pair, end).dropped_unauthentic,
                         1000);
    }
    assert_talks(&pair);
    pair_close(&pair);
}

/* A retransmitted ClientHello is kept once: a client that calls for 20 s fills no inbox. */
static void test_retransmissions_before_start(void **state)
{
    Pair pair;

    (void)state;
    open_with(&pair, config_with_mtu(CLIENT, 256), new_config(SERVER));
    ready(&pair);
    pair_start(&pair, CLIENT, SLUICE_ROLE_CLIENT);
    pair_run(&pair, 20 * SECOND);
    assert_state(&pair, SERVER, SLUICE_STATE_NEW);
    assert_int_equal(pair_stats(&pair, SERVER).dropped_inbox_full, 0);
    pair_start(&pair, SERVER, SLUICE_ROLE_SERVER);
    assert_true(pair_run_until(&pair, pair_both_connected, vclock_now() + 100 * MS));
    assert_talks(&pair);
    pair_close(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_client_hello_before_start),
        cmocka_unit_test(test_fragmented_client_hello_before_start),
        cmocka_unit_test(test_early_dtls_from_an_unvalidated_path),
        cmocka_unit_test(test_media_before_the_keys),
        cmocka_unit_test(test_forged_media_before_the_keys),
        cmocka_unit_test(test_bound_in_packets_and_bytes),
        cmocka_unit_test(test_flood_before_connecting),
        cmocka_unit_test(test_retransmissions_before_start),
    };

    alloc_init();
    return cmocka_run_group_tests(tests, NULL, free_certificates);
}
