/* SPDX-License-Identifier: BSD-3-Clause */

/* What the application calls, but for sending (ice-transport-io.c) and figures (ice-transport-
 * stats.c). None of it calls back: what it causes is told by the source. */

#include "ice-transport-private.h"

#include <string.h>

/* TRUE unless another thread runs the context just now. */
static gboolean in_context(SluiceIceTransport *self)
{
    if (!g_main_context_acquire(self->context))
        return FALSE;
    g_main_context_release(self->context);
    return TRUE;
}

static void set_event_sink(SluiceIceTransport *self, SlSink *sink)
{
    SlSink *old = self->event_sink;

    self->event_sink = sink;
    if (old != NULL)
        sl_ice_sink_unref(old);
}

static void set_sink(SluiceIceTransport *self, SlSink *sink)
{
    SlSink *old = self->sink;

    self->sink = sink;
    if (self->port != NULL)
        sl_ice_port_wake(self->port, FALSE); /* data may have waited for it */
    if (old != NULL)
        sl_ice_sink_unref(old);
}

static SlSink *new_sink(gpointer user_data, GDestroyNotify destroy)
{
    SlSink *sink = g_new0(SlSink, 1);

    sink->refs = 1;
    sink->user_data = user_data;
    sink->destroy = destroy;
    return sink;
}

void sluice_ice_transport_set_packet_func(SluiceIceTransport *self,
                                          SluiceIceTransportPacketFunc func, gpointer user_data,
                                          GDestroyNotify destroy)
{
    SlSink *sink = NULL;

    g_return_if_fail(SLUICE_IS_ICE_TRANSPORT(self) && in_context(self));
    if (func != NULL) {
        sink = new_sink(user_data, destroy);
        sink->packet = func;
    }
    set_sink(self, sink);
}

void sluice_ice_transport_set_bytes_func(SluiceIceTransport *self, SluiceIceTransportBytesFunc func,
                                         gpointer user_data, GDestroyNotify destroy)
{
    SlSink *sink = NULL;

    g_return_if_fail(SLUICE_IS_ICE_TRANSPORT(self) && in_context(self));
    if (func != NULL) {
        sink = new_sink(user_data, destroy);
        sink->bytes = func;
    }
    set_sink(self, sink);
}

void sluice_ice_transport_set_event_func(SluiceIceTransport *self, SluiceIceTransportEventFunc func,
                                         gpointer user_data, GDestroyNotify destroy)
{
    SlSink *sink = NULL;

    g_return_if_fail(SLUICE_IS_ICE_TRANSPORT(self) && in_context(self));
    if (func != NULL) {
        sink = new_sink(user_data, destroy);
        sink->event = func;
    }
    set_event_sink(self, sink);
}

/* Reads one fingerprint a line. Returns how many; those of unknown hash functions are skipped. */
static gboolean parse_fingerprints(const char *values, SluiceFingerprint *out, size_t *count,
                                   GError **error)
{
    for (const char *line = values; *line != '\0';) {
        size_t len = strcspn(line, "\r\n");
        SluiceFingerprint one;
        SluiceStatus status = strspn(line, " \t") >= len
                                  ? SLUICE_UNSUPPORTED /* a blank line */
                                  : sluice_fingerprint_parse(line, len, &one);

        if (status == SLUICE_OK && *count == SLUICE_FINGERPRINTS_MAX)
            status = SLUICE_INVALID_ARGUMENT;
        if (status != SLUICE_OK && status != SLUICE_UNSUPPORTED)
            return sl_error_take_status(error, status);
        if (status == SLUICE_OK)
            out[(*count)++] = one;
        line += len;
        line += strspn(line, "\r\n");
    }
    if (*count > 0)
        return TRUE;
    g_set_error_literal(error, SLUICE_ERROR, SLUICE_ERROR_INVALID_ARGUMENT,
                        "No fingerprint of a hash function that we know.");
    return FALSE;
}

gboolean sluice_ice_transport_set_remote_fingerprint(SluiceIceTransport *self, const char *values,
                                                     GError **error)
{
    SluiceFingerprint list[SLUICE_FINGERPRINTS_MAX];
    size_t count = 0;

    g_return_val_if_fail(SLUICE_IS_ICE_TRANSPORT(self) && self->core != NULL, FALSE);
    g_return_val_if_fail(values != NULL && in_context(self), FALSE);
    if (!parse_fingerprints(values, list, &count, error))
        return FALSE;
    SluiceStatus status =
        sluice_transport_set_remote_fingerprints(self->core, sl_ice_now(), list, count);
    if (status == SLUICE_OK && g_strcmp0(values, self->remote_fingerprint) != 0) {
        g_free(self->remote_fingerprint);
        self->remote_fingerprint = g_strdup(values);
        self->fingerprint_changed = TRUE;
    }
    sl_ice_after_call(self);
    return sl_error_take_status(error, status);
}

