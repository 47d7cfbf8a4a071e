/* SPDX-License-Identifier: BSD-3-Clause */

/* The figures of a session, under the names of W3C webrtc-stats where these have one. */

#include "session-private.h"

static void begin_object(JsonBuilder *b, const char *name)
{
    json_builder_set_member_name(b, name);
    json_builder_begin_object(b);
}

static void begin_array(JsonBuilder *b, const char *name)
{
    json_builder_set_member_name(b, name);
    json_builder_begin_array(b);
}

static void add_time(const WhipSession *self, JsonBuilder *b, const char *name, SluiceTime at)
{
    if (at > 0 && at != SLUICE_TIME_NEVER)
        whip_json_ms(b, name, at / 1000 - self->phases.offered);
}

/* Milliseconds since the offer came. */
static void add_phases(WhipSession *self, JsonBuilder *b)
{
    const WhipPhases *p = &self->phases;

    begin_object(b, "phases");
    if (p->answered != 0)
        whip_json_ms(b, "answered", p->answered - p->offered);
    if (p->ice != 0)
        whip_json_ms(b, "ice", p->ice - p->offered);
    if (self->transports->len > 0) {
        SluiceStats stats;
        const WhipTransport *transport = g_ptr_array_index(self->transports, 0);
        sluice_ice_transport_read_stats(whip_transport_get_dtls(transport), &stats, NULL);
        add_time(self, b, "dtlsStarted", stats.started_at);
        add_time(self, b, "clientHello", stats.client_hello_at);
        add_time(self, b, "certificate", stats.certificate_at);
        add_time(self, b, "dtlsFinished", stats.finished_at);
        add_time(self, b, "keys", stats.connected_at);
    }
    if (p->connected != 0)
        whip_json_ms(b, "connected", p->connected - p->offered);
    json_builder_end_object(b);
}

static void add_streams(WhipSession *self, const WhipTransport *transport, JsonBuilder *b)
{
    GPtrArray *all =
        whip_ssrc_map_all(whip_echo_media_get_ssrcs(whip_transport_get_echo(transport)));

    begin_array(b, "streams");
    for (guint i = 0; i < all->len; i++) {
        const WhipSsrc *s = g_ptr_array_index(all, i);
        const WhipMedia *media = whip_offer_media(self->offer, s->media);
        json_builder_begin_object(b);
        whip_json_string(b, "mid", media->mid);
        whip_json_string(b, "kind", gst_sdp_media_get_media(media->sdp));
        whip_json_int(b, "ssrc", s->theirs);
        whip_json_int(b, "echoSsrc", s->ours);
        whip_json_int(b, "packetsReceived", (gint64)s->reception.packets);
        whip_json_int(b, "bytesReceived", (gint64)s->reception.bytes);
        whip_json_int(b, "packetsLost", (gint64)whip_reception_lost(&s->reception));
        whip_json_int(b, "notSent", (gint64)s->not_sent);
        json_builder_end_object(b);
    }
    json_builder_end_array(b);
}

static void add_echo(const WhipTransport *transport, JsonBuilder *b)
{
    const WhipEchoCounts *c = whip_echo_media_get_counts(whip_transport_get_echo(transport));
    const WhipDataCounts *d = whip_transport_get_data(transport);

    whip_json_int(b, "rtcpPacketsReceived", (gint64)c->rtcp_received);
    whip_json_int(b, "rtcpPacketsSent", (gint64)c->rtcp_sent);
    whip_json_int(b, "rtpUnattributed", (gint64)c->unattributed);
    whip_json_int(b, "rtpNotEchoed", (gint64)c->not_echoed);
    whip_json_int(b, "pliCount", (gint64)c->key_frames_wanted);
    if (d == NULL)
        return;
    begin_object(b, "data");
    whip_json_int(b, "dataChannelsOpen", d->open);
    whip_json_int(b, "dataChannelsOpened", (gint64)d->opened);
    whip_json_int(b, "messagesReceived", (gint64)d->messages);
    whip_json_int(b, "bytesReceived", (gint64)d->bytes);
    whip_json_int(b, "messagesNotEchoed", (gint64)d->not_echoed);
    json_builder_end_object(b);
}

static void add_transport(WhipSession *self, const WhipTransport *transport, JsonBuilder *b)
{
    g_autoptr(GVariant) stats = sluice_ice_transport_get_stats(whip_transport_get_dtls(transport));
    g_autofree char *local = NULL, *remote = NULL;

    json_builder_begin_object(b);
    if (whip_ice_get_path(self->ice, whip_transport_get_index(transport), &local, &remote)) {
        whip_json_string(b, "local", local);
        whip_json_string(b, "remote", remote);
    }
    json_builder_set_member_name(b, "stats");
    json_builder_add_value(b, json_gvariant_serialize(stats));
    add_streams(self, transport, b);
    add_echo(transport, b);
    json_builder_end_object(b);
}

void whip_session_add_stats(WhipSession *self, JsonBuilder *b)
{
    json_builder_begin_object(b);
    whip_json_string(b, "session", self->name);
    whip_json_ms(b, "ageMs", g_get_monotonic_time() - self->phases.offered);
    whip_json_int(b, "iceRestarts", self->restarts);
    add_phases(self, b);
    begin_array(b, "transports");
    for (guint i = 0; i < self->transports->len; i++)
        add_transport(self, g_ptr_array_index(self->transports, i), b);
    json_builder_end_array(b);
    json_builder_end_object(b);
}
