/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: public functions answer NULL, values out of range and calls at the wrong time as their
 * headers say, and are none the worse for it (API-01 to API-03); a config is frozen by its first
 * transport. Functions with a test of their own are asked there; null-arguments.sh sees that none is
 * left out. */

#include "common.h"

#include <sluice/openssl.h>

#define INVALID SLUICE_INVALID_ARGUMENT

static void test_null_of_values(void **state)
{
    SluiceFingerprint fingerprint = {.hash = SLUICE_HASH_SHA256, .len = 32};
    SluiceFlight flight = {0};
    SluiceEnd end = {.reason = SLUICE_END_DEADLINE};
    SluiceSrtpProfile profile;
    char text[640];

    (void)state;
    assert_status(sluice_fingerprint_parse(NULL, 3, &fingerprint), INVALID);
    assert_status(sluice_fingerprint_parse("x", 1, NULL), INVALID);
    assert_status(sluice_fingerprint_format(NULL, text, sizeof text), INVALID);
    assert_status(sluice_fingerprint_format(&fingerprint, NULL, 9), INVALID);
    assert_status(sluice_fingerprint_format(&fingerprint, text, 10), SLUICE_NO_ROOM);
    assert_status(sluice_fingerprint_of_der(SLUICE_HASH_SHA256, NULL, 4, &fingerprint), INVALID);
    assert_status(sluice_fingerprint_of_der(SLUICE_HASH_SHA256, (const uint8_t *)text, 4, NULL),
                  INVALID);
    assert_status(sluice_flight_describe(NULL, text, sizeof text), INVALID);
    assert_status(sluice_flight_describe(&flight, NULL, 1), INVALID);
    assert_status(sluice_end_describe(NULL, text, sizeof text), INVALID);
    assert_status(sluice_end_describe(&end, NULL, 1), INVALID);
    assert_status(sluice_end_describe(&end, text, 4), SLUICE_NO_ROOM);
    assert_status(sluice_srtp_profile_parse(NULL, &profile), INVALID);
    assert_status(sluice_srtp_profile_parse("AEAD_AES_128_GCM", NULL), INVALID);
    assert_int_equal(sluice_classify(NULL, 0), SLUICE_KIND_UNKNOWN);
    assert_non_null(sluice_end_hint(NULL));
}

/* Names of values that are none: a text, never NULL. */
static void test_names_out_of_range(void **state)
{
    (void)state;
    for (int i = -300; i < 300; i++) {
        assert_non_null(sluice_status_text((SluiceStatus)i));
        assert_non_null(sluice_role_name((SluiceRole)i));
        assert_non_null(sluice_state_name((SluiceState)i));
        assert_non_null(sluice_srtp_profile_name((SluiceSrtpProfile)i));
        assert_non_null(sluice_kind_name((SluiceKind)i));
        assert_non_null(sluice_alert_name(i));
        assert_non_null(sluice_end_reason_name((SluiceEndReason)i));
    }
}

static void test_null_of_certificates(void **state)
{
    SluiceCertificate *certificate = certificate_of(CLIENT), *out = NULL;
    SluiceFingerprint fingerprint;
    const uint8_t *der;
    size_t len;

    (void)state;
    assert_status(sluice_certificate_generate(SLUICE_KEY_ECDSA_P256, NULL), INVALID);
    assert_status(sluice_certificate_generate((SluiceKeyType)7, &out), INVALID);
    assert_status(sluice_certificate_from_pem(NULL, 1, "x", 1, &out), INVALID);
    assert_status(sluice_certificate_from_pem("x", 1, NULL, 1, &out), INVALID);
    assert_status(sluice_certificate_from_pem("x", 1, "x", 1, NULL), INVALID);
    assert_status(sluice_certificate_from_pem("x", 1, "x", 1, &out), INVALID);
    assert_status(sluice_certificate_from_der(NULL, 1, (const uint8_t *)"x", 1, &out), INVALID);
    assert_status(sluice_certificate_from_der((const uint8_t *)"x", 1, NULL, 1, &out), INVALID);
    assert_status(sluice_certificate_from_openssl(NULL, NULL, &out), INVALID);
    assert_null(out);
    assert_status(sluice_certificate_get_fingerprint(NULL, SLUICE_HASH_SHA256, &fingerprint),
                  INVALID);
    assert_status(sluice_certificate_get_fingerprint(certificate, SLUICE_HASH_SHA256, NULL),
                  INVALID);
    assert_status(sluice_certificate_get_fingerprint(certificate, (SluiceHash)9, &fingerprint),
                  INVALID);
    assert_status(sluice_certificate_get_der(NULL, &der, &len), INVALID);
    assert_status(sluice_certificate_get_der(certificate, NULL, &len), INVALID);
    assert_status(sluice_certificate_get_der(certificate, &der, NULL), INVALID);
    assert_status(sluice_certificate_to_pem(NULL, 0, NULL, &len), INVALID);
    assert_status(sluice_certificate_to_pem(certificate, 0, NULL, NULL), INVALID);
    sluice_certificate_unref(NULL);
}

