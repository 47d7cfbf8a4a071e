/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef WHIP_CLIENT_H
#define WHIP_CLIENT_H

/* A client inside: whip-client.c is its way to the server and back, whip-connection.c what happens in between. */

#include "whip-probe.h"

struct WhipClient {
    const WhipCommon *common;
    GMainContext *context;
    WhipIce *ice;
    SluiceIceTransport *transport;
    WhipDescription description;
    WhipTraffic *traffic; /* from the answer on */
    char *offer, *location;
    GBytes *reply;
    gboolean posting, ending, arrived;
    gboolean offer_shown, certificate_shown, selection_shown, end_shown;
    GSource *look;
    gint64 begun, deadline, close_at; /* monotonic; G_MAXINT64: none */
    WhipOutcome outcome;
    WhipClientEnded ended;
    gpointer user_data;
};

/* In whip-client.c. In the client's context; the first of them counts. */
void whip_client_end(WhipClient *self);
void whip_client_fail(WhipClient *self, ProbeExit status, const char *what, const char *sentence);

/* In whip-connection.c */

/* It is connected, or will not be. */
void whip_client_arrive(WhipClient *self);

/* What the transport tells. */
void whip_client_watch(WhipClient *self);
/* Why it has ended, once. */
void whip_client_show_end(WhipClient *self);
/* Deadlines, each so many milliseconds. */
void whip_client_start_looking(WhipClient *self, int deadline_ms, guint every_ms);
void whip_client_stop_looking(WhipClient *self);

#endif
