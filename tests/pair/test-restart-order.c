/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: a restart comes to the same whatever the order in which signalling and the wire bring it, and one that comes to
 * nothing changes nothing at either end. Each of these was found by tests/pair/simulate --anything. */

#include "restarts.h"

static void assert_same_keys(Pair *pair)
{
    SluiceSrtpKeys keys[2];

    for (int end = 0; end < 2; end++)
        assert_status(sluice_transport_get_srtp_keys(pair->end[end].transport, &keys[end]),
                      SLUICE_OK);
    assert_memory_equal(keys[0].local_key, keys[1].remote_key, keys[0].key_len);
}

/* Bug: the two ends had different keys for good. Mechanism: the client was told first, and its handshake was over when the
 * server heard of it; the announcement brought no fingerprint yet, and without one an association that had been verified
 * against the old one was dropped, though its client had gone over to it. Now it waits for the fingerprint. */
static void test_announced_when_finished_fingerprint_later(void **state)
{
    (void)state;
    for (int right = 0; right < 2; right++)
        for (int after = 45; after <= 200; after += 5) {
            SluiceFingerprint other = fingerprint_of(certificate_of(SERVER), SLUICE_HASH_SHA256);
            Pair pair;

            open_connected(&pair);
            assert_status(announce(&pair, CLIENT, SLUICE_ROLE_CLIENT), SLUICE_OK);
            pair_run(&pair, after * MS);
            assert_int_equal(pair_stats(&pair, SERVER).generation, 1);
            assert_status(sluice_transport_restart(pair.end[SERVER].transport, vclock_now(),
                                                   SLUICE_ROLE_SERVER, NULL, 0),
                          SLUICE_OK);
            assert_status(pair_send_media(&pair, CLIENT, SLUICE_KIND_RTP, 5, 1, 0x22, 40),
                          SLUICE_OK);
            pair_run(&pair, 3 * SECOND);
            /* Nobody knows yet whose that is. */
            assert_int_equal(pair_stats(&pair, SERVER).generation, 1);
            if (after >= 70)
                assert_int_equal(pair_count(&pair, SERVER, SLUICE_KIND_RTP), 0);
            if (right) {
                assert_status(pair_know(&pair, SERVER), SLUICE_OK);
                run_to_generations(&pair, 2, 2, 2 * SECOND);
                assert_same_keys(&pair);
                assert_talks(&pair);
                assert_int_equal(pair_count(&pair, SERVER, SLUICE_KIND_RTP), 2);
            } else { /* the forged twin: it was somebody else */
                sluice_transport_set_remote_fingerprints(pair.end[SERVER].transport, vclock_now(),
                                                         &other, 1);
                pair_drain(&pair, SERVER);
                pair_run(&pair, 40 * SECOND);
                assert_state(&pair, SERVER, SLUICE_STATE_CONNECTED);
                assert_int_equal(pair_stats(&pair, SERVER).generation, 1);
                assert_non_null(event_of(&pair, SERVER, SLUICE_EVENT_RESTART_FAILED));
            }
            pair_close(&pair);
        }
}

/* Bug: a handshake began over the live association, which leaked, and the two ends had different keys. Mechanism: the role was
 * taken by itself, a restart made it the other one, and start() named that: nothing had changed, and a client was begun. */
static void test_role_is_named_after_a_restart(void **state)
{
    Pair pair;

    (void)state;
    open_default(&pair);
    for (int end = 0; end < 2; end++) {
        sluice_transport_set_path_validated(pair.end[end].transport, vclock_now(), 1);
        pair_know(&pair, end);
    }
    pair_start(&pair, SERVER, SLUICE_ROLE_AUTO);
    pair_start(&pair, CLIENT, SLUICE_ROLE_CLIENT);
    run_to_generations(&pair, 1, 1, 2 * SECOND);
    assert_status(announce(&pair, SERVER, SLUICE_ROLE_CLIENT), SLUICE_OK);
    assert_status(announce(&pair, CLIENT, SLUICE_ROLE_SERVER), SLUICE_OK);
    run_to_generations(&pair, 2, 2, 2 * SECOND);
    pair_run(&pair, 10 * SECOND);
    assert_int_equal(pair_stats(&pair, SERVER).dtls_role, SLUICE_ROLE_CLIENT);
    assert_status(
        sluice_transport_start(pair.end[SERVER].transport, vclock_now(), SLUICE_ROLE_CLIENT),
        SLUICE_OK);
    assert_int_equal(sluice_transport_next_timeout(pair.end[SERVER].transport), SLUICE_TIME_NEVER);
    pair_run(&pair, 2 * SECOND);
    run_to_generations(&pair, 2, 2, SECOND);
    assert_same_keys(&pair);
    assert_talks(&pair);
    /* It is named now: the other one is refused. */
    assert_status(
        sluice_transport_start(pair.end[SERVER].transport, vclock_now(), SLUICE_ROLE_SERVER),
        SLUICE_INVALID_STATE);
    pair_close(&pair);
}

