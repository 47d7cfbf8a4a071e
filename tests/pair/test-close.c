/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: close_notify ends both ends in order, from either side; nothing passes in or out
 * afterwards; a plaintext close_notify or alert ends nothing (ALR-01, SPF-09, C7, C12, C13; rules 7
 * and 35). */

#include "restarts.h"

static void assert_shut(Pair *pair, int end)
{
    SluiceTransport *transport = pair->end[end].transport;
    SluiceFingerprint fingerprint = fingerprint_of(certificate_of(!end), SLUICE_HASH_SHA256);
    uint8_t key[16];
    SluiceSrtpKeys keys;
    size_t sent = pair->end[end].n_sent;

    assert_state(pair, end, SLUICE_STATE_CLOSED);
    assert_status(pair_send_data(pair, end, "x", 1), SLUICE_ENDED);
    assert_status(pair_send_media(pair, end, SLUICE_KIND_RTP, 1, 99, 1, 20), SLUICE_ENDED);
    assert_status(pair_send_media(pair, end, SLUICE_KIND_RTCP, 1, 99, 1, 20), SLUICE_ENDED);
    assert_status(sluice_transport_export(transport, "EXPORTER-x", NULL, 0, key, sizeof key),
                  SLUICE_ENDED);
    assert_status(sluice_transport_get_srtp_keys(transport, &keys), SLUICE_ENDED);
    assert_status(
        sluice_transport_set_remote_fingerprints(transport, vclock_now(), &fingerprint, 1),
        SLUICE_ENDED);
    assert_int_equal(sluice_transport_next_timeout(transport), SLUICE_TIME_NEVER);
    assert_status(sluice_transport_close(transport, vclock_now()), SLUICE_OK);
    pair_drain(pair, end);
    assert_int_equal(pair->end[end].n_sent, sent);
}

static void test_close_from_either_end(void **state)
{
    (void)state;
    for (int who = 0; who < 2; who++) {
        size_t messages;
        Pair pair;

        open_connected(&pair);
        assert_talks(&pair);
        assert_status(sluice_transport_close(pair.end[who].transport, vclock_now()), SLUICE_OK);
        assert_state(&pair, who, SLUICE_STATE_CLOSED);
        pair_drain(&pair, who);
        /* What the peer sends before it knows is not delivered any more. */
        messages = pair.end[who].n_messages;
        assert_status(pair_send_media(&pair, !who, SLUICE_KIND_RTP, 1, 50, 1, 20), SLUICE_OK);
        assert_status(pair_send_data(&pair, !who, "late", 4), SLUICE_OK);
        pair_run(&pair, SECOND);
        assert_int_equal(pair.end[who].n_messages, messages);
        assert_true(pair_stats(&pair, who).dropped_ended >= 2);
        assert_reason(&pair, who, SLUICE_END_LOCAL_CLOSE);
        assert_reason(&pair, !who, SLUICE_END_CLOSE_NOTIFY);
        assert_int_equal(pair_end(&pair, !who).phase, SLUICE_STATE_CONNECTED);
        assert_shut(&pair, 0);
        assert_shut(&pair, 1);
        pair_close(&pair);
    }
}

/* Bug: an end that closed while the fingerprint of an announced restart was not known yet was not heard: its peer went on for
 * ever. Mechanism: the peer had gone over to the new association, to which the close was not said. */
static void test_close_beside_an_unverified_restart(void **state)
{
    (void)state;
    for (int wait = 0; wait < 2; wait++) {
        Pair pair;

        open_connected(&pair);
        assert_talks(&pair);
        assert_status(sluice_transport_restart(pair.end[SERVER].transport, vclock_now(),
                                               SLUICE_ROLE_SERVER, NULL, 0),
                      SLUICE_OK);
        assert_status(announce(&pair, CLIENT, SLUICE_ROLE_CLIENT), SLUICE_OK);
        pair_run(&pair,
                 wait ? 10 * SECOND : 200 * MS); /* the overlap of the peer is over, or not */
        assert_int_equal(pair_stats(&pair, CLIENT).generation, 2);
        assert_int_equal(pair_stats(&pair, SERVER).generation, 1);
        assert_status(sluice_transport_close(pair.end[SERVER].transport, vclock_now()), SLUICE_OK);
        pair_drain(&pair, SERVER);
        pair_run(&pair, SECOND);
        assert_reason(&pair, CLIENT, SLUICE_END_CLOSE_NOTIFY);
        pair_close(&pair);
    }
}

