/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: two transports connect in every role they may have, with every profile, with RSA, and
 * without SRTP; the server's order of profiles decides (RFC 5764 section 4.1.1). */

#include "common.h"

#define ALL_PROFILES 4

static const SluiceSrtpProfile every_profile[ALL_PROFILES] = {
    SLUICE_SRTP_AEAD_AES_128_GCM, SLUICE_SRTP_AEAD_AES_256_GCM, SLUICE_SRTP_AES128_CM_SHA1_80,
    SLUICE_SRTP_AES128_CM_SHA1_32};

static void open_with_profiles(Pair *pair, const SluiceSrtpProfile *client, size_t n_client,
                               const SluiceSrtpProfile *server, size_t n_server)
{
    SluiceConfig *a = new_config(CLIENT), *b = new_config(SERVER);

    assert_status(sluice_config_set_srtp_profiles(a, client, n_client), SLUICE_OK);
    assert_status(sluice_config_set_srtp_profiles(b, server, n_server), SLUICE_OK);
    open_with(pair, a, b);
}

static void test_takes_two_round_trips(void **state)
{
    Pair pair;

    (void)state;
    open_default(&pair);
    connect_within(&pair, 40 * MS); /* four flights of 10 ms; the client hears the last one */
    assert_int_equal(pair_stats(&pair, CLIENT).connected_at - pair.begun, 40 * MS);
    assert_int_equal(pair_stats(&pair, SERVER).connected_at - pair.begun, 30 * MS);
    assert_int_equal(pair.end[CLIENT].n_sent, 2);
    assert_int_equal(pair.end[SERVER].n_sent, 2);
    assert_talks(&pair);
    pair_close(&pair);
}

static void start_as(Pair *pair, SluiceRole first, SluiceRole second)
{
    for (int end = 0; end < 2; end++) {
        assert_status(
            sluice_transport_set_path_validated(pair->end[end].transport, vclock_now(), 1),
            SLUICE_OK);
        assert_status(pair_know(pair, end), SLUICE_OK);
    }
    assert_status(pair_start(pair, 0, first), SLUICE_OK);
    assert_status(pair_start(pair, 1, second), SLUICE_OK);
}

static void test_either_end_is_client(void **state)
{
    Pair pair;

    (void)state;
    open_default(&pair);
    start_as(&pair, SLUICE_ROLE_SERVER, SLUICE_ROLE_CLIENT);
    assert_true(pair_run_until(&pair, pair_both_connected, pair.begun + SECOND));
    assert_int_equal(pair_stats(&pair, 0).dtls_role, SLUICE_ROLE_SERVER);
    assert_int_equal(pair_stats(&pair, 1).dtls_role, SLUICE_ROLE_CLIENT);
    assert_talks(&pair);
    pair_close(&pair);
}

/* RFC 5763 section 5: who offered actpass takes a ClientHello before the answer comes. */
static void test_auto_becomes_server(void **state)
{
    Pair pair;

    (void)state;
    open_default(&pair);
    start_as(&pair, SLUICE_ROLE_AUTO, SLUICE_ROLE_CLIENT);
    assert_state(&pair, 0, SLUICE_STATE_LISTENING);
    assert_int_equal(pair_stats(&pair, 0).dtls_role, SLUICE_ROLE_AUTO);
    assert_int_equal(sluice_transport_next_timeout(pair.end[0].transport), SLUICE_TIME_NEVER);
    assert_true(pair_run_until(&pair, pair_both_connected, pair.begun + SECOND));
    assert_int_equal(pair_stats(&pair, 0).dtls_role, SLUICE_ROLE_SERVER);
    /* The deadline runs from the ClientHello, not from the offer. */
    assert_int_equal(pair_stats(&pair, 0).started_at - pair.begun, 10 * MS);
    /* The answer says active: that is what happened already. */
    assert_status(pair_start(&pair, 0, SLUICE_ROLE_SERVER), SLUICE_OK);
    /* The answer says passive: the peer has broken RFC 8842. */
    assert_status(pair_start(&pair, 0, SLUICE_ROLE_CLIENT), SLUICE_INVALID_STATE);
    assert_talks(&pair);
    pair_close(&pair);
}

static void test_auto_is_told_its_role(void **state)
{
    static const SluiceRole told[] = {SLUICE_ROLE_CLIENT, SLUICE_ROLE_SERVER};

    (void)state;
    for (int i = 0; i < 2; i++) {
        Pair pair;

        open_default(&pair);
        start_as(&pair, SLUICE_ROLE_AUTO, told[!i]);
        assert_status(pair_start(&pair, 0, told[i]), SLUICE_OK);
        assert_state(&pair, 0, SLUICE_STATE_CONNECTING);
        assert_true(pair_run_until(&pair, pair_both_connected, pair.begun + SECOND));
        assert_int_equal(pair_stats(&pair, 0).dtls_role, told[i]);
        assert_talks(&pair);
        pair_close(&pair);
    }
}

static void test_each_profile_alone(void **state)
{
    (void)state;
    for (int i = 0; i < ALL_PROFILES; i++) {
        Pair pair;

        open_with_profiles(&pair, &every_profile[i], 1, every_profile, ALL_PROFILES);
        connect_within(&pair, 100 * MS);
        assert_int_equal(pair_stats(&pair, CLIENT).srtp_cipher, every_profile[i]);
        assert_int_equal(pair_stats(&pair, SERVER).srtp_cipher, every_profile[i]);
        assert_talks(&pair);
        pair_close(&pair);
    }
}

