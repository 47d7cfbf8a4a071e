/* SPDX-License-Identifier: BSD-3-Clause */

/* Calls of media, right and wrong, at any moment. What they seal is sent and has to arrive like the rest. */

#include "simulate-world.h"

#include "vclock.h"

#include <sluice/media.h>

#include <string.h>

#define ROOM 600 /* for any packet that is sent here */

typedef struct {
    _Alignas(8) uint8_t bytes[ROOM];
} Buffer;

/* What a call that needs keys answers when there are none. */
static int without_keys(const Life *life)
{
    return life_has_ended(life) ? SLUICE_ENDED : SLUICE_NOT_READY;
}

static SluiceStatus protect(World *self, int end, Buffer *buffer, size_t *len, size_t capacity)
{
    return sluice_transport_protect(transport_of(self, end), SLUICE_KIND_RTP, buffer->bytes, len,
                                    capacity);
}

/* Wrong in every way, and once right: the second time it is refused. */
static void call_protect(World *self, int end, const Life *life)
{
    int verified = life_sends(life);
    Buffer plain, buffer;
    size_t len = pair_make_media(plain.bytes, SLUICE_KIND_RTP, 0xbad,
                                 ++self->ends[end].bad_sequence, 3, 40),
           n = len;
    SluiceStatus status;

    buffer = plain;
    api_expects(self, protect(self, end, &buffer, &n, n + 4),
                verified ? SLUICE_NO_ROOM : without_keys(life), "end %d: protect without room",
                end);
    n = 5;
    status = protect(self, end, &buffer, &n, sizeof buffer);
    if (status != SLUICE_INVALID_ARGUMENT)
        api_expects(self, status, without_keys(life), "end %d: protect of 5 bytes", end);
    if (memcmp(&buffer, &plain, len) != 0)
        world_wrong(self, "end %d: protect altered what it refused", end);
    n = len;
    api_expects(self, protect(self, end, &buffer, &n, sizeof buffer),
                verified ? SLUICE_OK : without_keys(life), "end %d: protect", end);
    if (!verified && memcmp(&buffer, &plain, len) != 0)
        world_wrong(self, "end %d: protect altered what it refused", end);
    buffer = plain;
    n = len;
    api_expects(self, protect(self, end, &buffer, &n, sizeof buffer),
                verified ? SLUICE_KEY_EXHAUSTED : without_keys(life), "end %d: protect twice", end);
}

/* The middle one of three is no packet. */
static void call_batch(World *self, int end, const Life *life)
{
    Packet *entries[3] = {media_enter(self, end, SLUICE_KIND_RTP), NULL,
                          media_enter(self, end, SLUICE_KIND_RTCP)};
    SluicePacket packets[3];
    Buffer buffers[3];
    size_t done;

    if (!entries[0] || !entries[2])
        return;
    for (int i = 0; i < 3; i++) {
        packets[i].kind = entries[i] ? entries[i]->kind : SLUICE_KIND_RTP;
        packets[i].data = buffers[i].bytes;
        packets[i].len = entries[i] ? media_make(self, entries[i], buffers[i].bytes) : 3;
        packets[i].capacity = ROOM;
    }
    done = sluice_transport_protect_batch(transport_of(self, end), packets, 3);
    for (int i = 0; i < 3; i += 2) {
        api_expects(self, packets[i].status, life_sends(life) ? SLUICE_OK : without_keys(life),
                    "end %d: packet %d of a batch", end, i);
        if (packets[i].status == SLUICE_OK)
            media_carry(self, entries[i], packets[i].data, packets[i].len);
    }
    if (!self->faults.out_of_memory && done != (life_sends(life) ? 2u : 0u))
        world_wrong(self, "end %d: a batch came to %zu", end, done);
}

/* To both ends at once: each copy has a header and keys of its own. */
static void call_fan_out(World *self, int end, const Life *life)
{
    Packet *entries[2] = {media_enter(self, end, SLUICE_KIND_RTP),
                          media_enter(self, !end, SLUICE_KIND_RTP)};
    SluiceFanOut outputs[2];
    Buffer buffers[2], packet;
    size_t len, done, fine = 0;

    (void)life;
    if (!entries[0] || !entries[1])
        return;
    /* One payload goes to both: the number in it is that of the first, so the second is only sealed. */
    len = media_make(self, entries[0], packet.bytes);
    packet.bytes[8] ^= 0x55;
    for (int i = 0; i < 2; i++) {
        outputs[i] = (SluiceFanOut){.transport = transport_of(self, i ? !end : end),
                                    .ssrc = entries[i]->ssrc,
                                    .sequence_number = entries[i]->sequence,
                                    .timestamp_offset = 0,
                                    .payload_type = 96,
                                    .data = buffers[i].bytes,
                                    .capacity = ROOM};
    }
    done = sluice_fan_out(packet.bytes, len, outputs, 2);
    for (int i = 0; i < 2; i++) {
        int to = i ? !end : end;
        const Life *its = life_of(self, to);

        if (!outputs[i].transport)
            continue;
        fine += outputs[i].status == SLUICE_OK;
        api_expects(self, outputs[i].status, life_sends(its) ? SLUICE_OK : without_keys(its),
                    "end %d: fan_out", to);
    }
    if (outputs[0].status == SLUICE_OK)
        media_carry(self, entries[0], outputs[0].data, outputs[0].len);
    if (done != fine)
        world_wrong(self, "fan_out counts %zu of %zu", done, fine);
}

