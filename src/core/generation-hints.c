/* SPDX-License-Identifier: BSD-3-Clause */
#include "generation-hints.h"

#include <string.h>

/* SSRCs are random, but some programs count them up: all bits take part (Knuth's multiplicative hash). */
static size_t place_of(uint32_t ssrc) { return ssrc * UINT32_C(2654435761) >> 26; }

uint32_t sl_generation_hints_get(const SlGenerationHints *self, uint32_t ssrc)
{
    size_t i = place_of(ssrc);

    return self->places[i].ssrc == ssrc ? self->places[i].generation : 0;
}

void sl_generation_hints_set(SlGenerationHints *self, uint32_t ssrc, uint32_t generation)
{
    size_t i = place_of(ssrc);

    self->places[i].ssrc = ssrc;
    self->places[i].generation = generation;
}
