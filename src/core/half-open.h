/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SL_HALF_OPEN_H
#define SL_HALF_OPEN_H

/* Handshakes that somebody has begun by a ClientHello, and whose peer is not verified yet: how many there may be at once,
 * of all transports of a config, and of those whose peers have one source. Any thread. */

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#define SL_HALF_OPEN_BUCKETS 64

/* Where a peer is, as the caller names it; of length 0: not named, and then only the sum counts. */
#define SL_SOURCE_MAX 16

typedef struct {
    uint8_t bytes[SL_SOURCE_MAX]; /* zero behind len */
    uint8_t len;
} SlSource;

/* One of them. */
typedef struct SlHalfOpen SlHalfOpen;

typedef struct {
    unsigned max, max_of_source; /* do not change once there are transports */
    pthread_mutex_t lock;
    unsigned n; /* guarded, and what follows */
    SlHalfOpen *buckets[SL_HALF_OPEN_BUCKETS];
} SlHalfOpens;

/* 0: no lock to be had. */
int sl_half_opens_init(SlHalfOpens *self, unsigned max, unsigned max_of_source);
/* All of them have been given back. */
void sl_half_opens_cleanup(SlHalfOpens *self);

/* NULL: too many, or no memory. @self is borrowed until it is given back. */
SlHalfOpen *sl_half_opens_take(SlHalfOpens *self, const SlSource *source);

/* NULL is fine. */
void sl_half_open_give_back(SlHalfOpen *half_open);

unsigned sl_half_opens_count(SlHalfOpens *self);

#endif
