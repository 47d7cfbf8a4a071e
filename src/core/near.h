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

/* Relaxed: any thread may ask while another one notes. */
static inline const void *sl_near_get(const void *const *place)
{
    return __atomic_load_n(place, __ATOMIC_RELAXED);
}

static inline void sl_near_set(const void **place, const void *where)
{
    __atomic_store_n(place, where, __ATOMIC_RELAXED);
}

static inline void sl_near_ask(const SlNear *self)
{
    __builtin_prefetch(sl_near_get(&self->ssrc));
    __builtin_prefetch(sl_near_get(&self->session));
    __builtin_prefetch(sl_near_get(&self->cipher));
    __builtin_prefetch(sl_near_get(&self->context));
    __builtin_prefetch(sl_near_get(&self->mac));
}

/* For a packet that is not the next: then there is time for more than the first line of each. What OpenSSL has of a key
 * is allocated behind its context, more often than not. */
void sl_near_expect(const SlNear *self);

/* A packet in so many tells where they are, as they hardly ever change: the second is the first to know. */
static inline int sl_near_is_due(unsigned long long packets) { return packets % 16 == 1; }

/* @size bytes, all zero, that begin where a line of the cache begins, or NULL. */
void *sl_near_alloc(size_t size);
void sl_near_free(void *pointer);

#endif
