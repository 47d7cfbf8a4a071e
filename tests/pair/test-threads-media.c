/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: several threads protect, one packet at a time, in batches and by fan-out to three transports, under SSRCs of
 * their own and one that they share, and remove those SSRCs and ask for and set their rollover counters, while each
 * transport has a thread that receives on it, reads its figures and at last closes it. Every packet that was accepted opens once at the other end, as it was meant; none is accepted after
 * close(). For TSan. */

#include "threads.h"

#include <sluice/media.h>

#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#define LINES 3
#define SENDERS 4
#define SEALED 1200 /* what a sender keeps of its packets */
#define BATCH 8
#define PAYLOAD 64
#define PACKET 224 /* a plain packet and SLUICE_PROTECT_ROOM, 8-aligned */
#define SHARED_SSRC 99

/* A pair; its near end is everybody's. */
typedef struct {
    HandPair pair;
    atomic_uint accepted;
    atomic_int closed;
    atomic_uint sequence; /* of SHARED_SSRC */
    unsigned target;      /* so many accepted, and it is closed */
    atomic_uint rounds;   /* of its owner */
    atomic_uint *full;    /* senders that can keep no more */
} Line;

/* A packet that protect accepted, or is to be given to it. */
typedef struct {
    unsigned line, order;
    SluiceKind kind;
    uint32_t ssrc;
    uint16_t sequence;
    int was_closed;
    size_t len, plain_len;
    uint8_t plain[12 + PAYLOAD];
    _Alignas(8) uint8_t data[PACKET];
} Sealed;

typedef struct {
    Line *lines;
    uint32_t ssrc;
    Rng rng;
    uint16_t sequence[LINES];
    unsigned ended[LINES]; /* answers "ended" */
    unsigned too_late;     /* refused, because others had got far ahead with the shared SSRC */
    unsigned meddled;      /* calls about SSRCs that did something */
    unsigned n, serial;
    /* A last batch that is accepted, and behind it one that is refused. */
    Sealed sealed[SEALED + 2 * BATCH];
} Sender;

/* -- those who protect -------------------------------------------------------------------------------------- */

/* The packet that is sealed next but @ahead, of a random kind. */
static Sealed *make(Sender *self, unsigned ahead, unsigned line)
{
    Sealed *packet = &self->sealed[self->n + ahead];
    unsigned form = (unsigned)rng_below(&self->rng, 4);

    packet->line = line;
    packet->order = self->serial++;
    packet->kind = form == 0 ? SLUICE_KIND_RTCP : SLUICE_KIND_RTP;
    packet->ssrc = form == 1 ? SHARED_SSRC : self->ssrc;
    packet->sequence = 0;
    if (form == 1)
        packet->sequence = (uint16_t)atomic_fetch_add(&self->lines[line].sequence, 1);
    else if (form > 1)
        packet->sequence = self->sequence[line]++;
    packet->len = pair_make_media(packet->data, packet->kind, packet->ssrc, packet->sequence,
                                  (uint8_t)packet->order, PAYLOAD);
    packet->plain_len = packet->len;
    memcpy(packet->plain, packet->data, packet->len);
    packet->was_closed = atomic_load(&self->lines[line].closed);
    return packet;
}

/* What became of it. What was refused is forgotten, and what was accepted moves to the end of those. */
static void settle(Sender *self, Sealed *packet, SluiceStatus status)
{
    if (status == SLUICE_ENDED) {
        self->ended[packet->line]++;
        return;
    }
    if (status == SLUICE_KEY_EXHAUSTED) {
        must(packet->ssrc == SHARED_SSRC);
        self->too_late++;
        return;
    }
    must_be(status, SLUICE_OK);
    must(!packet->was_closed);
    atomic_fetch_add(&self->lines[packet->line].accepted, 1);
    if (packet != &self->sealed[self->n])
        self->sealed[self->n] = *packet;
    self->n++;
}