/* Bug: two associations of a transport both had generation 1, and media of the second was told under 2. Mechanism: the
 * client came back while the server knew no fingerprint, so that the new association was numbered before the first had
 * keys; then the fingerprint came. */
static void test_second_begins_before_the_first_is_verified(void **state)
{
    (void)state;
    for (int after = 5; after < 60; after += 5) {
        const SluiceEvent *event;
        Pair pair;

        open_default(&pair);
        for (int end = 0; end < 2; end++)
            sluice_transport_set_path_validated(pair.end[end].transport, vclock_now(), 1);
        pair_know(&pair, CLIENT);
        pair_start(&pair, CLIENT, SLUICE_ROLE_CLIENT);
        pair_start(&pair, SERVER, SLUICE_ROLE_SERVER);
        pair_run(&pair, 100 * MS);
        assert_state(&pair, SERVER, SLUICE_STATE_UNVERIFIED);
        pair_reboot(&pair, CLIENT);
        pair_start(&pair, CLIENT, SLUICE_ROLE_CLIENT);
        pair_run(&pair, after * MS);
        pair_know(&pair, SERVER);
        assert_true(pair_run_until(&pair, pair_both_connected, vclock_now() + SECOND));
        assert_status(pair_send_media(&pair, CLIENT, SLUICE_KIND_RTP, 5, 1, 0x22, 40), SLUICE_OK);
        pair_run(&pair, 3 * SECOND);
        assert_same_keys(&pair);
        assert_int_equal(pair_count(&pair, SERVER, SLUICE_KIND_RTP), 1);
        assert_int_equal(pair.end[SERVER].messages[0].keys, pair_stats(&pair, SERVER).generation);
        assert_int_equal(pair_stats(&pair, SERVER).generation,
                         1 + pair_stats(&pair, SERVER).restarts);
        event = event_of(&pair, SERVER, SLUICE_EVENT_GENERATION);
        assert_non_null(event);
        assert_int_equal(event->u.generation.number, 1);
        pair_close(&pair);
    }
}

/* Bug: a call ended because a restart was refused. Mechanism: the client finished the new association, learnt then that
 * its peer was another one than announced, and took leave of it by a close_notify; the server took that for the end of the
 * call, though the client still spoke under the old keys. */
static void test_refused_by_the_client(void **state)
{
    static Counted counted;

    (void)state;
    for (int after = 0; after < 1000; after += 100) {
        SluiceFingerprint other = fingerprint_of(certificate_of(CLIENT), SLUICE_HASH_SHA256);
        Pair pair;

        open_connected(&pair);
        counted_begin(&counted, &pair);
        assert_status(sluice_transport_restart(pair.end[CLIENT].transport, vclock_now(),
                                               SLUICE_ROLE_CLIENT, NULL, 0),
                      SLUICE_OK);
        pair_drain(&pair, CLIENT);
        counted_talk(&counted, 100 * MS + after * MS);
        sluice_transport_set_remote_fingerprints(pair.end[CLIENT].transport, vclock_now(), &other,
                                                 1);
        pair_drain(&pair, CLIENT);
        assert_non_null(event_of(&pair, CLIENT, SLUICE_EVENT_RESTART_FAILED));
        counted_talk(&counted, 3 * SECOND);
        counted_check(&counted, 3000);
        assert_true(pair_both_connected(&pair));
        assert_int_equal(pair_stats(&pair, SERVER).generation, 1);
        pair_close(&pair);
    }
}

