/* SPDX-License-Identifier: BSD-3-Clause */
#include "restarts.h"

static void note_arrival(Pair *pair, int to, const LinkDatagram *datagram, SluiceStatus status)
{
    Counted *self = pair->context;

    (void)status;
    if (datagram->tag && !datagram->damaged)
        self->arrived[!to][datagram->tag] = 1;
}

void counted_begin(Counted *self, Pair *pair)
{
    memset(self, 0, sizeof *self);
    self->pair = pair;
    self->period = MS;
    for (int end = 0; end < 2; end++)
        self->read[end] = pair->end[end].n_messages;
    pair->delivered = note_arrival;
    pair->context = self;
}

static void put_number(uint8_t *out, unsigned number)
{
    for (int i = 3; i >= 0; i--, number >>= 8)
        out[i] = (uint8_t)number;
}

static unsigned get_number(const uint8_t *in)
{
    return (unsigned)in[0] << 24 | (unsigned)in[1] << 16 | (unsigned)in[2] << 8 | in[3];
}

/* The number is in the payload. */
static void send_one(Counted *self, int from)
{
    PairEnd *end = &self->pair->end[from];
    _Alignas(8) uint8_t packet[300] = {0};
    unsigned number = ++self->sent[from], kind = number % 8;
    SluiceKind media = kind == 7 ? SLUICE_KIND_RTCP : SLUICE_KIND_RTP;
    size_t len, header = kind == 7 ? 8 : 12;
    SluiceStatus status;

    assert_true(number < PACKETS_MAX);
    self->mark[from][number] = (uint8_t)pair_stats(self->pair, from).generation;
    end->tag = number;
    if (kind == 6) {
        put_number(packet, number);
        status = pair_send_data(self->pair, from, packet, 100);
    } else {
        len = pair_make_media(packet, media, 0x100u * (unsigned)from + kind % 3,
                              (uint16_t)(number / 3), 0x5a, 40);
        put_number(packet + header, number);
        status = sluice_transport_protect(end->transport, media, packet, &len, sizeof packet);
        if (status == SLUICE_OK)
            link_send(&end->link, vclock_now(), end->tag, packet, len);
    }
    end->tag = 0;
    assert_status(status, SLUICE_OK);
}

void counted_talk(Counted *self, SluiceTime duration)
{
    SluiceTime until = vclock_now() + duration;

    while (vclock_now() < until) {
        for (int end = 0; end < 2; end++)
            if (pair_state(self->pair, end) == SLUICE_STATE_CONNECTED)
                send_one(self, end);
        pair_run(self->pair, self->period);
    }
}

static void read_log(Counted *self, int to)
{
    const PairEnd *end = &self->pair->end[to];

    for (; self->read[to] < end->n_messages; self->read[to]++) {
        const PairMessage *message = &end->messages[self->read[to]];
        size_t header = message->kind == SLUICE_KIND_DATA   ? 0
                        : message->kind == SLUICE_KIND_RTCP ? 8
                                                            : 12;
        unsigned number = get_number(message->data + header);

        assert_true(message->len > header + 4 && number <= self->sent[!to]);
        self->twice += self->got[!to][number]++ != 0;
        self->wrong_generation += message->keys != self->mark[!to][number] + self->offset[to];
    }
}

void counted_check(Counted *self, unsigned least)
{
    pair_run(self->pair, SECOND);
    for (int to = 0; to < 2; to++) {
        unsigned got = 0;

        read_log(self, to);
        for (unsigned n = 1; n <= self->sent[!to]; n++) {
            self->lost += self->arrived[!to][n] && !self->got[!to][n];
            got += self->got[!to][n];
        }
        if (got < least)
            fail_msg("end %d has got %u of %u", to, got, self->sent[!to]);
    }
    if (self->lost || self->twice || self->wrong_generation)
        fail_msg("%u lost, %u twice, %u under the wrong generation", self->lost, self->twice,
                 self->wrong_generation);
    self->pair->delivered = NULL;
}

SluiceStatus announce(Pair *pair, int end, SluiceRole role)
{
    SluiceFingerprint fingerprint =
        fingerprint_of(sluice_config_get_certificate(pair->end[!end].config), SLUICE_HASH_SHA256);
    SluiceStatus status =
        sluice_transport_restart(pair->end[end].transport, vclock_now(), role, &fingerprint, 1);

    pair_drain(pair, end);
    return status;
}

