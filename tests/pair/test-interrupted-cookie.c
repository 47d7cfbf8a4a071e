/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: a cookie exchange (RFC 6347 section 4.2.1) survives what comes between: a path that is
 * validated, a damaged ClientHello, junk, a close. And its flights are told like all others. */

#include "common.h"

/* A server on plain UDP, a client that needs no cookie itself. */
static void open_cookie(Pair *pair, SluiceTime delay)
{
    const LinkSettings settings = {.delay = delay};
    SluiceConfig *client = new_config(CLIENT), *server = new_config(SERVER);

    assert_status(sluice_config_set_allow_unvalidated(server, 1), SLUICE_OK);
    pair_open(pair, client, server, &settings, 1);
    sluice_config_unref(client);
    sluice_config_unref(server);
    sluice_transport_set_path_validated(pair->end[CLIENT].transport, vclock_now(), 1);
    pair_know(pair, CLIENT);
    pair_know(pair, SERVER);
}

static void start_cookie(Pair *pair, SluiceTime delay)
{
    open_cookie(pair, delay);
    pair_start(pair, SERVER, SLUICE_ROLE_SERVER);
    pair_start(pair, CLIENT, SLUICE_ROLE_CLIENT);
}

/* Flights of @end of that number in that direction; @repeated: those told as sent before. */
static unsigned count_flights(const Pair *pair, int end, SluiceDirection direction, int number,
                              int repeated)
{
    unsigned n = 0;

    for (size_t i = 0; i < pair->end[end].n_events; i++) {
        const SluiceEvent *event = &pair->end[end].events[i];

        n += event->type == SLUICE_EVENT_FLIGHT && event->u.flight.direction == direction &&
             event->u.flight.number == number && event->u.flight.retransmission == repeated;
    }
    return n;
}

/* Bug: both ends failed with unexpected_message. Mechanism: with the HelloVerifyRequest under way
 * the server's path became validated, so the client's repeated first ClientHello was taken without
 * a cookie and an association began at message 0; then the client had its cookie and began anew
 * with message 1, which that association could not make sense of. Once a cookie was asked for
 * there is no way back. */
static void test_validated_in_between(void **state)
{
    (void)state;
    for (SluiceTime delay = 10 * MS; delay <= 130 * MS; delay += 40 * MS)
        for (SluiceTime after = 0; after <= 500 * MS; after += 10 * MS) {
            Pair pair;

            start_cookie(&pair, delay);
            pair_run(&pair, after);
            sluice_transport_set_path_validated(pair.end[SERVER].transport, vclock_now(), 1);
            if (!pair_run_until(&pair, pair_both_connected, pair.begun + 5 * SECOND))
                fail_msg("delay %d ms, validated after %d ms: client %s, server %s",
                         (int)(delay / MS), (int)(after / MS), reason_name(&pair, CLIENT),
                         reason_name(&pair, SERVER));
            if (delay == 10 * MS && after == 0)
                assert_int_equal(pair_stats(&pair, SERVER).hello_verify_requests, 0);
            assert_talks(&pair);
            pair_close(&pair);
        }
}

/* A bit of the second ClientHello, the one with the cookie. context: where. */
static int flip(void *context, uint64_t number, SluiceTime now, uint8_t *data, size_t len)
{
    const size_t *bit = context;

    (void)now;
    if (number == 2 && *bit / 8 < len)
        data[*bit / 8] ^= (uint8_t)(1u << *bit % 8);
    return 1;
}

/* Bug: one flipped bit in the ClientHello with the cookie, and no later copy was accepted: dead
 * until the deadline. Mechanism: its head was read before the guard had looked at its lengths; the
 * cookie was right, an association was made, the guard dropped the datagram, and what the
 * association then got did not begin with the message it waited for. */
static void test_flipped_bit_in_the_hello(void **state)
{
    (void)state;
    for (size_t bit = 0; bit < 25 * 8; bit++) { /* each of both headers */
        Pair pair;

        start_cookie(&pair, 10 * MS);
        pair.end[CLIENT].link.filter = flip;
        pair.end[CLIENT].link.filter_context = &bit;
        if (!pair_run_until(&pair, pair_both_connected, pair.begun + 5 * SECOND))
            fail_msg("bit %d: client %s, server %s", (int)bit, reason_name(&pair, CLIENT),
                     reason_name(&pair, SERVER));
        pair_close(&pair);
    }
}

/* Bug: a datagram that was dropped decided our role. Mechanism: as above, the head of a
 * ClientHello was enough to leave LISTENING as server; the guard then dropped it for its lengths,
 * and the client role that the answer named was refused. */
