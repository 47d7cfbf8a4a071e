/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: sluice_transport_end_dtls() frees OpenSSL's connection and nothing else: media goes on both ways, the
 * close_notify that was sealed before still ends the peer in order, data and keys are refused. A server keeps DTLS until the
 * peer is known to have its last flight, with a timer, and for no longer than a handshake may take. */

#include "forged.h"
#include "restarts.h"

/* Of one end: the peer's certificate and the ciphers of SRTP, nothing of an SSL (36 KB). */
#define MEDIA_ALONE_BYTES 6000

static SluiceStatus end_dtls(Pair *pair, int end)
{
    SluiceStatus status = sluice_transport_end_dtls(pair->end[end].transport, vclock_now());

    pair_drain(pair, end);
    return status;
}

static void assert_media_alone(Pair *pair, int end)
{
    SluiceTransport *transport = pair->end[end].transport;
    SluiceSrtpKeys keys;
    uint8_t key[16];

    assert_state(pair, end, SLUICE_STATE_MEDIA_ONLY);
    assert_status(pair_send_data(pair, end, "x", 1), SLUICE_INVALID_STATE);
    assert_status(sluice_transport_export(transport, "EXPORTER-x", NULL, 0, key, sizeof key),
                  SLUICE_INVALID_STATE);
    assert_status(sluice_transport_get_srtp_keys(transport, &keys), SLUICE_INVALID_STATE);
    assert_int_equal(sluice_transport_max_data_size(transport), 0);
    assert_int_equal(sluice_transport_next_timeout(transport), SLUICE_TIME_NEVER);
    assert_status(end_dtls(pair, end), SLUICE_OK);
}

static void assert_media_flows(Pair *pair, uint16_t sequence)
{
    size_t before[2] = {pair_count(pair, CLIENT, SLUICE_KIND_RTP),
                        pair_count(pair, SERVER, SLUICE_KIND_RTP)};

    for (int end = 0; end < 2; end++)
        assert_status(pair_send_media(pair, end, SLUICE_KIND_RTP, 7, sequence, 1, 20), SLUICE_OK);
    pair_run(pair, SECOND);
    assert_int_equal(pair_count(pair, CLIENT, SLUICE_KIND_RTP), before[CLIENT] + 1);
    assert_int_equal(pair_count(pair, SERVER, SLUICE_KIND_RTP), before[SERVER] + 1);
}

static void test_memory_goes_and_media_goes_on(void **state)
{
    int64_t base;
    Pair pair;

    (void)state;
    open_connected(&pair); /* what libssl makes once */
    pair_close(&pair);
    open_default(&pair);
    base = alloc_count().openssl_bytes;
    connect_within(&pair, SECOND);
    assert_talks(&pair);
    for (int end = 0; end < 2; end++) {
        assert_status(end_dtls(&pair, end), SLUICE_OK);
        assert_media_alone(&pair, end);
    }
    assert_in_range(alloc_count().openssl_bytes - base, 0, 2 * MEDIA_ALONE_BYTES);
    assert_media_flows(&pair, 100);
    assert_int_equal(pair_stats(&pair, CLIENT).tls_version, 0xfefd);
    pair_close(&pair);
}

/* From either end, with and without the other one having given DTLS up. */
static void test_the_sealed_farewell(void **state)
{
    (void)state;
    for (int which = 0; which < 4; which++) {
        int who = which & 1, both = which >> 1;
        Pair pair;

        open_connected(&pair);
        assert_talks(&pair);
        assert_status(end_dtls(&pair, who), SLUICE_OK);
        if (both)
            assert_status(end_dtls(&pair, !who), SLUICE_OK);
        pair_run(&pair, 60 * SECOND);
        assert_status(sluice_transport_close(pair.end[who].transport, vclock_now()), SLUICE_OK);
        pair_drain(&pair, who);
        pair_run(&pair, SECOND);
        assert_state(&pair, who, SLUICE_STATE_CLOSED);
        assert_reason(&pair, who, SLUICE_END_LOCAL_CLOSE);
        assert_int_equal(pair_end(&pair, who).phase, SLUICE_STATE_MEDIA_ONLY);
        if (both) {
            assert_state(&pair, !who, SLUICE_STATE_MEDIA_ONLY); /* it hears no DTLS any more */
            assert_true(pair_stats(&pair, !who).dropped_unexpected > 0);
        } else {
            assert_reason(&pair, !who, SLUICE_END_CLOSE_NOTIFY);
        }
        pair_close(&pair);
    }
}

