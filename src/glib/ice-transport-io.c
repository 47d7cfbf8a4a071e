/* SPDX-License-Identifier: BSD-3-Clause */

/* libnice in and out. */

#include "ice-transport-private.h"

#include <pthread.h>
#include <stdalign.h>
#include <string.h>

SluiceTime sl_ice_now(void) { return (SluiceTime)g_get_monotonic_time() * 1000; }

/* ---- in ---- */

void sl_ice_sink_unref(SlSink *sink)
{
    if (--sink->refs > 0)
        return;
    if (sink->destroy != NULL)
        sink->destroy(sink->user_data);
    g_free(sink);
}

void sl_ice_give_sink(SluiceIceTransport *self, SluiceKind kind, guint8 *data, gsize len)
{
    SlSink *sink = self->sink;

    sink->refs++; /* the function may replace itself */
    if (sink->packet != NULL) {
        sink->packet(self, kind, data, len, sink->user_data);
    } else {
        GBytes *packet = g_bytes_new(data, len);
        sink->bytes(self, kind, packet, sink->user_data);
        g_bytes_unref(packet);
    }
    sl_ice_sink_unref(sink);
}

void sl_ice_give_event(SluiceIceTransport *self, const SluiceEvent *event)
{
    SlSink *sink = self->event_sink;

    if (sink == NULL)
        return;
    sink->refs++; /* as above */
    sink->event(self, event, sink->user_data);
    sl_ice_sink_unref(sink);
}

static void receive(SluiceIceTransport *self, guint8 *data, gsize len)
{
    SluiceKind kind = SLUICE_KIND_UNKNOWN;
    size_t n = len;

    /* libnice delivers only from addresses that an authenticated check has validated. */
    sl_ice_check_path(self, TRUE);
    SluiceStatus status = sluice_transport_receive(self->core, sl_ice_now(), data, &n, &kind);
    sl_ice_settle(self);
    if (status == SLUICE_WOULD_BLOCK) { /* the inbox was full: it has just been read */
        n = len;
        status = sluice_transport_receive(self->core, sl_ice_now(), data, &n, &kind);
        sl_ice_settle(self);
    }
    if (status != SLUICE_OK || (kind != SLUICE_KIND_RTP && kind != SLUICE_KIND_RTCP))
        return;
    if (sluice_transport_get_state(self->core) >= SLUICE_STATE_CLOSED)
        return; /* a callback has just closed it */
    if (self->sink != NULL)
        sl_ice_give_sink(self, kind, data, n);
    else
        atomic_fetch_add(&self->media_unclaimed, 1);
}

static void on_receive(NiceAgent *agent, guint stream_id, guint component_id, guint len,
                       gchar *data, gpointer user_data)
{
    SlIcePort *port = user_data;
    SluiceIceTransport *self = g_weak_ref_get(&port->transport);

    (void)agent, (void)stream_id, (void)component_id;
    if (self == NULL)
        return;
    receive(self, (guint8 *)data, len);
    g_object_unref(self);
}

static void discard(NiceAgent *agent, guint stream_id, guint component_id, guint len, gchar *data,
                    gpointer user_data)
{
    (void)agent, (void)stream_id, (void)component_id, (void)len, (void)data, (void)user_data;
}

/* The handlers run in whatever thread is inside libnice. */
static void on_component_state(NiceAgent *agent, guint stream_id, guint component_id, guint state,
                               gpointer user_data)
{
    SlIcePort *port = user_data;

    (void)agent, (void)state;
    if (stream_id == port->stream_id && component_id == port->component_id)
        sl_ice_port_wake(port, TRUE);
}

static void on_selected_pair(NiceAgent *agent, guint stream_id, guint component_id,
                             NiceCandidate *local, NiceCandidate *remote, gpointer user_data)
{
    SlIcePort *port = user_data;

    (void)agent, (void)local, (void)remote;
    if (stream_id == port->stream_id && component_id == port->component_id)
        sl_ice_port_wake(port, TRUE);
}

