/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: a HelloRequest in plaintext, which anybody can send, does not end a handshake that its server goes on with, though
 * a datagram of it is lost (RFC 5246 section 7.4.1.1).
 *
 * Bug: one forged HelloRequest and one lost datagram of flight 5 or 6 ended in the deadline where the server was another
 * library, which answers one client once. Mechanism: it counted from the next expiry of the client's timer, in the same
 * call that had just made flight 5 again: the attempt went, and that flight with it. Nobody ever heard what the
 * server had to say to it. */

#include "foreign.h"
#include "forged.h"

/* One of the flights is lost once. */
static void try_foreign(const ForeignLibrary *library, int forged, int flight, SluiceTime after)
{
    uint64_t second = 2;
    SluiceStats stats;
    uint8_t bytes[64];
    size_t len = forge_message(bytes, 9, 0, 0, 0, 0, 0);
    Foreign foreign;
    Link *link;

    foreign_open(&foreign, library, SLUICE_ROLE_CLIENT);
    link = flight == 5 ? &foreign.to_peer : &foreign.to_us;
    link->filter = lose_by_mask;
    link->filter_context = &second;
    if (forged)
        link_inject(&foreign.to_us, foreign.begun + after, bytes, len);
    foreign_run(&foreign, 5 * SECOND);
    if (!foreign_both_connected(&foreign))
        fail_msg("%s, flight %d is lost, %s HelloRequest after %d ms", library->name, flight,
                 forged ? "a forged" : "no", (int)(after / MS));
    sluice_transport_get_stats(foreign.transport, &stats, sizeof stats);
    assert_int_equal(stats.attempts_given_up, 0);
    foreign_close(&foreign);
}

static void test_forged_and_one_loss(void **state)
{
    (void)state;
    for (int sluice = 0; sluice < 2; sluice++)
        for (int flight = 5; flight <= 6; flight++)
            for (int after = 15; after <= 55; after += 10)
                for (int forged = 0; forged < 2; forged++)
                    try_foreign(sluice ? &foreign_sluice : &foreign_openssl, forged, flight,
                                after * MS);
}

/* A server that has begun anew is believed: it says so once more, and nothing else. Its flight 6 is lost with it. */
static void test_genuine(void **state)
{
    uint64_t second = 2;
    Pair pair;

    (void)state;
    open_default(&pair);
    pair.end[SERVER].link.filter = lose_by_mask;
    pair.end[SERVER].link.filter_context = &second;
    pair_start_both(&pair);
    pair_run(&pair, 35 * MS);
    pair_reboot(&pair, SERVER);
    pair_start(&pair, SERVER, SLUICE_ROLE_SERVER);
    /* It has seen no attempt break, and asks nobody: what does is what an older one has said. */
    inject_forged(&pair, CLIENT, HELLO_REQUEST, 9, vclock_now());
    assert_true(pair_run_until(&pair, pair_both_connected, vclock_now() + SECOND));
    assert_int_equal(pair_stats(&pair, CLIENT).attempts_given_up, 1);
    assert_talks(&pair);
    pair_close(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forged_and_one_loss),
        cmocka_unit_test(test_genuine),
    };

    return cmocka_run_group_tests(tests, NULL, free_certificates);
}