static int server_finished(const Pair *pair)
{
    return pair_state(pair, SERVER) == SLUICE_STATE_CONNECTED;
}

/* The server's last flight is lost; it may not give up what has to answer when the client asks again. */
static void test_a_server_waits_for_its_last_flight(void **state)
{
    SluiceTime lost_until;
    Pair pair;

    (void)state;
    open_default(&pair);
    pair_start_both(&pair);
    /* Up to the moment when the server has sent its last flight, which is lost from there on. */
    assert_true(pair_run_until(&pair, server_finished, vclock_now() + SECOND));
    lost_until = vclock_now() + SECOND;
    pair.end[SERVER].link.filter = lose_until;
    pair.end[SERVER].link.filter_context = &lost_until;
    assert_status(end_dtls(&pair, SERVER), SLUICE_OK);
    assert_state(&pair, SERVER, SLUICE_STATE_CONNECTED);
    assert_status(pair_send_data(&pair, SERVER, "x", 1), SLUICE_INVALID_STATE);
    assert_true(sluice_transport_next_timeout(pair.end[SERVER].transport) <= vclock_now() + SECOND);
    assert_true(pair_run_until(&pair, pair_both_connected, vclock_now() + 10 * SECOND));
    /* A word of the client's under the keys tells the server. */
    assert_status(pair_send_media(&pair, CLIENT, SLUICE_KIND_RTP, 7, 1, 1, 20), SLUICE_OK);
    pair_run(&pair, SECOND);
    assert_media_alone(&pair, SERVER);
    assert_media_flows(&pair, 2);
    pair_close(&pair);
}

static int last_flights_sent(const Pair *pair)
{
    int n = 0;

    for (size_t i = 0; i < pair->end[SERVER].n_events; i++) {
        const SluiceEvent *event = &pair->end[SERVER].events[i];

        n += event->type == SLUICE_EVENT_FLIGHT && event->u.flight.number == 6 &&
             event->u.flight.direction == SLUICE_SENT_OUT;
    }
    return n;
}

static int second_finished(const Pair *pair) { return last_flights_sent(pair) == 2; }

static int both_at_two(const Pair *pair)
{
    return pair_stats(pair, CLIENT).generation == 2 && pair_stats(pair, SERVER).generation == 2;
}

/* Bug: after a restart the server did not wait: the path was away for some seconds when it had sent its last flight, and the
 * client then asked in vain and had no keys in common with it. Mechanism: how long the handshake has been over was counted
 * from the first one of the call, which was minutes ago. */
