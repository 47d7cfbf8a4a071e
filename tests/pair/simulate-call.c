/* SPDX-License-Identifier: BSD-3-Clause */
#include "simulate.h"

#include "alloc.h"
#include "simulate-faults.h"
#include "vclock.h"

#include <openssl/crypto.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define BATCHES 2 /* one as soon as an end is connected, one when both are */
#define BATCH 4   /* RTP, RTP, RTCP, data */
#define TAGS (BATCHES * BATCH)
#define PAYLOAD 160 /* 20 ms of G.711 */

/* Handshake, fingerprint, and the stops in between. */
#define FAULTY_DEADLINE (65 * SLUICE_SECOND)

typedef struct {
    Pair pair;
    Faults faults;
    CallResult *result;
    unsigned arrived[2]; /* bit n: a copy of message n for this end has arrived undamaged */
    unsigned
        untold[2]; /* the same for data that had to wait in the output: its arrival is not seen */
    unsigned early[2]; /* the same for data that came before the handshake was finished */
    int muddied[2];    /* damaged DTLS came before that */
    int batches[2];
    uint32_t generation[2]; /* under which this end has sent its first batch */
} Call;

__attribute__((format(printf, 2, 3))) static void wrong(CallResult *result, const char *format, ...)
{
    va_list arguments;

    if (result->wrong[0])
        return;
    va_start(arguments, format);
    vsnprintf(result->wrong, sizeof result->wrong, format, arguments);
    va_end(arguments);
}

static SluiceKind kind_of(unsigned tag)
{
    switch (tag % BATCH) {
    case 3:
        return SLUICE_KIND_DATA;
    case 2:
        return SLUICE_KIND_RTCP;
    default:
        return SLUICE_KIND_RTP;
    }
}

/* Message @tag of end @from, as it has to arrive. */
static size_t make(uint8_t *out, int from, unsigned tag)
{
    uint8_t fill = (uint8_t)(0x40 + 16 * from + (int)tag);

    if (kind_of(tag) != SLUICE_KIND_DATA)
        return pair_make_media(out, kind_of(tag), 0x1000u + (unsigned)from, (uint16_t)(100 + tag),
                               fill, PAYLOAD);
    memset(out, fill, PAYLOAD);
    return PAYLOAD;
}

static void send_one(Call *call, int from, unsigned tag)
{
    PairEnd *end = &call->pair.end[from];
    _Alignas(8) uint8_t message[PAYLOAD + 12 + SLUICE_PROTECT_ROOM];
    size_t len = make(message, from, tag);
    SluiceStatus status;

    end->tag = tag + 1;
    if (kind_of(tag) == SLUICE_KIND_DATA) {
        if (end->no_output)
            call->untold[!from] |= 1u << tag;
        status = pair_send_data(&call->pair, from, message, len);
    } else {
        status =
            sluice_transport_protect(end->transport, kind_of(tag), message, &len, sizeof message);
        if (status == SLUICE_OK)
            link_send(&end->link, vclock_now(), end->tag, message, len);
    }
    end->tag = 0;
    if (status != SLUICE_OK && !call->faults.out_of_memory)
        wrong(call->result, "connected, but sending says: %s", sluice_status_text(status));
}

static void send_batch(Call *call, int from)
{
    unsigned first = (unsigned)call->batches[from]++ * BATCH;

    if (first == 0)
        call->generation[from] = pair_stats(&call->pair, from).generation;
    for (unsigned tag = first; tag < first + BATCH; tag++)
        send_one(call, from, tag);
}

static void note_arrival(Pair *pair, int to, const LinkDatagram *datagram, SluiceStatus status)
{
    Call *call = pair->context;
    int before_keys = pair_state(pair, to) < SLUICE_STATE_CONNECTED;
    int is_media = datagram->tag && kind_of((unsigned)datagram->tag - 1) != SLUICE_KIND_DATA;
    unsigned bit = datagram->tag ? 1u << (datagram->tag - 1) : 0;

    (void)status;
    faults_see(&call->faults, datagram);
    if (datagram->damaged) {
        call->muddied[to] |= before_keys && !is_media;
        return;
    }
    call->arrived[to] |= bit;
    if (before_keys && !is_media)
        call->early[to] |= bit;
}

/* Who is asked to begin anew, by the peer or in its name, may do so when the peer is connected already. */
static int has_given_up(const Call *call, int end)
{
    return pair_stats(&call->pair, end).attempts_given_up > 0;
}

/* What @to must have got. Not data that overtook the handshake when damaged DTLS did, too: before
 * the keys a record of the coming epoch is kept under its number, so a damaged copy takes the place
 * of the good one. And not what came under the keys of an attempt that this end gave up before it had them. */
static unsigned required(const Call *call, int to)
{
    unsigned required = call->arrived[to];

    if (call->faults.out_of_memory)
        return 0;
    if (call->muddied[to])
        required &= ~call->early[to];
    if (has_given_up(call, to) && pair_stats(&call->pair, !to).generation != call->generation[!to])
        required &= ~((1u << BATCH) - 1);
    return required;
}

