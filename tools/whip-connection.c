/* SPDX-License-Identifier: BSD-3-Clause */

/* What a client's transport tells, and when the client has had enough. */

#include "whip-client.h"

#define DEFAULT_SECONDS 2
#define REPLIES_US (5 * G_USEC_PER_SEC) /* after the last of --send */
#define LAST_US (G_USEC_PER_SEC / 4)    /* for what is under way when time is over */

/* ------------------------------------------------------------------ deadlines */

void whip_client_arrive(WhipClient *self)
{
    if (self->arrived)
        return;
    self->arrived = TRUE;
    if (--*self->common->waiting == 0)
        *self->common->together_at = g_get_monotonic_time();
}

/* When time is over: so long after it connected, or after the last of all did. */
static gint64 end_of(const WhipClient *self)
{
    const ProbeOptions *o = self->common->options;
    gint64 all = *self->common->together_at;
    int seconds = o->seconds >= 0 ? o->seconds : DEFAULT_SECONDS;

    if (!o->together)
        return self->close_at;
    return all != G_MAXINT64 ? all + seconds * G_USEC_PER_SEC : G_MAXINT64;
}

static gboolean on_look(gpointer user_data)
{
    WhipClient *self = user_data;
    gint64 now = g_get_monotonic_time();
    gboolean limited = self->common->options->send_rtp + self->common->options->send_data > 0;

    if (self->ending)
        return G_SOURCE_CONTINUE;
    if (self->outcome.connected < 0) {
        if (now >= self->deadline)
            whip_client_fail(self, PROBE_EXIT_TIMEOUT, "deadline",
                             self->outcome.path < 0 ? "ICE has found no path in time"
                                                    : "DTLS was not finished in time");
        return G_SOURCE_CONTINUE;
    }
    if (limited && self->common->options->seconds < 0 && whip_traffic_all_sent(self->traffic)) {
        if (self->close_at == G_MAXINT64)
            self->close_at = now + REPLIES_US;
        if (whip_traffic_all_back(self->traffic))
            self->close_at = now;
    }
    if (now >= end_of(self) - LAST_US)
        whip_traffic_stop(self->traffic);
    if (now >= end_of(self))
        whip_client_end(self);
    return G_SOURCE_CONTINUE;
}

void whip_client_start_looking(WhipClient *self, int deadline_ms, guint every_ms)
{
    self->deadline = self->begun + deadline_ms * G_TIME_SPAN_MILLISECOND;
    self->close_at = G_MAXINT64;
    self->look = g_timeout_source_new(every_ms);
    g_source_set_callback(self->look, on_look, self, NULL);
    g_source_attach(self->look, self->context);
}

void whip_client_stop_looking(WhipClient *self)
{
    if (self->look == NULL)
        return;
    g_source_destroy(self->look);
    g_clear_pointer(&self->look, g_source_unref);
}

/* ------------------------------------------------------------------ what the transport tells */

static void show_handshake(WhipClient *self)
{
    SluiceTransport *core = sluice_ice_transport_get_transport(self->transport);
    SluicePeerOffer offer;
    SluiceStats stats;
    const guint8 *der;
    size_t len;

    if (!self->offer_shown && sluice_transport_get_offer(core, &offer) == SLUICE_OK) {
        self->offer_shown = TRUE;
        probe_report_offer(self->common->report, &offer);
    }
    if (!self->selection_shown &&
        sluice_transport_get_stats(core, &stats, sizeof stats) == SLUICE_OK &&
        stats.connected_at != SLUICE_TIME_NEVER) {
        self->selection_shown = TRUE;
        probe_report_selected(self->common->report, &stats);
    }
    if (!self->certificate_shown &&
        sluice_transport_get_remote_certificate(core, &der, &len) == SLUICE_OK) {
        self->certificate_shown = TRUE;
        probe_report_certificate(self->common->report, "remote", der, len,
                                 sluice_transport_get_state(core) >= SLUICE_STATE_CONNECTED
                                     ? PROBE_MATCH_YES
                                     : PROBE_MATCH_UNKNOWN);
    }
}

static void on_event(SluiceIceTransport *transport, const SluiceEvent *event, gpointer user_data)
{
    WhipClient *self = user_data;

    (void)transport;
    if (self->common->quiet)
        return;
    self->common->report->when = event->time;
    if (event->type == SLUICE_EVENT_STATE && event->u.state >= SLUICE_STATE_UNVERIFIED)
        show_handshake(self);
    probe_report_event(self->common->report, event);
    self->common->report->when = SLUICE_TIME_NEVER;
}

static void on_packet(SluiceIceTransport *transport, SluiceKind kind, guint8 *data, gsize len,
                      gpointer user_data)
{
    WhipClient *self = user_data;

    (void)transport;
    if (self->traffic != NULL)
        whip_traffic_receive(self->traffic, kind, data, len);
}

static void on_state(SluiceIceTransport *transport, GParamSpec *pspec, gpointer user_data)
{
    WhipClient *self = user_data;
    const ProbeOptions *o = self->common->options;
    gint64 now = g_get_monotonic_time();

    (void)pspec;
    if (sluice_ice_transport_get_state(transport) != SLUICE_STATE_CONNECTED ||
        self->outcome.connected >= 0 || self->ending)
        return;
    self->outcome.connected = now - self->begun;
    whip_client_arrive(self);
    if (o->seconds >= 0 || o->send_rtp + o->send_data == 0)
        self->close_at = now + (o->seconds >= 0 ? o->seconds : DEFAULT_SECONDS) * G_USEC_PER_SEC;
    whip_traffic_start(self->traffic);
}

void whip_client_show_end(WhipClient *self)
{
    SluiceEnd end;

    if (self->common->quiet || self->end_shown ||
        sluice_transport_get_end(sluice_ice_transport_get_transport(self->transport), &end) !=
            SLUICE_OK)
        return;
    self->end_shown = TRUE;
    probe_report_end(self->common->report, &end);
}

static void on_closed(SluiceIceTransport *transport, const GError *error, gpointer user_data)
{
    WhipClient *self = user_data;
    SluiceEnd end;

    if (sluice_transport_get_end(sluice_ice_transport_get_transport(transport), &end) ==
        SLUICE_OK) {
        whip_client_show_end(self);
        if (end.reason == SLUICE_END_CLOSE_NOTIFY)
            whip_client_fail(self, PROBE_EXIT_FAILURE, "closed", "the server has closed DTLS");
        whip_client_fail(self, probe_exit_of_end(&end), sluice_end_reason_name(end.reason),
                         error->message);
    } else {
        whip_client_fail(self, PROBE_EXIT_FAILURE, "start", error->message);
    }
}

void whip_client_watch(WhipClient *self)
{
    sluice_ice_transport_set_packet_func(self->transport, on_packet, self, NULL);
    sluice_ice_transport_set_event_func(self->transport, on_event, self, NULL);
    g_signal_connect(self->transport, "notify::state", G_CALLBACK(on_state), self);
    g_signal_connect(self->transport, "closed", G_CALLBACK(on_closed), self);
}
