/* SPDX-License-Identifier: BSD-3-Clause */
#include "simulate-faults.h"

#include "alloc.h"
#include "forged.h"
#include "vclock.h"

#include <string.h>

#define ACTS_MAX 60
#define HORIZON (40 * SECOND) /* the first half of them falls into the handshake of most paths */

static const char *const names[FAULT_KINDS] = {
    [FAULT_FORGED] = "forged",  [FAULT_REPLAY] = "replayed",     [FAULT_FLIP] = "bit flipped",
    [FAULT_VANISH] = "no path", [FAULT_CLOCK] = "clock set",     [FAULT_STOP] = "stopped",
    [FAULT_BLOCK] = "blocked",  [FAULT_NO_MEMORY] = "no memory", [FAULT_CALLS] = "odd calls",
};

/* Of each end, without and with a cookie. */
static Stolen stolen[2][2];

void faults_steal(void)
{
    for (int cookie = 0; cookie < 2; cookie++)
        steal_handshake(stolen[cookie], cookie);
}

void faults_forget(void) { (void)free_certificates(NULL); }

/* Half of the acts come thick, as a storm does, half of them over the call. */
static void draw_next(Faults *self)
{
    SluiceTime pause =
        (SluiceTime)rng_below(&self->rng, rng_chance(&self->rng, 0.5) ? 30 * MS : HORIZON / 8);

    self->next = self->left ? vclock_now() + pause : SLUICE_TIME_NEVER;
}

void faults_init(Faults *self, Pair *pair, unsigned kinds, uint64_t seed, Trace *trace)
{
    memset(self, 0, sizeof *self);
    self->pair = pair;
    self->trace = trace;
    self->next = SLUICE_TIME_NEVER;
    self->unblock_at = SLUICE_TIME_NEVER;
    self->know_at[0] = self->know_at[1] = SLUICE_TIME_NEVER;
    if (!kinds)
        return;
    rng_init(&self->rng, seed ^ UINT64_C(0x6661756c7473));
    self->enabled = 1;
    /* One kind alone shows most; some calls meet several, some all. */
    for (int draws = 1 + (int)rng_below(&self->rng, 3); draws > 0; draws--)
        self->kinds |= 1u << rng_below(&self->rng, FAULT_KINDS);
    if (rng_chance(&self->rng, 0.1))
        self->kinds = (1u << FAULT_KINDS) - 1;
    rng_init(&self->thief, seed ^ UINT64_C(0x7468696566));
    self->steals = rng_chance(&self->thief, 0.2);
    if (self->steals)
        self->kinds |= 1u << FAULT_FORGED;
    self->kinds &= kinds;
    for (int end = 0; end < 2; end++)
        if (rng_chance(&self->rng, 0.2))
            self->know_at[end] = vclock_now() + (SluiceTime)rng_below(&self->rng, 20 * SECOND);
    self->left = self->kinds ? (unsigned)rng_below(&self->rng, ACTS_MAX) : 0;
    draw_next(self);
}

void faults_cleanup(Faults *self)
{
    for (unsigned i = 0; i < FAULT_SEEN; i++)
        if (self->seen[i])
            link_free_datagram(self->seen[i]);
    alloc_fail_at(0, 0);
    vclock_reset_wall();
    memset(self, 0, sizeof *self);
}

void faults_see(Faults *self, const LinkDatagram *datagram)
{
    LinkDatagram **place = &self->seen[self->n_seen % FAULT_SEEN];

    if (!self->enabled)
        return;
    if (*place)
        link_free_datagram(*place);
    *place = link_copy_datagram(datagram);
    self->n_seen++;
}

/* -- who sends what is not the peer's ------------------------------------------------------------------------ */

static void inject(Faults *self, int victim, const uint8_t *data, size_t len)
{
    self->touched[victim] |= len > 0 && data[0] >= 20 && data[0] <= 63;
    inject_bytes(self->pair, victim, vclock_now() + (SluiceTime)rng_below(&self->rng, 5 * MS), data,
                 len);
}

/* One message, or all that an end sent. What it breaks is an attempt, and another has to follow. */
static void send_stolen(Faults *self, int victim, SluiceRole role)
{
    int cookie = (int)rng_below(&self->thief, 2), all = rng_chance(&self->thief, 0.2);
    const Stolen *from = &stolen[cookie][role == SLUICE_ROLE_CLIENT ? SERVER : CLIENT];
    size_t first = all ? 0 : (size_t)rng_below(&self->thief, from->n);

    trace_add(self->trace, "    %s of another handshake", all ? "all" : "a message");
    for (size_t i = first; i < from->n && (all || i == first); i++)
        inject(self, victim, from->bytes[i], from->len[i]);
}

