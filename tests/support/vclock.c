/* SPDX-License-Identifier: BSD-3-Clause */
#include "vclock.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

/* The monotonic clock starts somewhere, as real ones do; the wall clock in November 2023. */
#define MONOTONIC_START (1000 * SLUICE_SECOND)
#define WALL_START (INT64_C(1700000000) * SLUICE_SECOND)

/* Atomic, for the tests with threads. */
static _Atomic int64_t elapsed;
static _Atomic int64_t wall_step;
static _Thread_local int64_t own; /* this thread's time; 0: it has everybody's */

static int64_t elapsed_here(void) { return own ? own - MONOTONIC_START : elapsed; }

SluiceTime vclock_now(void) { return MONOTONIC_START + elapsed_here(); }

void vclock_enter(SluiceTime time) { own = time; }

void vclock_advance_to(SluiceTime time)
{
    if (time <= vclock_now())
        return;
    if (own)
        own = time;
    else
        elapsed = time - MONOTONIC_START;
}

void vclock_advance(SluiceTime duration) { vclock_advance_to(vclock_now() + duration); }

void vclock_step_wall(int64_t by) { wall_step += by; }

void vclock_reset_wall(void) { wall_step = 0; }

static int64_t wall(void) { return WALL_START + elapsed_here() + wall_step; }

int gettimeofday(struct timeval *restrict tv, void *restrict tz)
{
    int64_t now = wall();

    (void)tz;
    tv->tv_sec = (time_t)(now / SLUICE_SECOND);
    tv->tv_usec = (suseconds_t)(now % SLUICE_SECOND / 1000);
    return 0;
}

time_t time(time_t *out)
{
    time_t now = (time_t)(wall() / SLUICE_SECOND);

    if (out)
        *out = now;
    return now;
}

int clock_gettime(clockid_t clock, struct timespec *out)
{
    int64_t now;

    switch (clock) {
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_COARSE:
        now = wall();
        break;
    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_MONOTONIC_COARSE:
    case CLOCK_BOOTTIME:
        now = vclock_now();
        break;
    default: /* processor time is real */
        return (int)syscall(SYS_clock_gettime, clock, out);
    }
    out->tv_sec = (time_t)(now / SLUICE_SECOND);
    out->tv_nsec = (long)(now % SLUICE_SECOND);
    return 0;
}
