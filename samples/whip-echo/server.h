/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef WHIP_SERVER_H
#define WHIP_SERVER_H

/* HTTP: the page, WHIP (RFC 9725), figures; and the table of sessions. */

#include "session.h"

typedef struct WhipServer WhipServer;

/* @environment must outlive it. NULL with @error set: the address or port cannot be had. */
WhipServer *whip_server_new(const WhipEnvironment *environment, GError **error);
/* When no session is left. */
void whip_server_free(WhipServer *self);

/* "http://127.0.0.1:8080/" */
char *whip_server_get_url(WhipServer *self);

/* Takes no more requests, ends all sessions; @done is called when the last one has gone. */
void whip_server_stop(WhipServer *self, GFunc done, gpointer user_data);

#endif
