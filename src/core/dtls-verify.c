/* SPDX-License-Identifier: BSD-3-Clause */

/* Who the peer is and what it offers: the callbacks in which a handshake is refused while an alert can still say so,
 * and the checks that are made once more when it is finished. */

#include "dtls-private.h"

#include "fingerprint.h"
#include "record-guard.h"

#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/srtp.h>
#include <openssl/x509.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int wants_srtp(const SlDtls *self) { return self->config->n_profiles > 0; }

/* Of use_srtp's body (RFC 5764 section 4.1.1) only the list matters: is one of ours in it? */
static int offers_profile(SSL *ssl, const SluiceConfig *config)
{
    const unsigned char *body;
    size_t len;

    if (!SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_use_srtp, &body, &len) || len < 2)
        return 0;
    for (size_t i = 2; i + 1 < len && i < 2 + (((size_t)body[0] << 8) | body[1]); i += 2)
        if (sl_config_has_profile(config, ((unsigned)body[i] << 8) | body[i + 1]))
            return 1;
    return 0;
}

static void read_offer(SSL *ssl, SluicePeerOffer *offer)
{
    static const unsigned extensions[] = {TLSEXT_TYPE_supported_groups, TLSEXT_TYPE_use_srtp,
                                          TLSEXT_TYPE_supported_versions,
                                          TLSEXT_TYPE_extended_master_secret};
    const unsigned char *bytes;
    size_t len = SSL_client_hello_get0_ciphers(ssl, &bytes);
    int fragments = offer->fragments;

    memset(offer, 0, sizeof *offer);
    offer->fragments = fragments;
    offer->version = (uint16_t)SSL_client_hello_get0_legacy_version(ssl);
    sl_offer_ciphers(offer, bytes, len);
    for (size_t i = 0; i < sizeof extensions / sizeof *extensions; i++)
        if (SSL_client_hello_get0_ext(ssl, extensions[i], &bytes, &len))
            sl_offer_extension(offer, extensions[i], bytes, len);
}

/* Server. A peer that cannot be served is told at once, with an alert, instead of by a handshake that succeeds
 * without SRTP. */
static int on_client_hello(SSL *ssl, int *alert, void *arg)
{
    SlDtls *self = SSL_get_app_data(ssl);
    const unsigned char *body;
    size_t len;

    (void)arg;
    read_offer(ssl, self->sinks.offer);
    *alert = SSL_AD_HANDSHAKE_FAILURE;
    if (!SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_extended_master_secret, &body, &len)) {
        self->cause = SLUICE_END_WEAK_HANDSHAKE; /* RFC 7627 section 5.3 */
        return SSL_CLIENT_HELLO_ERROR;
    }
    if (wants_srtp(self) && !offers_profile(ssl, self->config)) {
        self->cause = SLUICE_END_NO_SRTP_PROFILE;
        return SSL_CLIENT_HELLO_ERROR;
    }
    return SSL_CLIENT_HELLO_SUCCESS;
}

/* Keeps the certificate the peer presents. 1: kept. */
static int keep_peer_der(SlDtls *self, X509 *certificate)
{
    unsigned char *der = NULL;
    int len = i2d_X509(certificate, &der);

    if (len <= 0)
        return 0;
    OPENSSL_free(self->peer_der);
    self->peer_der = der;
    self->peer_der_len = (size_t)len;
    return 1;
}

/* Instead of chain building: the fingerprint alone decides (RFC 8122 section 6). While it is not known the peer is
 * taken, and the transport lets nothing through. */
static int on_certificate(X509_STORE_CTX *store, void *arg)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    SlDtls *self = SSL_get_app_data(ssl);
    X509 *leaf = X509_STORE_CTX_get0_cert(store);

    (void)arg;
    if (!leaf || !keep_peer_der(self, leaf)) {
        X509_STORE_CTX_set_error(store, X509_V_ERR_UNSPECIFIED);
        return 0;
    }
    if (self->role == SLUICE_ROLE_CLIENT && wants_srtp(self) &&
        !SSL_get_selected_srtp_profile(ssl)) {
        self->cause = SLUICE_END_NO_SRTP_PROFILE;
        X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
        return 0;
    }
    if (self->identity->n) {
        int match = sl_fingerprints_match(self->identity->list, self->identity->n, self->peer_der,
                                          self->peer_der_len);

        if (match != 1) {
            self->no_memory |= match < 0;
            self->cause = SLUICE_END_FINGERPRINT_MISMATCH;
            /* bad_certificate, as RFC 8122 section 6.2 wants it */
            X509_STORE_CTX_set_error(store,
                                     match < 0 ? X509_V_ERR_OUT_OF_MEM : X509_V_ERR_CERT_REJECTED);
            return 0;
        }
    }
    self->peer_accepted = 1;
    if (self->sinks.stats->finished_at == SLUICE_TIME_NEVER) /* of the attempt that gets further */
        self->sinks.stats->certificate_at = self->now;
    X509_STORE_CTX_set_error(store, X509_V_OK);
    return 1;
}