/* 1 if both ends were connected in time. */
static int connect_both(Call *call)
{
    Pair *pair = &call->pair;
    SluiceTime limit = pair->begun + (call->faults.enabled ? FAULTY_DEADLINE : CALL_DEADLINE);
    int alive = 1;

    while (alive && !pair_both_settled(pair)) {
        alive = faults_step(&call->faults, limit + call->faults.stopped);
        call->muddied[0] |= call->faults.touched[0];
        call->muddied[1] |= call->faults.touched[1];
        for (int end = 0; end < 2; end++)
            if (pair_state(pair, end) == SLUICE_STATE_CONNECTED && call->batches[end] == 0)
                send_batch(call, end);
    }
    return pair_both_connected(pair);
}

static void judge_unconnected(Call *call)
{
    CallResult *result = call->result;
    SluiceTime first = SLUICE_TIME_NEVER;

    result->outcome = CALL_STUCK;
    if (!pair_both_settled(&call->pair))
        return;
    result->outcome = CALL_FAILED;
    for (int n = 0; n < 2; n++) {
        const PairEnd *end = &call->pair.end[n];

        for (size_t i = 0; i < end->n_events; i++) {
            const SluiceEvent *event = &end->events[i];

            if (event->type == SLUICE_EVENT_STATE && event->u.state >= SLUICE_STATE_CLOSED &&
                event->time < first) {
                first = event->time;
                result->reason = pair_end(&call->pair, n).reason;
            }
        }
    }
    if (first == SLUICE_TIME_NEVER)
        wrong(result, "an end failed without an event");
}

/* The message an end has got is that of one tag, byte by byte; -1: of none. */
static int tag_of(const PairMessage *message, int from)
{
    uint8_t expected[PAYLOAD + 12];

    for (unsigned tag = 0; tag < TAGS; tag++)
        if (kind_of(tag) == message->kind && make(expected, from, tag) == message->len &&
            memcmp(expected, message->data, message->len) == 0)
            return (int)tag;
    return -1;
}

static void check_messages(Call *call, int to)
{
    const PairEnd *end = &call->pair.end[to];
    SluiceTime verified = pair_stats(&call->pair, to).connected_at;
    unsigned got = 0;

    for (size_t i = 0; i < end->n_messages; i++) {
        int tag = tag_of(&end->messages[i], !to);

        if (tag < 0)
            wrong(call->result, "end %d got something that nobody sent", to);
        else if (got & (1u << tag))
            wrong(call->result, "end %d got message %d twice", to, tag);
        else
            got |= 1u << tag;
        if (end->messages[i].time < verified)
            wrong(call->result, "end %d got a message before the peer was verified", to);
    }
    if (call->result->outcome == CALL_CONNECTED && (required(call, to) & ~got))
        wrong(call->result, "end %d got messages %#x of %#x that the link delivered", to, got,
              call->arrived[to]);
    if (got & ~(call->arrived[to] | call->untold[to]))
        wrong(call->result, "end %d got messages %#x, but only %#x arrived", to, got,
              call->arrived[to]);
}

static int get_keys(Call *call, int end, SluiceSrtpKeys *keys, uint8_t exported[32])
{
    SluiceTransport *transport = call->pair.end[end].transport;

    if (sluice_transport_get_srtp_keys(transport, keys) == SLUICE_OK &&
        sluice_transport_export(transport, "EXPORTER-simulate", NULL, 0, exported, 32) == SLUICE_OK)
        return 1;
    wrong(call->result, "connected, but no keys");
    return 0;
}

static int have_same_keys(Call *call)
{
    SluiceSrtpKeys a, b;
    uint8_t export_a[32], export_b[32];
    int same;

    if (!get_keys(call, 0, &a, export_a) || !get_keys(call, 1, &b, export_b))
        return 0;
    same = a.profile == b.profile && memcmp(export_a, export_b, 32) == 0 &&
           memcmp(a.local_key, b.remote_key, a.key_len) == 0 &&
           memcmp(a.remote_key, b.local_key, a.key_len) == 0 &&
           memcmp(a.local_salt, b.remote_salt, a.salt_len) == 0 &&
           memcmp(a.remote_salt, b.local_salt, a.salt_len) == 0;
    OPENSSL_cleanse(&a, sizeof a);
    OPENSSL_cleanse(&b, sizeof b);
    return same;
}

/* Lets everything arrive; nothing may be left that waits for a timer. */
static void settle(Call *call, const char *when)
{
    Pair *pair = &call->pair;
    SluiceTime limit = vclock_now() + 10 * SLUICE_SECOND;

    while (faults_step(&call->faults, limit + call->faults.stopped))
        ;
    faults_end(&call->faults);
    while (pair_step(pair, limit + call->faults.stopped))
        ;
    for (int end = 0; end < 2; end++)
        if (sluice_transport_next_timeout(pair->end[end].transport) != SLUICE_TIME_NEVER)
            wrong(call->result, "end %d has a timer %s", end, when);
}

