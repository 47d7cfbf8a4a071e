/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SL_NEAR_H
#define SL_NEAR_H

/* Among thousands of transports nothing that a packet needs is in a cache, and what is found by pointers is waited for one by
 * one: a hundred nanoseconds each, where the packet itself takes two or three hundred. So a transport keeps the places that
 * an earlier packet needed, and asks for all of them at once when one comes. Nothing is read there: it does no harm if a place
 * has been given back since. */

#include <stddef.h>

/* One that there is not is the same as another: an address that is none would cost more. */
typedef struct {
    const void *ssrc, *session, *cipher, *context, *mac;
} SlNear;

/* @any: some place that there is. */
static inline void sl_near_init(SlNear *self, const void *any)
{
    *self = (SlNear){any, any, any, any, any};
}

static inline void sl_near_ask(const SlNear *self)
{
    __builtin_prefetch(self->ssrc);
    __builtin_prefetch(self->session);
    __builtin_prefetch(self->cipher);
    __builtin_prefetch(self->context);
    __builtin_prefetch(self->mac);
}

/* A packet in so many tells where they are, as they hardly ever change: the second is the first to know. */
static inline int sl_near_is_due(unsigned long long packets) { return packets % 16 == 1; }

/* @size bytes, all zero, that begin where a line of the cache begins, or NULL. */
void *sl_near_alloc(size_t size);
void sl_near_free(void *pointer);

#endif
