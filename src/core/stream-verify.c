/* SPDX-License-Identifier: BSD-3-Clause */

/* Who the peer of a stream is. The certificate callback refuses while an alert can still say so; a resumed session
 * brings no certificate along, so what it rests on is judged again when the handshake is finished. */

#include "stream-private.h"

#include "fingerprint.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

SluiceStatus sluice_stream_set_verify(SluiceStream *self, SluiceVerify verify)
{
    if (!self || (verify != SLUICE_VERIFY_TRUST && verify != SLUICE_VERIFY_FINGERPRINT &&
                  verify != SLUICE_VERIFY_ASK))
        return SLUICE_INVALID_ARGUMENT;
    if (self->state != SLUICE_STATE_NEW)
        return SLUICE_INVALID_STATE;
    self->peer.how = verify;
    return SLUICE_OK;
}

static int is_address(const char *host)
{
    struct in6_addr address;

    return inet_pton(AF_INET, host, &address) == 1 || inet_pton(AF_INET6, host, &address) == 1;
}

/* Letters, digits, hyphens (and underscores, which real names have) in labels of 1 to 63, as in RFC 1123. */
static int is_dns_name(const char *host)
{
    size_t label = 0, len = strlen(host);

    if (len < 1 || len > 253)
        return 0;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)host[i];
        if (c == '.') {
            if (label == 0)
                return 0;
            label = 0;
        } else if (c < 128 && (isalnum(c) || c == '-' || c == '_')) {
            if (++label > 63)
                return 0;
        } else {
            return 0;
        }
    }
    /* Nor an address in another spelling (127.1, 0x7f.1), which is no name: RFC 3696 section 2. */
    return label > 0 && !isdigit((unsigned char)host[len - label]);
}

SluiceStatus sluice_stream_set_host(SluiceStream *self, const char *host)
{
    char *copy;

    if (!self || !host || !(is_address(host) || is_dns_name(host)))
        return SLUICE_INVALID_ARGUMENT;
    if (self->state != SLUICE_STATE_NEW || self->role != SLUICE_ROLE_CLIENT)
        return SLUICE_INVALID_STATE;
    copy = strdup(host);
    if (!copy)
        return SLUICE_NO_MEMORY;
    free(self->peer.host);
    self->peer.host = copy;
    self->peer.host_is_address = is_address(host);
    return SLUICE_OK;
}

static int set_host(SluiceStream *self)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(self->ssl);

    if (!self->peer.host)
        return 1;
    if (self->peer.host_is_address)
        return X509_VERIFY_PARAM_set1_ip_asc(param, self->peer.host);
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
                                               X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    return X509_VERIFY_PARAM_set1_host(param, self->peer.host, 0) &&
           SSL_set_tlsext_host_name(self->ssl, self->peer.host);
}

/* What a server asks of a client: what the config wants, and at least what the judgement needs. */
static int server_mode(const SluiceStream *self)
{
    SluiceClientAuth auth = self->config->stream.client_auth;

    if (auth == SLUICE_CLIENT_AUTH_REQUIRE || self->peer.how == SLUICE_VERIFY_FINGERPRINT)
        return SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    if (auth == SLUICE_CLIENT_AUTH_REQUEST || self->peer.how == SLUICE_VERIFY_ASK)
        return SSL_VERIFY_PEER;
    return SSL_VERIFY_NONE;
}

int sl_stream_ask_for_peer(SluiceStream *self)
{
    int ok;

    ERR_set_mark();
    ok = set_host(self);
    ERR_pop_to_mark();
    if (self->role == SLUICE_ROLE_SERVER) {
        SSL_set_verify(self->ssl, server_mode(self), NULL);
        return ok;
    }
    SSL_set_verify(self->ssl, SSL_VERIFY_PEER, NULL);
    if (!self->config->stream.present_certificate)
        SSL_certs_clear(self->ssl);
    return ok;
}

/* 1, 0, or -1: no memory. */
static int has_fingerprint(const SluiceStream *self, X509 *x509)
{
    unsigned char *der = NULL;
    int len = i2d_X509(x509, &der), match;

    if (len <= 0)
        return -1;
    match =
        sl_fingerprints_match(self->peer.fingerprints, self->peer.n_fingerprints, der, (size_t)len);
    OPENSSL_free(der);
    return match;
}