static void test_null_of_configs(void **state)
{
    const SluiceSrtpProfile profile = SLUICE_SRTP_AEAD_AES_128_GCM;

    (void)state;
    sluice_config_unref(NULL);
    assert_null(sluice_config_ref(NULL));
    assert_null(sluice_config_get_certificate(NULL));
    assert_status(sluice_config_set_waive_restart_cookie(NULL, 1), INVALID);
    assert_status(sluice_config_set_srtp_profiles(NULL, &profile, 1), INVALID);
    assert_status(sluice_config_set_handshake_mtu(NULL, 1200), INVALID);
    assert_status(sluice_config_set_datagram_limit(NULL, 1200), INVALID);
    assert_status(sluice_config_set_first_timeout(NULL, SECOND), INVALID);
    assert_status(sluice_config_set_deadlines(NULL, SECOND, SECOND), INVALID);
    assert_status(sluice_config_set_allow_unvalidated(NULL, 1), INVALID);
    assert_status(sluice_config_set_allow_sha1(NULL, 1), INVALID);
    assert_status(sluice_config_set_replay_window(NULL, 128), INVALID);
    assert_status(sluice_config_set_inbox_limits(NULL, 1, 1, 1, 16384), INVALID);
    assert_status(sluice_config_set_output_limits(NULL, 1, 16384), INVALID);
    assert_status(sluice_config_set_overlap(NULL, SECOND), INVALID);
    assert_status(sluice_config_set_log(NULL, NULL, NULL, NULL), INVALID);
    assert_status(sluice_config_set_keylog(NULL, NULL, NULL, NULL), INVALID);
    assert_null(sluice_transport_new(NULL));
}

static void test_ranges_of_configs(void **state)
{
    static const SluiceSrtpProfile twice[] = {SLUICE_SRTP_AEAD_AES_128_GCM,
                                              SLUICE_SRTP_AEAD_AES_128_GCM};
    static const SluiceSrtpProfile unknown[] = {(SluiceSrtpProfile)3}, none[] = {SLUICE_SRTP_NONE};
    SluiceConfig *config = new_config(CLIENT);

    (void)state;
    assert_status(sluice_config_set_srtp_profiles(config, twice, 2), INVALID);
    assert_status(sluice_config_set_srtp_profiles(config, unknown, 1), INVALID);
    assert_status(sluice_config_set_srtp_profiles(config, none, 1), INVALID);
    assert_status(sluice_config_set_srtp_profiles(config, NULL, 1), INVALID);
    assert_status(sluice_config_set_handshake_mtu(config, 255), INVALID);
    assert_status(sluice_config_set_handshake_mtu(config, 256), SLUICE_OK);
    assert_status(sluice_config_set_handshake_mtu(config, 4096), SLUICE_OK);
    assert_status(sluice_config_set_handshake_mtu(config, 4097), INVALID);
    assert_status(sluice_config_set_datagram_limit(config, 255), INVALID);
    assert_status(sluice_config_set_datagram_limit(config, 16384), SLUICE_OK);
    assert_status(sluice_config_set_datagram_limit(config, 16385), INVALID);
    assert_status(sluice_config_set_first_timeout(config, 20 * MS - 1), INVALID);
    assert_status(sluice_config_set_first_timeout(config, 20 * MS), SLUICE_OK);
    assert_status(sluice_config_set_first_timeout(config, 10 * SECOND), SLUICE_OK);
    assert_status(sluice_config_set_first_timeout(config, 10 * SECOND + 1), INVALID);
    assert_status(sluice_config_set_deadlines(config, 100 * MS - 1, SECOND), INVALID);
    assert_status(sluice_config_set_deadlines(config, SECOND, 601 * SECOND), INVALID);
    assert_status(sluice_config_set_deadlines(config, 100 * MS, 600 * SECOND), SLUICE_OK);
    assert_status(sluice_config_set_overlap(config, 100 * MS - 1), INVALID);
    assert_status(sluice_config_set_overlap(config, 100 * MS), SLUICE_OK);
    assert_status(sluice_config_set_overlap(config, 60 * SECOND), SLUICE_OK);
    assert_status(sluice_config_set_overlap(config, 60 * SECOND + 1), INVALID);
    assert_status(sluice_config_set_replay_window(config, 63), INVALID);
    assert_status(sluice_config_set_replay_window(config, 64), SLUICE_OK);
    assert_status(sluice_config_set_replay_window(config, 32768), INVALID);
    assert_status(sluice_config_set_inbox_limits(config, 1, 1, 1, 16383), INVALID);
    assert_status(sluice_config_set_output_limits(config, 1, 16383), INVALID);
    sluice_config_unref(config);
}

