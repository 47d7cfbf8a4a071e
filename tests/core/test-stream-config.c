/* SPDX-License-Identifier: BSD-3-Clause */

/* Settings of streams: ranges, what is read as a certificate, freezing, and what the SSL_CTX made of them allows. */

#include "stream-config.h"

#include "config.h"

#include <sluice/sluice.h>

#include <openssl/pem.h>
#include <openssl/ssl.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define OK SLUICE_OK
#define INVALID SLUICE_INVALID_ARGUMENT

static SluiceCertificate *certificate;
static char pem[4096];

static int make_certificate(void **state)
{
    size_t len = sizeof pem;

    (void)state;
    return sluice_certificate_generate(SLUICE_KEY_ECDSA_P256, &certificate) != OK ||
           sluice_certificate_to_pem(certificate, 0, pem, &len) != OK;
}

static int free_certificate(void **state)
{
    (void)state;
    sluice_certificate_unref(certificate);
    return 0;
}

static SluiceConfig *new_config(void)
{
    SluiceConfig *config = sluice_config_new(certificate);

    assert_non_null(config);
    return config;
}

static void test_versions(void **state)
{
    SluiceConfig *config = new_config();

    (void)state;
    assert_int_equal(sluice_config_set_stream_versions(NULL, 0x0303, 0x0304), INVALID);
    assert_int_equal(sluice_config_set_stream_versions(config, 0x0302, 0x0304), INVALID);
    assert_int_equal(sluice_config_set_stream_versions(config, 0x0303, 0x0305), INVALID);
    assert_int_equal(sluice_config_set_stream_versions(config, 0x0304, 0x0303), INVALID);
    assert_int_equal(sluice_config_set_stream_versions(config, 0, 0), INVALID);
    assert_int_equal(sluice_config_set_stream_versions(config, 0x0303, 0x0303), OK);
    assert_int_equal(sluice_config_set_stream_versions(config, 0x0304, 0x0304), OK);
    assert_int_equal(sluice_config_set_stream_versions(config, 0x0303, 0x0304), OK);
    sluice_config_unref(config);
}

static void test_alpn(void **state)
{
    char longest[257];
    const char *names[17];
    SluiceConfig *config = new_config();

    (void)state;
    memset(longest, 'x', sizeof longest);
    longest[256] = '\0';
    for (int i = 0; i < 17; i++)
        names[i] = "h2";
    assert_int_equal(sluice_config_set_stream_alpn(NULL, names, 1), INVALID);
    assert_int_equal(sluice_config_set_stream_alpn(config, NULL, 1), INVALID);
    assert_int_equal(sluice_config_set_stream_alpn(config, names, 17), INVALID);
    assert_int_equal(sluice_config_set_stream_alpn(config, names, 16), OK);
    assert_int_equal(sluice_config_set_stream_alpn(config, NULL, 0), OK);
    names[1] = "";
    assert_int_equal(sluice_config_set_stream_alpn(config, names, 2), INVALID);
    names[1] = NULL;
    assert_int_equal(sluice_config_set_stream_alpn(config, names, 2), INVALID);
    names[1] = longest;
    assert_int_equal(sluice_config_set_stream_alpn(config, names, 2), INVALID);
    names[1] = longest + 1;
    assert_int_equal(sluice_config_set_stream_alpn(config, names, 2), OK);
    sluice_config_unref(config);
}

static void test_limits(void **state)
{
    SluiceConfig *config = new_config();

    (void)state;
    assert_int_equal(sluice_config_set_stream_limits(NULL, 8192, 32768), INVALID);
    assert_int_equal(sluice_config_set_stream_limits(config, 8191, 32768), INVALID);
    assert_int_equal(sluice_config_set_stream_limits(config, 8192, 32767), INVALID);
    assert_int_equal(sluice_config_set_stream_limits(config, 16777217, 32768), INVALID);
    assert_int_equal(sluice_config_set_stream_limits(config, 8192, 16777217), INVALID);
    assert_int_equal(sluice_config_set_stream_limits(config, 16777216, 16777216), OK);
    assert_int_equal(sluice_config_set_stream_limits(config, 8192, 32768), OK);
    sluice_config_unref(config);
}

