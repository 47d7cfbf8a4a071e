/* SPDX-License-Identifier: BSD-3-Clause */

/* What is looked at after each step, at each end: nothing of it may ever be otherwise. */

#include "simulate-world.h"

#include "vclock.h"

#include <openssl/crypto.h>

#include <string.h>

static uint64_t hash(const uint8_t *data, size_t len, uint64_t from)
{
    for (size_t i = 0; i < len; i++)
        from = (from ^ data[i]) * UINT64_C(0x100000001b3);
    return from;
}

static int is_verified(SluiceState state)
{
    return state == SLUICE_STATE_CONNECTED || state == SLUICE_STATE_MEDIA_ONLY;
}

/* -- keys ----------------------------------------------------------------------------------------------------- */

/* 0: they cannot be had in this state, or no memory. */
static int read_keys(World *self, int end, Keys *keys)
{
    SluiceTransport *transport = transport_of(self, end);
    SluiceSrtpKeys srtp;
    uint8_t exported[8];

    memset(keys, 0, sizeof *keys);
    keys->since = vclock_now();
    if (sluice_transport_export(transport, "EXPORTER-simulate", NULL, 0, exported,
                                sizeof exported) != SLUICE_OK ||
        sluice_transport_get_srtp_keys(transport, &srtp) != SLUICE_OK)
        return 0;
    keys->role = pair_stats(&self->pair, end).dtls_role;
    keys->id = hash(exported, sizeof exported, 1);
    keys->local = hash(srtp.local_salt, srtp.salt_len, hash(srtp.local_key, srtp.key_len, 1));
    keys->remote = hash(srtp.remote_salt, srtp.salt_len, hash(srtp.remote_key, srtp.key_len, 1));
    if (srtp.generation != life_of(self, end)->stats.generation)
        world_wrong(self, "end %d is at generation %u, its keys are of %u", end,
                    (unsigned)life_of(self, end)->stats.generation, (unsigned)srtp.generation);
    OPENSSL_cleanse(&srtp, sizeof srtp);
    return 1;
}

/* Who exports the same has the same keys, in the other role; nobody has the keys of two associations. */
static void compare_keys(World *self, int end, const Keys *keys)
{
    for (int other = 0; other < 2; other++)
        for (unsigned i = 0; i < self->ends[other].n; i++)
            for (unsigned g = 1; g < GENERATIONS_MAX; g++) {
                const Keys *theirs = &self->ends[other].lives[i].keys[g];

                if (theirs == keys || theirs->id != keys->id)
                    continue;
                if (other == end || theirs->role == keys->role || theirs->local != keys->remote ||
                    theirs->remote != keys->local)
                    world_wrong(
                        self, "end %d: the keys of an association are not those of its peer", end);
            }
}

/* Who the peer has proved to be: a bit; 0: somebody that nobody knows, or it cannot be had. */
static unsigned peer_of(World *self, int end, int *known)
{
    SluiceFingerprint fingerprint;
    const uint8_t *der;
    size_t len;

    *known =
        sluice_transport_get_remote_certificate(transport_of(self, end), &der, &len) == SLUICE_OK &&
        sluice_fingerprint_of_der(SLUICE_HASH_SHA256, der, len, &fingerprint) == SLUICE_OK;
    for (int i = 0; *known && i < IDENTITIES; i++)
        if (memcmp(fingerprint.bytes, self->cast->fingerprints[i].bytes, 32) == 0)
            return 1u << i;
    return 0;
}

/* Without memory it is not known what a call has done that failed; but nobody is taken who was never named. */
static void check_peer(World *self, int end, const Life *life)
{
    int expected = life->announced ? life->told_next : life->told, known;
    unsigned peer = peer_of(self, end, &known);

    if (self->faults.out_of_memory ? known && !(peer & life->ever_told)
                                   : expected == NOBODY || peer != 1u << expected)
        world_wrong(self, "end %d has verified a peer that it was not told of", end);
}

