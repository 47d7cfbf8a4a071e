/* SPDX-License-Identifier: BSD-3-Clause */

/* What an m-line says about its transport: ICE, fingerprints, DTLS role. */

#include "offer.h"
#include "refusal.h"
#include "sdp-text.h"

#include <string.h>

#define MAX_CANDIDATES 64

/* RFC 8122 section 5: at media level, else at session level; any number of them. */
static gboolean read_fingerprints(WhipOfferTransport *self, const GstSDPMessage *sdp,
                                  const GstSDPMedia *media, guint index, GError **error)
{
    gboolean own = gst_sdp_media_get_attribute_val(media, "fingerprint") != NULL;
    GString *lines = g_string_new(NULL);
    guint known = 0;
    const char *value;

    for (guint i = 0;
         (value = own ? gst_sdp_media_get_attribute_val_n(media, "fingerprint", i)
                      : gst_sdp_message_get_attribute_val_n(sdp, "fingerprint", i)) != NULL;
         i++) {
        SluiceFingerprint fingerprint;
        SluiceStatus status = sluice_fingerprint_parse(value, strlen(value), &fingerprint);

        if (status == SLUICE_OK && fingerprint.hash != SLUICE_HASH_SHA1)
            known++;
        if ((status != SLUICE_OK && status != SLUICE_UNSUPPORTED) || i >= SLUICE_FINGERPRINTS_MAX) {
            g_autofree char *quoted = whip_quote(value);
            g_string_free(lines, TRUE);
            return whip_refuse(error, 400, "m-line %u: %s is no fingerprint, or one too many.",
                               index + 1, quoted);
        }
        g_string_append_printf(lines, "%s\n", value);
    }
    self->fingerprints = g_string_free(lines, FALSE);
    return known > 0 ||
           whip_refuse(error, 400, "m-line %u has no a=fingerprint of sha-256, sha-384 or sha-512.",
                       index + 1);
}

/* RFC 8842 section 5.3; an offer without the attribute means actpass there. */
static gboolean read_setup(WhipOfferTransport *self, const GstSDPMessage *sdp,
                           const GstSDPMedia *media, guint index, GError **error)
{
    const char *setup = whip_sdp_value(sdp, media, "setup");

    if (setup == NULL || g_str_equal(setup, "actpass"))
        self->role = SLUICE_ROLE_AUTO;
    else if (g_str_equal(setup, "active"))
        self->role = SLUICE_ROLE_SERVER;
    else if (g_str_equal(setup, "passive"))
        self->role = SLUICE_ROLE_CLIENT;
    else {
        g_autofree char *quoted = whip_quote(setup);
        return whip_refuse(error, 400, "m-line %u: a=setup:%s is not actpass, active or passive.",
                           index + 1, quoted);
    }
    return TRUE;
}

static gboolean read_ice(WhipOfferTransport *self, const GstSDPMessage *sdp,
                         const GstSDPMedia *media, guint index, GError **error)
{
    const char *value;

    self->ufrag = g_strdup(whip_sdp_value(sdp, media, "ice-ufrag"));
    self->pwd = g_strdup(whip_sdp_value(sdp, media, "ice-pwd"));
    if (!whip_sdp_ufrag(self->ufrag))
        return whip_refuse(error, 400, "m-line %u has no valid a=ice-ufrag.", index + 1);
    if (!whip_sdp_pwd(self->pwd))
        return whip_refuse(error, 400, "m-line %u has no valid a=ice-pwd.", index + 1);
    for (guint i = 0; (value = gst_sdp_media_get_attribute_val_n(media, "candidate", i)); i++) {
        if (i == MAX_CANDIDATES)
            return whip_refuse(error, 400, "m-line %u has more than %d candidates.", index + 1,
                               MAX_CANDIDATES);
        g_ptr_array_add(self->candidates, g_strconcat("candidate:", value, NULL));
    }
    value = whip_sdp_value(sdp, media, "ice-options");
    /* Who does not trickle has said all there is (RFC 8838 section 4.1). */
    self->complete = whip_sdp_has(media, "end-of-candidates") || value == NULL ||
                     strstr(value, "trickle") == NULL;
    return TRUE;
}

WhipOfferTransport *whip_offer_transport_read(const GstSDPMessage *sdp, const WhipMedia *media,
                                              guint index, GError **error)
{
    WhipOfferTransport *self = g_new0(WhipOfferTransport, 1);

    self->media = index;
    self->candidates = g_ptr_array_new_with_free_func(g_free);
    self->tls_id = whip_sdp_value(sdp, media->sdp, "tls-id") != NULL;
    if (read_ice(self, sdp, media->sdp, index, error) &&
        read_fingerprints(self, sdp, media->sdp, index, error) &&
        read_setup(self, sdp, media->sdp, index, error))
        return self;
    whip_offer_transport_free(self);
    return NULL;
}

void whip_offer_transport_free(WhipOfferTransport *self)
{
    g_free(self->ufrag);
    g_free(self->pwd);
    g_free(self->fingerprints);
    g_ptr_array_unref(self->candidates);
    g_free(self);
}