static void protect_one(Sender *self, unsigned line)
{
    Sealed *packet = make(self, 0, line);

    sluice_transport_expect(self->lines[line].pair.end[CLIENT], SLUICE_SENT_OUT);
    settle(self, packet,
           sluice_transport_protect(self->lines[line].pair.end[CLIENT], packet->kind, packet->data,
                                    &packet->len, PACKET));
}

static void protect_batch(Sender *self, unsigned line)
{
    SluicePacket batch[BATCH];
    Sealed *packets[BATCH];
    size_t done, accepted = self->n;

    for (unsigned i = 0; i < BATCH; i++) {
        packets[i] = make(self, i, line);
        batch[i] = (SluicePacket){.kind = packets[i]->kind,
                                  .data = packets[i]->data,
                                  .len = packets[i]->len,
                                  .capacity = PACKET};
    }
    done = sluice_transport_protect_batch(self->lines[line].pair.end[CLIENT], batch, BATCH);
    for (unsigned i = 0; i < BATCH; i++) {
        packets[i]->len = batch[i].len;
        settle(self, packets[i], batch[i].status);
    }
    must(self->n - accepted == done);
}

/* One packet to all lines, in an order of its own: the locks must not care. */
static void fan_out(Sender *self)
{
    SluiceFanOut outputs[LINES];
    Sealed *packets[LINES];
    uint8_t plain[12 + PAYLOAD];
    unsigned first = (unsigned)rng_below(&self->rng, LINES);
    unsigned stride = 1 + (unsigned)rng_below(&self->rng, LINES - 1);
    size_t len = pair_make_media(plain, SLUICE_KIND_RTP, 1, 1, (uint8_t)self->serial, PAYLOAD);
    size_t done, accepted = self->n;

    for (unsigned i = 0; i < LINES; i++) {
        Sealed *packet = packets[i] = &self->sealed[self->n + i];
        unsigned line = (first + i * stride) % LINES;

        *packet = (Sealed){.line = line,
                           .order = self->serial++,
                           .kind = SLUICE_KIND_RTP,
                           .ssrc = self->ssrc,
                           .sequence = self->sequence[line]++,
                           .plain_len = len,
                           .was_closed = atomic_load(&self->lines[line].closed)};
        outputs[i] = (SluiceFanOut){.transport = self->lines[line].pair.end[CLIENT],
                                    .ssrc = packet->ssrc,
                                    .sequence_number = packet->sequence,
                                    .timestamp_offset = (packet->sequence - 1u) * 3000,
                                    .payload_type = 96,
                                    .data = packet->data,
                                    .capacity = PACKET};
        /* What it has to become, as pair_make_media() makes it. */
        pair_make_media(packet->plain, SLUICE_KIND_RTP, packet->ssrc, packet->sequence, plain[12],
                        PAYLOAD);
    }
    done = sluice_fan_out(plain, len, outputs, LINES);
    for (unsigned i = 0; i < LINES; i++) {
        packets[i]->len = outputs[i].len;
        settle(self, packets[i], outputs[i].status);
    }
    must(self->n - accepted == done);
}

/* The life of an SSRC, its own or anybody's: what was sent is remembered, so that nobody's next packet suffers. */
static void meddle(Sender *self, unsigned line)
{
    SluiceTransport *transport = self->lines[line].pair.end[CLIENT];
    uint32_t ssrc =
        rng_below(&self->rng, 5) ? 100 + (uint32_t)rng_below(&self->rng, SENDERS) : SHARED_SSRC;
    uint32_t roc = 0;
    SluiceStatus status;

    switch (rng_below(&self->rng, 3)) {
    case 0:
        status = sluice_transport_remove_ssrc(transport, SLUICE_SENT_OUT, ssrc);
        break;
    case 1:
        status = sluice_transport_get_roc(transport, SLUICE_SENT_OUT, ssrc, &roc);
        break;
    default:
        status = sluice_transport_set_roc(transport, SLUICE_SENT_OUT, ssrc, 0);
    }
    must(roc == 0);
    must(status == SLUICE_OK || status == SLUICE_ENDED ||
         status ==
             SLUICE_INVALID_ARGUMENT /* nobody has sent under it yet, or since it was removed */);
    self->meddled += status == SLUICE_OK;
}

