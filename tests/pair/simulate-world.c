/* SPDX-License-Identifier: BSD-3-Clause */
#include "simulate-world.h"

#include "alloc.h"
#include "vclock.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MS SLUICE_MILLISECOND
#define SECOND SLUICE_SECOND

void world_wrong(World *self, const char *format, ...)
{
    CallResult *result = self->result;
    va_list arguments;

    if (result->wrong[0])
        return;
    va_start(arguments, format);
    vsnprintf(result->wrong, sizeof result->wrong, format, arguments);
    va_end(arguments);
    trace_add(self->trace, "WRONG: %s", result->wrong);
}

int world_runs(const World *self, int end)
{
    return vclock_now() >= self->pair.end[end].stopped_until;
}

/* -- plans ---------------------------------------------------------------------------------------------------- */

void world_plan(World *self, SluiceTime delay, PlanKind kind, int end, int identity,
                SluiceRole role)
{
    if (self->n_plans == PLANS_MAX)
        return;
    self->plans[self->n_plans++] =
        (Plan){vclock_now() + delay, kind, end, identity, self->ends[end].n, role};
}

/* The one that is due first, of the same time the one that was made first; NULL: there is none. */
static Plan *next_plan(World *self)
{
    Plan *next = NULL;

    for (unsigned i = 0; i < self->n_plans; i++)
        if (!next || self->plans[i].at < next->at)
            next = &self->plans[i];
    return next;
}

static void carry_out(World *self, Plan *at)
{
    Plan plan = *at;
    size_t behind = (size_t)(&self->plans[--self->n_plans] - at);

    memmove(at, at + 1, behind * sizeof *at);
    if (plan.kind != PLAN_PATH &&
        (plan.life != self->ends[plan.end].n || !transport_of(self, plan.end)))
        return;
    if (world_runs(self, plan.end) || plan.kind == PLAN_PATH)
        peer_carries_out(self, &plan);
    else
        world_plan(self, self->pair.end[plan.end].stopped_until - vclock_now(), plan.kind, plan.end,
                   plan.identity, plan.role);
}

/* -- what happens next ---------------------------------------------------------------------------------------- */

/* Acts of one kind come thick, then again after a while. */
static void draw(World *self, unsigned *left, SluiceTime *next, SluiceTime thick, SluiceTime wide)
{
    SluiceTime limit = rng_chance(&self->rng, 0.7) ? thick : wide;

    if (*left == 0) {
        *next = SLUICE_TIME_NEVER;
        return;
    }
    --*left;
    *next = vclock_now() + (SluiceTime)rng_below(&self->rng, (uint64_t)limit);
}

static void draw_peer(World *self)
{
    draw(self, &self->peer_acts, &self->next_peer, 150 * MS, 12 * SECOND);
}

static void draw_api(World *self)
{
    draw(self, &self->api_acts, &self->next_api, 40 * MS, 5 * SECOND);
}

static void draw_media(World *self)
{
    draw(self, &self->media_acts, &self->next_media, 15 * MS, 400 * MS);
}

static SluiceTime earlier(SluiceTime a, SluiceTime b) { return a < b ? a : b; }

static void act(World *self)
{
    SluiceTime now = vclock_now();
    Plan *plan = next_plan(self);

    if (plan && plan->at <= now) {
        carry_out(self, plan);
    } else if (self->next_peer <= now) {
        draw_peer(self);
        peer_acts(self);
        self->media_acts += 40; /* something has to flow while it happens */
        if (self->next_media == SLUICE_TIME_NEVER)
            draw_media(self);
    } else if (self->next_api <= now) {
        draw_api(self);
        api_acts(self);
    } else {
        draw_media(self);
        media_send(self, (int)rng_below(&self->rng, 2));
    }
}

/* One thing happens, and all is looked at. 0: nothing is to come by @limit. */
static int step(World *self, SluiceTime limit)
{
    Plan *plan = next_plan(self);
    SluiceTime due = earlier(earlier(self->next_peer, self->next_api), self->next_media);

    if (plan)
        due = earlier(due, plan->at);
    if (due > limit) {
        if (!faults_step(&self->faults, limit))
            return 0;
    } else if (!faults_step(&self->faults, due)) {
        if (due > vclock_now())
            vclock_advance_to(due);
        act(self);
    }
    invariants_check(self);
    return 1;
}

/* -- a call --------------------------------------------------------------------------------------------------- */

/* Reads what goes by; nothing passes while there is no path. */
static int watch(World *self, int from, const uint8_t *data, size_t len)
{
    wire_watch(self, from, data, len);
    return !self->no_path;
}

static int watch_0(void *context, uint64_t number, SluiceTime now, uint8_t *data, size_t len)
{
    (void)number;
    (void)now;
    return watch(context, 0, data, len);
}

static int watch_1(void *context, uint64_t number, SluiceTime now, uint8_t *data, size_t len)
{
    (void)number;
    (void)now;
    return watch(context, 1, data, len);
}

void world_clear_path(World *self)
{
    const LinkSettings clean = {.delay = 10 * MS};

    self->no_path = 0;
    for (int end = 0; end < 2; end++) {
        self->pair.end[end].link.filter = end ? watch_1 : watch_0;
        self->pair.end[end].link.filter_context = self;
        self->pair.end[end].link.settings = clean;
        self->pair.end[end].emsgsize = 0;
    }
}

