/* SPDX-License-Identifier: BSD-3-Clause */

/* Alerts under the keys of the association, as no OpenSSL peer sends them: the test makes the records itself.
 *
 * A warning: OpenSSL 3.0 treats it as fatal in DTLS (openssl/openssl#25444), later ones (3.2 and on) the fifth in a row. DTLS
 * is over then, media is not. A fatal
 * alert, each number: one end, with the number. The forged twin, one bit off: nothing at all.
 *
 * And a Finished that comes again and again, as some other library's client sends it. */

#include "openssl-version.h"
#include "restarts.h"
#include "sealed.h"

#define USER_CANCELED 90

static size_t seal(uint8_t *out, uint8_t type, uint16_t number, const uint8_t *body, size_t len)
{
    return sealed_record(SERVER, out, type, number, body, len);
}

static void open_watched(Pair *pair)
{
    SluiceConfig *server = new_config(SERVER);

    sealed_reset();
    assert_status(sluice_config_set_keylog(server, sealed_keylog, NULL, NULL), SLUICE_OK);
    open_with(pair, new_config(CLIENT), server);
    pair->end[SERVER].link.filter = sealed_watch;
    connect_within(pair, SECOND);
    assert_true(sealed_is_ready());
    assert_string_equal(pair_stats(pair, CLIENT).dtls_cipher,
                        "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384");
    pair_run(pair, 100 * MS);
}

/* The client gets an alert that its server never sent. @flip: a byte to damage, or 0. */
static void give_alert(Pair *pair, uint16_t number, uint8_t level, uint8_t description, size_t flip)
{
    const uint8_t body[] = {level, description};
    uint8_t record[64];
    size_t len = seal(record, 21, number, body, 2);

    if (flip)
        record[flip] ^= 1;
    link_inject(&pair->end[SERVER].link, vclock_now(), record, len);
    pair_run(pair, 100 * MS);
}

/* Since 3.2 warnings that are not in a row change nothing, however many. */
static void test_one_warning_at_a_time(void **state)
{
    int lives = openssl_since(3, 2) ? 8 : 0;
    Pair pair;

    (void)state;
    open_watched(&pair);
    for (int i = 0; i < lives || i == 0; i++) {
        give_alert(&pair, (uint16_t)(20 + i), 1, USER_CANCELED, 0); /* within the replay window */
        assert_state(&pair, CLIENT, lives ? SLUICE_STATE_CONNECTED : SLUICE_STATE_MEDIA_ONLY);
        if (lives)
            assert_talks(&pair);
    }
    pair_close(&pair);
}

static void test_a_warning_ends_dtls_and_leaves_media(void **state)
{
    Pair pair;
    const SluiceAlert *alert;

    (void)state;
    open_watched(&pair);
    for (uint16_t i = 0; i < (openssl_since(3, 2) ? 5 : 1); i++) {
        assert_state(&pair, CLIENT, SLUICE_STATE_CONNECTED);
        give_alert(&pair, (uint16_t)(1000 + i), 1, USER_CANCELED, 0);
    }
    assert_state(&pair, CLIENT, SLUICE_STATE_MEDIA_ONLY);
    alert = alert_event(&pair, CLIENT, SLUICE_RECEIVED);
    assert_non_null(alert);
    assert_int_equal(alert->number, USER_CANCELED);
    assert_int_equal(alert->level, 1);
    assert_int_equal(alert->authenticated, 1);
    /* data is refused, media goes on both ways */
    assert_status(pair_send_data(&pair, CLIENT, "late", 4), SLUICE_INVALID_STATE);
    assert_status(pair_send_media(&pair, CLIENT, SLUICE_KIND_RTP, 1, 7, 1, 100), SLUICE_OK);
    assert_status(pair_send_media(&pair, SERVER, SLUICE_KIND_RTP, 2, 7, 2, 100), SLUICE_OK);
    assert_status(pair_send_media(&pair, SERVER, SLUICE_KIND_RTCP, 2, 0, 2, 20), SLUICE_OK);
    pair_run(&pair, 100 * MS);
    assert_int_equal(pair_count(&pair, SERVER, SLUICE_KIND_RTP), 1);
    assert_int_equal(pair_count(&pair, CLIENT, SLUICE_KIND_RTP), 1);
    assert_int_equal(pair_count(&pair, CLIENT, SLUICE_KIND_RTCP), 1);
    /* nothing is armed, DTLS that still comes is dropped, and the end is the caller's */
    assert_true(sluice_transport_next_timeout(pair.end[CLIENT].transport) == SLUICE_TIME_NEVER);
    assert_status(pair_send_data(&pair, SERVER, "more", 4), SLUICE_OK);
    pair_run(&pair, 100 * MS);
    assert_int_equal(pair_count(&pair, CLIENT, SLUICE_KIND_DATA), 0);
    assert_true(pair_stats(&pair, CLIENT).dropped_unexpected > 0);
    assert_status(sluice_transport_close(pair.end[CLIENT].transport, vclock_now()), SLUICE_OK);
    assert_state(&pair, CLIENT, SLUICE_STATE_CLOSED);
    pair_close(&pair);
}

