/* SPDX-License-Identifier: BSD-3-Clause */

/* One client, from its offer to its DELETE. HTTP runs in the default context, all else in a context of the driver; both in
 * one thread, so that a call from the one into the other is only put off. */

#include "whip-client.h"

#include <string.h>

#define DEFAULT_DEADLINE_MS 30000
#define LOOK_MS 100
#define LOOK_MANY_MS 500

static const WhipIceFuncs ice_funcs;

static gint64 since(const WhipClient *self) { return g_get_monotonic_time() - self->begun; }

/* ------------------------------------------------------------------ from context to context */

static void in_context(WhipClient *self, SluiceIceDriverFunc func)
{
    sluice_ice_driver_invoke(self->common->driver, self->context, func, self, NULL);
}

/* Of the driver's priority: one that is lower would wait while other clients are busy. */
static void in_default(WhipClient *self, GSourceFunc func)
{
    g_idle_add_full(G_PRIORITY_DEFAULT, func, self, NULL);
}

/* ------------------------------------------------------------------ the end */

static gboolean tell_ended(gpointer user_data)
{
    WhipClient *self = user_data;

    self->ended(self, &self->outcome, self->user_data);
    g_free(self->outcome.what);
    g_free(self->outcome.sentence);
    g_free(self->location);
    g_free(self->offer);
    g_clear_pointer(&self->reply, g_bytes_unref);
    g_main_context_unref(self->context);
    g_free(self);
    return G_SOURCE_REMOVE;
}

static void vanish(gpointer data, gpointer user_data)
{
    WhipClient *self = user_data;

    (void)data;
    sluice_ice_driver_remove_context(self->common->driver, self->context);
    in_default(self, tell_ended);
}

static void note_counts(WhipClient *self)
{
    if (self->traffic == NULL)
        return;
    self->outcome.counts = *whip_traffic_counts(self->traffic);
    self->outcome.counts.data_seen = NULL;
    for (guint i = 0; i < WHIP_N_RTP; i++)
        self->outcome.counts.rtp[i].seen = NULL;
    self->outcome.all_back = whip_traffic_all_back(self->traffic);
}

static void drop_transport(WhipClient *self)
{
    if (self->transport == NULL)
        return;
    sluice_ice_transport_close(self->transport);
    whip_client_show_end(self);
    sluice_ice_transport_read_stats(self->transport, &self->outcome.stats, NULL);
    g_signal_handlers_disconnect_by_data(self->transport, self);
    sluice_ice_transport_set_packet_func(self->transport, NULL, NULL, NULL);
    sluice_ice_transport_set_event_func(self->transport, NULL, NULL, NULL);
    g_clear_object(&self->transport);
}

static void take_down(GMainContext *context, gpointer user_data)
{
    WhipClient *self = user_data;

    (void)context;
    whip_client_stop_looking(self);
    note_counts(self);
    g_clear_pointer(&self->traffic, whip_traffic_free);
    drop_transport(self);
    if (self->ice != NULL)
        whip_ice_free(self->ice, vanish, self);
    else
        vanish(NULL, self);
}

static void on_deleted(guint status, const char *location, GBytes *body, const GError *error,
                       gpointer user_data)
{
    WhipClient *self = user_data;

    (void)location, (void)body;
    if (error == NULL)
        self->outcome.deleted = since(self);
    if (!self->common->quiet)
        whip_report_http(self->common->report, "DELETE", status, since(self));
    if (status / 100 != 2 && self->outcome.status == PROBE_EXIT_OK && self->outcome.what == NULL) {
        self->outcome.status = PROBE_EXIT_FAILURE;
        self->outcome.what = g_strdup("delete");
        self->outcome.sentence = g_strdup_printf("DELETE was answered with %u", status);
    }
    in_context(self, take_down);
}

static gboolean send_delete(gpointer user_data)
{
    WhipClient *self = user_data;

    if (self->posting) /* the answer to the offer says what to delete */
        return G_SOURCE_REMOVE;
    if (self->location != NULL)
        whip_http_delete(self->common->http, self->location, on_deleted, self);
    else
        in_context(self, take_down);
    return G_SOURCE_REMOVE;
}

