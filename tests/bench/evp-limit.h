/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BENCH_EVP_LIMIT_H
#define BENCH_EVP_LIMIT_H

/* The least that opening an SRTP packet can cost on OpenSSL: the same cryptography on contexts that are kept, with the
 * cheapest calls there are, and nothing else. It keeps no replay list and looks for no stream. */

#include "call.h"

typedef struct Limit Limit;

/* Of one SSRC. */
Limit *limit_new(const Profile *profile, const uint8_t *key, const uint8_t *salt, uint32_t ssrc);
void limit_free(Limit *self);

/* Opens the packet of @index (ROC and number) in place; returns the plain length, 0: it is not authentic. */
size_t limit_open(Limit *self, uint8_t *packet, size_t len, uint64_t index);

#endif
