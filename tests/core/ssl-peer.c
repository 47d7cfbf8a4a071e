/* SPDX-License-Identifier: BSD-3-Clause */
#include "ssl-peer.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

static int accept_any(X509_STORE_CTX *store, void *context)
{
    (void)store, (void)context;
    return 1;
}

static void add_certificate(SSL_CTX *ctx)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x509 = X509_new();
    assert_non_null(key);
    assert_non_null(x509);
    X509_set_version(x509, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x509), 1);
    X509_gmtime_adj(X509_getm_notBefore(x509), 0);
    X509_gmtime_adj(X509_getm_notAfter(x509), 86400);
    X509_set_pubkey(x509, key);
    assert_true(X509_sign(x509, key, EVP_sha256()) > 0);
    assert_int_equal(SSL_CTX_use_certificate(ctx, x509), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(ctx, key), 1);
    X509_free(x509);
    EVP_PKEY_free(key);
}

SSL *ssl_peer_new(int server)
{
    SSL_CTX *ctx = SSL_CTX_new(DTLS_method());
    assert_non_null(ctx);
    SSL_CTX_set_min_proto_version(ctx, DTLS1_2_VERSION);
    SSL_CTX_set_max_proto_version(ctx, DTLS1_2_VERSION);
    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_NO_QUERY_MTU);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_cert_verify_callback(ctx, accept_any, NULL);
    assert_int_equal(
        SSL_CTX_set_tlsext_use_srtp(ctx, "SRTP_AEAD_AES_128_GCM:SRTP_AES128_CM_SHA1_80"), 0);
    assert_int_equal(SSL_CTX_set1_groups_list(ctx, "X25519:P-256"), 1);
    assert_int_equal(
        SSL_CTX_set_cipher_list(ctx, "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305"),
        1);
    add_certificate(ctx);

    SSL *ssl = SSL_new(ctx);
    SSL_CTX_free(ctx);
    assert_non_null(ssl);
    SSL_set_mtu(ssl, 1200);
    BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
    assert_non_null(in);
    assert_non_null(out);
    BIO_set_mem_eof_return(in, -1);
    SSL_set_bio(ssl, in, out);
    if (server)
        SSL_set_accept_state(ssl);
    else
        SSL_set_connect_state(ssl);
    return ssl;
}

void ssl_peer_free(SSL *ssl) { SSL_free(ssl); }

int ssl_peer_feed(SSL *ssl, const uint8_t *data, size_t len)
{
    ERR_clear_error();
    if (len > 0)
        assert_int_equal(BIO_write(SSL_get_rbio(ssl), data, (int)len), (int)len);
    int result = SSL_do_handshake(ssl);
    int error = SSL_get_error(ssl, result);
    ERR_clear_error();
    return error == SSL_ERROR_NONE || error == SSL_ERROR_WANT_READ;
}

size_t ssl_peer_take(SSL *ssl, uint8_t *flight)
{
    int n = BIO_read(SSL_get_wbio(ssl), flight, SSL_PEER_FLIGHT);
    return n > 0 ? (size_t)n : 0;
}