static void call_send_data(World *self, int end, const Life *life)
{
    SluiceTransport *transport = transport_of(self, end);
    static const uint8_t bytes[20000];
    int refused = life_has_ended(life)                     ? SLUICE_ENDED
                  : life->state == SLUICE_STATE_MEDIA_ONLY ? SLUICE_INVALID_STATE
                  : life->state != SLUICE_STATE_CONNECTED  ? SLUICE_NOT_READY
                  : life->given_up                         ? SLUICE_INVALID_STATE
                                                           : SLUICE_OK;
    SluiceStatus status;

    api_expects(self, sluice_transport_send_data(transport, vclock_now(), bytes, 0),
                SLUICE_INVALID_ARGUMENT, "end %d: send_data of nothing", end);
    api_expects(self, sluice_transport_send_data(transport, vclock_now(), bytes, sizeof bytes),
                refused ? refused : SLUICE_TOO_LARGE, "end %d: send_data of 20000 bytes", end);
    status = media_send_data(self, end);
    if (status != SLUICE_OK && (refused || status != SLUICE_WOULD_BLOCK) &&
        !(status == SLUICE_ENDED && self->wire.tampered))
        api_expects(self, status, refused, "end %d: send_data", end);
    if (status == SLUICE_OK && refused && self->n_packets < PACKETS_MAX)
        world_wrong(self, "end %d is %s and takes data", end, sluice_state_name(life->state));
}

static int is_verified(const Life *life)
{
    return life->state == SLUICE_STATE_CONNECTED || life->state == SLUICE_STATE_MEDIA_ONLY;
}

/* The life of an SSRC that media runs on, and of one that nobody has. */
static void call_ssrc(World *self, int end, const Life *life)
{
    SluiceTransport *transport = transport_of(self, end);
    SluiceDirection direction = (SluiceDirection)rng_below(&self->rng, 2);
    int from = direction == SLUICE_SENT_OUT ? end : !end;
    uint32_t ssrc = 0x1000u * (unsigned)(from + 1) + (uint32_t)rng_below(&self->rng, 3), roc;
    SluiceStatus status = sluice_transport_get_roc(transport, direction, ssrc, &roc), removed;

    if (direction == SLUICE_SENT_OUT ? !life_sends(life) : !is_verified(life)) {
        api_expects(self, status, without_keys(life), "end %d: get_roc", end);
        api_expects(self, sluice_transport_remove_ssrc(transport, direction, ssrc),
                    without_keys(life), "end %d: remove_ssrc", end);
        api_expects(self, sluice_transport_set_roc(transport, direction, ssrc, 0),
                    without_keys(life), "end %d: set_roc", end);
        return;
    }
    if (status == SLUICE_OK && roc != 0)
        world_wrong(self, "end %d: an SSRC has rolled over", end);
    if (status != SLUICE_OK)
        api_expects(self, status, SLUICE_INVALID_ARGUMENT, "end %d: get_roc", end);
    api_expects(self, sluice_transport_get_roc(transport, direction, 0xdead, &roc),
                SLUICE_INVALID_ARGUMENT, "end %d: get_roc of no SSRC", end);
    api_expects(self, sluice_transport_remove_ssrc(transport, direction, 0xdead),
                SLUICE_INVALID_ARGUMENT, "end %d: remove_ssrc of no SSRC", end);
    if (!rng_chance(&self->rng, 0.3))
        return;
    removed = sluice_transport_remove_ssrc(transport, direction, ssrc);
    if (removed !=
        SLUICE_INVALID_ARGUMENT) /* one that had gone before is remembered, and no more */
        api_expects(self, removed, (int)status, "end %d: remove_ssrc", end);
    /* What was under way, and older than the last one that came, is refused from here on. */
    life_of(self, end)->ssrcs_touched |= direction == SLUICE_RECEIVED;
    if (direction == SLUICE_RECEIVED && rng_chance(&self->rng, 0.5))
        faults_replay(&self->faults, end, SLUICE_SECOND);
    if (status == SLUICE_OK)
        api_expects(self, sluice_transport_get_roc(transport, direction, ssrc, &roc), SLUICE_OK,
                    "end %d: get_roc of one that has gone", end);
}

void api_media_acts(World *self, int end)
{
    static void (*const calls[])(World * self, int end, const Life *life) = {
        call_protect, call_batch, call_fan_out, call_send_data, call_ssrc};
    static const char *const names[] = {"protect", "protect_batch", "fan_out", "send_data", "ssrc"};
    unsigned which = (unsigned)rng_below(&self->rng, sizeof calls / sizeof *calls);

    trace_add(self->trace, "end %d: call %s", end, names[which]);
    calls[which](self, end, life_of(self, end));
}
