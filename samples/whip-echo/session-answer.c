/* SPDX-License-Identifier: BSD-3-Clause */

/* The client's answer to an offer that this server has made. It may come late: ICE can have a path by then, by the ufrag and
 * pwd that were trickled, and DTLS a ClientHello, or a whole handshake whose peer is not known yet. */

#include "session-private.h"

static gboolean check_media(const WhipSession *self, const WhipOffer *answer, GError **error)
{
    if (answer->media->len != self->offer->media->len)
        return whip_refuse(error, 400, "The answer has %u m-lines, the offer had %u.",
                           answer->media->len, self->offer->media->len);
    for (guint i = 0; i < answer->media->len; i++) {
        const WhipMedia *theirs = whip_offer_media(answer, i);
        const WhipMedia *ours = whip_offer_media(self->offer, i);
        if (theirs->kind != WHIP_MEDIA_REFUSED &&
            (theirs->kind != ours->kind || g_strcmp0(theirs->mid, ours->mid) != 0))
            return whip_refuse(error, 400, "m-line %u does not answer that of the offer.", i + 1);
    }
    return answer->transports->len == 1 ||
           whip_refuse(error, 400, "The answer has no BUNDLE group of all m-lines.");
}

/* RFC 8842 section 5.3 */
static gboolean check_role(const WhipSession *self, const WhipOfferTransport *answered,
                           GError **error)
{
    SluiceRole offered = self->environment->options->dtls_role;

    if (answered->role == SLUICE_ROLE_AUTO)
        return whip_refuse(error, 400, "An answer says setup:active or setup:passive.");
    return offered == SLUICE_ROLE_AUTO || answered->role == offered ||
           whip_refuse(error, 400, "The answer takes the same DTLS role as the offer.");
}

/* Those of a PATCH before are the same. */
static gboolean check_credentials(const WhipSession *self, const WhipOfferTransport *answered,
                                  GError **error)
{
    const WhipOfferTransport *known = whip_offer_transport(self->offer, 0);

    return known->ufrag == NULL ||
           (g_str_equal(known->ufrag, answered->ufrag) && g_str_equal(known->pwd, answered->pwd)) ||
           whip_refuse(error, 400, "The answer is of another ICE session than the PATCH before.");
}

gboolean whip_session_answer(WhipSession *self, WhipOffer *answer, GError **error)
{
    const WhipOfferTransport *answered = whip_offer_transport(answer, 0);
    gboolean path = whip_offer_transport(self->offer, 0)->ufrag != NULL;
    WhipOffer *before = self->offer;

    if (!before->own || self->phases.answered == 0)
        return whip_refuse(error, 409, "There is no offer that waits for an answer.");
    if (!check_media(self, answer, error) || !check_role(self, answered, error) ||
        !check_credentials(self, answered, error) ||
        !whip_transport_set_answer(g_ptr_array_index(self->transports, 0), answer, error))
        return FALSE;
    self->offer = answer;
    whip_offer_free(before);
    if (!path && !whip_ice_set_credentials(self->ice, 0, answered->ufrag, answered->pwd))
        return whip_refuse(error, 500, "libnice refused the ufrag and pwd.");
    whip_ice_add_candidates(self->ice, 0, answered->candidates);
    if (answered->complete)
        whip_ice_set_complete(self->ice, 0);
    return TRUE;
}