static void forge_one(Faults *self, int victim)
{
    static const uint64_t numbers[] = {
        0, 1, 3, 6, 46, 106, UINT64_C(1) << 39, (UINT64_C(1) << 48) - 1};
    uint8_t bytes[FORGED_MAX];
    SluiceRole role = pair_stats(self->pair, victim).dtls_role;
    Forged kind;
    size_t len;

    if (self->steals && rng_chance(&self->thief, 0.5)) {
        send_stolen(self, victim, role);
        return;
    }
    kind = (Forged)rng_below(&self->rng, FORGED_KINDS);
    len = forge(kind, role == SLUICE_ROLE_CLIENT ? role : SLUICE_ROLE_SERVER,
                numbers[rng_below(&self->rng, sizeof numbers / sizeof *numbers)], bytes);

    trace_add(self->trace, "    %s", forged_name(kind));
    inject(self, victim, bytes, len);
}

static void send_again(Faults *self, int victim, int flip)
{
    const LinkDatagram *seen;
    uint8_t copy[2048];
    uint64_t bit;

    if (self->n_seen == 0)
        return;
    seen = self->seen[rng_below(&self->rng, self->n_seen < FAULT_SEEN ? self->n_seen : FAULT_SEEN)];
    if (seen->len == 0 || seen->len > sizeof copy)
        return;
    memcpy(copy, seen->data, seen->len);
    if (flip) {
        bit = rng_below(&self->rng, 8 * (uint64_t)seen->len);
        copy[bit / 8] = (uint8_t)(copy[bit / 8] ^ 1u << (bit % 8));
    }
    inject(self, victim, copy, seen->len);
}

void faults_replay(Faults *self, int victim, SluiceTime within)
{
    for (unsigned i = 0; i < FAULT_SEEN && self->seen[i]; i++)
        inject_bytes(self->pair, victim,
                     vclock_now() + (SluiceTime)rng_below(&self->rng, (uint64_t)within),
                     self->seen[i]->data, self->seen[i]->len);
}

static int lose_all(void *context, uint64_t number, SluiceTime now, uint8_t *data, size_t len)
{
    (void)context, (void)number, (void)now, (void)data, (void)len;
    return 0;
}

/* -- the machine and the program ----------------------------------------------------------------------------- */

static void stop_one(Faults *self, int end)
{
    SluiceTime pause = (SluiceTime)rng_below(&self->rng, 60 * SECOND);

    self->pair->end[end].stopped_until = vclock_now() + pause;
    self->stopped += pause;
}

static void block_one(Faults *self, int end)
{
    self->pair->end[end].no_output = 1;
    self->unblock_at = vclock_now() + (SluiceTime)rng_below(&self->rng, 3 * SECOND);
}

static void unblock(Faults *self)
{
    self->unblock_at = SLUICE_TIME_NEVER;
    for (int end = 0; end < 2; end++) {
        self->pair->end[end].no_output = 0;
        pair_drain(self->pair, end);
    }
}

