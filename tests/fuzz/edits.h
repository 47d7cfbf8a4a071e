/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef EDITS_H
#define EDITS_H

/* Edits of datagrams of a call, chosen by the input: of bytes, of fields of records and handshake headers, of lengths, of
 * what is in a datagram and what is not. Made of honest ones they get further than any made up ones would. */

#include "ends.h"

#define EDITED_MAX 4096
#define SEEN_MAX 128

typedef struct {
    uint8_t data[EDITED_MAX];
    size_t len;
} Edited;

/* All that was sent in a call, to be copied. */
typedef struct {
    Datagram datagrams[SEEN_MAX];
    size_t n;
} Seen;

/* Keeps a copy, as long as there is room. */
void seen_remember(Seen *self, const Datagram *datagram);
void seen_clear(Seen *self);

/* A copy of a datagram. */
void edited_from(Edited *self, const Datagram *source);

/* One edit, as the input says. */
void edited_edit(Edited *self, Input *in, const Seen *seen);

#endif