static void test_switches(void **state)
{
    SluiceConfig *config = new_config();

    (void)state;
    assert_int_equal(sluice_config_set_stream_client_auth(NULL, SLUICE_CLIENT_AUTH_NONE), INVALID);
    assert_int_equal(sluice_config_set_stream_client_auth(config, (SluiceClientAuth)3), INVALID);
    assert_int_equal(sluice_config_set_stream_client_auth(config, SLUICE_CLIENT_AUTH_REQUIRE), OK);
    assert_int_equal(sluice_config_set_stream_present_certificate(NULL, 1), INVALID);
    assert_int_equal(sluice_config_set_stream_present_certificate(config, 1), OK);
    assert_int_equal(sluice_config_set_stream_system_trust(NULL, 1), INVALID);
    assert_int_equal(sluice_config_set_stream_system_trust(config, 1), OK);
    sluice_config_unref(config);
}

/* Certificates are read all or none. */
static void test_certificates(void **state)
{
    SluiceStatus (*const add[])(SluiceConfig *, const char *, size_t) = {
        sluice_config_add_stream_ca_pem, sluice_config_add_stream_chain_pem};
    size_t len = strlen(pem);
    char *text = malloc(3 * len + 100);

    (void)state;
    for (int i = 0; i < 2; i++) {
        SluiceConfig *config = new_config();

        assert_int_equal(add[i](NULL, pem, len), INVALID);
        assert_int_equal(add[i](config, NULL, len), INVALID);
        assert_int_equal(add[i](config, pem, 0), INVALID);
        assert_int_equal(add[i](config, "none in here", 12), INVALID);
        assert_int_equal(add[i](config, pem, len - 30), INVALID);
        assert_int_equal(add[i](config, pem, len), OK);
        /* With words around them, as in files that are passed about. */
        sprintf(text, "first\n%s\nsecond\n%s\nthe end\n", pem, pem);
        assert_int_equal(add[i](config, text, strlen(text)), OK);
        /* A good one and half of one. */
        sprintf(text, "%s%s", pem, pem);
        assert_int_equal(add[i](config, text, 2 * len - 30), INVALID);
        text[len + 60] = '!';
        assert_int_equal(add[i](config, text, 2 * len), INVALID);
        sluice_config_unref(config);
    }
    free(text);
}

/* What could not be read has left nothing behind. */
static void test_nothing_of_a_bad_text(void **state)
{
    SluiceConfig *config = new_config();
    char text[8192];

    (void)state;
    sprintf(text, "%s%s", pem, pem);
    assert_int_equal(sluice_config_add_stream_ca_pem(config, text, strlen(text) - 30), INVALID);
    assert_true(!config->stream.authorities || sk_X509_num(config->stream.authorities) == 0);
    assert_int_equal(sluice_config_add_stream_ca_pem(config, text, strlen(text)), OK);
    assert_int_equal(sk_X509_num(config->stream.authorities), 2);
    sluice_config_unref(config);
}

/* Those in the store are the ones that were added, and no others. */
static void test_the_store(void **state)
{
    SluiceConfig *config = new_config();
    SluiceStream *stream;
    SSL_CTX *ctx;

    (void)state;
    assert_int_equal(sluice_config_add_stream_ca_pem(config, pem, strlen(pem)), OK);
    assert_int_equal(sluice_config_add_stream_ca_pem(config, pem, strlen(pem)), OK); /* twice */
    stream = sluice_stream_new(config, SLUICE_ROLE_SERVER);
    assert_non_null(stream);
    ctx = config->stream.ctx;
    assert_non_null(ctx);
    assert_int_equal(sk_X509_OBJECT_num(X509_STORE_get0_objects(SSL_CTX_get_cert_store(ctx))), 1);
    sluice_stream_free(stream);
    sluice_config_unref(config);
}