/* New keys are in force: of whom? */
static void adopt(World *self, int end, Life *life)
{
    uint32_t generation = life->stats.generation;
    Keys *keys = &life->keys[generation < GENERATIONS_MAX ? generation : 0];

    if (generation != life->generation + 1)
        world_wrong(self, "end %d went from generation %u to %u", end, (unsigned)life->generation,
                    (unsigned)generation);
    trace_add(self->trace, "end %d: generation %u, %s", end, (unsigned)generation,
              sluice_role_name(life->stats.dtls_role));
    life->generation = generation;
    self->result->associations++;
    if (life->stats.dtls_state == SLUICE_STATE_CONNECTED && generation < GENERATIONS_MAX) {
        if (read_keys(self, end, keys))
            compare_keys(self, end, keys);
        else if (!self->faults.out_of_memory)
            world_wrong(self, "end %d is connected without keys", end);
    }
    check_peer(self, end, life);
    life->awaits = 0;
    if (self->faults.out_of_memory)
        return;
    if (life->announced)
        life->told = life->told_next;
    life->announced = 0;
}

/* -- ends ----------------------------------------------------------------------------------------------------- */

/* 1 if the peer, or somebody with its keys, may have ended this association by a message. */
static int peer_may_have_ended_it(const World *self, int end)
{
    const End *peer = &self->ends[!end];

    if (self->wire.tampered || self->faults.out_of_memory)
        return 1;
    for (unsigned i = 0; i < peer->n; i++)
        if (life_has_ended(&peer->lives[i]) || peer->lives[i].closed || peer->lives[i].refused)
            return 1;
    return 0;
}

/* 1 if the peer may ever have been somebody else than this end was told. */
static int peer_may_be_another(const World *self, int end, const Life *life)
{
    const End *peer = &self->ends[!end];

    for (unsigned i = 0; i < peer->n; i++)
        if (peer->lives[i].identity != life->told)
            return 1;
    return 0;
}

/* Before it was established: what an attacker can bring about is not told from what the peer does. */
static int may_fail_in_handshake(World *self, int end, const Life *life, const SluiceEnd *why)
{
    int disturbed = world_is_disturbed(self);

    switch (why->reason) {
    case SLUICE_END_DEADLINE:
    case SLUICE_END_ROLE_CONFLICT:
    case SLUICE_END_UNVERIFIED_DEADLINE:
        return vclock_now() >= life->limit;
    case SLUICE_END_FINGERPRINT_MISMATCH:
        return disturbed || peer_may_be_another(self, end, life);
    case SLUICE_END_CLOSE_NOTIFY:
        return peer_may_have_ended_it(self, end);
    case SLUICE_END_ALERT_RECEIVED:
        return disturbed || peer_may_have_ended_it(self, end) ||
               peer_may_be_another(self, end, life);
    case SLUICE_END_ALERT_SENT:
    case SLUICE_END_PROTOCOL:
    case SLUICE_END_WEAK_HANDSHAKE: /* a flipped bit in a Hello */
    case SLUICE_END_NO_SRTP_PROFILE:
        /* Who stood still until its time was over takes what lies in its socket for an answer to its newest attempt; that this
         * broke it is believed at once. */
        return disturbed || peer_may_be_another(self, end, life) || vclock_now() > life->limit;
    case SLUICE_END_LOCAL_CLOSE:
    case SLUICE_END_NO_MEMORY:
    case SLUICE_END_TRUNCATED:
    case SLUICE_END_CERTIFICATE:
    default:
        return 0;
    }
}

/* Once established it ends by what is authenticated, by our own word, or not at all. */
static int may_fail_established(World *self, int end, const SluiceEnd *why)
{
    if (why->reason == SLUICE_END_CLOSE_NOTIFY)
        return peer_may_have_ended_it(self, end);
    if (why->reason == SLUICE_END_ALERT_RECEIVED)
        return peer_may_have_ended_it(self, end) && why->alert_received;
    return (why->reason == SLUICE_END_ALERT_SENT || why->reason == SLUICE_END_PROTOCOL) &&
           self->wire.tampered;
}

