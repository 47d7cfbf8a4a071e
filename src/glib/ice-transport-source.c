/* SPDX-License-Identifier: BSD-3-Clause */

/* The port that other threads reach, the one GSource, and what happens when it is dispatched. */

#include "ice-transport-private.h"

/* ---- the port ---- */

static gboolean run_port(gpointer port)
{
    SluiceIceTransport *self = g_weak_ref_get(&((SlIcePort *)port)->transport);

    if (self == NULL)
        return G_SOURCE_REMOVE;
    sl_ice_run(self);
    g_object_unref(self); /* perhaps the last one: then dispose destroys this source */
    return G_SOURCE_CONTINUE;
}

/* The port is the callback's data and not a member of the source: another thread may destroy the source while this one is
 * about to run, and GLib keeps the data until the call has returned. */
static gboolean source_dispatch(GSource *source, GSourceFunc callback, gpointer user_data)
{
    (void)source;
    return callback != NULL ? callback(user_data) : G_SOURCE_REMOVE;
}

static GSourceFuncs source_funcs = {.dispatch = source_dispatch};

SlIcePort *sl_ice_port_new(SluiceIceTransport *transport, guint stream_id, guint component_id)
{
    SlIcePort *self = g_new0(SlIcePort, 1);

    atomic_init(&self->refs, 1);
    g_weak_ref_init(&self->transport, transport);
    pthread_mutex_init(&self->lock, NULL);
    g_queue_init(&self->posted);
    self->stream_id = stream_id;
    self->component_id = component_id;
    return self;
}

SlIcePort *sl_ice_port_ref(SlIcePort *self)
{
    atomic_fetch_add(&self->refs, 1);
    return self;
}

void sl_ice_port_unref(SlIcePort *self)
{
    if (atomic_fetch_sub(&self->refs, 1) > 1)
        return;
    g_weak_ref_clear(&self->transport);
    pthread_mutex_destroy(&self->lock);
    g_queue_clear_full(&self->posted, (GDestroyNotify)g_bytes_unref);
    g_free(self);
}

void sl_ice_port_attach(SlIcePort *self, GMainContext *context)
{
    GSource *source = g_source_new(&source_funcs, sizeof(GSource));

    g_source_set_callback(source, run_port, sl_ice_port_ref(self),
                          (GDestroyNotify)sl_ice_port_unref);
    g_source_set_static_name(source, "SluiceIceTransport");
    /* A callback may run a loop of its own, a dialog's: timers and what waits to be sent go on in it. */
    g_source_set_can_recurse(source, TRUE);
    self->source = source;
    g_source_attach(source, context);
}

void sl_ice_port_detach(SlIcePort *self)
{
    pthread_mutex_lock(&self->lock);
    GSource *source = self->source;
    self->source = NULL;
    pthread_mutex_unlock(&self->lock);
    if (source != NULL) {
        g_source_destroy(source);
        g_source_unref(source);
    }
}

/* With the lock held. */
static void make_ready(SlIcePort *self)
{
    self->pending = TRUE;
    if (self->source != NULL)
        g_source_set_ready_time(self->source, 0);
}

void sl_ice_port_wake(SlIcePort *self, gboolean ice_changed)
{
    pthread_mutex_lock(&self->lock);
    self->ice_changed |= ice_changed;
    make_ready(self);
    pthread_mutex_unlock(&self->lock);
}

gboolean sl_ice_port_post(SlIcePort *self, const guint8 *data, gsize len)
{
    GBytes *message = g_bytes_new(data, len);

    pthread_mutex_lock(&self->lock);
    gboolean room = self->source != NULL && g_queue_get_length(&self->posted) < SL_POSTED_MAX &&
                    len <= SL_POSTED_BYTES_MAX - self->posted_bytes;
    if (room) {
        g_queue_push_tail(&self->posted, message);
        self->posted_bytes += len;
        make_ready(self);
    }
    pthread_mutex_unlock(&self->lock);
    if (!room)
        g_bytes_unref(message);
    return room;
}

gboolean sl_ice_port_has_posted(SlIcePort *self)
{
    pthread_mutex_lock(&self->lock);
    gboolean has = !g_queue_is_empty(&self->posted);
    pthread_mutex_unlock(&self->lock);
    return has;
}

GBytes *sl_ice_port_take_posted(SlIcePort *self)
{
    pthread_mutex_lock(&self->lock);
    GBytes *message = g_queue_pop_head(&self->posted);
    if (message != NULL)
        self->posted_bytes -= g_bytes_get_size(message);
    pthread_mutex_unlock(&self->lock);
    return message;
}

void sl_ice_port_put_back(SlIcePort *self, GBytes *message)
{
    pthread_mutex_lock(&self->lock);
    g_queue_push_head(&self->posted, message);
    self->posted_bytes += g_bytes_get_size(message);
    pthread_mutex_unlock(&self->lock);
}

/* Takes over what the source was woken for. It stays quiet until it is woken or armed again. */
static gboolean port_begin(SlIcePort *self)
{
    pthread_mutex_lock(&self->lock);
    gboolean ice_changed = self->ice_changed;
    self->pending = self->ice_changed = FALSE;
    if (self->source != NULL)
        g_source_set_ready_time(self->source, -1);
    pthread_mutex_unlock(&self->lock);
    return ice_changed;
}

/* ---- the timer ---- */

static void arm(SluiceIceTransport *self)
{
    SluiceTime next = sluice_transport_next_timeout(self->core);
    /* Rounded up: a wake-up that comes too early finds nothing due. 0 would mean "at once". */
    gint64 when = next == SLUICE_TIME_NEVER ? -1 : MAX((next + 999) / 1000, 1);

    if (self->blocked == SL_ICE_FULL && (when < 0 || self->retry_at < when))
        when = self->retry_at;
    if (when == self->armed || self->port == NULL)
        return;
    SlIcePort *port = self->port;
    pthread_mutex_lock(&port->lock);
    if (!port->pending && port->source != NULL) { /* else it runs at once, and arms itself then */
        g_source_set_ready_time(port->source, when);
        self->armed = when;
    }
    pthread_mutex_unlock(&port->lock);
}

