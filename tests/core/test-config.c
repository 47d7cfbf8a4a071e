/* SPDX-License-Identifier: BSD-3-Clause */

/* Settings: ranges, freezing, and what the SSL_CTX made of them allows (rules 10, 20, 22, 24, 25, 33). */

#include "config.h"

#include <sluice/transport.h>

#include <openssl/ssl.h>
#include <openssl/srtp.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static int installs;

static void install(SSL_CTX *ctx)
{
    (void)ctx;
    installs++;
}

static void test_ranges(void **state)
{
    SluiceConfig *config = sluice_config_new(NULL);
    const SluiceSrtpProfile twice[] = {SLUICE_SRTP_AEAD_AES_128_GCM, SLUICE_SRTP_AEAD_AES_128_GCM};
    const SluiceSrtpProfile none[] = {SLUICE_SRTP_NONE};

    (void)state;
    assert_non_null(config);
    assert_int_equal(sluice_config_set_handshake_mtu(config, 255), SLUICE_INVALID_ARGUMENT);
    assert_int_equal(sluice_config_set_handshake_mtu(config, 256), SLUICE_OK);
    assert_int_equal(sluice_config_set_handshake_mtu(config, 4096), SLUICE_OK);
    assert_int_equal(sluice_config_set_handshake_mtu(config, 4097), SLUICE_INVALID_ARGUMENT);
    assert_int_equal(sluice_config_set_datagram_limit(config, 16385), SLUICE_INVALID_ARGUMENT);
    assert_int_equal(sluice_config_set_first_timeout(config, 19 * SLUICE_MILLISECOND),
                     SLUICE_INVALID_ARGUMENT);
    assert_int_equal(sluice_config_set_first_timeout(config, SLUICE_SECOND), SLUICE_OK);
    assert_int_equal(sluice_config_set_deadlines(config, SLUICE_SECOND, 601 * SLUICE_SECOND),
                     SLUICE_INVALID_ARGUMENT);
    assert_int_equal(sluice_config_set_replay_window(config, 63), SLUICE_INVALID_ARGUMENT);
    assert_int_equal(sluice_config_set_replay_window(config, 32768), SLUICE_INVALID_ARGUMENT);
    assert_int_equal(sluice_config_set_srtp_profiles(config, twice, 2), SLUICE_INVALID_ARGUMENT);
    assert_int_equal(sluice_config_set_srtp_profiles(config, none, 1), SLUICE_INVALID_ARGUMENT);
    assert_int_equal(sluice_config_set_srtp_profiles(config, NULL, 1), SLUICE_INVALID_ARGUMENT);
    assert_int_equal(sluice_config_set_srtp_profiles(config, NULL, 0), SLUICE_OK);
    assert_int_equal(sluice_config_set_inbox_limits(config, 0, 0, 1, 16383),
                     SLUICE_INVALID_ARGUMENT);
    assert_int_equal(sluice_config_set_output_limits(config, 0, 16384), SLUICE_INVALID_ARGUMENT);
    assert_int_equal(sluice_config_set_output_limits(NULL, 1, 16384), SLUICE_INVALID_ARGUMENT);
    sluice_config_unref(config);
    sluice_config_unref(NULL);
}

/* RFC 8827 section 6.5: 1.2 at least. What cannot be had is said, not left out in silence. */
static void test_dtls_versions(void **state)
{
    SluiceConfig *config = sluice_config_new(NULL);
    const unsigned v12 = SLUICE_DTLS_1_2, v13 = SLUICE_DTLS_1_3, v10 = 0xfeff;

    (void)state;
    assert_int_equal(sluice_config_set_dtls_versions(config, v12, v12), SLUICE_OK);
    assert_int_equal(sluice_config_set_dtls_versions(config, v12, v13), SLUICE_UNSUPPORTED);
    assert_int_equal(sluice_config_set_dtls_versions(config, v13, v13), SLUICE_UNSUPPORTED);
    assert_int_equal(sluice_config_set_dtls_versions(config, v13, v12), SLUICE_INVALID_ARGUMENT);
    assert_int_equal(sluice_config_set_dtls_versions(config, v10, v12), SLUICE_INVALID_ARGUMENT);
    assert_int_equal(sluice_config_set_dtls_versions(config, v10, v10), SLUICE_INVALID_ARGUMENT);
    assert_int_equal(sluice_config_set_dtls_versions(config, v12, 0xfefb), SLUICE_INVALID_ARGUMENT);
    assert_int_equal(sluice_config_set_dtls_versions(NULL, v12, v12), SLUICE_INVALID_ARGUMENT);
    sluice_config_unref(config);
}

static void test_preparing_freezes_it(void **state)
{
    SluiceConfig *config = sluice_config_new(NULL), *data_only = sluice_config_new(NULL);
    SluiceTransport *transport;
    SSL_CTX *ctx;

    (void)state;
    assert_int_equal(sluice_config_prepare(NULL), SLUICE_INVALID_ARGUMENT);
    assert_int_equal(sluice_config_prepare(config), SLUICE_OK);
    assert_int_equal(sluice_config_set_handshake_mtu(config, 1200), SLUICE_INVALID_STATE);
    ctx = config->ctx;
    assert_non_null(ctx);
    assert_int_equal(sluice_config_prepare(config), SLUICE_OK);
    transport = sluice_transport_new(config);
    assert_non_null(transport);
    assert_ptr_equal(config->ctx, ctx);
    sluice_transport_free(transport);
    assert_int_equal(sluice_config_set_srtp_profiles(data_only, NULL, 0), SLUICE_OK);
    assert_int_equal(sluice_config_prepare(data_only), SLUICE_OK);
    sluice_config_unref(config);
    sluice_config_unref(data_only);
}