void whip_client_end(WhipClient *self)
{
    if (self->ending)
        return;
    self->ending = TRUE;
    whip_client_arrive(self);
    if (self->traffic != NULL)
        whip_traffic_stop(self->traffic);
    in_default(self, send_delete);
}

void whip_client_fail(WhipClient *self, ProbeExit status, const char *what, const char *sentence)
{
    if (self->ending)
        return;
    self->outcome.status = status;
    self->outcome.what = g_strdup(what);
    self->outcome.sentence = g_strdup(sentence);
    whip_client_end(self);
}

static void stop(GMainContext *context, gpointer user_data)
{
    WhipClient *self = user_data;

    (void)context;
    if (self->outcome.connected < 0)
        whip_client_fail(self, PROBE_EXIT_FAILURE, "interrupted", "it was not connected yet");
    whip_client_end(self);
}

void whip_client_stop(WhipClient *self) { in_context(self, stop); }

/* ------------------------------------------------------------------ the offer and its answer */

static void apply_answer(GMainContext *context, gpointer user_data)
{
    WhipClient *self = user_data;
    const WhipOfferTransport *theirs;
    GError *error = NULL;
    gsize len;
    const char *text = g_bytes_get_data(self->reply, &len);
    guint accepted = 0;
    WhipOffer *answer;

    (void)context;
    if (self->ending)
        return;
    answer = whip_description_answer(&self->description, text, len, &accepted, &error);
    theirs = answer != NULL ? whip_offer_transport(answer, 0) : NULL;
    if (answer != NULL &&
        (self->description.role != SLUICE_ROLE_AUTO ||
         sluice_ice_transport_start(self->transport, theirs->role, &error)) &&
        sluice_ice_transport_set_remote_fingerprint(self->transport, theirs->fingerprints,
                                                    &error)) {
        guint data = gst_sdp_message_medias_len(answer->sdp) - 1;

        self->traffic =
            whip_traffic_new(self->common->options, accepted, self->description.ssrcs,
                             self->transport, whip_offer_media(answer, data)->sctp_port);
        whip_ice_set_credentials(self->ice, 0, theirs->ufrag, theirs->pwd);
        whip_ice_add_candidates(self->ice, 0, theirs->candidates);
        if (theirs->complete)
            whip_ice_set_complete(self->ice, 0);
    } else {
        whip_client_fail(self, PROBE_EXIT_FAILURE, "answer", error->message);
    }
    g_clear_error(&error);
    g_clear_pointer(&answer, whip_offer_free);
}

static char *describe_refusal(guint status, GBytes *body, const GError *error)
{
    gsize len = 0;
    const char *text = body != NULL ? g_bytes_get_data(body, &len) : NULL;
    char *cut, *quoted, *sentence;

    if (error != NULL)
        return g_strdup_printf("the offer could not be sent: %s", error->message);
    cut = g_strndup(text != NULL ? text : "", MIN(len, 300));
    quoted = g_strescape(g_strchomp(cut), NULL);
    sentence = g_strdup_printf("the offer was answered with %u: %s", status, quoted);
    g_free(cut);
    g_free(quoted);
    return sentence;
}

static void on_posted(guint status, const char *location, GBytes *body, const GError *error,
                      gpointer user_data)
{
    WhipClient *self = user_data;

    self->posting = FALSE;
    self->outcome.answered = since(self);
    self->location = g_strdup(location);
    if (!self->common->quiet)
        whip_report_http(self->common->report, "POST", status, since(self));
    if (self->ending) {
        send_delete(self);
    } else if (status != 201 || body == NULL) {
        char *sentence = describe_refusal(status, body, error);
        g_clear_pointer(&self->location, g_free);
        whip_client_fail(self, PROBE_EXIT_FAILURE, "http", sentence);
        g_free(sentence);
    } else {
        self->reply = g_bytes_ref(body);
        in_context(self, apply_answer);
    }
}

