/* SPDX-License-Identifier: BSD-3-Clause */
#include "answer.h"
#include "sctp.h"
#include "sdp-text.h"

#include <string.h>

static void add(GstSDPMedia *media, const char *name, const char *value)
{
    gst_sdp_media_add_attribute(media, name, value);
}

static void add_number(GstSDPMedia *media, const char *name, guint number)
{
    g_autofree char *text = g_strdup_printf("%u", number);

    add(media, name, text);
}

/* ---- transport ---- */

static void add_ice(GstSDPMedia *media, const WhipAnswerTransport *t)
{
    add(media, "ice-ufrag", t->ufrag);
    add(media, "ice-pwd", t->pwd);
}

static void add_candidates(GstSDPMedia *media, const WhipAnswerTransport *t)
{
    for (char **line = t->candidates; *line != NULL; line++)
        if (g_str_has_prefix(*line, "candidate:"))
            add(media, "candidate", *line + strlen("candidate:"));
    add(media, "end-of-candidates", NULL);
}

static const char *setup_name(SluiceRole role)
{
    return role == SLUICE_ROLE_CLIENT   ? "active"
           : role == SLUICE_ROLE_SERVER ? "passive"
                                        : "actpass";
}

/* RFC 9143 section 7.3 wants these in the tagged m-line alone; browsers write and read them in each, and some clients need
 * them there. The candidates are in the tagged one. */
static void add_transport(GstSDPMedia *media, const WhipOffer *offer, const WhipMedia *m,
                          const WhipAnswerTransport *t, guint index)
{
    const WhipOfferTransport *offered = whip_offer_transport(offer, m->transport);

    add_ice(media, t);
    add(media, "fingerprint", t->fingerprint);
    add(media, "setup", setup_name(t->role));
    if (offered->tls_id) {
        g_autofree char *id = g_uuid_string_random(); /* of token characters, and long enough */
        add(media, "tls-id", id);
    }
    if (offered->media == index)
        add_candidates(media, t);
}

static void set_address(GstSDPMedia *media, const WhipAnswerTransport *t)
{
    gboolean six = t->address != NULL && strchr(t->address, ':') != NULL;

    gst_sdp_media_set_port_info(media, t->address != NULL ? t->port : 9, 1);
    gst_sdp_media_add_connection(media, "IN", six ? "IP6" : "IP4",
                                 t->address != NULL ? t->address : "0.0.0.0", 0, 0);
}

/* ---- RTP ---- */

/* An earlier m-line of the same transport means something else by the number, which RFC 9143 section 7.1.3.1 forbids and
 * aiortc does: who offers that cannot tell the two apart when they come back. */
static gboolean is_taken(const WhipOffer *offer, guint index, const char *value)
{
    const WhipMedia *m = whip_offer_media(offer, index);
    guint64 id = g_ascii_strtoull(value, NULL, 10);

    for (guint i = 0; i < index; i++) {
        const WhipMedia *other = whip_offer_media(offer, i);
        const char *theirs;
        if (other->kind != WHIP_MEDIA_RTP || other->transport != m->transport)
            continue;
        for (guint n = 0;
             (theirs = gst_sdp_media_get_attribute_val_n(other->sdp, "extmap", n)) != NULL; n++)
            if (g_ascii_strtoull(theirs, NULL, 10) == id &&
                g_strcmp0(strchr(theirs, ' '), strchr(value, ' ')) != 0)
                return TRUE;
    }
    return FALSE;
}

/* Header extensions by their number, as packets go back as they came. Not those of streams that the answer does not take
 * (simulcast), nor encrypted ones, nor those of one direction. */
static gboolean takes_extension(const WhipOffer *offer, guint index, const char *value)
{
    const char *name = strchr(value, ' ');

    return name != NULL && strstr(name, "rtp-stream-id") == NULL &&
           strstr(name, "rtp-hdrext:encrypt") == NULL &&
           memchr(value, '/', (gsize)(name - value)) == NULL && !is_taken(offer, index, value);
}

/* Where nothing goes back there are receiver reports; of the times at which each packet came (transport-wide-cc), and of
 * a rate that we would estimate (REMB), nothing is said. */
static gboolean is_rate_feedback(const char *value)
{
    return strstr(value, "transport-wide-cc-extensions") != NULL ||
           g_str_has_suffix(value, " transport-cc") || g_str_has_suffix(value, " goog-remb");
}

