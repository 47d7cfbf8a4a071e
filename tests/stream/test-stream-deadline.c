/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: time is an argument. A handshake that is not finished in time ends, so does the wait for a verdict; nothing
 * else has a timer, and no time before the deadline does anything. */

#include "common.h"

#define HANDSHAKE (7 * SECOND)
#define UNVERIFIED (11 * SECOND)

static void open_timed(Duo *duo, unsigned version)
{
    SluiceConfig *client = client_config(version), *server = server_config(version, ID_SERVER);

    assert_status(sluice_config_set_deadlines(client, HANDSHAKE, UNVERIFIED), SLUICE_OK);
    assert_status(sluice_config_set_deadlines(server, HANDSHAKE, UNVERIFIED), SLUICE_OK);
    duo_open_host(duo, client, server);
}

static SluiceTime due(const Duo *duo, int which)
{
    return sluice_stream_next_timeout(duo->end[which].stream);
}

static SluiceStatus wait_until(Duo *duo, int which, SluiceTime time)
{
    return sluice_stream_handle_timeout(duo->end[which].stream, time);
}

static void test_handshake(void **state)
{
    (void)state;
    for (int which = 0; which < 2; which++) {
        uint8_t byte = 0;
        Duo duo;

        open_timed(&duo, 0);
        assert_int_equal(due(&duo, which), SLUICE_TIME_NEVER);
        assert_status(wait_until(&duo, which, duo.now + 1000 * SECOND), SLUICE_OK);
        duo_start(&duo);
        assert_int_equal(due(&duo, which), duo.now + HANDSHAKE);
        assert_status(wait_until(&duo, which, duo.now + HANDSHAKE - 1), SLUICE_OK);
        assert_state(&duo, which, SLUICE_STATE_CONNECTING);
        assert_status(wait_until(&duo, which, duo.now + HANDSHAKE), SLUICE_ENDED);
        assert_reason(&duo, which, SLUICE_END_DEADLINE);
        assert_int_equal(duo_reason(&duo, which).phase, SLUICE_STATE_CONNECTING);
        assert_int_equal(due(&duo, which), SLUICE_TIME_NEVER);
        assert_status(wait_until(&duo, which, duo.now + 1000 * SECOND), SLUICE_ENDED);
        assert_status(sluice_stream_receive(duo.end[which].stream, &byte, 1, &(size_t){0}),
                      SLUICE_ENDED);
        duo_close(&duo);
    }
}

/* Progress does not move the deadline: a peer that sends a byte now and then holds nobody up for ever. */
static void test_slow_peers_do_not_move_it(void **state)
{
    Duo duo;

    (void)state;
    open_timed(&duo, 0);
    duo_start(&duo);
    duo_send(&duo, CLIENT, ALL);
    for (int i = 0; i < 100; i++) {
        duo_bring(&duo, SERVER, 1);
        assert_status(wait_until(&duo, SERVER, duo.now + i), SLUICE_OK);
        assert_int_equal(due(&duo, SERVER), duo.now + HANDSHAKE);
    }
    assert_status(wait_until(&duo, SERVER, due(&duo, SERVER)), SLUICE_ENDED);
    assert_reason(&duo, SERVER, SLUICE_END_DEADLINE);
    duo_close(&duo);
}

static void test_none_when_connected(void **state)
{
    (void)state;
    for (int v = 0; v < 2; v++) {
        Duo duo;

        open_timed(&duo, versions[v]);
        duo_connect(&duo);
        for (int i = 0; i < 2; i++) {
            assert_int_equal(due(&duo, i), SLUICE_TIME_NEVER);
            assert_status(wait_until(&duo, i, duo.now + 100000 * SECOND), SLUICE_OK);
        }
        duo_assert_talks(&duo, 100);
        duo_close(&duo);
    }
}

static void test_unverified(void **state)
{
    (void)state;
    for (int v = 0; v < 2; v++)
        for (int which = 0; which < 2; which++) {
            SluiceTime deadline;
            Duo duo;

            open_timed(&duo, versions[v]);
            sluice_stream_set_verify(duo.end[which].stream, SLUICE_VERIFY_ASK);
            duo_start(&duo);
            duo_pass(&duo);
            assert_state(&duo, which, SLUICE_STATE_UNVERIFIED);
            deadline = due(&duo, which);
            assert_true(deadline >= duo.now + UNVERIFIED);
            assert_true(deadline <= duo.now + HANDSHAKE + UNVERIFIED);
            assert_status(wait_until(&duo, which, deadline - 1), SLUICE_OK);
            assert_state(&duo, which, SLUICE_STATE_UNVERIFIED);
            assert_status(wait_until(&duo, which, deadline), SLUICE_ENDED);
            assert_reason(&duo, which, SLUICE_END_UNVERIFIED_DEADLINE);
            assert_int_equal(duo_reason(&duo, which).phase, SLUICE_STATE_UNVERIFIED);
            assert_status(sluice_stream_accept_peer(duo.end[which].stream, 1),
                          SLUICE_INVALID_STATE);
            assert_int_equal(duo_read(&duo, which, 1), 0);
            duo_close(&duo);
        }
}

/* The verdict is in time: the timer is gone. */
static void test_verified_in_time(void **state)
{
    Duo duo;

    (void)state;
    open_timed(&duo, 0);
    sluice_stream_set_verify(duo.end[CLIENT].stream, SLUICE_VERIFY_ASK);
    duo_start(&duo);
    duo_pass(&duo);
    assert_status(wait_until(&duo, CLIENT, due(&duo, CLIENT) - 1), SLUICE_OK);
    assert_status(sluice_stream_accept_peer(duo.end[CLIENT].stream, 1), SLUICE_OK);
    assert_int_equal(due(&duo, CLIENT), SLUICE_TIME_NEVER);
    assert_status(wait_until(&duo, CLIENT, duo.now + 100000 * SECOND), SLUICE_OK);
    duo_assert_talks(&duo, 10);
    duo_close(&duo);
}

/* Times near the ends of their range do not wrap around. */
static void test_times_at_the_edge(void **state)
{
    static const SluiceTime times[] = {0, -5 * SECOND, INT64_MIN + 1, INT64_MAX - 30 * SECOND};

    (void)state;
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        Duo duo;

        open_timed(&duo, 0);
        duo.now = times[i];
        duo_start(&duo);
        assert_int_equal(due(&duo, CLIENT), times[i] + HANDSHAKE);
        assert_status(wait_until(&duo, CLIENT, times[i]), SLUICE_OK);
        duo_pass(&duo);
        assert_state(&duo, CLIENT, SLUICE_STATE_CONNECTED);
        duo_close(&duo);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_handshake),
        cmocka_unit_test(test_slow_peers_do_not_move_it),
        cmocka_unit_test(test_none_when_connected),
        cmocka_unit_test(test_unverified),
        cmocka_unit_test(test_verified_in_time),
        cmocka_unit_test(test_times_at_the_edge),
    };

    alloc_init();
    return cmocka_run_group_tests(tests, NULL, free_identities);
}