int sl_stream_on_verify(X509_STORE_CTX *store, void *context)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    SluiceStream *self = SSL_get_app_data(ssl);
    int ok;

    (void)context;
    if (self->peer.how == SLUICE_VERIFY_FINGERPRINT) {
        /* That no authority was asked stays with the session: it must never pass for a trusted one. */
        X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
        self->verify_error = X509_V_ERR_APPLICATION_VERIFICATION;
        if (self->peer.n_fingerprints == 0)
            return 1; /* judged when it is known */
        ok = has_fingerprint(self, X509_STORE_CTX_get0_cert(store));
        if (ok < 0)
            X509_STORE_CTX_set_error(store, X509_V_ERR_OUT_OF_MEM);
        else if (ok == 0) /* makes the alert bad_certificate (RFC 8122 section 6.2) */
            X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED);
        self->cause = ok > 0 ? 0 : ok < 0 ? SLUICE_END_NO_MEMORY : SLUICE_END_FINGERPRINT_MISMATCH;
        return ok > 0;
    }
    ok = X509_verify_cert(store) == 1;
    self->verify_error = X509_STORE_CTX_get_error(store);
    if (ok)
        return 1;
    if (self->verify_error == X509_V_OK) /* it could not even look */
        X509_STORE_CTX_set_error(store, X509_V_ERR_UNSPECIFIED);
    self->verify_error = X509_STORE_CTX_get_error(store);
    if (self->peer.how == SLUICE_VERIFY_ASK)
        return 1;
    self->cause = SLUICE_END_CERTIFICATE;
    return 0;
}

/* -- after the handshake ------------------------------------------------------------------------------------ */

void sl_stream_refuse(SluiceStream *self, SluiceEndReason reason, const char *words)
{
    SlPumpError error;

    /* OpenSSL has no way to send an alert of our choice now; a peer that is closed at least knows that much. */
    if (sl_stream_need_buffers(self))
        self->close_sent = sl_pump_shutdown(self->ssl, &error) == SL_PUMP_DONE;
    sl_stream_fail(self, reason, words);
}

/* The certificate of a resumed session, by the rules of this stream. */
static long judge_session(SluiceStream *self, X509 *x509)
{
    long result = SSL_get_verify_result(self->ssl);
    const char *host = self->peer.host;

    if (result == X509_V_OK && X509_cmp_current_time(X509_get0_notAfter(x509)) <= 0)
        result = X509_V_ERR_CERT_HAS_EXPIRED;
    if (result != X509_V_OK || !host)
        return result;
    if (self->peer.host_is_address)
        return X509_check_ip_asc(x509, host, 0) == 1 ? X509_V_OK : X509_V_ERR_IP_ADDRESS_MISMATCH;
    return X509_check_host(x509, host, 0,
                           X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
                               X509_CHECK_FLAG_NEVER_CHECK_SUBJECT,
                           NULL) == 1
               ? X509_V_OK
               : X509_V_ERR_HOSTNAME_MISMATCH;
}

static void judge_fingerprint(SluiceStream *self, X509 *x509)
{
    int match;

    if (self->peer.n_fingerprints == 0) {
        sl_stream_enter(self, SLUICE_STATE_UNVERIFIED);
        return;
    }
    match = x509 ? has_fingerprint(self, x509) : 0;
    if (match > 0)
        sl_stream_enter(self, SLUICE_STATE_CONNECTED);
    else
        sl_stream_refuse(self, match < 0 ? SLUICE_END_NO_MEMORY : SLUICE_END_FINGERPRINT_MISMATCH,
                         "");
}