static void copy_attributes(GstSDPMedia *media, const WhipOffer *offer, guint index)
{
    const char *const names[] = {
        "rtpmap", "fmtp", "rtcp-fb", "ptime", "maxptime", "rtcp-rsize", "extmap-allow-mixed", NULL};
    const WhipMedia *m = whip_offer_media(offer, index);

    for (guint i = 0; i < gst_sdp_media_attributes_len(m->sdp); i++) {
        const GstSDPAttribute *a = gst_sdp_media_get_attribute(m->sdp, i);
        if (!m->receives && a->value != NULL && is_rate_feedback(a->value))
            continue;
        if (g_strv_contains(names, a->key) || (g_str_equal(a->key, "extmap") && a->value != NULL &&
                                               takes_extension(offer, index, a->value)))
            add(media, a->key, a->value);
    }
}

/* "FID 1 2": the same, of the SSRCs that are sent in their place. */
static void add_group(GstSDPMedia *media, const WhipSsrcMap *ssrcs, const char *value)
{
    g_auto(GStrv) words = g_strsplit(value, " ", -1);
    g_autoptr(GString) group = g_string_new(words[0]);
    guint64 ssrc;

    if (!whip_sdp_token(words[0], 32) || g_str_equal(words[0], "SIM"))
        return;
    for (char **word = words + 1; *word != NULL; word++) {
        const WhipSsrc *entry = whip_sdp_number(*word, G_MAXUINT32, &ssrc)
                                    ? whip_ssrc_map_find(ssrcs, (guint32)ssrc)
                                    : NULL;
        if (entry == NULL)
            return;
        g_string_append_printf(group, " %u", entry->ours);
    }
    add(media, "ssrc-group", group->str);
}

static void add_ssrcs(GstSDPMedia *media, const WhipMedia *m, const WhipSsrcMap *ssrcs, guint index)
{
    GPtrArray *all = whip_ssrc_map_all(ssrcs);
    g_autofree char *track = g_strdup_printf("echo echo-%u", index);
    const char *value;

    add(media, "msid", track);
    for (guint i = 0; (value = gst_sdp_media_get_attribute_val_n(m->sdp, "ssrc-group", i)); i++)
        add_group(media, ssrcs, value);
    for (guint i = 0; i < all->len; i++) {
        const WhipSsrc *entry = g_ptr_array_index(all, i);
        if (entry->media != index)
            continue;
        g_autofree char *cname = g_strdup_printf("%u cname:echo", entry->ours);
        g_autofree char *msid = g_strdup_printf("%u msid:%s", entry->ours, track);
        add(media, "ssrc", cname);
        add(media, "ssrc", msid);
    }
}

static void answer_rtp(GstSDPMedia *media, const WhipOffer *offer, const WhipSsrcMap *ssrcs,
                       guint index)
{
    const WhipMedia *m = whip_offer_media(offer, index);
    gboolean back = m->sends && m->receives;

    for (guint i = 0; i < gst_sdp_media_formats_len(m->sdp); i++)
        gst_sdp_media_add_format(media, gst_sdp_media_get_format(m->sdp, i));
    add(media, back ? "sendrecv" : m->sends ? "recvonly" : "inactive", NULL);
    add(media, "rtcp-mux", NULL);
    copy_attributes(media, offer, index);
    if (back)
        add_ssrcs(media, m, ssrcs, index);
}

/* ---- data ---- */

static void answer_data(GstSDPMedia *media, const WhipMedia *m)
{
    g_autofree char *port = g_strdup_printf("%d", WHIP_SCTP_PORT);

    if (m->sctpmap) {
        g_autofree char *map = g_strdup_printf("%s webrtc-datachannel %d", port, WHIP_SCTP_STREAMS);
        gst_sdp_media_add_format(media, port);
        add(media, "sctpmap", map);
    } else {
        gst_sdp_media_add_format(media, "webrtc-datachannel");
        add(media, "sctp-port", port);
    }
    add_number(media, "max-message-size", WHIP_SCTP_MAX_MESSAGE);
}

/* ---- together ---- */

static void refuse(GstSDPMedia *media, const WhipMedia *m)
{
    gst_sdp_media_set_port_info(media, 0, 1);
    gst_sdp_media_add_connection(media, "IN", "IP4", "0.0.0.0", 0, 0);
    for (guint i = 0; i < gst_sdp_media_formats_len(m->sdp); i++)
        gst_sdp_media_add_format(media, gst_sdp_media_get_format(m->sdp, i));
    if (m->mid != NULL)
        add(media, "mid", m->mid);
    add(media, "inactive", NULL);
}

