/* SPDX-License-Identifier: BSD-3-Clause */
#include "pair.h"

#include "alloc.h"
#include "vclock.h"

#include <assert.h>
#include <string.h>

#define SPINS_MAX 50

static void open_end(Pair *self, int n, SluiceConfig *config, const LinkSettings *settings)
{
    PairEnd *end = &self->end[n];

    end->config = sluice_config_ref(config);
    end->transport = sluice_transport_new(config);
    link_init(&end->link, settings, &self->rng);
}

void pair_open(Pair *self, SluiceConfig *a, SluiceConfig *b, const LinkSettings *settings,
               uint64_t seed)
{
    memset(self, 0, sizeof *self);
    rng_init(&self->rng, seed);
    open_end(self, 0, a, settings);
    open_end(self, 1, b, settings);
    self->begun = vclock_now();
}

static void close_end(PairEnd *end)
{
    sluice_transport_free(end->transport);
    sluice_config_unref(end->config);
    link_cleanup(&end->link);
    for (size_t i = 0; i < end->n_messages; i++)
        test_free(end->messages[i].data);
    test_free(end->messages);
    test_free(end->events);
    test_free(end->sent);
}

void pair_close(Pair *self)
{
    close_end(&self->end[0]);
    close_end(&self->end[1]);
    memset(self, 0, sizeof *self);
}

SluiceStatus pair_know(Pair *self, int end)
{
    SluiceCertificate *peer = sluice_config_get_certificate(self->end[!end].config);
    SluiceFingerprint fingerprint;
    SluiceStatus status =
        sluice_certificate_get_fingerprint(peer, SLUICE_HASH_SHA256, &fingerprint);

    if (status == SLUICE_OK)
        status = sluice_transport_set_remote_fingerprints(self->end[end].transport, vclock_now(),
                                                          &fingerprint, 1);
    pair_drain(self, end);
    return status;
}

SluiceStatus pair_start(Pair *self, int end, SluiceRole role)
{
    SluiceStatus status = sluice_transport_start(self->end[end].transport, vclock_now(), role);

    pair_drain(self, end);
    return status;
}

void pair_start_both(Pair *self)
{
    for (int end = 0; end < 2; end++) {
        sluice_transport_set_path_validated(self->end[end].transport, vclock_now(), 1);
        pair_know(self, end);
    }
    pair_start(self, 0, SLUICE_ROLE_CLIENT);
    pair_start(self, 1, SLUICE_ROLE_SERVER);
}

void pair_reboot(Pair *self, int n)
{
    PairEnd *end = &self->end[n];

    sluice_transport_free(end->transport);
    end->transport = sluice_transport_new(end->config);
    sluice_transport_set_path_validated(end->transport, vclock_now(), 1);
    pair_know(self, n);
}

/* Logs grow by doubling: the array is full whenever the count is 0 or a power of two from 16 on. */
static void *grown(void *array, size_t count, size_t element)
{
    if (count != 0 && (count < 16 || (count & (count - 1)) != 0))
        return array;
    return test_realloc(array, (count < 16 ? 16 : 2 * count) * element);
}

static void log_message(PairEnd *end, SluiceKind kind, uint32_t generation, uint32_t keys,
                        const uint8_t *data, size_t len)
{
    PairMessage *message;

    end->messages = grown(end->messages, end->n_messages, sizeof *message);
    message = &end->messages[end->n_messages++];
    message->kind = kind;
    message->generation = generation;
    message->keys = keys;
    message->time = vclock_now();
    message->len = len;
    message->data = test_malloc(len);
    memcpy(message->data, data, len);
}

static void send_output(PairEnd *end)
{
    const uint8_t *data;
    size_t len;

    while (!end->no_output && sluice_transport_peek_output(end->transport, &data, &len)) {
        int refused = end->emsgsize && len > end->emsgsize;

        if (!refused) {
            PairSent *sent;

            end->sent = grown(end->sent, end->n_sent, sizeof *sent);
            sent = &end->sent[end->n_sent++];
            sent->time = vclock_now();
            sent->len = len;
            sent->type = data[0];
            link_send(&end->link, vclock_now(), end->tag, data, len);
        }
        sluice_transport_pop_output(end->transport, vclock_now(),
                                    refused ? SLUICE_SEND_TOO_BIG : SLUICE_SENT);
    }
}