static void test_alert_events(void **state)
{
    const SluiceAlert *sent, *received;
    Pair pair;

    (void)state;
    open_connected(&pair);
    sluice_transport_close(pair.end[CLIENT].transport, vclock_now());
    pair_drain(&pair, CLIENT);
    pair_run(&pair, SECOND);
    sent = alert_event(&pair, CLIENT, SLUICE_SENT_OUT);
    received = alert_event(&pair, SERVER, SLUICE_RECEIVED);
    assert_non_null(sent);
    assert_non_null(received);
    assert_int_equal(sent->number, 0);
    assert_int_equal(received->number, 0);
    assert_int_equal(received->level, 1);
    assert_true(sent->authenticated);
    assert_true(received->authenticated);
    assert_string_equal(sluice_alert_name(0), "close_notify");
    pair_close(&pair);
}

/* Data that arrived before the close is still there to be read. */
static void test_unread_messages_of_the_peer_stay(void **state)
{
    Pair pair;

    (void)state;
    open_connected(&pair);
    pair.end[SERVER].no_reading = 1;
    pair_send_data(&pair, CLIENT, "last words", 10);
    sluice_transport_close(pair.end[CLIENT].transport, vclock_now());
    pair_drain(&pair, CLIENT);
    pair_run(&pair, SECOND);
    assert_state(&pair, SERVER, SLUICE_STATE_CLOSED);
    pair.end[SERVER].no_reading = 0;
    pair_drain(&pair, SERVER);
    assert_int_equal(pair.end[SERVER].n_messages, 1);
    assert_memory_equal(pair.end[SERVER].messages[0].data, "last words", 10);
    pair_close(&pair);
}

/* With our own close the application has said that it wants nothing more. */
static void test_unread_messages_go_with_ones_own_close(void **state)
{
    SluiceMessage message;
    Pair pair;

    (void)state;
    open_connected(&pair);
    pair.end[SERVER].no_reading = 1;
    pair_send_data(&pair, CLIENT, "unread", 6);
    pair_run(&pair, SECOND);
    assert_true(sluice_transport_peek_message(pair.end[SERVER].transport, &message));
    sluice_transport_close(pair.end[SERVER].transport, vclock_now());
    assert_false(sluice_transport_peek_message(pair.end[SERVER].transport, &message));
    pair_close(&pair);
}

static void test_both_close_at_once(void **state)
{
    Pair pair;

    (void)state;
    open_connected(&pair);
    for (int end = 0; end < 2; end++) {
        sluice_transport_close(pair.end[end].transport, vclock_now());
        pair_drain(&pair, end);
    }
    pair_run(&pair, SECOND);
    for (int end = 0; end < 2; end++) {
        assert_reason(&pair, end, SLUICE_END_LOCAL_CLOSE);
        assert_shut(&pair, end);
    }
    pair_close(&pair);
}

/* Best effort: a lost close_notify is not repeated, and the peer lives on. */
static void test_lost_close_notify(void **state)
{
    size_t sent;
    Pair pair;

    (void)state;
    open_connected(&pair);
    pair.end[CLIENT].link.settings.loss = 1;
    sluice_transport_close(pair.end[CLIENT].transport, vclock_now());
    pair_drain(&pair, CLIENT);
    sent = pair.end[CLIENT].n_sent;
    pair_send_data(&pair, SERVER, "hello?", 6);
    pair_run(&pair, 60 * SECOND);
    assert_int_equal(pair.end[CLIENT].n_sent, sent);
    assert_state(&pair, SERVER, SLUICE_STATE_CONNECTED);
    pair_close(&pair);
}

