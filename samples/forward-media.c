/* SPDX-License-Identifier: BSD-3-Clause */
#include "forward-media.h"

#include <string.h>

#include "forward-rtcp.h"

#define ROOM 2048
G_STATIC_ASSERT(FORWARD_PACKET_MAX + SLUICE_PROTECT_ROOM <= ROOM);
G_STATIC_ASSERT(FORWARD_STREAMS <= 32);

struct ForwardMedia {
    const uint8_t *payload_types;
    ForwardMediaFigures count;
    uint32_t own_ssrc; /* of what we ask for ourselves */
    ForwardPeer *publisher;
    GPtrArray *subscribers;
    ForwardStream streams[FORWARD_STREAMS];

    SluicePacket burst[FORWARD_BURST]; /* what came and has to go out */
    size_t streams_of[FORWARD_BURST];
    size_t n;
    size_t lens[FORWARD_GROUP][FORWARD_BURST];
    _Alignas(8) uint8_t copies[FORWARD_GROUP][FORWARD_BURST][ROOM];
};

ForwardMedia *forward_media_new(const uint8_t payload_types[128])
{
    ForwardMedia *self = g_new0(ForwardMedia, 1);

    self->payload_types = payload_types;
    self->own_ssrc = g_random_int();
    self->subscribers = g_ptr_array_new();
    return self;
}

void forward_media_free(ForwardMedia *self)
{
    g_ptr_array_unref(self->subscribers);
    g_free(self);
}

const ForwardMediaFigures *forward_media_figures(const ForwardMedia *self) { return &self->count; }

ForwardPeer *forward_media_publisher(const ForwardMedia *self) { return self->publisher; }

/* -- streams ------------------------------------------------------------------------------------------------ */

/* Nobody will hear of it again: each subscriber's transport may forget its SSRC too. */
static void end_stream(ForwardMedia *self, size_t i)
{
    self->streams[i].live = FALSE;
    for (guint k = 0; k < self->subscribers->len; k++) {
        ForwardPeer *subscriber = g_ptr_array_index(self->subscribers, k);
        ForwardLeg *leg = &subscriber->legs[i];

        if (leg->live)
            sluice_transport_remove_ssrc(subscriber->transport, SLUICE_SENT_OUT, leg->ssrc);
        leg->live = FALSE;
    }
}

void forward_media_set_publisher(ForwardMedia *self, ForwardPeer *publisher)
{
    ForwardPeer *before = self->publisher;

    forward_media_flush(self);
    for (size_t i = 0; i < FORWARD_STREAMS; i++)
        if (self->streams[i].live)
            end_stream(self, i);
    self->publisher = publisher;
    if (before != NULL && publisher != NULL)
        forward_peer_close(before);
}

/* Whoever authenticated the packet may make a stream; the place of one long silent is used again. */
static size_t find_stream(ForwardMedia *self, uint32_t ssrc, SluiceTime now)
{
    size_t place = FORWARD_STREAMS;

    for (size_t i = 0; i < FORWARD_STREAMS; i++) {
        ForwardStream *stream = &self->streams[i];

        if (stream->live && stream->ssrc == ssrc) {
            stream->heard_at = now;
            return i;
        }
        if (!stream->live || now - stream->heard_at > 10 * SLUICE_SECOND)
            place = i;
    }
    if (place == FORWARD_STREAMS)
        return place;
    if (self->streams[place].live)
        end_stream(self, place);
    self->streams[place] = (ForwardStream){.live = TRUE, .ssrc = ssrc, .heard_at = now};
    return place;
}

void forward_media_add_subscriber(ForwardMedia *self, ForwardPeer *subscriber)
{
    g_ptr_array_add(self->subscribers, subscriber);
}

void forward_media_remove_subscriber(ForwardMedia *self, ForwardPeer *subscriber)
{
    g_ptr_array_remove_fast(self->subscribers, subscriber);
}

/* -- RTP ---------------------------------------------------------------------------------------------------- */

/* The first sequence number lies in the lower half, so that no loss at the start can be taken for a wrap (RFC 3711
 * section 3.3.1), and not at its very end, for a packet that was overtaken. */
static void begin_leg(ForwardLeg *leg, const uint8_t *packet)
{
    uint16_t first = (uint16_t)g_random_int_range(0x100, 0x7fff);

    *leg = (ForwardLeg){.live = TRUE,
                        .ssrc = g_random_int(),
                        .sequence_offset = (uint16_t)(first - forward_get16(packet + 2)),
                        .timestamp_offset = g_random_int()};
}

static void aim(ForwardMedia *self, SluiceFanOut *output, ForwardPeer *subscriber, size_t p,
                uint8_t *copy)
{
    const uint8_t *packet = self->burst[p].data;
    ForwardLeg *leg = &subscriber->legs[self->streams_of[p]];

    if (!leg->live)
        begin_leg(leg, packet);
    *output = (SluiceFanOut){.transport = subscriber->transport,
                             .ssrc = leg->ssrc,
                             .sequence_number =
                                 (uint16_t)(forward_get16(packet + 2) + leg->sequence_offset),
                             .timestamp_offset = leg->timestamp_offset,
                             .payload_type = self->payload_types[packet[1] & 127],
                             .data = copy,
                             .capacity = ROOM};
}

