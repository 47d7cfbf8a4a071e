/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef WHIP_ANSWER_H
#define WHIP_ANSWER_H

/* The answer to an offer (RFC 9429 section 5.3): everything is accepted that a mirror can send back. Of our own offer it is
 * the text. */

#include "offer.h"
#include "ssrc-map.h"

#define WHIP_SCTP_PORT 5000

/* What this end says of a transport. */
typedef struct {
    char *ufrag, *pwd;
    char **candidates; /* "candidate:..." each */
    char *address;     /* of the default candidate; NULL: there is none */
    guint port;
    char *fingerprint;
    SluiceRole role;          /* AUTO: actpass, in an offer */
    const WhipSsrcMap *ssrcs; /* what is sent in place of what the offer names */
} WhipAnswerTransport;

/* @transports: as many as the offer has. Returns the text, which is the caller's. */
char *whip_answer_make(const WhipOffer *offer, const WhipAnswerTransport *transports,
                       gboolean lite);

/* What answers an ICE restart (RFC 9725 section 4.3.3). */
char *whip_answer_make_fragment(const WhipOffer *offer, const WhipAnswerTransport *transports,
                                gboolean lite);

void whip_answer_transport_clear(WhipAnswerTransport *self);

#endif
