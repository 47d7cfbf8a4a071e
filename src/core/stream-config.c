/* SPDX-License-Identifier: BSD-3-Clause */
#include "stream-config.h"

#include "config.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* For TLS 1.2; those of 1.3 are all AEAD. A forged CBC record costs an association over datagrams; over a stream it is
 * only slow and old. */
#define CIPHERS "ECDHE+AESGCM+AES128:ECDHE+AESGCM:ECDHE+CHACHA20"
#define SUITES "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
#define GROUPS "X25519:P-256:P-384:P-521"
#define ALPN_MAX 16

void sl_stream_settings_init(SlStreamSettings *self)
{
    self->min_version = SLUICE_TLS_1_2;
    self->max_version = SLUICE_TLS_1_3;
    self->system_trust = -1;
    self->output_bytes = 65536;
    self->input_bytes = 65536;
}

void sl_stream_settings_cleanup(SlStreamSettings *self)
{
    SSL_CTX_free(self->ctx);
    free(self->alpn);
    sk_X509_pop_free(self->authorities, X509_free);
    sk_X509_pop_free(self->chain, X509_free);
}

SluiceStatus sluice_config_set_stream_versions(SluiceConfig *self, unsigned min, unsigned max)
{
    SluiceStatus status = sl_config_check_setter(self);

    if (status != SLUICE_OK)
        return status;
    if (min < SLUICE_TLS_1_2 || max > SLUICE_TLS_1_3 || min > max)
        return SLUICE_INVALID_ARGUMENT;
    self->stream.min_version = min;
    self->stream.max_version = max;
    return SLUICE_OK;
}

SluiceStatus sluice_config_set_stream_alpn(SluiceConfig *self, const char *const *protocols,
                                           size_t n)
{
    SluiceStatus status = sl_config_check_setter(self);
    uint8_t *wire = NULL;
    size_t len = 0;

    if (status != SLUICE_OK)
        return status;
    if (n > ALPN_MAX || (n && !protocols))
        return SLUICE_INVALID_ARGUMENT;
    for (size_t i = 0; i < n; i++) {
        size_t name = protocols[i] ? strlen(protocols[i]) : 0;
        if (name < 1 || name > 255)
            return SLUICE_INVALID_ARGUMENT;
        len += 1 + name;
    }
    if (n) {
        uint8_t *at = wire = malloc(len);
        if (!wire)
            return SLUICE_NO_MEMORY;
        for (size_t i = 0; i < n; i++) {
            size_t name = strlen(protocols[i]);
            *at++ = (uint8_t)name;
            memcpy(at, protocols[i], name);
            at += name;
        }
    }
    free(self->stream.alpn);
    self->stream.alpn = wire;
    self->stream.alpn_len = len;
    return SLUICE_OK;
}

/* All certificates of a text, or NULL and what is wrong. */
static STACK_OF(X509) * read_certificates(const char *pem, size_t len, SluiceStatus *status)
{
    STACK_OF(X509) *list = sk_X509_new_null();
    BIO *bio = BIO_new_mem_buf(pem, (int)len);
    X509 *x509 = NULL;
    unsigned long error = 0;

    *status = list && bio ? SLUICE_OK : SLUICE_NO_MEMORY;
    while (*status == SLUICE_OK && (x509 = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL)
        if (!sk_X509_push(list, x509)) {
            X509_free(x509);
            *status = SLUICE_NO_MEMORY;
        }
    if (*status == SLUICE_OK) {
        error = ERR_peek_last_error();
        if (ERR_GET_REASON(error) == ERR_R_MALLOC_FAILURE)
            *status = SLUICE_NO_MEMORY;
        else if (ERR_GET_LIB(error) != ERR_LIB_PEM ||
                 ERR_GET_REASON(error) != PEM_R_NO_START_LINE || sk_X509_num(list) == 0)
            *status = SLUICE_INVALID_ARGUMENT;
    }
    BIO_free(bio);
    if (*status != SLUICE_OK) {
        sk_X509_pop_free(list, X509_free);
        list = NULL;
    }
    return list;
}

/* Moves @more behind what is in *@list. */
static SluiceStatus join(STACK_OF(X509) * *list, STACK_OF(X509) * more)
{
    if (!*list) {
        *list = more;
        return SLUICE_OK;
    }
    if (!sk_X509_reserve(*list, sk_X509_num(more))) {
        sk_X509_pop_free(more, X509_free);
        return SLUICE_NO_MEMORY;
    }
    for (int i = 0; i < sk_X509_num(more); i++)
        (void)sk_X509_push(*list, sk_X509_value(more, i));
    sk_X509_free(more);
    return SLUICE_OK;
}

static SluiceStatus add_pem(SluiceConfig *self, STACK_OF(X509) * *list, const char *pem, size_t len)
{
    SluiceStatus status = sl_config_check_setter(self);
    STACK_OF(X509) * more;

    if (status != SLUICE_OK)
        return status;
    if (!pem || len == 0 || len > INT_MAX)
        return SLUICE_INVALID_ARGUMENT;
    ERR_set_mark();
    more = read_certificates(pem, len, &status);
    if (more)
        status = join(list, more);
    ERR_pop_to_mark();
    return status;
}

SluiceStatus sluice_config_add_stream_ca_pem(SluiceConfig *self, const char *pem, size_t len)
{
    return self ? add_pem(self, &self->stream.authorities, pem, len) : SLUICE_INVALID_ARGUMENT;
}

SluiceStatus sluice_config_add_stream_chain_pem(SluiceConfig *self, const char *pem, size_t len)
{
    return self ? add_pem(self, &self->stream.chain, pem, len) : SLUICE_INVALID_ARGUMENT;
}

SluiceStatus sluice_config_set_stream_system_trust(SluiceConfig *self, int use)
{
    SluiceStatus status = sl_config_check_setter(self);

    if (status == SLUICE_OK)
        self->stream.system_trust = use != 0;
    return status;
}

SluiceStatus sluice_config_set_stream_client_auth(SluiceConfig *self, SluiceClientAuth auth)
{
    SluiceStatus status = sl_config_check_setter(self);

    if (status != SLUICE_OK)
        return status;
    if (auth != SLUICE_CLIENT_AUTH_NONE && auth != SLUICE_CLIENT_AUTH_REQUEST &&
        auth != SLUICE_CLIENT_AUTH_REQUIRE)
        return SLUICE_INVALID_ARGUMENT;
    self->stream.client_auth = auth;
    return SLUICE_OK;
}

SluiceStatus sluice_config_set_stream_present_certificate(SluiceConfig *self, int present)
{
    SluiceStatus status = sl_config_check_setter(self);

    if (status == SLUICE_OK)
        self->stream.present_certificate = present != 0;
    return status;
}

SluiceStatus sluice_config_set_stream_limits(SluiceConfig *self, size_t output_bytes,
                                             size_t input_bytes)
{
    const size_t most = 16777216;
    SluiceStatus status = sl_config_check_setter(self);

    if (status != SLUICE_OK)
        return status;
    if (output_bytes < 8192 || output_bytes > most || input_bytes < 32768 || input_bytes > most)
        return SLUICE_INVALID_ARGUMENT;
    self->stream.output_bytes = output_bytes;
    self->stream.input_bytes = input_bytes;
    return SLUICE_OK;
}

/* -- the SSL_CTX -------------------------------------------------------------------------------------------- */

static int set_trust(const SlStreamSettings *self, SSL_CTX *ctx)
{
    X509_STORE *store = SSL_CTX_get_cert_store(ctx);
    int n = self->authorities ? sk_X509_num(self->authorities) : 0;

    for (int i = 0; i < n; i++)
        if (!X509_STORE_add_cert(store, sk_X509_value(self->authorities, i)) ||
            /* tells a client which certificate will do (RFC 8446 section 4.2.4) */
            !SSL_CTX_add_client_CA(ctx, sk_X509_value(self->authorities, i)))
            return 0;
    /* Who was added is believed, whether somebody above has signed it or not. */
    X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(ctx), X509_V_FLAG_PARTIAL_CHAIN);
    if (self->system_trust == 1 || (self->system_trust < 0 && n == 0))
        return SSL_CTX_set_default_verify_paths(ctx);
    return 1;
}

