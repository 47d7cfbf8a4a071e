/* SPDX-License-Identifier: BSD-3-Clause */

/* The GObject: properties, signal, life. */

#include "ice-transport-private.h"

#include <gio/gio.h>

static void initable_iface_init(GInitableIface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE(SluiceIceTransport, sluice_ice_transport, G_TYPE_OBJECT,
                              G_IMPLEMENT_INTERFACE(G_TYPE_INITABLE, initable_iface_init))

static GParamSpec *properties[SL_N_PROPS];
static guint closed_signal;

void sl_ice_notify(SluiceIceTransport *self, guint prop)
{
    g_object_notify_by_pspec(G_OBJECT(self), properties[prop]);
}

void sl_ice_emit_closed(SluiceIceTransport *self)
{
    g_signal_emit(self, closed_signal, 0, self->last_error);
}

/* ---- life ---- */

static void sluice_ice_transport_init(SluiceIceTransport *self) { self->armed = -1; }

static void constructed(GObject *object)
{
    SluiceIceTransport *self = SLUICE_ICE_TRANSPORT(object);

    if (self->context == NULL)
        self->context = g_main_context_ref_thread_default();
    G_OBJECT_CLASS(sluice_ice_transport_parent_class)->constructed(object);
}

static gboolean initable_init(GInitable *initable, GCancellable *cancellable, GError **error)
{
    SluiceIceTransport *self = SLUICE_ICE_TRANSPORT(initable);
    gboolean reliable = FALSE;

    (void)cancellable;
    if (self->core != NULL)
        return TRUE;
    if (self->agent == NULL || self->config == NULL || self->stream_id < 1 ||
        self->component_id < 1)
        return sl_error_take_status(error, SLUICE_INVALID_ARGUMENT);
    g_object_get(self->agent, "reliable", &reliable, NULL);
    if (reliable) {
        g_set_error_literal(error, SLUICE_ERROR, SLUICE_ERROR_UNSUPPORTED,
                            "The agent is reliable, a byte stream: DTLS needs one that is not.");
        return FALSE;
    }
    self->core = sluice_transport_new(self->config);
    if (self->core == NULL)
        return sl_error_take_status(error, SLUICE_INTERNAL);
    self->port = sl_ice_port_new(self, self->stream_id, self->component_id);
    sl_ice_port_attach(self->port, self->context);
    if (!sl_ice_attach(self, error)) {
        sl_ice_port_detach(self->port);
        g_clear_pointer(&self->port, sl_ice_port_unref);
        return FALSE;
    }
    sl_ice_port_wake(self->port, TRUE); /* ICE may be connected already */
    return TRUE;
}

static void initable_iface_init(GInitableIface *iface) { iface->init = initable_init; }

/* Whoever drops the last reference, in whatever thread: nobody else is inside, and what libnice
 * or the context may be about to call finds no transport any more. */
static void dispose(GObject *object)
{
    SluiceIceTransport *self = SLUICE_ICE_TRANSPORT(object);

    SL_ICE_LAST_REFERENCE(object);
    if (self->port != NULL) {
        sl_ice_close(self);
        sl_ice_detach(self);
        sl_ice_port_detach(self->port);
        g_clear_pointer(&self->port, sl_ice_port_unref);
    }
    g_clear_pointer(&self->sink, sl_ice_sink_unref);
    g_clear_pointer(&self->event_sink, sl_ice_sink_unref);
    G_OBJECT_CLASS(sluice_ice_transport_parent_class)->dispose(object);
}

static void finalize(GObject *object)
{
    SluiceIceTransport *self = SLUICE_ICE_TRANSPORT(object);

    SL_ICE_LAST_REFERENCE(object);
    sluice_transport_free(self->core);
    g_clear_object(&self->agent);
    sluice_config_unref(self->config);
    g_clear_pointer(&self->context, g_main_context_unref);
    g_clear_pointer(&self->remote_certificate, g_bytes_unref);
    g_free(self->remote_fingerprint);
    g_clear_error(&self->last_error);
    g_clear_error(&self->start_error);
    G_OBJECT_CLASS(sluice_ice_transport_parent_class)->finalize(object);
}

/* ---- properties ---- */

static void set_property(GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
    SluiceIceTransport *self = SLUICE_ICE_TRANSPORT(object);

    switch (id) {
    case SL_PROP_AGENT:
        self->agent = g_value_dup_object(value);
        break;
    case SL_PROP_STREAM_ID:
        self->stream_id = g_value_get_uint(value);
        break;
    case SL_PROP_COMPONENT_ID:
        self->component_id = g_value_get_uint(value);
        break;
    case SL_PROP_CONFIG:
        self->config = g_value_dup_boxed(value);
        break;
    case SL_PROP_MAIN_CONTEXT:
        self->context = g_value_dup_boxed(value);
        break;
    default:
        G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
    }
}

static void get_property(GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
    SluiceIceTransport *self = SLUICE_ICE_TRANSPORT(object);

    switch (id) {
    case SL_PROP_AGENT:
        g_value_set_object(value, self->agent);
        break;
    case SL_PROP_STREAM_ID:
        g_value_set_uint(value, self->stream_id);
        break;
    case SL_PROP_COMPONENT_ID:
        g_value_set_uint(value, self->component_id);
        break;
    case SL_PROP_CONFIG:
        g_value_set_boxed(value, self->config);
        break;
    case SL_PROP_MAIN_CONTEXT:
        g_value_set_boxed(value, self->context);
        break;
    case SL_PROP_STATE:
        g_value_set_enum(value, (gint)self->state);
        break;
    case SL_PROP_ROLE:
        g_value_set_enum(value, (gint)self->role);
        break;
    case SL_PROP_SELECTED_PROFILE:
        g_value_set_enum(value, (gint)self->profile);
        break;
    case SL_PROP_REMOTE_CERTIFICATE:
        g_value_set_boxed(value, self->remote_certificate);
        break;
    case SL_PROP_REMOTE_FINGERPRINT:
        g_value_set_string(value, self->remote_fingerprint);
        break;
    case SL_PROP_LAST_ERROR:
        g_value_set_boxed(value, self->last_error);
        break;
    default:
        G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
    }
}

static void install_construct_properties(void)
{
    const GParamFlags flags =
        (GParamFlags)(G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS);

    /**
     * SluiceIceTransport:agent: (getter get_agent)
     *
     * The agent, made and owned by the caller; the transport holds a reference.
     */
    properties[SL_PROP_AGENT] = g_param_spec_object("agent", NULL, NULL, NICE_TYPE_AGENT, flags);
    /**
     * SluiceIceTransport:stream-id: (getter get_stream_id)
     *
     * The stream.
     */
    properties[SL_PROP_STREAM_ID] =
        g_param_spec_uint("stream-id", NULL, NULL, 0, G_MAXUINT, 0, flags);
    /**
     * SluiceIceTransport:component-id: (getter get_component_id)
     *
     * The component.
     */
    properties[SL_PROP_COMPONENT_ID] =
        g_param_spec_uint("component-id", NULL, NULL, 0, G_MAXUINT, 0, flags);
    /**
     * SluiceIceTransport:config: (getter get_config)
     *
     * The settings.
     */
    properties[SL_PROP_CONFIG] =
        g_param_spec_boxed("config", NULL, NULL, SLUICE_TYPE_CONFIG, flags);
    /**
     * SluiceIceTransport:main-context: (getter get_main_context)
     *
     * The context that the transport belongs to; %NULL when it is made is the thread-default one.
     */
    properties[SL_PROP_MAIN_CONTEXT] =
        g_param_spec_boxed("main-context", NULL, NULL, G_TYPE_MAIN_CONTEXT, flags);
}

static void install_properties(GObjectClass *object_class)
{
    const GParamFlags flags =
        (GParamFlags)(G_PARAM_READABLE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

    install_construct_properties();
    /**
     * SluiceIceTransport:state: (getter get_state)
     *
     * The state; each one is notified, in order.
     */
    properties[SL_PROP_STATE] =
        g_param_spec_enum("state", NULL, NULL, SLUICE_TYPE_STATE, (gint)SLUICE_STATE_NEW, flags);
    /**
     * SluiceIceTransport:role: (getter get_role)
     *
     * The DTLS role that was taken.
     */
    properties[SL_PROP_ROLE] =
        g_param_spec_enum("role", NULL, NULL, SLUICE_TYPE_ROLE, (gint)SLUICE_ROLE_AUTO, flags);
    /**
     * SluiceIceTransport:selected-profile: (getter get_selected_profile)
     *
     * The SRTP profile in use.
     */
    properties[SL_PROP_SELECTED_PROFILE] = g_param_spec_enum(
        "selected-profile", NULL, NULL, SLUICE_TYPE_SRTP_PROFILE, (gint)SLUICE_SRTP_NONE, flags);
    /**
     * SluiceIceTransport:remote-certificate: (getter get_remote_certificate)
     *
     * The peer's certificate in DER form; verified from %SLUICE_STATE_CONNECTED on.
     */
    properties[SL_PROP_REMOTE_CERTIFICATE] =
        g_param_spec_boxed("remote-certificate", NULL, NULL, G_TYPE_BYTES, flags);
    /**
     * SluiceIceTransport:remote-fingerprint: (getter get_remote_fingerprint)
     *
     * The fingerprints that the peer announced, one a line.
     */
    properties[SL_PROP_REMOTE_FINGERPRINT] =
        g_param_spec_string("remote-fingerprint", NULL, NULL, NULL, flags);
    /**
     * SluiceIceTransport:last-error: (getter get_last_error)
     *
     * Why the transport ended; %NULL while it lives.
     */
    properties[SL_PROP_LAST_ERROR] =
        g_param_spec_boxed("last-error", NULL, NULL, G_TYPE_ERROR, flags);
    g_object_class_install_properties(object_class, SL_N_PROPS, properties);
}

static void sluice_ice_transport_class_init(SluiceIceTransportClass *klass)
{
    GObjectClass *object_class = G_OBJECT_CLASS(klass);

    object_class->constructed = constructed;
    object_class->dispose = dispose;
    object_class->finalize = finalize;
    object_class->set_property = set_property;
    object_class->get_property = get_property;
    install_properties(object_class);

    /**
     * SluiceIceTransport::closed:
     * @self: the transport
     * @error: why: domain %SLUICE_ERROR, a code of #SluiceError marked "end", and a message that
     *   says in which phase, after which flights, and what to try next
     *
     * The transport has ended, in order or not. Emitted once, after the notify of the last state.
     */
    closed_signal = g_signal_new("closed", SLUICE_TYPE_ICE_TRANSPORT, G_SIGNAL_RUN_LAST, 0, NULL,
                                 NULL, NULL, G_TYPE_NONE, 1, G_TYPE_ERROR);
}

SluiceIceTransport *sluice_ice_transport_new(NiceAgent *agent, guint stream_id, guint component_id,
                                             SluiceConfig *config, GMainContext *context,
                                             GError **error)
{
    g_return_val_if_fail(NICE_IS_AGENT(agent) && config != NULL, NULL);
    return g_initable_new(SLUICE_TYPE_ICE_TRANSPORT, NULL, error, "agent", agent, "stream-id",
                          stream_id, "component-id", component_id, "config", config, "main-context",
                          context, NULL);
}
