/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: a server's last flight, what it sends right behind and its close_notify belong together
 * in this order, however they arrive, and however long they wait in the output. */

#include "forged.h"

#define BUNDLE_MAX 1024

/* What the server sends from its last flight on: kept from the network. */
typedef struct {
    uint8_t bytes[BUNDLE_MAX];
    size_t len;
    uint64_t from, to; /* numbers of the datagrams that are kept */
} Bundle;

static int keep(void *context, uint64_t number, SluiceTime now, uint8_t *data, size_t len)
{
    Bundle *bundle = context;

    (void)now;
    if (number < bundle->from || number > bundle->to)
        return 1;
    assert_true(bundle->len + len <= sizeof bundle->bytes);
    memcpy(bundle->bytes + bundle->len, data, len);
    bundle->len += len;
    return 0;
}

/* The server is connected, says "hello" and closes at once. The datagrams @from to @to are kept;
 * all others are on their way. @verified: the client knows whom to expect. */
static void say_and_close(Pair *pair, Bundle *bundle, uint64_t from, uint64_t to, int verified)
{
    memset(bundle, 0, sizeof *bundle);
    bundle->from = from;
    bundle->to = to;
    open_default(pair);
    pair->end[SERVER].link.filter = keep;
    pair->end[SERVER].link.filter_context = bundle;
    for (int end = 0; end < 2; end++) {
        sluice_transport_set_path_validated(pair->end[end].transport, vclock_now(), 1);
        if (end == SERVER || verified)
            pair_know(pair, end);
    }
    pair_start(pair, SERVER, SLUICE_ROLE_SERVER);
    pair_start(pair, CLIENT, SLUICE_ROLE_CLIENT);
    while (pair_state(pair, SERVER) != SLUICE_STATE_CONNECTED)
        assert_true(pair_step(pair, pair->begun + SECOND));
    assert_status(pair_send_data(pair, SERVER, "hello", 5), SLUICE_OK);
    sluice_transport_close(pair->end[SERVER].transport, vclock_now());
    pair_drain(pair, SERVER);
    assert_int_equal(pair->end[SERVER].n_sent, 4); /* flights 4 and 6, the message, the alert */
    assert_true(bundle->len > 0);
}

static void assert_heard_and_closed(Pair *pair)
{
    const SluiceAlert *alert = alert_event(pair, CLIENT, SLUICE_RECEIVED);

    assert_true(has_state_event(pair, CLIENT, SLUICE_STATE_CONNECTED));
    assert_state(pair, CLIENT, SLUICE_STATE_CLOSED);
    assert_reason(pair, CLIENT, SLUICE_END_CLOSE_NOTIFY);
    assert_int_equal(pair_end(pair, CLIENT).phase, SLUICE_STATE_CONNECTED);
    assert_int_equal(pair_count(pair, CLIENT, SLUICE_KIND_DATA), 1);
    assert_memory_equal(pair->end[CLIENT].messages[0].data, "hello", 5);
    assert_non_null(alert);
    assert_int_equal(alert->number, 0);
    assert_int_equal(alert->authenticated, 1);
}

/* Bug: the last flight, overtaken by a message and close_notify, ended as a protocol error and the
 * message was lost. Mechanism: OpenSSL keeps records of the next epoch and reads all three in the
 * one call that gets the Finished; "closed" was looked at before "finished", so that the handshake
 * counted as broken off. */
static void test_finished_comes_last(void **state)
{
    Bundle bundle;
    Pair pair;

    (void)state;
    say_and_close(&pair, &bundle, 2, 2, 1);
    link_inject(&pair.end[SERVER].link, vclock_now() + 40 * MS, bundle.bytes, bundle.len);
    pair_run(&pair, SECOND);
    assert_heard_and_closed(&pair);
    pair_close(&pair);
}

/* The same mechanism without reordering: a peer may put all of it in one datagram. The alert in it
 * was called unauthenticated, too: it was told before the end of the handshake was noted. */
static void test_all_in_one_datagram(void **state)
{
    Bundle bundle;
    Pair pair;

    (void)state;
    say_and_close(&pair, &bundle, 2, 4, 1);
    link_inject(&pair.end[SERVER].link, vclock_now() + 10 * MS, bundle.bytes, bundle.len);
    pair_run(&pair, SECOND);
    assert_heard_and_closed(&pair);
    pair_close(&pair);
}

/* The twin: from a peer that nobody has verified not even that message is shown, ended or not. */
static void test_nothing_from_an_unverified_peer(void **state)
{
    SluiceMessage message;
    Bundle bundle;
    Pair pair;

    (void)state;
    say_and_close(&pair, &bundle, 2, 4, 0);
    link_inject(&pair.end[SERVER].link, vclock_now() + 10 * MS, bundle.bytes, bundle.len);
    pair_run(&pair, SECOND);
    assert_state(&pair, CLIENT, SLUICE_STATE_CLOSED);
    assert_reason(&pair, CLIENT, SLUICE_END_CLOSE_NOTIFY);
    assert_int_equal(pair_end(&pair, CLIENT).phase, SLUICE_STATE_UNVERIFIED);
    assert_int_equal(pair.end[CLIENT].n_messages, 0);
    assert_false(sluice_transport_peek_message(pair.end[CLIENT].transport, &message));
    assert_status(sluice_transport_pop_message(pair.end[CLIENT].transport), SLUICE_INVALID_STATE);
    pair_close(&pair);
}

