/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PAIR_CUTTING_H
#define PAIR_CUTTING_H

/* A network that takes the flights of a handshake apart: each plaintext message comes in as many fragments as wanted, each
 * in a datagram of its own. That changes no byte of what the two ends hash. */

#include "common.h"

typedef struct {
    Link *link;
    size_t size;        /* bytes of a message in a fragment */
    size_t hello;       /* of a ClientHello; 0: as of the others, but whole where these are tiny */
    size_t overlap;     /* bytes of the fragment before that it repeats */
    int backwards;      /* the last fragment first */
    unsigned lost;      /* the number of the one fragment that is lost, 1 the first; 0: none */
    unsigned fragments; /* that were made */
} Cutting;

/* A link filter; context: Cutting *. */
int cut(void *context, uint64_t number, SluiceTime now, uint8_t *data, size_t len);

#endif
