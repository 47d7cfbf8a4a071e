/* SPDX-License-Identifier: BSD-3-Clause */
#include "session-private.h"

#include <sys/random.h>

#define CONNECT_SECONDS 30

static const WhipTransportFuncs transport_funcs;

/* ---- deadline ---- */

static gboolean on_deadline(gpointer user_data)
{
    WhipSession *self = user_data;

    if (self->phases.connected != 0)
        whip_session_end_with(self, "ice-failed", "the client was not heard any more");
    else
        whip_session_end_with(self, "never-connected",
                              self->phases.ice != 0
                                  ? "DTLS was not finished in time"
                                  : "no path between client and server was found");
    return G_SOURCE_REMOVE;
}

void whip_session_clear_deadline(WhipSession *self)
{
    if (self->deadline == NULL)
        return;
    g_source_destroy(self->deadline);
    g_clear_pointer(&self->deadline, g_source_unref);
}

void whip_session_set_deadline(WhipSession *self, guint seconds)
{
    whip_session_clear_deadline(self);
    self->deadline = g_timeout_source_new_seconds(seconds);
    g_source_set_callback(self->deadline, on_deadline, self, NULL);
    g_source_attach(self->deadline, self->context);
}

/* ---- what transports tell ---- */

gboolean whip_session_is_connected(const WhipSession *self)
{
    for (guint i = 0; i < self->transports->len; i++)
        if (!whip_transport_is_connected(g_ptr_array_index(self->transports, i)))
            return FALSE;
    return TRUE;
}

static void tell_connected(WhipSession *self, WhipTransport *transport)
{
    g_autoptr(GVariant) stats = sluice_ice_transport_get_stats(whip_transport_get_dtls(transport));
    const char *const names[] = {"dtlsRole", "tlsVersion", "dtlsCipher", "srtpCipher"};
    JsonBuilder *event = whip_event_begin("connected", self->name);
    g_autofree char *local = NULL, *remote = NULL;
    const char *text;
    double seconds;

    whip_json_int(event, "transport", whip_transport_get_index(transport));
    for (guint i = 0; i < G_N_ELEMENTS(names); i++)
        if (g_variant_lookup(stats, names[i], "&s", &text))
            whip_json_string(event, names[i], text);
    whip_json_ms(event, "sinceOfferMs", self->phases.connected - self->phases.offered);
    if (g_variant_lookup(stats, "handshakeDuration", "d", &seconds))
        whip_json_ms(event, "handshakeMs", (gint64)(seconds * 1e6));
    if (whip_ice_get_path(self->ice, whip_transport_get_index(transport), &local, &remote)) {
        whip_json_string(event, "local", local);
        whip_json_string(event, "remote", remote);
    }
    whip_event_end(event);
}

static void on_connected(WhipTransport *transport, gpointer user_data)
{
    WhipSession *self = user_data;

    self->phases.connected = g_get_monotonic_time();
    tell_connected(self, transport);
    if (whip_session_is_connected(self))
        whip_session_clear_deadline(self);
}

static void on_closed(WhipTransport *transport, const GError *error, gpointer user_data)
{
    WhipSession *self = user_data;
    SluiceTransport *core = sluice_ice_transport_get_transport(whip_transport_get_dtls(transport));
    SluiceEnd end;
    gboolean in_order = g_error_matches(error, SLUICE_ERROR, SLUICE_ERROR_CLOSE_NOTIFY);

    if (self->end_reason == NULL && sluice_transport_get_end(core, &end) == SLUICE_OK &&
        end.alert >= 0)
        self->end_alert = sluice_alert_name(end.alert);
    whip_session_end_with(self, in_order ? "closed-by-client" : "dtls-failed", error->message);
}

static void on_channel(WhipTransport *transport, const char *what, guint stream, const char *detail,
                       gpointer user_data)
{
    WhipSession *self = user_data;
    JsonBuilder *event = whip_event_begin(what, self->name);

    (void)transport;
    whip_json_int(event, "stream", stream);
    whip_json_string(event, "detail", detail);
    whip_event_end(event);
}

