/* SPDX-License-Identifier: BSD-3-Clause */

/* The offer of a client, and what its answer says. */

#include "whip-probe.h"

#include "sctp.h"
#include "sdp-text.h"

#include <string.h>

#define SCTP_PORT "5000"

static const struct {
    const char *media, *proto, *format;
    const char *attributes[6]; /* name and value by turns */
} lines[WHIP_N_LINES] = {
    [WHIP_AUDIO] = {"audio",
                    "UDP/TLS/RTP/SAVPF",
                    "111",
                    {"rtpmap", "111 opus/48000/2", "fmtp", "111 minptime=10;useinbandfec=1"}},
    [WHIP_VIDEO] = {"video",
                    "UDP/TLS/RTP/SAVPF",
                    "96",
                    {"rtpmap", "96 VP8/90000", "rtcp-fb", "96 nack pli", "rtcp-rsize", NULL}},
    [WHIP_DATA] = {"application",
                   "UDP/DTLS/SCTP",
                   "webrtc-datachannel",
                   {"sctp-port", SCTP_PORT, "max-message-size",
                    G_STRINGIFY(WHIP_SCTP_MAX_MESSAGE)}},
};

/* ------------------------------------------------------------------ the offer */

static const char *setup_of(SluiceRole role)
{
    return role == SLUICE_ROLE_CLIENT   ? "active"
           : role == SLUICE_ROLE_SERVER ? "passive"
                                        : "actpass";
}

static void add_transport(GstSDPMedia *media, const WhipDescription *self, WhipIce *ice,
                          gboolean tagged)
{
    char *ufrag = NULL, *pwd = NULL;
    char **candidates;

    whip_ice_get_credentials(ice, 0, &ufrag, &pwd);
    gst_sdp_media_add_attribute(media, "ice-ufrag", ufrag);
    gst_sdp_media_add_attribute(media, "ice-pwd", pwd);
    gst_sdp_media_add_attribute(media, "fingerprint", self->fingerprint);
    gst_sdp_media_add_attribute(media, "setup", setup_of(self->role));
    g_free(ufrag);
    g_free(pwd);
    if (!tagged)
        return;
    candidates = whip_ice_get_candidates(ice, 0);
    for (char **line = candidates; *line != NULL; line++)
        if (g_str_has_prefix(*line, "candidate:"))
            gst_sdp_media_add_attribute(media, "candidate", *line + strlen("candidate:"));
    gst_sdp_media_add_attribute(media, "end-of-candidates", NULL);
    g_strfreev(candidates);
}

static void add_address(GstSDPMedia *media, WhipIce *ice)
{
    char *address = NULL;
    guint port = 9;
    const char *type;

    if (!whip_ice_get_default(ice, 0, &address, &port))
        address = g_strdup("0.0.0.0");
    type = strchr(address, ':') != NULL ? "IP6" : "IP4";
    gst_sdp_media_set_port_info(media, port, 1);
    gst_sdp_media_add_connection(media, "IN", type, address, 0, 0);
    g_free(address);
}

static void add_rtp(GstSDPMedia *media, const WhipDescription *self, WhipLine line)
{
    char *cname = g_strdup_printf("%u cname:rtcprobe", self->ssrcs[line]);
    char *msid = g_strdup_printf("rtcprobe %s", lines[line].media);

    gst_sdp_media_add_attribute(media, "sendrecv", NULL);
    gst_sdp_media_add_attribute(media, "rtcp-mux", NULL);
    gst_sdp_media_add_attribute(media, "msid", msid);
    gst_sdp_media_add_attribute(media, "ssrc", cname);
    g_free(cname);
    g_free(msid);
}

static void add_line(GstSDPMessage *sdp, const WhipDescription *self, WhipIce *ice, WhipLine line)
{
    gboolean tagged = gst_sdp_message_medias_len(sdp) == 0;
    const char *const *attributes = lines[line].attributes;
    GstSDPMedia *media;

    gst_sdp_media_new(&media);
    gst_sdp_media_set_media(media, lines[line].media);
    gst_sdp_media_set_proto(media, lines[line].proto);
    gst_sdp_media_add_format(media, lines[line].format);
    add_address(media, ice);
    gst_sdp_media_add_attribute(media, "mid", lines[line].media);
    add_transport(media, self, ice, tagged);
    if (line != WHIP_DATA)
        add_rtp(media, self, line);
    for (gsize i = 0; i < G_N_ELEMENTS(lines[line].attributes) && attributes[i] != NULL; i += 2)
        gst_sdp_media_add_attribute(media, attributes[i], attributes[i + 1]);
    gst_sdp_message_add_media(sdp, media); /* takes it over */
    gst_sdp_media_free(media);
}

char *whip_description_offer(const WhipDescription *self, WhipIce *ice)
{
    GString *bundle = g_string_new("BUNDLE");
    char *id = g_strdup_printf("%u", g_random_int());
    GstSDPMessage *sdp;
    char *text;

    gst_sdp_message_new(&sdp);
    gst_sdp_message_set_version(sdp, "0");
    gst_sdp_message_set_origin(sdp, "-", id, "1", "IN", "IP4", "127.0.0.1");
    gst_sdp_message_set_session_name(sdp, "-");
    gst_sdp_message_add_time(sdp, "0", "0", NULL);
    for (guint i = 0; i < WHIP_N_LINES; i++)
        if (self->lines & 1u << i)
            g_string_append_printf(bundle, " %s", lines[i].media);
    gst_sdp_message_add_attribute(sdp, "group", bundle->str);
    for (guint i = 0; i < WHIP_N_LINES; i++)
        if (self->lines & 1u << i)
            add_line(sdp, self, ice, (WhipLine)i);
    text = gst_sdp_message_as_text(sdp);
    gst_sdp_message_free(sdp);
    g_string_free(bundle, TRUE);
    g_free(id);
    return text;
}

/* ------------------------------------------------------------------ the answer */

static GError *wrong(const char *what)
{
    return g_error_new(g_quark_from_static_string("rtcprobe"), PROBE_EXIT_FAILURE, "The answer %s.",
                       what);
}

/* What contradicts the offer (RFC 3264 section 6, RFC 8842 section 5.3). */
static const char *find_fault(const WhipDescription *self, const WhipOffer *answer)
{
    SluiceRole role;
    guint n = 0;

    for (guint i = 0; i < WHIP_N_LINES; i++)
        n += self->lines >> i & 1;
    if (answer->media->len != n)
        return "has another number of m-lines than the offer";
    if (answer->transports->len != 1)
        return "does not bundle the m-lines";
    role = whip_offer_transport(answer, 0)->role;
    if (role == SLUICE_ROLE_AUTO)
        return "says neither setup:active nor setup:passive";
    if (self->role != SLUICE_ROLE_AUTO && role != self->role)
        return "takes the DTLS role that the offer took";
    return NULL;
}

WhipOffer *whip_description_answer(const WhipDescription *self, const char *text, gsize len,
                                   guint *accepted, GError **error)
{
    WhipOffer *answer = whip_offer_parse(text, len, error);
    const char *fault = answer != NULL ? find_fault(self, answer) : NULL;
    guint at = 0;

    if (fault != NULL) {
        g_propagate_error(error, wrong(fault));
        g_clear_pointer(&answer, whip_offer_free);
    }
    if (answer == NULL)
        return NULL;
    *accepted = 0;
    for (guint i = 0; i < WHIP_N_LINES; i++)
        if (self->lines & 1u << i && whip_offer_media(answer, at++)->kind != WHIP_MEDIA_REFUSED)
            *accepted |= 1u << i;
    return answer;
}