/* Memory may end anything; but no deadline, and nobody who cannot prove it, ends what is established. */
static int may_end_without_memory(const Life *life, const SluiceEnd *why)
{
    switch (why->reason) {
    case SLUICE_END_LOCAL_CLOSE:
        return life->closed;
    case SLUICE_END_DEADLINE:
    case SLUICE_END_UNVERIFIED_DEADLINE:
    case SLUICE_END_ROLE_CONFLICT:
    case SLUICE_END_FINGERPRINT_MISMATCH:
    case SLUICE_END_NO_SRTP_PROFILE:
    case SLUICE_END_WEAK_HANDSHAKE:
        return why->phase < SLUICE_STATE_CONNECTED;
    case SLUICE_END_ALERT_RECEIVED:
        return why->phase < SLUICE_STATE_CONNECTED || why->alert_received;
    case SLUICE_END_CLOSE_NOTIFY:
    case SLUICE_END_ALERT_SENT:
    case SLUICE_END_PROTOCOL:
    case SLUICE_END_NO_MEMORY:
    case SLUICE_END_TRUNCATED:
    case SLUICE_END_CERTIFICATE:
    default:
        return 1;
    }
}

static void judge_end(World *self, int end, Life *life)
{
    SluiceEnd why = pair_end(&self->pair, end);
    int fine;

    trace_add(self->trace, "end %d: %s: %s", end, sluice_state_name(life->stats.dtls_state),
              sluice_end_reason_name(why.reason));
    if (self->faults.out_of_memory)
        fine = may_end_without_memory(life, &why);
    else if (why.reason == SLUICE_END_LOCAL_CLOSE || life->closed)
        fine = life->closed && why.reason == SLUICE_END_LOCAL_CLOSE;
    else if (why.phase >= SLUICE_STATE_CONNECTED)
        fine = may_fail_established(self, end, &why);
    else
        fine = may_fail_in_handshake(self, end, life, &why);
    if (!fine)
        world_wrong(self, "end %d ended %s, by %s, and nothing was the cause", end,
                    sluice_state_name(why.phase), sluice_end_reason_name(why.reason));
}

/* -- states --------------------------------------------------------------------------------------------------- */

static int may_follow(World *self, int end, const Life *life, SluiceState to)
{
    if (life->state == to)
        return 1;
    if (life_has_ended(life))
        return 0;
    if (to == SLUICE_STATE_CONNECTED && life->state == SLUICE_STATE_MEDIA_ONLY)
        return life->stats.generation > life->generation; /* a restart brings DTLS back */
    if (to == SLUICE_STATE_MEDIA_ONLY)
        return life->given_up || self->wire.tampered || self->faults.out_of_memory ||
               (life->announced && peer_may_have_ended_it(self, end));
    return to > life->state;
}

/* 1 if one of the events of this step is a farewell of the peer. */
static int is_left(const World *self, int end, const Life *life)
{
    const PairEnd *log = &self->pair.end[end];

    for (size_t i = life->event; i < log->n_events; i++) {
        const SluiceEvent *event = &log->events[i];

        if (event->type == SLUICE_EVENT_ALERT && event->u.alert.number == 0 &&
            event->u.alert.direction == SLUICE_RECEIVED && event->u.alert.authenticated)
            return 1;
    }
    return 0;
}

/* When it has to be further. A restart before the end of the first handshake, and naming its role then, begin anew; so does
 * one that was announced, when it is finished and neither peer is known. */
static void set_limit(Life *life, const SluiceStats *before)
{
    const Limits *limits = &cast_limits[life->kind];
    SluiceState state = life->stats.dtls_state;

    if (state == SLUICE_STATE_CONNECTING) {
        if (state != life->state || before->started_at != life->stats.started_at)
            life->limit = vclock_now() + limits->handshake;
    } else if (state != life->state || (state == SLUICE_STATE_UNVERIFIED &&
                                        before->finished_at != life->stats.finished_at)) {
        life->limit = state == SLUICE_STATE_UNVERIFIED ? vclock_now() + limits->unverified
                                                       : SLUICE_TIME_NEVER;
    }
}

/* What was announced is there, and its peer as little known as the one before. */
static void take_place(Life *life)
{
    if (life->announced)
        life->told = life->told_next;
    life->announced = life->awaits = 0;
}

