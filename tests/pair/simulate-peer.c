/* SPDX-License-Identifier: BSD-3-Clause */

/* What peers do: they begin, restart by signalling or without a word, with another certificate or role, hang up, vanish. */

#include "simulate-world.h"

#include "vclock.h"

#include <string.h>

#define MS SLUICE_MILLISECOND
#define SECOND SLUICE_SECOND

static SluiceTime below(World *self, SluiceTime limit)
{
    return (SluiceTime)rng_below(&self->rng, (uint64_t)limit + 1);
}

/* Most things are said soon, some late. */
static SluiceTime soon_or_late(World *self)
{
    return below(self, rng_chance(&self->rng, 0.85) ? 300 * MS : 8 * SECOND);
}

static SluiceRole opposite(SluiceRole role)
{
    return role == SLUICE_ROLE_CLIENT ? SLUICE_ROLE_SERVER : SLUICE_ROLE_CLIENT;
}

/* -- life ----------------------------------------------------------------------------------------------------- */

int peer_is_born(World *self, int end, int identity, ConfigKind kind)
{
    End *peer = &self->ends[end];
    PairEnd *at = &self->pair.end[end];
    Life *life;

    if (peer->n == LIVES_MAX)
        return 0;
    self->crossed |= peer->n > 0;
    life = &peer->lives[peer->n++];
    memset(life, 0, sizeof *life);
    life->identity = identity;
    life->kind = kind;
    life->told = life->told_next = NOBODY;
    sluice_transport_free(at->transport);
    sluice_config_unref(at->config);
    at->config = sluice_config_ref(self->cast->configs[identity][kind]);
    at->transport = sluice_transport_new(at->config);
    at->no_reading = at->no_output = 0;
    at->emsgsize = 0;
    memset(peer->sequence, 0, sizeof peer->sequence);
    trace_add(self->trace, "end %d: a new transport, identity %d, config %d", end, identity,
              (int)kind);
    if (!at->transport) {
        if (!self->faults.out_of_memory)
            world_wrong(self, "no transport could be made");
        return 0;
    }
    invariants_begin(self, end);
    return 1;
}

static int identity_of(World *self, int end) { return life_of(self, end)->identity; }

/* What a new transport is told: the path, the peer, the role; in any order. */
void peer_begins(World *self, int end, SluiceRole role, SluiceTime within)
{
    int offers = rng_chance(&self->rng, 0.15); /* actpass: the role comes with the answer */

    world_plan(self, below(self, within), PLAN_VALIDATE, end, NOBODY, SLUICE_ROLE_AUTO);
    world_plan(self, rng_chance(&self->rng, 0.8) ? 0 : soon_or_late(self), PLAN_KNOW, end,
               identity_of(self, !end), SLUICE_ROLE_AUTO);
    if (offers)
        world_plan(self, below(self, within), PLAN_START, end, NOBODY, SLUICE_ROLE_AUTO);
    world_plan(self, within + (offers ? soon_or_late(self) : 0), PLAN_START, end, NOBODY, role);
}

void peer_knows(World *self, int end, int identity)
{
    Life *life = life_of(self, end);
    int *known = life->announced ? &life->told_next : &life->told;
    SluiceStatus status = sluice_transport_set_remote_fingerprints(
        transport_of(self, end), vclock_now(), &self->cast->fingerprints[identity], 1);

    life->ever_told |= 1u << identity;
    trace_add(self->trace, "end %d is told that the peer is %d", end, identity);
    if (*known == NOBODY && status == SLUICE_OK)
        *known = identity;
    api_expects(self, status,
                life_has_ended(life) ? SLUICE_ENDED
                : *known == identity ? SLUICE_OK
                                     : SLUICE_INVALID_STATE,
                "end %d: set_remote_fingerprints", end);
    pair_drain(&self->pair, end);
}

