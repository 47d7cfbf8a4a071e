/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: a ClientHello that comes with a cookie while another new association is finished, and not live yet, takes nothing
 * from a peer that may have its keys, and leaves nothing behind (RFC 6347 section 4.2.8; rule 32). */

#include "forged.h"
#include "restarts.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_candidate_is_not_replaced),
        cmocka_unit_test(test_candidate_among_media),
        cmocka_unit_test(test_client_comes_back),
        cmocka_unit_test(test_client_begins_anew),
    };

    return cmocka_run_group_tests(tests, NULL, free_certificates);
}