/* The other twin: one bit of the bundle is wrong, in the Finished: nothing of it counts,
 * and the handshake, whose Finished is not sent again by an end that has closed, runs into
 * its deadline. */
static void test_forged_bundle(void **state)
{
    Bundle bundle;
    Pair pair;

    (void)state;
    say_and_close(&pair, &bundle, 2, 4, 1);
    bundle.bytes[14 + 40] ^= 1; /* behind the ChangeCipherSpec */
    link_inject(&pair.end[SERVER].link, vclock_now() + 10 * MS, bundle.bytes, bundle.len);
    pair_run(&pair, 31 * SECOND);
    assert_int_equal(pair.end[CLIENT].n_messages, 0);
    assert_false(has_state_event(&pair, CLIENT, SLUICE_STATE_CONNECTED));
    assert_state(&pair, CLIENT, SLUICE_STATE_FAILED);
    assert_reason(&pair, CLIENT, SLUICE_END_DEADLINE);
    pair_close(&pair);
}

/* The Finished overtakes the ChangeCipherSpec, and forged records fill the places in which it waits: it is the last to go,
 * for it alone costs a timer. */
static void test_finished_keeps_its_place(void **state)
{
    enum { CHANGE_CIPHER_SPEC_LEN = 14, PLACES = 4 };
    static const Forged kinds[] = {EPOCH_1_DATA, EPOCH_1_ALERT};

    (void)state;
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        Bundle bundle = {.from = 2, .to = 2};
        SluiceTime now;
        Link *link;
        Pair pair;

        open_default(&pair);
        link = &pair.end[SERVER].link;
        link->filter = keep;
        link->filter_context = &bundle;
        pair_start_both(&pair);
        while (pair_state(&pair, SERVER) != SLUICE_STATE_CONNECTED)
            assert_true(pair_step(&pair, pair.begun + SECOND));
        now = vclock_now();
        assert_true(bundle.len > CHANGE_CIPHER_SPEC_LEN);
        assert_int_equal(bundle.bytes[CHANGE_CIPHER_SPEC_LEN], 22);
        link_inject(link, now + MS, bundle.bytes + CHANGE_CIPHER_SPEC_LEN,
                    bundle.len - CHANGE_CIPHER_SPEC_LEN);
        for (uint64_t i = 0; i < PLACES; i++)
            inject_forged(&pair, CLIENT, kinds[k], 5 + i, now + 2 * MS);
        link_inject(link, now + 3 * MS, bundle.bytes, CHANGE_CIPHER_SPEC_LEN);
        assert_true(pair_run_until(&pair, pair_both_connected, now + 4 * MS));
        assert_int_equal(pair_stats(&pair, CLIENT).retransmissions, 0);
        assert_int_equal(pair_stats(&pair, CLIENT).dropped_inbox_full, 1);
        pair_close(&pair);
    }
}

/* Bug: on a path without loss four of twenty accepted messages vanished. Mechanism: the server's
 * network says EAGAIN, its last flight and the messages wait in the output. The client repeats
 * flight 5, so flight 6 is made anew: the unsent copy was taken out of its place and the new one
 * put behind the messages, which the client then got without keys to read them; OpenSSL keeps only
 * a few. */
static void test_flight_made_again_goes_before_data(void **state)
{
    PairEnd *server;
    Pair pair;

    (void)state;
    open_default(&pair);
    server = &pair.end[SERVER];
    pair_start_both(&pair);
    while (pair_state(&pair, SERVER) != SLUICE_STATE_CONNECTED) {
        server->no_output = server->n_sent == 1; /* flight 4 */
        assert_true(pair_step(&pair, pair.begun + SECOND));
    }
    for (uint32_t i = 0; i < 20; i++)
        assert_status(pair_send_data(&pair, SERVER, &i, sizeof i), SLUICE_OK);
    pair_run(&pair, 350 * MS);
    assert_true(pair_stats(&pair, CLIENT).retransmissions >= 2);
    assert_true(pair_stats(&pair, SERVER).retransmissions >= 1);
    server->no_output = 0;
    pair_drain(&pair, SERVER);
    assert_int_equal(server->sent[1].type, 20); /* ChangeCipherSpec */
    pair_run(&pair, 5 * SECOND);
    assert_state(&pair, CLIENT, SLUICE_STATE_CONNECTED);
    assert_int_equal(pair_count(&pair, CLIENT, SLUICE_KIND_DATA), 20);
    for (uint32_t i = 0; i < 20; i++)
        assert_memory_equal(pair.end[CLIENT].messages[i].data, &i, sizeof i);
    pair_close(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_finished_comes_last),
        cmocka_unit_test(test_all_in_one_datagram),
        cmocka_unit_test(test_nothing_from_an_unverified_peer),
        cmocka_unit_test(test_forged_bundle),
        cmocka_unit_test(test_finished_keeps_its_place),
        cmocka_unit_test(test_flight_made_again_goes_before_data),
    };

    alloc_init();
    return cmocka_run_group_tests(tests, NULL, free_certificates);
}
