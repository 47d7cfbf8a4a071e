/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SL_OUTPUT_H
#define SL_OUTPUT_H

/* The bounded queue of ciphertext: peek, send, then pop. A datagram stays until the network has taken it, so
 * nothing is lost and nothing is encrypted twice when it says EAGAIN. */

#include <sluice/types.h>

#include <stddef.h>
#include <stdint.h>

typedef enum {
    SL_OUTPUT_FLIGHT, /* handshake; a later flight replaces what is unsent of this one */
    SL_OUTPUT_ALERT,  /* alerts and close_notify: a reserved place */
    SL_OUTPUT_DATA    /* application data: bounded, refused before encryption */
} SlOutputKind;

typedef struct SlOutputEntry SlOutputEntry;

typedef struct {
    SlOutputEntry *head, *tail;
    size_t datagrams, bytes;           /* all that waits */
    size_t data_datagrams, data_bytes; /* of these, application data */
    size_t max_datagrams, max_bytes;   /* bound of application data */
    size_t alerts;
} SlOutput;

void sl_output_init(SlOutput *self, size_t max_datagrams, size_t max_bytes);
void sl_output_cleanup(SlOutput *self);

/* 1 if a datagram of application data of this size would be taken. Ask before encrypting. */
int sl_output_has_room(const SlOutput *self, size_t len);

/* Copies a datagram to the end; one of a flight goes before data and alerts, whose records the peer may not be able to
 * read, or keep, without it. SLUICE_OK, SLUICE_NO_MEMORY, or SLUICE_WOULD_BLOCK for data without room. An alert always
 * finds a place: when eight wait, the oldest goes. Flights are bounded by their maker. */
SluiceStatus sl_output_push(SlOutput *self, SlOutputKind kind, const uint8_t *data, size_t len);

/* Drops all that waits of one kind. */
void sl_output_drop(SlOutput *self, SlOutputKind kind);

/* The same for what one of several makers puts in; @maker is any number but 0, which is whoever does not say. */
SluiceStatus sl_output_push_of(SlOutput *self, SlOutputKind kind, uint32_t maker,
                               const uint8_t *data, size_t len);
void sl_output_drop_of(SlOutput *self, SlOutputKind kind, uint32_t maker);

/* Who made the oldest datagram. */
uint32_t sl_output_maker(const SlOutput *self);
/* Moves all of @from behind what waits here. */
void sl_output_move(SlOutput *self, SlOutput *from);

/* The oldest datagram; 0: none. The data are valid until it is popped or dropped. */
int sl_output_peek(const SlOutput *self, SlOutputKind *kind, const uint8_t **data, size_t *len);
void sl_output_pop(SlOutput *self);

#endif