gboolean sluice_ice_transport_start(SluiceIceTransport *self, SluiceRole role, GError **error)
{
    g_return_val_if_fail(SLUICE_IS_ICE_TRANSPORT(self) && self->core != NULL, FALSE);
    g_return_val_if_fail(in_context(self), FALSE);

    SluiceState state = sluice_transport_get_state(self->core);
    if (self->start_pending)
        return sl_error_take_status(error, SLUICE_INVALID_STATE);
    gboolean has_to_wait = role == SLUICE_ROLE_CLIENT
                               ? !sl_ice_has_pair(self)
                               : role == SLUICE_ROLE_SERVER && !self->path_validated;
    if (has_to_wait && state <= SLUICE_STATE_LISTENING) {
        self->start_pending = TRUE;
        self->start_role = role;
        sl_ice_port_wake(self->port, TRUE); /* the pair may have come just now */
        return TRUE;
    }
    SluiceStatus status = sluice_transport_start(self->core, sl_ice_now(), role);
    sl_ice_after_call(self);
    return sl_error_take_status(error, status);
}

void sl_ice_close(SluiceIceTransport *self)
{
    if (sluice_transport_get_state(self->core) < SLUICE_STATE_CLOSED)
        sl_ice_send_posted(self); /* before the close_notify, or never */
    self->start_pending = FALSE;
    sluice_transport_close(self->core, sl_ice_now());
    sl_ice_after_call(self);
}

void sluice_ice_transport_close(SluiceIceTransport *self)
{
    g_return_if_fail(SLUICE_IS_ICE_TRANSPORT(self) && in_context(self));
    if (self->port != NULL)
        sl_ice_close(self);
}

gboolean sluice_ice_transport_end_dtls(SluiceIceTransport *self, GError **error)
{
    g_return_val_if_fail(SLUICE_IS_ICE_TRANSPORT(self) && self->core != NULL, FALSE);
    g_return_val_if_fail(in_context(self), FALSE);
    sl_ice_send_posted(self); /* what was posted before, or never */
    SluiceStatus status = sluice_transport_end_dtls(self->core, sl_ice_now());
    sl_ice_after_call(self);
    return sl_error_take_status(error, status);
}

GBytes *sluice_ice_transport_export(SluiceIceTransport *self, const char *label, GBytes *context,
                                    gsize len, GError **error)
{
    gsize context_len = 0;
    const guint8 *data = context != NULL ? g_bytes_get_data(context, &context_len) : NULL;

    g_return_val_if_fail(SLUICE_IS_ICE_TRANSPORT(self) && self->core != NULL, NULL);
    g_return_val_if_fail(label != NULL && in_context(self), NULL);
    if (len < 1 || len > 8192) {
        sl_error_take_status(error, SLUICE_INVALID_ARGUMENT);
        return NULL;
    }
    if (context != NULL && data == NULL)
        data =
            (const guint8 *)""; /* an empty context is not the same as none (RFC 5705 section 4) */
    guint8 *out = g_malloc(len);
    if (!sl_error_take_status(
            error, sluice_transport_export(self->core, label, data, context_len, out, len))) {
        g_free(out);
        return NULL;
    }
    return g_bytes_new_take(out, len);
}

/* ---- getters ---- */

char *sluice_ice_transport_get_local_fingerprint(SluiceIceTransport *self)
{
    g_return_val_if_fail(SLUICE_IS_ICE_TRANSPORT(self), NULL);
    return sluice_certificate_dup_fingerprint(sluice_config_get_certificate(self->config),
                                              SLUICE_HASH_SHA256);
}

#define GETTER(Type, name, field, none)                                                            \
    Type sluice_ice_transport_get_##name(SluiceIceTransport *self)                                 \
    {                                                                                              \
        g_return_val_if_fail(SLUICE_IS_ICE_TRANSPORT(self), none);                                 \
        return field;                                                                              \
    }

GETTER(SluiceState, state, self->state, SLUICE_STATE_NEW)
GETTER(SluiceRole, role, self->role, SLUICE_ROLE_AUTO)
GETTER(SluiceSrtpProfile, selected_profile, self->profile, SLUICE_SRTP_NONE)
GETTER(GBytes *, remote_certificate, self->remote_certificate, NULL)
GETTER(const char *, remote_fingerprint, self->remote_fingerprint, NULL)
GETTER(const GError *, last_error, self->last_error, NULL)
GETTER(NiceAgent *, agent, self->agent, NULL)
GETTER(guint, stream_id, self->stream_id, 0)
GETTER(guint, component_id, self->component_id, 0)
GETTER(SluiceConfig *, config, self->config, NULL)
GETTER(GMainContext *, main_context, self->context, NULL)
GETTER(gsize, max_data_size, atomic_load(&self->max_data_size), 0)
GETTER(SluiceTransport *, transport, self->core, NULL)
