/* SPDX-License-Identifier: BSD-3-Clause */

/* A binary heap of the callers' own timers: each knows its place, so that one can be moved or taken out. */

#include <sluice/timers.h>

#include <stdlib.h>

struct SluiceTimers {
    SluiceTimer **heap; /* from 1: place 0 is "not set" */
    size_t n, room;
};

SluiceTimers *sluice_timers_new(void) { return calloc(1, sizeof(SluiceTimers)); }

void sluice_timers_free(SluiceTimers *self)
{
    if (!self)
        return;
    for (size_t i = 1; i <= self->n; i++)
        self->heap[i]->place = 0;
    free(self->heap);
    free(self);
}

static void put(SluiceTimers *self, size_t place, SluiceTimer *timer)
{
    self->heap[place] = timer;
    timer->place = place;
}

/* Finds the place of a timer whose own is free at @place, up or down. */
static void settle(SluiceTimers *self, size_t place, SluiceTimer *timer)
{
    size_t child;

    while (place > 1 && self->heap[place / 2]->due > timer->due) {
        put(self, place, self->heap[place / 2]);
        place /= 2;
    }
    while ((child = 2 * place) <= self->n) {
        if (child < self->n && self->heap[child + 1]->due < self->heap[child]->due)
            child++;
        if (self->heap[child]->due >= timer->due)
            break;
        put(self, place, self->heap[child]);
        place = child;
    }
    put(self, place, timer);
}

static void take_out(SluiceTimers *self, SluiceTimer *timer)
{
    SluiceTimer *last = self->heap[self->n--];

    if (last != timer)
        settle(self, timer->place, last);
    timer->place = 0;
}

static int make_room(SluiceTimers *self)
{
    size_t room = self->room ? 2 * self->room : 64;
    SluiceTimer **heap;

    if (self->n + 1 < self->room)
        return 1;
    heap = realloc(self->heap, room * sizeof *heap);
    if (!heap)
        return 0;
    self->heap = heap;
    self->room = room;
    return 1;
}

SluiceStatus sluice_timers_set(SluiceTimers *self, SluiceTimer *timer, SluiceTime due)
{
    if (!self || !timer ||
        (timer->place && (timer->place > self->n || self->heap[timer->place] != timer)))
        return SLUICE_INVALID_ARGUMENT;
    if (due == SLUICE_TIME_NEVER) {
        if (timer->place)
            take_out(self, timer);
        timer->due = due;
        return SLUICE_OK;
    }
    if (timer->place && timer->due == due)
        return SLUICE_OK;
    if (!timer->place && !make_room(self))
        return SLUICE_NO_MEMORY;
    timer->due = due;
    settle(self, timer->place ? timer->place : ++self->n, timer);
    return SLUICE_OK;
}

SluiceTime sluice_timers_next(const SluiceTimers *self)
{
    return self && self->n ? self->heap[1]->due : SLUICE_TIME_NEVER;
}

SluiceTimer *sluice_timers_pop(SluiceTimers *self, SluiceTime now)
{
    SluiceTimer *first;

    if (!self || self->n == 0 || self->heap[1]->due > now)
        return NULL;
    first = self->heap[1];
    take_out(self, first);
    return first;
}

size_t sluice_timers_count(const SluiceTimers *self) { return self ? self->n : 0; }
