/* SPDX-License-Identifier: BSD-3-Clause */
#include "echo-media.h"
#include "rtcp.h"
#include "sdp-text.h"

#include <string.h>

#define MID_URN "urn:ietf:params:rtp-hdrext:sdes:mid"
#define NO_MEDIA G_MAXUINT
#define AMBIGUOUS (G_MAXUINT - 1)

struct WhipEchoMedia {
    const WhipOffer *offer;
    guint transport;
    WhipSsrcMap *ssrcs;
    guint by_format[128]; /* the m-line of a payload type */
    WhipEchoCounts counts;
};

/* ---- what the offer tells ---- */

static void add_offered_ssrcs(WhipEchoMedia *self, guint index)
{
    const WhipMedia *media = whip_offer_media(self->offer, index);
    const char *value;

    for (guint i = 0; (value = gst_sdp_media_get_attribute_val_n(media->sdp, "ssrc", i)); i++) {
        g_auto(GStrv) words = g_strsplit(value, " ", 2);
        guint64 ssrc;
        if (words[0] != NULL && whip_sdp_number(words[0], G_MAXUINT32, &ssrc) && ssrc != 0 &&
            whip_ssrc_map_find(self->ssrcs, (guint32)ssrc) == NULL)
            whip_ssrc_map_add(self->ssrcs, (guint32)ssrc, index);
    }
}

static void add_formats(WhipEchoMedia *self, guint index)
{
    const WhipMedia *media = whip_offer_media(self->offer, index);
    guint64 format;

    for (guint i = 0; i < gst_sdp_media_formats_len(media->sdp); i++)
        if (whip_sdp_number(gst_sdp_media_get_format(media->sdp, i), 127, &format))
            self->by_format[format] = self->by_format[format] == NO_MEDIA ? index : AMBIGUOUS;
}

WhipEchoMedia *whip_echo_media_new(const WhipOffer *offer, guint transport)
{
    WhipEchoMedia *self = g_new0(WhipEchoMedia, 1);

    self->offer = offer;
    self->transport = transport;
    self->ssrcs = whip_ssrc_map_new();
    for (guint i = 0; i < G_N_ELEMENTS(self->by_format); i++)
        self->by_format[i] = NO_MEDIA;
    for (guint i = 0; i < offer->media->len; i++) {
        const WhipMedia *media = whip_offer_media(offer, i);
        if (media->kind == WHIP_MEDIA_RTP && media->transport == transport) {
            add_offered_ssrcs(self, i);
            add_formats(self, i);
        }
    }
    return self;
}

void whip_echo_media_free(WhipEchoMedia *self)
{
    whip_ssrc_map_free(self->ssrcs);
    g_free(self);
}

/* ---- whose packet it is (RFC 9143 section 9.2) ---- */

static guint16 get16(const guint8 *p) { return (guint16)(p[0] << 8 | p[1]); }

static guint32 get32(const guint8 *p) { return (guint32)get16(p) << 16 | get16(p + 2); }

/* The m-line that has this mid and calls the extension by this number. */
static guint media_of_mid(const WhipEchoMedia *self, guint id, const guint8 *mid, gsize len)
{
    for (guint i = 0; i < self->offer->media->len; i++) {
        const WhipMedia *media = whip_offer_media(self->offer, i);
        const char *value;
        if (media->kind != WHIP_MEDIA_RTP || media->transport != self->transport ||
            media->mid == NULL || strlen(media->mid) != len || memcmp(media->mid, mid, len) != 0)
            continue;
        for (guint n = 0; (value = gst_sdp_media_get_attribute_val_n(media->sdp, "extmap", n)); n++)
            if (g_ascii_strtoull(value, NULL, 10) == id && g_str_has_suffix(value, " " MID_URN))
                return i;
    }
    return NO_MEDIA;
}