void run_to_generations(Pair *pair, uint32_t a, uint32_t b, SluiceTime limit)
{
    SluiceTime until = vclock_now() + limit;

    while (pair_stats(pair, 0).generation != a || pair_stats(pair, 1).generation != b ||
           !pair_both_connected(pair))
        if (!pair_step(pair, until))
            fail_msg("generations %u and %u; client %s (%s), server %s (%s)",
                     pair_stats(pair, 0).generation, pair_stats(pair, 1).generation,
                     sluice_state_name(pair_state(pair, 0)), reason_name(pair, 0),
                     sluice_state_name(pair_state(pair, 1)), reason_name(pair, 1));
    assert_false(pair->spun);
}

const SluiceEvent *event_of(const Pair *pair, int end, SluiceEventType type)
{
    for (size_t i = 0; i < pair->end[end].n_events; i++)
        if (pair->end[end].events[i].type == type)
            return &pair->end[end].events[i];
    return NULL;
}

size_t strange_hello(int side, uint8_t out[1500])
{
    SluiceConfig *config = new_config(side);
    SluiceTransport *client = sluice_transport_new(config);
    const uint8_t *data;
    size_t len;

    assert_non_null(client);
    sluice_config_unref(config);
    assert_status(sluice_transport_start(client, vclock_now(), SLUICE_ROLE_CLIENT), SLUICE_OK);
    assert_true(sluice_transport_peek_output(client, &data, &len));
    assert_true(len <= 1500);
    memcpy(out, data, len);
    sluice_transport_free(client);
    return len;
}

void change_random(uint8_t *hello, uint32_t to) { put_number(hello + 13 + 12 + 2, to); }

/* -- somebody who reads ------------------------------------------------------------------------------------- */

#define HEAD (13 + 12) /* of a record with one message */

typedef struct {
    uint8_t bytes[200];
    size_t len;
} Request;

static int read_request(void *context, uint64_t number, SluiceTime now, uint8_t *data, size_t len)
{
    Request *request = context;

    (void)number;
    (void)now;
    if (data[0] != 22 || data[4] != 0 || data[13] != 3 || len > sizeof request->bytes)
        return 1;
    memcpy(request->bytes, data, len);
    request->len = len;
    return 0;
}

static size_t add_cookie(uint8_t *out, const uint8_t *hello, size_t len, const Request *request,
                         size_t part)
{
    size_t at = HEAD + 2 + 32, n = request->bytes[HEAD + 2], whole = len + n - HEAD;

    at += 1 + (size_t)hello[at];
    memcpy(out, hello, at);
    out[at] = (uint8_t)n;
    memcpy(out + at + 1, request->bytes + HEAD + 3, n);
    memcpy(out + at + 1 + n, hello + at + 1, len - at - 1);
    part = part && part < whole ? part : whole;
    out[10] = 1;
    out[11] = (uint8_t)((part + 12) >> 8);
    out[12] = (uint8_t)(part + 12);
    out[15] = (uint8_t)(whole >> 8);
    out[16] = (uint8_t)whole;
    out[18] = 1;
    out[23] = (uint8_t)(part >> 8);
    out[24] = (uint8_t)part;
    return HEAD + part;
}

static void give(Pair *pair, int to, uint8_t *data, size_t len)
{
    SluiceKind kind;

    (void)sluice_transport_receive(pair->end[to].transport, vclock_now(), data, &len, &kind);
    pair_drain(pair, to);
}

int begin_strange(Pair *pair, int victim, size_t part)
{
    uint8_t hello[1500], first[1500], second[1800];
    size_t len = strange_hello(CLIENT, hello);
    Request request = {.len = 0};

    memcpy(first, hello, len);
    pair->end[victim].link.filter = read_request;
    pair->end[victim].link.filter_context = &request;
    give(pair, victim, first, len);
    pair->end[victim].link.filter = NULL;
    if (request.len == 0)
        return 0;
    give(pair, victim, second, add_cookie(second, hello, len, &request, part));
    return 1;
}