/* ---- start ---- */

/* A client writes once ICE can send, a server is ready once the peer can be heard: so no
 * deadline and no retransmission is spent on a path that is not there yet. */
static void start_if_possible(SluiceIceTransport *self)
{
    if (!self->start_pending ||
        (self->start_role == SLUICE_ROLE_CLIENT ? !sl_ice_has_pair(self) : !self->path_validated))
        return;
    self->start_pending = FALSE;
    if (!sl_error_take_status(&self->start_error,
                              sluice_transport_start(self->core, sl_ice_now(), self->start_role)))
        sluice_transport_close(self->core, sl_ice_now());
    self->calls++;
}

void sl_ice_check_path(SluiceIceTransport *self, gboolean received)
{
    if (!self->path_validated && (received || sl_ice_has_pair(self))) {
        self->path_validated = TRUE;
        sluice_transport_set_path_validated(self->core, sl_ice_now(), 1);
        self->calls++;
        start_if_possible(self);
    } else if (!received) {
        start_if_possible(self);
    }
}

/* ---- what the application is told ---- */

static void update_details(SluiceIceTransport *self)
{
    SluiceStats stats;
    const uint8_t *der;
    size_t len;

    sluice_transport_get_stats(self->core, &stats, sizeof stats);
    if (stats.dtls_role != self->role) {
        self->role = stats.dtls_role;
        sl_ice_notify(self, SL_PROP_ROLE);
    }
    if (stats.srtp_cipher != self->profile) {
        self->profile = stats.srtp_cipher;
        sl_ice_notify(self, SL_PROP_SELECTED_PROFILE);
    }
    if (self->remote_certificate == NULL &&
        sluice_transport_get_remote_certificate(self->core, &der, &len) == SLUICE_OK) {
        self->remote_certificate = g_bytes_new(der, len);
        sl_ice_notify(self, SL_PROP_REMOTE_CERTIFICATE);
    }
}

static void set_end(SluiceIceTransport *self)
{
    SluiceEnd end;

    if (self->start_error != NULL)
        self->last_error = g_steal_pointer(&self->start_error);
    else if (sluice_transport_get_end(self->core, &end) == SLUICE_OK)
        self->last_error = sl_error_of_end(&end);
    else
        self->last_error = g_error_new_literal(SLUICE_ERROR, SLUICE_ERROR_INTERNAL,
                                               sluice_status_text(SLUICE_INTERNAL));
    sl_ice_notify(self, SL_PROP_LAST_ERROR);
}

static void tell_state(SluiceIceTransport *self, SluiceState state)
{
    gboolean ends = state >= SLUICE_STATE_CLOSED && self->last_error == NULL;

    /* All values are new before the first notify comes. */
    g_object_freeze_notify(G_OBJECT(self));
    if (state != self->state) {
        self->state = state;
        sl_ice_notify(self, SL_PROP_STATE);
    }
    update_details(self);
    if (ends)
        set_end(self);
    g_object_thaw_notify(G_OBJECT(self));
    if (ends)
        sl_ice_emit_closed(self);
}

static void deliver_messages(SluiceIceTransport *self)
{
    SluiceMessage message;

    while (self->sink != NULL && sluice_transport_peek_message(self->core, &message)) {
        sl_ice_give_sink(self, message.kind, message.data, message.len);
        sluice_transport_pop_message(self->core);
    }
}

static void deliver(SluiceIceTransport *self)
{
    SluiceEvent event;

    if (self->delivering)
        return; /* a callback runs a loop of its own: the call further up the stack goes on */
    self->delivering = TRUE;
    if (self->fingerprint_changed) {
        self->fingerprint_changed = FALSE;
        sl_ice_notify(self, SL_PROP_REMOTE_FINGERPRINT);
    }
    while (sluice_transport_next_event(self->core, &event)) {
        sl_ice_give_event(self, &event);
        if (event.type != SLUICE_EVENT_STATE)
            continue;
        if (event.u.state >= SLUICE_STATE_CLOSED)
            deliver_messages(self); /* what came before the end is told before it */
        tell_state(self, event.u.state);
    }
    deliver_messages(self);
    self->delivering =
        FALSE; /* if callbacks have caused more, their calls have woken the source for it */
}

/* ---- together ---- */

void sl_ice_settle(SluiceIceTransport *self)
{
    self->calls++;
    atomic_store(&self->core_state, (int)sluice_transport_get_state(self->core));
    atomic_store(&self->max_data_size, sluice_transport_max_data_size(self->core));
    sl_ice_flush(self);
    if (self->blocked == SL_ICE_SENT && self->port != NULL && sl_ice_port_has_posted(self->port))
        sl_ice_send_posted(self);
    deliver(self);
    arm(self);
}

void sl_ice_run(SluiceIceTransport *self)
{
    if (self->port == NULL)
        return;
    atomic_fetch_add(&self->wakeups, 1);
    self->armed = -1;
    if (port_begin(self->port))
        sl_ice_check_path(self, FALSE);
    SluiceTime now = sl_ice_now();
    if (sluice_transport_next_timeout(self->core) <= now)
        sluice_transport_handle_timeout(self->core, now);
    sl_ice_settle(self);
}

void sl_ice_after_call(SluiceIceTransport *self)
{
    self->calls++;
    sl_ice_flush(self);
    if (self->port != NULL)
        sl_ice_port_wake(self->port, FALSE);
}
