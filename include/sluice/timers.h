/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SLUICE_TIMERS_H
#define SLUICE_TIMERS_H

#include <sluice/types.h>

SLUICE_BEGIN_DECLS

/**
 * SluiceTimers: (skip)
 *
 * When to wake up, for a program that owns thousands of transports: one set of timers instead of one of the event
 * loop's each. A transport whose next timeout is %SLUICE_TIME_NEVER costs nothing. One thread at a time.
 *
 * |[<!-- language="C" -->
 * // after any call on a transport:
 * sluice_timers_set(timers, &call->timer, sluice_transport_next_timeout(call->transport));
 * // the loop sleeps until sluice_timers_next(timers), then:
 * while ((timer = sluice_timers_pop(timers, now)) != NULL)
 *     wake(timer->user_data, now);      // handle_timeout, drain, and set again
 * ]|
 */
typedef struct SluiceTimers SluiceTimers;

/**
 * SluiceTimer: (skip)
 * @user_data: the caller's
 * @due: when it is due; read only
 * @place: the library's; 0 while it is not set
 *
 * One timer, a member of the caller's own struct: all zero but @user_data at first. It must stay where it is while it
 * is set.
 */
typedef struct {
    void *user_data;
    SluiceTime due;
    size_t place;
} SluiceTimer;

/**
 * sluice_timers_new: (skip)
 *
 * Returns: (transfer full) (nullable): an empty set, or %NULL: memory ran out
 */
SLUICE_API SluiceTimers *sluice_timers_new(void);

/**
 * sluice_timers_free: (skip)
 * @self: (nullable) (transfer full): a set; the timers that are set in it no longer are
 */
SLUICE_API void sluice_timers_free(SluiceTimers *self);

/**
 * sluice_timers_set: (skip)
 * @self: a set
 * @timer: a timer, set in this set or in none
 * @due: when; %SLUICE_TIME_NEVER takes it out
 *
 * O(log n), and nothing at all when @due is what it was.
 *
 * Returns: %SLUICE_OK; %SLUICE_NO_MEMORY: it is as it was (never when it was set before); %SLUICE_INVALID_ARGUMENT
 */
SLUICE_API SluiceStatus sluice_timers_set(SluiceTimers *self, SluiceTimer *timer, SluiceTime due);

/**
 * sluice_timers_next: (skip)
 * @self: a set
 *
 * Returns: when the first is due, %SLUICE_TIME_NEVER if none is set. O(1)
 */
SLUICE_API SluiceTime sluice_timers_next(const SluiceTimers *self);

/**
 * sluice_timers_pop: (skip)
 * @self: a set
 * @now: the time
 *
 * Takes out the timer that has been due longest.
 *
 * Returns: (transfer none) (nullable): it, or %NULL: none is due
 */
SLUICE_API SluiceTimer *sluice_timers_pop(SluiceTimers *self, SluiceTime now);

/**
 * sluice_timers_count: (skip)
 * @self: a set
 *
 * Returns: how many are set
 */
SLUICE_API size_t sluice_timers_count(const SluiceTimers *self);

SLUICE_END_DECLS

#endif