static const WhipTransportFuncs transport_funcs = {on_connected, on_closed, on_channel};

/* ---- the beginning ---- */

/* RFC 9725 section 4.4.3: passive is best for a client that can do both. */
static SluiceRole role_for(const WhipSession *self, const WhipOfferTransport *offered)
{
    SluiceRole wanted = self->environment->options->dtls_role;

    if (self->offer->own)
        return wanted; /* AUTO: setup:actpass */
    if (offered->role != SLUICE_ROLE_AUTO)
        return offered->role;
    return wanted == SLUICE_ROLE_AUTO ? SLUICE_ROLE_SERVER : wanted;
}

static gboolean has_rtp(const WhipOffer *offer, guint transport)
{
    for (guint i = 0; i < offer->media->len; i++) {
        const WhipMedia *media = whip_offer_media(offer, i);
        if (media->kind == WHIP_MEDIA_RTP && media->transport == transport)
            return TRUE;
    }
    return FALSE;
}

static gboolean make_transports(WhipSession *self, GError **error)
{
    for (guint i = 0; i < self->offer->transports->len; i++) {
        WhipTransport *transport = whip_transport_new(
            self->offer, i, role_for(self, whip_offer_transport(self->offer, i)), self->ice,
            has_rtp(self->offer, i) ? self->environment->config : self->environment->data_config,
            self->context, &transport_funcs, self, error);
        if (transport == NULL)
            return FALSE;
        g_ptr_array_add(self->transports, transport);
    }
    return TRUE;
}

static void answer_failed(WhipSession *self, const GError *error)
{
    WhipSessionDone answered = g_steal_pointer(&self->answered);

    if (answered != NULL)
        answered(self, NULL, error, self->user_data);
}

/* In the context, as all that follows it. */
static void begin(GMainContext *context, gpointer user_data)
{
    WhipSession *self = user_data;
    const WhipOptions *options = self->environment->options;
    const WhipIceOptions ice = {.bind = options->ice_bind,
                                .stun = options->stun,
                                .loopback = options->loopback,
                                .lite = options->lite,
                                .controlling =
                                    self->offer->lite || (self->offer->own && !options->lite)};
    g_autoptr(GError) error = NULL;

    if (self->end_reason != NULL)
        return;
    self->ice =
        whip_ice_new(context, &ice, self->offer->transports->len, &whip_session_ice_funcs, self);
    if (make_transports(self, &error)) {
        whip_session_set_deadline(self, CONNECT_SECONDS);
        if (whip_ice_gather(self->ice))
            return;
        error = g_error_new_literal(WHIP_REFUSAL, 500,
                                    "The server can open no socket for ICE (see its --ice-bind).");
    }
    answer_failed(self, error);
    whip_session_end_with(self, "refused", error->message);
}

/* Not by GLib's generator, whose numbers can be foretold by who has seen enough of them. */
static void make_names(WhipSession *self)
{
    guint8 bytes[16];

    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
        g_error("no random numbers");
    for (guint i = 0; i < sizeof bytes; i++)
        g_snprintf(self->id + 2 * i, 3, "%02x", bytes[i]);
    g_strlcpy(self->name, self->id, sizeof self->name);
}

WhipSession *whip_session_new(const WhipEnvironment *environment, WhipOffer *offer,
                              WhipSessionDone answered, WhipSessionGone gone, gpointer user_data,
                              GError **error)
{
    GMainContext *context = sluice_ice_driver_add_context(environment->driver, error);

    if (context == NULL) {
        whip_offer_free(offer);
        return NULL;
    }
    WhipSession *self = g_new0(WhipSession, 1);
    self->environment = environment;
    self->offer = offer;
    self->context = context;
    self->transports = g_ptr_array_new_with_free_func((GDestroyNotify)whip_transport_free);
    self->answered = answered;
    self->gone = gone;
    self->user_data = user_data;
    self->phases.offered = g_get_monotonic_time();
    make_names(self);
    whip_session_new_etag(self);
    sluice_ice_driver_invoke(environment->driver, context, begin, self, NULL);
    return self;
}

