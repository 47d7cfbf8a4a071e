/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TEST_ICE_CALL_H
#define TEST_ICE_CALL_H

/* One end of a call: an agent on 127.0.0.1 and its transport, in a context that somebody else turns. All but the counters
 * is for the thread that does. */

#include <sluice-glib/sluice-glib.h>

#include <stdatomic.h>

typedef struct Caller Caller;
struct Caller {
    /* Given. */
    GMainContext *context;
    SluiceConfig *config; /* NULL: an agent alone, without a transport */
    gboolean controlling; /* and DTLS client */
    NiceAgentOption options;
    Caller *other;
    /* Called, if set, in the context. */
    void (*on_gathered)(Caller *self);
    void (*on_rtp)(Caller *self);
    void (*on_closed)(Caller *self);
    gpointer user_data;

    NiceAgent *agent;
    guint stream;
    SluiceIceTransport *transport;
    GThread *thread; /* of the first call; all others must come on it */
    guint16 seq;

    atomic_uint gathered, ready, connected, rtp, closed, foreign;
};

/* What the other end has to know. */
typedef struct {
    gchar *ufrag, *pwd;
    char *fingerprint;
    GSList *candidates;
} Description;

void caller_make(Caller *self);
void caller_gather(Caller *self);
Description *caller_describe(Caller *self);
void description_free(Description *self);
/* ICE and DTLS start. */
void caller_accept(Caller *self, const Description *description);
gboolean caller_send(Caller *self);
/* In the right order; `closed` counts when all is done. */
void caller_close(Caller *self);

#endif
