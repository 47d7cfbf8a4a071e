/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SL_FLIGHT_H
#define SL_FLIGHT_H

/* Our last handshake flight (RFC 6347 section 4.2.4), kept as the records that OpenSSL wrote, so that it can be cut
 * into datagrams anew: packed tight again (OpenSSL sends each message of a retransmission alone), with a smaller
 * MTU, or once more as it was when OpenSSL's clock is behind.
 *
 * All record numbers of epoch 0 that we send come from here: cutting a record in two needs a number that OpenSSL
 * does not know of, and nothing authenticates or hashes them. */

#include <sluice/event.h>

#include "output.h"

typedef struct {
    uint8_t *records;
    size_t len, capacity;
    uint64_t next_number; /* of epoch 0 */
    uint32_t maker;       /* of its datagrams in the output */
    SluiceFlight note;    /* what the flight is; datagrams and bytes as emitted last */
} SlFlight;

void sl_flight_cleanup(SlFlight *self);

/* Gives back what its records do not fill. */
void sl_flight_shrink(SlFlight *self);

/* Forgets the records: the next ones begin a flight, or a retransmission. */
void sl_flight_begin(SlFlight *self);

/* One whole record as OpenSSL wrote it. SLUICE_OK, SLUICE_NO_MEMORY. */
SluiceStatus sl_flight_add(SlFlight *self, const uint8_t *record, size_t len);

/* Gives a record of epoch 0 (an alert) its number. */
void sl_flight_number(SlFlight *self, uint8_t *record);

/* Replaces what is unsent of a flight in @output by this one, in datagrams of at most @mtu bytes, each filled as far
 * as whole records and fragments allow. SLUICE_OK, SLUICE_NO_MEMORY. */
SluiceStatus sl_flight_emit(SlFlight *self, size_t mtu, SlOutput *output);

/* Adds a datagram of records to the description of a flight made by @from. */
void sl_flight_note(SluiceFlight *note, SluiceRole from, const uint8_t *datagram, size_t len);

#endif
