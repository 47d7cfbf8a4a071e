/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SUPPORT_PAIR_H
#define SUPPORT_PAIR_H

/* Two transports with an emulated link each way. The pair always runs the earliest event, a
 * datagram's arrival or a timer, and moves virtual time there: minutes of a call take milliseconds,
 * and nothing depends on the machine. */

#include "link.h"

#include <sluice/sluice.h>

/* A message or packet as an end got it. */
typedef struct {
    SluiceKind kind;
    uint32_t generation; /* 0: returned by receive at once, not through the inbox */
    uint32_t keys;       /* the generation of keys it came under, either way */
    SluiceTime time;
    size_t len;
    uint8_t *data;
} PairMessage;

/* A datagram of the output queue that an end has sent. */
typedef struct {
    SluiceTime time;
    size_t len;
    uint8_t type; /* first byte: the content type of its first record */
} PairSent;

typedef struct {
    SluiceTransport *transport;
    SluiceConfig *config;
    Link link;                /* what this end sends */
    uint64_t tag;             /* put on the datagrams that leave now */
    int no_output;            /* the network says EAGAIN: output stays in its queue */
    int no_reading;           /* the application does not pop messages */
    SluiceTime stopped_until; /* the process does not run: datagrams and timers wait */
    size_t emsgsize;          /* the network says EMSGSIZE above this; 0: never */

    PairMessage *messages;
    size_t n_messages;
    SluiceEvent *events;
    size_t n_events;
    PairSent *sent;
    size_t n_sent;
    SluiceStatus last_status; /* of the last datagram given to receive */
    uint64_t would_block;     /* how often receive wanted the inbox emptied first */
    uint64_t refused;         /* how often receive answered with a status of the class "dropped" */
} PairEnd;

typedef struct Pair {
    PairEnd end[2];
    Rng rng;
    SluiceTime begun;
    unsigned spins; /* timers that were due again at the same moment, in a row */
    int spun;       /* that went on without end: a busy loop */
    /* Called after a datagram has been given to @to and everything has been drained. */
    void (*delivered)(struct Pair *self, int to, const LinkDatagram *datagram, SluiceStatus status);
    /* Called when a timer of @end was due, with what sluice_transport_handle_timeout() said of it. */
    void (*expired)(struct Pair *self, int end, SluiceStatus status);
    void *context;
} Pair;

typedef int (*PairCondition)(const Pair *self);

/* End 0 has @a, end 1 has @b; the links start empty. References to the configs are taken. */
void pair_open(Pair *self, SluiceConfig *a, SluiceConfig *b, const LinkSettings *settings,
               uint64_t seed);
void pair_close(Pair *self);

/* Tells @end who the other one is. */
SluiceStatus pair_know(Pair *self, int end);
SluiceStatus pair_start(Pair *self, int end, SluiceRole role);

/* Both paths validated, both fingerprints known, end 0 started as client, end 1 as server. */
void pair_start_both(Pair *self);

/* The program of @end dies and comes back: a transport of the same config, on the same path. */
void pair_reboot(Pair *self, int end);

/* Runs the earliest event if it is due by @limit. 0: there is none. */
int pair_step(Pair *self, SluiceTime limit);
/* Runs everything in the next @duration and ends that much later. */
void pair_run(Pair *self, SluiceTime duration);
/* Runs until @condition or @limit; 1 if the condition came true. */
int pair_run_until(Pair *self, PairCondition condition, SluiceTime limit);

int pair_both_connected(const Pair *self);
int pair_both_over(const Pair *self);    /* closed or failed */
int pair_both_settled(const Pair *self); /* connected, closed or failed */

/* Sends output, takes messages and events: what a program does after every call. */
void pair_drain(Pair *self, int end);

SluiceStatus pair_send_data(Pair *self, int end, const void *data, size_t len);
/* Makes, protects and sends a packet; the payload of RTP, or what follows the header of RTCP, is
 * @len bytes of @fill, a multiple of 4. */
SluiceStatus pair_send_media(Pair *self, int end, SluiceKind kind, uint32_t ssrc, uint16_t sequence,
                             uint8_t fill, size_t len);

/* A plain packet; returns its length. */
size_t pair_make_media(uint8_t *out, SluiceKind kind, uint32_t ssrc, uint16_t sequence,
                       uint8_t fill, size_t len);

SluiceState pair_state(const Pair *self, int end);
SluiceStats pair_stats(const Pair *self, int end);
SluiceEnd pair_end(const Pair *self, int end); /* reason 0 while it lives */

/* Messages of @kind that @end has got. */
size_t pair_count(const Pair *self, int end, SluiceKind kind);

#endif
