/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PAIR_RESTARTS_H
#define PAIR_RESTARTS_H

/* What the tests of restarts share: a call whose every packet is counted, and ClientHellos of nobody. */

#include "common.h"

#define PACKETS_MAX 65536

/* Who sent what, what of it the link has delivered, and what the ends have got of that. */
typedef struct {
    Pair *pair;
    SluiceTime period;            /* 1 ms */
    unsigned sent[2];             /* packets, messages among them; number n has tag n */
    uint8_t mark[2][PACKETS_MAX]; /* the sender's generation of keys when it left */
    uint8_t arrived[2][PACKETS_MAX];
    size_t read[2]; /* of the pair's log of messages */
    uint8_t got[2][PACKETS_MAX];
    unsigned wrong_generation, twice, lost; /* as counted by counted_check() */
    uint32_t offset[2]; /* what the receiver's generation is ahead of its peer's */
} Counted;

/* Everything that is sent from here on is counted. The pair's callback is taken. */
void counted_begin(Counted *self, Pair *pair);

/* Both ends send RTP of three SSRCs, RTCP and data, something each period, for @duration. */
void counted_talk(Counted *self, SluiceTime duration);

/* Lets everything arrive. None of what the link has delivered is lost, none was got twice or under the wrong
 * generation, and each end has got at least @least. */
void counted_check(Counted *self, unsigned least);

/* Announces at @end what its peer is from now on. */
SluiceStatus announce(Pair *pair, int end, SluiceRole role);

/* Runs until both ends are at this generation of keys; fails the test if that takes longer. */
void run_to_generations(Pair *pair, uint32_t a, uint32_t b, SluiceTime limit);

/* The first event of that type at @end, or NULL. */
const SluiceEvent *event_of(const Pair *pair, int end, SluiceEventType type);

/* A ClientHello that another client, of the identity of @side, has sent. Returns its length. */
size_t strange_hello(int side, uint8_t out[1500]);

/* Somebody who reads what @victim sends begins as a client with the certificate of CLIENT: brings the cookie that he is asked
 * for, in the first @part bytes of the ClientHello, or in all of it (0). 0: he was not asked. */
int begin_strange(Pair *pair, int victim, size_t part);

/* Another random in a ClientHello. */
void change_random(uint8_t *hello, uint32_t to);

#endif
