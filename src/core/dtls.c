/* SPDX-License-Identifier: BSD-3-Clause */
#include "dtls-private.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/sslerr.h>
#include <openssl/srtp.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ALERT_CLOSE_NOTIFY 0

/* From inside an OpenSSL call: the only place where alert numbers of both directions show. */
static void on_info(const SSL *ssl, int where, int value)
{
    SlDtls *self = SSL_get_app_data(ssl);
    SluiceEvent event = {.type = SLUICE_EVENT_ALERT, .time = self->now};

    if (where & SSL_CB_HANDSHAKE_DONE)
        self->keyed = 1;

    /* After a warning OpenSSL tells the peer of a fatal error that is its own alone: that is not sent. */
    if (!(where & SSL_CB_ALERT) || (self->warned && !(where & SSL_CB_READ)))
        return;
    self->alert.direction = (where & SSL_CB_READ) ? SLUICE_RECEIVED : SLUICE_SENT_OUT;
    self->alert.level = value >> 8;
    self->alert.number = value & 0xff;
    self->alert.authenticated = self->keyed;
    if (self->alert.direction == SLUICE_RECEIVED && self->alert.level == 1 && self->keyed &&
        self->alert.number != ALERT_CLOSE_NOTIFY)
        self->warned = 1;
    /* What an attempt says before there are keys is held back, and perhaps never said. */
    if (!self->keyed && self->alert.direction == SLUICE_SENT_OUT)
        return;
    sl_log(self->config, SLUICE_LOG_DEBUG, self->sinks.id, "alert %s: %s",
           self->alert.direction == SLUICE_RECEIVED ? "received" : "sent",
           sluice_alert_name(self->alert.number));
    event.u.alert = self->alert;
    sl_event_queue_push(self->sinks.events, &event);
}

/* -- life --------------------------------------------------------------------------------------------------- */

static int make_ssl(SlDtls *self, SSL_CTX *ctx)
{
    BIO *bio;

    self->ssl = SSL_new(ctx);
    bio = self->ssl ? sl_datagram_bio_new(&self->bio) : NULL;
    if (!bio)
        return 0;
    SSL_set_bio(self->ssl, bio, bio);
    /* Every callback finds us by it: without memory for it there is no association. */
    if (!SSL_set_app_data(self->ssl, self))
        return 0;
    SSL_set_info_callback(self->ssl, on_info);
    DTLS_set_timer_cb(self->ssl, sl_dtls_on_timer);
    if (!SSL_set_mtu(self->ssl, (long)self->mtu))
        return 0;
    if (self->role == SLUICE_ROLE_CLIENT)
        SSL_set_connect_state(self->ssl);
    else
        SSL_set_accept_state(self->ssl);
    return 1;
}

SlDtls *sl_dtls_new(SluiceConfig *config, SSL_CTX *ctx, SluiceRole role, SluiceTime rtt,
                    uint32_t generation, const SlPeerIdentity *identity, const SlDtlsSinks *sinks)
{
    SlDtls *self = calloc(1, sizeof *self);
    SluiceTime first = rtt ? sl_dtls_clock_first_of_rtt(rtt) : config->first_timeout;

    if (!self)
        return NULL;
    self->input = calloc(1, sizeof *self->input);
    self->config = sluice_config_ref(config);
    self->role = role;
    self->generation = generation;
    self->identity = identity;
    self->sinks = *sinks;
    self->flight.maker = sinks->maker;
    self->rtt = rtt;
    self->mtu = config->handshake_mtu;
    self->bio.mtu = self->mtu;
    self->bio.write = sl_dtls_on_write;
    self->bio.context = self;
    self->alert.number = -1;
    self->alert.direction = SLUICE_SENT_OUT;
    self->used_at = INT64_MIN / 2;
    sl_dtls_clock_init(&self->clock, first, config->handshake_deadline);
    if (!self->input || !make_ssl(self, ctx)) {
        sl_dtls_free(self);
        return NULL;
    }
    sinks->stats->handshake_mtu = (uint32_t)self->mtu;
    return self;
}

