/* SPDX-License-Identifier: BSD-3-Clause */
#include "ssrc-table.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define LINE 64      /* of the cache */
#define FIRST_ROOM 4 /* audio, video and its retransmission */
#define CHAINS 4     /* a place, so that the first in its chain is nearly always the one */

static_assert(sizeof(SlSsrc) == LINE, "a cache line each");

static uint32_t *chain_of(const SlSsrcTable *self, uint32_t ssrc)
{
    uint64_t hash = self->multiplier * ssrc + self->addend;

    return &self->chains[hash >> self->shift];
}

static uint32_t place_of(const SlSsrcTable *self, const SlSsrc *entry)
{
    return (uint32_t)(entry - self->places);
}

/* Room for @room (a power of two) places. Nothing has changed when there is no memory. */
static int make_room(SlSsrcTable *self, uint32_t room)
{
    size_t size = room * (sizeof *self->places + CHAINS * sizeof *self->chains);
    uint8_t *block = malloc(size + LINE);

    if (!block)
        return 0;
    self->recent = NULL;
    self->chains = NULL;
    self->room = room;
    for (self->shift = 64, room *= CHAINS; room > 1; room >>= 1)
        self->shift--;
    size = (LINE - (uintptr_t)block % LINE) % LINE;
    if (self->used)
        memcpy(block + size, self->places, self->used * sizeof *self->places);
    free(self->block);
    self->block = block;
    self->places = (SlSsrc *)(void *)(block + size);
    self->chains = (uint32_t *)(void *)(self->places + self->room);
    memset(self->chains, 0xff, CHAINS * self->room * sizeof *self->chains); /* SL_SSRC_NONE */
    for (int list = 0; list < 2; list++)
        for (uint32_t i = self->newest[list]; i != SL_SSRC_NONE; i = self->places[i].older) {
            uint32_t *chain = chain_of(self, self->places[i].ssrc);

            self->places[i].next = *chain;
            *chain = i;
        }
    return 1;
}

int sl_ssrc_table_init(SlSsrcTable *self, uint32_t max, const uint64_t seed[2])
{
    memset(self, 0, sizeof *self);
    self->max = max;
    self->multiplier = seed[0] | 1;
    self->addend = seed[1];
    self->free = SL_SSRC_NONE;
    for (int list = 0; list < 2; list++)
        self->newest[list] = self->oldest[list] = SL_SSRC_NONE;
    return make_room(self, FIRST_ROOM);
}

void sl_ssrc_table_cleanup(SlSsrcTable *self)
{
    free(self->block);
    memset(self, 0, sizeof *self);
}

SlSsrc *sl_ssrc_table_look_up(SlSsrcTable *self, uint32_t ssrc)
{
    for (uint32_t i = *chain_of(self, ssrc); i != SL_SSRC_NONE; i = self->places[i].next)
        if (self->places[i].ssrc == ssrc)
            return self->recent = &self->places[i];
    return NULL;
}

/* -- lists -------------------------------------------------------------------------------------------------- */

static void link_in_front(SlSsrcTable *self, SlSsrc *entry, SlSsrcList list)
{
    uint32_t i = place_of(self, entry);

    entry->list = list == SL_SSRC_REMEMBERED;
    entry->newer = SL_SSRC_NONE;
    entry->older = self->newest[list];
    if (entry->older == SL_SSRC_NONE)
        self->oldest[list] = i;
    else
        self->places[entry->older].newer = i;
    self->newest[list] = i;
    self->count[list]++;
}

static void unlink_from_list(SlSsrcTable *self, SlSsrc *entry)
{
    if (entry->newer == SL_SSRC_NONE)
        self->newest[entry->list] = entry->older;
    else
        self->places[entry->newer].older = entry->older;
    if (entry->older == SL_SSRC_NONE)
        self->oldest[entry->list] = entry->newer;
    else
        self->places[entry->older].newer = entry->newer;
    self->count[entry->list]--;
}

void sl_ssrc_table_put_in_front(SlSsrcTable *self, SlSsrc *entry, SlSsrcList list)
{
    unlink_from_list(self, entry);
    link_in_front(self, entry, list);
}

SlSsrc *sl_ssrc_table_oldest(SlSsrcTable *self, SlSsrcList list)
{
    return self->oldest[list] == SL_SSRC_NONE ? NULL : &self->places[self->oldest[list]];
}

/* -- places ------------------------------------------------------------------------------------------------- */

SlSsrc *sl_ssrc_table_insert(SlSsrcTable *self, uint32_t ssrc, SlSsrcList list)
{
    uint32_t i = self->free, *chain;
    SlSsrc *entry;

    if (self->n == self->max)
        return NULL;
    if (i != SL_SSRC_NONE)
        self->free = self->places[i].next;
    else if (self->used < self->room || make_room(self, 2 * self->room))
        i = self->used++;
    else
        return NULL;
    entry = &self->places[i];
    memset(entry, 0, sizeof *entry);
    entry->ssrc = ssrc;
    chain = chain_of(self, ssrc);
    entry->next = *chain;
    *chain = i;
    link_in_front(self, entry, list);
    self->n++;
    return entry;
}

void sl_ssrc_table_delete(SlSsrcTable *self, SlSsrc *entry)
{
    uint32_t i = place_of(self, entry), *link = chain_of(self, entry->ssrc);

    while (*link != i)
        link = &self->places[*link].next;
    *link = entry->next;
    unlink_from_list(self, entry);
    if (self->recent == entry)
        self->recent = NULL;
    entry->next = self->free;
    self->free = i;
    self->n--;
}