/* ICE-TCP tells so that a full socket has room again. */
static void on_writable(NiceAgent *agent, guint stream_id, guint component_id, gpointer user_data)
{
    SlIcePort *port = user_data;

    (void)agent;
    if (stream_id == port->stream_id && component_id == port->component_id)
        sl_ice_port_wake(port, TRUE);
}

static void unref_port_closure(gpointer port, GClosure *closure)
{
    (void)closure;
    sl_ice_port_unref(port);
}

static gulong connect_port(SluiceIceTransport *self, const char *signal, GCallback handler)
{
    return g_signal_connect_data(self->agent, signal, handler, sl_ice_port_ref(self->port),
                                 unref_port_closure, (GConnectFlags)0);
}

/* A stream that does not exist has no credentials (and asking for anything else of it would
 * print a warning). */
static gboolean stream_exists(SluiceIceTransport *self)
{
    gchar *ufrag = NULL, *pwd = NULL;

    nice_agent_get_local_credentials(self->agent, self->stream_id, &ufrag, &pwd);
    gboolean exists = ufrag != NULL;
    g_free(ufrag);
    g_free(pwd);
    return exists;
}

/* Which transport has the component now: an older one must not detach a newer one. */
static GQuark owner_quark(SluiceIceTransport *self)
{
    char name[64];

    g_snprintf(name, sizeof name, "sluice-receiver-%u-%u", self->stream_id, self->component_id);
    return g_quark_from_string(name);
}

/* Who has a component, and what libnice calls for it, change together: an old transport whose last reference goes in
 * another thread would else put its discarding receiver over a new one's. Taken before libnice's locks only. */
static pthread_mutex_t owner_lock = PTHREAD_MUTEX_INITIALIZER;

static gboolean take_component(SluiceIceTransport *self)
{
    if (!stream_exists(self))
        return FALSE;
    pthread_mutex_lock(&owner_lock);
    gboolean taken = nice_agent_attach_recv(self->agent, self->stream_id, self->component_id,
                                            self->context, on_receive, self->port);
    if (taken) {
        sl_ice_port_ref(self->port); /* libnice's; sl_ice_detach() takes it back */
        g_object_set_qdata(G_OBJECT(self->agent), owner_quark(self), self->port);
    }
    pthread_mutex_unlock(&owner_lock);
    return taken;
}

static void leave_component(SluiceIceTransport *self)
{
    gboolean exists = stream_exists(self);

    pthread_mutex_lock(&owner_lock);
    /* Not NULL for a callback: without one libnice does not read its socket, answers no check of
     * ICE, and turns in its loop without end as soon as a datagram lies there. */
    if (g_object_replace_qdata(G_OBJECT(self->agent), owner_quark(self), self->port, NULL, NULL,
                               NULL) &&
        exists)
        nice_agent_attach_recv(self->agent, self->stream_id, self->component_id, self->context,
                               discard, NULL);
    pthread_mutex_unlock(&owner_lock);
}

gboolean sl_ice_attach(SluiceIceTransport *self, GError **error)
{
    if (!take_component(self)) {
        g_set_error(error, SLUICE_ERROR, SLUICE_ERROR_ICE,
                    "The agent has no component %u in stream %u: add the stream first.",
                    self->component_id, self->stream_id);
        return FALSE;
    }
    self->handlers[0] =
        connect_port(self, "component-state-changed", G_CALLBACK(on_component_state));
    self->handlers[1] = connect_port(self, "new-selected-pair-full", G_CALLBACK(on_selected_pair));
    self->handlers[2] = connect_port(self, "reliable-transport-writable", G_CALLBACK(on_writable));
    return TRUE;
}

static gboolean stop(gpointer port)
{
    (void)port;
    return G_SOURCE_REMOVE;
}

void sl_ice_detach(SluiceIceTransport *self)
{
    leave_component(self);
    for (guint i = 0; i < G_N_ELEMENTS(self->handlers); i++)
        if (self->handlers[i] != 0)
            g_signal_handler_disconnect(self->agent, self->handlers[i]);

    /* libnice copies the callback and its data before it calls: the context may be about to.
     * What it was given goes once the context is back in its loop. */
    GSource *later = g_idle_source_new();
    g_source_set_callback(later, stop, self->port, (GDestroyNotify)sl_ice_port_unref);
    g_source_attach(later, self->context);
    g_source_unref(later);
}

