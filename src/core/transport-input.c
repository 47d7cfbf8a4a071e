/* SPDX-License-Identifier: BSD-3-Clause */

/* One datagram's way through a transport. */

#include "flight.h"
#include "record-guard.h"
#include "transport.h"

#include <openssl/crypto.h>

#include <stdlib.h>
#include <string.h>

/* -- media -------------------------------------------------------------------------------------------------- */

static void count_media(SluiceTransport *self, SluiceKind kind, SluiceStatus status)
{
    switch (status) {
    case SLUICE_OK:
        if (kind == SLUICE_KIND_RTP)
            self->stats.rtp_delivered++;
        else
            self->stats.rtcp_delivered++;
        break;
    case SLUICE_DROPPED_UNAUTHENTIC:
        self->stats.dropped_unauthentic++;
        break;
    case SLUICE_DROPPED_REPLAYED:
        self->stats.dropped_replayed++;
        break;
    case SLUICE_DROPPED_FULL:
        self->stats.dropped_ssrc_limit++;
        break;
    default:
        self->stats.dropped_malformed++;
        break;
    }
}

/* libsrtp casts to 32-bit words: media at an odd address is decrypted in a copy. */
static SluiceStatus unprotect_unaligned(SluiceTransport *self, SluiceKind kind, uint8_t *data,
                                        size_t *len)
{
    SluiceStatus status;

    if (!self->scratch)
        self->scratch = OPENSSL_malloc(SL_SCRATCH);
    if (!self->scratch)
        return SLUICE_DROPPED_FULL;
    self->stats.copied_unaligned++;
    memcpy(self->scratch, data, *len);
    status = sl_srtp_unprotect(self->srtp, self->received_at, kind, self->scratch, len);
    if (status == SLUICE_OK)
        memcpy(data, self->scratch, *len);
    return status;
}

SluiceStatus sl_transport_open_media(void *transport, SluiceKind kind, uint8_t *data, size_t *len)
{
    SluiceTransport *self = transport;

    self->opened = sl_srtp_unprotect(self->srtp, self->received_at, kind, data, len);
    count_media(self, kind, self->opened);
    return self->opened;
}

/* Behind the keys, or behind older media that waits: order holds. */
static SluiceStatus hold_media(SluiceTransport *self, SluiceKind *kind, const uint8_t *data,
                               size_t len)
{
    SluiceStatus status = sl_inbox_push_media(&self->inbox, *kind, 0, data, len);

    if (status != SLUICE_OK) {
        self->stats.dropped_inbox_full++;
        return SLUICE_DROPPED_FULL;
    }
    self->stats.held++;
    self->opened = SLUICE_OK;
    if (self->srtp)
        sl_inbox_open(&self->inbox, self->generation, sl_transport_open_media, self);
    *kind = SLUICE_KIND_HELD;
    return self->opened;
}

static SluiceStatus receive_media(SluiceTransport *self, SluiceKind *kind, uint8_t *data,
                                  size_t *len)
{
    SluiceStatus status;

    if (*kind == SLUICE_KIND_RTP)
        self->stats.rtp_received++;
    else
        self->stats.rtcp_received++;
    if (sl_transport_has_ended(self)) {
        self->stats.dropped_ended++;
        return SLUICE_ENDED;
    }
    if (self->config->n_profiles == 0) {
        self->stats.dropped_unexpected++;
        return SLUICE_DROPPED_UNEXPECTED;
    }
    if (!sl_srtp_plausible(*kind, data, *len)) {
        self->stats.dropped_malformed++;
        return SLUICE_DROPPED_MALFORMED;
    }
    if (!self->srtp && !self->path_validated && !self->config->allow_unvalidated) {
        self->stats.dropped_unvalidated++; /* a stranger may not fill the inbox */
        return SLUICE_DROPPED_UNVALIDATED;
    }
    if (!self->srtp || sl_inbox_has_media(&self->inbox))
        return hold_media(self, kind, data, *len);
    status = ((uintptr_t)data & 3)
                 ? unprotect_unaligned(self, *kind, data, len)
                 : sl_srtp_unprotect(self->srtp, self->received_at, *kind, data, len);
    count_media(self, *kind, status);
    return status;
}

/* -- DTLS --------------------------------------------------------------------------------------------------- */

static SluiceStatus drop_unexpected(SluiceTransport *self)
{
    self->stats.dropped_unexpected++;
    return SLUICE_DROPPED_UNEXPECTED;
}

/* Until the ClientHello is whole: how many datagrams that took. */
static void count_hello(SluiceTransport *self, const uint8_t *data, size_t len)
{
    SlClientHello hello;
    SlHelloKind kind;

    if (self->role != SLUICE_ROLE_SERVER || self->offer.version)
        return;
    kind = sl_client_hello_parse(data, len, &hello);
    self->offer.fragments += kind == SL_HELLO_FIRST || kind == SL_HELLO_LATER;
}