static void test_it_waits_after_a_restart_too(void **state)
{
    SluiceTime lost_until;
    Pair pair;

    (void)state;
    open_connected(&pair);
    assert_talks(&pair);
    pair_run(&pair, 60 * SECOND);
    assert_status(announce(&pair, SERVER, SLUICE_ROLE_SERVER), SLUICE_OK);
    assert_status(announce(&pair, CLIENT, SLUICE_ROLE_CLIENT), SLUICE_OK);
    while (pair.end[SERVER].link.filter == NULL) { /* the last flight is lost */
        assert_true(pair_step(&pair, vclock_now() + SECOND));
        for (size_t i = pair.end[CLIENT].n_events; i-- > 0 && !pair.end[SERVER].link.filter;)
            if (pair.end[CLIENT].events[i].type == SLUICE_EVENT_FLIGHT &&
                pair.end[CLIENT].events[i].u.flight.number == 5 &&
                pair.end[CLIENT].events[i].time > 60 * SECOND + pair.begun)
                pair.end[SERVER].link.filter = lose_until;
        lost_until = vclock_now() + 6 * SECOND;
        pair.end[SERVER].link.filter_context = &lost_until;
    }
    assert_true(pair_run_until(&pair, second_finished, vclock_now() + SECOND));
    pair.end[CLIENT].link.filter = lose_until;
    pair.end[CLIENT].link.filter_context = &lost_until;
    assert_status(end_dtls(&pair, SERVER), SLUICE_OK);
    assert_true(pair_run_until(&pair, both_at_two, vclock_now() + 20 * SECOND));
    assert_media_flows(&pair, 100);
    assert_media_alone(&pair, SERVER);
    pair_close(&pair);
}

/* The forged twin: packets that are not the peer's prove nothing. And silence is waited for no longer than a handshake takes. */
static void test_what_is_no_proof(void **state)
{
    uint8_t forged[64];
    SluiceKind kind;
    size_t len;
    Pair pair;

    (void)state;
    open_connected(&pair);
    assert_status(end_dtls(&pair, SERVER), SLUICE_OK);
    for (uint16_t i = 0; i < 100; i++) {
        len = pair_make_media(forged, SLUICE_KIND_RTP, 7, i, 1, 40);
        assert_true(sluice_status_is_dropped(sluice_transport_receive(
            pair.end[SERVER].transport, vclock_now(), forged, &len, &kind)));
    }
    pair_run(&pair, 20 * SECOND);
    assert_state(&pair, SERVER, SLUICE_STATE_CONNECTED);
    pair_run(&pair, 11 * SECOND);
    assert_media_alone(&pair, SERVER);
    assert_media_flows(&pair, 2);
    pair_close(&pair);
}

/* The peer's close_notify comes while the server waits: that ends it as ever. */
static void test_closed_while_it_waits(void **state)
{
    Pair pair;

    (void)state;
    open_connected(&pair);
    assert_status(end_dtls(&pair, SERVER), SLUICE_OK);
    assert_status(sluice_transport_close(pair.end[CLIENT].transport, vclock_now()), SLUICE_OK);
    pair_drain(&pair, CLIENT);
    pair_run(&pair, SECOND);
    assert_reason(&pair, SERVER, SLUICE_END_CLOSE_NOTIFY);
    assert_int_equal(sluice_transport_next_timeout(pair.end[SERVER].transport), SLUICE_TIME_NEVER);
    pair_close(&pair);
}

/* Bug: an end that gave DTLS up while a restart was announced went on making attempts at it, and heard nothing of what
 * answered them. Mechanism: between two attempts the second place is empty, and that alone was looked at. */
static void test_between_two_attempts(void **state)
{
    static Stolen stolen[2];

    (void)state;
    steal_handshake(stolen, 1);
    for (int victim = 0; victim < 2; victim++)
        for (int end = 0; end < 2; end++) {
            const Stolen *from = &stolen[!victim];
            size_t last = from->n - 1;
            Pair pair;

            open_connected(&pair);
            assert_talks(&pair);
            assert_status(announce(&pair, SERVER, SLUICE_ROLE_SERVER), SLUICE_OK);
            assert_status(announce(&pair, CLIENT, SLUICE_ROLE_CLIENT), SLUICE_OK);
            while (from->bytes[last][13] != 11) /* a Certificate of another */
                last--;
            inject_bytes(&pair, victim, vclock_now() + 35 * MS, from->bytes[last], from->len[last]);
            inject_bytes(&pair, victim, vclock_now() + 45 * MS, from->bytes[last], from->len[last]);
            while (!pair_stats(&pair, victim).attempts_given_up)
                assert_true(pair_step(&pair, vclock_now() + SECOND));
            assert_status(end_dtls(&pair, end), SLUICE_OK);
            assert_state(&pair, end, SLUICE_STATE_CONNECTED);
            pair_run(&pair, 20 * SECOND);
            assert_null(event_of(&pair, end, SLUICE_EVENT_RESTART_FAILED));
            for (int i = 0; i < 2; i++)
                assert_int_equal(pair_stats(&pair, i).generation, 2);
            assert_true(pair_stats(&pair, end).attempts_given_up <= 2);
            assert_media_flows(&pair, 100);
            pair_run(&pair, 20 * SECOND);
            assert_media_alone(&pair, end);
            pair_close(&pair);
        }
}

