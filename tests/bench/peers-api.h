/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BENCH_PEERS_API_H
#define BENCH_PEERS_API_H

/* As much of the API of Janus as a call to its echo test needs, over its Unix socket (SOCK_SEQPACKET, a JSON text in each
 * message): both the client's side and what our echo needs to be called in the same way. */

#include <json-glib/json-glib.h>
#include <sys/types.h>

/* A message to send. @session and @handle may be 0, the texts NULL; "jsep" is there if @sdp is. */
char *api_write(const char *janus, const char *transaction, gint64 session, gint64 handle,
                const char *plugin, const char *jsep_type, const char *sdp);

/* Blocks; the texts are what came, or NULL at the end. */
JsonObject *api_read(int fd);
gboolean api_send(int fd, const char *text);

/* Of a message: NULL and 0 where there is none. */
const char *api_text(JsonObject *message, const char *name);
gint64 api_id(JsonObject *message);
const char *api_sdp(JsonObject *message);

/* -- the client */

typedef struct {
    const char *name;
    int fd;
    pid_t pid; /* of the process that listens */
    unsigned transactions;
} Api;

/* FALSE: nobody listens there (any more). */
gboolean api_connect(Api *self, const char *name, const char *path);
/* Sends a request and waits for what it leads to: not for the "ack", but the event. */
JsonObject *api_request(Api *self, const char *janus, gint64 session, gint64 handle,
                        const char *sdp);

#endif
