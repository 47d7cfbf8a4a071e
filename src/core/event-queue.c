/* SPDX-License-Identifier: BSD-3-Clause */
#include "event-queue.h"

static SluiceEvent *at(SlEventQueue *self, unsigned i)
{
    return &self->ring[(self->first + i) % SL_EVENTS_MAX];
}

/* A state or new keys is what an application acts upon, flights and alerts only explain it. */
static int only_explains(const SluiceEvent *event)
{
    return event->type != SLUICE_EVENT_STATE && event->type != SLUICE_EVENT_GENERATION &&
           event->type != SLUICE_EVENT_RESTART_FAILED;
}

static void lose_one(SlEventQueue *self)
{
    unsigned victim = 0;

    for (unsigned i = 0; i < self->count; i++) {
        if (only_explains(at(self, i))) {
            victim = i;
            break;
        }
    }
    for (unsigned i = victim; i + 1 < self->count; i++)
        *at(self, i) = *at(self, i + 1);
    self->count--;
    self->lost++;
}

void sl_event_queue_push(SlEventQueue *self, const SluiceEvent *event)
{
    if (self->count == SL_EVENTS_MAX)
        lose_one(self);
    *at(self, self->count) = *event;
    self->count++;
}

int sl_event_queue_pop(SlEventQueue *self, SluiceEvent *event)
{
    if (self->count == 0)
        return 0;
    *event = *at(self, 0);
    self->first = (self->first + 1) % SL_EVENTS_MAX;
    self->count--;
    return 1;
}
