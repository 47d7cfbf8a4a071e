/* SPDX-License-Identifier: BSD-3-Clause */
#include "half-open.h"

#include <stdlib.h>
#include <string.h>

struct SlHalfOpen {
    SlHalfOpens *all;
    SlHalfOpen *next, **link; /* in its bucket; and what points here */
    SlSource source;
};

int sl_half_opens_init(SlHalfOpens *self, unsigned max, unsigned max_of_source)
{
    memset(self, 0, sizeof *self);
    self->max = max;
    self->max_of_source = max_of_source;
    return pthread_mutex_init(&self->lock, NULL) == 0;
}

void sl_half_opens_cleanup(SlHalfOpens *self) { pthread_mutex_destroy(&self->lock); }

/* Who picks addresses that meet in one bucket makes a list of it, which the limit bounds. */
static SlHalfOpen **bucket_of(SlHalfOpens *self, const SlSource *source)
{
    uint32_t hash = UINT32_C(2166136261); /* FNV-1a */

    for (size_t i = 0; i < source->len; i++)
        hash = (hash ^ source->bytes[i]) * UINT32_C(16777619);
    return &self->buckets[(hash ^ hash >> 16) % SL_HALF_OPEN_BUCKETS];
}

static int is_same(const SlSource *a, const SlSource *b)
{
    return a->len == b->len && memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

static int has_room(SlHalfOpens *self, const SlSource *source)
{
    unsigned n = 0;

    if (self->n >= self->max)
        return 0;
    if (source->len == 0 || self->max_of_source >= self->max)
        return 1;
    for (const SlHalfOpen *one = *bucket_of(self, source); one; one = one->next)
        n += is_same(&one->source, source) != 0;
    return n < self->max_of_source;
}

SlHalfOpen *sl_half_opens_take(SlHalfOpens *self, const SlSource *source)
{
    SlHalfOpen *one = NULL, **bucket = bucket_of(self, source);

    pthread_mutex_lock(&self->lock);
    if (has_room(self, source) && (one = malloc(sizeof *one)) != NULL) {
        one->all = self;
        one->source = *source;
        one->next = *bucket;
        one->link = bucket;
        if (one->next)
            one->next->link = &one->next;
        *bucket = one;
        self->n++;
    }
    pthread_mutex_unlock(&self->lock);
    return one;
}

void sl_half_open_give_back(SlHalfOpen *one)
{
    if (!one)
        return;
    pthread_mutex_lock(&one->all->lock);
    *one->link = one->next;
    if (one->next)
        one->next->link = one->link;
    one->all->n--;
    pthread_mutex_unlock(&one->all->lock);
    free(one);
}

unsigned sl_half_opens_count(SlHalfOpens *self)
{
    unsigned n;

    pthread_mutex_lock(&self->lock);
    n = self->n;
    pthread_mutex_unlock(&self->lock);
    return n;
}