static void test_dropped_hello_takes_no_role(void **state)
{
    uint8_t hello[13 + 12 + 36] = {22, 0xfe, 0xff, 0, 0, 0, 0, 0, 0, 0, 1,  0,    48,  1,
                                   0,  0,    36,   0, 0, 0, 0, 0, 0, 0, 36, 0xfe, 0xfd};
    size_t len = sizeof hello;
    SluiceTransport *transport;
    SluicePeerOffer offer;
    SluiceKind kind;
    Pair pair;

    (void)state;
    open_default(&pair);
    transport = pair.end[CLIENT].transport;
    for (int end = 0; end < 2; end++) {
        sluice_transport_set_path_validated(pair.end[end].transport, vclock_now(), 1);
        pair_know(&pair, end);
    }
    pair_start(&pair, CLIENT, SLUICE_ROLE_AUTO);
    assert_true(sluice_status_is_dropped(
        sluice_transport_receive(transport, vclock_now(), hello, &len, &kind)));
    assert_state(&pair, CLIENT, SLUICE_STATE_LISTENING);
    assert_int_equal(pair_stats(&pair, CLIENT).dtls_role, SLUICE_ROLE_AUTO);
    assert_int_equal(sluice_transport_next_timeout(transport), SLUICE_TIME_NEVER);
    assert_status(sluice_transport_get_offer(transport, &offer), SLUICE_NOT_READY);
    assert_status(pair_start(&pair, CLIENT, SLUICE_ROLE_CLIENT), SLUICE_OK);
    pair_start(&pair, SERVER, SLUICE_ROLE_SERVER);
    assert_true(pair_run_until(&pair, pair_both_connected, pair.begun + SECOND));
    assert_talks(&pair);
    pair_close(&pair);
}

/* Bug: a server that had answered twelve ClientHellos with a HelloVerifyRequest ended with
 * "no ClientHello came", flights 0 and 0, and each of them told as the first. Mechanism:
 * this exchange has no association (RFC 6347 section 4.2.1 wants no state), and flights
 * were counted there only. */
static void test_flights_of_a_cookie_that_never_arrives(void **state)
{
    char text[640];
    SluiceStats stats;
    SluiceEnd end;
    Pair pair;

    (void)state;
    start_cookie(&pair, 10 * MS);
    pair.end[SERVER].link.settings.loss = 1;
    pair_run(&pair, 31 * SECOND);
    stats = pair_stats(&pair, SERVER);
    assert_true(stats.hello_verify_requests > 5);
    assert_int_equal(stats.flights_received, stats.hello_verify_requests);
    assert_int_equal(stats.flights_sent, stats.hello_verify_requests);
    for (int number = 1; number <= 2; number++) {
        SluiceDirection direction = number == 1 ? SLUICE_RECEIVED : SLUICE_SENT_OUT;

        assert_int_equal(count_flights(&pair, SERVER, direction, number, 0), 1);
        assert_int_equal(count_flights(&pair, SERVER, direction, number, 1),
                         stats.hello_verify_requests - 1);
    }
    assert_reason(&pair, SERVER, SLUICE_END_DEADLINE);
    end = pair_end(&pair, SERVER);
    assert_int_equal(end.last_flight_sent, 2);
    assert_int_equal(end.last_flight_received, 1);
    assert_status(sluice_end_describe(&end, text, sizeof text), SLUICE_OK);
    assert_null(strstr(text, "No ClientHello"));
    pair_close(&pair);
}

/* Bug: a server closed before it was connected still sent its HelloVerifyRequest. Mechanism: as
 * above; unsent flights were dropped only together with an association. */
static void test_close_drops_an_unsent_request(void **state)
{
    const uint8_t *data;
    size_t len;
    Pair pair;

    (void)state;
    open_cookie(&pair, 10 * MS);
    pair.end[SERVER].no_output = 1;
    pair_start(&pair, SERVER, SLUICE_ROLE_SERVER);
    pair_start(&pair, CLIENT, SLUICE_ROLE_CLIENT);
    pair_run(&pair, 50 * MS);
    assert_true(sluice_transport_peek_output(pair.end[SERVER].transport, &data, &len));
    sluice_transport_close(pair.end[SERVER].transport, vclock_now());
    assert_false(sluice_transport_peek_output(pair.end[SERVER].transport, &data, &len));
    assert_int_equal(pair_stats(&pair, SERVER).output_datagrams, 0);
    pair_close(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_validated_in_between),
        cmocka_unit_test(test_flipped_bit_in_the_hello),
        cmocka_unit_test(test_dropped_hello_takes_no_role),
        cmocka_unit_test(test_flights_of_a_cookie_that_never_arrives),
        cmocka_unit_test(test_close_drops_an_unsent_request),
    };

    alloc_init();
    return cmocka_run_group_tests(tests, NULL, free_certificates);
}