/* What must be refused in this state is refused, with nothing changed. */
static void call_oddly(Faults *self, int n)
{
    SluiceTransport *transport = self->pair->end[n].transport;
    SluiceState before = sluice_transport_get_state(transport);
    int is_up = before == SLUICE_STATE_CONNECTED;
    _Alignas(8) uint8_t packet[64 + SLUICE_PROTECT_ROOM];
    uint8_t key[16];
    SluiceSrtpKeys keys;
    SluiceStatus exported, derived;
    SluiceKind kind;
    size_t len =
        pair_make_media(packet, SLUICE_KIND_RTP, 0xbad, (uint16_t)rng_next(&self->rng), 1, 20);
    size_t none = 0;

    if (!is_up && sluice_transport_protect(transport, SLUICE_KIND_RTP, packet, &len,
                                           sizeof packet) == SLUICE_OK)
        self->wrong = "protect worked without a verified peer";
    if (!is_up && sluice_transport_send_data(transport, vclock_now(), packet, 20) == SLUICE_OK)
        self->wrong = "data was taken without a verified peer";
    exported = sluice_transport_export(transport, "EXPORTER-x", NULL, 0, key, sizeof key);
    derived = sluice_transport_get_srtp_keys(transport, &keys);
    if (is_up ? !self->out_of_memory && (exported != SLUICE_OK || derived != SLUICE_OK)
              : exported == SLUICE_OK || derived == SLUICE_OK)
        self->wrong = "keys and the state do not agree";
    if (before != SLUICE_STATE_NEW && before != SLUICE_STATE_LISTENING &&
        before < SLUICE_STATE_CLOSED &&
        sluice_transport_start(transport, vclock_now(), SLUICE_ROLE_AUTO) != SLUICE_INVALID_STATE)
        self->wrong = "a second start was taken";
    (void)sluice_transport_receive(transport, vclock_now(), packet, &none, &kind);
    (void)sluice_transport_set_rtt(transport, (SluiceTime)rng_below(&self->rng, SECOND));
    (void)sluice_transport_handle_timeout(transport, vclock_now());
    (void)pair_know(self->pair, n);
    pair_drain(self->pair, n);
    if (sluice_transport_get_state(transport) < before)
        self->wrong = "a transport went back to an earlier state";
}

/* -- one after the other -------------------------------------------------------------------------------------- */

static void act(Faults *self, FaultKind kind, int end)
{
    int stopped = vclock_now() < self->pair->end[end].stopped_until;

    if (!self->pair->end[end].transport ||
        (stopped && (kind == FAULT_STOP || kind == FAULT_BLOCK || kind == FAULT_CALLS)))
        return;
    switch (kind) {
    case FAULT_FORGED:
        forge_one(self, end);
        break;
    case FAULT_REPLAY:
    case FAULT_FLIP:
        send_again(self, end, kind == FAULT_FLIP);
        break;
    case FAULT_VANISH:
        if (!rng_chance(&self->rng, 0.05)) /* there would be little else to see */
            break;
        self->vanished = 1;
        self->pair->end[0].link.filter = self->pair->end[1].link.filter = lose_all;
        break;
    case FAULT_CLOCK:
        vclock_step_wall((int64_t)rng_below(&self->rng, (uint64_t)(7200 * SECOND)) - 3600 * SECOND);
        break;
    case FAULT_STOP:
        stop_one(self, end);
        break;
    case FAULT_BLOCK:
        block_one(self, end);
        break;
    case FAULT_NO_MEMORY:
        if (!rng_chance(&self->rng, 0.1))
            break;
        self->out_of_memory = 1;
        alloc_fail_at(1 + rng_below(&self->rng, 400), rng_chance(&self->rng, 0.3));
        break;
    case FAULT_CALLS:
        call_oddly(self, end);
        break;
    }
}

static void act_now(Faults *self)
{
    FaultKind kind = (FaultKind)rng_below(&self->rng, FAULT_KINDS);
    int end = (int)rng_below(&self->rng, 2);

    while (!(self->kinds & 1u << kind))
        kind = (FaultKind)((kind + 1) % FAULT_KINDS);
    trace_add(self->trace, "%s, end %d (%s)", names[kind], end,
              sluice_state_name(pair_state(self->pair, end)));
    act(self, kind, end);
    self->left--;
    draw_next(self);
}

static SluiceTime earlier(SluiceTime a, SluiceTime b) { return a < b ? a : b; }

/* The fingerprints that signalling brings late. */
static int learn(Faults *self)
{
    int learnt = 0;

    for (int end = 0; end < 2; end++)
        if (self->know_at[end] <= vclock_now()) {
            self->know_at[end] = SLUICE_TIME_NEVER;
            (void)pair_know(self->pair, end);
            learnt = 1;
        }
    return learnt;
}

int faults_step(Faults *self, SluiceTime limit)
{
    SluiceTime due =
        earlier(earlier(self->next, self->unblock_at), earlier(self->know_at[0], self->know_at[1]));

    if (due > limit)
        return pair_step(self->pair, limit);
    if (pair_step(self->pair, due))
        return 1;
    if (due > vclock_now())
        vclock_advance_to(due);
    if (learn(self))
        return 1;
    if (self->unblock_at <= due)
        unblock(self);
    else
        act_now(self);
    return 1;
}

void faults_end(Faults *self)
{
    self->left = 0;
    self->next = SLUICE_TIME_NEVER;
    unblock(self);
    alloc_fail_at(0, 0);
    vclock_reset_wall();
}