/* Since 3.2 OpenSSL frees its record layer twice when an association ends between a ChangeCipherSpec of ours and the change
 * of keys that follows it (memory has run out there); SSL_clear() takes them apart in the right order. */
static void free_ssl(SSL *ssl)
{
    OSSL_HANDSHAKE_STATE state = ssl ? SSL_get_state(ssl) : TLS_ST_BEFORE;

    if (state == TLS_ST_CW_CHANGE || state == TLS_ST_SW_CHANGE) {
        ERR_set_mark();
        (void)SSL_clear(ssl);
        ERR_pop_to_mark();
    }
    SSL_free(ssl);
}

void sl_dtls_free(SlDtls *self)
{
    if (!self)
        return;
    free_ssl(self->ssl);
    sl_flight_cleanup(&self->flight);
    sl_dtls_free_input(self);
    OPENSSL_free(self->peer_der);
    sl_half_open_give_back(self->half_open);
    sluice_config_unref(self->config);
    free(self);
}

/* -- OpenSSL's record buffers ------------------------------------------------------------------------------- */

/* Given back when the handshake is done, and after a lone record; kept inside a burst, where each record would take and
 * give them.
 *
 * Since 3.2 each epoch has a record layer of its own with its own buffers, and that of epoch 0 lives as long as the last
 * flight, out of our reach. It gives its buffer back by SSL_MODE_RELEASE_BUFFERS; a layer has the mode that the SSL had when
 * the layer was made. So the mode is on (config.c) until the first call has made the layers of epoch 0, and off when those
 * under the keys are made. */
#define BURST SLUICE_SECOND

static void release_buffers(SlDtls *self)
{
    SluiceTime quiet = self->now - self->used_at;

    if (!self->finished || self->over)
        return;
    self->used_at = self->now;
    /* It refuses while something waits in them. */
    if (quiet >= BURST && SSL_free_buffers(self->ssl))
        self->buffers_released = 1;
}

/* Before what may write: into freed buffers that is a crash in OpenSSL. A read makes them by itself. 0: no memory. */
static int need_buffers(SlDtls *self)
{
    if (self->buffers_released && !SSL_alloc_buffers(self->ssl)) {
        self->no_memory = 1;
        ERR_clear_error();
        return 0;
    }
    self->buffers_released = 0;
    return 1;
}

/* -- after each call into OpenSSL --------------------------------------------------------------------------- */

/* The handshake has come to its end: may it stand? */
static SlDtlsResult finish(SlDtls *self)
{
    self->finished = 1;
    self->finished_at = self->now;
    sl_dtls_free_input(self);
    /* A client's last flight has arrived; a server's may be asked for again. */
    if (self->role == SLUICE_ROLE_CLIENT)
        sl_flight_cleanup(&self->flight);
    else
        sl_flight_shrink(&self->flight);
    /* The handshake MTU has done its work; now the size of data counts. */
    self->mtu = self->config->handshake_mtu;
    self->sinks.stats->handshake_mtu = (uint32_t)self->mtu;
    SSL_set_mtu(self->ssl, (long)self->config->datagram_limit);
    if (sl_dtls_check_finished(self))
        return SL_DTLS_OK;
    sl_dtls_close(self, self->now);
    self->over = 1;
    return SL_DTLS_DEAD;
}

/* OpenSSL has ended a handshake: over what came in plaintext, or by what somebody with the keys has said? */
static int is_broken(const SlDtls *self)
{
    return !self->finished && !self->no_memory && !self->error.no_memory &&
           self->alert.direction != SLUICE_RECEIVED;
}