static void test_frozen(void **state)
{
    const SluiceSrtpProfile profile = SLUICE_SRTP_AEAD_AES_128_GCM;
    SluiceConfig *config = new_config(CLIENT);
    SluiceTransport *transport = sluice_transport_new(config);

    (void)state;
    assert_non_null(transport);
    for (int round = 0; round < 2; round++) { /* for good, not as long as the transport */
        assert_status(sluice_config_set_srtp_profiles(config, &profile, 1), SLUICE_INVALID_STATE);
        assert_status(sluice_config_set_handshake_mtu(config, 1200), SLUICE_INVALID_STATE);
        assert_status(sluice_config_set_datagram_limit(config, 1200), SLUICE_INVALID_STATE);
        assert_status(sluice_config_set_overlap(config, SECOND), SLUICE_INVALID_STATE);
        assert_status(sluice_config_set_first_timeout(config, SECOND), SLUICE_INVALID_STATE);
        assert_status(sluice_config_set_deadlines(config, SECOND, SECOND), SLUICE_INVALID_STATE);
        assert_status(sluice_config_set_allow_unvalidated(config, 1), SLUICE_INVALID_STATE);
        assert_status(sluice_config_set_allow_sha1(config, 1), SLUICE_INVALID_STATE);
        assert_status(sluice_config_set_replay_window(config, 128), SLUICE_INVALID_STATE);
        assert_status(sluice_config_set_inbox_limits(config, 1, 1, 1, 16384), SLUICE_INVALID_STATE);
        assert_status(sluice_config_set_output_limits(config, 1, 16384), SLUICE_INVALID_STATE);
        assert_status(sluice_config_set_log(config, NULL, NULL, NULL), SLUICE_INVALID_STATE);
        assert_status(sluice_config_set_keylog(config, NULL, NULL, NULL), SLUICE_INVALID_STATE);
        sluice_transport_free(transport);
        transport = NULL;
    }
    sluice_config_unref(config);
}

/* Each function with each of its pointers NULL, in each state of a call. */
static void ask_everything_with_null(SluiceTransport *self)
{
    SluiceTime now = vclock_now();
    SluiceFingerprint fingerprint = fingerprint_of(certificate_of(CLIENT), SLUICE_HASH_SHA256),
                      crooked = {.hash = SLUICE_HASH_SHA256, .len = 31};
    _Alignas(8) uint8_t packet[300] = {0x80};
    size_t len = 100;
    SluiceKind kind;
    SluiceStats stats;
    const uint8_t *data;

    assert_status(sluice_transport_start(self, now, (SluiceRole)3), INVALID);
    assert_status(sluice_transport_set_remote_fingerprints(self, now, NULL, 1), INVALID);
    assert_status(sluice_transport_set_remote_fingerprints(self, now, &fingerprint, 0), INVALID);
    assert_status(sluice_transport_set_remote_fingerprints(self, now, &fingerprint, 17), INVALID);
    assert_status(sluice_transport_set_remote_fingerprints(self, now, &crooked, 1), INVALID);
    assert_status(sluice_transport_set_rtt(self, -1), INVALID);
    /* It is multiplied: the largest would overflow. */
    assert_status(sluice_transport_set_rtt(self, 60 * SECOND + 1), INVALID);
    assert_status(sluice_transport_set_rtt(self, INT64_MAX), INVALID);
    assert_status(sluice_transport_receive(self, now, NULL, &len, &kind), INVALID);
    assert_status(sluice_transport_receive(self, now, packet, NULL, &kind), INVALID);
    assert_status(sluice_transport_receive(self, now, packet, &len, NULL), INVALID);
    assert_status(sluice_transport_protect(self, SLUICE_KIND_RTP, NULL, &len, 300), INVALID);
    assert_status(sluice_transport_protect(self, SLUICE_KIND_RTP, packet, NULL, 300), INVALID);
    assert_status(sluice_transport_protect(self, SLUICE_KIND_DATA, packet, &len, 300), INVALID);
    assert_status(sluice_transport_send_data(self, now, NULL, 1), INVALID);
    assert_status(sluice_transport_send_data(self, now, packet, 0), INVALID);
    assert_int_equal(sluice_transport_peek_output(self, NULL, &len), 0);
    assert_int_equal(sluice_transport_peek_output(self, &data, NULL), 0);
    assert_status(sluice_transport_pop_output(self, now, (SluiceSent)3), INVALID);
    assert_int_equal(sluice_transport_peek_message(self, NULL), 0);
    assert_int_equal(sluice_transport_next_event(self, NULL), 0);
    assert_status(sluice_transport_get_end(self, NULL), INVALID);
    assert_status(sluice_transport_get_stats(self, NULL, sizeof stats), INVALID);
    assert_status(sluice_transport_get_stats(self, &stats, 0), INVALID);
    assert_status(sluice_transport_get_offer(self, NULL), INVALID);
    assert_status(sluice_transport_get_remote_certificate(self, NULL, &len), INVALID);
    assert_status(sluice_transport_get_remote_certificate(self, &data, NULL), INVALID);
    assert_status(sluice_transport_export(self, NULL, NULL, 0, packet, 16), INVALID);
    assert_status(sluice_transport_export(self, "EXPORTER-x", NULL, 0, NULL, 16), INVALID);
    assert_status(sluice_transport_export(self, "EXPORTER-x", NULL, 4, packet, 16), INVALID);
    assert_status(sluice_transport_get_srtp_keys(self, NULL), INVALID);
}

