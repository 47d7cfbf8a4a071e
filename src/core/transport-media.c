/* SPDX-License-Identifier: BSD-3-Clause */

/* Media on its way out, one packet or many, and many on their way in. */

#include "transport.h"

#include <sluice/media.h>

#include <string.h>

static SluiceStatus protect_locked(SluiceTransport *self, SluiceKind kind, uint8_t *data,
                                   size_t *len, size_t capacity)
{
    SluiceStatus status;

    sl_near_ask(&self->near_out);
    if (self->srtp_out && !self->capture_copy)
        status = sl_srtp_protect(self->srtp_out, kind, data, len, capacity);
    else if (self->srtp_out)
        status = sl_transport_protect_captured(self, kind, data, len, capacity);
    else
        status = self->ended ? SLUICE_ENDED : SLUICE_NOT_READY;
    if (status != SLUICE_OK) {
        self->protect_failed++;
    } else {
        if (sl_near_is_due(self->rtp_protected))
            sl_srtp_get_near(self->srtp_out, SLUICE_SENT_OUT, &self->near_out);
        self->protected_bytes += *len;
        if (kind == SLUICE_KIND_RTP)
            self->rtp_protected++;
        else
            self->rtcp_protected++;
    }
    return status;
}

static int is_media(SluiceKind kind) { return kind == SLUICE_KIND_RTP || kind == SLUICE_KIND_RTCP; }

SluiceStatus sluice_transport_protect(SluiceTransport *self, SluiceKind kind, uint8_t *data,
                                      size_t *len, size_t capacity)
{
    SluiceStatus status;

    if (!self || !data || !len || !is_media(kind))
        return SLUICE_INVALID_ARGUMENT;
    pthread_mutex_lock(&self->send_lock);
    status = protect_locked(self, kind, data, len, capacity);
    pthread_mutex_unlock(&self->send_lock);
    return status;
}

/* -- batches ------------------------------------------------------------------------------------------------ */

size_t sluice_transport_protect_batch(SluiceTransport *self, SluicePacket *packets, size_t n)
{
    size_t done = 0;

    if (!packets || n == 0)
        return 0;
    if (self)
        pthread_mutex_lock(&self->send_lock);
    for (size_t i = 0; i < n; i++) {
        SluicePacket *packet = &packets[i];

        if (!self || !packet->data || !is_media(packet->kind))
            packet->status = SLUICE_INVALID_ARGUMENT;
        else
            packet->status =
                protect_locked(self, packet->kind, packet->data, &packet->len, packet->capacity);
        done += packet->status == SLUICE_OK;
    }
    if (self)
        pthread_mutex_unlock(&self->send_lock);
    return done;
}

size_t sluice_transport_receive_batch(SluiceTransport *self, SluiceTime now, SluicePacket *packets,
                                      size_t n)
{
    if (!packets)
        return 0;
    for (size_t i = 0; i < n; i++) {
        SluicePacket *packet = &packets[i];

        packet->status =
            sluice_transport_receive(self, now, packet->data, &packet->len, &packet->kind);
        if (packet->status == SLUICE_WOULD_BLOCK) {
            for (size_t later = i + 1; later < n; later++)
                packets[later].status = SLUICE_WOULD_BLOCK;
            return i;
        }
    }
    return n;
}

/* -- what comes next ----------------------------------------------------------------------------------------- */

/* Among thousands of transports the one to come is in no cache. Nothing of it is read here but where its things are. */

/* Its lock, keys and figures. */
static void ask_for_sender(const SluiceTransport *self)
{
    __builtin_prefetch(&self->send_lock, 1);
    __builtin_prefetch(&self->ended, 1);
}

void sluice_transport_expect(SluiceTransport *self, SluiceDirection direction)
{
    if (!self)
        return;
    if (direction == SLUICE_SENT_OUT) {
        ask_for_sender(self);
        sl_near_expect(&self->near_out);
        return;
    }
    __builtin_prefetch(self->srtp);
    __builtin_prefetch(&self->stats, 1);
    __builtin_prefetch((const char *)&self->stats + 64, 1);
    __builtin_prefetch(&self->second);
    sl_near_expect(&self->near);
}

/* -- fan-out ------------------------------------------------------------------------------------------------ */

static void put_16(uint8_t *p, uint16_t value)
{
    p[0] = (uint8_t)(value >> 8);
    p[1] = (uint8_t)value;
}

static void put_32(uint8_t *p, uint32_t value)
{
    put_16(p, (uint16_t)(value >> 16));
    put_16(p + 2, (uint16_t)value);
}

/* The fixed header of RFC 3550 section 5.1, as far as it is read. */
typedef struct {
    uint8_t marker; /* its bit, where it stands */
    uint32_t timestamp;
} Header;

/* The copy of @output, its header rewritten: marker, padding, CSRCs and extension stay. */
static void copy_for(const SluiceFanOut *output, const Header *header, const uint8_t *packet,
                     size_t len)
{
    uint8_t *to = output->data;

    memcpy(to, packet, len);
    to[1] = (uint8_t)(header->marker | output->payload_type);
    put_16(to + 2, output->sequence_number);
    put_32(to + 4, header->timestamp + output->timestamp_offset);
    put_32(to + 8, output->ssrc);
}

static int output_fits(const SluiceFanOut *output)
{
    return output->transport && output->data && output->payload_type < 128;
}

/* Under the lock of its transport. What is not sealed has no length: nobody sends plaintext by mistake. */
static int fill(SluiceFanOut *output, const Header *header, const uint8_t *packet, size_t len)
{
    size_t sealed = len;

    if (output->capacity >= len)
        copy_for(output, header, packet, len);
    output->status =
        protect_locked(output->transport, SLUICE_KIND_RTP, output->data, &sealed, output->capacity);
    output->len = output->status == SLUICE_OK ? sealed : 0;
    return output->status == SLUICE_OK;
}

static void refuse(SluiceFanOut *output)
{
    output->status = SLUICE_INVALID_ARGUMENT;
    output->len = 0;
}

size_t sluice_fan_out(const uint8_t *packet, size_t len, SluiceFanOut *outputs, size_t n)
{
    SluiceTransport *locked = NULL;
    Header header = {0};
    size_t done = 0;
    int is_rtp = packet && sl_srtp_plausible(SLUICE_KIND_RTP, packet, len);

    if (!outputs)
        return 0;
    if (is_rtp) {
        header.marker = packet[1] & 0x80;
        header.timestamp = (uint32_t)packet[4] << 24 | (uint32_t)packet[5] << 16 |
                           (uint32_t)packet[6] << 8 | packet[7];
    }
    for (size_t i = 0; i < n; i++) {
        SluiceFanOut *output = &outputs[i];

        if (i + 2 < n && outputs[i + 2].transport)
            ask_for_sender(outputs[i + 2].transport);
        if (!is_rtp || !output_fits(output)) {
            refuse(output);
            continue;
        }
        if (output->transport != locked) {
            if (locked)
                pthread_mutex_unlock(&locked->send_lock);
            locked = output->transport;
            pthread_mutex_lock(&locked->send_lock);
        }
        done += fill(output, &header, packet, len) != 0;
    }
    if (locked)
        pthread_mutex_unlock(&locked->send_lock);
    return done;
}
