/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: what is announced comes to an end in its time, whatever becomes of the associations that are begun for it. */

#include "forged.h"
#include "restarts.h"

static SluiceTransport *at(Pair *pair, int end) { return pair->end[end].transport; }

/* Another transport, and another peer if @side is not CLIENT, takes the client's place. Returns the one that was there. */
static SluiceTransport *replace_client(Pair *pair, int side)
{
    SluiceConfig *config = new_config(side);
    SluiceTransport *first = at(pair, CLIENT);

    pair->end[CLIENT].transport = sluice_transport_new(config);
    sluice_config_unref(config);
    sluice_transport_set_path_validated(at(pair, CLIENT), vclock_now(), 1);
    pair_know(pair, CLIENT);
    pair_start(pair, CLIENT, SLUICE_ROLE_CLIENT);
    return first;
}

/* Somebody's datagram is given to the server at once. */
static void give(Pair *pair, const uint8_t *data, size_t len)
{
    uint8_t datagram[FORGED_MAX];
    SluiceKind kind;

    assert_in_range(len, 1, sizeof datagram);
    memcpy(datagram, data, len);
    (void)sluice_transport_receive(at(pair, SERVER), vclock_now(), datagram, &len, &kind);
    pair_drain(pair, SERVER);
}

static void give_farewell(Pair *pair, SluiceTransport *from)
{
    const uint8_t *data;
    size_t len;

    assert_status(sluice_transport_close(from, vclock_now()), SLUICE_OK);
    while (sluice_transport_peek_output(from, &data, &len)) {
        give(pair, data, len);
        sluice_transport_pop_output(from, vclock_now(), SLUICE_SENT);
    }
}

/* A certificate message without one: that breaks the handshake. */
static void give_no_certificate(Pair *pair)
{
    static const uint8_t none[] = {22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9, 0, 15, 11,
                                   0,  0,    3,    0, 2, 0, 0, 0, 0, 0, 3, 0, 0,  0};

    give(pair, none, sizeof none);
}

/* A handshake is broken among so much that is of no use that what broke it is no evidence. */
static void break_among_noise(Pair *pair)
{
    static const uint8_t noise[] = {22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0};

    for (int i = 0; i < 30; i++)
        give(pair, noise, sizeof noise);
    give_no_certificate(pair);
}

/* Bug: a restart that was announced never came to an end, without a timer; and the transport neither, when the peer that was
 * to be replaced had taken its leave. Mechanism: an association that waits for its fingerprint is past the restart's own
 * deadline, which is not looked at any more; another one takes its place, breaks, and nothing is left that has a deadline. */
static void test_broken_in_the_place_of_one_that_waits(void **state)
{
    (void)state;
    for (int farewell = 0; farewell < 2; farewell++) {
        SluiceConfig *config = new_config(SERVER);
        SluiceTransport *first;
        Pair pair;

        assert_status(sluice_config_set_deadlines(config, 5 * SECOND, 30 * SECOND), SLUICE_OK);
        open_with(&pair, new_config(CLIENT), config);
        connect_within(&pair, SECOND);
        assert_status(
            sluice_transport_restart(at(&pair, SERVER), vclock_now(), SLUICE_ROLE_SERVER, NULL, 0),
            SLUICE_OK);
        first = replace_client(&pair, SERVER);
        pair_run(&pair, 200 * MS);
        assert_state(&pair, CLIENT, SLUICE_STATE_CONNECTED);
        if (farewell)
            give_farewell(&pair, first);
        sluice_transport_free(first);
        pair_run(&pair, 6 * SECOND);
        assert_null(event_of(&pair, SERVER, SLUICE_EVENT_RESTART_FAILED));
        assert_true(begin_strange(&pair, SERVER, 0));
        break_among_noise(&pair);
        assert_int_equal(pair_stats(&pair, SERVER).attempts_given_up, 1);
        assert_null(event_of(&pair, SERVER, SLUICE_EVENT_RESTART_FAILED));
        pair_run(&pair, 6 * SECOND);
        assert_non_null(event_of(&pair, SERVER, SLUICE_EVENT_RESTART_FAILED));
        if (farewell)
            assert_reason(&pair, SERVER, SLUICE_END_CLOSE_NOTIFY);
        else
            assert_state(&pair, SERVER, SLUICE_STATE_CONNECTED);
        assert_int_equal(pair_stats(&pair, SERVER).generation, 1);
        assert_int_equal(sluice_transport_next_timeout(at(&pair, SERVER)), SLUICE_TIME_NEVER);
        pair_close(&pair);
    }
}

