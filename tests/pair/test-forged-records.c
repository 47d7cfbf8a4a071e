/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: before the keys exist no single forged datagram ends a handshake or makes it wait (SPF-02, SPF-03; RFC 6347
 * section 4.1.2.7), whatever its record number. Stock OpenSSL 3.0 dies of most of these, and waits for ever behind a
 * high number. */

#include "forged.h"

#define HOP (10 * MS)

/* The numbers of an end's own records go from 0 to 5: the next, beyond the window of 64 in two steps, and far out. */
static const uint64_t numbers[] = {0, 6, 46, 106, UINT64_C(1) << 47, (UINT64_C(1) << 48) - 1};

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* Half a hop after each of the four flights has left: nothing else arrives then. */
static SluiceTime moment(const Pair *pair, int n) { return pair->begun + n * HOP + HOP / 2; }

static void assert_undisturbed(Pair *pair, SluiceTime limit, int victim, Forged kind)
{
    if (!pair_run_until(pair, pair_both_connected, pair->begun + limit) || pair->spun)
        fail_msg("%s at the %s: client %s (%s), server %s (%s)", forged_name(kind),
                 victim == CLIENT ? "client" : "server",
                 sluice_state_name(pair_state(pair, CLIENT)), reason_name(pair, CLIENT),
                 sluice_state_name(pair_state(pair, SERVER)), reason_name(pair, SERVER));
    assert_int_equal(pair_stats(pair, CLIENT).retransmissions, 0);
    assert_int_equal(pair_stats(pair, SERVER).retransmissions, 0);
}

static void try_alone(int victim, Forged kind, int when, uint64_t number)
{
    uint64_t before;
    Pair pair;

    open_default(&pair);
    pair_start_both(&pair);
    inject_forged(&pair, victim, kind, number, moment(&pair, when));
    before = dropped_by(&pair, victim);
    assert_undisturbed(&pair, 4 * HOP, victim, kind);
    /* At the last moment the server is finished, and OpenSSL drops plaintext messages by their epoch. */
    if (forged_is_counted(kind) && (victim == CLIENT || when < 3) &&
        dropped_by(&pair, victim) != before + 1)
        fail_msg("%s at moment %d was not counted", forged_name(kind), when);
    assert_talks(&pair);
    pair_close(&pair);
}

static void test_each_alone(void **state)
{
    (void)state;
    for (int victim = CLIENT; victim <= SERVER; victim++)
        for (int kind = 0; kind < FORGED_KINDS; kind++)
            for (int when = 0; when < 4; when++)
                for (size_t i = 0; i < COUNT(numbers); i++)
                    try_alone(victim, (Forged)kind, when, numbers[i]);
}

/* Behind a HelloVerifyRequest the messages are numbered from 1, and OpenSSL's records as the ClientHello was. */
static void test_each_behind_a_cookie(void **state)
{
    (void)state;
    for (int victim = CLIENT; victim <= SERVER; victim++)
        for (int kind = 0; kind < FORGED_KINDS; kind++)
            for (int when = 0; when < 6; when++) {
                SluiceConfig *a = new_config(CLIENT), *b = new_config(SERVER);
                Pair pair;

                sluice_config_set_allow_unvalidated(a, 1);
                sluice_config_set_allow_unvalidated(b, 1);
                open_with(&pair, a, b);
                pair_know(&pair, CLIENT);
                pair_know(&pair, SERVER);
                pair_start(&pair, CLIENT, SLUICE_ROLE_CLIENT);
                pair_start(&pair, SERVER, SLUICE_ROLE_SERVER);
                inject_forged(&pair, victim, (Forged)kind, numbers[5], moment(&pair, when));
                assert_undisturbed(&pair, 6 * HOP, victim, (Forged)kind);
                pair_close(&pair);
            }
}

/* Four records, each forty ahead of the last: no bound on the step would help. */
static void test_walking_numbers(void **state)
{
    (void)state;
    for (int victim = CLIENT; victim <= SERVER; victim++)
        for (int when = 0; when < 4; when++) {
            Pair pair;

            open_default(&pair);
            pair_start_both(&pair);
            for (uint64_t i = 1; i <= 4; i++)
                inject_forged(&pair, victim, ONE_BYTE_FRAGMENT, 40 * i, moment(&pair, when));
            assert_undisturbed(&pair, 4 * HOP, victim, ONE_BYTE_FRAGMENT);
            assert_talks(&pair);
            pair_close(&pair);
        }
}

/* Bug: two parts of one message that do not agree on its length ended the handshake. Mechanism: OpenSSL leaves its
 * reassembly with an error that no alert tells (SSL_ERROR_SYSCALL, nothing in the queue). In both orders, and with the
 * genuine message, whole, in the queue because it has overtaken the one before. */
static void test_parts_that_disagree(void **state)
{
    (void)state;
    for (int victim = CLIENT; victim <= SERVER; victim++)
        for (int order = 0; order < 2; order++)
            for (int when = 0; when < 4; when++) {
                Pair pair;

                open_default(&pair);
                pair_start_both(&pair);
                for (int i = 0; i < 4; i++)
                    inject_forged(&pair, victim, (i + order) % 2 ? TWO_LENGTHS : ONE_BYTE_FRAGMENT,
                                  9, moment(&pair, when));
                assert_undisturbed(&pair, 4 * HOP, victim, TWO_LENGTHS);
                assert_talks(&pair);
                pair_close(&pair);
            }
}

/* A thousand records that claim to be under the new keys, of @size with their header. */
static void flood_before_the_keys(int victim, size_t size)
{
    uint8_t body[2049 - 13], bytes[2049];
    AllocCount before, after;
    int64_t held;
    Pair pair;

    memset(body, 0x77, sizeof body);
    open_default(&pair);
    pair_start_both(&pair);
    pair_run(&pair, victim == CLIENT ? 25 * MS : 15 * MS);
    before = alloc_count();
    for (uint64_t i = 0; i < 1000; i++)
        inject_bytes(&pair, victim, vclock_now() + MS, bytes,
                     forge_record(bytes, i % 2 ? 22 : 23, 1, i, body, size - 13));
    pair_run(&pair, MS);
    after = alloc_count();
    held = after.own_bytes + after.openssl_bytes - before.own_bytes - before.openssl_bytes;
    assert_true(held < 4 * 2048 + 4096);
    assert_int_equal(pair_stats(&pair, victim).dropped_inbox_full, size <= 2048 ? 996 : 1000);
    assert_undisturbed(&pair, 4 * HOP, victim, EPOCH_1_DATA);
    assert_talks(&pair);
    pair_close(&pair);
}

/* RES-02: what claims to be under the new keys waits in four places of 2 KB; OpenSSL alone would keep a hundred. */
static void test_memory_before_the_keys(void **state)
{
    (void)state;
    for (int victim = CLIENT; victim <= SERVER; victim++) {
        flood_before_the_keys(victim, 2048);
        flood_before_the_keys(victim, 2049);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_alone),
        cmocka_unit_test(test_each_behind_a_cookie),
        cmocka_unit_test(test_walking_numbers),
        cmocka_unit_test(test_parts_that_disagree),
        cmocka_unit_test(test_memory_before_the_keys),
    };

    alloc_init();
    return cmocka_run_group_tests(tests, NULL, free_certificates);
}