static SlDtlsResult settle(SlDtls *self, SlPumpResult result)
{
    int was_finished = self->finished;
    SlDtlsResult outcome = SL_DTLS_OK;

    self->bio.in = NULL;
    SSL_clear_mode(self->ssl, SSL_MODE_RELEASE_BUFFERS);
    sl_dtls_settle_flights(self, !was_finished && SSL_is_init_finished(self->ssl));
    if (self->no_memory || result == SL_PUMP_FATAL) {
        self->over = 1;
        /* RFC 5246 lets a connection live after a warning; OpenSSL 3.0 does not. Its media can. */
        if (self->no_memory || !self->warned)
            return is_broken(self) ? SL_DTLS_BROKEN : SL_DTLS_DEAD;
        sl_output_drop_of(self->sinks.output, SL_OUTPUT_ALERT, self->sinks.maker);
        return SL_DTLS_OVER;
    }
    if (!was_finished && SSL_is_init_finished(self->ssl))
        outcome = finish(self);
    if (outcome == SL_DTLS_OK && result == SL_PUMP_CLOSED) {
        outcome = self->finished ? SL_DTLS_CLOSED : SL_DTLS_DEAD;
        sl_dtls_close(self, self->now);
        self->over = 1;
    }
    if (!self->over)
        sl_dtls_clock_read(&self->clock, self->ssl, self->now);
    release_buffers(self);
    return outcome;
}

/* A message is one record: the buffer holds the largest. */
SlPumpResult sl_dtls_read(SlDtls *self)
{
    uint8_t buffer[16384];
    SlPumpResult result;
    size_t n, used = 0;

    while ((result = sl_pump_read(self->ssl, buffer, sizeof buffer, &n, &self->error)) ==
           SL_PUMP_DONE) {
        used = n > used ? n : used;
        if (sl_inbox_push_data(self->sinks.inbox, self->generation, buffer, n) != SLUICE_OK)
            self->no_memory = 1;
        else
            self->sinks.stats->data_delivered++;
        self->messages++;
    }
    OPENSSL_cleanse(buffer, used); /* not the whole of it: a handshake reads often, and no data */
    self->buffers_released = 0;
    self->bio.in = NULL;
    return result;
}

static void enter(SlDtls *self, SluiceTime now)
{
    self->now = now;
    self->warned = 0;
}

/* Nothing has come: it is no one else's doing. */
static SlDtlsResult of_our_own(SlDtlsResult result, SlDtlsResult instead)
{
    return result == SL_DTLS_BROKEN ? instead : result;
}

/* -- the calls ---------------------------------------------------------------------------------------------- */

SlDtlsResult sl_dtls_start(SlDtls *self, SluiceTime now)
{
    SlPumpResult result;

    enter(self, now);
    if (self->sinks.stats->client_hello_at == SLUICE_TIME_NEVER)
        self->sinks.stats->client_hello_at = now;
    result = sl_dtls_read(self);
    self->has_random =
        SSL_get_client_random(self->ssl, self->random, sizeof self->random) == sizeof self->random;
    return of_our_own(settle(self, result), SL_DTLS_DEAD);
}

SlDtlsResult sl_dtls_accept_cookie(SlDtls *self, SluiceTime now, const SlClientHello *hello,
                                   const uint8_t *datagram, size_t len)
{
    SlPumpResult result;

    enter(self, now);
    self->flight.next_number = hello->record_number;
    self->input->next_number = hello->record_number + 1;
    self->input->first_message = 1;
    sl_dtls_note_incoming(self, datagram, len);
    sl_dtls_note_hello(self, datagram, len);
    self->bio.in = datagram;
    self->bio.in_len = len;
    /* Without this step the SSL would wait for message 0 for ever. It begins with SSL_clear(), which forgets the MTU
     * and the timer. */
    result = sl_pump_listen(self->ssl, &self->error);
    SSL_set_mtu(self->ssl, (long)self->mtu);
    DTLS_set_timer_cb(self->ssl, sl_dtls_on_timer);
    if (result != SL_PUMP_DONE)
        return settle(self, SL_PUMP_FATAL);
    return settle(self, sl_dtls_read(self));
}