static void test_each_fatal_alert_ends_it_with_its_number(void **state)
{
    (void)state;
    for (unsigned description = 1; description < 256; description += description < 120 ? 10 : 45) {
        Pair pair;
        SluiceEnd end;

        open_watched(&pair);
        give_alert(&pair, 1000, 2, (uint8_t)description, 0);
        assert_state(&pair, CLIENT, SLUICE_STATE_FAILED);
        assert_reason(&pair, CLIENT, SLUICE_END_ALERT_RECEIVED);
        end = pair_end(&pair, CLIENT);
        assert_int_equal(end.alert, description);
        assert_int_equal(end.alert_received, 1);
        assert_int_equal(end.phase, SLUICE_STATE_CONNECTED);
        assert_status(pair_send_media(&pair, CLIENT, SLUICE_KIND_RTP, 1, 7, 1, 100), SLUICE_ENDED);
        pair_close(&pair);
    }
}

static void test_a_forged_alert_does_nothing(void **state)
{
    Pair pair;

    (void)state;
    open_watched(&pair);
    for (size_t flip = 13; flip < 39; flip += 5) {
        give_alert(&pair, (uint16_t)(1000 + flip), 2, 40, flip);
        give_alert(&pair, (uint16_t)(1100 + flip), 1, 90, flip);
    }
    assert_state(&pair, CLIENT, SLUICE_STATE_CONNECTED);
    assert_null(alert_event(&pair, CLIENT, SLUICE_RECEIVED));
    assert_talks(&pair);
    pair_close(&pair);
}

/* -- what an attempt was told that broke behind its Finished ------------------------------------------------ */

static struct {
    uint8_t bytes[1500];
    size_t len;
} last_flight;

/* As sealed_watch(), and the first flight 6 is lost. */
static int keep_last_flight(void *context, uint64_t number, SluiceTime now, uint8_t *data,
                            size_t len)
{
    int is_last = data[0] == 20 || (len > 13 && data[0] == 22 && data[13] == 4);

    if (!is_last || last_flight.len || len > sizeof last_flight.bytes)
        return sealed_watch(context, number, now, data, len);
    memcpy(last_flight.bytes, data, len);
    last_flight.len = len;
    return 0;
}

/* The client's complaint is lost. */
static int lose_alerts(void *context, uint64_t number, SluiceTime now, uint8_t *data, size_t len)
{
    (void)context;
    (void)number;
    (void)now;
    (void)len;
    return data[0] != 21;
}

/* Bug: data of a peer that nobody had verified was delivered, as if the one that was verified later had sent it. Mechanism: in
 * one datagram came the Finished, a message, and what breaks an association; the message waited for the verification that did
 * not come, the next attempt's did, and opened the inbox. Found by simulate --anything, seed 2005551. */