static void test_the_first_transport_freezes_it(void **state)
{
    SluiceConfig *config = sluice_config_new(NULL);
    SluiceTransport *a, *b;

    (void)state;
    assert_int_equal(sluice_config_set_handshake_mtu(config, 1000), SLUICE_OK);
    a = sluice_transport_new(config);
    assert_non_null(a);
    assert_int_equal(sluice_config_set_handshake_mtu(config, 1100), SLUICE_INVALID_STATE);
    assert_int_equal(sluice_config_set_log(config, NULL, NULL, NULL), SLUICE_INVALID_STATE);
    b = sluice_transport_new(config);
    assert_non_null(b);
    assert_int_not_equal(sluice_transport_get_id(a), sluice_transport_get_id(b));
    sluice_config_unref(config); /* they hold their own */
    sluice_transport_free(a);
    sluice_transport_free(b);
}

static void test_the_context_is_made_once_and_is_strict(void **state)
{
    SluiceConfig *config = sluice_config_new(NULL);
    SSL_CTX *ctx;
    SSL *ssl;
    STACK_OF(SSL_CIPHER) * ciphers;
    STACK_OF(SRTP_PROTECTION_PROFILE) * profiles;

    (void)state;
    installs = 0;
    ctx = sl_config_freeze(config, install);
    assert_non_null(ctx);
    assert_ptr_equal(sl_config_freeze(config, install), ctx);
    assert_int_equal(installs, 1);
    assert_int_equal(SSL_CTX_get_min_proto_version(ctx), DTLS1_2_VERSION);
    assert_int_equal(SSL_CTX_get_max_proto_version(ctx), DTLS1_2_VERSION);
    assert_int_equal(SSL_CTX_get_verify_mode(ctx),
                     SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT);
    assert_true(SSL_CTX_get_options(ctx) & SSL_OP_NO_TICKET);
    assert_true(SSL_CTX_get_options(ctx) & SSL_OP_NO_RENEGOTIATION);
    assert_true(SSL_CTX_get_options(ctx) & SSL_OP_NO_QUERY_MTU);
    assert_int_equal(SSL_CTX_get_session_cache_mode(ctx), SSL_SESS_CACHE_OFF);
    assert_int_equal(SSL_CTX_get_max_cert_list(ctx), SL_HANDSHAKE_MESSAGE_MAX);
    ssl = SSL_new(ctx);
    assert_non_null(ssl);
    ciphers = SSL_get1_supported_ciphers(ssl);
    assert_true(sk_SSL_CIPHER_num(ciphers) >= 4);
    for (int i = 0; i < sk_SSL_CIPHER_num(ciphers); i++) {
        const SSL_CIPHER *cipher = sk_SSL_CIPHER_value(ciphers, i);

        assert_true(SSL_CIPHER_is_aead(cipher));
        assert_int_equal(SSL_CIPHER_get_kx_nid(cipher), NID_kx_ecdhe);
    }
    profiles = SSL_get_srtp_profiles(ssl);
    assert_int_equal(sk_SRTP_PROTECTION_PROFILE_num(profiles), 3);
    assert_int_equal(sk_SRTP_PROTECTION_PROFILE_value(profiles, 0)->id, 7);
    assert_int_equal(sk_SRTP_PROTECTION_PROFILE_value(profiles, 1)->id, 8);
    assert_int_equal(sk_SRTP_PROTECTION_PROFILE_value(profiles, 2)->id, 1);
    sk_SSL_CIPHER_free(ciphers);
    SSL_free(ssl);
    sluice_config_unref(config);
}

static int destroyed;

static void destroy(void *user_data) { destroyed += *(int *)user_data; }

static void on_log(SluiceLogLevel level, uint64_t id, const char *message, void *user_data)
{
    (void)level;
    (void)id;
    (void)message;
    (void)user_data;
}

static void test_hook_data_is_destroyed_once(void **state)
{
    SluiceConfig *config = sluice_config_new(NULL);
    int one = 1, ten = 10, hundred = 100;

    (void)state;
    destroyed = 0;
    assert_int_equal(sluice_config_set_log(config, on_log, &one, destroy), SLUICE_OK);
    assert_int_equal(sluice_config_set_log(config, on_log, &ten, destroy), SLUICE_OK);
    assert_int_equal(destroyed, 1);
    assert_non_null(sl_config_freeze(config, install));
    assert_int_equal(sluice_config_set_log(config, on_log, &hundred, destroy),
                     SLUICE_INVALID_STATE);
    sluice_config_unref(config);
    assert_int_equal(destroyed, 11);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dtls_versions),
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_the_first_transport_freezes_it),
        cmocka_unit_test(test_preparing_freezes_it),
        cmocka_unit_test(test_the_context_is_made_once_and_is_strict),
        cmocka_unit_test(test_hook_data_is_destroyed_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
