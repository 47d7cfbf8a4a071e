/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SUPPORT_RNG_H
#define SUPPORT_RNG_H

/* A small generator with the same numbers everywhere for the same seed (xoshiro256**, seeded by
 * splitmix64). */

#include <stdint.h>

typedef struct {
    uint64_t s[4];
} Rng;

void rng_init(Rng *self, uint64_t seed);
uint64_t rng_next(Rng *self);

/* 0..@bound - 1; @bound is not 0. */
uint64_t rng_below(Rng *self, uint64_t bound);

/* 1 with this probability. Draws one number whatever the probability, so that settings can be
 * compared. */
int rng_chance(Rng *self, double probability);

/* The seed of a test program: SLUICE_TEST_SEED of the environment, else @fallback; printed as a TAP
 * comment. */
uint64_t rng_test_seed(uint64_t fallback);

#endif