void peer_announces(World *self, int end, SluiceRole role, int identity)
{
    Life *life = life_of(self, end);
    int unfinished = life->state < SLUICE_STATE_UNVERIFIED;
    int expected = life->announced ? life->told_next : life->told;
    SluiceStatus status = sluice_transport_restart(
        transport_of(self, end), vclock_now(), role,
        identity == NOBODY ? NULL : &self->cast->fingerprints[identity], identity != NOBODY);

    trace_add(self->trace, "end %d: restart as %s, peer %d: %s", end, sluice_role_name(role),
              identity, sluice_status_text(status));
    if (identity != NOBODY)
        life->ever_told |= 1u << identity;
    api_expects(self, status,
                life_has_ended(life)                                ? SLUICE_ENDED
                : life->state == SLUICE_STATE_NEW || life->given_up ? SLUICE_INVALID_STATE
                                                                    : SLUICE_OK,
                "end %d: restart", end);
    /* Without memory for what is new it has the time of it all the same. */
    if ((status == SLUICE_OK || status == SLUICE_NO_MEMORY) &&
        life->state == SLUICE_STATE_UNVERIFIED &&
        life->limit < vclock_now() + cast_limits[life->kind].handshake)
        life->limit = vclock_now() + cast_limits[life->kind].handshake;
    if (status == SLUICE_OK && unfinished) {
        life->told = identity;
        self->crossed = 1;
        if (life->state == SLUICE_STATE_CONNECTING)
            life->limit = vclock_now() + cast_limits[life->kind].handshake;
    } else if (status == SLUICE_OK) {
        /* What was finished has come into force first, of whom it was; of whom nobody knew it is of whom is named now. */
        life->awaits = 0;
        if (expected != NOBODY)
            invariants_check(self);
        life->announced = life->awaits = 1;
        life->announced_at = vclock_now();
        life->announced_role = role;
        life->told_next = identity;
    }
    life->begun = vclock_now();
    pair_drain(&self->pair, end);
}

void peer_closes(World *self, int end)
{
    trace_add(self->trace, "end %d closes", end);
    life_of(self, end)->closed |= !life_has_ended(life_of(self, end));
    sluice_transport_close(transport_of(self, end), vclock_now());
    pair_drain(&self->pair, end);
}

static void start(World *self, const Plan *plan)
{
    Life *life = life_of(self, plan->end);
    SluiceStatus status =
        sluice_transport_start(transport_of(self, plan->end), vclock_now(), plan->role);

    trace_add(self->trace, "end %d: start as %s: %s", plan->end, sluice_role_name(plan->role),
              sluice_status_text(status));
    if (life_has_ended(life))
        api_expects(self, status, SLUICE_ENDED, "end %d: start", plan->end);
    else if (life->state == SLUICE_STATE_NEW &&
             !world_is_disturbed(self)) /* else what came early may end it */
        api_expects(self, status, SLUICE_OK, "end %d: start", plan->end);
    else if (status != SLUICE_OK && status != SLUICE_ENDED)
        api_expects(self, status, SLUICE_INVALID_STATE, "end %d: start", plan->end);
    else if (status == SLUICE_OK && life->state == SLUICE_STATE_CONNECTING)
        life->limit = vclock_now() + cast_limits[life->kind].handshake; /* its role is named */
    pair_drain(&self->pair, plan->end);
}

static void reborn(World *self, int end, int identity, SluiceRole role)
{
    ConfigKind kind = rng_chance(&self->rng, 0.7) ? life_of(self, end)->kind
                                                  : (ConfigKind)rng_below(&self->rng, CONFIGS);

    if (!peer_is_born(self, end, identity, kind))
        return;
    peer_begins(self, end, role, rng_chance(&self->rng, 0.7) ? 0 : 200 * MS);
}