/* What may pass of a datagram; its records are counted. 0: nothing, and *status says how it was dropped. */
static size_t guard(SluiceTransport *self, SluiceRole role, const SlDtls *association,
                    const uint8_t *data, size_t len, uint8_t *passed, SluiceStatus *status)
{
    /* The config allows DTLS 1.2 alone. */
    const SlGuardState state = {.role = role,
                                .finished = association && sl_dtls_is_finished(association),
                                .expansion = association ? sl_dtls_expansion(association) : 0,
                                .dtls13 = 0};
    SlGuardReport report = {0};
    size_t n = sl_guard_filter(&state, data, len, passed, &report);

    if (report.has_application_data && !sl_inbox_has_room(&self->inbox, len)) {
        /* Nobody can empty it before the peer is verified: then it is dropped, as the network may do. */
        int waits = sl_transport_is_verified(self);

        *status = waits ? SLUICE_WOULD_BLOCK : SLUICE_DROPPED_FULL;
        self->stats.data_deferred += waits != 0;
        self->stats.dropped_inbox_full += waits == 0;
        return 0;
    }
    self->stats.dropped_malformed += report.malformed;
    self->stats.dropped_unexpected += report.unexpected;
    self->stats.client_hellos_at_client += report.client_hello_at_client != 0;
    *status = report.malformed ? SLUICE_DROPPED_MALFORMED : SLUICE_DROPPED_UNEXPECTED;
    return n;
}

/* Into the live association. @hello: the cookie it brought has been checked, else NULL. */
static SluiceStatus feed(SluiceTransport *self, SluiceTime now, uint8_t *passed, size_t n,
                         const SlClientHello *hello)
{
    SlDtls *association = self->associations[0];

    count_hello(self, passed, n);
    sl_transport_after_dtls(self, now,
                            hello ? sl_dtls_accept_cookie(association, now, hello, passed, n)
                                  : sl_dtls_receive(association, now, passed, n));
    return sl_transport_has_ended(self) ? SLUICE_ENDED : SLUICE_OK;
}

static SluiceStatus receive_records(SluiceTransport *self, SluiceTime now, const uint8_t *data,
                                    size_t len)
{
    uint8_t passed[SL_DTLS_DATAGRAM_MAX];
    SluiceStatus status;
    size_t n = guard(self, self->role, self->associations[0], data, len, passed, &status);

    return n ? feed(self, now, passed, n, NULL) : status;
}

static void tell_flight(SluiceTransport *self, SluiceTime now, SluiceDirection direction,
                        const uint8_t *data, size_t len)
{
    SluiceEvent event = {.type = SLUICE_EVENT_FLIGHT, .time = now};

    sl_flight_note(&event.u.flight,
                   direction == SLUICE_RECEIVED ? SLUICE_ROLE_CLIENT : SLUICE_ROLE_SERVER, data,
                   len);
    event.u.flight.direction = direction;
    event.u.flight.retransmission =
        self->stats.hello_verify_requests > (direction == SLUICE_SENT_OUT);
    if (direction == SLUICE_SENT_OUT)
        self->stats.flights_sent++;
    else
        self->stats.flights_received++;
    sl_event_queue_push(&self->events, &event);
}

/* RFC 6347 section 4.2.1: no state, no more bytes than came in. */
static SluiceStatus ask_for_cookie(SluiceTransport *self, SluiceTime now,
                                   const SlClientHello *hello)
{
    uint8_t cookie[SL_COOKIE], request[SL_HELLO_VERIFY_REQUEST_MAX];
    size_t len;

    if (!sl_cookie_make(self->cookie_secret, hello, cookie))
        return drop_unexpected(self);
    len = sl_hello_verify_request(hello, cookie, request);
    sl_output_drop(&self->output, SL_OUTPUT_FLIGHT);
    if (sl_output_push(&self->output, SL_OUTPUT_FLIGHT, request, len) != SLUICE_OK)
        return SLUICE_DROPPED_FULL;
    self->stats.hello_verify_requests++;
    tell_flight(self, now, SLUICE_SENT_OUT, request, len);
    return SLUICE_OK;
}

static SluiceStatus hold_early(SluiceTransport *self, const uint8_t *data, size_t len)
{
    if (sl_inbox_push_early(&self->inbox, data, len) == SLUICE_OK)
        return SLUICE_OK;
    self->stats.dropped_inbox_full++;
    return SLUICE_DROPPED_FULL;
}

/* A server, or one that may become it, without an association: waits for the head of a ClientHello. The guard comes
 * first: what it drops makes no association and takes no role. */
