/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: SLUICE_WOULD_BLOCK is answered only to who can do something about it. A full inbox of an
 * unverified peer can be emptied by nobody. */

#include "restarts.h"

#define MESSAGES 4

/* The server knows its client, the client not yet its server; its inbox takes four messages. */
static void open_unverified(Pair *pair)
{
    SluiceConfig *client = new_config(CLIENT);

    assert_status(sluice_config_set_inbox_limits(client, 64, 131072, MESSAGES, 16384), SLUICE_OK);
    open_with(pair, client, new_config(SERVER));
    for (int end = 0; end < 2; end++)
        sluice_transport_set_path_validated(pair->end[end].transport, vclock_now(), 1);
    pair_know(pair, SERVER);
    pair_start(pair, SERVER, SLUICE_ROLE_SERVER);
    pair_start(pair, CLIENT, SLUICE_ROLE_CLIENT);
    pair_run(pair, 200 * MS);
    assert_state(pair, CLIENT, SLUICE_STATE_UNVERIFIED);
    assert_state(pair, SERVER, SLUICE_STATE_CONNECTED);
}

static void send_numbers(Pair *pair, uint8_t from, uint8_t to)
{
    for (uint8_t i = from; i < to; i++)
        assert_status(pair_send_data(pair, SERVER, &i, 1), SLUICE_OK);
    pair_run(pair, 50 * MS);
}

/* Bug: a program that does as it is told, pop messages and give the same datagram again, turned in
 * a circle for ever. Mechanism: the inbox was full, and what is in it is not shown before the peer
 * is verified: pop said "wrong state", receive said "would block". */
static void test_full_before_the_fingerprint(void **state)
{
    SluiceStats stats;
    Pair pair;

    (void)state;
    open_unverified(&pair);
    send_numbers(&pair, 0, MESSAGES + 3);
    assert_status(pair.end[CLIENT].last_status, SLUICE_DROPPED_FULL);
    assert_int_equal(pair.end[CLIENT].would_block, 0);
    stats = pair_stats(&pair, CLIENT);
    assert_int_equal(stats.data_deferred, 0);
    assert_int_equal(stats.dropped_inbox_full, 3);
    assert_int_equal(stats.inbox_messages, MESSAGES);
    assert_status(sluice_transport_pop_message(pair.end[CLIENT].transport), SLUICE_INVALID_STATE);
    /* What was kept is shown once the peer is known; and all goes on. */
    assert_status(pair_know(&pair, CLIENT), SLUICE_OK);
    assert_state(&pair, CLIENT, SLUICE_STATE_CONNECTED);
    assert_int_equal(pair.end[CLIENT].n_messages, MESSAGES);
    for (uint8_t i = 0; i < MESSAGES; i++)
        assert_int_equal(pair.end[CLIENT].messages[i].data[0], i);
    assert_talks(&pair);
    pair_close(&pair);
}

/* The twin: a verified peer's message waits outside until there is room, and is not lost. */
static void test_full_behind_the_fingerprint(void **state)
{
    Pair pair;

    (void)state;
    open_unverified(&pair);
    pair_know(&pair, CLIENT);
    pair.end[CLIENT].no_reading = 1;
    send_numbers(&pair, 0, MESSAGES + 1);
    assert_status(pair.end[CLIENT].last_status, SLUICE_WOULD_BLOCK);
    assert_int_equal(pair_stats(&pair, CLIENT).data_deferred, 2); /* given twice by the pair */
    assert_int_equal(pair_stats(&pair, CLIENT).dropped_inbox_full, 0);
    pair.end[CLIENT].no_reading = 0;
    pair_drain(&pair, CLIENT);
    assert_int_equal(pair.end[CLIENT].n_messages, MESSAGES);
    assert_talks(&pair);
    pair_close(&pair);
}

/* Bug: messages that were kept for the fingerprint and dropped with a peer that had another one were counted as given to the
 * inbox, and nowhere as dropped. Of the first association, and of one beside it. */
static void test_what_is_dropped_is_counted(void **state)
{
    SluiceFingerprint wrong = fingerprint_of(certificate_of(CLIENT), SLUICE_HASH_SHA256);
    Pair pair;

    (void)state;
    open_unverified(&pair);
    send_numbers(&pair, 0, 3);
    assert_int_equal(pair_stats(&pair, CLIENT).dropped_unexpected, 0);
    assert_status(sluice_transport_set_remote_fingerprints(pair.end[CLIENT].transport, vclock_now(),
                                                           &wrong, 1),
                  SLUICE_OK);
    assert_reason(&pair, CLIENT, SLUICE_END_FINGERPRINT_MISMATCH);
    assert_int_equal(pair_stats(&pair, CLIENT).data_delivered, 3);
    assert_int_equal(pair_stats(&pair, CLIENT).dropped_unexpected, 3);
    pair_close(&pair);

    open_connected(&pair);
    assert_status(sluice_transport_restart(pair.end[CLIENT].transport, vclock_now(),
                                           SLUICE_ROLE_SERVER, NULL, 0),
                  SLUICE_OK);
    assert_status(announce(&pair, SERVER, SLUICE_ROLE_CLIENT), SLUICE_OK);
    pair_run(&pair, 200 * MS);
    send_numbers(&pair, 0, 3);
    assert_status(sluice_transport_set_remote_fingerprints(pair.end[CLIENT].transport, vclock_now(),
                                                           &wrong, 1),
                  SLUICE_OK);
    assert_int_equal(pair_count(&pair, CLIENT, SLUICE_KIND_DATA), 0);
    assert_int_equal(pair_stats(&pair, CLIENT).data_delivered, 3);
    assert_int_equal(pair_stats(&pair, CLIENT).dropped_unexpected, 3);
    pair_close(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_full_before_the_fingerprint),
        cmocka_unit_test(test_full_behind_the_fingerprint),
        cmocka_unit_test(test_what_is_dropped_is_counted),
    };

    alloc_init();
    return cmocka_run_group_tests(tests, NULL, free_certificates);
}
