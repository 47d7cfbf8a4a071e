/* SPDX-License-Identifier: BSD-3-Clause */

/* What the ends send each other: each packet and message has a number, which its bytes follow from, and is entered with the
 * keys that its sender had. */

#include "simulate-world.h"

#include "vclock.h"

#include <string.h>

#define SIZE_MAX_SENT (12 + 400)

static uint32_t number_of(const World *self, const Packet *packet)
{
    return (uint32_t)(packet - self->packets);
}

static void put_number(uint8_t *out, uint32_t number)
{
    for (int i = 3; i >= 0; i--, number >>= 8)
        out[i] = (uint8_t)number;
}

static size_t header_of(SluiceKind kind)
{
    return kind == SLUICE_KIND_DATA ? 0 : kind == SLUICE_KIND_RTCP ? 8 : 12;
}

size_t media_make(const World *self, const Packet *packet, uint8_t *out)
{
    uint32_t number = number_of(self, packet);
    uint8_t fill = (uint8_t)(number * 7 + 1);
    size_t len = packet->size;

    if (packet->kind == SLUICE_KIND_DATA)
        memset(out, fill, len);
    else
        len =
            pair_make_media(out, packet->kind, packet->ssrc, packet->sequence, fill, packet->size);
    put_number(out + header_of(packet->kind), number);
    return len;
}

Packet *media_enter(World *self, int from, SluiceKind kind)
{
    Packet *packet = &self->packets[self->n_packets];
    const Life *life = life_of(self, from);
    unsigned stream = (unsigned)rng_below(&self->rng, 3);

    if (self->n_packets == PACKETS_MAX)
        return NULL;
    self->n_packets++;
    memset(packet, 0, sizeof *packet);
    packet->kind = kind;
    packet->from = from;
    packet->ssrc = 0x1000u * (unsigned)(from + 1) + stream;
    packet->size = (uint16_t)(8 + 4 * rng_below(&self->rng, 80));
    packet->keys = life->generation < GENERATIONS_MAX ? life->keys[life->generation].id : 0;
    if (kind == SLUICE_KIND_RTP)
        packet->sequence = ++self->ends[from].sequence[stream];
    return packet;
}

void media_withdraw(World *self) { self->n_packets--; }

void media_carry(World *self, const Packet *packet, const uint8_t *data, size_t len)
{
    link_send(&self->pair.end[packet->from].link, vclock_now(), number_of(self, packet) + 1, data,
              len);
}

static void count_waiting(World *self, int from)
{
    Life *life = life_of(self, from);

    life->waiting = self->pair.end[from].no_output ? life->waiting + 1 : 0;
    if (life->waiting > cast_limits[life->kind].output)
        world_wrong(self, "end %d has taken %u messages that wait", from, life->waiting);
}

SluiceStatus media_send_data(World *self, int from)
{
    PairEnd *end = &self->pair.end[from];
    Packet *packet = media_enter(self, from, SLUICE_KIND_DATA);
    uint8_t bytes[SIZE_MAX_SENT];
    SluiceStatus status;

    if (!packet)
        return SLUICE_OK;
    status = sluice_transport_send_data(end->transport, vclock_now(), bytes,
                                        media_make(self, packet, bytes));
    if (status != SLUICE_OK)
        return status;
    count_waiting(self, from);
    /* The mark is for this datagram alone, and it stands behind others if the network was busy. */
    end->tag =
        pair_stats(&self->pair, from).output_datagrams == 1 ? number_of(self, packet) + 1 : 0;
    pair_drain(&self->pair, from);
    end->tag = 0;
    return status;
}

static void send_media(World *self, int from, SluiceKind kind)
{
    _Alignas(8) uint8_t bytes[SIZE_MAX_SENT + SLUICE_PROTECT_ROOM];
    Packet *packet = media_enter(self, from, kind);
    SluiceStatus status;
    size_t len;

    if (!packet)
        return;
    len = media_make(self, packet, bytes);
    status = sluice_transport_protect(transport_of(self, from), kind, bytes, &len, sizeof bytes);
    if (status == SLUICE_OK)
        media_carry(self, packet, bytes, len);
    else if (!self->faults.out_of_memory)
        world_wrong(self, "end %d is verified, but a packet is refused: %s", from,
                    sluice_status_text(status));
}

void media_send_kind(World *self, int from, SluiceKind kind)
{
    SluiceStatus status;

    if (kind != SLUICE_KIND_DATA) {
        send_media(self, from, kind);
        return;
    }
    status = media_send_data(self, from);
    if (status != SLUICE_OK && status != SLUICE_WOULD_BLOCK && !self->faults.out_of_memory &&
        !self->wire.tampered)
        world_wrong(self, "end %d is connected, but data is refused: %s", from,
                    sluice_status_text(status));
}

