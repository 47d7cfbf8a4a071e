/* SPDX-License-Identifier: BSD-3-Clause */
#include "allowance.h"

void sl_allowance_init(SlAllowance *self, SluiceTime interval, unsigned burst)
{
    self->interval = interval;
    self->burst = burst;
    self->used = 0;
    self->debt = 0;
}

int sl_allowance_take(SlAllowance *self, SluiceTime now)
{
    if (!self->used || self->debt < now)
        self->debt = now;
    self->used = 1;
    if (self->debt - now > self->interval * (SluiceTime)(self->burst - 1))
        return 0;
    self->debt += self->interval;
    return 1;
}