/* Header extensions of one or of two bytes (RFC 8285 section 4). */
static guint media_of_extensions(const WhipEchoMedia *self, const guint8 *data, gsize len)
{
    gsize at = 12 + 4 * (gsize)(data[0] & 15);

    if (!(data[0] & 0x10) || len < at + 4)
        return NO_MEDIA;
    guint profile = get16(data + at);
    gsize head = profile == 0xbede ? 1 : (profile & 0xfff0) == 0x1000 ? 2 : 0;
    gsize end = at + 4 + 4 * (gsize)get16(data + at + 2);
    if (head == 0 || end > len)
        return NO_MEDIA;
    for (at += 4; at < end;) {
        if (data[at] == 0) {
            at++;
            continue;
        }
        if (at + head > end)
            break;
        guint id = head == 1 ? data[at] >> 4 : data[at];
        gsize size = head == 1 ? (data[at] & 15) + 1u : data[at + 1];
        if ((head == 1 && id == 15) || at + head + size > end)
            break;
        guint media = media_of_mid(self, id, data + at + head, size);
        if (media != NO_MEDIA)
            return media;
        at += head + size;
    }
    return NO_MEDIA;
}

/* The stream of a packet; a new one when an m-line can be found for it. */
static WhipSsrc *find_stream(WhipEchoMedia *self, const guint8 *data, gsize len)
{
    guint32 ssrc = get32(data + 8);
    WhipSsrc *stream = whip_ssrc_map_find(self->ssrcs, ssrc);

    if (stream != NULL)
        return stream;
    guint media = media_of_extensions(self, data, len);
    if (media == NO_MEDIA)
        media = self->by_format[data[1] & 127];
    return media < self->offer->media->len ? whip_ssrc_map_add(self->ssrcs, ssrc, media) : NULL;
}

/* ---- back ---- */

static void echo_rtp(WhipEchoMedia *self, SluiceIceTransport *transport, guint8 *data, gsize len)
{
    WhipSsrc *stream = len >= 12 ? find_stream(self, data, len) : NULL;

    if (stream == NULL) {
        self->counts.unattributed++;
        return;
    }
    const WhipMedia *media = whip_offer_media(self->offer, stream->media);
    whip_ssrc_count(stream, get16(data + 2), len);
    if (!media->sends || !media->receives) {
        self->counts.not_echoed++;
        return;
    }
    data[8] = (guint8)(stream->ours >> 24);
    data[9] = (guint8)(stream->ours >> 16);
    data[10] = (guint8)(stream->ours >> 8);
    data[11] = (guint8)stream->ours;
    if (!sluice_ice_transport_send_rtp(transport, data, len, NULL)) {
        stream->not_sent++;
        self->counts.not_sent++;
    }
}

static guint32 image(guint32 ssrc, gpointer user_data)
{
    return whip_ssrc_map_image(((WhipEchoMedia *)user_data)->ssrcs, ssrc);
}

typedef struct {
    WhipEchoMedia *self;
    guint32 gone[31];
    guint n;
} Byes;

static guint32 image_with_byes(guint32 ssrc, gpointer user_data)
{
    return image(ssrc, ((Byes *)user_data)->self);
}

static void note_bye(guint32 ssrc, gpointer user_data)
{
    Byes *byes = user_data;

    if (byes->n < G_N_ELEMENTS(byes->gone))
        byes->gone[byes->n++] = ssrc;
}

static void echo_rtcp(WhipEchoMedia *self, SluiceIceTransport *transport, guint8 *data, gsize len)
{
    Byes byes = {.self = self};
    SluiceTransport *core = sluice_ice_transport_get_transport(transport);

    self->counts.rtcp_received++;
    gsize n = whip_rtcp_mirror(data, len, image_with_byes, note_bye, &byes);
    if (n > 0 && sluice_ice_transport_send_rtcp(transport, data, n, NULL))
        self->counts.rtcp_sent++;
    /* Who said BYE may come back, a browser that switches a track on again does: its SSRC stays in the map, but needs
     * no keys until then. */
    for (guint i = 0; i < byes.n; i++) {
        sluice_transport_remove_ssrc(core, SLUICE_RECEIVED, byes.gone[i]);
        sluice_transport_remove_ssrc(core, SLUICE_SENT_OUT, image(byes.gone[i], self));
    }
}

void whip_echo_media_receive(WhipEchoMedia *self, SluiceIceTransport *transport, SluiceKind kind,
                             guint8 *data, gsize len)
{
    if (kind == SLUICE_KIND_RTP)
        echo_rtp(self, transport, data, len);
    else if (kind == SLUICE_KIND_RTCP)
        echo_rtcp(self, transport, data, len);
}

const WhipSsrcMap *whip_echo_media_get_ssrcs(const WhipEchoMedia *self) { return self->ssrcs; }

const WhipEchoCounts *whip_echo_media_get_counts(const WhipEchoMedia *self)
{
    return &self->counts;
}
