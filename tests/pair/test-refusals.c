/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: a genuine refusal is told at both ends within 3 s with its own reason, though each end begins anew first, for it may
 * have been somebody else's (ALR-04). */

#include "foreign.h"
#include "forged.h"
#include "restarts.h"

static void assert_refused(Pair *pair, int refuser, SluiceEndReason reason, int alert)
{
    (void)pair_run_until(pair, pair_both_over, pair->begun + 3 * SECOND);
    assert_reason(pair, refuser, reason);
    assert_reason(pair, !refuser, SLUICE_END_ALERT_RECEIVED);
    assert_int_equal(pair_end(pair, refuser).alert, alert);
    assert_int_equal(pair_end(pair, refuser).alert_received, 0);
    assert_int_equal(pair_end(pair, !refuser).alert, alert);
    assert_int_equal(pair_end(pair, !refuser).alert_received, 1);
    assert_non_null(alert_event(pair, refuser, SLUICE_SENT_OUT));
    assert_non_null(alert_event(pair, !refuser, SLUICE_RECEIVED));
    for (int end = 0; end < 2; end++) {
        assert_int_equal(pair->end[end].n_messages, 0);
        assert_int_equal(sluice_transport_next_timeout(pair->end[end].transport),
                         SLUICE_TIME_NEVER);
        /* It was tried again, but not without measure. */
        assert_true(pair_stats(pair, end).attempts_given_up < 12);
    }
}

/* Somebody else's certificate, with and without a cookie, near and far. */
static void test_wrong_certificate(void **state)
{
    static const int delays[] = {1, 10, 50, 100};

    (void)state;
    for (int victim = 0; victim < 2; victim++)
        for (int d = 0; d < 4; d++) {
            SluiceFingerprint wrong = fingerprint_of(certificate_of(victim), SLUICE_HASH_SHA256);
            Pair pair;

            open_default(&pair);
            for (int end = 0; end < 2; end++) {
                pair.end[end].link.settings.delay = delays[d] * MS;
                sluice_transport_set_path_validated(pair.end[end].transport, vclock_now(), 1);
            }
            sluice_transport_set_remote_fingerprints(pair.end[victim].transport, vclock_now(),
                                                     &wrong, 1);
            pair_know(&pair, !victim);
            pair_start(&pair, CLIENT, SLUICE_ROLE_CLIENT);
            pair_start(&pair, SERVER, SLUICE_ROLE_SERVER);
            assert_refused(&pair, victim, SLUICE_END_FINGERPRINT_MISMATCH, 42);
            pair_close(&pair);
        }
}

static void test_no_common_profile(void **state)
{
    static const SluiceSrtpProfile gcm = SLUICE_SRTP_AEAD_AES_128_GCM,
                                   cm = SLUICE_SRTP_AES128_CM_SHA1_80;

    SluiceConfig *a = new_config(CLIENT), *b = new_config(SERVER);
    Pair pair;

    (void)state;
    sluice_config_set_srtp_profiles(a, &gcm, 1);
    sluice_config_set_srtp_profiles(b, &cm, 1);
    open_with(&pair, a, b);
    pair_start_both(&pair);
    assert_refused(&pair, SERVER, SLUICE_END_NO_SRTP_PROFILE, 40);
    pair_close(&pair);
}

/* What a peer that has one session has seen of ours. */
typedef struct {
    uint64_t numbers; /* a bit for each of the records in plaintext */
    int alerts;
} Told;

/* A link filter. An alert is no replay of anything. */
static int note_numbers(void *context, uint64_t number, SluiceTime now, uint8_t *data, size_t len)
{
    Told *told = context;

    (void)number;
    (void)now;
    for (size_t at = 0; at + 13 <= len; at += 13 + ((size_t)data[at + 11] << 8 | data[at + 12])) {
        uint8_t low = data[at + 10];

        if (data[at + 4]) /* under the keys */
            continue;
        assert_true(low < 64);
        if (data[at] == 21) {
            assert_false(told->numbers >> low & 1);
            told->alerts++;
        }
        told->numbers |= UINT64_C(1) << low;
    }
    return 1;
}

/* Bug: a peer that has one session was not told why it is refused. Mechanism: the alert had the record number that was next
 * when its attempt broke, and the attempts behind that one had used it: to the peer it was a replay. */
