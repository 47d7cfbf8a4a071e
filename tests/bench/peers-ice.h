/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BENCH_PEERS_ICE_H
#define BENCH_PEERS_ICE_H

/* An agent with one component, and the SDP that introduces it: of the client that calls Janus and our echo, and of that
 * echo. */

#include <nice/agent.h>

#define ICE_COMPONENT 1
#define PAYLOAD_TYPE 111
#define SSRC 0x51ce0001

typedef struct Ice Ice;

struct Ice {
    NiceAgent *agent;
    guint stream;
    gboolean offers, gathered;
    gboolean without_dtls; /* the offer says so (setup:holdconn, RFC 4145 section 4) */
    /* Either may be NULL. */
    void (*described)(Ice *ice); /* the description can be written */
    void (*freed)(Ice *ice);     /* the agent is gone */
    gpointer user_data;
};

/* In the thread that runs @context; the functions and what is theirs are set already. */
void ice_init(Ice *self, gboolean offers, const char *address, GMainContext *context);
void ice_gather(Ice *self);
char *ice_describe(Ice *self, const char *fingerprint);
/* Takes the other end's description. Returns its fingerprint, or NULL if it cannot be used. */
char *ice_introduce(Ice *self, const char *sdp);
/* The agent goes a little later. */
void ice_clear(Ice *self);

#endif
