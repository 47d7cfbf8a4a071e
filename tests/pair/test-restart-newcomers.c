/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: a ClientHello that comes with a cookie while another new association is finished, and not live yet, takes nothing
 * from a peer that may have its keys, and leaves nothing behind (RFC 6347 section 4.2.8; rule 32). */

#include "forged.h"
#include "restarts.h"

#include <sluice/half-open.h>

static Counted counted;

static void announce_both(Pair *pair)
{
    assert_status(announce(pair, SERVER, SLUICE_ROLE_SERVER), SLUICE_OK);
    assert_status(announce(pair, CLIENT, SLUICE_ROLE_CLIENT), SLUICE_OK);
}

/* Bug: one who read a single HelloVerifyRequest left two ends connected for ever that had not the same keys. Mechanism: a
 * ClientHello with a good cookie made room for itself. What went was the candidate: finished, verified, and waiting
 * for the first packet under its keys. Its client had them in use already. */
static void test_candidate_is_not_replaced(void **state)
{
    (void)state;
    for (int attack = 0; attack < 2; attack++) {
        Pair pair;

        open_connected(&pair);
        announce_both(&pair);
        while (pair_stats(&pair, CLIENT).generation != 2)
            assert_true(pair_step(&pair, vclock_now() + SECOND));
        assert_int_equal(pair_stats(&pair, SERVER).generation, 1);
        if (attack)
            assert_true(begin_strange(&pair, SERVER, 0));
        pair_run(&pair, 2 * SECOND);
        assert_int_equal(pair_stats(&pair, CLIENT).generation, 2);
        assert_int_equal(pair_stats(&pair, SERVER).generation, 2);
        assert_int_equal(pair_stats(&pair, SERVER).hellos_beside_dropped, attack);
        assert_talks(&pair);
        pair_close(&pair);
    }
}

/* The same with media of the old keys on the way, and while the last flight is: what is said by the old keys is no sign
 * before it has had time to arrive. */
static void test_candidate_among_media(void **state)
{
    int asked = 0;

    (void)state;
    for (int after = 0; after < 30; after++) {
        Pair pair;

        open_connected(&pair);
        counted_begin(&counted, &pair);
        counted_talk(&counted, 50 * MS);
        announce_both(&pair);
        counted_talk(&counted, (45 + after) * MS);
        asked += begin_strange(&pair, SERVER, 0);
        counted_talk(&counted, 12 * SECOND);
        counted_check(&counted, 11000);
        assert_int_equal(pair_stats(&pair, CLIENT).generation, 2);
        assert_int_equal(pair_stats(&pair, SERVER).generation, 2);
        pair_close(&pair);
    }
    assert_true(asked >= 10);
}

/* Its client is gone, and another comes: it waits until the candidate is live, which is soon. */
static void test_client_comes_back(void **state)
{
    Pair pair;

    (void)state;
    open_connected(&pair);
    announce_both(&pair);
    while (pair_stats(&pair, CLIENT).generation != 2)
        assert_true(pair_step(&pair, vclock_now() + SECOND));
    pair_reboot(&pair, CLIENT);
    pair_start(&pair, CLIENT, SLUICE_ROLE_CLIENT);
    assert_true(pair_run_until(&pair, pair_both_connected, vclock_now() + 2 * SECOND));
    pair_run(&pair, 2 * SECOND);
    assert_talks(&pair);
    pair_close(&pair);
}

/* The server's last flight, and nothing else. */
static int lose_finished(void *context, uint64_t number, SluiceTime now, uint8_t *data, size_t len)
{
    (void)context;
    (void)number;
    (void)now;
    (void)len;
    return data[0] != 20 && !(data[0] == 22 && data[4] == 1);
}