void media_send(World *self, int from)
{
    const Life *life = life_of(self, from);
    unsigned which = (unsigned)rng_below(&self->rng, 8);

    if (!transport_of(self, from) || !world_runs(self, from) || !life_sends(life))
        return;
    if (which < 6)
        media_send_kind(self, from, which < 5 ? SLUICE_KIND_RTP : SLUICE_KIND_RTCP);
    else if (life->state == SLUICE_STATE_CONNECTED && !life->given_up)
        media_send_kind(self, from, SLUICE_KIND_DATA);
}

/* -- arrivals ------------------------------------------------------------------------------------------------- */

/* 1 if an end in this life has to take what came under the keys @id: they are in force, or were until lately and nothing has
 * begun since, for nobody has the keys of three associations. */
static int has_keys(const Life *life, uint64_t id)
{
    const Keys *now = &life->keys[life->generation];

    if (!id || life->generation == 0 || life->generation >= GENERATIONS_MAX)
        return 0;
    return now->id == id || (life->generation > 1 && now[-1].id == id && life->begun < now->since &&
                             vclock_now() < now->since + cast_limits[life->kind].overlap);
}

static int is_verified(const Life *life)
{
    return life->state == SLUICE_STATE_CONNECTED || life->state == SLUICE_STATE_MEDIA_ONLY;
}

/* @life is still as it was before the datagram came. */
static void judge_media(World *self, int to, Packet *packet, SluiceStatus status)
{
    const Life *life = life_of(self, to);

    if (!is_verified(life) || !has_keys(life, packet->keys) || life->ssrcs_touched ||
        packet->arrived || packet->got > 1)
        return;
    if (status == SLUICE_OK)
        packet->required = 1;
    else if (status != SLUICE_ENDED && status != SLUICE_DROPPED_REPLAYED &&
             !(status == SLUICE_DROPPED_FULL && life->kind == CONFIG_SMALL))
        world_wrong(self, "end %d refused packet %u, whose keys it has: %s", to,
                    (unsigned)(packet - self->packets), sluice_status_text(status));
}

static void judge_data(World *self, int to, Packet *packet, SluiceStatus status)
{
    const Life *life = life_of(self, to);

    if (life->state == SLUICE_STATE_CONNECTED && has_keys(life, packet->keys) &&
        status == SLUICE_DROPPED_FULL && life->keys[life->generation].id == packet->keys)
        world_wrong(self, "end %d dropped message %u; it has to say that it would block", to,
                    (unsigned)(packet - self->packets));
    /* Records that somebody else has made under the keys use up numbers. */
    if (life->state == SLUICE_STATE_CONNECTED && has_keys(life, packet->keys) && !life->given_up &&
        !packet->arrived && status == SLUICE_OK && !self->wire.tampered && !self->muddied)
        packet->required = 1;
}

void media_arrived(World *self, int to, const LinkDatagram *datagram, SluiceStatus status)
{
    Packet *packet;

    if (datagram->tag == 0 || datagram->damaged || self->faults.out_of_memory ||
        !transport_of(self, to))
        return;
    packet = &self->packets[datagram->tag - 1];
    if (packet->kind == SLUICE_KIND_DATA)
        judge_data(self, to, packet, status);
    else
        judge_media(self, to, packet, status);
    if (packet->required && !packet->arrived)
        packet->to = (unsigned char)self->ends[to].n;
    packet->arrived = 1;
}

/* A message is one that the other end has sent, whole, under the keys it is told to have come under, and the first. */
void media_got(World *self, int to, SluiceKind kind, uint32_t generation, const uint8_t *data,
               size_t len)
{
    const Life *life = life_of(self, to);
    uint8_t expected[SIZE_MAX_SENT];
    size_t header = header_of(kind);
    const uint8_t *at = data + header;
    uint32_t number;
    Packet *packet;

    number = len >= header + 4
                 ? (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3]
                 : PACKETS_MAX;
    if (number >= self->n_packets || self->packets[number].from == to ||
        self->packets[number].kind != kind ||
        media_make(self, &self->packets[number], expected) != len ||
        memcmp(expected, data, len) != 0) {
        world_wrong(self, "end %d got something that nobody sent, %zu bytes", to, len);
        return;
    }
    packet = &self->packets[number];
    self->result->messages++;
    if (packet->got++)
        world_wrong(self, "end %d got message %u twice", to, (unsigned)number);
    if (generation == 0 || generation > life->generation)
        world_wrong(self, "end %d got message %u under generation %u, it is at %u", to,
                    (unsigned)number, (unsigned)generation, (unsigned)life->generation);
    else if (generation < GENERATIONS_MAX && life->keys[generation].id && packet->keys &&
             life->keys[generation].id != packet->keys)
        world_wrong(self,
                    "end %d got message %u under generation %u, but it was sent under other keys",
                    to, (unsigned)number, (unsigned)generation);
    if (life->stats.connected_at == SLUICE_TIME_NEVER)
        world_wrong(self, "end %d got a message before the peer was verified", to);
}
