/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: ends that do not suit each other fail at once, each with a reason that says why, never by
 * silence and never by falling back to less (ALR-02, ALR-04, SRT-04, rule 19). */

#include "common.h"

static void open_with_profiles(Pair *pair, const SluiceSrtpProfile *client, size_t n_client,
                               const SluiceSrtpProfile *server, size_t n_server)
{
    SluiceConfig *a = new_config(CLIENT), *b = new_config(SERVER);

    assert_status(sluice_config_set_srtp_profiles(a, client, n_client), SLUICE_OK);
    assert_status(sluice_config_set_srtp_profiles(b, server, n_server), SLUICE_OK);
    open_with(pair, a, b);
}

static void assert_nothing_passed(const Pair *pair)
{
    for (int end = 0; end < 2; end++) {
        assert_int_equal(pair->end[end].n_messages, 0);
        assert_int_equal(sluice_transport_next_timeout(pair->end[end].transport),
                         SLUICE_TIME_NEVER);
    }
}

static const SluiceSrtpProfile gcm[] = {SLUICE_SRTP_AEAD_AES_128_GCM};
static const SluiceSrtpProfile cm[] = {SLUICE_SRTP_AES128_CM_SHA1_80};

/* OpenSSL alone ends such a handshake well, without SRTP. */
static void test_no_common_profile(void **state)
{
    const SluiceAlert *sent, *received;
    SluiceEnd end;
    char text[640];
    Pair pair;

    (void)state;
    open_with_profiles(&pair, gcm, 1, cm, 1);
    pair_start_both(&pair);
    assert_true(pair_run_until(&pair, pair_both_over, pair.begun + 3 * SECOND));
    assert_reason(&pair, SERVER, SLUICE_END_NO_SRTP_PROFILE);
    assert_true(pair_state(&pair, CLIENT) == SLUICE_STATE_FAILED);
    sent = alert_event(&pair, SERVER, SLUICE_SENT_OUT);
    received = alert_event(&pair, CLIENT, SLUICE_RECEIVED);
    assert_non_null(sent);
    assert_non_null(received);
    assert_int_equal(sent->number, received->number);
    assert_int_equal(sent->level, 2);
    assert_false(received->authenticated);
    end = pair_end(&pair, CLIENT);
    assert_int_equal(end.alert, received->number);
    assert_true(end.alert_received);
    assert_status(sluice_end_describe(&end, text, sizeof text), SLUICE_OK);
    assert_non_null(strstr(text, sluice_alert_name(received->number)));
    end = pair_end(&pair, SERVER);
    assert_false(end.alert_received);
    assert_status(sluice_end_describe(&end, text, sizeof text), SLUICE_OK);
    assert_non_null(strstr(text, "profile"));
    assert_nothing_passed(&pair);
    pair_close(&pair);
}

static void test_client_without_srtp(void **state)
{
    Pair pair;

    (void)state;
    open_with_profiles(&pair, NULL, 0, gcm, 1);
    pair_start_both(&pair);
    assert_true(pair_run_until(&pair, pair_both_over, pair.begun + 3 * SECOND));
    assert_reason(&pair, SERVER, SLUICE_END_NO_SRTP_PROFILE);
    assert_state(&pair, CLIENT, SLUICE_STATE_FAILED);
    assert_nothing_passed(&pair);
    pair_close(&pair);
}

static void test_server_without_srtp(void **state)
{
    Pair pair;

    (void)state;
    open_with_profiles(&pair, gcm, 1, NULL, 0);
    pair_start_both(&pair);
    pair_run(&pair, 3 * SECOND);
    assert_state(&pair, CLIENT, SLUICE_STATE_FAILED);
    assert_reason(&pair, CLIENT, SLUICE_END_NO_SRTP_PROFILE);
    assert_false(has_state_event(&pair, CLIENT, SLUICE_STATE_CONNECTED));
    assert_true(pair_state(&pair, SERVER) >= SLUICE_STATE_CLOSED);
    assert_nothing_passed(&pair);
    pair_close(&pair);
}

