/* SPDX-License-Identifier: BSD-3-Clause */
#include "echo-media.h"
#include "report.h"
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
    guint clocks[128];    /* 0: unknown */
    guint32 reporter;     /* our SSRC where we are nothing but a receiver */
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

/* "96 VP8/90000". In a bundle a number means the same at every m-line (RFC 9143 section 9.1). */
static void add_clocks(WhipEchoMedia *self, guint index)
{
    const WhipMedia *media = whip_offer_media(self->offer, index);
    const char *value;

    for (guint i = 0; (value = gst_sdp_media_get_attribute_val_n(media->sdp, "rtpmap", i)); i++) {
        guint64 format = g_ascii_strtoull(value, NULL, 10);
        const char *clock = strchr(value, '/');
        if (format < G_N_ELEMENTS(self->clocks) && clock != NULL)
            self->clocks[format] = (guint)MIN(g_ascii_strtoull(clock + 1, NULL, 10), 1000000);
    }
}

WhipEchoMedia *whip_echo_media_new(const WhipOffer *offer, guint transport)
{
    WhipEchoMedia *self = g_new0(WhipEchoMedia, 1);

    self->offer = offer;
    self->transport = transport;
    self->ssrcs = whip_ssrc_map_new();
    self->reporter = g_random_int() | 1;
    for (guint i = 0; i < G_N_ELEMENTS(self->by_format); i++)
        self->by_format[i] = NO_MEDIA;
    for (guint i = 0; i < offer->media->len; i++) {
        const WhipMedia *media = whip_offer_media(offer, i);
        if (media->kind == WHIP_MEDIA_RTP && media->transport == transport) {
            add_offered_ssrcs(self, i);
            add_formats(self, i);
            add_clocks(self, i);
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

/* ---- what goes one way only ---- */

static gboolean goes_back(const WhipMedia *media) { return media->sends && media->receives; }

gboolean whip_echo_media_is_receiver(const WhipEchoMedia *self)
{
    for (guint i = 0; i < self->offer->media->len; i++) {
        const WhipMedia *media = whip_offer_media(self->offer, i);
        if (media->kind == WHIP_MEDIA_RTP && media->transport == self->transport && media->sends &&
            !media->receives)
            return TRUE;
    }
    return FALSE;
}

/* A picture that would have to be decoded, in whatever wrapping: not a retransmission or other repair. */
static gboolean needs_key_frames(const WhipMedia *media, guint format)
{
    g_autofree char *prefix = g_strdup_printf("%u ", format);
    gsize skip = strlen(prefix);
    const char *value;
    gboolean repairs = FALSE, asked = FALSE;

    if (!g_str_equal(gst_sdp_media_get_media(media->sdp), "video"))
        return FALSE;
    for (guint i = 0; (value = gst_sdp_media_get_attribute_val_n(media->sdp, "rtpmap", i)); i++)
        repairs |= g_str_has_prefix(value, prefix) &&
                   (g_ascii_strncasecmp(value + skip, "rtx/", 4) == 0 ||
                    g_ascii_strncasecmp(value + skip, "ulpfec/", 7) == 0 ||
                    g_ascii_strncasecmp(value + skip, "flexfec", 7) == 0);
    for (guint i = 0; (value = gst_sdp_media_get_attribute_val_n(media->sdp, "rtcp-fb", i)); i++)
        asked |= g_str_has_suffix(value, " nack pli");
    return asked && !repairs;
}

static void note_new_stream(WhipEchoMedia *self, WhipSsrc *stream, guint format)
{
    const WhipMedia *media = whip_offer_media(self->offer, stream->media);

    if (stream->reception.packets == 1 && !goes_back(media))
        stream->is_picture = stream->key_frame_wanted = needs_key_frames(media, format);
}

void whip_echo_media_report(WhipEchoMedia *self, SluiceIceTransport *transport)
{
    GPtrArray *all = whip_ssrc_map_all(self->ssrcs);
    WhipReport report;

    whip_report_begin(&report, self->reporter);
    for (guint i = 0; i < all->len; i++) {
        WhipSsrc *stream = g_ptr_array_index(all, i);
        if (goes_back(whip_offer_media(self->offer, stream->media)) || !stream->reception.heard)
            continue;
        guint64 lost = whip_report_add(&report, stream->theirs, &stream->reception);
        if (stream->is_picture && lost > 0)
            stream->key_frame_wanted = TRUE;
        if (!stream->key_frame_wanted || !whip_report_want_key_frame(&report, stream->theirs))
            continue;
        stream->key_frame_wanted = FALSE;
        self->counts.key_frames_wanted++;
    }
    gsize len = whip_report_end(&report);
    if (len > 0 && sluice_ice_transport_send_rtcp(transport, report.data, len, NULL))
        self->counts.rtcp_sent++;
}

static void note_sender_report(guint32 ssrc, const guint8 *ntp, gpointer user_data)
{
    WhipSsrc *stream = whip_ssrc_map_find(((WhipEchoMedia *)user_data)->ssrcs, ssrc);

    if (stream != NULL)
        whip_reception_note_sender_report(&stream->reception, ntp, g_get_monotonic_time());
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
    whip_reception_note(&stream->reception, data, len, self->clocks[data[1] & 127],
                        g_get_monotonic_time());
    note_new_stream(self, stream, data[1] & 127);
    if (!goes_back(media)) {
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
    whip_rtcp_each_sender_report(data, len, note_sender_report, self);
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
