/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SUPPORT_VCLOCK_H
#define SUPPORT_VCLOCK_H

/* Virtual time. vclock.c defines gettimeofday(), clock_gettime() and time(), so that a program that
 * links it (with -rdynamic) gives its own time to libssl, whose DTLS timers read the wall clock.
 * Nothing ever sleeps (rule 40). */

#include <sluice/types.h>

/* The monotonic time that is given to the library. */
SluiceTime vclock_now(void);

/* The monotonic time goes on, never back; the wall clock goes with it. */
void vclock_advance_to(SluiceTime time);
void vclock_advance(SluiceTime duration);

/* From here on the calling thread has a time of its own, both clocks of it, and what is advanced there is nobody else's: for
 * threads that turn many pairs, each of which carries its time along. */
void vclock_enter(SluiceTime time);

/* Somebody sets the wall clock, by so many nanoseconds; the monotonic time stays. */
void vclock_step_wall(int64_t by);

/* The wall clock is right again. */
void vclock_reset_wall(void);

#endif
