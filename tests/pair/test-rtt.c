/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: a round-trip time that is told in the middle of a handshake counts for the flights that follow, not for the one
 * that waits, and can be taken back (TMR-01). */

#include "common.h"

/* When flight 5, which the client sends 20 ms after its first, would be sent again. */
static SluiceTime wait_of_flight_5(SluiceTime rtt, int take_back)
{
    SluiceTransport *client;
    SluiceTime waits, flight_1;
    Pair pair;

    open_default(&pair);
    client = pair.end[CLIENT].transport;
    pair_start_both(&pair);
    flight_1 = sluice_transport_next_timeout(client);
    if (rtt)
        assert_status(sluice_transport_set_rtt(client, rtt), SLUICE_OK);
    if (take_back)
        assert_status(sluice_transport_set_rtt(client, 0), SLUICE_OK);
    assert_int_equal(sluice_transport_next_timeout(client),
                     flight_1); /* of the flight that waits */
    pair_run(&pair, 25 * MS);
    assert_true(pair_stats(&pair, CLIENT).flights_received > 0);
    waits = sluice_transport_next_timeout(client) - (pair.begun + 20 * MS);
    assert_true(pair_run_until(&pair, pair_both_connected, pair.begun + SECOND));
    assert_talks(&pair);
    pair_close(&pair);
    return waits / MS * MS;
}

static void test_in_the_handshake(void **state)
{
    SluiceTime of_itself = wait_of_flight_5(0, 0);

    (void)state;
    assert_int_equal(wait_of_flight_5(200 * MS, 0), 400 * MS);
    assert_int_equal(wait_of_flight_5(3 * SECOND, 0), SECOND); /* the cap */
    assert_int_equal(wait_of_flight_5(200 * MS, 1), of_itself);
}

/* Bug: the longest of times was taken, and overflowed where it is multiplied. */
static void test_too_long(void **state)
{
    Pair pair;

    (void)state;
    open_default(&pair);
    assert_status(sluice_transport_set_rtt(pair.end[CLIENT].transport, INT64_MAX),
                  SLUICE_INVALID_ARGUMENT);
    assert_status(sluice_transport_set_rtt(pair.end[CLIENT].transport, 60 * SECOND + 1),
                  SLUICE_INVALID_ARGUMENT);
    assert_status(sluice_transport_set_rtt(pair.end[CLIENT].transport, 60 * SECOND), SLUICE_OK);
    connect_within(&pair, SECOND);
    assert_talks(&pair);
    pair_close(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_the_handshake),
        cmocka_unit_test(test_too_long),
    };

    alloc_init();
    return cmocka_run_group_tests(tests, NULL, free_certificates);
}