static void test_wrong_certificate_of_another_library(void **state)
{
    SluiceFingerprint wrong = fingerprint_of(certificate_of(CLIENT), SLUICE_HASH_SHA256);
    static const int delays[] = {1, 5, 10, 20, 30, 40, 60, 100};

    (void)state;
    for (int role = SLUICE_ROLE_CLIENT; role <= SLUICE_ROLE_SERVER; role++)
        for (size_t d = 0; d < sizeof delays / sizeof delays[0]; d++) {
            Told told = {0};
            Foreign foreign;
            SluiceEnd end;

            foreign_open_expecting(&foreign, &foreign_openssl, (SluiceRole)role, &wrong,
                                   delays[d] * MS);
            foreign.to_peer.filter = note_numbers;
            foreign.to_peer.filter_context = &told;
            foreign_run(&foreign, 4 * SECOND);
            assert_status(sluice_transport_get_end(foreign.transport, &end), SLUICE_OK);
            assert_int_equal(end.reason, SLUICE_END_FINGERPRINT_MISMATCH);
            assert_int_equal(told.alerts, 1);
            assert_int_equal(foreign_openssl.last_alert(foreign.peer), 42);
            foreign_close(&foreign);
        }
}

/* OpenSSL's own client, which has no group of ours, is told so. */
static void test_no_shared_cipher(void **state)
{
    Foreign foreign;
    SluiceEnd end;

    (void)state;
    foreign_open_with(&foreign, &foreign_openssl, SLUICE_ROLE_SERVER, "P-384", 0);
    foreign_run(&foreign, 3 * SECOND);
    assert_status(sluice_transport_get_end(foreign.transport, &end), SLUICE_OK);
    assert_string_equal(end.openssl_reason, "no shared cipher");
    assert_int_equal(end.alert, 40);
    assert_int_equal(foreign_openssl.last_alert(foreign.peer), 40);
    foreign_close(&foreign);
}

/* Nobody but a forger comes: he is no peer, and the peer may come later. Nothing is sent before, but one request for a
 * cookie each. */
static void test_forged_hello_is_no_refusal(void **state)
{
    uint8_t hello[1500];
    size_t len = forge_null_hello(hello);

    (void)state;
    for (int n = 1; n <= 20; n++) {
        Pair pair;

        open_default(&pair);
        for (int end = 0; end < 2; end++) {
            sluice_transport_set_path_validated(pair.end[end].transport, vclock_now(), 1);
            pair_know(&pair, end);
        }
        pair_start(&pair, SERVER, SLUICE_ROLE_SERVER);
        for (int i = 0; i < n; i++)
            inject_bytes(&pair, SERVER, pair.begun + i * 50 * MS, hello, len);
        pair_run(&pair, 20 * SECOND);
        assert_state(&pair, SERVER, SLUICE_STATE_CONNECTING);
        assert_int_equal(pair.end[SERVER].n_sent, n - 1);
        pair_start(&pair, CLIENT, SLUICE_ROLE_CLIENT);
        assert_true(pair_run_until(&pair, pair_both_connected, vclock_now() + SECOND));
        pair_close(&pair);
    }
}

/* A refusal in a restart that was announced is told as soon, and changes nothing. */
static void test_refused_restart(void **state)
{
    (void)state;
    for (int victim = 0; victim < 2; victim++) {
        SluiceFingerprint wrong = fingerprint_of(certificate_of(victim), SLUICE_HASH_SHA256);
        SluiceRole roles[2] = {SLUICE_ROLE_CLIENT, SLUICE_ROLE_SERVER};
        SluiceTime begun;
        Pair pair;

        open_connected(&pair);
        begun = vclock_now();
        assert_status(
            sluice_transport_restart(pair.end[victim].transport, begun, roles[victim], &wrong, 1),
            SLUICE_OK);
        pair_drain(&pair, victim);
        assert_status(announce(&pair, !victim, roles[!victim]), SLUICE_OK);
        pair_run(&pair, 3 * SECOND);
        for (int end = 0; end < 2; end++) {
            const SluiceEvent *event = event_of(&pair, end, SLUICE_EVENT_RESTART_FAILED);

            assert_non_null(event);
            assert_int_equal(event->u.reason, end == victim ? SLUICE_END_FINGERPRINT_MISMATCH
                                                            : SLUICE_END_ALERT_RECEIVED);
            assert_true(event->time <= begun + 3 * SECOND);
        }
        assert_talks(&pair);
        pair_run(&pair, 10 * SECOND);
        for (int end = 0; end < 2; end++)
            assert_int_equal(sluice_transport_next_timeout(pair.end[end].transport),
                             SLUICE_TIME_NEVER);
        pair_close(&pair);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wrong_certificate),
        cmocka_unit_test(test_no_common_profile),
        cmocka_unit_test(test_wrong_certificate_of_another_library),
        cmocka_unit_test(test_no_shared_cipher),
        cmocka_unit_test(test_forged_hello_is_no_refusal),
        cmocka_unit_test(test_refused_restart),
    };

    alloc_init();
    return cmocka_run_group_tests(tests, NULL, free_certificates);
}