void peer_carries_out(World *self, const Plan *plan)
{
    SluiceTransport *transport = transport_of(self, plan->end);

    switch (plan->kind) {
    case PLAN_VALIDATE:
        sluice_transport_set_path_validated(transport, vclock_now(), 1);
        break;
    case PLAN_KNOW:
        peer_knows(self, plan->end, plan->identity);
        break;
    case PLAN_START:
        start(self, plan);
        break;
    case PLAN_RESTART:
        peer_announces(self, plan->end, plan->role, plan->identity);
        break;
    case PLAN_REBOOT:
        reborn(self, plan->end, plan->identity, plan->role);
        break;
    case PLAN_READ:
        self->pair.end[plan->end].no_reading = 0;
        pair_drain(&self->pair, plan->end);
        break;
    case PLAN_UNBLOCK:
        self->pair.end[plan->end].no_output = 0;
        pair_drain(&self->pair, plan->end);
        break;
    case PLAN_PATH:
        trace_add(self->trace, "the path is there again");
        self->no_path = 0;
        break;
    }
}

/* -- acts ----------------------------------------------------------------------------------------------------- */

/* Of the two identities of an end. */
static int new_identity(World *self, int end)
{
    return rng_chance(&self->rng, 0.5) ? 2 * end + (int)rng_below(&self->rng, 2)
                                       : identity_of(self, end);
}

/* Both hear of it, sooner or later; who is @reborn makes a transport for it. */
static void announce(World *self, unsigned reborn_ends)
{
    SluiceRole role = rng_chance(&self->rng, 0.5) ? SLUICE_ROLE_CLIENT : SLUICE_ROLE_SERVER;
    int identities[2];

    /* One at a time, of ends that stay, comes to an end that both see. */
    self->messy |= reborn_ends || self->announced++;
    for (int end = 0; end < 2; end++)
        identities[end] =
            reborn_ends & 1u << end ? new_identity(self, end) : identity_of(self, end);
    for (int end = 0; end < 2; end++, role = opposite(role)) {
        SluiceTime at = soon_or_late(self);
        int later = rng_chance(&self->rng, 0.15), offers = rng_chance(&self->rng, 0.15);

        if (reborn_ends & 1u << end) {
            world_plan(self, at, PLAN_REBOOT, end, identities[end], role);
            continue;
        }
        world_plan(self, at, PLAN_RESTART, end, later ? NOBODY : identities[!end],
                   offers ? SLUICE_ROLE_AUTO : role);
        if (later)
            world_plan(self, at + soon_or_late(self), PLAN_KNOW, end, identities[!end],
                       SLUICE_ROLE_AUTO);
        if (offers)
            world_plan(self, at + soon_or_late(self), PLAN_START, end, NOBODY, role);
    }
}

/* The path is away for a while: longer, at times, than anything waits. */
static void lose_path(World *self)
{
    SluiceTime away = below(self, rng_chance(&self->rng, 0.7) ? 2 * SECOND : 40 * SECOND);

    if (self->no_path)
        return;
    trace_add(self->trace, "the path goes away for %.0f ms", (double)away / 1e6);
    self->no_path = self->messy = 1;
    world_plan(self, away, PLAN_PATH, 0, NOBODY, SLUICE_ROLE_AUTO);
}

static void vanish(World *self, int end)
{
    PairEnd *at = &self->pair.end[end];

    trace_add(self->trace, "end %d vanishes", end);
    sluice_transport_free(at->transport);
    at->transport = NULL;
}

void peer_acts(World *self)
{
    int end = (int)rng_below(&self->rng, 2);
    unsigned what = (unsigned)rng_below(&self->rng, 20);

    if (!transport_of(self, 0) || !transport_of(self, 1) || !world_runs(self, end))
        return;
    if (what < 6) {
        announce(self, 0);
    } else if (what < 10) {
        announce(self, 1u << end);
    } else if (what == 10) {
        announce(self, 3);
    } else if (what < 15) { /* without a word */
        int identity =
            rng_chance(&self->rng, 0.7) ? identity_of(self, end) : new_identity(self, end);

        self->messy = 1;
        reborn(self, end, identity,
               rng_chance(&self->rng, 0.8) ? SLUICE_ROLE_CLIENT : SLUICE_ROLE_SERVER);
    } else if (what < 17) {
        wire_speaks(self, end);
    } else if (what == 17) {
        lose_path(self);
    } else if (what == 18) {
        peer_closes(self, end);
    } else if (rng_chance(&self->rng, 0.3)) {
        vanish(self, end);
    }
}
