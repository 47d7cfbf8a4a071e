/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef WHIP_TRANSPORT_H
#define WHIP_TRANSPORT_H

/* One transport of a session: DTLS-SRTP over one stream of ICE, and what is mirrored on it. For the thread of the session's
 * context. */

#include "data-channels.h"
#include "echo-media.h"
#include "ice.h"
#include "offer.h"

#include <json-glib/json-glib.h>
#include <sluice-glib/sluice-glib.h>

typedef struct WhipTransport WhipTransport;

typedef struct {
    void (*connected)(WhipTransport *transport, gpointer user_data);
    /* DTLS has ended. */
    void (*closed)(WhipTransport *transport, const GError *error, gpointer user_data);
    /* For the log: @what with @detail, of a stream of data channels. */
    void (*channel)(WhipTransport *transport, const char *what, guint stream, const char *detail,
                    gpointer user_data);
} WhipTransportFuncs;

/* @offer must outlive it. @role: ours. NULL with @error set. */
WhipTransport *whip_transport_new(const WhipOffer *offer, guint index, SluiceRole role,
                                  WhipIce *ice, SluiceConfig *config, GMainContext *context,
                                  const WhipTransportFuncs *funcs, gpointer user_data,
                                  GError **error);
/* Says goodbye as far as ICE can send it. Not in one of its callbacks. */
void whip_transport_free(WhipTransport *self);

/* DTLS begins as soon as ICE has a path. */
gboolean whip_transport_start(WhipTransport *self, GError **error);

/* What the client says to our own offer: who it is, which role is left for us, what it sends. @answer must outlive the
 * transport. FALSE with @error set. */
gboolean whip_transport_set_answer(WhipTransport *self, const WhipOffer *answer, GError **error);

guint whip_transport_get_index(const WhipTransport *self);
SluiceRole whip_transport_get_role(const WhipTransport *self);
gboolean whip_transport_is_connected(const WhipTransport *self);
SluiceIceTransport *whip_transport_get_dtls(const WhipTransport *self);
const WhipEchoMedia *whip_transport_get_echo(const WhipTransport *self);
/* NULL: there are none (yet). */
const WhipDataCounts *whip_transport_get_data(const WhipTransport *self);

#endif