/* Its twin: the client closes the call, at any moment of a restart, with media under way under both keys. */
static void test_closed_by_the_client(void **state)
{
    static Counted counted;

    (void)state;
    for (int after = 0; after < 120; after += 3) {
        Pair pair;

        open_connected(&pair);
        counted_begin(&counted, &pair);
        assert_status(announce(&pair, CLIENT, SLUICE_ROLE_CLIENT), SLUICE_OK);
        counted_talk(&counted, after * MS);
        sluice_transport_close(pair.end[CLIENT].transport, vclock_now());
        pair_drain(&pair, CLIENT);
        pair_run(&pair, 100 * MS);
        assert_state(&pair, SERVER, SLUICE_STATE_CLOSED);
        assert_reason(&pair, SERVER, SLUICE_END_CLOSE_NOTIFY);
        pair_close(&pair);
    }
}

/* Bug: a restart took a minute and more to come into force. Mechanism: a process stood still in its first handshake, and
 * took the time until it went on for a round trip; what is waited for after a restart is four of these. */
static void test_stopped_in_the_first_handshake(void **state)
{
    (void)state;
    for (int end = 0; end < 2; end++)
        for (int after = 5; after <= 35; after += 10) {
            Pair pair;

            open_default(&pair);
            pair_start_both(&pair);
            pair_run(&pair, after * MS);
            pair.end[end].stopped_until = vclock_now() + 20 * SECOND;
            pair_run(&pair, 25 * SECOND);
            assert_true(pair_both_connected(&pair));
            for (int i = 0; i < 2; i++)
                assert_true(pair_stats(&pair, i).handshake_rtt <= 100 * MS);
            assert_status(announce(&pair, SERVER, SLUICE_ROLE_SERVER), SLUICE_OK);
            assert_status(announce(&pair, CLIENT, SLUICE_ROLE_CLIENT), SLUICE_OK);
            run_to_generations(&pair, 2, 2, 1100 * MS);
            assert_talks(&pair);
            pair_close(&pair);
        }
}

/* Bug: a replay was told and counted as malformed. Mechanism: in the overlap a packet is tried under both keys; under those
 * of a profile with a longer tag it is too short to be one, and that came last. */
static void test_replay_between_two_profiles(void **state)
{
    static const SluiceSrtpProfile profiles[2][2] = {
        {SLUICE_SRTP_AEAD_AES_128_GCM, SLUICE_SRTP_AES128_CM_SHA1_80},
        {SLUICE_SRTP_AES128_CM_SHA1_80, SLUICE_SRTP_AEAD_AES_128_GCM}};

    (void)state;
    for (int first = 0; first < 2; first++) {
        SluiceConfig *configs[2];
        Pair pair;

        for (int end = 0; end < 2; end++) {
            configs[end] = new_config(end);
            assert_status(sluice_config_set_srtp_profiles(configs[end], profiles[end ^ first], 2),
                          SLUICE_OK);
        }
        open_with(&pair, configs[0], configs[1]);
        connect_within(&pair, 100 * MS);
        /* The server's order decides, and now the other one is it. */
        assert_status(announce(&pair, CLIENT, SLUICE_ROLE_SERVER), SLUICE_OK);
        assert_status(announce(&pair, SERVER, SLUICE_ROLE_CLIENT), SLUICE_OK);
        run_to_generations(&pair, 2, 2, 1100 * MS);
        for (int end = 0; end < 2; end++)
            pair.end[end].link.settings.duplicate = 1;
        for (int end = 0; end < 2; end++)
            assert_status(pair_send_media(&pair, end, SLUICE_KIND_RTCP, 7, 0, 0, 0), SLUICE_OK);
        pair_run(&pair, 100 * MS);
        for (int end = 0; end < 2; end++) {
            assert_int_equal(pair_count(&pair, end, SLUICE_KIND_RTCP), 1);
            assert_int_equal(pair_stats(&pair, end).dropped_replayed, 1);
            assert_int_equal(pair_stats(&pair, end).dropped_malformed, 0);
        }
        pair_close(&pair);
    }
}