static gboolean post_offer(gpointer user_data)
{
    WhipClient *self = user_data;

    if (self->ending)
        return G_SOURCE_REMOVE;
    self->posting = TRUE;
    self->outcome.posted = since(self);
    whip_http_post(self->common->http, self->offer, on_posted, self);
    return G_SOURCE_REMOVE;
}

static void on_gathered(gpointer user_data)
{
    WhipClient *self = user_data;
    char *fingerprint = sluice_ice_transport_get_local_fingerprint(self->transport);

    self->description.fingerprint = fingerprint;
    self->offer = whip_description_offer(&self->description, self->ice);
    self->description.fingerprint = NULL;
    g_free(fingerprint);
    in_default(self, post_offer);
}

/* ------------------------------------------------------------------ ICE */

static void on_changed(guint stream, NiceComponentState state, gpointer user_data)
{
    WhipClient *self = user_data;
    char *local = NULL, *remote = NULL;

    if (state >= NICE_COMPONENT_STATE_CONNECTED && state != NICE_COMPONENT_STATE_FAILED) {
        if (self->outcome.path < 0)
            self->outcome.path = since(self);
        whip_ice_get_path(self->ice, stream, &local, &remote);
    }
    if (!self->common->quiet)
        whip_report_ice(self->common->report, whip_ice_state_name(state), local, remote);
    g_free(local);
    g_free(remote);
    if (state == NICE_COMPONENT_STATE_FAILED)
        whip_client_fail(self, PROBE_EXIT_FAILURE, "ice",
                         self->outcome.connected < 0
                             ? "no path to the server was found"
                             : "the server does not answer any more (consent)");
}

static const WhipIceFuncs ice_funcs = {on_gathered, on_changed};

/* ------------------------------------------------------------------ the beginning */

static gboolean open_transport(WhipClient *self, GError **error)
{
    const WhipCommon *common = self->common;

    self->transport = sluice_ice_transport_new(
        whip_ice_get_agent(self->ice), whip_ice_get_stream_id(self->ice, 0), WHIP_ICE_COMPONENT,
        common->config, self->context, error);
    if (self->transport == NULL)
        return FALSE;
    whip_client_watch(self);
    return sluice_ice_transport_start(self->transport, self->description.role, error);
}

static void begin(GMainContext *context, gpointer user_data)
{
    WhipClient *self = user_data;
    const ProbeOptions *o = self->common->options;
    const WhipIceOptions ice = {
        .bind = o->ice_bind, .stun = o->stun, .loopback = TRUE, .controlling = TRUE};
    GError *error = NULL;

    self->ice = whip_ice_new(context, &ice, 1, &ice_funcs, self);
    whip_client_start_looking(self, o->deadline > 0 ? o->deadline : DEFAULT_DEADLINE_MS,
                              self->common->quiet ? LOOK_MANY_MS : LOOK_MS);
    if (!open_transport(self, &error))
        whip_client_fail(self, PROBE_EXIT_FAILURE, "transport", error->message);
    else if (!whip_ice_gather(self->ice))
        whip_client_fail(self, PROBE_EXIT_FAILURE, "socket", "no socket could be opened for ICE");
    g_clear_error(&error);
}

WhipClient *whip_client_new(const WhipCommon *common, WhipClientEnded ended, gpointer user_data,
                            GError **error)
{
    GMainContext *context = sluice_ice_driver_add_context(common->driver, error);
    WhipClient *self;

    if (context == NULL)
        return NULL;
    self = g_new0(WhipClient, 1);
    self->common = common;
    self->context = context;
    self->ended = ended;
    self->user_data = user_data;
    self->begun = g_get_monotonic_time();
    self->outcome.posted = self->outcome.answered = self->outcome.path = self->outcome.connected =
        self->outcome.deleted = -1;
    self->outcome.stats.started_at = self->outcome.stats.connected_at = SLUICE_TIME_NEVER;
    self->description.lines = common->options->lines;
    self->description.role = common->options->role;
    for (guint i = 0; i < WHIP_N_RTP; i++)
        self->description.ssrcs[i] = (guint32)g_random_int_range(1, G_MAXINT32);
    in_context(self, begin);
    return self;
}