static void test_data_of_a_broken_attempt_is_nobodys(void **state)
{
    static const uint8_t alert[] = {9, 10};
    SluiceConfig *server = new_config(SERVER);
    uint8_t datagram[2000];
    size_t len;
    Pair pair;

    (void)state;
    sealed_reset();
    memset(&last_flight, 0, sizeof last_flight);
    assert_status(sluice_config_set_keylog(server, sealed_keylog, NULL, NULL), SLUICE_OK);
    open_with(&pair, new_config(CLIENT), server);
    pair.end[SERVER].link.filter = keep_last_flight;
    pair.end[CLIENT].link.filter = lose_alerts;
    pair_start_both(&pair);
    pair_run(&pair, 60 * MS);
    assert_true(sealed_is_ready() && last_flight.len > 0);
    memcpy(datagram, last_flight.bytes, len = last_flight.len);
    len += seal(datagram + len, 23, 5, (const uint8_t *)"whose?", 6);
    len += seal(datagram + len, 21, 6, alert, sizeof alert);
    assert_int_equal(pair_stats(&pair, CLIENT).attempts_given_up, 0);
    link_inject(&pair.end[SERVER].link, vclock_now(), datagram, len);
    pair_run(&pair, 20 * MS);
    assert_int_equal(pair_stats(&pair, CLIENT).attempts_given_up, 1);
    assert_true(pair_run_until(&pair, pair_both_connected, vclock_now() + 5 * SECOND));
    pair_run(&pair, 2 * SECOND); /* the server goes over to the new keys */
    assert_int_equal(pair_count(&pair, CLIENT, SLUICE_KIND_DATA), 0);
    assert_talks(&pair);
    pair_close(&pair);
}

/* Bug: a client that asked for the server's last flight a thirteenth time, as one does that asks each second while the path
 * to it is away for a quarter of a minute, ended the association; so did the thirteenth answer, at the client. Mechanism:
 * OpenSSL counts each repeated Finished like a timer of its own that has run out (dtls1_check_timeout_num), and gives up
 * after twelve. */
static void repeat_finished(int from)
{
    const uint8_t finished[24] = {20, 0, 0, 12, 0, 4, 0, 0, 0, 0, 0, 12};
    uint8_t datagram[200];
    uint64_t flights;
    Pair pair;

    open_watched(&pair);
    for (uint16_t i = 0; i < 40; i++) {
        size_t len =
            sealed_record(from, datagram, 22, (uint16_t)(2 * i + 5), finished, sizeof finished);

        flights = pair_stats(&pair, SERVER).flights_sent;
        /* What is in the datagram with it is taken. */
        len +=
            sealed_record(from, datagram + len, 23, (uint16_t)(2 * i + 6), (const uint8_t *)"x", 1);
        link_inject(&pair.end[from].link, vclock_now() + 10 * MS, datagram, len);
        pair_run(&pair, SECOND);
        assert_state(&pair, !from, SLUICE_STATE_CONNECTED);
        assert_int_equal(pair_count(&pair, !from, SLUICE_KIND_DATA), i + 1);
        assert_int_equal(pair_stats(&pair, SERVER).flights_sent, flights + (from == CLIENT));
    }
    assert_status(pair_send_data(&pair, !from, "y", 1), SLUICE_OK);
    pair_run(&pair, SECOND);
    assert_int_equal(pair_count(&pair, from, SLUICE_KIND_DATA), 1);
    pair_close(&pair);
}

static void test_a_finished_again_and_again(void **state)
{
    (void)state;
    repeat_finished(CLIENT);
    repeat_finished(SERVER);
}

/* The forged twin: nobody with the keys has asked, and nothing is answered. */
static void test_a_forged_finished_again_and_again(void **state)
{
    const uint8_t finished[24] = {20, 0, 0, 12, 0, 4, 0, 0, 0, 0, 0, 12};
    uint8_t record[96];
    uint64_t flights;
    Pair pair;

    (void)state;
    open_watched(&pair);
    flights = pair_stats(&pair, SERVER).flights_sent;
    for (uint16_t i = 0; i < 80; i++) {
        int from = i % 2;
        size_t len = sealed_record(from, record, 22, (uint16_t)(i + 5), finished, sizeof finished);

        record[len - 1] ^= 1;
        link_inject(&pair.end[from].link, vclock_now() + 10 * MS, record, len);
        pair_run(&pair, SECOND);
    }
    assert_int_equal(pair_stats(&pair, SERVER).flights_sent, flights);
    assert_true(pair_both_connected(&pair));
    assert_talks(&pair);
    pair_close(&pair);
}

/* -- of a peer that nobody has verified, while another one is announced --------------------------------------- */

