/* SPDX-License-Identifier: BSD-3-Clause */

/* One datagram's way through a transport. */

#include "transport.h"

#include "classify.h"

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

/* What the live keys say of a packet that may have come under others. A number that they have seen says nothing: libsrtp looks
 * at it before the tag, and the others begin anew. Nor does a length: their tag may be shorter. */
static int may_be_of_others(SluiceStatus status, SluiceKind kind, const uint8_t *data, size_t len)
{
    return status == SLUICE_DROPPED_UNAUTHENTIC || status == SLUICE_DROPPED_REPLAYED ||
           (status == SLUICE_DROPPED_MALFORMED && sl_srtp_plausible(kind, data, len));
}

/* 1 if it was not opened for want of the keys of a second association, whose peer may have them already. */
static int is_for_second(const SluiceTransport *self, SluiceStatus status, SluiceKind kind,
                         const uint8_t *data, size_t len)
{
    return status != SLUICE_OK && sl_second_may_own_media(self) &&
           may_be_of_others(status, kind, data, len);
}

SluiceStatus sl_transport_open_media(void *transport, SluiceKind kind, uint8_t *data, size_t *len,
                                     uint32_t *generation)
{
    SluiceTransport *self = transport;

    self->opened = sl_transport_unprotect(self, kind, data, len, generation);
    if (!is_for_second(self, self->opened, kind, data, *len)) /* it is asked for there */
        count_media(self, kind, self->opened);
    return self->opened;
}

/* No key has opened it, but there may soon be one that does. It waits beside the inbox, for others are not to wait
 * for it. */
static SluiceStatus hold_for_second(SluiceTransport *self, SluiceKind *kind, const uint8_t *data,
                                    size_t len)
{
    if (sl_inbox_push_media(&self->second.inbox, *kind, 0, data, len) != SLUICE_OK) {
        self->stats.dropped_inbox_full++;
        return SLUICE_DROPPED_FULL;
    }
    self->stats.held++;
    *kind = SLUICE_KIND_HELD;
    return SLUICE_OK;
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
    self->opened = SLUICE_OK;
    if (self->srtp)
        sl_inbox_open(&self->inbox, sl_transport_open_media, self);
    if (is_for_second(self, self->opened, *kind, data, len))
        return hold_for_second(self, kind, data, len);
    self->stats.held++;
    *kind = SLUICE_KIND_HELD;
    return self->opened;
}

/* There are no keys yet, or older media waits, or it is over. */
static SluiceStatus receive_unopened(SluiceTransport *self, SluiceKind *kind, const uint8_t *data,
                                     size_t len)
{
    if (sl_transport_has_ended(self)) {
        self->stats.dropped_ended++;
        return SLUICE_ENDED;
    }
    if (self->config->n_profiles == 0) {
        self->stats.dropped_unexpected++;
        return SLUICE_DROPPED_UNEXPECTED;
    }
    if (!sl_srtp_plausible(*kind, data, len)) {
        self->stats.dropped_malformed++;
        return SLUICE_DROPPED_MALFORMED;
    }
    if (!self->srtp && !self->path_validated && !self->config->allow_unvalidated) {
        self->stats.dropped_unvalidated++; /* a stranger may not fill the inbox */
        return SLUICE_DROPPED_UNVALIDATED;
    }
    return hold_media(self, kind, data, len);
}

static SluiceStatus receive_media(SluiceTransport *self, SluiceKind *kind, uint8_t *data,
                                  size_t *len)
{
    uint32_t generation;
    SluiceStatus status;

    if (*kind == SLUICE_KIND_RTP)
        self->stats.rtp_received++;
    else
        self->stats.rtcp_received++;
    if (!self->srtp || sl_transport_has_ended(self) || sl_inbox_has_media(&self->inbox))
        return receive_unopened(self, kind, data, *len);
    status = sl_transport_unprotect(self, *kind, data, len, &generation);
    if (is_for_second(self, status, *kind, data, *len))
        return hold_for_second(self, kind, data, *len);
    count_media(self, *kind, status);
    return status;
}

/* What a packet under a candidate's keys, or the live one's, says of it. */
static void weigh_candidate(SluiceTransport *self, SluiceTime now)
{
    if (self->media_opened > self->generation)
        sl_second_promote(self, now);
    else if (self->media_opened == self->generation)
        sl_second_heard_live(self, now);
}

/* -- the door ----------------------------------------------------------------------------------------------- */

SluiceStatus sluice_transport_receive(SluiceTransport *self, SluiceTime now, uint8_t *data,
                                      size_t *len, SluiceKind *kind)
{
    SluiceStatus status;

    if (!self || !data || !len || !kind || *len > 65535)
        return SLUICE_INVALID_ARGUMENT;
    *kind = sl_classify(data, *len);
    self->received_at = now;
    self->stats.packets_received++;
    self->stats.bytes_received += *len;
    if (self->captured && *kind != SLUICE_KIND_DTLS)
        sl_transport_capture(self, SLUICE_CAPTURE_WIRE, SLUICE_RECEIVED, *kind, now, data, *len);
    switch (*kind) {
    case SLUICE_KIND_DTLS:
        status = sl_transport_receive_dtls(self, now, data, *len);
        /* Now that its secrets have been told; and one that comes again is shown once. */
        if (self->captured && status != SLUICE_WOULD_BLOCK)
            sl_transport_capture(self, SLUICE_CAPTURE_WIRE, SLUICE_RECEIVED, *kind, now, data,
                                 *len);
        return status;
    case SLUICE_KIND_RTP:
    case SLUICE_KIND_RTCP:
        __builtin_prefetch(self->srtp);
        sl_near_ask(&self->near);
        self->media_opened = 0;
        status = receive_media(self, kind, data, len);
        if (self->second.phase == SL_SECOND_CANDIDATE)
            weigh_candidate(self, now);
        return status;
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
