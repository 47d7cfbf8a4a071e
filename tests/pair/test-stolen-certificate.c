/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: who has the certificate that was announced, which anybody can have, but not its key, is not the peer, in either role
 * (ID-03, CVE-2022-29222: a server that took the certificate for the proof). A client shows that it has the key by its
 * CertificateVerify, a server by its ServerKeyExchange (RFC 5246 sections 7.4.8, 7.4.3). Not a key, message or packet comes
 * of it, and the peer hears decrypt_error. */

#include "foreign.h"

#include "certificate.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#define DECRYPT_ERROR 51

/* The public half is the certificate's, so OpenSSL takes both for a pair; what signs is the other half. */
static EVP_PKEY *key_of_two_halves(EVP_PKEY *public_half, EVP_PKEY *private_half)
{
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    BIGNUM *private_key = NULL;
    EVP_PKEY *key = NULL;
    OSSL_PARAM *params;
    uint8_t point[65];
    size_t len;

    assert_int_equal(EVP_PKEY_set_utf8_string_param(
                         public_half, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, "uncompressed"),
                     1);
    assert_int_equal(EVP_PKEY_get_octet_string_param(public_half, OSSL_PKEY_PARAM_PUB_KEY, point,
                                                     sizeof point, &len),
                     1);
    assert_int_equal(EVP_PKEY_get_bn_param(private_half, OSSL_PKEY_PARAM_PRIV_KEY, &private_key),
                     1);
    assert_true(OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0) &&
                OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point, len) &&
                OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_PRIV_KEY, private_key));
    params = OSSL_PARAM_BLD_to_param(build);
    assert_int_equal(EVP_PKEY_fromdata_init(ctx), 1);
    assert_int_equal(EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, params), 1);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(build);
    EVP_PKEY_CTX_free(ctx);
    BN_clear_free(private_key);
    return key;
}

/* The peer presents the certificate of SERVER, and signs with the key of @signer. */
static void present(SSL_CTX *ctx, int signer)
{
    EVP_PKEY *key = key_of_two_halves(sl_certificate_key(certificate_of(SERVER)),
                                      sl_certificate_key(certificate_of(signer)));

    assert_int_equal(SSL_CTX_use_certificate(ctx, sl_certificate_x509(certificate_of(SERVER))), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(ctx, key), 1);
    EVP_PKEY_free(key);
}

static void present_own(SSL_CTX *ctx) { present(ctx, SERVER); }
static void present_stolen(SSL_CTX *ctx) { present(ctx, CLIENT); }

static void test_the_owner(void **state)
{
    (void)state;
    foreign_openssl_prepare = present_own;
    for (int role = SLUICE_ROLE_CLIENT; role <= SLUICE_ROLE_SERVER; role++) {
        Foreign foreign;

        foreign_open(&foreign, &foreign_openssl, (SluiceRole)role);
        foreign_run(&foreign, SECOND);
        assert_true(foreign_both_connected(&foreign));
        foreign_close(&foreign);
    }
}

static void assert_nothing_came_of_it(Foreign *foreign)
{
    SluiceTransport *transport = foreign->transport;
    SluiceStats stats;
    SluiceSrtpKeys keys;
    uint8_t exported[16];

    assert_true(sluice_transport_export(transport, "EXPORTER-x", NULL, 0, exported, 16) !=
                SLUICE_OK);
    assert_true(sluice_transport_get_srtp_keys(transport, &keys) != SLUICE_OK);
    assert_status(sluice_transport_get_stats(transport, &stats, sizeof stats), SLUICE_OK);
    assert_true(stats.connected_at == SLUICE_TIME_NEVER);
    assert_true(stats.finished_at == SLUICE_TIME_NEVER);
    assert_int_equal(stats.generation, 0);
}

/* @late: the fingerprint is told when the thief has had his chance, and must not make him the peer, either. */
static void let_him_try(SluiceRole role, int late)
{
    SluiceFingerprint right = fingerprint_of(certificate_of(SERVER), SLUICE_HASH_SHA256);
    Foreign foreign;
    SluiceEnd end;

    if (late)
        foreign_open_expecting(&foreign, &foreign_openssl, role, NULL, 10 * MS);
    else
        foreign_open(&foreign, &foreign_openssl, role);
    foreign_run(&foreign, SECOND);
    assert_nothing_came_of_it(&foreign);
    if (late)
        (void)sluice_transport_set_remote_fingerprints(foreign.transport, vclock_now(), &right, 1);
    assert_nothing_came_of_it(&foreign);
    foreign_run(&foreign, 3 * SECOND);
    assert_string_equal(sluice_state_name(sluice_transport_get_state(foreign.transport)), "failed");
    assert_status(sluice_transport_get_end(foreign.transport, &end), SLUICE_OK);
    assert_string_equal(sluice_end_reason_name(end.reason),
                        sluice_end_reason_name(SLUICE_END_ALERT_SENT));
    assert_int_equal(end.alert, DECRYPT_ERROR);
    assert_string_equal(end.openssl_reason, "bad signature");
    assert_int_equal(foreign_openssl.last_alert(foreign.peer), DECRYPT_ERROR);
    assert_nothing_came_of_it(&foreign);
    foreign_close(&foreign);
}

static void test_the_thief(void **state)
{
    (void)state;
    foreign_openssl_prepare = present_stolen;
    for (int late = 0; late < 2; late++) {
        let_him_try(SLUICE_ROLE_CLIENT, late);
        let_him_try(SLUICE_ROLE_SERVER, late);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_owner),
        cmocka_unit_test(test_the_thief),
    };

    alloc_init();
    return cmocka_run_group_tests(tests, NULL, free_certificates);
}
