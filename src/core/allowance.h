/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SL_ALLOWANCE_H
#define SL_ALLOWANCE_H

/* How often something may be done that a stranger can cause: so many at once, and after that one in each interval. */

#include <sluice/types.h>

typedef struct {
    SluiceTime interval;
    unsigned burst;
    int used;        /* ever */
    SluiceTime debt; /* until when it is paid off */
} SlAllowance;

void sl_allowance_init(SlAllowance *self, SluiceTime interval, unsigned burst);

/* 1: done once more; 0: too often. */
int sl_allowance_take(SlAllowance *self, SluiceTime now);

#endif
