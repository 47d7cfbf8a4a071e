/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef WHIP_SESSION_H
#define WHIP_SESSION_H

/* One session of WHIP: what came of an offer. It has a context of its own, which the driver turns; the functions here are
 * called from outside it, on the same thread, and what they cause comes later. */

#include "fragment.h"
#include "offer.h"
#include "options.h"

#include <json-glib/json-glib.h>
#include <sluice-glib/sluice-glib.h>

/* What all sessions share. */
typedef struct {
    const WhipOptions *options;
    SluiceConfig *config, *data_config;
    SluiceIceDriver *driver;
} WhipEnvironment;

typedef struct WhipSession WhipSession;

/* How a request ends: @text is the body, with @error NULL; or @error has the status and a sentence. */
typedef void (*WhipSessionDone)(WhipSession *session, const char *text, const GError *error,
                                gpointer user_data);
/* Nothing of it is left; it is freed when this returns. */
typedef void (*WhipSessionGone)(WhipSession *session, gpointer user_data);

/* Takes @offer over. @answered is called once, with the answer, or with the offer where @offer is our own. NULL with @error set: no descriptor is left, or the role does not fit. */
WhipSession *whip_session_new(const WhipEnvironment *environment, WhipOffer *offer,
                              WhipSessionDone answered, WhipSessionGone gone, gpointer user_data,
                              GError **error);

/* 128 random bits in hexadecimal: who knows it may end the session. */
const char *whip_session_get_id(const WhipSession *self);
/* The first letters of it, for logs and figures. */
const char *whip_session_get_name(const WhipSession *self);
/* The entity-tag of its ICE session, quotes and all (RFC 9725 section 4.3.1). */
const char *whip_session_get_etag(const WhipSession *self);

/* Candidates, or a restart: takes @fragment over. @done is called once: with no text for candidates. */
void whip_session_patch(WhipSession *self, WhipFragment *fragment, WhipSessionDone done,
                        gpointer user_data);

gboolean whip_session_wants_answer(const WhipSession *self);
/* The answer to our own offer: takes @answer over. @done is called once, with no text. */
void whip_session_take_answer(WhipSession *self, WhipOffer *answer, WhipSessionDone done,
                              gpointer user_data);

/* @reason: in few words, static. */
void whip_session_end(WhipSession *self, const char *reason);

/* Why a session has ended; the strings are static or live as long as the session. */
typedef struct {
    const char *reason; /* NULL: it has not */
    const char *detail; /* NULL: none */
    const char *alert;  /* the last one of TLS, by its name; NULL: none */
} WhipSessionEnd;
WhipSessionEnd whip_session_get_end(const WhipSession *self);

/* TRUE once it is on its way out. */
gboolean whip_session_is_ending(const WhipSession *self);

/* Adds an object of figures. */
void whip_session_add_stats(WhipSession *self, JsonBuilder *builder);

#endif
