/* SPDX-License-Identifier: BSD-3-Clause */

/* The SSL_CTX that the transports of a config share, made when the time of the setters ends. */

#include "config.h"

#include "certificate.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <string.h>

/* RFC 8827 section 6.5 asks for ECDHE with AES-GCM. No CBC: one forged CBC record kills an OpenSSL association. */
#define CIPHERS "ECDHE+AESGCM:ECDHE+CHACHA20"
/* X25519 is the fastest; P-256 has to be named, or P-256 certificates fail. */
#define GROUPS "X25519:P-256:P-384"
#define SIGNATURES                                                                                 \
    "ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512:ed25519:RSA-PSS+SHA256:RSA-PSS+SHA384:"                \
    "RSA-PSS+SHA512:RSA+SHA256:RSA+SHA384:RSA+SHA512"

const char *sl_openssl_profile_name(SluiceSrtpProfile profile)
{
    switch (profile) {
    case SLUICE_SRTP_AES128_CM_SHA1_80:
        return "SRTP_AES128_CM_SHA1_80";
    case SLUICE_SRTP_AES128_CM_SHA1_32:
        return "SRTP_AES128_CM_SHA1_32";
    case SLUICE_SRTP_AEAD_AES_128_GCM:
        return "SRTP_AEAD_AES_128_GCM";
    case SLUICE_SRTP_AEAD_AES_256_GCM:
        return "SRTP_AEAD_AES_256_GCM";
    case SLUICE_SRTP_NONE:
    default:
        return NULL;
    }
}

static void on_keylog(const SSL *ssl, const char *line)
{
    const SluiceConfig *self = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));

    self->keylog(line, self->keylog_data);
}

static int use_srtp(const SluiceConfig *self, SSL_CTX *ctx)
{
    char list[SL_PROFILES_MAX * 32] = "";

    if (self->n_profiles == 0)
        return 1;
    for (size_t i = 0; i < self->n_profiles; i++) {
        if (i)
            strcat(list, ":");
        strcat(list, sl_openssl_profile_name(self->profiles[i]));
    }
    return SSL_CTX_set_tlsext_use_srtp(ctx, list) == 0; /* 0 is its success */
}

int sl_config_dress(const SluiceConfig *self, SSL_CTX *ctx)
{
    /* Before the certificate, which it may refuse. What OpenSSL's own default has of these grows from version to version. */
    SSL_CTX_set_security_level(ctx, 2);
    SSL_CTX_clear_options(ctx, SSL_OP_NO_EXTENDED_MASTER_SECRET | SSL_OP_NO_TLSv1_2 |
                                   SSL_OP_NO_TLSv1_3 | SSL_OP_LEGACY_SERVER_CONNECT |
                                   SSL_OP_ALLOW_UNSAFE_LEGACY_RENEGOTIATION);
    if (!SSL_CTX_set1_sigalgs_list(ctx, SIGNATURES) ||
        !SSL_CTX_set1_client_sigalgs_list(ctx, SIGNATURES))
        return 0;
    if (!SSL_CTX_set_app_data(ctx, (void *)(uintptr_t)self) ||
        !SSL_CTX_use_certificate(ctx, sl_certificate_x509(self->certificate)) ||
        !SSL_CTX_use_PrivateKey(ctx, sl_certificate_key(self->certificate)))
        return 0;
    if (self->keylog)
        SSL_CTX_set_keylog_callback(ctx, on_keylog);
    return 1;
}

static SSL_CTX *make_ctx(SluiceConfig *self, void (*install)(SSL_CTX *ctx))
{
    SSL_CTX *ctx = SSL_CTX_new(DTLS_method());

    if (!ctx)
        return NULL;
    /* Everything explicit: distributions and OPENSSL_CONF set defaults of their own. */
    if (!SSL_CTX_set_min_proto_version(ctx, (int)self->oldest_dtls) ||
        !SSL_CTX_set_max_proto_version(ctx, (int)self->newest_dtls) ||
        !SSL_CTX_set_cipher_list(ctx, CIPHERS) || !SSL_CTX_set1_groups_list(ctx, GROUPS) ||
        !use_srtp(self, ctx) || !sl_config_dress(self, ctx)) {
        SSL_CTX_free(ctx);
        return NULL;
    }
    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_NO_QUERY_MTU | SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_mode(ctx,
                     SSL_MODE_RELEASE_BUFFERS); /* while nothing is under the keys: see dtls.c */
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_max_cert_list(ctx, SL_HANDSHAKE_MESSAGE_MAX);
    /* Both: a server with SSL_VERIFY_PEER alone takes a peer that shows no certificate. */
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    install(ctx);
    return ctx;
}

SSL_CTX *sl_config_freeze_slot(SluiceConfig *self, SSL_CTX **slot,
                               SSL_CTX *(*make)(SluiceConfig *self, void (*install)(SSL_CTX *ctx)),
                               void (*install)(SSL_CTX *ctx))
{
    SSL_CTX *ctx;

    pthread_mutex_lock(&self->freeze_lock);
    if (!*slot) {
        ERR_set_mark();
        *slot = make(self, install);
        ERR_pop_to_mark();
        if (*slot)
            atomic_store(&self->frozen, 1);
    }
    ctx = *slot;
    pthread_mutex_unlock(&self->freeze_lock);
    return ctx;
}

SSL_CTX *sl_config_freeze(SluiceConfig *self, void (*install)(SSL_CTX *ctx))
{
    return sl_config_freeze_slot(self, &self->ctx, make_ctx, install);
}
