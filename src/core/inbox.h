/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SL_INBOX_H
#define SL_INBOX_H

/* The bounded queue of everything that waits for the application, in order of arrival: messages of application
 * data, and media held before the keys or the fingerprint; beside it early DTLS, which waits for the start.
 *
 * Held media is kept sealed (as it came) and opened in place, once, when the keys are verified. */

#include <sluice/transport.h>

/* Early DTLS has a bound of its own, so that early media cannot push out the ClientHello it waits for: several copies
 * of a ClientHello in two or three fragments. */
#define SL_EARLY_MAX 16
#define SL_EARLY_BYTES_MAX 32768

typedef struct SlInboxEntry SlInboxEntry;

typedef struct {
    SlInboxEntry *head, *tail;             /* data and media */
    SlInboxEntry *early_head, *early_tail; /* DTLS */
    size_t messages, message_bytes;        /* application data that waits */
    size_t held, held_bytes;               /* media that waits, sealed or opened */
    size_t early, early_bytes;             /* early DTLS that waits */
    size_t max_messages, max_message_bytes, max_held, max_held_bytes;
} SlInbox;

void sl_inbox_init(SlInbox *self, size_t max_held, size_t max_held_bytes, size_t max_messages,
                   size_t max_message_bytes);
/* Frees all that waits; contents are wiped. */
void sl_inbox_cleanup(SlInbox *self);

/* 1 if data messages of @len bytes in all would be taken. Ask before OpenSSL reads the records. */
int sl_inbox_has_room(const SlInbox *self, size_t len);

/* SLUICE_OK, SLUICE_NO_MEMORY. Takes what sl_inbox_has_room() promised. */
SluiceStatus sl_inbox_push_data(SlInbox *self, uint32_t generation, const uint8_t *data,
                                size_t len);

/* Media, copied to a 4-aligned place: sealed (@generation 0), or already plain. SLUICE_OK, SLUICE_NO_MEMORY,
 * SLUICE_DROPPED_FULL. */
SluiceStatus sl_inbox_push_media(SlInbox *self, SluiceKind kind, uint32_t generation,
                                 const uint8_t *data, size_t len);

/* 1 while media waits: newer media has to queue behind it. */
int sl_inbox_has_media(const SlInbox *self);

/* Opens sealed media in order: @open decrypts one packet in place, says of which generation it was (never 0) and returns
 * SLUICE_OK, or a status, and the packet is dropped. */
typedef SluiceStatus (*SlInboxOpen)(void *context, SluiceKind kind, uint8_t *data, size_t *len,
                                    uint32_t *generation);
void sl_inbox_open(SlInbox *self, SlInboxOpen open, void *context);

/* Puts all that waits in @from, early DTLS apart, behind what waits here, whatever the bounds say; @from is empty then. */
void sl_inbox_take_over(SlInbox *self, SlInbox *from);

/* Drops messages of application data: who sent them will never be known. Returns how many. */
size_t sl_inbox_drop_data(SlInbox *self);

/* The oldest message; 0: none. Sealed media is never shown (nor anything behind it). */
int sl_inbox_peek(const SlInbox *self, SluiceMessage *message);
void sl_inbox_pop(SlInbox *self);

/* Early DTLS datagrams, oldest first. A datagram equal to one that waits (a retransmission) is taken but not kept
 * twice. SLUICE_OK, SLUICE_NO_MEMORY, SLUICE_DROPPED_FULL. */
SluiceStatus sl_inbox_push_early(SlInbox *self, const uint8_t *data, size_t len);
int sl_inbox_peek_early(const SlInbox *self, const uint8_t **data, size_t *len);
void sl_inbox_pop_early(SlInbox *self);

#endif