/* ---- out ---- */

gboolean sl_ice_has_pair(SluiceIceTransport *self)
{
    NiceCandidate *local, *remote; /* libnice's own, and not looked at */

    return nice_agent_get_selected_pair(self->agent, self->stream_id, self->component_id, &local,
                                        &remote);
}

/* Any thread. */
static SlIceSent send_datagram(SluiceIceTransport *self, const guint8 *data, gsize len)
{
    GOutputVector vector = {data, len};
    NiceOutputMessage message = {&vector, 1};
    GError *error = NULL;

    if (nice_agent_send_messages_nonblocking(self->agent, self->stream_id, self->component_id,
                                             &message, 1, NULL, &error) == 1)
        return SL_ICE_SENT;

    SlIceSent result = SL_ICE_REFUSED;
    if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
        result = sl_ice_has_pair(self) ? SL_ICE_FULL : SL_ICE_NO_PAIR;
    else if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED))
        result =
            SL_ICE_NO_PAIR; /* no consent: a restart may bring it back (RFC 7675 section 5.1) */
    g_clear_error(&error);
    return result;
}

void sl_ice_flush(SluiceIceTransport *self)
{
    const uint8_t *data;
    size_t len;

    if (self->flushing)
        return; /* the call further up the stack goes on with it */
    self->flushing = TRUE;
    SlIceSent before = self->blocked;
    self->blocked = SL_ICE_SENT;
    while (sluice_transport_peek_output(self->core, &data, &len)) {
        guint calls = self->calls;
        SlIceSent sent = send_datagram(self, data, len);

        if (sent == SL_ICE_NO_PAIR || sent == SL_ICE_FULL) {
            self->blocked = sent;
            self->retry_at = g_get_monotonic_time() + SL_RETRY_USEC;
            if (before == SL_ICE_SENT)
                atomic_fetch_add(&self->output_blocked, 1);
            break;
        }
        /* libnice may emit signals inside the call, and the application may call us from these.
         * Then this datagram may be another one: look again. DTLS does not mind it twice. */
        if (calls == self->calls)
            sluice_transport_pop_output(self->core, sl_ice_now(),
                                        sent == SL_ICE_SENT ? SLUICE_SENT : SLUICE_SEND_FAILED);
    }
    self->flushing = FALSE;
}

static gboolean send_media(SluiceIceTransport *self, SluiceKind kind, const guint8 *data, gsize len,
                           GError **error)
{
    alignas(8) guint8 packet[SLUICE_ICE_TRANSPORT_MAX_PACKET + SLUICE_PROTECT_ROOM];
    size_t n = len;

    g_return_val_if_fail(SLUICE_IS_ICE_TRANSPORT(self) && self->core != NULL, FALSE);
    g_return_val_if_fail(data != NULL || len == 0, FALSE);
    if (len > SLUICE_ICE_TRANSPORT_MAX_PACKET)
        return sl_error_take_status(error, SLUICE_TOO_LARGE);
    if (len > 0)
        memcpy(packet, data, len);
    SluiceStatus status = sluice_transport_protect(self->core, kind, packet, &n, sizeof packet);
    if (status != SLUICE_OK)
        return sl_error_take_status(error, status);

    SlIceSent sent = send_datagram(self, packet, n);
    if (sent == SL_ICE_SENT)
        return TRUE;
    atomic_fetch_add(&self->media_refused, 1);
    if (sent == SL_ICE_REFUSED)
        g_set_error_literal(
            error, SLUICE_ERROR, SLUICE_ERROR_ICE,
            "The agent refused the packet: its component has gone or its socket failed.");
    else
        g_set_error_literal(error, SLUICE_ERROR, SLUICE_ERROR_WOULD_BLOCK,
                            "ICE cannot send now: the packet was dropped.");
    return FALSE;
}

gboolean sluice_ice_transport_send_rtp(SluiceIceTransport *self, const guint8 *data, gsize len,
                                       GError **error)
{
    return send_media(self, SLUICE_KIND_RTP, data, len, error);
}