/* Each function without a transport. */
static void test_no_transport(void **state)
{
    SluiceTime now = vclock_now();
    SluiceFingerprint fingerprint = fingerprint_of(certificate_of(CLIENT), SLUICE_HASH_SHA256);
    _Alignas(8) uint8_t packet[300] = {0x80};
    size_t len = 100;
    SluiceKind kind;
    SluiceEnd end;
    SluiceStats stats;
    SluicePeerOffer offer;
    SluiceSrtpKeys keys;
    SluiceMessage message;
    SluiceEvent event;
    const uint8_t *data;

    (void)state;
    ask_everything_with_null(NULL);
    assert_status(sluice_transport_start(NULL, now, SLUICE_ROLE_CLIENT), INVALID);
    assert_status(sluice_transport_set_path_validated(NULL, now, 1), INVALID);
    assert_status(sluice_transport_set_remote_fingerprints(NULL, now, &fingerprint, 1), INVALID);
    assert_status(sluice_transport_set_rtt(NULL, MS), INVALID);
    assert_status(sluice_transport_receive(NULL, now, packet, &len, &kind), INVALID);
    assert_status(sluice_transport_protect(NULL, SLUICE_KIND_RTP, packet, &len, 300), INVALID);
    assert_status(sluice_transport_send_data(NULL, now, packet, 1), INVALID);
    assert_int_equal(sluice_transport_max_data_size(NULL), 0);
    assert_int_equal(sluice_transport_peek_output(NULL, &data, &len), 0);
    assert_status(sluice_transport_pop_output(NULL, now, SLUICE_SENT), INVALID);
    assert_int_equal(sluice_transport_peek_message(NULL, &message), 0);
    assert_status(sluice_transport_pop_message(NULL), INVALID);
    assert_int_equal(sluice_transport_next_event(NULL, &event), 0);
    assert_int_equal(sluice_transport_next_timeout(NULL), SLUICE_TIME_NEVER);
    assert_status(sluice_transport_handle_timeout(NULL, now), INVALID);
    assert_status(sluice_transport_close(NULL, now), INVALID);
    assert_status(sluice_transport_get_end(NULL, &end), INVALID);
    assert_status(sluice_transport_get_stats(NULL, &stats, sizeof stats), INVALID);
    assert_status(sluice_transport_get_offer(NULL, &offer), INVALID);
    assert_status(sluice_transport_get_remote_certificate(NULL, &data, &len), INVALID);
    assert_status(sluice_transport_export(NULL, "EXPORTER-x", NULL, 0, packet, 16), INVALID);
    assert_status(sluice_transport_get_srtp_keys(NULL, &keys), INVALID);
    assert_int_equal(sluice_transport_get_id(NULL), 0);
    assert_int_equal(sluice_transport_get_state(NULL), SLUICE_STATE_FAILED);
    assert_int_equal(sluice_fan_out(NULL, 100, NULL, 0), 0);
    sluice_transport_free(NULL);
}