/* The cookie was checked before there was an SSL; OpenSSL asks twice and gets the same answer. */
static int on_cookie_check(SSL *ssl, const unsigned char *cookie, unsigned int len)
{
    (void)ssl;
    (void)cookie;
    return len == SL_COOKIE;
}

static int on_cookie_make(SSL *ssl, unsigned char *cookie, unsigned int *len)
{
    (void)ssl;
    (void)cookie;
    *len = 0;
    return 0; /* HelloVerifyRequests are made without an SSL */
}

void sl_dtls_install(SSL_CTX *ctx)
{
    SSL_CTX_set_client_hello_cb(ctx, on_client_hello, NULL);
    SSL_CTX_set_cert_verify_callback(ctx, on_certificate, NULL);
    SSL_CTX_set_cookie_verify_cb(ctx, on_cookie_check);
    SSL_CTX_set_cookie_generate_cb(ctx, on_cookie_make);
}

size_t sl_dtls_expansion(const SlDtls *self)
{
    const SSL_CIPHER *cipher = SSL_get_pending_cipher(self->ssl);

    if (!cipher)
        return 0;
    return SSL_CIPHER_get_cipher_nid(cipher) == NID_chacha20_poly1305 ? 16 : SL_GUARD_EXPANSION_MAX;
}

void sl_dtls_note_parameters(const SlDtls *self)
{
    SluiceStats *stats = self->sinks.stats;
    const char *cipher = SSL_CIPHER_standard_name(SSL_get_current_cipher(self->ssl));

    stats->tls_version = (uint16_t)SSL_version(self->ssl);
    stats->srtp_cipher = sl_dtls_profile(self);
    snprintf(stats->dtls_cipher, sizeof stats->dtls_cipher, "%s", cipher ? cipher : "");
    snprintf(stats->tls_group, sizeof stats->tls_group, "%s", sl_ssl_group_name(self->ssl));
}

int sl_dtls_check_finished(SlDtls *self)
{
    if (SSL_version(self->ssl) != DTLS1_2_VERSION || SSL_get_extms_support(self->ssl) != 1)
        self->cause = SLUICE_END_WEAK_HANDSHAKE;
    else if (!self->peer_accepted || !self->peer_der || !SSL_get0_peer_certificate(self->ssl))
        self->cause = SLUICE_END_PROTOCOL;
    else if (wants_srtp(self) && !SSL_get_selected_srtp_profile(self->ssl))
        self->cause = SLUICE_END_NO_SRTP_PROFILE;
    return self->cause == 0;
}

void sl_dtls_take_peer_der(SlDtls *self, uint8_t **der, size_t *len)
{
    *der = self->peer_der;
    *len = self->peer_der_len;
    self->peer_der = NULL;
    self->peer_der_len = 0;
}

/* -- who the peer must be ----------------------------------------------------------------------------------- */

void sl_peer_identity_clear(SlPeerIdentity *self)
{
    free(self->list);
    memset(self, 0, sizeof *self);
}

void sl_peer_identity_take(SlPeerIdentity *self, SlPeerIdentity *from)
{
    if (self == from)
        return;
    sl_peer_identity_clear(self);
    *self = *from;
    memset(from, 0, sizeof *from);
}

/* -- the limit ---------------------------------------------------------------------------------------------- */

void sl_dtls_set_half_open(SlDtls *self, SlHalfOpen *half_open) { self->half_open = half_open; }

SlHalfOpen *sl_dtls_take_half_open(SlDtls *self)
{
    SlHalfOpen *half_open = self->half_open;

    self->half_open = NULL;
    return half_open;
}