const char *whip_session_get_id(const WhipSession *self) { return self->id; }

const char *whip_session_get_name(const WhipSession *self) { return self->name; }

const char *whip_session_get_etag(const WhipSession *self) { return self->etag; }

WhipSessionEnd whip_session_get_end(const WhipSession *self)
{
    return (WhipSessionEnd){self->end_reason, self->end_detail, self->end_alert};
}

gboolean whip_session_is_ending(const WhipSession *self) { return self->end_reason != NULL; }

/* ---- PATCH ---- */

typedef struct {
    WhipSession *session;
    WhipFragment *fragment; /* or: */
    WhipOffer *answer;
    WhipSessionDone done;
    gpointer user_data;
} Patch;

static void apply_patch(G_GNUC_UNUSED GMainContext *context, gpointer user_data)
{
    Patch *patch = user_data;
    WhipSession *self = patch->session;
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;

    if (self->end_reason != NULL)
        whip_refuse(&error, 404, "This session has ended.");
    else if (patch->fragment != NULL)
        whip_session_apply(self, patch->fragment, &text, &error);
    else if (whip_session_answer(self, patch->answer, &error))
        patch->answer = NULL;
    patch->done(self, text, error, patch->user_data);
}

static void free_patch(gpointer user_data)
{
    Patch *patch = user_data;

    g_clear_pointer(&patch->fragment, whip_fragment_free);
    g_clear_pointer(&patch->answer, whip_offer_free);
    g_free(patch);
}

static void post_patch(WhipSession *self, Patch patch)
{
    patch.session = self;
    sluice_ice_driver_invoke(self->environment->driver, self->context, apply_patch,
                             g_memdup2(&patch, sizeof patch), free_patch);
}

void whip_session_patch(WhipSession *self, WhipFragment *fragment, WhipSessionDone done,
                        gpointer user_data)
{
    post_patch(self, (Patch){.fragment = fragment, .done = done, .user_data = user_data});
}

gboolean whip_session_wants_answer(const WhipSession *self) { return self->offer->own; }

void whip_session_take_answer(WhipSession *self, WhipOffer *answer, WhipSessionDone done,
                              gpointer user_data)
{
    post_patch(self, (Patch){.answer = answer, .done = done, .user_data = user_data});
}

/* ---- the end ---- */

static void tell_ended(WhipSession *self)
{
    JsonBuilder *event = whip_event_begin("ended", self->name);

    whip_json_string(event, "reason", self->end_reason);
    whip_json_string(event, "detail", self->end_detail);
    whip_json_string(event, "alert", self->end_alert);
    whip_json_ms(event, "lifeMs", g_get_monotonic_time() - self->phases.offered);
    whip_event_end(event);
}

/* The last thing that its context does. */
static void vanish(G_GNUC_UNUSED gpointer data, gpointer user_data)
{
    WhipSession *self = user_data;

    sluice_ice_driver_remove_context(self->environment->driver, self->context);
    g_main_context_unref(self->context);
    self->gone(self, self->user_data);
    g_ptr_array_unref(self->transports);
    whip_offer_free(self->offer);
    g_free(self->end_detail);
    g_free(self);
}

static void take_down(G_GNUC_UNUSED GMainContext *context, gpointer user_data)
{
    WhipSession *self = user_data;
    g_autoptr(GError) error = NULL;

    whip_session_clear_deadline(self);
    tell_ended(self);
    whip_refuse(&error, 503, "The session ended before it was answered: %s.", self->end_reason);
    answer_failed(self, error);
    g_ptr_array_set_size(self->transports, 0);
    if (self->ice != NULL)
        whip_ice_free(self->ice, vanish, self);
    else
        vanish(NULL, self);
}

void whip_session_end_with(WhipSession *self, const char *reason, const char *detail)
{
    if (self->end_reason != NULL)
        return;
    self->end_reason = reason;
    self->end_detail = g_strdup(detail);
    sluice_ice_driver_invoke(self->environment->driver, self->context, take_down, self, NULL);
}

void whip_session_end(WhipSession *self, const char *reason)
{
    whip_session_end_with(self, reason, NULL);
}