static void test_the_context_is_strict(void **state)
{
    SluiceConfig *config = new_config();
    SluiceStream *stream = sluice_stream_new(config, SLUICE_ROLE_CLIENT);
    STACK_OF(SSL_CIPHER) * ciphers;
    SSL_CTX *ctx;

    (void)state;
    assert_non_null(stream);
    ctx = config->stream.ctx;
    assert_non_null(ctx);
    assert_int_equal(SSL_CTX_get_min_proto_version(ctx), TLS1_2_VERSION);
    assert_int_equal(SSL_CTX_get_max_proto_version(ctx), TLS1_3_VERSION);
    assert_true(SSL_CTX_get_options(ctx) & SSL_OP_NO_RENEGOTIATION);
    assert_true(SSL_CTX_get_options(ctx) & SSL_OP_NO_COMPRESSION);
    assert_false(SSL_CTX_get_options(ctx) & SSL_OP_IGNORE_UNEXPECTED_EOF);
    assert_false(SSL_CTX_get_options(ctx) & SSL_OP_LEGACY_SERVER_CONNECT);
    assert_false(SSL_CTX_get_options(ctx) & SSL_OP_ALLOW_UNSAFE_LEGACY_RENEGOTIATION);
    assert_int_equal(SSL_CTX_get_max_early_data(ctx), 0);
    assert_true(SSL_CTX_get_security_level(ctx) >= 2);
    ciphers = SSL_CTX_get_ciphers(ctx);
    assert_true(sk_SSL_CIPHER_num(ciphers) >= 6);
    for (int i = 0; i < sk_SSL_CIPHER_num(ciphers); i++) {
        const SSL_CIPHER *cipher = sk_SSL_CIPHER_value(ciphers, i);
        int exchange = SSL_CIPHER_get_kx_nid(cipher), auth = SSL_CIPHER_get_auth_nid(cipher);

        assert_true(SSL_CIPHER_is_aead(cipher));
        assert_true(exchange == NID_kx_ecdhe || exchange == NID_kx_any);
        assert_true(auth == NID_auth_ecdsa || auth == NID_auth_rsa || auth == NID_auth_any);
    }
    sluice_stream_free(stream);
    sluice_config_unref(config);
}

/* The first stream freezes; so does the first transport, and either may come first. */
static void test_frozen(void **state)
{
    const char *const names[] = {"h2"};

    (void)state;
    for (int first = 0; first < 2; first++) {
        SluiceConfig *config = new_config();
        SluiceStream *stream = first ? NULL : sluice_stream_new(config, SLUICE_ROLE_CLIENT);
        SluiceTransport *transport = sluice_transport_new(config);

        if (first)
            stream = sluice_stream_new(config, SLUICE_ROLE_SERVER);
        assert_non_null(stream);
        assert_non_null(transport);
        assert_int_equal(sluice_config_set_stream_versions(config, 0x0303, 0x0304),
                         SLUICE_INVALID_STATE);
        assert_int_equal(sluice_config_set_stream_alpn(config, names, 1), SLUICE_INVALID_STATE);
        assert_int_equal(sluice_config_add_stream_ca_pem(config, pem, strlen(pem)),
                         SLUICE_INVALID_STATE);
        assert_int_equal(sluice_config_add_stream_chain_pem(config, pem, strlen(pem)),
                         SLUICE_INVALID_STATE);
        assert_int_equal(sluice_config_set_stream_system_trust(config, 1), SLUICE_INVALID_STATE);
        assert_int_equal(sluice_config_set_stream_client_auth(config, SLUICE_CLIENT_AUTH_NONE),
                         SLUICE_INVALID_STATE);
        assert_int_equal(sluice_config_set_stream_present_certificate(config, 1),
                         SLUICE_INVALID_STATE);
        assert_int_equal(sluice_config_set_stream_limits(config, 8192, 32768),
                         SLUICE_INVALID_STATE);
        assert_int_equal(sluice_config_set_deadlines(config, SLUICE_SECOND, SLUICE_SECOND),
                         SLUICE_INVALID_STATE);
        sluice_config_unref(config); /* they hold their own */
        sluice_stream_free(stream);
        sluice_transport_free(transport);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_versions),     cmocka_unit_test(test_alpn),
        cmocka_unit_test(test_limits),       cmocka_unit_test(test_switches),
        cmocka_unit_test(test_certificates), cmocka_unit_test(test_nothing_of_a_bad_text),
        cmocka_unit_test(test_the_store),    cmocka_unit_test(test_the_context_is_strict),
        cmocka_unit_test(test_frozen),
    };

    return cmocka_run_group_tests(tests, make_certificate, free_certificate);
}
