/* SPDX-License-Identifier: BSD-3-Clause */
#include "simulate-trace.h"

#include "vclock.h"

#include <stdarg.h>
#include <stdio.h>

void trace_begin(Trace *self)
{
    self->n = 0;
    self->begun = vclock_now();
}

void trace_add(Trace *self, const char *format, ...)
{
    char *line = self->lines[self->n++ % TRACE_LINES];
    int used =
        snprintf(line, TRACE_WIDTH, "%11.3f ms  ", (double)(vclock_now() - self->begun) / 1e6);
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(line + used, TRACE_WIDTH - (size_t)used, format, arguments);
    va_end(arguments);
    if (self->aloud)
        fprintf(stderr, "%s\n", line);
}

void trace_print(const Trace *self)
{
    unsigned first = self->n > TRACE_LINES ? self->n - TRACE_LINES : 0;

    if (self->aloud)
        return;
    if (first)
        fprintf(stderr, "        ... %u lines before\n", first);
    for (unsigned i = first; i < self->n; i++)
        fprintf(stderr, "%s\n", self->lines[i % TRACE_LINES]);
}
