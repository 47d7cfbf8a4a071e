/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SL_GENERATION_HINTS_H
#define SL_GENERATION_HINTS_H

/* While two generations of keys are in use: which of them took the last packet of an SSRC, so that it is tried first. Only
 * a guess: what is not here, or is wrong, costs one more try. */

#include <stddef.h>
#include <stdint.h>

#define SL_HINTS 64

typedef struct {
    struct {
        uint32_t ssrc, generation; /* 0: a free place */
    } places[SL_HINTS];
} SlGenerationHints;

/* 0: not known. */
uint32_t sl_generation_hints_get(const SlGenerationHints *self, uint32_t ssrc);
void sl_generation_hints_set(SlGenerationHints *self, uint32_t ssrc, uint32_t generation);

#endif