static void add_media(GstSDPMessage *sdp, const WhipOffer *offer,
                      const WhipAnswerTransport *transports, guint index)
{
    const WhipMedia *m = whip_offer_media(offer, index);
    GstSDPMedia *media;

    gst_sdp_media_new(&media);
    gst_sdp_media_set_media(media, gst_sdp_media_get_media(m->sdp));
    gst_sdp_media_set_proto(media, gst_sdp_media_get_proto(m->sdp));
    if (m->kind == WHIP_MEDIA_REFUSED) {
        refuse(media, m);
    } else {
        const WhipAnswerTransport *t = &transports[m->transport];
        set_address(media, t);
        if (m->mid != NULL)
            add(media, "mid", m->mid);
        add_transport(media, offer, m, t, index);
        if (m->kind == WHIP_MEDIA_RTP)
            answer_rtp(media, offer, t->ssrcs, index);
        else
            answer_data(media, m);
    }
    gst_sdp_message_add_media(sdp, media);
    gst_sdp_media_free(media);
}

/* A group for each transport that had one: the m-lines of it that are accepted. */
static void add_groups(GstSDPMessage *sdp, const WhipOffer *offer)
{
    for (guint t = 0; t < offer->transports->len; t++) {
        g_autoptr(GString) group = g_string_new("BUNDLE");
        const WhipOfferTransport *transport = whip_offer_transport(offer, t);
        if (!transport->bundle)
            continue;
        /* The one that spoke for all in the offer does so in the answer. */
        g_string_append_printf(group, " %s", whip_offer_media(offer, transport->media)->mid);
        for (guint i = 0; i < offer->media->len; i++) {
            const WhipMedia *m = whip_offer_media(offer, i);
            if (m->kind != WHIP_MEDIA_REFUSED && m->transport == t && i != transport->media)
                g_string_append_printf(group, " %s", m->mid);
        }
        gst_sdp_message_add_attribute(sdp, "group", group->str);
    }
}

char *whip_answer_make(const WhipOffer *offer, const WhipAnswerTransport *transports, gboolean lite)
{
    GstSDPMessage *sdp;
    g_autofree char *id =
        g_strdup_printf("%" G_GUINT64_FORMAT, ((guint64)g_random_int() << 31) | g_random_int());

    gst_sdp_message_new(&sdp);
    gst_sdp_message_set_version(sdp, "0");
    gst_sdp_message_set_origin(sdp, "-", id, "1", "IN", "IP4", "127.0.0.1");
    gst_sdp_message_set_session_name(sdp, "-");
    gst_sdp_message_add_time(sdp, "0", "0", NULL);
    add_groups(sdp, offer);
    if (lite)
        gst_sdp_message_add_attribute(sdp, "ice-lite", NULL);
    gst_sdp_message_add_attribute(sdp, "ice-options", "trickle");
    gst_sdp_message_add_attribute(sdp, "msid-semantic", " WMS echo");
    for (guint i = 0; i < offer->media->len; i++)
        add_media(sdp, offer, transports, i);
    char *text = gst_sdp_message_as_text(sdp);
    gst_sdp_message_free(sdp);
    return text;
}

char *whip_answer_make_fragment(const WhipOffer *offer, const WhipAnswerTransport *transports,
                                gboolean lite)
{
    GString *text = g_string_new(lite ? "a=ice-lite\r\n" : NULL);

    g_string_append(text, "a=ice-options:trickle\r\n");
    for (guint i = 0; i < offer->transports->len; i++) {
        const WhipMedia *m = whip_offer_media(offer, whip_offer_transport(offer, i)->media);
        GstSDPMedia *media;
        gst_sdp_media_new(&media);
        gst_sdp_media_set_media(media, gst_sdp_media_get_media(m->sdp));
        gst_sdp_media_set_proto(media, gst_sdp_media_get_proto(m->sdp));
        gst_sdp_media_set_port_info(media, 9, 1);
        gst_sdp_media_add_format(media, gst_sdp_media_get_format(m->sdp, 0));
        add(media, "mid", m->mid != NULL ? m->mid : "0");
        add_ice(media, &transports[i]);
        add_candidates(media, &transports[i]);
        g_autofree char *lines = gst_sdp_media_as_text(media);
        g_string_append(text, lines);
        gst_sdp_media_free(media);
    }
    return g_string_free(text, FALSE);
}

void whip_answer_transport_clear(WhipAnswerTransport *self)
{
    g_free(self->ufrag);
    g_free(self->pwd);
    g_strfreev(self->candidates);
    g_free(self->address);
    g_free(self->fingerprint);
}