SlDtlsResult sl_dtls_receive(SlDtls *self, SluiceTime now, uint8_t *datagram, size_t len)
{
    if (self->over)
        return SL_DTLS_OK;
    enter(self, now);
    sl_dtls_note_incoming(self, datagram, len);
    if (!self->finished)
        return settle(self, sl_dtls_receive_handshake(self, datagram, len));
    self->bio.in_len = sl_dtls_leave_out_repeats(self, datagram, len);
    self->bio.in = self->bio.in_len ? datagram : NULL;
    return settle(self, sl_dtls_read(self));
}

void sl_dtls_set_rtt(SlDtls *self, SluiceTime rtt)
{
    self->rtt = rtt;
    sl_dtls_clock_set_first(&self->clock,
                            rtt ? sl_dtls_clock_first_of_rtt(rtt) : self->config->first_timeout,
                            self->config->handshake_deadline);
}

SluiceTime sl_dtls_next_timeout(const SlDtls *self)
{
    if (self->over)
        return SLUICE_TIME_NEVER;
    return self->clock.due;
}

SlDtlsResult sl_dtls_handle_timeout(SlDtls *self, SluiceTime now)
{
    SlPumpResult result;

    if (self->over || sl_dtls_next_timeout(self) > now)
        return SL_DTLS_OK;
    enter(self, now);
    if (!need_buffers(self))
        return settle(self, SL_PUMP_FATAL);
    result = sl_pump_timeout(self->ssl, &self->error);
    if (result == SL_PUMP_WAIT && !sl_dtls_clock_rearm(&self->clock, self->ssl, now)) {
        /* The wall clock was set back, and OpenSSL waits for it. There is no call that forces a retransmission, but
         * the flight of a handshake is here. What a later timer is for, OpenSSL alone knows (DTLS 1.3). */
        sl_dtls_lower_mtu_if_lost_twice(self);
        sl_dtls_clock_expire(&self->clock, now);
        self->flight_open = !self->finished && self->flight.len > 0;
    }
    return of_our_own(settle(self, result), SL_DTLS_TIRED);
}

SlDtlsResult sl_dtls_too_big(SlDtls *self, SluiceTime now, size_t len)
{
    if (self->over || self->finished || self->mtu <= 256)
        return SL_DTLS_OK;
    enter(self, now);
    sl_dtls_cut_smaller(self, len);
    return settle(self, SL_PUMP_WAIT);
}

SluiceStatus sl_dtls_send(SlDtls *self, SluiceTime now, const uint8_t *data, size_t len)
{
    SlPumpResult result;

    if (self->over)
        return SLUICE_ENDED;
    enter(self, now);
    if (need_buffers(self)) {
        result = sl_pump_write(self->ssl, data, len, &self->error);
        release_buffers(self);
        if (result == SL_PUMP_DONE && !self->no_memory)
            return SLUICE_OK;
    }
    self->over = 1;
    return SLUICE_ENDED;
}

size_t sl_dtls_max_data_size(const SlDtls *self)
{
    size_t size = self->finished && !self->over ? DTLS_get_data_mtu(self->ssl) : 0;

    return size > 16384 ? 16384 : size;
}

void sl_dtls_close(SlDtls *self, SluiceTime now)
{
    SlPumpError
        error; /* its failure changes nothing: it is sent once, and nobody waits for an answer */

    if (self->over || !self->finished || self->close_sent)
        return;
    self->now = now;
    self->close_sent = 1;
    if (need_buffers(self))
        (void)sl_pump_shutdown(self->ssl, &error);
}

void sl_dtls_seal_close(SlDtls *self, SluiceTime now, SlOutput *aside)
{
    SlOutput *output = self->sinks.output;

    self->sinks.output = aside;
    sl_dtls_close(self, now);
    self->sinks.output = output;
}

/* -- what it is --------------------------------------------------------------------------------------------- */

void sl_dtls_set_places(SlDtls *self, SlInbox *inbox, SluicePeerOffer *offer)
{
    self->sinks.inbox = inbox;
    self->sinks.offer = offer;
}

