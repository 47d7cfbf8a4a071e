/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SIMULATE_TRACE_H
#define SIMULATE_TRACE_H

/* What has happened in a call lately, in words: printed when something goes wrong. */

#include <sluice/types.h>

#define TRACE_LINES 64
#define TRACE_WIDTH 120

typedef struct {
    char lines[TRACE_LINES][TRACE_WIDTH]; /* a ring */
    unsigned n;
    SluiceTime begun;
    int aloud; /* each line is printed at once, too */
} Trace;

/* Empties it; times count from now on. */
void trace_begin(Trace *self);

__attribute__((format(printf, 2, 3))) void trace_add(Trace *self, const char *format, ...);

/* The last lines, to stderr; nothing when they were printed as they came. */
void trace_print(const Trace *self);

#endif
