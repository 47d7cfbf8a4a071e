/* SPDX-License-Identifier: BSD-3-Clause */

/* When everything has happened and all is quiet: nothing waits for a timer, what had to arrive has, both ends have the
 * same keys. And whatever has happened, over a path that is good again a restart that is announced, or new transports
 * where there is nothing left to restart, make a call of it. */

#include "simulate-world.h"

#include "vclock.h"

#include <stddef.h>

#define SECOND SLUICE_SECOND
#define QUIET (200 * SECOND) /* attempt, fingerprint and overlap of one association after another */

static void run_for(World *self, SluiceTime duration)
{
    SluiceTime limit = vclock_now() + duration;

    while (!self->result->wrong[0] && faults_step(&self->faults, limit))
        invariants_check(self);
}

static void calm_down(World *self)
{
    faults_end(&self->faults);
    world_clear_path(self);
    self->speak_after = 0;
    for (int end = 0; end < 2; end++) {
        self->pair.end[end].stopped_until = 0;
        self->pair.end[end].no_output = self->pair.end[end].no_reading = 0;
        if (transport_of(self, end)) {
            sluice_transport_set_path_validated(transport_of(self, end), vclock_now(), 1);
            pair_drain(&self->pair, end);
        }
    }
    invariants_check(self);
    run_for(self, QUIET);
}

static void check_quiet(World *self)
{
    for (int end = 0; end < 2; end++)
        if (transport_of(self, end) &&
            sluice_transport_next_timeout(transport_of(self, end)) != SLUICE_TIME_NEVER)
            world_wrong(self, "end %d is %s, all is quiet, and it has a timer", end,
                        sluice_state_name(life_of(self, end)->state));
    /* Who is gone has taken along what it had not read. */
    for (unsigned i = 0; i < self->n_packets && !self->faults.out_of_memory; i++) {
        const Packet *packet = &self->packets[i];
        int to = !packet->from;

        if (packet->required && !packet->got && transport_of(self, to) &&
            packet->to == self->ends[to].n && !life_of(self, to)->closed)
            world_wrong(self, "end %d has not got message %u, which it had to take", to, i);
    }
}

static uint64_t keys_of(World *self, int end)
{
    const Life *life = life_of(self, end);

    return life->generation < GENERATIONS_MAX ? life->keys[life->generation].id : 0;
}

static int is_up(World *self, int end)
{
    return transport_of(self, end) && life_of(self, end)->state == SLUICE_STATE_CONNECTED &&
           !life_of(self, end)->given_up;
}

static int agree(World *self)
{
    return is_up(self, 0) && is_up(self, 1) && keys_of(self, 0) == keys_of(self, 1);
}

/* Ends that are connected with each other have the same keys, but for what no end can know: the last flight of a restart,
 * or whole associations, that never came. */
static int may_disagree(const World *self)
{
    return self->messy || world_is_disturbed(self) || self->faults.stopped ||
           self->faults.out_of_memory;
}

static void restart(World *self)
{
    int client = (int)rng_below(&self->rng, 2);
    unsigned reborn = 0;

    for (int end = 0; end < 2; end++) {
        SluiceRole role = end == client ? SLUICE_ROLE_CLIENT : SLUICE_ROLE_SERVER;

        if (is_up(self, end))
            continue;
        if (!peer_is_born(self, end, life_of(self, end)->identity, life_of(self, end)->kind))
            return;
        reborn |= 1u << end;
        (void)role;
    }
    for (int end = 0; end < 2; end++) {
        SluiceRole role = end == client ? SLUICE_ROLE_CLIENT : SLUICE_ROLE_SERVER;
        Plan plan = {vclock_now(), PLAN_START, end, NOBODY, 0, role};

        if (!(reborn & 1u << end)) {
            peer_announces(self, end, role, life_of(self, !end)->identity);
            continue;
        }
        sluice_transport_set_path_validated(transport_of(self, end), vclock_now(), 1);
        peer_knows(self, end, life_of(self, !end)->identity);
        peer_carries_out(self, &plan);
    }
    invariants_check(self);
}

/* Each kind each way arrives. */
static void talk(World *self)
{
    unsigned first = self->n_packets > PACKETS_MAX - 20 ? PACKETS_MAX - 20 : self->n_packets;

    self->n_packets = first; /* the last ones make room */
    for (int end = 0; end < 2; end++) {
        media_send_kind(self, end, SLUICE_KIND_RTP);
        media_send_kind(self, end, SLUICE_KIND_RTCP);
        media_send_kind(self, end, SLUICE_KIND_DATA);
    }
    run_for(self, 5 * SECOND);
    for (unsigned i = first; i < self->n_packets; i++)
        if (self->packets[i].got != 1)
            world_wrong(self, "at the end: message %u of end %d has not arrived", i,
                        self->packets[i].from);
}

/* The other one hears of it. */
static void hang_up(World *self, int end)
{
    peer_closes(self, end);
    run_for(self, SECOND);
    if (pair_end(&self->pair, end).reason != SLUICE_END_LOCAL_CLOSE ||
        pair_end(&self->pair, !end).reason != SLUICE_END_CLOSE_NOTIFY)
        world_wrong(self, "at the end: closed, but the ends are %s and %s",
                    sluice_state_name(life_of(self, 0)->state),
                    sluice_state_name(life_of(self, 1)->state));
}

void finale(World *self)
{
    calm_down(self);
    check_quiet(self);
    if (self->result->wrong[0])
        return;
    self->result->mended = !agree(self);
    if (is_up(self, 0) && is_up(self, 1) && !agree(self) && !may_disagree(self))
        world_wrong(self, "both ends are connected, with different keys");
    self->faults.out_of_memory = 0; /* there is enough again */
    if (!agree(self) || self->wire.tampered) {
        self->wire.tampered =
            0; /* that association has gone, at the latest, when there is a new one */
        restart(self);
        run_for(self, 10 * SECOND);
        if (!agree(self))
            world_wrong(self, "a restart over a good path came to nothing: %s and %s",
                        sluice_state_name(life_of(self, 0)->state),
                        sluice_state_name(life_of(self, 1)->state));
    }
    if (!self->result->wrong[0])
        talk(self);
    if (!self->result->wrong[0])
        hang_up(self, (int)rng_below(&self->rng, 2));
}
