/* SPDX-License-Identifier: BSD-3-Clause */
#include "rng.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

void rng_init(Rng *self, uint64_t seed)
{
    for (int i = 0; i < 4; i++) {
        uint64_t z = seed += UINT64_C(0x9e3779b97f4a7c15);

        z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
        self->s[i] = z ^ (z >> 31);
    }
}

static uint64_t rotate(uint64_t x, int by) { return (x << by) | (x >> (64 - by)); }

uint64_t rng_next(Rng *self)
{
    uint64_t *s = self->s, result = rotate(s[1] * 5, 7) * 9, t = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 45);
    return result;
}

uint64_t rng_below(Rng *self, uint64_t bound)
{
    return rng_next(self) % bound; /* the bias is 2^-50 for our bounds */
}

int rng_chance(Rng *self, double probability)
{
    return (double)(rng_next(self) >> 11) * 0x1p-53 < probability;
}

uint64_t rng_test_seed(uint64_t fallback)
{
    const char *text = getenv("SLUICE_TEST_SEED");
    uint64_t seed = text ? strtoull(text, NULL, 0) : fallback;

    printf("# seed %" PRIu64 " (SLUICE_TEST_SEED sets another)\n", seed);
    return seed;
}
