/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef WHIP_ICE_H
#define WHIP_ICE_H

/* One NiceAgent of libnice for a session, a stream of it for each transport. Everything here is for the thread of the
 * session's context. */

#include <nice/agent.h>

#define WHIP_ICE_COMPONENT 1 /* RTP and RTCP share it (rtcp-mux) */

typedef struct WhipIce WhipIce;

typedef struct {
    const char *bind;  /* NULL: every address */
    const char *stun;  /* NULL: none */
    gboolean loopback; /* with every address: the loopback ones too */
    gboolean lite;
    gboolean controlling;
} WhipIceOptions;

typedef struct {
    /* All candidates of ours are known, or as many as came in time. */
    void (*gathered)(gpointer user_data);
    /* A stream has changed its state; @stream is an index. */
    void (*changed)(guint stream, NiceComponentState state, gpointer user_data);
} WhipIceFuncs;

WhipIce *whip_ice_new(GMainContext *context, const WhipIceOptions *options, guint n_streams,
                      const WhipIceFuncs *funcs, gpointer user_data);
/* @freed is called when its sockets are closed, later, in the context. */
void whip_ice_free(WhipIce *self, GFunc freed, gpointer user_data);

NiceAgent *whip_ice_get_agent(WhipIce *self);
guint whip_ice_get_stream_id(WhipIce *self, guint stream);

/* FALSE: no socket could be opened. Then whip_ice_gathered() follows. */
gboolean whip_ice_gather(WhipIce *self);

void whip_ice_get_credentials(WhipIce *self, guint stream, char **ufrag, char **pwd);
/* "candidate:..." each; the first is the default one. NULL-terminated. */
char **whip_ice_get_candidates(WhipIce *self, guint stream);
/* Address and port of the default candidate, for the c-line and m-line. FALSE: there is none. */
gboolean whip_ice_get_default(WhipIce *self, guint stream, char **address, guint *port);

gboolean whip_ice_set_credentials(WhipIce *self, guint stream, const char *ufrag, const char *pwd);
/* Takes those that can be used, up to a bound. Returns how many of them. */
guint whip_ice_add_candidates(WhipIce *self, guint stream, GPtrArray *candidates);
void whip_ice_set_complete(WhipIce *self, guint stream);
/* New credentials of ours; the client's, new ones too, must be set after it. */
gboolean whip_ice_restart(WhipIce *self, guint stream);

/* "udp 192.0.2.1:1234 (host)"; FALSE: no pair is selected. */
gboolean whip_ice_get_path(WhipIce *self, guint stream, char **local, char **remote);

const char *whip_ice_state_name(NiceComponentState state);

#endif