void pair_drain(Pair *self, int n)
{
    PairEnd *end = &self->end[n];
    SluiceMessage message;
    SluiceEvent event;

    if (!end->transport)
        return;
    send_output(end);
    while (!end->no_reading && sluice_transport_peek_message(end->transport, &message)) {
        log_message(end, message.kind, message.generation, message.generation, message.data,
                    message.len);
        sluice_transport_pop_message(end->transport);
    }
    while (sluice_transport_next_event(end->transport, &event)) {
        end->events = grown(end->events, end->n_events, sizeof event);
        end->events[end->n_events++] = event;
    }
}

static void give(Pair *self, int to, LinkDatagram *datagram)
{
    PairEnd *end = &self->end[to];
    SluiceKind kind = SLUICE_KIND_UNKNOWN;
    size_t len = datagram->len;
    SluiceStatus status =
        sluice_transport_receive(end->transport, vclock_now(), datagram->data, &len, &kind);

    if (status == SLUICE_WOULD_BLOCK) {
        end->would_block++;
        pair_drain(self, to);
        status =
            sluice_transport_receive(end->transport, vclock_now(), datagram->data, &len, &kind);
    }
    end->last_status = status;
    if (sluice_status_is_dropped(status))
        end->refused++;
    if (status == SLUICE_OK && (kind == SLUICE_KIND_RTP || kind == SLUICE_KIND_RTCP))
        log_message(end, kind, 0, sluice_transport_get_media_generation(end->transport),
                    datagram->data, len);
    pair_drain(self, to);
    if (self->delivered)
        self->delivered(self, to, datagram, status);
}

/* When an end takes note of what happens at @at. */
static SluiceTime noticed(const PairEnd *end, SluiceTime at)
{
    return at < end->stopped_until ? end->stopped_until : at;
}

static SluiceTime timer_of(const PairEnd *end)
{
    SluiceTime due =
        end->transport ? sluice_transport_next_timeout(end->transport) : SLUICE_TIME_NEVER;

    return noticed(end, due);
}

static SluiceTime arrival_from(const Pair *self, int from)
{
    return noticed(&self->end[!from], link_next(&self->end[from].link));
}

/* Datagrams before timers, as rule 14 asks of a program that wakes up late. */
static int deliver(Pair *self, SluiceTime limit)
{
    int from = arrival_from(self, 0) <= arrival_from(self, 1) ? 0 : 1;
    SluiceTime at = arrival_from(self, from);
    LinkDatagram *datagram;

    if (at == SLUICE_TIME_NEVER || at > limit || at > timer_of(&self->end[0]) ||
        at > timer_of(&self->end[1]))
        return 0;
    vclock_advance_to(at);
    datagram = link_take(&self->end[from].link, vclock_now());
    give(self, !from, datagram);
    link_free_datagram(datagram);
    self->spins = 0;
    return 1;
}

static int expire(Pair *self, SluiceTime limit)
{
    int end = timer_of(&self->end[0]) <= timer_of(&self->end[1]) ? 0 : 1;
    SluiceTime at = timer_of(&self->end[end]);
    SluiceStatus status;

    if (at == SLUICE_TIME_NEVER || at > limit)
        return 0;
    self->spins = at <= vclock_now() ? self->spins + 1 : 0;
    if (self->spins > SPINS_MAX) {
        self->spun = 1;
        return 0;
    }
    vclock_advance_to(at);
    status = sluice_transport_handle_timeout(self->end[end].transport, vclock_now());
    if (self->expired)
        self->expired(self, end, status);
    pair_drain(self, end);
    return 1;
}