static void fan_out(ForwardMedia *self, guint first, guint n, size_t p)
{
    const SluicePacket *packet = &self->burst[p];
    SluiceFanOut outputs[FORWARD_GROUP];
    size_t sealed;

    for (guint k = 0; k < n; k++)
        aim(self, &outputs[k], g_ptr_array_index(self->subscribers, first + k), p,
            self->copies[k][p]);
    sealed = sluice_fan_out(packet->data, packet->len, outputs, n);
    self->count.rtp_out += sealed;
    self->count.unsealed += n - sealed;
    for (guint k = 0; k < n; k++) {
        ForwardPeer *subscriber = g_ptr_array_index(self->subscribers, first + k);
        ForwardLeg *leg = &subscriber->legs[self->streams_of[p]];

        self->lens[k][p] = outputs[k].len;
        if (outputs[k].len > 0) {
            leg->packets++;
            leg->octets += (uint32_t)packet->len - 12;
        }
    }
}

/* All packets of the burst to one subscriber follow each other, so that they can go as one. */
static void send_group(ForwardMedia *self, guint first, guint n)
{
    ForwardSocket *socket = NULL;

    for (guint k = 0; k < n; k++) {
        ForwardPeer *subscriber = g_ptr_array_index(self->subscribers, first + k);

        socket = &subscriber->side->socket;
        for (size_t p = 0; p < self->n; p++)
            if (self->lens[k][p] > 0)
                forward_socket_queue(socket, &subscriber->address, self->copies[k][p],
                                     self->lens[k][p]);
    }
    if (socket != NULL)
        forward_socket_flush(socket);
}

void forward_media_flush(ForwardMedia *self)
{
    for (guint first = 0; self->n > 0 && first < self->subscribers->len; first += FORWARD_GROUP) {
        guint n = MIN(FORWARD_GROUP, self->subscribers->len - first);

        for (size_t p = 0; p < self->n; p++)
            fan_out(self, first, n, p);
        send_group(self, first, n);
    }
    self->n = 0;
}

void forward_media_take_rtp(ForwardMedia *self, uint8_t *packet, size_t len)
{
    size_t stream;

    self->count.rtp_in++;
    if (len > FORWARD_PACKET_MAX) {
        self->count.too_long++;
        return;
    }
    stream = find_stream(self, forward_get32(packet + 8), forward_now());
    if (stream == FORWARD_STREAMS) {
        self->count.too_many_streams++;
        return;
    }
    self->streams_of[self->n] = stream;
    self->burst[self->n++] = (SluicePacket){.data = packet, .len = len};
    if (self->n == FORWARD_BURST)
        forward_media_flush(self);
}

/* -- RTCP --------------------------------------------------------------------------------------------------- */

static gboolean send_rtcp(ForwardMedia *self, ForwardPeer *to, uint8_t *packet, size_t len,
                          size_t capacity)
{
    if (sluice_transport_protect(to->transport, SLUICE_KIND_RTCP, packet, &len, capacity) !=
        SLUICE_OK) {
        self->count.unsealed++;
        return FALSE;
    }
    forward_socket_queue(&to->side->socket, &to->address, packet, len);
    forward_socket_flush(&to->side->socket);
    return TRUE;
}

void forward_media_take_reports(ForwardMedia *self, const uint8_t *packet, size_t len)
{
    _Alignas(8) uint8_t out[FORWARD_RTCP_MAX + SLUICE_PROTECT_ROOM];
    unsigned ended = forward_rtcp_ended(self->streams, packet, len);

    self->count.rtcp_in++;
    forward_media_flush(self); /* a report speaks of what was sent before it */
    for (guint k = 0; k < self->subscribers->len; k++) {
        ForwardPeer *subscriber = g_ptr_array_index(self->subscribers, k);
        size_t n = forward_rtcp_down(self->streams, subscriber->legs, packet, len, out);

        if (n > 0)
            self->count.rtcp_out += send_rtcp(self, subscriber, out, n, sizeof out) != FALSE;
    }
    for (size_t i = 0; i < FORWARD_STREAMS; i++)
        if (ended & 1u << i)
            end_stream(self, i);
}

void forward_media_take_feedback(ForwardMedia *self, ForwardPeer *subscriber, const uint8_t *packet,
                                 size_t len)
{
    _Alignas(8) uint8_t out[FORWARD_RTCP_MAX + SLUICE_PROTECT_ROOM];
    size_t n;

    if (self->publisher == NULL)
        return;
    n = forward_rtcp_up(self->streams, subscriber->legs, packet, len, self->own_ssrc, forward_now(),
                        &self->count, out);
    if (n > 0)
        send_rtcp(self, self->publisher, out, n, sizeof out);
}
