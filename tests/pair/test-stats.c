/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: the figures are exact: what the link saw, what the application sent and got, and when. */

#include "common.h"

static void test_a_call_in_figures(void **state)
{
    uint64_t bytes_sent[2] = {0, 0};
    Pair pair;

    (void)state;
    open_connected(&pair);
    for (int i = 0; i < 7; i++)
        pair_send_media(&pair, CLIENT, SLUICE_KIND_RTP, 1, (uint16_t)(i + 1), 0, 160);
    for (int i = 0; i < 3; i++)
        pair_send_media(&pair, CLIENT, SLUICE_KIND_RTCP, 1, 0, 0, 40);
    for (int i = 0; i < 5; i++)
        pair_send_data(&pair, CLIENT, "x", 1);
    pair_send_data(&pair, SERVER, "y", 1);
    pair_run(&pair, SECOND);
    for (int end = 0; end < 2; end++)
        for (size_t i = 0; i < pair.end[end].n_sent; i++)
            bytes_sent[end] += pair.end[end].sent[i].len;
    for (int end = 0; end < 2; end++) {
        SluiceStats stats = pair_stats(&pair, end), peer = pair_stats(&pair, !end);

        assert_int_equal(stats.packets_sent, pair.end[end].link.sent);
        assert_int_equal(stats.packets_sent, peer.packets_received);
        assert_int_equal(stats.bytes_sent, peer.bytes_received);
        assert_int_equal(stats.bytes_sent,
                         bytes_sent[end] + (end == CLIENT ? 7 * (172 + 16) + 3 * (48 + 20) : 0));
        assert_int_equal(stats.rtp_protected, end == CLIENT ? 7 : 0);
        assert_int_equal(stats.rtcp_protected, end == CLIENT ? 3 : 0);
        assert_int_equal(stats.data_sent, end == CLIENT ? 5 : 1);
        assert_int_equal(peer.rtp_received, stats.rtp_protected);
        assert_int_equal(peer.rtp_delivered, stats.rtp_protected);
        assert_int_equal(peer.rtcp_received, stats.rtcp_protected);
        assert_int_equal(peer.rtcp_delivered, stats.rtcp_protected);
        assert_int_equal(peer.data_delivered, stats.data_sent);
        assert_int_equal(peer.dtls_received, 2 + stats.data_sent);
        assert_int_equal(stats.flights_sent, 2);
        assert_int_equal(stats.flights_received, 2);
        assert_int_equal(stats.retransmissions, 0);
        assert_int_equal(stats.handshake_mtu, 1200);
        assert_int_equal(stats.started_at, pair.begun);
        assert_int_equal(stats.finished_at, pair.begun + (end == CLIENT ? 40 : 30) * MS);
        assert_int_equal(stats.connected_at, stats.finished_at);
        assert_int_equal(stats.client_hello_at, pair.begun + (end == CLIENT ? 0 : 10) * MS);
        assert_int_equal(stats.certificate_at, pair.begun + (end == CLIENT ? 20 : 30) * MS);
        assert_int_equal(stats.handshake_rtt, 20 * MS);
        assert_int_equal(stats.dtls_state, SLUICE_STATE_CONNECTED);
        assert_int_equal(stats.dtls_role, end == CLIENT ? SLUICE_ROLE_CLIENT : SLUICE_ROLE_SERVER);
        assert_int_equal(stats.output_datagrams, 0);
        assert_int_equal(stats.inbox_messages, 0);
        assert_int_equal(stats.dropped_malformed + stats.dropped_unexpected +
                             stats.dropped_unvalidated + stats.dropped_inbox_full +
                             stats.dropped_unauthentic + stats.dropped_replayed +
                             stats.dropped_ended + stats.events_lost + stats.protect_failed,
                         0);
    }
    pair_close(&pair);
}

static void test_at_birth(void **state)
{
    SluiceStats stats;
    Pair pair;

    (void)state;
    open_default(&pair);
    stats = pair_stats(&pair, CLIENT);
    assert_int_equal(stats.started_at, SLUICE_TIME_NEVER);
    assert_int_equal(stats.finished_at, SLUICE_TIME_NEVER);
    assert_int_equal(stats.connected_at, SLUICE_TIME_NEVER);
    assert_int_equal(stats.client_hello_at, SLUICE_TIME_NEVER);
    assert_int_equal(stats.certificate_at, SLUICE_TIME_NEVER);
    assert_int_equal(stats.dtls_state, SLUICE_STATE_NEW);
    assert_int_equal(stats.dtls_role, SLUICE_ROLE_AUTO);
    assert_int_equal(stats.tls_version, 0);
    assert_string_equal(stats.dtls_cipher, "");
    assert_int_equal(stats.packets_sent + stats.packets_received, 0);
    pair_close(&pair);
}

/* The round trip is measured on a flight that was sent once (Karn): with the answer lost there is
 * none to measure. */
static void test_rtt_only_without_retransmission(void **state)
{
    uint64_t mask = 1;
    Pair pair;

    (void)state;
    open_default(&pair);
    pair.end[SERVER].link.filter = lose_by_mask;
    pair.end[SERVER].link.filter_context = &mask;
    connect_within(&pair, 300 * MS);
    assert_int_equal(pair_stats(&pair, CLIENT).handshake_rtt, 20 * MS); /* of flight 5 */
    assert_true(pair_stats(&pair, CLIENT).retransmissions >= 1);
    pair_close(&pair);
}