static void test_null_of_transports(void **state)
{
    Pair pair;

    (void)state;
    open_default(&pair);
    ask_everything_with_null(pair.end[CLIENT].transport);
    pair_start_both(&pair);
    ask_everything_with_null(pair.end[CLIENT].transport);
    ask_everything_with_null(pair.end[SERVER].transport);
    assert_true(pair_run_until(&pair, pair_both_connected, pair.begun + 100 * MS));
    ask_everything_with_null(pair.end[CLIENT].transport);
    ask_everything_with_null(pair.end[SERVER].transport);
    assert_talks(&pair);
    pair_close(&pair);
}

static void test_wrong_order(void **state)
{
    SluiceTransport *client;
    SluiceFingerprint right = fingerprint_of(certificate_of(SERVER), SLUICE_HASH_SHA256);
    const uint8_t *der;
    size_t len;
    SluiceEnd end;
    Pair pair;

    (void)state;
    open_default(&pair);
    client = pair.end[CLIENT].transport;
    assert_status(pair_send_data(&pair, CLIENT, "x", 1), SLUICE_NOT_READY);
    assert_status(pair_send_media(&pair, CLIENT, SLUICE_KIND_RTP, 1, 1, 1, 20), SLUICE_NOT_READY);
    assert_status(sluice_transport_get_end(client, &end), SLUICE_INVALID_STATE);
    assert_status(sluice_transport_get_remote_certificate(client, &der, &len), SLUICE_NOT_READY);
    assert_status(sluice_transport_pop_output(client, vclock_now(), SLUICE_SENT),
                  SLUICE_INVALID_STATE);
    assert_status(sluice_transport_pop_message(client), SLUICE_INVALID_STATE);
    assert_status(sluice_transport_handle_timeout(client, vclock_now()), SLUICE_OK);
    assert_int_equal(sluice_transport_next_timeout(client), SLUICE_TIME_NEVER);
    pair_start_both(&pair);
    assert_status(sluice_transport_start(client, vclock_now(), SLUICE_ROLE_CLIENT),
                  SLUICE_INVALID_STATE);
    assert_status(sluice_transport_start(client, vclock_now(), SLUICE_ROLE_SERVER),
                  SLUICE_INVALID_STATE);
    assert_status(sluice_transport_start(client, vclock_now(), SLUICE_ROLE_AUTO),
                  SLUICE_INVALID_STATE);
    assert_status(sluice_transport_set_remote_fingerprints(client, vclock_now(), &right, 1),
                  SLUICE_OK);
    assert_true(pair_run_until(&pair, pair_both_connected, pair.begun + 100 * MS));
    assert_status(sluice_transport_start(client, vclock_now(), SLUICE_ROLE_CLIENT),
                  SLUICE_INVALID_STATE);
    assert_talks(&pair);
    pair_close(&pair);
}

/* Ids tell transports apart, also when one takes the place of another. */
/* Bug: a program that went on to the next timeout, of which there was none, crashed. Mechanism: a time that is not set is
 * SLUICE_TIME_NEVER, and that was not later than the time it was told: the call ended, and then its DTLS was to be given up. */
static void test_no_time(void **state)
{
    SluiceTransport *client;
    Pair pair;

    (void)state;
    open_connected(&pair);
    client = pair.end[CLIENT].transport;
    assert_int_equal(sluice_transport_next_timeout(client), SLUICE_TIME_NEVER);
    assert_status(sluice_transport_handle_timeout(client, sluice_transport_next_timeout(client)),
                  INVALID);
    assert_status(sluice_transport_handle_timeout(client, vclock_now()), SLUICE_OK);
    assert_talks(&pair);
    pair_close(&pair);
}

static void test_ids(void **state)
{
    SluiceConfig *config = new_config(CLIENT);
    uint64_t last = 0;

    (void)state;
    for (int i = 0; i < 100; i++) {
        SluiceTransport *transport = sluice_transport_new(config);

        assert_true(sluice_transport_get_id(transport) > last);
        last = sluice_transport_get_id(transport);
        sluice_transport_free(transport);
    }
    sluice_config_unref(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_null_of_values),
        cmocka_unit_test(test_names_out_of_range),
        cmocka_unit_test(test_null_of_certificates),
        cmocka_unit_test(test_null_of_configs),
        cmocka_unit_test(test_ranges_of_configs),
        cmocka_unit_test(test_frozen),
        cmocka_unit_test(test_null_of_transports),
        cmocka_unit_test(test_no_transport),
        cmocka_unit_test(test_wrong_order),
        cmocka_unit_test(test_ids),
        cmocka_unit_test(test_no_time),
    };

    alloc_init();
    return cmocka_run_group_tests(tests, NULL, free_certificates);
}
