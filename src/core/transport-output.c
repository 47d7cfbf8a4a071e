/* SPDX-License-Identifier: BSD-3-Clause */

/* What a transport gives beside media: ciphertext, messages, events, keys and figures. */

#include "transport.h"

#include <string.h>

/* Header, explicit nonce and tag of the largest AEAD record, with room to spare. */
#define RECORD_OVERHEAD 64

/* What needs a verified association that still speaks DTLS. */
static SluiceStatus require_connected(const SluiceTransport *self)
{
    if (sl_transport_has_ended(self))
        return SLUICE_ENDED;
    if (self->state == SLUICE_STATE_MEDIA_ONLY)
        return SLUICE_INVALID_STATE;
    if (self->state != SLUICE_STATE_CONNECTED)
        return SLUICE_NOT_READY;
    return SLUICE_OK;
}

SluiceStatus sluice_transport_send_data(SluiceTransport *self, SluiceTime now, const uint8_t *data,
                                        size_t len)
{
    SluiceStatus status;

    if (!self || !data || !len)
        return SLUICE_INVALID_ARGUMENT;
    status = require_connected(self);
    if (status != SLUICE_OK)
        return status;
    if (self->dtls_given_up)
        return SLUICE_INVALID_STATE;
    if (len > sl_dtls_max_data_size(self->associations[SL_LIVE])) {
        self->stats.data_too_large++;
        return SLUICE_TOO_LARGE;
    }
    if (!sl_output_has_room(&self->output, len + RECORD_OVERHEAD)) {
        self->stats.data_refused++;
        return SLUICE_WOULD_BLOCK;
    }
    status = sl_dtls_send(self->associations[SL_LIVE], now, data, len);
    if (status != SLUICE_OK) {
        sl_transport_after_dtls(self, now, SL_DTLS_DEAD);
        return SLUICE_ENDED;
    }
    self->stats.data_sent++;
    return SLUICE_OK;
}

size_t sluice_transport_max_data_size(const SluiceTransport *self)
{
    return self && self->associations[SL_LIVE] ? sl_dtls_max_data_size(self->associations[SL_LIVE])
                                               : 0;
}

int sluice_transport_peek_output(SluiceTransport *self, const uint8_t **data, size_t *len)
{
    SlOutputKind kind;

    return self && data && len && sl_output_peek(&self->output, &kind, data, len);
}

static void cut_smaller(SluiceTransport *self, SluiceTime now, uint32_t maker, size_t len)
{
    SlDtls *live = self->associations[SL_LIVE], *second = self->associations[SL_SECOND];

    if (live && sl_dtls_maker(live) == maker)
        sl_transport_after_dtls(self, now, sl_dtls_too_big(live, now, len));
    else if (second && sl_dtls_maker(second) == maker)
        sl_second_after_dtls(self, now, sl_dtls_too_big(second, now, len));
}

static void refused_for_size(SluiceTransport *self, SluiceTime now, SlOutputKind kind,
                             uint32_t maker, size_t len)
{
    SluiceEvent event = {.type = SLUICE_EVENT_DATA_TOO_BIG, .time = now, .u.size = len};

    self->stats.output_too_big++;
    if (kind == SL_OUTPUT_DATA)
        sl_event_queue_push(&self->events, &event);
    else if (kind == SL_OUTPUT_FLIGHT)
        cut_smaller(self, now, maker, len);
}

SluiceStatus sluice_transport_pop_output(SluiceTransport *self, SluiceTime now, SluiceSent how)
{
    SlOutputKind kind;
    const uint8_t *data;
    uint32_t maker;
    size_t len;

    if (!self || (unsigned)how > SLUICE_SEND_FAILED)
        return SLUICE_INVALID_ARGUMENT;
    if (!sl_output_peek(&self->output, &kind, &data, &len))
        return SLUICE_INVALID_STATE;
    maker = sl_output_maker(&self->output);
    if (self->captured && how == SLUICE_SENT)
        sl_transport_capture(self, SLUICE_CAPTURE_WIRE, SLUICE_SENT_OUT, SLUICE_KIND_DTLS, now,
                             data, len);
    sl_output_pop(&self->output);
    if (how == SLUICE_SENT) {
        self->stats.packets_sent++;
        self->stats.bytes_sent += len;
    } else if (how == SLUICE_SEND_TOO_BIG) {
        refused_for_size(self, now, kind, maker, len);
    } else {
        self->stats.output_failed++;
    }
    return SLUICE_OK;
}

