/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: the handshake may finish before the peer's fingerprint is known, but until it is known and
 * matches nothing is exported, delivered or sent; what came meanwhile is delivered in order
 * afterwards (rule 23, RFC 8827 section 6.5). */

#include "common.h"

/* Both started and validated; only @knows is told who its peer is. */
static void start_half_known(Pair *pair, int knows)
{
    for (int end = 0; end < 2; end++)
        sluice_transport_set_path_validated(pair->end[end].transport, vclock_now(), 1);
    assert_status(pair_know(pair, knows), SLUICE_OK);
    pair_start(pair, CLIENT, SLUICE_ROLE_CLIENT);
    pair_start(pair, SERVER, SLUICE_ROLE_SERVER);
}

static void assert_gate_is_shut(Pair *pair, int end)
{
    SluiceTransport *transport = pair->end[end].transport;
    _Alignas(8) uint8_t packet[300] = {0}, before[300];
    SluiceSrtpKeys keys;
    SluiceMessage message;
    uint8_t key[16];
    size_t len = pair_make_media(packet, SLUICE_KIND_RTP, 1, 1, 2, 100), was = len;

    memcpy(before, packet, sizeof packet);
    assert_status(sluice_transport_export(transport, "EXPORTER-x", NULL, 0, key, sizeof key),
                  SLUICE_NOT_READY);
    assert_status(sluice_transport_get_srtp_keys(transport, &keys), SLUICE_NOT_READY);
    assert_status(sluice_transport_send_data(transport, vclock_now(), (const uint8_t *)"x", 1),
                  SLUICE_NOT_READY);
    assert_status(sluice_transport_protect(transport, SLUICE_KIND_RTP, packet, &len, sizeof packet),
                  SLUICE_NOT_READY);
    assert_int_equal(len, was);
    assert_memory_equal(packet, before, sizeof packet);
    assert_false(sluice_transport_peek_message(transport, &message));
    assert_int_equal(pair->end[end].n_messages, 0);
}

static void test_gate(void **state)
{
    (void)state;
    for (int late = 0; late < 2; late++) {
        Pair pair;

        open_default(&pair);
        start_half_known(&pair, !late);
        assert_gate_is_shut(&pair, late);
        pair_run(&pair, SECOND);
        assert_state(&pair, late, SLUICE_STATE_UNVERIFIED);
        assert_state(&pair, !late, SLUICE_STATE_CONNECTED);
        assert_gate_is_shut(&pair, late);
        assert_status(pair_know(&pair, late), SLUICE_OK);
        assert_state(&pair, late, SLUICE_STATE_CONNECTED);
        assert_int_equal(pair_stats(&pair, late).connected_at, vclock_now());
        assert_true(pair_stats(&pair, late).finished_at < vclock_now());
        assert_int_equal(sluice_transport_next_timeout(pair.end[late].transport),
                         SLUICE_TIME_NEVER);
        assert_talks(&pair);
        pair_close(&pair);
    }
}

static void test_known_before_the_end_of_the_handshake(void **state)
{
    (void)state;
    for (int late = 0; late < 2; late++) {
        Pair pair;

        open_default(&pair);
        start_half_known(&pair, !late);
        pair_run(&pair, 15 * MS); /* the ClientHello has been answered */
        assert_state(&pair, late, SLUICE_STATE_CONNECTING);
        assert_status(pair_know(&pair, late), SLUICE_OK);
        assert_true(pair_run_until(&pair, pair_both_connected, pair.begun + 100 * MS));
        assert_false(has_state_event(&pair, late, SLUICE_STATE_UNVERIFIED));
        assert_talks(&pair);
        pair_close(&pair);
    }
}

/* What the connected end sends meanwhile is kept, and comes in order. */
static void test_held_in_order(void **state)
{
    (void)state;
    for (int late = 0; late < 2; late++) {
        static const SluiceKind expected[] = {SLUICE_KIND_RTP, SLUICE_KIND_DATA, SLUICE_KIND_RTCP,
                                              SLUICE_KIND_RTP, SLUICE_KIND_DATA, SLUICE_KIND_RTP};
        Pair pair;

        open_default(&pair);
        start_half_known(&pair, !late);
        pair_run(&pair, SECOND);
        assert_status(pair_send_media(&pair, !late, SLUICE_KIND_RTP, 7, 1, 0x11, 40), SLUICE_OK);
        assert_status(pair_send_data(&pair, !late, "first", 5), SLUICE_OK);
        assert_status(pair_send_media(&pair, !late, SLUICE_KIND_RTCP, 7, 0, 0x22, 40), SLUICE_OK);
        assert_status(pair_send_media(&pair, !late, SLUICE_KIND_RTP, 7, 2, 0x33, 40), SLUICE_OK);
        assert_status(pair_send_data(&pair, !late, "second", 6), SLUICE_OK);
        pair_run(&pair, 50 * MS);
        assert_gate_is_shut(&pair, late);
        assert_status(pair_know(&pair, late), SLUICE_OK);
        assert_status(pair_send_media(&pair, !late, SLUICE_KIND_RTP, 7, 3, 0x44, 40), SLUICE_OK);
        pair_run(&pair, 50 * MS);
        assert_int_equal(pair.end[late].n_messages, 6);
        for (size_t i = 0; i < 6; i++)
            assert_int_equal(pair.end[late].messages[i].kind, expected[i]);
        assert_memory_equal(pair.end[late].messages[1].data, "first", 5);
        assert_memory_equal(pair.end[late].messages[4].data, "second", 6);
        assert_int_equal(pair.end[late].messages[0].data[12], 0x11);
        assert_int_equal(pair.end[late].messages[3].data[12], 0x33);
        assert_int_equal(pair.end[late].messages[5].data[12], 0x44);
        assert_int_equal(pair.end[late].messages[0].generation, 1);
        pair_close(&pair);
    }
}