/* Bug: a restart failed at both ends when the path was away for nine seconds, if the ClientHello had been there before the
 * server was told of it. Mechanism: what is kept of an attempt that nobody had announced kept its patience of eight
 * seconds, and its client, which waits for the answer to what it has said, does not begin anew. */
static void test_kept_has_the_whole_time(void **state)
{
    (void)state;
    for (SluiceTime after = 15 * MS; after < 60 * MS; after += 5 * MS) {
        SluiceTime back;
        Pair pair;

        open_connected(&pair);
        assert_status(announce(&pair, CLIENT, SLUICE_ROLE_CLIENT), SLUICE_OK);
        pair_run(&pair, after);
        back = vclock_now() + 13 * SECOND;
        for (int end = 0; end < 2; end++) {
            pair.end[end].link.filter = lose_until;
            pair.end[end].link.filter_context = &back;
        }
        pair_run(&pair, 100 * MS);
        assert_status(announce(&pair, SERVER, SLUICE_ROLE_SERVER), SLUICE_OK);
        run_to_generations(&pair, 2, 2, 29 * SECOND);
        pair_run(&pair, 13 * SECOND);
        assert_null(event_of(&pair, CLIENT, SLUICE_EVENT_RESTART_FAILED));
        assert_null(event_of(&pair, SERVER, SLUICE_EVENT_RESTART_FAILED));
        assert_talks(&pair);
        pair_close(&pair);
    }
}

/* Somebody else has come in time, and the next that begins stands still: that is what there is to say of it. */
static void test_says_what_it_has_failed_of(void **state)
{
    static const SluiceEndReason reasons[] = {SLUICE_END_DEADLINE, SLUICE_END_FINGERPRINT_MISMATCH};

    (void)state;
    for (int strange = 0; strange < 2; strange++) {
        Pair pair;

        open_connected(&pair);
        assert_status(
            sluice_transport_restart(at(&pair, SERVER), vclock_now(), SLUICE_ROLE_SERVER, NULL, 0),
            SLUICE_OK);
        if (strange) {
            sluice_transport_free(replace_client(&pair, SERVER));
            pair_run(&pair, SECOND);
        }
        assert_status(pair_know(&pair, SERVER), SLUICE_OK);
        assert_int_equal(pair_stats(&pair, SERVER).restarts_failed, strange);
        pair_run(&pair, 10 * SECOND);
        assert_null(event_of(&pair, SERVER, SLUICE_EVENT_RESTART_FAILED));
        assert_true(begin_strange(&pair, SERVER, 0));
        pair_run(&pair, 31 * SECOND);
        assert_non_null(event_of(&pair, SERVER, SLUICE_EVENT_RESTART_FAILED));
        assert_string_equal(
            sluice_end_reason_name(event_of(&pair, SERVER, SLUICE_EVENT_RESTART_FAILED)->u.reason),
            sluice_end_reason_name(reasons[strange]));
        assert_state(&pair, SERVER, SLUICE_STATE_CONNECTED);
        pair_close(&pair);
    }
}

/* What has broken an attempt is believed when nothing better has come for a while; at the deadline at once. */
static void test_says_what_has_broken_it_last(void **state)
{
    SluiceTime deadline;
    Pair pair;

    (void)state;
    open_connected(&pair);
    deadline = vclock_now() + 30 * SECOND;
    assert_status(announce(&pair, SERVER, SLUICE_ROLE_SERVER), SLUICE_OK);
    pair_run(&pair, deadline - 100 * MS - vclock_now());
    assert_true(begin_strange(&pair, SERVER, 0));
    give_no_certificate(&pair);
    assert_int_equal(pair_stats(&pair, SERVER).attempts_given_up, 1);
    assert_null(event_of(&pair, SERVER, SLUICE_EVENT_RESTART_FAILED));
    pair_run(&pair, 100 * MS);
    assert_non_null(event_of(&pair, SERVER, SLUICE_EVENT_RESTART_FAILED));
    assert_string_equal(
        sluice_end_reason_name(event_of(&pair, SERVER, SLUICE_EVENT_RESTART_FAILED)->u.reason),
        sluice_end_reason_name(SLUICE_END_ALERT_SENT));
    assert_talks(&pair);
    assert_int_equal(sluice_transport_next_timeout(at(&pair, SERVER)), SLUICE_TIME_NEVER);
    pair_close(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_broken_in_the_place_of_one_that_waits),
        cmocka_unit_test(test_kept_has_the_whole_time),
        cmocka_unit_test(test_says_what_it_has_failed_of),
        cmocka_unit_test(test_says_what_has_broken_it_last),
    };

    return cmocka_run_group_tests(tests, NULL, free_certificates);
}