void sl_dtls_set_identity(SlDtls *self, const SlPeerIdentity *identity)
{
    self->identity = identity;
}

void sl_dtls_set_hello(SlDtls *self, SluiceTime now, const SlClientHello *hello)
{
    self->hello_at = now;
    memcpy(self->random, hello->random, sizeof self->random);
    self->has_random = 1;
}

int sl_dtls_has_random(const SlDtls *self, const SlClientHello *hello)
{
    return self->has_random && memcmp(self->random, hello->random, sizeof self->random) == 0;
}

int sl_dtls_has_cookie(const SlDtls *self)
{
    return self->role == SLUICE_ROLE_CLIENT || self->input->first_message == 1;
}

SluiceRole sl_dtls_role(const SlDtls *self) { return self->role; }

uint32_t sl_dtls_generation(const SlDtls *self) { return self->generation; }

void sl_dtls_set_generation(SlDtls *self, uint32_t generation) { self->generation = generation; }

uint32_t sl_dtls_maker(const SlDtls *self) { return self->sinks.maker; }

int sl_dtls_is_finished(const SlDtls *self) { return self->finished; }

int sl_dtls_is_closed(const SlDtls *self) { return self->close_sent; }

SluiceTime sl_dtls_finished_at(const SlDtls *self) { return self->finished_at; }

uint64_t sl_dtls_messages(const SlDtls *self) { return self->messages; }

SluiceAlert sl_dtls_alert(const SlDtls *self) { return self->alert; }

int sl_dtls_last_flight(const SlDtls *self, SluiceTime *sent_at)
{
    *sent_at = self->emitted_at;
    return self->last_sent;
}

SluiceSrtpProfile sl_dtls_profile(const SlDtls *self)
{
    const SRTP_PROTECTION_PROFILE *profile =
        self->config->n_profiles ? SSL_get_selected_srtp_profile(self->ssl) : NULL;

    /* OpenSSL's numbers are IANA's, and so are ours. */
    return profile ? (SluiceSrtpProfile)profile->id : SLUICE_SRTP_NONE;
}

SluiceStatus sl_dtls_export(SlDtls *self, const char *label, const uint8_t *context,
                            size_t context_len, uint8_t *out, size_t out_len)
{
    static const uint8_t empty[1];
    SluiceStatus status = SLUICE_OK;

    if (!self->finished)
        return SLUICE_NOT_READY;
    ERR_set_mark();
    if (SSL_export_keying_material(self->ssl, out, out_len, label, strlen(label),
                                   context ? context : empty, context ? context_len : 0,
                                   context != NULL) != 1)
        status = ERR_GET_REASON(ERR_peek_last_error()) == SSL_R_TLS_ILLEGAL_EXPORTER_LABEL
                     ? SLUICE_INVALID_ARGUMENT
                     : SLUICE_INTERNAL;
    ERR_pop_to_mark();
    return status;
}

void sl_dtls_get_end(const SlDtls *self, SluiceEnd *end)
{
    end->alert = self->alert.number;
    end->alert_received = self->alert.direction == SLUICE_RECEIVED && self->alert.number >= 0;
    end->last_flight_sent = self->last_sent;
    end->last_flight_received =
        self->incoming.number > self->last_received ? self->incoming.number : self->last_received;
    end->retransmissions = self->retransmissions;
    snprintf(end->openssl_reason, sizeof end->openssl_reason, "%s", self->error.reason);
    if (self->no_memory || self->error.no_memory)
        end->reason = SLUICE_END_NO_MEMORY;
    else if (self->cause)
        end->reason = (SluiceEndReason)self->cause;
    else if (self->alert.number == ALERT_CLOSE_NOTIFY || self->alert.number < 0)
        end->reason = end->alert_received ? SLUICE_END_ALERT_RECEIVED : SLUICE_END_PROTOCOL;
    else
        end->reason = end->alert_received ? SLUICE_END_ALERT_RECEIVED : SLUICE_END_ALERT_SENT;
}
