/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: of several fingerprints those of the strongest hash count and one of them must match (RFC
 * 8122 section 5, rule 21); a peer that is somebody else ends the handshake with alert 42 and gets
 * and gives not a byte. */

#include "common.h"

static void start_known_as(Pair *pair, int end, const SluiceFingerprint *list, size_t n)
{
    for (int i = 0; i < 2; i++)
        sluice_transport_set_path_validated(pair->end[i].transport, vclock_now(), 1);
    assert_status(
        sluice_transport_set_remote_fingerprints(pair->end[end].transport, vclock_now(), list, n),
        SLUICE_OK);
    assert_status(pair_know(pair, !end), SLUICE_OK);
    pair_start(pair, CLIENT, SLUICE_ROLE_CLIENT);
    pair_start(pair, SERVER, SLUICE_ROLE_SERVER);
}

/* The mirror of every connection: the same, but the certificate is not the announced one. */
static void test_mismatch_in_each_role(void **state)
{
    (void)state;
    for (int victim = 0; victim < 2; victim++) {
        SluiceFingerprint wrong = fingerprint_of(certificate_of(victim), SLUICE_HASH_SHA256);
        const SluiceAlert *sent, *received;
        SluiceSrtpKeys keys;
        uint8_t key[16];
        Pair pair;

        open_default(&pair);
        start_known_as(&pair, victim, &wrong, 1);
        assert_true(pair_run_until(&pair, pair_both_over, pair.begun + 3 * SECOND));
        assert_reason(&pair, victim, SLUICE_END_FINGERPRINT_MISMATCH);
        assert_reason(&pair, !victim, SLUICE_END_ALERT_RECEIVED);
        assert_int_equal(pair_end(&pair, !victim).alert, 42);
        assert_true(pair_end(&pair, !victim).alert_received);
        sent = alert_event(&pair, victim, SLUICE_SENT_OUT);
        received = alert_event(&pair, !victim, SLUICE_RECEIVED);
        assert_non_null(sent);
        assert_int_equal(sent->number, 42);
        assert_int_equal(sent->level, 2);
        assert_non_null(received);
        assert_int_equal(received->number, 42);
        assert_string_equal(sluice_alert_name(42), "bad_certificate");
        for (int end = 0; end < 2; end++) {
            assert_int_equal(pair.end[end].n_messages, 0);
            assert_false(has_state_event(&pair, end, SLUICE_STATE_CONNECTED));
            assert_status(sluice_transport_export(pair.end[end].transport, "EXPORTER-x", NULL, 0,
                                                  key, sizeof key),
                          SLUICE_ENDED);
            assert_status(sluice_transport_get_srtp_keys(pair.end[end].transport, &keys),
                          SLUICE_ENDED);
            assert_status(pair_send_data(&pair, end, "x", 1), SLUICE_ENDED);
            assert_status(pair_send_media(&pair, end, SLUICE_KIND_RTP, 1, 1, 1, 20), SLUICE_ENDED);
            assert_int_equal(sluice_transport_next_timeout(pair.end[end].transport),
                             SLUICE_TIME_NEVER);
        }
        pair_close(&pair);
    }
}

/* Runs a connection in which the client knows these; 1 if it came about. That it does not is told after the grace time of
 * 2 s: the certificate of an unfinished handshake may be anybody's. */
static int connects_with(const SluiceFingerprint *list, size_t n)
{
    Pair pair;
    int connected;

    open_default(&pair);
    start_known_as(&pair, CLIENT, list, n);
    connected = pair_run_until(&pair, pair_both_connected, pair.begun + 100 * MS);
    if (!connected) {
        (void)pair_run_until(&pair, pair_both_over, pair.begun + 3 * SECOND);
        assert_reason(&pair, CLIENT, SLUICE_END_FINGERPRINT_MISMATCH);
    }
    pair_close(&pair);
    return connected;
}