gboolean sluice_ice_transport_send_rtcp(SluiceIceTransport *self, const guint8 *data, gsize len,
                                        GError **error)
{
    return send_media(self, SLUICE_KIND_RTCP, data, len, error);
}

/* ---- application data ---- */

void sl_ice_send_posted(SluiceIceTransport *self)
{
    GBytes *message;
    gboolean again = FALSE;

    while ((message = sl_ice_port_take_posted(self->port)) != NULL) {
        gsize len;
        const guint8 *data = g_bytes_get_data(message, &len);
        SluiceStatus status = sluice_transport_send_data(self->core, sl_ice_now(), data, len);

        self->calls++;
        if (status == SLUICE_WOULD_BLOCK) {
            sl_ice_flush(self);
            sl_ice_port_put_back(self->port, message);
            if (self->blocked != SL_ICE_SENT || again)
                return; /* sl_ice_settle() comes back here when the output has drained */
            again = TRUE;
            continue;
        }
        again = FALSE;
        if (status != SLUICE_OK)
            atomic_fetch_add(&self->data_lost, 1);
        g_bytes_unref(message);
    }
    sl_ice_flush(self);
}

/* What can be said without the core, which belongs to the context's thread. */
static SluiceStatus check_posted(SluiceIceTransport *self, gsize len)
{
    int state = atomic_load(&self->core_state);

    if (len == 0)
        return SLUICE_INVALID_ARGUMENT;
    if (state >= SLUICE_STATE_CLOSED)
        return SLUICE_ENDED;
    if (state == SLUICE_STATE_MEDIA_ONLY)
        return SLUICE_INVALID_STATE;
    if (state < SLUICE_STATE_CONNECTED)
        return SLUICE_NOT_READY;
    return len > atomic_load(&self->max_data_size) ? SLUICE_TOO_LARGE : SLUICE_OK;
}

static SluiceStatus send_data(SluiceIceTransport *self, const guint8 *data, gsize len)
{
    SluiceStatus status;

    if (self->port == NULL)
        return SLUICE_ENDED; /* disposed of */
    if (g_main_context_is_owner(self->context)) {
        /* What this thread posted before goes first. */
        sl_ice_send_posted(self);
        if (!sl_ice_port_has_posted(self->port)) {
            status = sluice_transport_send_data(self->core, sl_ice_now(), data, len);
            sl_ice_after_call(self);
            return status;
        }
    }
    status = check_posted(self, len);
    if (status == SLUICE_OK && !sl_ice_port_post(self->port, data, len))
        status = SLUICE_WOULD_BLOCK;
    return status;
}

gboolean sluice_ice_transport_send_data(SluiceIceTransport *self, const guint8 *data, gsize len,
                                        GError **error)
{
    g_return_val_if_fail(SLUICE_IS_ICE_TRANSPORT(self) && self->core != NULL, FALSE);
    g_return_val_if_fail(data != NULL || len == 0, FALSE);
    return sl_error_take_status(error, send_data(self, data, len));
}

/* ---- the same of GBytes ---- */

gboolean sluice_ice_transport_send_rtp_bytes(SluiceIceTransport *self, GBytes *packet,
                                             GError **error)
{
    gsize len;
    const guint8 *data;

    g_return_val_if_fail(packet != NULL, FALSE);
    data = g_bytes_get_data(packet, &len);
    return sluice_ice_transport_send_rtp(self, data, len, error);
}

gboolean sluice_ice_transport_send_rtcp_bytes(SluiceIceTransport *self, GBytes *packet,
                                              GError **error)
{
    gsize len;
    const guint8 *data;

    g_return_val_if_fail(packet != NULL, FALSE);
    data = g_bytes_get_data(packet, &len);
    return sluice_ice_transport_send_rtcp(self, data, len, error);
}

gboolean sluice_ice_transport_send_data_bytes(SluiceIceTransport *self, GBytes *message,
                                              GError **error)
{
    gsize len;
    const guint8 *data;

    g_return_val_if_fail(message != NULL, FALSE);
    data = g_bytes_get_data(message, &len);
    return sluice_ice_transport_send_data(self, data, len, error);
}