static SluiceTransport *open_unverified(Pair *pair)
{
    SluiceConfig *server = new_config(SERVER);

    sealed_reset();
    assert_status(sluice_config_set_keylog(server, sealed_keylog, NULL, NULL), SLUICE_OK);
    open_with(pair, new_config(CLIENT), server);
    pair->end[SERVER].link.filter = sealed_watch;
    for (int end = 0; end < 2; end++)
        sluice_transport_set_path_validated(pair->end[end].transport, vclock_now(), 1);
    pair_know(pair, CLIENT);
    pair_start(pair, SERVER, SLUICE_ROLE_SERVER);
    pair_start(pair, CLIENT, SLUICE_ROLE_CLIENT);
    pair_run(pair, 100 * MS);
    assert_true(sealed_is_ready());
    assert_state(pair, SERVER, SLUICE_STATE_UNVERIFIED);
    return pair->end[SERVER].transport;
}

static void say_as_client(Pair *pair, uint8_t level, uint8_t description, size_t flip)
{
    const uint8_t body[] = {level, description};
    unsigned times = level == 1 && openssl_since(3, 2) ? 5 : 1;

    for (uint16_t i = 0; i < times; i++) {
        uint8_t record[64];
        size_t len = sealed_record(CLIENT, record, 21, (uint16_t)(1000 + i), body, 2);

        record[len - 1] ^= (uint8_t)flip;
        link_inject(&pair->end[CLIENT].link, vclock_now(), record, len);
    }
    pair_run(pair, 100 * MS);
}

/* Bug: a fatal alert of somebody whom nobody had verified ended the call that signalling had handed to another peer; a close_notify
 * no longer did. Mechanism: what a peer says that is replaced ends its own association alone, but that rule was for a
 * close_notify. Not announced, it is the end; forged, it is nothing. */
static void alert_of_nobody(uint8_t level, int announced, int comes)
{
    Pair pair;
    SluiceTransport *server = open_unverified(&pair);

    say_as_client(&pair, level, 46, 1);
    assert_state(&pair, SERVER, SLUICE_STATE_UNVERIFIED);
    assert_null(alert_event(&pair, SERVER, SLUICE_RECEIVED));
    if (announced)
        assert_status(announce(&pair, SERVER, SLUICE_ROLE_SERVER), SLUICE_OK);
    say_as_client(&pair, level, 46, 0);
    assert_non_null(alert_event(&pair, SERVER, SLUICE_RECEIVED));
    if (announced) {
        assert_state(&pair, SERVER, SLUICE_STATE_UNVERIFIED);
        pair_run(&pair, 25 * SECOND);
        assert_state(&pair, SERVER, SLUICE_STATE_UNVERIFIED);
    }
    if (comes) {
        pair_reboot(&pair, CLIENT);
        pair_start(&pair, CLIENT, SLUICE_ROLE_CLIENT);
        assert_true(pair_run_until(&pair, pair_both_connected, vclock_now() + SECOND));
        assert_talks(&pair);
        pair_run(&pair, 60 * SECOND);
        assert_talks(&pair);
    } else {
        pair_run(&pair, announced ? 6 * SECOND : 0);
        assert_int_equal(event_of(&pair, SERVER, SLUICE_EVENT_RESTART_FAILED) != NULL, announced);
        assert_reason(&pair, SERVER, SLUICE_END_ALERT_RECEIVED);
        assert_int_equal(pair_end(&pair, SERVER).alert, 46);
    }
    assert_true(sluice_transport_next_timeout(server) == SLUICE_TIME_NEVER);
    pair_close(&pair);
}

static void test_of_a_peer_that_was_never_verified(void **state)
{
    (void)state;
    for (uint8_t level = 1; level <= 2; level++) {
        alert_of_nobody(level, 0, 0);
        alert_of_nobody(level, 1, 0);
        alert_of_nobody(level, 1, 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_warning_at_a_time),
        cmocka_unit_test(test_a_warning_ends_dtls_and_leaves_media),
        cmocka_unit_test(test_each_fatal_alert_ends_it_with_its_number),
        cmocka_unit_test(test_a_forged_alert_does_nothing),
        cmocka_unit_test(test_data_of_a_broken_attempt_is_nobodys),
        cmocka_unit_test(test_a_finished_again_and_again),
        cmocka_unit_test(test_of_a_peer_that_was_never_verified),
        cmocka_unit_test(test_a_forged_finished_again_and_again),
    };

    alloc_init();
    return cmocka_run_group_tests(tests, NULL, free_certificates);
}