static int hash_trust(SlStreamSettings *self)
{
    int n = self->authorities ? sk_X509_num(self->authorities) : 0, ok;
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    const uint8_t system = self->system_trust == 1 || (self->system_trust < 0 && n == 0);

    ok = md && EVP_DigestInit_ex(md, EVP_sha256(), NULL) && EVP_DigestUpdate(md, &system, 1);
    for (int i = 0; ok && i < n; i++) {
        unsigned char *der = NULL;
        int len = i2d_X509(sk_X509_value(self->authorities, i), &der);
        ok = len > 0 && EVP_DigestUpdate(md, der, (size_t)len);
        OPENSSL_free(der);
    }
    ok = ok && EVP_DigestFinal_ex(md, self->trust, NULL);
    EVP_MD_CTX_free(md);
    return ok;
}

static int set_chain(const SlStreamSettings *self, SSL_CTX *ctx)
{
    /* What is sent is what was added, and never what OpenSSL finds in the store. */
    SSL_CTX_set_mode(ctx, SSL_MODE_NO_AUTO_CHAIN);
    return !self->chain || SSL_CTX_set1_chain(ctx, self->chain);
}

static SSL_CTX *make_ctx(SluiceConfig *config, void (*install)(SSL_CTX *ctx))
{
    SlStreamSettings *self = &config->stream;
    SSL_CTX *ctx = SSL_CTX_new(TLS_method());

    if (!ctx)
        return NULL;
    /* Everything explicit: distributions and OPENSSL_CONF set defaults of their own. */
    if (!SSL_CTX_set_min_proto_version(ctx, (int)self->min_version) ||
        !SSL_CTX_set_max_proto_version(ctx, (int)self->max_version) ||
        !SSL_CTX_set_cipher_list(ctx, CIPHERS) || !SSL_CTX_set_ciphersuites(ctx, SUITES) ||
        !SSL_CTX_set1_groups_list(ctx, GROUPS) || !sl_config_dress(config, ctx) ||
        !set_chain(self, ctx) || !set_trust(self, ctx) || !hash_trust(self) ||
        !SSL_CTX_set_session_id_context(ctx, self->trust, sizeof self->trust) ||
        /* 0 is the success of this one */
        (self->alpn && SSL_CTX_set_alpn_protos(ctx, self->alpn, (unsigned)self->alpn_len))) {
        SSL_CTX_free(ctx);
        return NULL;
    }
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_clear_options(ctx, SSL_OP_IGNORE_UNEXPECTED_EOF);
    /* A write is as much as was encrypted, and may be tried again from another address. */
    SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    /* Clients: the session is handed out, never kept in here. Servers: tickets, no cache. */
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    install(ctx);
    return ctx;
}

SSL_CTX *sl_config_freeze_stream(SluiceConfig *self, void (*install)(SSL_CTX *ctx))
{
    return sl_config_freeze_slot(self, &self->stream.ctx, make_ctx, install);
}
