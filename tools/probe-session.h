/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PROBE_SESSION_H
#define PROBE_SESSION_H

/* A session from the inside, for the three rooms that make it up: setup (what must be there first),
 * events (what the transport reports and what follows of it), session (the socket loop). */

#include "probe-capture.h"

typedef struct {
    const ProbeOptions *options;
    ProbeReport *report;
    SluiceConfig *config;
    SluiceTransport *transport; /* listen: NULL until somebody knocks */
    ProbeTraffic traffic;
    int fd;
    ProbeCapture *capture;
    ProbePeer peer;
    gboolean fixed;     /* the peer has shown that it receives at its address */
    gboolean connected; /* was, once */
    gboolean offer_shown, selection_shown, certificate_shown, unreachable_shown;
    gboolean media_seen[2];
    SluiceTime close_at, flush_until;
    ProbeExit verdict; /* what the end means, where the library cannot know */
    guint8 *buffer;    /* the datagram at hand */
    size_t waiting;    /* its length, while the inbox has no room for it */
    guint8 *reply;     /* a held packet on its way back */
} Session;

/* ------------------------------------------------------------------ setup */

/* Certificate, settings, hooks. FALSE: it has been reported. */
gboolean session_make_config(Session *s);
/* The socket. FALSE: it has been reported. */
gboolean session_open_socket(Session *s);
/* connect: the first flight; listen: the line that says where. FALSE: it has been reported. */
gboolean session_begin(Session *s);
/* One transport is one 5-tuple: another peer at the door gets a new one, and with it a cookie of
 * its own. FALSE: it has been reported. */
gboolean session_make_transport(Session *s);

/* Tells the capture both addresses. */
void session_note_path(Session *s);

/* ------------------------------------------------------------------ events */

gboolean session_has_ended(const Session *s);
/* Ends it in order. @verdict: what that means for the exit code. */
void session_close(Session *s, ProbeExit verdict);
/* From here on there is one peer. */
void session_fix_peer(Session *s);
void session_handle_event(Session *s, const SluiceEvent *event);
/* The last lines, and the exit code. */
ProbeExit session_conclude(Session *s);

#endif