static void test_each_hash(void **state)
{
    static const SluiceHash hashes[] = {SLUICE_HASH_SHA256, SLUICE_HASH_SHA384, SLUICE_HASH_SHA512};

    (void)state;
    for (int i = 0; i < 3; i++) {
        SluiceFingerprint right = fingerprint_of(certificate_of(SERVER), hashes[i]);
        SluiceFingerprint wrong = right;

        assert_true(connects_with(&right, 1));
        wrong.bytes[wrong.len - 1] ^= 1;
        assert_false(connects_with(&wrong, 1));
    }
}

static void test_strongest_counts(void **state)
{
    SluiceFingerprint right_256 = fingerprint_of(certificate_of(SERVER), SLUICE_HASH_SHA256);
    SluiceFingerprint right_512 = fingerprint_of(certificate_of(SERVER), SLUICE_HASH_SHA512);
    SluiceFingerprint wrong_256 = fingerprint_of(certificate_of(CLIENT), SLUICE_HASH_SHA256);
    SluiceFingerprint wrong_512 = fingerprint_of(certificate_of(CLIENT), SLUICE_HASH_SHA512);
    SluiceFingerprint both_ways[] = {wrong_256, right_512}, weak_right[] = {right_256, wrong_512},
                      either[] = {wrong_256, right_256};

    (void)state;
    assert_true(connects_with(both_ways, 2));
    assert_false(connects_with(weak_right, 2)); /* the forged twin */
    assert_true(connects_with(either, 2));      /* several of the strongest: one has to match */
}

static void test_sha1_only_when_asked(void **state)
{
    (void)state;
    for (int allowed = 0; allowed < 2; allowed++) {
        SluiceFingerprint sha1 = fingerprint_of(certificate_of(SERVER), SLUICE_HASH_SHA1);
        SluiceConfig *config = new_config(CLIENT);
        Pair pair;

        sluice_config_set_allow_sha1(config, allowed);
        open_with(&pair, config, new_config(SERVER));
        assert_status(sluice_transport_set_remote_fingerprints(pair.end[CLIENT].transport,
                                                               vclock_now(), &sha1, 1),
                      allowed ? SLUICE_OK : SLUICE_INVALID_ARGUMENT);
        if (allowed) {
            start_known_as(&pair, CLIENT, &sha1, 1);
            assert_true(pair_run_until(&pair, pair_both_connected, pair.begun + 100 * MS));
        }
        pair_close(&pair);
    }
}

/* A sha-1 fingerprint beside a stronger one is nothing but ignored. */
static void test_sha1_beside_another(void **state)
{
    SluiceFingerprint list[] = {fingerprint_of(certificate_of(CLIENT), SLUICE_HASH_SHA1),
                                fingerprint_of(certificate_of(SERVER), SLUICE_HASH_SHA256)};

    (void)state;
    assert_true(connects_with(list, 2));
}

static void test_changing_ones_mind(void **state)
{
    SluiceFingerprint right = fingerprint_of(certificate_of(SERVER), SLUICE_HASH_SHA256);
    SluiceFingerprint other = fingerprint_of(certificate_of(CLIENT), SLUICE_HASH_SHA256);
    SluiceTransport *client;
    Pair pair;

    (void)state;
    open_connected(&pair);
    client = pair.end[CLIENT].transport;
    assert_status(sluice_transport_set_remote_fingerprints(client, vclock_now(), &right, 1),
                  SLUICE_OK);
    assert_status(sluice_transport_set_remote_fingerprints(client, vclock_now(), &other, 1),
                  SLUICE_INVALID_STATE);
    assert_talks(&pair);
    pair_close(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mismatch_in_each_role), cmocka_unit_test(test_each_hash),
        cmocka_unit_test(test_strongest_counts),      cmocka_unit_test(test_sha1_only_when_asked),
        cmocka_unit_test(test_sha1_beside_another),   cmocka_unit_test(test_changing_ones_mind),
    };

    alloc_init();
    return cmocka_run_group_tests(tests, NULL, free_certificates);
}
