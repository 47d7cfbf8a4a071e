/* SPDX-License-Identifier: BSD-3-Clause */

/* One m-line of an offer. */

#include "offer.h"
#include "refusal.h"
#include "sdp-text.h"

#include <string.h>

#define DEFAULT_MAX_MESSAGE 65536 /* RFC 8841 section 6.1 */

gboolean whip_media_is_off(const GstSDPMedia *media)
{
    return gst_sdp_media_get_port(media) == 0 && !whip_sdp_has(media, "bundle-only");
}

static gboolean read_mid(WhipMedia *self, guint index, GError **error)
{
    self->mid = gst_sdp_media_get_attribute_val(self->sdp, "mid");
    return self->mid == NULL || whip_sdp_token(self->mid, 64) ||
           whip_refuse(error, 400, "The mid of m-line %u is no token.", index + 1);
}

/* The one of four words that the m-line has, else the session; sendrecv if neither does. */
static void read_direction(WhipMedia *self, const GstSDPMessage *sdp)
{
    const char *const words[] = {"inactive", "recvonly", "sendonly", "sendrecv"};

    for (guint i = 0; i < G_N_ELEMENTS(words); i++)
        if (whip_sdp_has(self->sdp, words[i])) {
            self->sends = i >= 2;
            self->receives = i & 1;
            return;
        }
    for (guint n = 0; n < gst_sdp_message_attributes_len(sdp); n++)
        for (guint i = 0; i < G_N_ELEMENTS(words); i++)
            if (g_strcmp0(gst_sdp_message_get_attribute(sdp, n)->key, words[i]) == 0) {
                self->sends = i >= 2;
                self->receives = i & 1;
                return;
            }
    self->sends = self->receives = TRUE;
}

static gboolean read_rtp(WhipMedia *self, guint index, GError **error)
{
    guint n = gst_sdp_media_formats_len(self->sdp);
    guint64 format;
    guint8 seen[128] = {0};

    if (n > WHIP_MAX_FORMATS)
        return whip_refuse(error, 400, "m-line %u has more than %d formats.", index + 1,
                           WHIP_MAX_FORMATS);
    for (guint i = 0; i < n; i++) {
        const char *text = gst_sdp_media_get_format(self->sdp, i);
        if (!whip_sdp_number(text, 127, &format)) {
            g_autofree char *quoted = whip_quote(text);
            return whip_refuse(error, 400, "m-line %u: %s is no RTP payload type.", index + 1,
                               quoted);
        }
        if (seen[format]++)
            return whip_refuse(error, 400, "m-line %u names payload type %s twice.", index + 1,
                               text);
    }
    /* RFC 9725 section 4.4.1: a client of WHIP has to support it, so this end knows nothing else. */
    if (!whip_sdp_has(self->sdp, "rtcp-mux"))
        return whip_refuse(
            error, 400, "m-line %u has no a=rtcp-mux: RTCP on a port of its own is not done here.",
            index + 1);
    self->kind = WHIP_MEDIA_RTP;
    return TRUE;
}

/* m=application 9 UDP/DTLS/SCTP webrtc-datachannel, a=sctp-port:5000, a=max-message-size:262144 (RFC 8841) */
static gboolean read_data(WhipMedia *self, guint index, GError **error)
{
    const char *port = gst_sdp_media_get_attribute_val(self->sdp, "sctp-port");
    const char *size = gst_sdp_media_get_attribute_val(self->sdp, "max-message-size");
    guint64 number = 0;

    self->max_message_size = DEFAULT_MAX_MESSAGE;
    if (size != NULL && !whip_sdp_number(size, G_MAXUINT64, &self->max_message_size))
        return whip_refuse(error, 400, "m-line %u: the max-message-size is no number.", index + 1);
    if (!whip_sdp_number(port, 65535, &number) || number == 0)
        return whip_refuse(error, 400, "m-line %u has no valid a=sctp-port.", index + 1);
    self->sctp_port = (guint)number;
    self->kind = WHIP_MEDIA_DATA;
    return TRUE;
}

/* m=application 9 DTLS/SCTP 5000, a=sctpmap:5000 webrtc-datachannel 1024 (draft-ietf-mmusic-sctp-sdp-07) */
static gboolean read_sctpmap(WhipMedia *self, guint index, GError **error)
{
    const char *map = gst_sdp_media_get_attribute_val(self->sdp, "sctpmap");
    const char *size = gst_sdp_media_get_attribute_val(self->sdp, "max-message-size");
    g_auto(GStrv) words = g_strsplit(map != NULL ? map : "", " ", 3);
    guint64 number = 0;

    self->max_message_size = DEFAULT_MAX_MESSAGE;
    if (size != NULL && !whip_sdp_number(size, G_MAXUINT64, &self->max_message_size))
        return whip_refuse(error, 400, "m-line %u: the max-message-size is no number.", index + 1);
    if (g_strv_length(words) < 2 || !g_str_equal(words[1], "webrtc-datachannel") ||
        g_strcmp0(words[0], gst_sdp_media_get_format(self->sdp, 0)) != 0 ||
        !whip_sdp_number(words[0], 65535, &number) || number == 0)
        return whip_refuse(error, 400,
                           "m-line %u is DTLS/SCTP, but no a=sctpmap says webrtc-datachannel.",
                           index + 1);
    self->sctp_port = (guint)number;
    self->sctpmap = TRUE;
    self->kind = WHIP_MEDIA_DATA;
    return TRUE;
}

gboolean whip_media_read(WhipMedia *self, const GstSDPMessage *sdp, const GstSDPMedia *media,
                         guint index, GError **error)
{
    const char *type = gst_sdp_media_get_media(media);
    const char *proto = gst_sdp_media_get_proto(media);

    self->sdp = media;
    self->kind = WHIP_MEDIA_REFUSED;
    if (type == NULL || proto == NULL || gst_sdp_media_formats_len(media) == 0)
        return whip_refuse(error, 400, "m-line %u is not complete.", index + 1);
    if (!read_mid(self, index, error))
        return FALSE;
    read_direction(self, sdp);
    if (whip_media_is_off(media))
        return TRUE;
    if (g_str_equal(type, "audio") || g_str_equal(type, "video")) {
        /* RFC 9429 section 5.1.2: these and no others mean SRTP with keys from DTLS. */
        if (g_str_equal(proto, "UDP/TLS/RTP/SAVPF") || g_str_equal(proto, "UDP/TLS/RTP/SAVP") ||
            g_str_equal(proto, "TCP/DTLS/RTP/SAVPF") || g_str_equal(proto, "TCP/DTLS/RTP/SAVP"))
            return read_rtp(self, index, error);
        g_autofree char *quoted = whip_quote(proto);
        return whip_refuse(error, 400, "m-line %u is %s, not UDP/TLS/RTP/SAVPF.", index + 1,
                           quoted);
    }
    if (g_str_equal(type, "application")) {
        if (g_str_equal(proto, "DTLS/SCTP"))
            return read_sctpmap(self, index, error);
        if ((g_str_equal(proto, "UDP/DTLS/SCTP") || g_str_equal(proto, "TCP/DTLS/SCTP")) &&
            g_strcmp0(gst_sdp_media_get_format(media, 0), "webrtc-datachannel") == 0)
            return read_data(self, index, error);
    }
    return TRUE; /* of another world: refused in the answer, which is not an error (RFC 3264 section 6) */
}
