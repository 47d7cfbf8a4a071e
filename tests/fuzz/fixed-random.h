/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FIXED_RANDOM_H
#define FIXED_RANDOM_H

#include <stdint.h>

/* Takes the place of OpenSSL's random generator, for all of libcrypto; before its first use. */
void fixed_random_install(void);

/* From here on the same numbers again. */
void fixed_random_restart(void);

/* The same, with other numbers for each @seed. */
void fixed_random_restart_at(uint64_t seed);

#endif