/* A peer that comes back by itself is not heard. */
static void test_nobody_is_announced(void **state)
{
    Pair pair;

    (void)state;
    open_connected(&pair);
    assert_talks(&pair);
    assert_status(end_dtls(&pair, SERVER), SLUICE_OK);
    pair_reboot(&pair, CLIENT);
    pair_start(&pair, CLIENT, SLUICE_ROLE_CLIENT);
    pair_run(&pair, 20 * SECOND);
    assert_media_alone(&pair, SERVER);
    assert_int_equal(pair_stats(&pair, SERVER).hello_verify_requests, 0);
    pair_close(&pair);
}

static void test_misuse(void **state)
{
    SluiceConfig *data_only[2] = {new_config(0), new_config(1)};
    Pair pair;

    (void)state;
    assert_status(sluice_transport_end_dtls(NULL, 0), SLUICE_INVALID_ARGUMENT);
    open_default(&pair);
    assert_status(end_dtls(&pair, CLIENT), SLUICE_NOT_READY);
    connect_within(&pair, SECOND);
    assert_status(sluice_transport_close(pair.end[CLIENT].transport, vclock_now()), SLUICE_OK);
    assert_status(end_dtls(&pair, CLIENT), SLUICE_ENDED);
    pair_close(&pair);
    for (int i = 0; i < 2; i++)
        assert_status(sluice_config_set_srtp_profiles(data_only[i], NULL, 0), SLUICE_OK);
    open_with(&pair, data_only[0], data_only[1]);
    connect_within(&pair, SECOND);
    assert_status(end_dtls(&pair, CLIENT), SLUICE_INVALID_STATE);
    assert_status(pair_send_data(&pair, CLIENT, "x", 1), SLUICE_OK);
    pair_close(&pair);
}

/* Not even the farewell could be sealed: the rest goes on. */
static void test_no_memory(void **state)
{
    (void)state;
    for (uint64_t n = 1; n < 6; n++) {
        Pair pair;

        open_connected(&pair);
        assert_talks(&pair);
        alloc_fail_at(n, 1);
        assert_status(sluice_transport_end_dtls(pair.end[CLIENT].transport, vclock_now()),
                      SLUICE_OK);
        alloc_fail_at(0, 0);
        pair_drain(&pair, CLIENT);
        assert_media_alone(&pair, CLIENT);
        assert_media_flows(&pair, 100);
        assert_status(sluice_transport_close(pair.end[CLIENT].transport, vclock_now()), SLUICE_OK);
        pair_close(&pair);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory_goes_and_media_goes_on),
        cmocka_unit_test(test_the_sealed_farewell),
        cmocka_unit_test(test_a_server_waits_for_its_last_flight),
        cmocka_unit_test(test_it_waits_after_a_restart_too),
        cmocka_unit_test(test_what_is_no_proof),
        cmocka_unit_test(test_closed_while_it_waits),
        cmocka_unit_test(test_between_two_attempts),
        cmocka_unit_test(test_nobody_is_announced),
        cmocka_unit_test(test_misuse),
        cmocka_unit_test(test_no_memory),
    };

    if (!alloc_init())
        return 1;
    return cmocka_run_group_tests(tests, NULL, free_certificates);
}