/* The twin: one in common is enough, wherever it stands. */
static void test_one_in_common(void **state)
{
    static const SluiceSrtpProfile a[] = {SLUICE_SRTP_AEAD_AES_256_GCM,
                                          SLUICE_SRTP_AES128_CM_SHA1_80},
                                   b[] = {SLUICE_SRTP_AEAD_AES_128_GCM,
                                          SLUICE_SRTP_AES128_CM_SHA1_80};
    Pair pair;

    (void)state;
    open_with_profiles(&pair, a, 2, b, 2);
    connect_within(&pair, 100 * MS);
    assert_int_equal(pair_stats(&pair, CLIENT).srtp_cipher, SLUICE_SRTP_AES128_CM_SHA1_80);
    assert_talks(&pair);
    pair_close(&pair);
}

/* Each end has one reason, one event, and tells its log-reading user the next thing to try. */
static void test_one_end_each(void **state)
{
    Pair pair;

    (void)state;
    open_with_profiles(&pair, gcm, 1, cm, 1);
    pair_start_both(&pair);
    pair_run(&pair, 60 * SECOND);
    for (int end = 0; end < 2; end++) {
        SluiceEnd why = pair_end(&pair, end), again = pair_end(&pair, end);
        unsigned events = 0;

        assert_memory_equal(&why, &again, sizeof why);
        for (size_t i = 0; i < pair.end[end].n_events; i++)
            events += pair.end[end].events[i].type == SLUICE_EVENT_STATE &&
                      pair.end[end].events[i].u.state >= SLUICE_STATE_CLOSED;
        assert_int_equal(events, 1);
        assert_true(strlen(sluice_end_hint(&why)) > 10);
    }
    pair_close(&pair);
}

static void test_end_is_not_known_before(void **state)
{
    SluiceEnd end;
    Pair pair;

    (void)state;
    open_connected(&pair);
    assert_status(sluice_transport_get_end(pair.end[CLIENT].transport, &end), SLUICE_INVALID_STATE);
    pair_close(&pair);
}

/* The flights of a handshake, as events: what rtcprobe shows. */
static void test_flight_events(void **state)
{
    static const int expected[2][4] = {{1, 4, 5, 6}, {1, 4, 5, 6}};
    static const SluiceDirection directions[2][4] = {
        {SLUICE_SENT_OUT, SLUICE_RECEIVED, SLUICE_SENT_OUT, SLUICE_RECEIVED},
        {SLUICE_RECEIVED, SLUICE_SENT_OUT, SLUICE_RECEIVED, SLUICE_SENT_OUT}};
    Pair pair;

    (void)state;
    open_connected(&pair);
    for (int end = 0; end < 2; end++) {
        int n = 0;
        SluiceTime last = 0;

        for (size_t i = 0; i < pair.end[end].n_events; i++) {
            const SluiceEvent *event = &pair.end[end].events[i];

            assert_true(event->time >= last);
            last = event->time;
            if (event->type != SLUICE_EVENT_FLIGHT)
                continue;
            assert_true(n < 4);
            assert_int_equal(event->u.flight.number, expected[end][n]);
            assert_int_equal(event->u.flight.direction, directions[end][n]);
            assert_int_equal(event->u.flight.retransmission, 0);
            assert_int_equal(event->u.flight.datagrams, 1);
            n++;
        }
        assert_int_equal(n, 4);
        assert_int_equal(pair.end[end].events[0].type, SLUICE_EVENT_STATE);
        assert_int_equal(pair.end[end].events[0].u.state, SLUICE_STATE_CONNECTING);
        assert_int_equal(pair.end[end].events[pair.end[end].n_events - 1].type, SLUICE_EVENT_STATE);
        assert_int_equal(pair.end[end].events[pair.end[end].n_events - 1].u.state,
                         SLUICE_STATE_CONNECTED);
    }
    pair_close(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_common_profile),   cmocka_unit_test(test_client_without_srtp),
        cmocka_unit_test(test_server_without_srtp), cmocka_unit_test(test_one_in_common),
        cmocka_unit_test(test_one_end_each),        cmocka_unit_test(test_end_is_not_known_before),
        cmocka_unit_test(test_flight_events),
    };

    alloc_init();
    return cmocka_run_group_tests(tests, NULL, free_certificates);
}
