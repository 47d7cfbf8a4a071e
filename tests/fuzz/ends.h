/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef ENDS_H
#define ENDS_H

/* Two transports in memory for fuzz targets: fixed certificates, random numbers that begin anew with each input, and a
 * wall clock for libssl that goes with the transports' time. The same input is the same run. */

#include "fuzz.h"

#include <sluice/sluice.h>

/* Variants of the config; each combination is made once. */
enum {
    ENDS_UNVALIDATED = 1, /* plain UDP: the server asks for a cookie */
    ENDS_DATA_ONLY = 2,
    ENDS_SMALL = 4, /* the least limits and MTU */
    ENDS_GCM_256 = 8,
    ENDS_VARIANTS = 16
};

#define DATAGRAMS_MAX 512
#define BATCH_MAX 8

typedef struct {
    int to;
    size_t len;
    uint8_t *data;
} Datagram;

typedef struct {
    SluiceTransport *end[2];
    SluiceTime now;
    Datagram queue[DATAGRAMS_MAX]; /* on the way, oldest first */
    size_t n_queue;
    uint32_t sent[2][3];       /* messages and packets by kind: data, RTP, RTCP */
    uint8_t arrived[2][3][64]; /* those that came, each at most once */
    int trusted[2];            /* the right fingerprint was given */
    int untrusted[2];          /* a wrong one was */
    int restarted;             /* a new association was announced */
    int half_restarted;        /* one that the other end may finish and this one not */
    uint32_t
        last_flight[2]; /* as client: one more than the generation when it was sent; 0: never */
} Ends;

/* Whom the other end is said to be. */
typedef enum { ENDS_RIGHT, ENDS_WRONG, ENDS_UNKNOWN } EndsPeer;

void ends_open(Ends *self, unsigned variant_0, unsigned variant_1);
void ends_close(Ends *self);

/* Both paths validated. */
void ends_validate(Ends *self);
/* Tells @end whom to expect; with @wrong somebody else. */
SluiceStatus ends_trust(Ends *self, int end, int wrong);

/* Announces a new association. */
SluiceStatus ends_restart(Ends *self, int end, SluiceRole role, EndsPeer peer);

void ends_advance(Ends *self, SluiceTime duration);

/* One datagram of output: to the queue, or refused; 0: there is none. */
int ends_pump(Ends *self, int end, SluiceSent how);
/* One message, which is judged; 0: there is none. */
int ends_read(Ends *self, int end);
/* All output, all messages, all events. */
void ends_drain(Ends *self, int end);

/* Gives a datagram to an end, in a block of its own size. */
SluiceStatus ends_give(Ends *self, int end, const uint8_t *data, size_t len);

/* Takes the @n-th datagram off the queue; free its data. */
Datagram ends_take(Ends *self, size_t n);
void ends_queue(Ends *self, int to, const uint8_t *data, size_t len);

/* Sends the next message or packet of the kind; the content says who sent it and its number. */
SluiceStatus ends_send(Ends *self, int end, SluiceKind kind, size_t filler);

/* The same of RTP, as an SFU would: a packet of another SSRC is fanned out, to this end among others. */
SluiceStatus ends_fan_out(Ends *self, int end, size_t filler);

/* Gives the @n oldest datagrams on the way to @end in one batch. */
void ends_give_batch(Ends *self, int end, size_t n);

/* Runs the earliest timer of both, if there is one. */
int ends_expire(Ends *self);

/* What holds at any time. */
void ends_check(Ends *self);

/* One end may be an association ahead of the other: a new one was announced, or an attempt was given up that the other end
 * has finished. */
int ends_may_differ(const Ends *self);

/* A new association has come to nothing at one end, after it had sent all that the other needed: that one may have it. */
int ends_may_differ_for_good(const Ends *self);

/* If both ends are connected, and nothing is under way: they have the same keys, crosswise. */
void ends_check_keys(Ends *self);

#endif
