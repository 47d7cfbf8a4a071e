/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TEST_ICE_PAIR_H
#define TEST_ICE_PAIR_H

/* Two peers in one process: each a NiceAgent on 127.0.0.1 and a transport per component, all on
 * one GMainContext. They note what they are told, and hold the thread rule in every test:
 * nothing comes from another thread than the context's, and nothing from inside a call. */

#include <sluice-glib/sluice-glib.h>

#define PAIR_COMPONENTS 2
#define PAIR_PATIENCE_MS 15000

typedef struct Pair Pair;
typedef struct End End;

/* One transport and what it said. */
struct End {
    Pair *pair;
    SluiceIceTransport *transport; /* NULL once dropped */
    GString *states;               /* "connecting connected ..." */
    guint notified
        [6]; /* role, selected-profile, remote-certificate, remote-fingerprint, last-error, state */
    guint rtp, rtcp, data;
    GBytes *last;
    guint closed;
    GError *error;
    /* Called, if set, in each callback of its kind. */
    void (*on_state)(End *end);
    void (*on_closed)(End *end);
    void (*on_packet)(End *end, SluiceKind kind, guint8 *data, gsize len);
    guint destroyed; /* destroy notifies of the packet function */
};

typedef struct {
    NiceAgent *agent;
    guint stream;
    gboolean gathered;
    SluiceConfig *config;
    End end[PAIR_COMPONENTS];
} Peer;

struct Pair {
    GMainContext *context;
    guint n_components;
    Peer a, b;
    GThread *thread; /* the one that callbacks must come from */
    gint in_call;    /* > 0 inside a call that must not call back */
};

/* Everything between here is a call from which no callback may come. */
#define CALL(pair, call)                                                                           \
    do {                                                                                           \
        (pair)->in_call++;                                                                         \
        call;                                                                                      \
        (pair)->in_call--;                                                                         \
    } while (0)

/* Agents that have gathered, and transports; ICE does not run yet. The configs may be NULL. */
Pair *pair_new(guint n_components, SluiceConfig *a, SluiceConfig *b);
void pair_free(Pair *pair);
/* Gives @to the credentials and candidates of @from. */
void pair_signal(Pair *pair, Peer *from, Peer *to);
void pair_give_credentials(Peer *from, Peer *to);
void pair_give_fingerprint(Pair *pair, guint component, Peer *from, Peer *to);
/* All of the above, both ways, for all components. */
void pair_signal_all(Pair *pair);
void pair_start(Pair *pair, End *end, SluiceRole role);
void pair_drop(End *end);
/* Another transport for the same component; returns the one before. */
SluiceIceTransport *pair_renew(Pair *pair, Peer *peer, guint component);
/* Sets the packet function, as pair_new() did. */
void pair_set_func(End *end);

/* Iterates the context until @ready says so; FALSE after PAIR_PATIENCE_MS. */
gboolean pair_run_until(Pair *pair, gboolean (*ready)(gpointer data), gpointer data);
/* Iterates for so long, whatever happens. */
void pair_run_for(Pair *pair, guint milliseconds);
gboolean pair_connected(gpointer pair);
/* Signals, starts (a client, b server) and waits until all components are connected. */
void pair_connect(Pair *pair);

/* A plain packet of @len bytes; its payload is told apart by @seq. */
void pair_rtp(guint8 *out, gsize len, guint16 seq, guint32 ssrc);
void pair_rtcp(guint8 *out, gsize len, guint32 ssrc); /* @len: a multiple of 4 */

#endif
