/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PAIR_ADVISORY_H
#define PAIR_ADVISORY_H

/* The ClientHello of the three advisories of 2023 (EnableSecurity ES2023-01, -02 and -03), against media servers that were
 * about to hear from a caller: all that it offers is TLS_NULL_WITH_NULL_NULL, and OpenSSL ends the handshake that it is
 * given to ("no shared cipher"), with an alert to whoever the server takes for its peer. */

#include "forged.h"

#define ADVISORY_HELLO 137

void advisory_hello(uint8_t out[ADVISORY_HELLO]);

/* @n of them reach @victim from its peer's address, one each @period, each another one by its random. */
void spray(Pair *pair, int victim, SluiceTime from, unsigned n, SluiceTime period);

/* Connects with the peer by @limit; neither end has told the other of a fatal error, and both talk. */
void assert_call_stands(Pair *pair, SluiceTime limit);

#endif
