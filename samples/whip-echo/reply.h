/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef WHIP_REPLY_H
#define WHIP_REPLY_H

/* Answers of HTTP: at once, or later. */

#include <libsoup/soup.h>

#define WHIP_SDP_TYPE "application/sdp"

/* A body of text; NULL: none. It is copied. */
void whip_reply(SoupServerMessage *message, guint status, const char *type, const char *body);
/* One sentence. */
void whip_reply_refused(SoupServerMessage *message, guint status, const char *sentence);
/* The status and the sentence of an error; 500 for one of another domain. */
void whip_reply_error(SoupServerMessage *message, const GError *error);
void whip_reply_header(SoupServerMessage *message, const char *name, const char *value);

/* A message that waits: it may be gone when its answer is there. */
typedef struct WhipPending WhipPending;
WhipPending *whip_pending_new(SoupServerMessage *message);
/* NULL: the client has hung up. */
SoupServerMessage *whip_pending_get(WhipPending *self);
/* Sends the answer that was set, soon, and frees @self. */
void whip_pending_finish(WhipPending *self);

/* Without libsoup, which would go on reading: writes @sentence and closes the connection. From an early handler. */
void whip_reply_abruptly(SoupServerMessage *message, guint status, const char *sentence);

#endif