/* Bug: the two ends had different keys for good (found by fuzz-api). Mechanism: one end was told to be the client, and its
 * handshake was over when the other was told to be the client, too. That dropped what was finished, and the two clients got
 * nowhere. (Who drops an attempt of its own whose end is under way may still be a generation behind until the next one.) */
static void test_both_are_told_to_be_client(void **state)
{
    (void)state;
    for (int first = 0; first < 2; first++)
        for (int after = 0; after <= 300; after += 5)
            for (int again = 0; again < 2; again++) {
                Pair pair;

                open_connected(&pair);
                assert_status(announce(&pair, first, SLUICE_ROLE_CLIENT), SLUICE_OK);
                pair_run(&pair, after * MS);
                if (again && after > 60)
                    assert_status(announce(&pair, first, SLUICE_ROLE_CLIENT), SLUICE_OK);
                assert_status(announce(&pair, !first, SLUICE_ROLE_CLIENT), SLUICE_OK);
                pair_run(&pair, 40 * SECOND);
                for (int end = 0; end < 2; end++)
                    assert_state(&pair, end, SLUICE_STATE_CONNECTED);
                assert_same_keys(&pair);
                assert_talks(&pair);
                pair_close(&pair);
            }
}

/* Bug: who had been server, and was client after a restart, still showed what was offered to it as server. */
static void test_offer_of_a_client(void **state)
{
    SluicePeerOffer offer;
    Pair pair;

    (void)state;
    open_connected(&pair);
    assert_status(sluice_transport_get_offer(pair.end[SERVER].transport, &offer), SLUICE_OK);
    assert_status(announce(&pair, CLIENT, SLUICE_ROLE_SERVER), SLUICE_OK);
    assert_status(announce(&pair, SERVER, SLUICE_ROLE_CLIENT), SLUICE_OK);
    run_to_generations(&pair, 2, 2, 3 * SECOND);
    assert_status(sluice_transport_get_offer(pair.end[SERVER].transport, &offer), SLUICE_NOT_READY);
    assert_status(sluice_transport_get_offer(pair.end[CLIENT].transport, &offer), SLUICE_OK);
    pair_close(&pair);
}

/* Bug: the datagrams of a ClientHello that came to nothing were counted as those of the next. */
static void test_offer_of_the_last_attempt(void **state)
{
    (void)state;
    for (int forged = 0; forged < 2; forged++) {
        uint8_t hello[1500];
        SluicePeerOffer offer;
        Pair pair;

        strange_hello(CLIENT, hello);
        hello[11] = 0;
        hello[12] = 12 + 100;
        hello[23] = 0;
        hello[24] = 100; /* bytes of it */
        open_default(&pair);
        for (int end = 0; end < 2; end++) {
            sluice_transport_set_path_validated(pair.end[end].transport, vclock_now(), 1);
            pair_know(&pair, end);
        }
        pair_start(&pair, SERVER, SLUICE_ROLE_SERVER);
        if (forged)
            link_inject(&pair.end[CLIENT].link, vclock_now(), hello, 25 + 100);
        pair_run(&pair, 2 * SECOND);
        pair_start(&pair, CLIENT, SLUICE_ROLE_CLIENT);
        assert_true(pair_run_until(&pair, pair_both_connected, vclock_now() + 2 * SECOND));
        assert_status(sluice_transport_get_offer(pair.end[SERVER].transport, &offer), SLUICE_OK);
        assert_int_equal(offer.fragments, 1);
        pair_close(&pair);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_announced_when_finished_fingerprint_later),
        cmocka_unit_test(test_role_is_named_after_a_restart),
        cmocka_unit_test(test_both_are_told_to_be_client),
        cmocka_unit_test(test_second_begins_before_the_first_is_verified),
        cmocka_unit_test(test_refused_by_the_client),
        cmocka_unit_test(test_closed_by_the_client),
        cmocka_unit_test(test_stopped_in_the_first_handshake),
        cmocka_unit_test(test_replay_between_two_profiles),
        cmocka_unit_test(test_offer_of_a_client),
        cmocka_unit_test(test_offer_of_the_last_attempt),
    };

    alloc_init();
    return cmocka_run_group_tests(tests, NULL, free_certificates);
}