static void check_keys(Call *call)
{
    int same;

    if (call->faults.out_of_memory)
        return;
    same = have_same_keys(call);
    /* One end may have two associations: it needs a while, or a word of its peer, to know which is meant. */
    if (!same && (has_given_up(call, 0) || has_given_up(call, 1))) {
        settle(call, "when both are connected");
        same = have_same_keys(call);
    }
    if (!same)
        wrong(call->result, "the keys of the ends differ");
}

static void talk(Call *call)
{
    check_keys(call);
    for (int end = 0; end < 2; end++)
        while (call->batches[end] < BATCHES)
            send_batch(call, end);
    settle(call, "when connected");
    if (!pair_both_connected(&call->pair) && !call->faults.out_of_memory)
        wrong(call->result, "an established call has ended: %s",
              sluice_end_reason_name(pair_end(&call->pair, 0).reason
                                         ? pair_end(&call->pair, 0).reason
                                         : pair_end(&call->pair, 1).reason));
}

static void hang_up(Call *call, int who)
{
    Pair *pair = &call->pair;
    SluiceState peer;

    sluice_transport_close(pair->end[who].transport, vclock_now());
    pair_drain(pair, who);
    settle(call, "when closed");
    peer = pair_state(pair, !who);
    if (call->faults.out_of_memory)
        return;
    if (pair_state(pair, who) != SLUICE_STATE_CLOSED)
        wrong(call->result, "closed, but its state is %s",
              sluice_state_name(pair_state(pair, who)));
    if (peer == SLUICE_STATE_FAILED ||
        (peer == SLUICE_STATE_CLOSED && pair_end(pair, !who).reason != SLUICE_END_CLOSE_NOTIFY))
        wrong(call->result, "the peer's close ended in %s", sluice_state_name(peer));
}

/* What an end has sent but for application data (content type 23). */
static uint64_t handshake_datagrams(const Pair *pair, int end)
{
    uint64_t count = 0;

    for (size_t i = 0; i < pair->end[end].n_sent; i++)
        count += pair->end[end].sent[i].type != 23;
    return count;
}

/* Nothing larger than the limits goes out: both are 1200 bytes. */
static void check_datagrams(Call *call)
{
    for (int end = 0; end < 2; end++)
        for (size_t i = 0; i < call->pair.end[end].n_sent; i++)
            if (call->pair.end[end].sent[i].len > 1200)
                wrong(call->result, "end %d sent a datagram of %zu bytes", end,
                      call->pair.end[end].sent[i].len);
}

static void run(Call *call)
{
    Pair *pair = &call->pair;
    CallResult *result = call->result;
    int client = (int)rng_below(&pair->rng, 2), first = (int)rng_below(&pair->rng, 2);

    for (int end = 0; end < 2; end++) {
        sluice_transport_set_path_validated(pair->end[end].transport, vclock_now(), 1);
        if (call->faults.know_at[end] == SLUICE_TIME_NEVER)
            pair_know(pair, end);
    }
    for (int i = 0; i < 2; i++) {
        int end = i == 0 ? first : !first;

        pair_start(pair, end, end == client ? SLUICE_ROLE_CLIENT : SLUICE_ROLE_SERVER);
    }
    if (connect_both(call)) {
        for (int end = 0; end < 2; end++) {
            SluiceTime took = pair_stats(pair, end).connected_at - pair->begun;

            if (took > result->connect)
                result->connect = took;
        }
        result->datagrams = handshake_datagrams(pair, 0) + handshake_datagrams(pair, 1);
        talk(call);
    } else {
        judge_unconnected(call);
        faults_end(&call->faults);
    }
    check_datagrams(call);
    if (call->faults.wrong)
        wrong(result, "%s", call->faults.wrong);
    check_messages(call, 0);
    check_messages(call, 1);
    if (result->outcome == CALL_CONNECTED)
        hang_up(call, (int)rng_below(&pair->rng, 2));
    if (pair->spun)
        wrong(result, "a timer is due again and again");
}

void simulate_call(SluiceConfig *const configs[2], const CallSettings *settings, uint64_t seed,
                   CallResult *result)
{
    Call call = {.result = result};

    memset(result, 0, sizeof *result);
    trace_begin(settings->trace);
    pair_open(&call.pair, configs[0], configs[1], &settings->link, seed);
    faults_init(&call.faults, &call.pair, settings->faults, seed, settings->trace);
    call.pair.delivered = note_arrival;
    call.pair.context = &call;
    if (call.pair.end[0].transport && call.pair.end[1].transport)
        run(&call);
    else
        wrong(result, "no transport could be made");
    faults_cleanup(&call.faults);
    pair_close(&call.pair);
}