static int all_closed(const Sender *self)
{
    for (int i = 0; i < LINES; i++)
        if (!atomic_load(&self->lines[i].closed))
            return 0;
    return 1;
}

/* The owner is to have its share of the time. */
static int is_ahead(Line *line)
{
    return !atomic_load(&line->closed) &&
           atomic_load(&line->accepted) > 8 * (atomic_load(&line->rounds) + 1);
}

/* Until each line has told it that it has ended. */
static void *send_media(void *data)
{
    Sender *self = data;
    int full = 0;

    while (!self->ended[0] || !self->ended[1] || !self->ended[2] || !all_closed(self)) {
        unsigned line = (unsigned)rng_below(&self->rng, LINES);

        if (self->n >= SEALED && !full) {
            full = 1;
            atomic_fetch_add(self->lines->full, 1);
        }
        if ((full && !all_closed(self)) || is_ahead(&self->lines[line])) {
            sched_yield();
            continue;
        }
        switch (rng_below(&self->rng, 4)) {
        case 0:
            protect_one(self, line);
            break;
        case 1:
            protect_batch(self, line);
            break;
        case 2:
            fan_out(self);
            break;
        default:
            meddle(self, line);
        }
    }
    return NULL;
}

/* -- those who own a transport ------------------------------------------------------------------------------ */

static void *own(void *data)
{
    Line *self = data;
    SluiceTransport *near = self->pair.end[CLIENT];
    uint64_t before = 0;

    while (atomic_load(&self->accepted) < self->target && atomic_load(self->full) < SENDERS) {
        unsigned rounds = atomic_fetch_add(&self->rounds, 1) + 1;
        uint16_t sequence = (uint16_t)rounds;
        SluiceStats stats;

        hand_pair_send_media(&self->pair, SERVER, SLUICE_KIND_RTP, 7, sequence);
        hand_pair_send_media(&self->pair, SERVER, SLUICE_KIND_RTCP, 7, sequence);
        hand_pair_send_data(&self->pair, CLIENT);
        hand_pair_send_data(&self->pair, SERVER);
        must_be(sluice_transport_get_stats(near, &stats, sizeof stats), SLUICE_OK);
        must(stats.rtp_delivered == rounds && stats.rtcp_delivered == rounds);
        must(stats.rtp_protected + stats.rtcp_protected >= before);
        before = stats.rtp_protected + stats.rtcp_protected;
        if (rounds % 8 == 0)
            must_be(sluice_transport_remove_ssrc(near, SLUICE_RECEIVED, 7), SLUICE_OK);
        must_be(sluice_transport_handle_timeout(near, self->pair.now), SLUICE_OK);
        sched_yield();
    }
    must_be(sluice_transport_close(near, self->pair.now), SLUICE_OK);
    atomic_store(&self->closed, 1);
    must(sluice_transport_get_state(near) == SLUICE_STATE_CLOSED);
    return NULL;
}

/* -- what has come out -------------------------------------------------------------------------------------- */

/* Of one SSRC: as the sequence numbers say, which wrap in nobody's life here. */
static int compare(const void *a, const void *b)
{
    const Sealed *x = *(Sealed *const *)a, *y = *(Sealed *const *)b;

    if (x->ssrc != y->ssrc)
        return x->ssrc < y->ssrc ? -1 : 1;
    if (x->sequence != y->sequence)
        return x->sequence < y->sequence ? -1 : 1;
    return (x->order > y->order) - (x->order < y->order);
}