static void note_arrival(Pair *pair, int to, const LinkDatagram *datagram, SluiceStatus status)
{
    World *self = pair->context;
    int is_dtls = datagram->len > 0 && datagram->data[0] >= 20 && datagram->data[0] <= 63;

    faults_see(&self->faults, datagram);
    self->muddied |= datagram->damaged && is_dtls;
    if (is_dtls && self->speak_after && --self->speak_after == 0)
        wire_speaks(self, (int)rng_below(&self->rng, 2));
    if (sluice_transport_get_state(transport_of(self, to)) != life_of(self, to)->state ||
        pair_stats(pair, to).generation != life_of(self, to)->generation)
        return; /* what it has to take changed with this very datagram */
    media_arrived(self, to, datagram, status);
}

/* A path of its own for each call, unless the options have one. */
static void draw_link(Rng *rng, LinkSettings *link)
{
    static const double chances[] = {0, 0, 0, 0.02, 0.05, 0.1, 0.2, 0.3};
    static const SluiceTime delays[] = {0, 1, 5, 20, 20, 50, 150, 400};
    static const size_t sizes[] = {0, 0, 0, 0, 0, 1200, 600, 300};

    link->loss = chances[rng_below(rng, 8)];
    link->duplicate = chances[rng_below(rng, 8)];
    link->reorder = chances[rng_below(rng, 8)];
    link->corrupt = rng_chance(rng, 0.1) ? 0.02 : 0;
    link->delay = delays[rng_below(rng, 8)] * MS;
    link->mtu = sizes[rng_below(rng, 8)];
}

static int is_drawn(const LinkSettings *link)
{
    return link->loss <= 0 && link->duplicate <= 0 && link->reorder <= 0 && link->corrupt <= 0 &&
           link->mtu == 0;
}

static ConfigKind draw_kind(Rng *rng)
{
    return rng_chance(rng, 0.4) ? CONFIG_USUAL : (ConfigKind)rng_below(rng, CONFIGS);
}

static void open_world(World *self, const CallSettings *settings, uint64_t seed)
{
    LinkSettings link = settings->link;
    ConfigKind kinds[2];

    rng_init(&self->rng, seed ^ UINT64_C(0x776f726c64));
    if (is_drawn(&link))
        draw_link(&self->rng, &link);
    kinds[0] = kinds[1] = draw_kind(&self->rng);
    if (rng_chance(&self->rng, 0.5))
        kinds[1] = draw_kind(&self->rng);
    pair_open(&self->pair, self->cast->configs[0][kinds[0]], self->cast->configs[2][kinds[1]],
              &link, seed);
    faults_init(&self->faults, &self->pair,
                rng_chance(&self->rng, 0.7) ? settings->faults & ~(1u << FAULT_CALLS) : 0, seed,
                self->trace);
    self->faults.know_at[0] = self->faults.know_at[1] = SLUICE_TIME_NEVER; /* that is the peers' */
    self->pair.delivered = note_arrival;
    self->pair.context = self;
    world_clear_path(self);
    for (int end = 0; end < 2; end++) {
        self->pair.end[end].link.settings = link;
        if (link.mtu && rng_chance(&self->rng, 0.3))
            self->pair.end[end].emsgsize = link.mtu;
        (void)peer_is_born(self, end, 2 * end, kinds[end]);
    }
    self->messy = link.loss > 0.05 || link.mtu || kinds[0] == CONFIG_SHORT ||
                  kinds[1] == CONFIG_SHORT ||
                  (self->faults.kinds & (1u << FAULT_VANISH | 1u << FAULT_BLOCK));
    trace_add(self->trace,
              "loss %.2f duplicate %.2f reorder %.2f corrupt %.2f delay %d ms mtu %zu faults %#x",
              link.loss, link.duplicate, link.reorder, link.corrupt, (int)(link.delay / MS),
              link.mtu, self->faults.kinds);
}

static void begin(World *self)
{
    static const unsigned many[] = {0, 0, 1, 1, 1, 2, 3, 5};
    int client = (int)rng_below(&self->rng, 2);

    for (int end = 0; end < 2; end++)
        peer_begins(self, end, end == client ? SLUICE_ROLE_CLIENT : SLUICE_ROLE_SERVER,
                    rng_chance(&self->rng, 0.7) ? 0 : 200 * MS);
    self->peer_acts = many[rng_below(&self->rng, 8)];
    self->api_acts = rng_chance(&self->rng, 0.6) ? (unsigned)rng_below(&self->rng, 60) : 0;
    self->media_acts = 40;
    self->speak_after = rng_chance(&self->rng, 0.15) ? 1 + (unsigned)rng_below(&self->rng, 30) : 0;
    draw_peer(self);
    draw_api(self);
    draw_media(self);
}

static void run(World *self)
{
    const SluiceTime limit = vclock_now() + 600 * SECOND;

    begin(self);
    while (!self->result->wrong[0] && step(self, limit + self->faults.stopped))
        ;
    if (!self->result->wrong[0])
        finale(self);
}

void simulate_world(Cast *cast, const CallSettings *settings, uint64_t seed, CallResult *result)
{
    World *self = test_malloc(sizeof *self);

    memset(self, 0, sizeof *self);
    memset(result, 0, sizeof *result);
    self->result = result;
    self->cast = cast;
    self->trace = settings->trace;
    trace_begin(self->trace);
    cast->wire = &self->wire;
    open_world(self, settings, seed);
    if (!result->wrong[0])
        run(self);
    faults_cleanup(&self->faults);
    pair_close(&self->pair);
    cast->wire = NULL;
    test_free(self);
}
