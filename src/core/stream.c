/* SPDX-License-Identifier: BSD-3-Clause */

/* TLS over a transport that keeps bytes in order: the life of a stream. How bytes pass is in stream-io.c. */

#include "stream-private.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* From inside an OpenSSL call: the only place where alert numbers of both directions show. */
static void on_info(const SSL *ssl, int where, int value)
{
    SluiceStream *self = SSL_get_app_data(ssl);

    if (!(where & SSL_CB_ALERT))
        return;
    self->alert.direction = (where & SSL_CB_READ) ? SLUICE_RECEIVED : SLUICE_SENT_OUT;
    self->alert.level = value >> 8;
    self->alert.number = value & 0xff;
    sl_log(self->config, SLUICE_LOG_DEBUG, self->id, "alert %s: %s",
           self->alert.direction == SLUICE_RECEIVED ? "received" : "sent",
           sluice_alert_name(self->alert.number));
}

/* The first of ours that the client offers (RFC 7301 section 3.2). */
static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                   const unsigned char *offered, unsigned offered_len, void *context)
{
    const SluiceStream *self = SSL_get_app_data(ssl);
    const SlStreamSettings *settings = &self->config->stream;

    (void)context;
    if (!settings->alpn)
        return SSL_TLSEXT_ERR_NOACK;
    for (size_t i = 0; i < settings->alpn_len; i += 1u + settings->alpn[i])
        for (size_t j = 0; j < offered_len; j += 1u + offered[j])
            if (j + 1 + offered[j] <= offered_len && offered[j] == settings->alpn[i] &&
                memcmp(offered + j + 1, settings->alpn + i + 1, offered[j]) == 0) {
                *out = offered + j + 1;
                *out_len = offered[j];
                return SSL_TLSEXT_ERR_OK;
            }
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* Without somebody who says yes OpenSSL does not keep the name with the session, and a resumed one has none. */
static int on_server_name(SSL *ssl, int *alert, void *context)
{
    (void)ssl, (void)alert, (void)context;
    return SSL_TLSEXT_ERR_OK;
}

static void install(SSL_CTX *ctx)
{
    SSL_CTX_set_tlsext_servername_callback(ctx, on_server_name);
    SSL_CTX_set_cert_verify_callback(ctx, sl_stream_on_verify, NULL);
    SSL_CTX_set_alpn_select_cb(ctx, on_alpn, NULL);
    SSL_CTX_sess_set_new_cb(ctx, sl_stream_on_session);
    SSL_CTX_set_info_callback(ctx, on_info);
}

/* -- life --------------------------------------------------------------------------------------------------- */

static int make_ssl(SluiceStream *self, SSL_CTX *ctx)
{
    BIO *bio;

    self->ssl = SSL_new(ctx);
    bio = self->ssl ? sl_stream_bio_new(&self->bio) : NULL;
    if (!bio)
        return 0;
    SSL_set_bio(self->ssl, bio, bio);
    /* Every callback finds us by it. */
    if (!SSL_set_app_data(self->ssl, self))
        return 0;
    if (self->role == SLUICE_ROLE_CLIENT)
        SSL_set_connect_state(self->ssl);
    else
        SSL_set_accept_state(self->ssl);
    return 1;
}

SluiceStream *sluice_stream_new(SluiceConfig *config, SluiceRole role)
{
    SluiceStream *self;
    SSL_CTX *ctx;
    int made;

    if (!config || (role != SLUICE_ROLE_CLIENT && role != SLUICE_ROLE_SERVER))
        return NULL;
    ctx = sl_config_freeze_stream(config, install);
    self = ctx ? calloc(1, sizeof *self) : NULL;
    if (!self)
        return NULL;
    self->config = sluice_config_ref(config);
    self->role = role;
    self->id = sl_next_id();
    self->alert.number = -1;
    self->verify_error = X509_V_ERR_UNSPECIFIED; /* until somebody has looked */
    self->records_left = SL_STREAM_RECORDS_MAX;
    self->bio.out_max = config->stream.output_bytes + SL_STREAM_RESERVE;
    self->handshake_deadline = self->unverified_deadline = SLUICE_TIME_NEVER;
    ERR_set_mark();
    made = make_ssl(self, ctx);
    ERR_pop_to_mark();
    if (made)
        return self;
    sluice_stream_free(self);
    return NULL;
}

void sluice_stream_free(SluiceStream *self)
{
    if (!self)
        return;
    SSL_free(self->ssl);
    SSL_SESSION_free(self->session);
    OPENSSL_free(self->certificate);
    sl_byte_queue_release(&self->bio.in);
    sl_byte_queue_release(&self->bio.out);
    free(self->peer.host);
    sluice_config_unref(self->config);
    free(self);
}

void sl_stream_enter(SluiceStream *self, SluiceState state)
{
    if (self->state == state)
        return;
    self->state = state;
    if (state != SLUICE_STATE_FAILED)
        sl_log(self->config, SLUICE_LOG_INFO, self->id, "%s", sluice_state_name(state));
}

int sl_stream_has_ended(const SluiceStream *self)
{
    return self->state == SLUICE_STATE_CLOSED || self->state == SLUICE_STATE_FAILED;
}

SluiceState sl_stream_phase(const SluiceStream *self)
{
    return sl_stream_has_ended(self) ? self->end.phase : self->state;
}

static void set_end(SluiceStream *self, SluiceEndReason reason, const char *words)
{
    self->end.reason = reason;
    self->end.phase = self->state;
    self->end.role = self->role;
    self->end.stream = 1;
    self->end.alert = self->alert.number;
    self->end.alert_received = self->alert.number >= 0 && self->alert.direction == SLUICE_RECEIVED;
    snprintf(self->end.openssl_reason, sizeof self->end.openssl_reason, "%s", words);
}

void sl_stream_fail(SluiceStream *self, SluiceEndReason reason, const char *words)
{
    if (sl_stream_has_ended(self))
        return;
    set_end(self, reason, words);
    sl_stream_enter(self, SLUICE_STATE_FAILED);
    sl_log(self->config, SLUICE_LOG_ERROR, self->id, "failed: %s%s%s",
           sluice_end_reason_name(reason), words[0] ? ": " : "", words);
}

void sl_stream_fail_by(SluiceStream *self, const SlPumpError *error)
{
    /* In TLS 1.3 the level says nothing (RFC 8446 section 6). */
    const int fatal = self->alert.number > 0 &&
                      (self->alert.level == 2 || (SSL_version(self->ssl) == TLS1_3_VERSION &&
                                                  self->alert.number != SSL_AD_USER_CANCELLED));

    if (error->no_memory || self->bio.no_memory)
        sl_stream_fail(self, SLUICE_END_NO_MEMORY, error->reason);
    else if (self->cause == SLUICE_END_CERTIFICATE)
        sl_stream_fail(self, self->cause, X509_verify_cert_error_string(self->verify_error));
    else if (self->cause)
        sl_stream_fail(self, self->cause, error->reason);
    else if (fatal && self->alert.direction == SLUICE_RECEIVED)
        sl_stream_fail(self, SLUICE_END_ALERT_RECEIVED, error->reason);
    else if (fatal)
        sl_stream_fail(self, SLUICE_END_ALERT_SENT, error->reason);
    else
        sl_stream_fail(self, SLUICE_END_PROTOCOL, error->reason);
}

void sl_stream_check_closed(SluiceStream *self)
{
    if (sl_stream_has_ended(self) || !self->peer_closed || !self->close_sent)
        return;
    set_end(self, self->end.reason, "");
    sl_stream_enter(self, SLUICE_STATE_CLOSED);
}

int sl_stream_need_buffers(SluiceStream *self)
{
    /* A write into freed buffers is a crash in OpenSSL; a read makes them by itself. */
    if (self->buffers_released && !SSL_alloc_buffers(self->ssl)) {
        sl_stream_fail(self, SLUICE_END_NO_MEMORY, "");
        return 0;
    }
    self->buffers_released = 0;
    return 1;
}

/* -- the handshake and the end ------------------------------------------------------------------------------ */

SluiceStatus sluice_stream_start(SluiceStream *self, SluiceTime now)
{
    const SluiceConfig *config;

    if (!self)
        return SLUICE_INVALID_ARGUMENT;
    if (self->state != SLUICE_STATE_NEW ||
        (self->role == SLUICE_ROLE_CLIENT && self->peer.how == SLUICE_VERIFY_TRUST &&
         !self->peer.host) ||
        (self->role == SLUICE_ROLE_SERVER && self->peer.how == SLUICE_VERIFY_TRUST &&
         self->config->stream.client_auth != SLUICE_CLIENT_AUTH_NONE &&
         !self->config->stream.authorities && self->config->stream.system_trust != 1))
        return SLUICE_INVALID_STATE;
    config = self->config;
    if (!sl_stream_ask_for_peer(self))
        return SLUICE_NO_MEMORY;
    self->handshake_deadline = now + config->handshake_deadline;
    self->unverified_deadline = self->handshake_deadline + config->unverified_deadline;
    sl_stream_enter(self, SLUICE_STATE_CONNECTING);
    sl_stream_advance(self);
    return sl_stream_has_ended(self) ? SLUICE_ENDED : SLUICE_OK;
}

static void handshake(SluiceStream *self)
{
    SlPumpError error;

    switch (sl_pump_handshake(self->ssl, &error)) {
    case SL_PUMP_DONE:
        sl_stream_judge_peer(self);
        break;
    case SL_PUMP_WAIT:
        /* A peer that goes in the middle is not one that has closed. */
        if (self->ended_below && !self->bio.blocked)
            sl_stream_fail(self, SLUICE_END_TRUNCATED, "");
        break;
    case SL_PUMP_CLOSED: /* in the middle: it does not want to talk to us */
        sl_stream_fail(self, SLUICE_END_CLOSE_NOTIFY, "");
        break;
    case SL_PUMP_FATAL:
    default:
        sl_stream_fail_by(self, &error);
        break;
    }
}

static void say_close(SluiceStream *self)
{
    SlPumpError error;
    SlPumpResult result = SL_PUMP_DONE;

    if (!sl_stream_need_buffers(self))
        return;
    /* A key update that has begun comes first: OpenSSL refuses to close inside it. */
    if (SSL_in_init(self->ssl))
        result = sl_pump_handshake(self->ssl, &error);
    if (result == SL_PUMP_DONE)
        result = sl_pump_shutdown(self->ssl, &error);
    switch (result) {
    case SL_PUMP_DONE:
        self->close_sent = 1;
        self->bio.closed = 1;
        if (!self->peer_closed)
            self->end.reason = SLUICE_END_LOCAL_CLOSE;
        sl_stream_check_closed(self);
        break;
    case SL_PUMP_WAIT: /* no room */
        break;
    case SL_PUMP_CLOSED: /* in the middle of a message of its own */
    case SL_PUMP_FATAL:
    default:
        sl_stream_fail_by(self, &error);
        break;
    }
}

void sl_stream_advance(SluiceStream *self)
{
    if (self->state == SLUICE_STATE_CONNECTING)
        handshake(self);
    if (self->close_asked && !self->close_sent && !sl_stream_has_ended(self))
        say_close(self);
}

SluiceStatus sluice_stream_shutdown(SluiceStream *self)
{
    if (!self)
        return SLUICE_INVALID_ARGUMENT;
    if (self->state == SLUICE_STATE_FAILED)
        return SLUICE_ENDED;
    if (self->state < SLUICE_STATE_CONNECTED) {
        SlPumpError error;
        /* The peer takes the connection for open: it is told. */
        if (self->state == SLUICE_STATE_UNVERIFIED && sl_stream_need_buffers(self))
            self->close_sent = sl_pump_shutdown(self->ssl, &error) == SL_PUMP_DONE;
        set_end(self, SLUICE_END_LOCAL_CLOSE, "");
        sl_stream_enter(self, SLUICE_STATE_CLOSED);
    }
    if (self->state == SLUICE_STATE_CLOSED)
        return SLUICE_OK;
    self->close_asked = 1;
    sl_stream_advance(self);
    return self->state == SLUICE_STATE_FAILED ? SLUICE_ENDED : SLUICE_OK;
}

SluiceTime sluice_stream_next_timeout(const SluiceStream *self)
{
    if (self && self->state == SLUICE_STATE_CONNECTING)
        return self->handshake_deadline;
    if (self && self->state == SLUICE_STATE_UNVERIFIED)
        return self->unverified_deadline;
    return SLUICE_TIME_NEVER;
}

SluiceStatus sluice_stream_handle_timeout(SluiceStream *self, SluiceTime now)
{
    if (!self || now == SLUICE_TIME_NEVER) /* a deadline that nobody has set is no later */
        return SLUICE_INVALID_ARGUMENT;
    if (now >= sluice_stream_next_timeout(self)) {
        if (self->state == SLUICE_STATE_UNVERIFIED)
            sl_stream_refuse(self, SLUICE_END_UNVERIFIED_DEADLINE, "");
        else
            sl_stream_fail(self, SLUICE_END_DEADLINE, "");
    }
    return sl_stream_has_ended(self) ? SLUICE_ENDED : SLUICE_OK;
}

void sluice_stream_release_buffers(SluiceStream *self)
{
    if (!self || self->state == SLUICE_STATE_NEW || self->state == SLUICE_STATE_CONNECTING)
        return;
    if (sl_byte_queue_len(&self->bio.in) == 0)
        sl_byte_queue_release(&self->bio.in);
    if (sl_byte_queue_len(&self->bio.out) == 0)
        sl_byte_queue_release(&self->bio.out);
    /* It refuses while something waits in them. */
    if (!sl_stream_has_ended(self) && SSL_free_buffers(self->ssl))
        self->buffers_released = 1;
}

SluiceState sluice_stream_get_state(const SluiceStream *self)
{
    return self ? self->state : SLUICE_STATE_FAILED;
}

SluiceStatus sluice_stream_get_end(const SluiceStream *self, SluiceEnd *end)
{
    if (!self || !end)
        return SLUICE_INVALID_ARGUMENT;
    if (!sl_stream_has_ended(self))
        return SLUICE_INVALID_STATE;
    *end = self->end;
    return SLUICE_OK;
}
