/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench.h"

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <string.h>

static X509 *make_certificate(EVP_PKEY *key)
{
    X509 *x509 = X509_new();
    X509_NAME *name = x509 ? X509_get_subject_name(x509) : NULL;
    X509_EXTENSION *hosts =
        X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "DNS:" BENCH_HOST);

    if (!name || !hosts || !X509_set_version(x509, X509_VERSION_3) ||
        !ASN1_INTEGER_set(X509_get_serialNumber(x509), 1) ||
        !X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"bench", -1,
                                    -1, 0) ||
        !X509_set_issuer_name(x509, name) || !X509_gmtime_adj(X509_getm_notBefore(x509), -86400) ||
        !X509_gmtime_adj(X509_getm_notAfter(x509), 86400) || !X509_set_pubkey(x509, key) ||
        !X509_add_ext(x509, hosts, -1) || !X509_sign(x509, key, EVP_sha256()))
        die("cannot make a certificate");
    X509_EXTENSION_free(hosts);
    return x509;
}

static SluiceConfig *make_config(X509 *x509, EVP_PKEY *key)
{
    BIO *certificate = BIO_new(BIO_s_mem()), *secret = BIO_new(BIO_s_mem());
    SluiceCertificate *own;
    SluiceConfig *config;
    char *pem, *key_pem;
    size_t len, key_len;

    if (!PEM_write_bio_X509(certificate, x509) ||
        !PEM_write_bio_PKCS8PrivateKey(secret, key, NULL, NULL, 0, NULL, NULL))
        die("cannot write PEM");
    len = (size_t)BIO_get_mem_data(certificate, &pem);
    key_len = (size_t)BIO_get_mem_data(secret, &key_pem);
    if (sluice_certificate_from_pem(pem, len, key_pem, key_len, &own) != SLUICE_OK)
        die("cannot read PEM");
    config = sluice_config_new(own);
    if (!config || sluice_config_add_stream_ca_pem(config, pem, len) != SLUICE_OK)
        die("cannot make a config");
    sluice_certificate_unref(own);
    BIO_free(certificate);
    BIO_free(secret);
    return config;
}

/* As src/core/stream-config.c, or the handshakes and records compared would not be the same. */
static SSL_CTX *make_ctx(X509 *x509, EVP_PKEY *key)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_method());

    if (!ctx || !SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) ||
        !SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION) ||
        !SSL_CTX_set_cipher_list(ctx, "ECDHE+AESGCM+AES128:ECDHE+AESGCM:ECDHE+CHACHA20") ||
        !SSL_CTX_set_ciphersuites(ctx, BENCH_CIPHER
                                  ":TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256") ||
        !SSL_CTX_set1_groups_list(ctx, "X25519:P-256:P-384:P-521") ||
        !SSL_CTX_use_certificate(ctx, x509) || !SSL_CTX_use_PrivateKey(ctx, key) ||
        !X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), x509) ||
        !SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"bench", 5))
        die("cannot make an SSL_CTX");
    SSL_CTX_set_security_level(ctx, 2);
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_mode(ctx, SSL_MODE_NO_AUTO_CHAIN | SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    return ctx;
}

void material_init(Material *self)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x509;

    if (!key)
        die("cannot make a key");
    x509 = make_certificate(key);
    self->config = make_config(x509, key);
    self->ctx = make_ctx(x509, key);
    X509_free(x509);
    EVP_PKEY_free(key);
}

void material_cleanup(Material *self)
{
    sluice_config_unref(self->config);
    SSL_CTX_free(self->ctx);
}

SSL *material_new_ssl(const Material *self, SluiceRole role)
{
    SSL *ssl = SSL_new(self->ctx);

    if (!ssl)
        die("cannot make an SSL");
    if (role == SLUICE_ROLE_SERVER) {
        SSL_set_accept_state(ssl);
        return ssl;
    }
    SSL_set_connect_state(ssl);
    SSL_set_verify(ssl, SSL_VERIFY_PEER, NULL);
    if (!SSL_set1_host(ssl, BENCH_HOST) || !SSL_set_tlsext_host_name(ssl, BENCH_HOST))
        die("cannot set the host");
    return ssl;
}

void require_cipher(const char *name)
{
    if (strcmp(name, BENCH_CIPHER) != 0)
        die("agreed on another cipher");
}