static void check_state(World *self, int end, Life *life, const SluiceStats *before)
{
    SluiceState state = life->stats.dtls_state;

    if (!may_follow(self, end, life, state))
        world_wrong(self, "end %d went from %s to %s", end, sluice_state_name(life->state),
                    sluice_state_name(state));
    if (life->stats.generation != life->generation)
        adopt(self, end, life);
    if (state == life->state) {
        set_limit(life, before);
        if (state == SLUICE_STATE_UNVERIFIED && before->finished_at != life->stats.finished_at)
            take_place(life);
        return;
    }
    if (state >= SLUICE_STATE_CLOSED)
        judge_end(self, end, life);
    else
        trace_add(self->trace, "end %d: %s", end, sluice_state_name(state));
    if (is_verified(state) && life->generation == 0)
        world_wrong(self, "end %d is %s without keys", end, sluice_state_name(state));
    set_limit(life, before);
    life->left = state == SLUICE_STATE_MEDIA_ONLY && is_left(self, end, life);
    life->state = state;
}

static void check_timer(World *self, int end, const Life *life)
{
    SluiceTime due = sluice_transport_next_timeout(transport_of(self, end));

    switch (life->state) {
    case SLUICE_STATE_CONNECTING:
    case SLUICE_STATE_UNVERIFIED:
        if (due > life->limit)
            world_wrong(self, "end %d is %s and will not look at its deadline", end,
                        sluice_state_name(life->state));
        /* Who wakes up late reads what has come before it looks at the time. */
        if (vclock_now() > life->limit && vclock_now() > self->pair.end[end].stopped_until)
            world_wrong(self, "end %d is %s beyond its deadline", end,
                        sluice_state_name(life->state));
        break;
    case SLUICE_STATE_NEW:
    case SLUICE_STATE_LISTENING:
    case SLUICE_STATE_CLOSED:
    case SLUICE_STATE_FAILED:
        if (due != SLUICE_TIME_NEVER)
            world_wrong(self, "end %d is %s and has a timer", end, sluice_state_name(life->state));
        break;
    case SLUICE_STATE_CONNECTED:
    case SLUICE_STATE_MEDIA_ONLY:
    default:
        if (life->awaits && due == SLUICE_TIME_NEVER)
            world_wrong(self, "end %d has a restart announced and no timer", end);
        break;
    }
}

/* -- queues and figures --------------------------------------------------------------------------------------- */

/* Flights and alerts have places of their own beside what is configured; a second association has its own inbox. */
static void check_queues(World *self, int end, const Life *life)
{
    const Limits *limits = &cast_limits[life->kind];

    if (life->stats.inbox_messages > 2 * (limits->messages + limits->held))
        world_wrong(self, "end %d has %u messages waiting", end,
                    (unsigned)life->stats.inbox_messages);
    if (life->stats.output_datagrams > limits->output + 8 + 2 * 40)
        world_wrong(self, "end %d has %u datagrams waiting", end,
                    (unsigned)life->stats.output_datagrams);
}

#define FALLS(field) (now->field < before->field)

static void check_figures(World *self, int end, const SluiceStats *before, const SluiceStats *now)
{
    if (FALLS(packets_sent) || FALLS(packets_received) || FALLS(bytes_sent) ||
        FALLS(bytes_received) || FALLS(flights_sent) || FALLS(flights_received) ||
        FALLS(retransmissions) || FALLS(dtls_received) || FALLS(rtp_received) ||
        FALLS(rtcp_received) || FALLS(rtp_delivered) || FALLS(rtcp_delivered) ||
        FALLS(data_delivered) || FALLS(held) || FALLS(rtp_protected) || FALLS(rtcp_protected) ||
        FALLS(data_sent) || FALLS(dropped_malformed) || FALLS(dropped_unexpected) ||
        FALLS(dropped_unauthentic) || FALLS(dropped_replayed) || FALLS(dropped_ended) ||
        FALLS(protect_failed) || FALLS(generation) || FALLS(restarts) || FALLS(restarts_failed))
        world_wrong(self, "a counter of end %d fell", end);
}