int pair_step(Pair *self, SluiceTime limit) { return deliver(self, limit) || expire(self, limit); }

void pair_run(Pair *self, SluiceTime duration)
{
    SluiceTime limit = vclock_now() + duration;

    while (pair_step(self, limit))
        ;
    vclock_advance_to(limit);
}

int pair_run_until(Pair *self, PairCondition condition, SluiceTime limit)
{
    while (!condition(self))
        if (!pair_step(self, limit))
            return 0;
    return 1;
}

int pair_both_connected(const Pair *self)
{
    return pair_state(self, 0) == SLUICE_STATE_CONNECTED &&
           pair_state(self, 1) == SLUICE_STATE_CONNECTED;
}

int pair_both_over(const Pair *self)
{
    return pair_state(self, 0) >= SLUICE_STATE_CLOSED && pair_state(self, 1) >= SLUICE_STATE_CLOSED;
}

int pair_both_settled(const Pair *self)
{
    return pair_state(self, 0) >= SLUICE_STATE_CONNECTED &&
           pair_state(self, 1) >= SLUICE_STATE_CONNECTED;
}

SluiceStatus pair_send_data(Pair *self, int end, const void *data, size_t len)
{
    SluiceStatus status =
        sluice_transport_send_data(self->end[end].transport, vclock_now(), data, len);

    pair_drain(self, end);
    return status;
}

static void put_32(uint8_t *out, uint32_t value)
{
    out[0] = (uint8_t)(value >> 24);
    out[1] = (uint8_t)(value >> 16);
    out[2] = (uint8_t)(value >> 8);
    out[3] = (uint8_t)value;
}

size_t pair_make_media(uint8_t *out, SluiceKind kind, uint32_t ssrc, uint16_t sequence,
                       uint8_t fill, size_t len)
{
    size_t header = kind == SLUICE_KIND_RTP ? 12 : 8;

    out[0] = 0x80;
    if (kind == SLUICE_KIND_RTP) {
        out[1] = 96;
        out[2] = (uint8_t)(sequence >> 8);
        out[3] = (uint8_t)sequence;
        put_32(out + 4, (uint32_t)sequence * 3000);
        put_32(out + 8, ssrc);
    } else { /* an APP packet; its length is in words less one (RFC 3550 section 6.4.1) */
        out[1] = 204;
        out[2] = 0;
        out[3] = (uint8_t)(1 + len / 4);
        put_32(out + 4, ssrc);
    }
    memset(out + header, fill, len);
    return header + len;
}

SluiceStatus pair_send_media(Pair *self, int n, SluiceKind kind, uint32_t ssrc, uint16_t sequence,
                             uint8_t fill, size_t len)
{
    PairEnd *end = &self->end[n];
    _Alignas(8) uint8_t packet[1500 + SLUICE_PROTECT_ROOM];
    size_t size;
    SluiceStatus status;

    assert(len <= 1488);
    size = pair_make_media(packet, kind, ssrc, sequence, fill, len);
    status = sluice_transport_protect(end->transport, kind, packet, &size, sizeof packet);
    if (status == SLUICE_OK)
        link_send(&end->link, vclock_now(), end->tag, packet, size);
    return status;
}

SluiceState pair_state(const Pair *self, int end)
{
    return sluice_transport_get_state(self->end[end].transport);
}

SluiceStats pair_stats(const Pair *self, int end)
{
    SluiceStats stats;

    memset(&stats, 0, sizeof stats);
    sluice_transport_get_stats(self->end[end].transport, &stats, sizeof stats);
    return stats;
}

SluiceEnd pair_end(const Pair *self, int n)
{
    SluiceEnd end;

    memset(&end, 0, sizeof end);
    sluice_transport_get_end(self->end[n].transport, &end);
    return end;
}

size_t pair_count(const Pair *self, int end, SluiceKind kind)
{
    size_t count = 0;

    for (size_t i = 0; i < self->end[end].n_messages; i++)
        count += self->end[end].messages[i].kind == kind;
    return count;
}
