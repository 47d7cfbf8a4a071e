/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SL_EVENT_QUEUE_H
#define SL_EVENT_QUEUE_H

/* The bounded queue of events. No allocation: a ring inside the transport. When it is full the oldest event that
 * is only told for explanation is lost; if all are states and keys, the oldest of these: the latest is always there. */

#include <sluice/event.h>

#define SL_EVENTS_MAX 12

typedef struct {
    SluiceEvent ring[SL_EVENTS_MAX];
    unsigned first, count;
    uint64_t lost;
} SlEventQueue;

void sl_event_queue_push(SlEventQueue *self, const SluiceEvent *event);
/* 1: the oldest was moved to @event; 0: none. */
int sl_event_queue_pop(SlEventQueue *self, SluiceEvent *event);

#endif
