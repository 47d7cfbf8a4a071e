/* SPDX-License-Identifier: BSD-3-Clause */
#include "ice-call.h"

#include "ice-pair.h"

static void check_thread(Caller *self)
{
    if (self->thread == NULL)
        self->thread = g_thread_self();
    if (self->thread != g_thread_self() || !g_main_context_is_owner(self->context))
        atomic_fetch_add(&self->foreign, 1);
}

static void on_gathered(NiceAgent *agent, guint stream, gpointer user_data)
{
    Caller *self = user_data;

    (void)agent, (void)stream;
    atomic_store(&self->gathered, 1);
    if (self->on_gathered != NULL)
        self->on_gathered(self);
}

static void on_component_state(NiceAgent *agent, guint stream, guint component, guint state,
                               gpointer user_data)
{
    (void)agent, (void)stream, (void)component;
    if (state == NICE_COMPONENT_STATE_READY)
        atomic_store(&((Caller *)user_data)->ready, 1);
}

static void discard(NiceAgent *agent, guint stream, guint component, guint len, gchar *data,
                    gpointer user_data)
{
    (void)agent, (void)stream, (void)component, (void)len, (void)data, (void)user_data;
}

static void on_state(SluiceIceTransport *transport, GParamSpec *pspec, gpointer user_data)
{
    Caller *self = user_data;

    (void)pspec;
    check_thread(self);
    if (sluice_ice_transport_get_state(transport) == SLUICE_STATE_CONNECTED)
        atomic_store(&self->connected, 1);
}

static void on_packet(SluiceIceTransport *transport, SluiceKind kind, guint8 *data, gsize len,
                      gpointer user_data)
{
    Caller *self = user_data;

    (void)transport, (void)data, (void)len;
    check_thread(self);
    g_assert_cmpint(kind, ==, SLUICE_KIND_RTP);
    atomic_fetch_add(&self->rtp, 1);
    if (self->on_rtp != NULL)
        self->on_rtp(self);
}

static void make_transport(Caller *self)
{
    GError *error = NULL;

    self->transport =
        sluice_ice_transport_new(self->agent, self->stream, 1, self->config, self->context, &error);
    g_assert_no_error(error);
    sluice_ice_transport_set_packet_func(self->transport, on_packet, self, NULL);
    g_signal_connect(self->transport, "notify::state", G_CALLBACK(on_state), self);
}

void caller_make(Caller *self)
{
    NiceAddress address;

    nice_address_init(&address);
    g_assert_true(nice_address_set_from_string(&address, "127.0.0.1"));
    self->agent = nice_agent_new_full(self->context, NICE_COMPATIBILITY_RFC5245, self->options);
    g_object_set(self->agent, "upnp", FALSE, "ice-tcp", FALSE, "controlling-mode",
                 self->controlling, NULL);
    g_assert_true(nice_agent_add_local_address(self->agent, &address));
    self->stream = nice_agent_add_stream(self->agent, 1);
    if (self->config != NULL)
        make_transport(self);
    else
        nice_agent_attach_recv(self->agent, self->stream, 1, self->context, discard, NULL);
    g_signal_connect(self->agent, "candidate-gathering-done", G_CALLBACK(on_gathered), self);
    g_signal_connect(self->agent, "component-state-changed", G_CALLBACK(on_component_state), self);
}

void caller_gather(Caller *self)
{
    g_assert_true(nice_agent_gather_candidates(self->agent, self->stream));
}

Description *caller_describe(Caller *self)
{
    Description *description = g_new0(Description, 1);

    g_assert_true(nice_agent_get_local_credentials(self->agent, self->stream, &description->ufrag,
                                                   &description->pwd));
    description->candidates = nice_agent_get_local_candidates(self->agent, self->stream, 1);
    if (self->transport != NULL)
        description->fingerprint = sluice_ice_transport_get_local_fingerprint(self->transport);
    return description;
}

void description_free(Description *self)
{
    g_free(self->ufrag);
    g_free(self->pwd);
    g_free(self->fingerprint);
    g_slist_free_full(self->candidates, (GDestroyNotify)nice_candidate_free);
    g_free(self);
}

static void start_transport(Caller *self, const char *fingerprint)
{
    GError *error = NULL;

    sluice_ice_transport_set_remote_fingerprint(self->transport, fingerprint, &error);
    g_assert_no_error(error);
    sluice_ice_transport_start(self->transport,
                               self->controlling ? SLUICE_ROLE_CLIENT : SLUICE_ROLE_SERVER, &error);
    g_assert_no_error(error);
}

void caller_accept(Caller *self, const Description *description)
{
    if (self->transport != NULL)
        start_transport(self, description->fingerprint);
    g_assert_true(nice_agent_set_remote_credentials(self->agent, self->stream, description->ufrag,
                                                    description->pwd));
    g_assert_cmpint(
        nice_agent_set_remote_candidates(self->agent, self->stream, 1, description->candidates), >,
        0);
}

gboolean caller_send(Caller *self)
{
    guint8 packet[160];

    pair_rtp(packet, sizeof packet, ++self->seq, 1000u + (guint)self->controlling);
    return sluice_ice_transport_send_rtp(self->transport, packet, sizeof packet, NULL);
}

static void on_agent_closed(GObject *object, GAsyncResult *result, gpointer user_data)
{
    Caller *self = user_data;

    (void)object, (void)result;
    check_thread(self);
    g_clear_object(&self->agent);
    if (self->on_closed != NULL)
        self->on_closed(self);
    atomic_store(&self->closed, 1);
}

void caller_close(Caller *self)
{
    sluice_ice_transport_close(self->transport);
    g_clear_object(&self->transport);
    nice_agent_remove_stream(self->agent, self->stream);
    nice_agent_close_async(self->agent, on_agent_closed, self);
}
