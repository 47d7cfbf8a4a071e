/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef STREAM_MESSAGES_H
#define STREAM_MESSAGES_H

/* Two streams with a message limit and, between them, a transport that keeps messages. Whatever a
 * stream shows is held against the records in it (RFC 8446 section 5.1) and against what it showed before. */

#include "common.h"

#include <sys/uio.h>

#define MAIL_VECTORS 160 /* more than the output has messages of a path's MTU */

typedef struct {
    SluiceStream *stream;
    SluiceConfig *config;
    size_t limit;
    uint8_t shown[65536]; /* what peek showed last, not popped yet */
    size_t shown_len;
    size_t record_left; /* of the record that the next message goes on with */
    uint8_t *wire;      /* messages that the transport took: a length, that many bytes */
    size_t wire_from, wire_to, wire_capacity;
    size_t brought;         /* of the first of them */
    uint64_t accepted, got; /* plaintext */
    unsigned pieces;        /* messages that were not a whole record */
    unsigned refusals;      /* of pops */
    unsigned together;      /* messages that were popped in one call with others */
} MailEnd;

typedef struct {
    MailEnd end[2];
    Rng rng;
} Mail;

/* Two streams of large_chain_config(), started. */
void mail_open(Mail *self, size_t limit, unsigned version, uint64_t seed);
/* And connected. */
void mail_connect(Mail *self, size_t limit, unsigned version);
void mail_close(Mail *self);

/* -- one end */

/* The length of the message that comes next, 0 if there is none. One that was seen before must be the same still. */
size_t mail_look(MailEnd *self);
/* Up to @n messages. Returns how many; *@sum: their lengths. */
size_t mail_look_at_all(MailEnd *self, struct iovec *vectors, size_t n, size_t *sum);
/* The transport takes up to @n messages, told in one call. Returns how many. */
size_t mail_take(MailEnd *self, size_t n);
/* Tells of @bytes that are not whole messages, if they are not: that is refused, and changes nothing. */
void mail_pop_wrongly(MailEnd *self, size_t bytes);
/* A message for the transport, by hand. */
void mail_put(MailEnd *self, const uint8_t *data, size_t len);

/* -- both */

/* Up to @most bytes of the oldest message to the end @to. Returns how many it took. */
size_t mail_bring(Mail *self, int to, size_t most);
/* The next @len bytes of the end's string (duo_byte()), or as many as it accepts. */
size_t mail_write(Mail *self, int which, size_t len);
/* Up to @most bytes of the other's, compared. */
size_t mail_read(Mail *self, int which, size_t most);
/* Until nothing moves. */
void mail_pass(Mail *self);
void mail_assert_state(const Mail *self, SluiceState state);

#endif