/* It opens, and its twin, the same once more, does not. */
static void open_it(Line *line, const Sealed *packet)
{
    SluiceTransport *far = line->pair.end[SERVER];
    _Alignas(8) uint8_t data[PACKET];
    size_t len = packet->len;
    SluiceKind kind;

    memcpy(data, packet->data, len);
    assert_status(sluice_transport_receive(far, line->pair.now, data, &len, &kind), SLUICE_OK);
    assert_int_equal(kind, packet->kind);
    assert_int_equal(len, packet->plain_len);
    assert_memory_equal(data, packet->plain, len);
    memcpy(data, packet->data, packet->len);
    len = packet->len;
    assert_status(sluice_transport_receive(far, line->pair.now, data, &len, &kind),
                  SLUICE_DROPPED_REPLAYED);
}

static void check_line(Line *line, unsigned number, Sender *senders)
{
    Sealed **packets = test_malloc(SENDERS * SEALED * sizeof *packets);
    SluiceStats stats;
    size_t n = 0;

    for (int i = 0; i < SENDERS; i++) {
        assert_true(senders[i].ended[number] > 0);
        for (unsigned k = 0; k < senders[i].n; k++)
            if (senders[i].sealed[k].line == number)
                packets[n++] = &senders[i].sealed[k];
    }
    assert_true(n > 0);
    assert_int_equal(n, line->accepted);
    assert_status(sluice_transport_get_stats(line->pair.end[CLIENT], &stats, sizeof stats),
                  SLUICE_OK);
    assert_int_equal(stats.rtp_protected + stats.rtcp_protected, n);
    qsort(packets, n, sizeof *packets, compare);
    for (size_t i = 0; i < n; i++)
        open_it(line, packets[i]);
    print_message("# line %u: closed at %u packets, %u taken, %u came in\n", number, line->target,
                  (unsigned)n, 2 * atomic_load(&line->rounds));
    test_free(packets);
}

typedef struct {
    void *(*body)(void *);
    void *data;
} Role;

static void *play(void *data)
{
    Role *self = data;

    return self->body(self->data);
}

static void test_every_form(void **state)
{
    Sender *senders = test_malloc(SENDERS * sizeof *senders);
    SluiceConfig *config = new_config(CLIENT);
    Role roles[LINES + SENDERS];
    Line lines[LINES];
    atomic_uint full = 0;
    unsigned too_late = 0, meddled = 0;
    Rng rng;

    (void)state;
    rng_init(&rng, rng_test_seed(1));
    memset(lines, 0, sizeof lines);
    memset(senders, 0, SENDERS * sizeof *senders);
    for (int i = 0; i < LINES; i++) {
        hand_pair_open(&lines[i].pair, config, config);
        hand_pair_connect(&lines[i].pair);
        lines[i].full = &full;
        lines[i].target = 200 + (unsigned)rng_below(&rng, 600);
        roles[i] = (Role){own, &lines[i]};
    }
    for (uint32_t i = 0; i < SENDERS; i++) {
        senders[i].lines = lines;
        senders[i].ssrc = 100 + i;
        rng_init(&senders[i].rng, rng_next(&rng));
        roles[LINES + i] = (Role){send_media, &senders[i]};
    }
    run_threads(LINES + SENDERS, play, roles, sizeof roles[0]);
    for (unsigned i = 0; i < LINES; i++) {
        check_line(&lines[i], i, senders);
        hand_pair_free(&lines[i].pair);
    }
    for (int i = 0; i < SENDERS; i++) {
        too_late += senders[i].too_late;
        meddled += senders[i].meddled;
    }
    print_message("# %u came too late for the shared SSRC, %u calls about SSRCs\n", too_late,
                  meddled);
    sluice_config_unref(config);
    test_free(senders);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_form)};

    alloc_init();
    return cmocka_run_group_tests(tests, NULL, free_certificates);
}