static SluiceStatus await_hello(SluiceTransport *self, SluiceTime now, const uint8_t *data,
                                size_t len)
{
    uint8_t passed[SL_DTLS_DATAGRAM_MAX];
    SlClientHello hello;
    SluiceStatus status;
    size_t n = guard(self, SLUICE_ROLE_SERVER, NULL, data, len, passed, &status);
    SlHelloKind kind = n ? sl_client_hello_parse(passed, n, &hello) : SL_HELLO_BAD;
    int has_cookie;

    if (n == 0)
        return status;
    if (kind == SL_HELLO_LATER)
        return hold_early(self, data, len);
    if (kind != SL_HELLO_FIRST)
        return drop_unexpected(self);
    has_cookie = hello.cookie_len > 0 && sl_cookie_check(self->cookie_secret, &hello);
    /* Once a cookie was asked for there is no way back: the HelloVerifyRequest may be under way, and the client
     * that gets it starts anew with message 1. */
    if (!has_cookie && (!self->path_validated || self->stats.hello_verify_requests)) {
        tell_flight(self, now, SLUICE_RECEIVED, passed, n);
        return ask_for_cookie(self, now, &hello);
    }
    /* Message 1 answers a HelloVerifyRequest, and only one of ours. */
    if (hello.message_seq != (has_cookie ? 1 : 0))
        return drop_unexpected(self);
    if (self->state == SLUICE_STATE_LISTENING)
        sl_transport_connect_as(self, now, SLUICE_ROLE_SERVER);
    if (!sl_transport_associate(self, now, SLUICE_ROLE_SERVER))
        return SLUICE_NO_MEMORY;
    return feed(self, now, passed, n, has_cookie ? &hello : NULL);
}

static SluiceStatus route_dtls(SluiceTransport *self, SluiceTime now, const uint8_t *data,
                               size_t len)
{
    SluiceStatus status;

    switch (self->state) {
    case SLUICE_STATE_NEW:
        return hold_early(self, data, len);
    case SLUICE_STATE_LISTENING:
    case SLUICE_STATE_CONNECTING:
        if (self->associations[0])
            return receive_records(self, now, data, len);
        status = await_hello(self, now, data, len);
        /* Later fragments of the ClientHello may have overtaken its head. */
        if (self->associations[0])
            sl_transport_replay_early(self, now);
        return sl_transport_has_ended(self) ? SLUICE_ENDED : status;
    case SLUICE_STATE_UNVERIFIED:
    case SLUICE_STATE_CONNECTED:
        return receive_records(self, now, data, len);
    case SLUICE_STATE_MEDIA_ONLY:
        return drop_unexpected(self);
    case SLUICE_STATE_CLOSED:
    case SLUICE_STATE_FAILED:
    default:
        self->stats.dropped_ended++;
        return SLUICE_ENDED;
    }
}

static SluiceStatus receive_dtls(SluiceTransport *self, SluiceTime now, const uint8_t *data,
                                 size_t len)
{
    self->stats.dtls_received++;
    if (len > SL_DTLS_DATAGRAM_MAX) {
        self->stats.dropped_malformed++;
        return SLUICE_DROPPED_MALFORMED;
    }
    if (!self->path_validated && !self->config->allow_unvalidated &&
        !sl_transport_has_ended(self)) {
        self->stats.dropped_unvalidated++;
        return SLUICE_DROPPED_UNVALIDATED;
    }
    return route_dtls(self, now, data, len);
}

void sl_transport_replay_early(SluiceTransport *self, SluiceTime now)
{
    uint8_t copy[SL_DTLS_DATAGRAM_MAX];
    const uint8_t *data;
    size_t len, n = 0;

    /* Only those that wait now: what cannot be used yet is held again. */
    while (n < SL_EARLY_MAX && !sl_transport_has_ended(self) &&
           sl_inbox_peek_early(&self->inbox, &data, &len)) {
        memcpy(copy, data, len);
        sl_inbox_pop_early(&self->inbox);
        (void)route_dtls(self, now, copy, len);
        n++;
    }
}

/* -- the door ----------------------------------------------------------------------------------------------- */

SluiceStatus sluice_transport_receive(SluiceTransport *self, SluiceTime now, uint8_t *data,
                                      size_t *len, SluiceKind *kind)
{
    if (!self || !data || !len || !kind || *len > 65535)
        return SLUICE_INVALID_ARGUMENT;
    *kind = sluice_classify(data, *len);
    self->received_at = now;
    self->stats.packets_received++;
    self->stats.bytes_received += *len;
    switch (*kind) {
    case SLUICE_KIND_DTLS:
        return receive_dtls(self, now, data, *len);
    case SLUICE_KIND_RTP:
    case SLUICE_KIND_RTCP:
        return receive_media(self, kind, data, len);
    case SLUICE_KIND_STUN:
        self->stats.stun_received++;
        break;
    case SLUICE_KIND_ZRTP:
        self->stats.zrtp_received++;
        break;
    case SLUICE_KIND_TURN:
        self->stats.turn_received++;
        break;
    case SLUICE_KIND_QUIC:
        self->stats.quic_received++;
        break;
    case SLUICE_KIND_UNKNOWN:
    case SLUICE_KIND_DATA:
    case SLUICE_KIND_HELD:
    default:
        self->stats.unknown_received++;
        break;
    }
    return SLUICE_OK;
}