static void test_server_order_decides(void **state)
{
    (void)state;
    for (int first = 0; first < ALL_PROFILES; first++) {
        SluiceSrtpProfile order[ALL_PROFILES], reverse[ALL_PROFILES];
        Pair pair;

        for (int i = 0; i < ALL_PROFILES; i++) {
            order[i] = every_profile[(first + i) % ALL_PROFILES];
            reverse[ALL_PROFILES - 1 - i] = order[i];
        }
        open_with_profiles(&pair, reverse, ALL_PROFILES, order, ALL_PROFILES);
        connect_within(&pair, 100 * MS);
        assert_int_equal(pair_stats(&pair, CLIENT).srtp_cipher, order[0]);
        assert_int_equal(pair_stats(&pair, SERVER).srtp_cipher, order[0]);
        pair_close(&pair);
    }
}

static void test_default_profiles(void **state)
{
    Pair pair;
    SluicePeerOffer offer;

    (void)state;
    open_connected(&pair);
    assert_int_equal(pair_stats(&pair, CLIENT).srtp_cipher, SLUICE_SRTP_AEAD_AES_128_GCM);
    assert_status(sluice_transport_get_offer(pair.end[SERVER].transport, &offer), SLUICE_OK);
    assert_int_equal(offer.n_srtp_profiles, 3);
    assert_int_equal(offer.srtp_profiles[0], SLUICE_SRTP_AEAD_AES_128_GCM);
    assert_int_equal(offer.srtp_profiles[1], SLUICE_SRTP_AEAD_AES_256_GCM);
    assert_int_equal(offer.srtp_profiles[2], SLUICE_SRTP_AES128_CM_SHA1_80);
    assert_int_equal(offer.version, 0xfefd);
    assert_true(offer.extended_master_secret);
    assert_status(sluice_transport_get_offer(pair.end[CLIENT].transport, &offer), SLUICE_NOT_READY);
    pair_close(&pair);
}

static void test_data_only(void **state)
{
    Pair pair;
    SluicePeerOffer offer;
    SluiceSrtpKeys keys;

    (void)state;
    open_with_profiles(&pair, NULL, 0, NULL, 0);
    connect_within(&pair, 100 * MS);
    assert_talks(&pair);
    assert_int_equal(pair_stats(&pair, CLIENT).srtp_cipher, SLUICE_SRTP_NONE);
    assert_status(sluice_transport_get_offer(pair.end[SERVER].transport, &offer), SLUICE_OK);
    assert_int_equal(offer.n_srtp_profiles, 0);
    assert_status(sluice_transport_get_srtp_keys(pair.end[CLIENT].transport, &keys),
                  SLUICE_INVALID_STATE);
    assert_true(pair_send_media(&pair, CLIENT, SLUICE_KIND_RTP, 1, 1, 0, 20) != SLUICE_OK);
    pair_close(&pair);
}

static void test_rsa(void **state)
{
    SluiceCertificate *rsa;

    (void)state;
    assert_status(sluice_certificate_generate(SLUICE_KEY_RSA_2048, &rsa), SLUICE_OK);
    for (int who = 0; who < 2; who++) {
        SluiceConfig *config = sluice_config_new(rsa);
        Pair pair;

        open_with(&pair, who == CLIENT ? config : new_config(CLIENT),
                  who == SERVER ? config : new_config(SERVER));
        connect_within(&pair, 100 * MS);
        assert_talks(&pair);
        assert_true(largest_sent(&pair, CLIENT) <= 1200);
        assert_true(largest_sent(&pair, SERVER) <= 1200);
        pair_close(&pair);
    }
    sluice_certificate_unref(rsa);
}

static void test_what_was_negotiated(void **state)
{
    Pair pair;

    (void)state;
    open_connected(&pair);
    for (int end = 0; end < 2; end++) {
        SluiceStats stats = pair_stats(&pair, end);
        const uint8_t *seen, *own;
        size_t seen_len, own_len;

        assert_int_equal(stats.tls_version, 0xfefd);
        assert_non_null(strstr(stats.dtls_cipher, "TLS_ECDHE_ECDSA_WITH_"));
        assert_true(stats.tls_group[0] != 0);
        assert_status(
            sluice_transport_get_remote_certificate(pair.end[end].transport, &seen, &seen_len),
            SLUICE_OK);
        assert_status(sluice_certificate_get_der(certificate_of(!end), &own, &own_len), SLUICE_OK);
        assert_int_equal(seen_len, own_len);
        assert_memory_equal(seen, own, own_len);
    }
    pair_close(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_takes_two_round_trips),
        cmocka_unit_test(test_either_end_is_client),
        cmocka_unit_test(test_auto_becomes_server),
        cmocka_unit_test(test_auto_is_told_its_role),
        cmocka_unit_test(test_each_profile_alone),
        cmocka_unit_test(test_server_order_decides),
        cmocka_unit_test(test_default_profiles),
        cmocka_unit_test(test_data_only),
        cmocka_unit_test(test_rsa),
        cmocka_unit_test(test_what_was_negotiated),
    };

    alloc_init();
    return cmocka_run_group_tests(tests, NULL, free_certificates);
}