static void test_close_before_connected(void **state)
{
    (void)state;
    for (SluiceTime after = -1; after < 45 * MS; after += 5 * MS)
        for (int who = 0; who < 2; who++) {
            Pair pair;

            open_default(&pair);
            if (after >= 0) {
                pair_start_both(&pair);
                pair_run(&pair, after);
            }
            assert_status(sluice_transport_close(pair.end[who].transport, vclock_now()), SLUICE_OK);
            pair_drain(&pair, who);
            assert_reason(&pair, who, SLUICE_END_LOCAL_CLOSE);
            assert_shut(&pair, who);
            assert_status(pair_start(&pair, who, SLUICE_ROLE_CLIENT), SLUICE_ENDED);
            pair_run(&pair, 35 * SECOND);
            assert_false(pair.spun);
            if (after >= 0)
                assert_true(pair_state(&pair, !who) != SLUICE_STATE_CONNECTING);
            pair_close(&pair);
        }
}

/* The forged twins: in plaintext anybody can send them. */
static void test_forged_ends(void **state)
{
    static const uint8_t close_notify[] = {21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 1, 0};
    static const uint8_t fatal[] = {21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 2, 40};
    static const uint8_t sealed[] = {21, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 9, 0, 26,
                                     0,  0,    0,    0, 0, 0, 0, 9, 1, 2, 3, 4, 5,
                                     6,  7,    8,    9, 0, 1, 2, 3, 4, 5, 6, 7, 8};

    (void)state;
    for (int victim = 0; victim < 2; victim++) {
        Pair pair;

        open_connected(&pair);
        link_inject(&pair.end[!victim].link, vclock_now(), close_notify, sizeof close_notify);
        link_inject(&pair.end[!victim].link, vclock_now(), fatal, sizeof fatal);
        link_inject(&pair.end[!victim].link, vclock_now(), sealed, sizeof sealed);
        pair_run(&pair, SECOND);
        assert_state(&pair, victim, SLUICE_STATE_CONNECTED);
        assert_null(alert_event(&pair, victim, SLUICE_RECEIVED));
        assert_int_equal(pair_stats(&pair, victim).dropped_unexpected, 2);
        assert_talks(&pair);
        pair_close(&pair);
    }
}

/* A real close_notify, given twice and late. */
static void test_repeated_close_notify(void **state)
{
    uint8_t record[100];
    const uint8_t *data;
    size_t len, ended = 0;
    Pair pair;

    (void)state;
    open_connected(&pair);
    pair.end[CLIENT].no_output = 1;
    sluice_transport_close(pair.end[CLIENT].transport, vclock_now());
    assert_true(sluice_transport_peek_output(pair.end[CLIENT].transport, &data, &len));
    memcpy(record, data, len);
    for (int i = 0; i < 3; i++)
        link_inject(&pair.end[CLIENT].link, vclock_now() + i * SECOND, record, len);
    pair_run(&pair, 5 * SECOND);
    for (size_t i = 0; i < pair.end[SERVER].n_events; i++)
        ended += pair.end[SERVER].events[i].type == SLUICE_EVENT_STATE &&
                 pair.end[SERVER].events[i].u.state == SLUICE_STATE_CLOSED;
    assert_int_equal(ended, 1);
    pair_close(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_close_from_either_end),
        cmocka_unit_test(test_close_beside_an_unverified_restart),
        cmocka_unit_test(test_alert_events),
        cmocka_unit_test(test_unread_messages_of_the_peer_stay),
        cmocka_unit_test(test_unread_messages_go_with_ones_own_close),
        cmocka_unit_test(test_both_close_at_once),
        cmocka_unit_test(test_lost_close_notify),
        cmocka_unit_test(test_close_before_connected),
        cmocka_unit_test(test_forged_ends),
        cmocka_unit_test(test_repeated_close_notify),
    };

    alloc_init();
    return cmocka_run_group_tests(tests, NULL, free_certificates);
}