void sl_stream_judge_peer(SluiceStream *self)
{
    X509 *x509 = SSL_get0_peer_certificate(self->ssl);

    if (SSL_session_reused(self->ssl) && x509)
        self->verify_error = judge_session(self, x509);
    if (self->peer.how == SLUICE_VERIFY_FINGERPRINT) {
        judge_fingerprint(self, x509);
    } else if (self->peer.how == SLUICE_VERIFY_ASK) {
        if (!x509)
            self->verify_error = X509_V_ERR_UNSPECIFIED;
        sl_stream_enter(self, SLUICE_STATE_UNVERIFIED);
    } else if (!x509 && (self->role == SLUICE_ROLE_CLIENT ||
                         self->config->stream.client_auth == SLUICE_CLIENT_AUTH_REQUIRE)) {
        sl_stream_refuse(self, SLUICE_END_CERTIFICATE, "no certificate");
    } else if (x509 && self->verify_error != X509_V_OK) {
        sl_stream_refuse(self, SLUICE_END_CERTIFICATE,
                         X509_verify_cert_error_string(self->verify_error));
    } else {
        sl_stream_enter(self, SLUICE_STATE_CONNECTED);
    }
}

SluiceStatus sluice_stream_accept_peer(SluiceStream *self, int accept)
{
    if (!self)
        return SLUICE_INVALID_ARGUMENT;
    if (self->state != SLUICE_STATE_UNVERIFIED || self->peer.how != SLUICE_VERIFY_ASK)
        return SLUICE_INVALID_STATE;
    if (accept)
        sl_stream_enter(self, SLUICE_STATE_CONNECTED);
    else
        sl_stream_refuse(self, SLUICE_END_CERTIFICATE, "the application did not accept it");
    return SLUICE_OK;
}

SluiceStatus sluice_stream_set_remote_fingerprints(SluiceStream *self,
                                                   const SluiceFingerprint *fingerprints,
                                                   size_t n_fingerprints)
{
    SlStreamPeer *peer;

    if (!self || !fingerprints || n_fingerprints < 1 || n_fingerprints > SLUICE_FINGERPRINTS_MAX)
        return SLUICE_INVALID_ARGUMENT;
    if (sl_stream_has_ended(self))
        return SLUICE_ENDED;
    peer = &self->peer;
    if (peer->how != SLUICE_VERIFY_FINGERPRINT || peer->n_fingerprints)
        return SLUICE_INVALID_STATE;
    for (size_t i = 0; i < n_fingerprints; i++)
        if (!sl_fingerprint_valid(&fingerprints[i]))
            return SLUICE_INVALID_ARGUMENT;
    memcpy(peer->fingerprints, fingerprints, n_fingerprints * sizeof *fingerprints);
    peer->n_fingerprints =
        sl_fingerprints_strongest(peer->fingerprints, n_fingerprints, self->config->allow_sha1);
    if (peer->n_fingerprints == 0)
        return SLUICE_INVALID_ARGUMENT;
    if (self->state == SLUICE_STATE_UNVERIFIED)
        judge_fingerprint(self, SSL_get0_peer_certificate(self->ssl));
    return SLUICE_OK;
}

const char *sluice_stream_get_verify_text(const SluiceStream *self)
{
    return X509_verify_cert_error_string(self ? self->verify_error : X509_V_ERR_UNSPECIFIED);
}

SluiceStatus sluice_stream_get_peer_certificate(SluiceStream *self, size_t index,
                                                const uint8_t **der, size_t *len)
{
    STACK_OF(X509) * chain;
    X509 *x509;
    int n;

    if (!self || !der || !len)
        return SLUICE_INVALID_ARGUMENT;
    if (sl_stream_phase(self) < SLUICE_STATE_UNVERIFIED)
        return SLUICE_NOT_READY;
    x509 = SSL_get0_peer_certificate(self->ssl);
    chain = SSL_get_peer_cert_chain(self->ssl);
    if (index) {
        /* A client's list begins with the peer's own, a server's does not. */
        size_t at = self->role == SLUICE_ROLE_CLIENT ? index : index - 1;
        x509 = chain && at < (size_t)sk_X509_num(chain) ? sk_X509_value(chain, (int)at) : NULL;
    }
    if (!x509)
        return SLUICE_NOT_READY;
    OPENSSL_free(self->certificate);
    self->certificate = NULL;
    ERR_set_mark();
    n = i2d_X509(x509, &self->certificate);
    ERR_pop_to_mark();
    if (n <= 0)
        return SLUICE_NO_MEMORY;
    *der = self->certificate;
    *len = (size_t)n;
    return SLUICE_OK;
}
