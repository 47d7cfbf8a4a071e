/* SPDX-License-Identifier: BSD-3-Clause */
#include "offer.h"
#include "refusal.h"
#include "sdp-text.h"

#include <string.h>

WhipMedia *whip_offer_media(const WhipOffer *self, guint index)
{
    return &g_array_index(self->media, WhipMedia, index);
}

WhipOfferTransport *whip_offer_transport(const WhipOffer *self, guint index)
{
    return g_ptr_array_index(self->transports, index);
}

WhipMedia *whip_offer_find_mid(const WhipOffer *self, const char *mid)
{
    for (guint i = 0; i < self->media->len; i++)
        if (g_strcmp0(whip_offer_media(self, i)->mid, mid) == 0)
            return whip_offer_media(self, i);
    return NULL;
}

static gboolean read_media(WhipOffer *self, GError **error)
{
    for (guint i = 0; i < gst_sdp_message_medias_len(self->sdp); i++) {
        const GstSDPMedia *sdp = gst_sdp_message_get_media(self->sdp, i);
        WhipMedia media = {0};

        if (!whip_media_read(&media, self->sdp, sdp, i, error))
            return FALSE;
        if (media.mid != NULL && whip_offer_find_mid(self, media.mid) != NULL)
            return whip_refuse(error, 400, "Two m-lines have the same mid %s.", media.mid);
        media.transport = G_MAXUINT;
        g_array_append_val(self->media, media);
    }
    return TRUE;
}

/* Reads the transport of the m-line at @index and gives it to that one. */
static gboolean add_transport(WhipOffer *self, guint index, gboolean bundle, GError **error)
{
    WhipMedia *media = whip_offer_media(self, index);
    WhipOfferTransport *transport = whip_offer_transport_read(self->sdp, media, index, error);

    if (transport == NULL)
        return FALSE;
    transport->bundle = bundle;
    media->transport = self->transports->len;
    g_ptr_array_add(self->transports, transport);
    return TRUE;
}

/* a=group:BUNDLE mid ... The first one that is not switched off speaks for all. */
static gboolean read_bundle(WhipOffer *self, const char *value, GError **error)
{
    g_auto(GStrv) mids = g_strsplit(value, " ", -1);
    guint transport = G_MAXUINT;

    for (char **mid = mids + 1; *mid != NULL; mid++) {
        WhipMedia *media = **mid != '\0' ? whip_offer_find_mid(self, *mid) : NULL;

        if (**mid == '\0')
            continue; /* a blank too many */
        if (media == NULL) {
            g_autofree char *quoted = whip_quote(*mid);
            return whip_refuse(error, 400,
                               "The BUNDLE group names the mid %s, which no m-line has.", quoted);
        }
        if (media->transport != G_MAXUINT)
            return whip_refuse(error, 400, "The mid %s is in BUNDLE groups twice.", media->mid);
        if (media->kind == WHIP_MEDIA_REFUSED)
            continue;
        if (transport == G_MAXUINT) {
            guint index = (guint)(media - whip_offer_media(self, 0));
            if (!add_transport(self, index, TRUE, error))
                return FALSE;
            transport = media->transport;
        }
        media->transport = transport;
    }
    return TRUE;
}

static gboolean read_transports(WhipOffer *self, GError **error)
{
    const char *value;

    for (guint i = 0; (value = gst_sdp_message_get_attribute_val_n(self->sdp, "group", i)); i++)
        if (g_str_has_prefix(value, "BUNDLE ") && !read_bundle(self, value, error))
            return FALSE;
    for (guint i = 0; i < self->media->len; i++) {
        const WhipMedia *media = whip_offer_media(self, i);
        if (media->kind == WHIP_MEDIA_REFUSED || media->transport != G_MAXUINT)
            continue;
        if (whip_sdp_has(media->sdp, "bundle-only"))
            return whip_refuse(error, 400, "m-line %u is bundle-only and in no BUNDLE group.",
                               i + 1);
        if (!add_transport(self, i, FALSE, error))
            return FALSE;
    }
    if (self->transports->len == 0)
        return whip_refuse(error, 400, "No m-line offers RTP with DTLS or a data channel.");
    return TRUE;
}

/* Two m-lines with one transport have one association of SCTP at most. */
static gboolean check_data(const WhipOffer *self, GError **error)
{
    guint n = 0;

    for (guint i = 0; i < self->media->len; i++)
        n += whip_offer_media(self, i)->kind == WHIP_MEDIA_DATA;
    return n <= 1 || whip_refuse(error, 400, "There is more than one m-line for data channels.");
}

static gboolean read_all(WhipOffer *self, GError **error)
{
    const GstSDPOrigin *origin = gst_sdp_message_get_origin(self->sdp);
    const char *value;

    if (origin == NULL || origin->addr == NULL || origin->addr[0] == '\0')
        return whip_refuse(error, 400, "The o-line is not complete.");
    for (guint i = 0; i < gst_sdp_message_attributes_len(self->sdp); i++) {
        value = gst_sdp_message_get_attribute(self->sdp, i)->key;
        self->lite |= g_strcmp0(value, "ice-lite") == 0;
    }
    return read_media(self, error) && read_transports(self, error) && check_data(self, error);
}

WhipOffer *whip_offer_parse(const char *text, gsize len, GError **error)
{
    GstSDPMessage *sdp = whip_sdp_parse(text, len, FALSE, error);

    if (sdp == NULL)
        return NULL;
    WhipOffer *self = g_new0(WhipOffer, 1);
    self->sdp = sdp;
    self->media = g_array_new(FALSE, TRUE, sizeof(WhipMedia));
    self->transports = g_ptr_array_new_with_free_func((GDestroyNotify)whip_offer_transport_free);
    if (!read_all(self, error)) {
        whip_offer_free(self);
        return NULL;
    }
    return self;
}

void whip_offer_free(WhipOffer *self)
{
    g_array_unref(self->media);
    g_ptr_array_unref(self->transports);
    gst_sdp_message_free(self->sdp);
    g_free(self);
}