/* Nothing before the peer is verified; what a verified peer sent stays readable after it has closed. */
static int may_read(const SluiceTransport *self)
{
    return sl_transport_is_verified(self) ||
           (sl_transport_has_ended(self) && !self->messages_dropped);
}

int sluice_transport_peek_message(SluiceTransport *self, SluiceMessage *message)
{
    return self && message && may_read(self) && sl_inbox_peek(&self->inbox, message);
}

SluiceStatus sluice_transport_pop_message(SluiceTransport *self)
{
    SluiceMessage message;

    if (!self)
        return SLUICE_INVALID_ARGUMENT;
    if (!may_read(self) || !sl_inbox_peek(&self->inbox, &message))
        return SLUICE_INVALID_STATE;
    sl_inbox_pop(&self->inbox);
    return SLUICE_OK;
}

int sluice_transport_next_event(SluiceTransport *self, SluiceEvent *event)
{
    return self && event && sl_event_queue_pop(&self->events, event);
}

SluiceStatus sluice_transport_get_stats(SluiceTransport *self, SluiceStats *stats, size_t size)
{
    SluiceStats now;

    if (!self || !stats || !size)
        return SLUICE_INVALID_ARGUMENT;
    now = self->stats;
    pthread_mutex_lock(&self->send_lock);
    now.rtp_protected = self->rtp_protected;
    now.rtcp_protected = self->rtcp_protected;
    now.packets_sent += self->rtp_protected + self->rtcp_protected;
    now.bytes_sent += self->protected_bytes;
    now.protect_failed = self->protect_failed;
    if (self->srtp_out)
        now.ssrcs_sent = sl_srtp_count_ssrcs(self->srtp_out, SLUICE_SENT_OUT);
    pthread_mutex_unlock(&self->send_lock);
    if (self->srtp)
        now.ssrcs_received = sl_srtp_count_ssrcs(self->srtp, SLUICE_RECEIVED);
    now.dtls_state = self->state;
    now.dtls_role = self->role;
    now.events_lost = self->events.lost;
    now.output_datagrams = (uint32_t)self->output.datagrams;
    now.output_bytes = (uint32_t)self->output.bytes;
    if (!self->messages_dropped) {
        now.inbox_messages = (uint32_t)(self->inbox.messages + self->inbox.held);
        now.inbox_bytes = (uint32_t)(self->inbox.message_bytes + self->inbox.held_bytes);
    }
    memset(stats, 0, size);
    memcpy(stats, &now, size < sizeof now ? size : sizeof now);
    return SLUICE_OK;
}

SluiceStatus sluice_transport_get_offer(const SluiceTransport *self, SluicePeerOffer *offer)
{
    if (!self || !offer)
        return SLUICE_INVALID_ARGUMENT;
    if (!self->offer.version)
        return SLUICE_NOT_READY;
    *offer = self->offer;
    return SLUICE_OK;
}

SluiceStatus sluice_transport_get_remote_certificate(const SluiceTransport *self,
                                                     const uint8_t **der, size_t *len)
{
    if (!self || !der || !len)
        return SLUICE_INVALID_ARGUMENT;
    if (!self->peer_der)
        return SLUICE_NOT_READY;
    *der = self->peer_der;
    *len = self->peer_der_len;
    return SLUICE_OK;
}

SluiceStatus sluice_transport_export(SluiceTransport *self, const char *label,
                                     const uint8_t *context, size_t context_len, uint8_t *out,
                                     size_t out_len)
{
    SluiceStatus status;

    if (!self || !label || !out || out_len < 1 || out_len > 8192 || context_len > 65535 ||
        (!context && context_len))
        return SLUICE_INVALID_ARGUMENT;
    status = require_connected(self);
    if (status != SLUICE_OK)
        return status;
    return sl_dtls_export(self->associations[SL_LIVE], label, context, context_len, out, out_len);
}