/* Its client never got that, still speaks by the old keys, and begins anew: the candidate is of no use to anybody. */
static void test_client_begins_anew(void **state)
{
    Pair pair;

    (void)state;
    open_connected(&pair);
    counted_begin(&counted, &pair);
    counted_talk(&counted, 50 * MS);
    pair.end[SERVER].link.filter = lose_finished;
    announce_both(&pair);
    counted_talk(&counted, 100 * MS);
    pair.end[SERVER].link.filter = NULL;
    assert_status(announce(&pair, CLIENT, SLUICE_ROLE_CLIENT), SLUICE_OK);
    counted_talk(&counted, 2 * SECOND);
    assert_int_equal(pair_stats(&pair, CLIENT).generation, 2);
    counted_talk(&counted, 3 * SECOND);
    counted_check(&counted, 5000);
    assert_int_equal(pair_stats(&pair, SERVER).generation, 2);
    pair_close(&pair);
}

/* A restart at the server whose peer's fingerprint is not known yet; @later its client comes back, and is finished. */
static void open_unverified(Pair *pair, SluiceTime later)
{
    open_connected(pair);
    assert_status(sluice_transport_restart(pair->end[SERVER].transport, vclock_now(),
                                           SLUICE_ROLE_SERVER, NULL, 0),
                  SLUICE_OK);
    pair_run(pair, later);
    pair_reboot(pair, CLIENT);
    pair_start(pair, CLIENT, SLUICE_ROLE_CLIENT);
    pair_run(pair, 200 * MS);
    assert_state(pair, CLIENT, SLUICE_STATE_CONNECTED);
    assert_int_equal(pair_stats(pair, SERVER).generation, 1);
}

/* Bug: half a ClientHello with a cookie stood in the second place for ever, and so did its count as half open. Mechanism: what
 * is announced has no deadline any more once its time has passed while an association waits for a fingerprint; the
 * attempt that took the place of that one took over its deadline: never. Half a ClientHello starts no timer. */
static void test_attempt_has_a_deadline(void **state)
{
    (void)state;
    for (int half = 0; half < 2; half++) {
        Pair pair;

        open_unverified(&pair, 10 * SECOND);
        pair_run(&pair, 25 * SECOND);
        if (half)
            assert_true(begin_strange(&pair, SERVER, 100));
        pair_run(&pair, 40 * SECOND);
        assert_int_equal(sluice_config_get_half_open(pair.end[SERVER].config), 0);
        assert_non_null(event_of(&pair, SERVER, SLUICE_EVENT_RESTART_FAILED));
        assert_int_equal(sluice_transport_next_timeout(pair.end[SERVER].transport),
                         SLUICE_TIME_NEVER);
        pair_close(&pair);
    }
}

/* Bug: while a restart was announced, the attempt that followed a finished one was the last: a single forged message ended
 * it. Mechanism: a row of attempts ends when one is finished, and an announced restart began no other row. */
static void test_attempt_after_a_finished_one(void **state)
{
    static Stolen stolen[2];

    (void)state;
    steal_handshake(stolen, 1);
    for (size_t i = 0; i < stolen[CLIENT].n; i++)
        for (int when = 1; when < 6; when++) {
            Pair pair;

            open_unverified(&pair, SECOND);
            pair_reboot(&pair, CLIENT);
            pair_start(&pair, CLIENT, SLUICE_ROLE_CLIENT);
            inject_bytes(&pair, SERVER, vclock_now() + when * 10 * MS + 5 * MS,
                         stolen[CLIENT].bytes[i], stolen[CLIENT].len[i]);
            pair_run(&pair, 2 * SECOND);
            assert_state(&pair, CLIENT, SLUICE_STATE_CONNECTED);
            assert_null(event_of(&pair, SERVER, SLUICE_EVENT_RESTART_FAILED));
            assert_status(pair_know(&pair, SERVER), SLUICE_OK);
            pair_run(&pair, 3 * SECOND);
            assert_int_equal(pair_stats(&pair, SERVER).generation, 2);
            assert_talks(&pair);
            pair_close(&pair);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_candidate_is_not_replaced),
        cmocka_unit_test(test_candidate_among_media),
        cmocka_unit_test(test_client_comes_back),
        cmocka_unit_test(test_client_begins_anew),
        cmocka_unit_test(test_attempt_has_a_deadline),
        cmocka_unit_test(test_attempt_after_a_finished_one),
    };

    return cmocka_run_group_tests(tests, NULL, free_certificates);
}
