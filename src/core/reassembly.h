/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SL_REASSEMBLY_H
#define SL_REASSEMBLY_H

/* One handshake message that is put together from its parts (RFC 6347 section 4.2.3), in any order, overlapping. As
 * in OpenSSL, what comes last to a place counts, until the message is whole. */

#include "record.h"

/* The longest message that a record holds. */
#define SL_REASSEMBLY_MAX (16384 - SL_HANDSHAKE_HEADER)

typedef struct {
    uint8_t
        *record;   /* a record of epoch 0, number 0, with the message whole; NULL: none has begun */
    uint8_t *have; /* a bit for each byte of the message */
    uint8_t type;
    uint16_t message_seq;
    uint32_t length, missing;
} SlReassembly;

void sl_reassembly_clear(SlReassembly *self);

/* 1 if @fragment is of the message that has begun. */
int sl_reassembly_is_of(const SlReassembly *self, const SlFragment *fragment);

/* Begins with another message when @fragment is of one. Returns how many bytes it has brought that were missing: 0 too
 * when it is too long, or there is no memory. */
size_t sl_reassembly_add(SlReassembly *self, const SlFragment *fragment);

/* The bytes of the record once the message is whole, else 0. */
size_t sl_reassembly_whole(const SlReassembly *self);

#endif