void invariants_datagram(World *self, int end, uint8_t type, size_t len)
{
    const Life *life = life_of(self, end);
    const Limits *limits = &cast_limits[life->kind];

    if (len > (type == 23 ? limits->datagram_limit : limits->handshake_mtu))
        world_wrong(self, "end %d sent a datagram of type %u and %zu bytes", end, (unsigned)type,
                    len);
    if (type == 23 && life->stats.connected_at == SLUICE_TIME_NEVER)
        world_wrong(self, "end %d sent data before the peer was verified", end);
}

/* -- what the pair has taken down ----------------------------------------------------------------------------- */

static void note_event(World *self, int end, const SluiceEvent *event)
{
    const SluiceFlight *flight = &event->u.flight;
    const SluiceAlert *alert = &event->u.alert;

    if (event->type == SLUICE_EVENT_FLIGHT && flight->number <= 3)
        life_of(self, end)->begun = event->time;
    if (event->type == SLUICE_EVENT_FLIGHT)
        trace_add(self->trace, "    end %d: flight %d %s%s", end, flight->number,
                  flight->direction == SLUICE_SENT_OUT ? "goes out" : "has come",
                  flight->retransmission ? ", again" : "");
    else if (event->type == SLUICE_EVENT_ALERT)
        trace_add(self->trace, "    end %d: alert %s, %s%s", end, sluice_alert_name(alert->number),
                  alert->direction == SLUICE_SENT_OUT ? "sent" : "received",
                  alert->authenticated ? "" : ", by anybody");
}

static void read_events(World *self, int end, Life *life)
{
    const PairEnd *log = &self->pair.end[end];

    for (; life->event < log->n_events; life->event++) {
        const SluiceEvent *event = &log->events[life->event];

        if (event->type == SLUICE_EVENT_RESTART_FAILED) {
            trace_add(self->trace, "end %d: the restart has failed: %s", end,
                      sluice_end_reason_name(event->u.reason));
            if (!life->announced && !self->faults.out_of_memory)
                world_wrong(self, "end %d: a restart has failed that was not announced", end);
            if (event->u.reason == SLUICE_END_DEADLINE &&
                event->time < life->announced_at + cast_limits[life->kind].handshake)
                world_wrong(self, "end %d: a restart has failed before its time was over", end);
            life->announced = life->awaits = 0;
            life->refused = 1;
        }
        note_event(self, end, event);
        if (event->time > vclock_now())
            world_wrong(self, "end %d: an event of the future", end);
    }
}

static void check_end(World *self, int end)
{
    Life *life = life_of(self, end);
    const PairEnd *log = &self->pair.end[end];
    SluiceStats before = life->stats;

    life->stats = pair_stats(&self->pair, end);
    if (!log->no_output)
        life->waiting = 0;
    check_figures(self, end, &before, &life->stats);
    /* It may have given up what was finished, and what its peer lives by. */
    life->refused |= life->stats.restarts_failed > before.restarts_failed;
    check_state(self, end, life, &before);
    read_events(self, end, life);
    check_timer(self, end, life);
    check_queues(self, end, life);
    for (; life->sent < log->n_sent; life->sent++)
        invariants_datagram(self, end, log->sent[life->sent].type, log->sent[life->sent].len);
    for (; life->message < log->n_messages; life->message++) {
        const PairMessage *message = &log->messages[life->message];

        media_got(self, end, message->kind, message->keys, message->data, message->len);
    }
}

void invariants_begin(World *self, int end)
{
    Life *life = life_of(self, end);
    const PairEnd *log = &self->pair.end[end];

    life->state = SLUICE_STATE_NEW;
    life->limit = SLUICE_TIME_NEVER;
    life->message = log->n_messages;
    life->event = log->n_events;
    life->sent = log->n_sent;
    life->stats = pair_stats(&self->pair, end);
}

void invariants_check(World *self)
{
    for (int end = 0; end < 2; end++)
        if (transport_of(self, end))
            check_end(self, end);
    if (self->pair.spun)
        world_wrong(self, "a timer is due again and again");
}
