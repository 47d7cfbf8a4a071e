/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef WHIP_SESSION_PRIVATE_H
#define WHIP_SESSION_PRIVATE_H

/* WhipSession inside: session.c is its life, session-ice.c what goes on with ICE and PATCH, session-answer.c
 * an answer of the client's, session-stats.c the figures. */

#include "answer.h"
#include "events.h"
#include "ice.h"
#include "refusal.h"
#include "session.h"
#include "transport.h"

#define WHIP_NAME_LENGTH 8

/* Times of g_get_monotonic_time(), 0: not yet. */
typedef struct {
    gint64 offered, answered, ice, connected;
} WhipPhases;

struct WhipSession {
    const WhipEnvironment *environment;
    WhipOffer *offer;
    char id[33], name[WHIP_NAME_LENGTH + 1], etag[20];
    GMainContext *context;
    WhipIce *ice;
    GPtrArray *transports; /* of WhipTransport */
    WhipPhases phases;
    guint restarts;
    GSource *deadline;        /* to connect, or for ICE to come back */
    WhipSessionDone answered; /* NULL: called */
    WhipSessionGone gone;
    gpointer user_data;
    const char *end_reason; /* it is on its way out */
    char *end_detail;
    const char *end_alert;
};

/* session.c */
void whip_session_end_with(WhipSession *self, const char *reason, const char *detail);
/* Ends it with @reason unless whip_session_clear_deadline() is called within @seconds. */
void whip_session_set_deadline(WhipSession *self, guint seconds);
void whip_session_clear_deadline(WhipSession *self);
gboolean whip_session_is_connected(const WhipSession *self);

/* session-ice.c */
extern const WhipIceFuncs whip_session_ice_funcs;
void whip_session_new_etag(WhipSession *self);
/* What this end says of each transport; free with whip_session_free_descriptions(). */
WhipAnswerTransport *whip_session_describe(WhipSession *self);
void whip_session_free_descriptions(WhipSession *self, WhipAnswerTransport *list);
/* What the fragment asks for. FALSE with @error set. @text: the answer to a restart, else NULL. */
gboolean whip_session_apply(WhipSession *self, const WhipFragment *fragment, char **text,
                            GError **error);

/* session-answer.c: takes @answer over, unless FALSE is returned with @error set. */
gboolean whip_session_answer(WhipSession *self, WhipOffer *answer, GError **error);

#endif
