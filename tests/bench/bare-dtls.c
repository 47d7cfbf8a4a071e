/* SPDX-License-Identifier: BSD-3-Clause */
#include "bare-dtls.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/srtp.h>
#include <openssl/x509.h>

#include <stdlib.h>
#include <string.h>

#define MTU 1200

static void use_identity(SSL_CTX *ctx, const SluiceCertificate *certificate)
{
    size_t len = 0;
    char *text;
    BIO *bio;
    X509 *x509;
    EVP_PKEY *key;

    require_ok(sluice_certificate_to_pem(certificate, 1, NULL, &len), "certificate");
    text = malloc(len);
    if (!text)
        die("malloc");
    require_ok(sluice_certificate_to_pem(certificate, 1, text, &len), "certificate");
    bio = BIO_new_mem_buf(text, -1);
    x509 = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    if (!x509 || !key || !SSL_CTX_use_certificate(ctx, x509) || !SSL_CTX_use_PrivateKey(ctx, key))
        die("cannot use the certificate");
    X509_free(x509);
    EVP_PKEY_free(key);
    BIO_free(bio);
    OPENSSL_cleanse(text, len);
    free(text);
}

static int take_anyone(X509_STORE_CTX *store, void *arg)
{
    (void)arg;
    X509_STORE_CTX_set_error(store, X509_V_OK);
    return 1;
}

SSL_CTX *bare_ctx(SluiceConfig *config, const Profile *profile)
{
    SSL_CTX *ctx = SSL_CTX_new(DTLS_method());
    const char *name = profile->ours == SLUICE_SRTP_AEAD_AES_128_GCM ? "SRTP_AEAD_AES_128_GCM"
                                                                     : "SRTP_AES128_CM_SHA1_80";

    if (!ctx || !SSL_CTX_set_min_proto_version(ctx, DTLS1_2_VERSION) ||
        !SSL_CTX_set_max_proto_version(ctx, DTLS1_2_VERSION) ||
        !SSL_CTX_set_cipher_list(ctx, "ECDHE+AESGCM:ECDHE+CHACHA20") ||
        !SSL_CTX_set1_groups_list(ctx, "X25519:P-256:P-384") ||
        SSL_CTX_set_tlsext_use_srtp(ctx, name) != 0)
        die("cannot make an SSL_CTX");
    use_identity(ctx, sluice_config_get_certificate(config));
    SSL_CTX_set_security_level(ctx, 2);
    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_NO_QUERY_MTU | SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_cert_verify_callback(ctx, take_anyone, NULL);
    return ctx;
}

static BIO *open_bio(void)
{
    BIO *bio = BIO_new(BIO_s_mem());

    if (!bio)
        die("cannot make a BIO");
    BIO_set_mem_eof_return(bio, -1); /* empty is not the end */
    return bio;
}

static SSL *open_ssl(SSL_CTX *ctx, int end, BIO *in, BIO *out)
{
    SSL *ssl = SSL_new(ctx);

    if (!ssl || !BIO_up_ref(in) || !BIO_up_ref(out) || !SSL_set_mtu(ssl, MTU))
        die("cannot make an SSL");
    SSL_set_bio(ssl, in, out);
    if (end == CLIENT)
        SSL_set_connect_state(ssl);
    else
        SSL_set_accept_state(ssl);
    return ssl;
}

/* 1: it is done. */
static int shake(SSL *ssl)
{
    int ret;

    ERR_clear_error();
    ret = SSL_do_handshake(ssl);
    if (ret != 1 && SSL_get_error(ssl, ret) != SSL_ERROR_WANT_READ)
        die("a handshake has failed");
    return ret == 1;
}

/* RFC 5764 section 4.2. */
static void make_sessions(const Profile *profile, BareEnd *self, int end)
{
    uint8_t material[2 * (32 + 14)];
    size_t k = profile->key_len, s = profile->salt_len;
    const uint8_t *keys[2] = {material, material + k};
    const uint8_t *salts[2] = {material + 2 * k, material + 2 * k + s};
    const char *label = "EXTRACTOR-dtls_srtp";

    if (!SSL_get_selected_srtp_profile(self->ssl) ||
        SSL_export_keying_material(self->ssl, material, 2 * (k + s), label, strlen(label), NULL, 0,
                                   0) != 1)
        die("no keys");
    self->inbound = bare_session(profile, ssrc_any_inbound, keys[!end], salts[!end]);
    self->outbound = bare_session(profile, ssrc_any_outbound, keys[end], salts[end]);
    OPENSSL_cleanse(material, sizeof material);
}

void bare_open(SSL_CTX *ctx, const Profile *profile, BareEnd ends[2], Meter *meter)
{
    BIO *to_client, *to_server;
    int done[2] = {0, 0};

    if (meter)
        meter_start(meter, meter->read);
    to_client = open_bio();
    ends[CLIENT] = (BareEnd){0};
    meter_charge(meter, CLIENT);
    to_server = open_bio();
    ends[SERVER] = (BareEnd){0};
    ends[SERVER].ssl = open_ssl(ctx, SERVER, to_server, to_client);
    meter_charge(meter, SERVER);
    ends[CLIENT].ssl = open_ssl(ctx, CLIENT, to_client, to_server);
    BIO_free(to_client);
    BIO_free(to_server);
    meter_charge(meter, CLIENT);
    while (!done[CLIENT] || !done[SERVER])
        for (int end = CLIENT; end <= SERVER; end++) {
            if (!done[end] && (done[end] = shake(ends[end].ssl)) != 0)
                make_sessions(profile, &ends[end], end);
            meter_charge(meter, end);
        }
}

void bare_close(BareEnd ends[2], Meter *meter)
{
    for (int end = CLIENT; end <= SERVER; end++) {
        SSL_free(ends[end].ssl);
        srtp_dealloc(ends[end].inbound);
        srtp_dealloc(ends[end].outbound);
        meter_charge(meter, end);
    }
}