/* While held media waits unread, newer media queues behind it; when it is empty nothing is copied
 * any more. */
static void test_newer_media_queues_behind_held(void **state)
{
    Pair pair;

    (void)state;
    open_default(&pair);
    start_half_known(&pair, CLIENT);
    pair_run(&pair, SECOND);
    pair_send_media(&pair, CLIENT, SLUICE_KIND_RTP, 7, 1, 1, 40);
    pair_run(&pair, 50 * MS);
    pair.end[SERVER].no_reading = 1;
    assert_status(pair_know(&pair, SERVER), SLUICE_OK);
    pair_send_media(&pair, CLIENT, SLUICE_KIND_RTP, 7, 2, 2, 40);
    pair_run(&pair, 50 * MS);
    assert_int_equal(pair.end[SERVER].n_messages, 0);
    pair.end[SERVER].no_reading = 0;
    pair_drain(&pair, SERVER);
    assert_int_equal(pair.end[SERVER].n_messages, 2);
    assert_int_equal(pair.end[SERVER].messages[0].data[12], 1);
    assert_int_equal(pair.end[SERVER].messages[1].data[12], 2);
    pair_send_media(&pair, CLIENT, SLUICE_KIND_RTP, 7, 3, 3, 40);
    pair_run(&pair, 50 * MS);
    assert_int_equal(pair.end[SERVER].n_messages, 3);
    assert_int_equal(pair.end[SERVER].messages[2].generation, 0); /* returned at once */
    assert_int_equal(pair_stats(&pair, SERVER).held, 2);
    pair_close(&pair);
}

/* The forged twin: the fingerprint that comes late is somebody else's. */
static void test_late_mismatch(void **state)
{
    (void)state;
    for (int late = 0; late < 2; late++) {
        SluiceFingerprint wrong = fingerprint_of(certificate_of(late), SLUICE_HASH_SHA256);
        const SluiceAlert *alert;
        uint8_t key[16];
        Pair pair;

        open_default(&pair);
        start_half_known(&pair, !late);
        pair_run(&pair, SECOND);
        pair_send_data(&pair, !late, "secret", 6);
        pair_send_media(&pair, !late, SLUICE_KIND_RTP, 7, 1, 1, 40);
        pair_run(&pair, 50 * MS);
        assert_status(sluice_transport_set_remote_fingerprints(pair.end[late].transport,
                                                               vclock_now(), &wrong, 1),
                      SLUICE_OK);
        pair_drain(&pair, late);
        assert_state(&pair, late, SLUICE_STATE_FAILED);
        assert_reason(&pair, late, SLUICE_END_FINGERPRINT_MISMATCH);
        assert_int_equal(pair_end(&pair, late).phase, SLUICE_STATE_UNVERIFIED);
        assert_int_equal(pair.end[late].n_messages, 0);
        assert_status(sluice_transport_export(pair.end[late].transport, "EXPORTER-x", NULL, 0, key,
                                              sizeof key),
                      SLUICE_ENDED);
        pair_run(&pair, SECOND);
        assert_true(pair_state(&pair, !late) >= SLUICE_STATE_CLOSED);
        assert_int_equal(pair.end[late].n_messages, 0);
        alert = alert_event(&pair, !late, SLUICE_RECEIVED);
        assert_non_null(alert);
        assert_true(alert->authenticated);
        pair_close(&pair);
    }
}

/* It has a limit of its own, from the end of the handshake. */
static void test_never_known(void **state)
{
    (void)state;
    for (int late = 0; late < 2; late++) {
        SluiceConfig *configs[2] = {new_config(CLIENT), new_config(SERVER)};
        Pair pair;

        sluice_config_set_deadlines(configs[late], 30 * SECOND, 7 * SECOND);
        open_with(&pair, configs[CLIENT], configs[SERVER]);
        start_half_known(&pair, !late);
        pair_run(&pair, SECOND);
        assert_int_equal(sluice_transport_next_timeout(pair.end[late].transport),
                         pair_stats(&pair, late).finished_at + 7 * SECOND);
        pair_run(&pair, 5 * SECOND);
        assert_state(&pair, late, SLUICE_STATE_UNVERIFIED);
        pair_run(&pair, 5 * SECOND);
        assert_state(&pair, late, SLUICE_STATE_FAILED);
        assert_reason(&pair, late, SLUICE_END_UNVERIFIED_DEADLINE);
        assert_int_equal(sluice_transport_next_timeout(pair.end[late].transport),
                         SLUICE_TIME_NEVER);
        pair_close(&pair);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gate),
        cmocka_unit_test(test_known_before_the_end_of_the_handshake),
        cmocka_unit_test(test_held_in_order),
        cmocka_unit_test(test_newer_media_queues_behind_held),
        cmocka_unit_test(test_late_mismatch),
        cmocka_unit_test(test_never_known),
    };

    alloc_init();
    return cmocka_run_group_tests(tests, NULL, free_certificates);
}
