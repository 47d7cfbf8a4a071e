/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SIMULATE_FAULTS_H
#define SIMULATE_FAULTS_H

/* What befalls a call beside the faults of its link, drawn from the call's seed: somebody who forges datagrams from
 * the peer's address, at times of whole messages that nothing tells from the peer's own; one who has seen all that was sent and sends it again, as it was or with a bit flipped; a path that
 * goes away; a wall clock that is set; a process that stops for a minute; a network that refuses to send; memory that runs
 * out; an application that calls what it should not. */

#include "pair.h"
#include "simulate-trace.h"

#define FAULT_KINDS 9

typedef enum {
    FAULT_FORGED,    /* a datagram that somebody makes who knows the addresses alone */
    FAULT_REPLAY,    /* one that was delivered, once more, to either end */
    FAULT_FLIP,      /* the same with a bit flipped */
    FAULT_VANISH,    /* from here on everything is lost */
    FAULT_CLOCK,     /* the wall clock is set, up to an hour either way */
    FAULT_STOP,      /* an end's process stops for up to a minute */
    FAULT_BLOCK,     /* an end cannot send for a while */
    FAULT_NO_MEMORY, /* one of the next allocations fails, or all from there on */
    FAULT_CALLS      /* calls that do not fit the state, or change nothing */
} FaultKind;

#define FAULT_SEEN 32 /* datagrams that the replayer remembers */

typedef struct {
    Pair *pair;
    Rng rng;
    int enabled;
    unsigned kinds;     /* a bit each: those that this call meets */
    unsigned left;      /* acts to come */
    SluiceTime next;    /* the next act, or NEVER */
    SluiceTime stopped; /* by FAULT_STOP, in all */
    int steals;         /* some of what is forged is whole messages of another handshake */
    Rng thief;
    int vanished, out_of_memory;
    int touched[2]; /* somebody else's DTLS has reached that end */
    int blocked[2];
    SluiceTime unblock_at;
    SluiceTime know_at[2]; /* when an end learns who the other one is; NEVER: from the start */
    LinkDatagram *seen[FAULT_SEEN];
    unsigned n_seen;
    Trace *trace;
    const char *wrong; /* a call that was answered as it must not be */
} Faults;

/* Once in a process, before the first call and after the last one: the messages of a handshake of others. */
void faults_steal(void);
void faults_forget(void);

/* @kinds: those that may be drawn; 0: none. */
void faults_init(Faults *self, Pair *pair, unsigned kinds, uint64_t seed, Trace *trace);
void faults_cleanup(Faults *self);

/* A datagram has been delivered. */
void faults_see(Faults *self, const LinkDatagram *datagram);

/* All that was seen lately reaches @victim again within @within. */
void faults_replay(Faults *self, int victim, SluiceTime within);

/* Runs the earliest event or act that is due by @limit. 0: there is none. */
int faults_step(Faults *self, SluiceTime limit);

/* No more of them; whoever was stopped or blocked goes on. */
void faults_end(Faults *self);

#endif