/* Each phase counts once and has its own time: a ClientHello that came before the start of the server, with a request for a
 * cookie in between, a certificate whose fingerprint came late, a restart that changes none of it. */
static void test_phases(void **state)
{
    SluiceConfig *server = new_config(SERVER);
    SluiceStats stats, before;
    Pair pair;

    (void)state;
    sluice_config_set_allow_unvalidated(server, 1);
    open_with(&pair, new_config(CLIENT), server);
    sluice_transport_set_path_validated(pair.end[CLIENT].transport, vclock_now(), 1);
    pair_know(&pair, CLIENT);
    pair.begun = vclock_now();
    pair_start(&pair, CLIENT, SLUICE_ROLE_CLIENT);
    pair_run(&pair, 50 * MS);
    assert_int_equal(pair_stats(&pair, SERVER).client_hello_at, pair.begun + 10 * MS);
    pair_start(&pair, SERVER, SLUICE_ROLE_SERVER);
    pair_run(&pair, 200 * MS);
    stats = pair_stats(&pair, SERVER);
    assert_int_equal(stats.hello_verify_requests, 1);
    assert_int_equal(stats.started_at, pair.begun + 50 * MS);
    assert_int_equal(stats.client_hello_at, pair.begun + 10 * MS);
    assert_int_equal(stats.certificate_at, pair.begun + 90 * MS);
    assert_int_equal(stats.finished_at, pair.begun + 90 * MS);
    assert_int_equal(stats.connected_at, SLUICE_TIME_NEVER);
    pair_know(&pair, SERVER);
    stats = pair_stats(&pair, SERVER);
    assert_int_equal(stats.connected_at, pair.begun + 250 * MS);
    before = stats;
    pair_reboot(&pair, CLIENT);
    pair_start(&pair, CLIENT, SLUICE_ROLE_CLIENT);
    pair_run(&pair, 3 * SECOND);
    stats = pair_stats(&pair, SERVER);
    assert_int_equal(stats.restarts, 1);
    assert_int_equal(stats.client_hello_at, before.client_hello_at);
    assert_int_equal(stats.certificate_at, before.certificate_at);
    assert_int_equal(stats.connected_at, before.connected_at);
    pair_close(&pair);
}

/* A program built against fewer, or more, fields. */
static void test_other_sizes(void **state)
{
    struct {
        SluiceStats stats;
        uint8_t newer[64];
    } large;
    uint8_t small[16], zero[64] = {0};
    SluiceTransport *client;
    SluiceStats stats;
    Pair pair;

    (void)state;
    open_connected(&pair);
    client = pair.end[CLIENT].transport;
    stats = pair_stats(&pair, CLIENT);
    memset(&large, 0xff, sizeof large);
    assert_status(sluice_transport_get_stats(client, &large.stats, sizeof large), SLUICE_OK);
    assert_memory_equal(large.newer, zero, sizeof large.newer);
    assert_int_equal(large.stats.packets_sent, stats.packets_sent);
    memset(small, 0xff, sizeof small);
    assert_status(sluice_transport_get_stats(client, (SluiceStats *)(void *)small, 8), SLUICE_OK);
    assert_memory_equal(small, &stats, 8);
    assert_int_equal(small[8], 0xff);
    pair_close(&pair);
}

/* Events beyond the bound: flights go first, the latest state never does. */
static void test_event_overflow(void **state)
{
    SluiceEvent event;
    SluiceState last = SLUICE_STATE_NEW;
    unsigned count = 0;
    SluiceTransport *client;
    Pair pair;

    (void)state;
    open_default(&pair);
    client = pair.end[CLIENT].transport;
    sluice_transport_set_path_validated(client, vclock_now(), 1);
    sluice_transport_start(client, vclock_now(), SLUICE_ROLE_CLIENT);
    pair.end[CLIENT].emsgsize = 1;
    for (int i = 0; i < 200; i++) { /* each refusal makes the flight again, which is an event */
        const uint8_t *data;
        size_t len;

        if (sluice_transport_peek_output(client, &data, &len))
            sluice_transport_pop_output(client, vclock_now(), SLUICE_SEND_FAILED);
        vclock_advance(5 * SECOND / 40);
        sluice_transport_handle_timeout(client, vclock_now());
    }
    for (int i = 0; i < 100; i++) {
        SluiceTime due = sluice_transport_next_timeout(client);

        if (due == SLUICE_TIME_NEVER)
            break;
        vclock_advance_to(due);
        sluice_transport_handle_timeout(client, vclock_now());
    }
    while (sluice_transport_next_event(client, &event)) {
        count++;
        if (event.type == SLUICE_EVENT_STATE)
            last = event.u.state;
    }
    assert_true(count <= 64);
    assert_int_equal(last, SLUICE_STATE_FAILED);
    pair_close(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_call_in_figures),
        cmocka_unit_test(test_at_birth),
        cmocka_unit_test(test_rtt_only_without_retransmission),
        cmocka_unit_test(test_phases),
        cmocka_unit_test(test_other_sizes),
        cmocka_unit_test(test_event_overflow),
    };

    alloc_init();
    return cmocka_run_group_tests(tests, NULL, free_certificates);
}
