/* SPDX-License-Identifier: BSD-3-Clause */
#include "transport.h"
#include "answer.h"

struct WhipTransport {
    const WhipOffer *offer;
    guint index;
    SluiceRole role;
    const WhipMedia *data_media; /* NULL: no data channels on this one */
    SluiceIceTransport *dtls;
    WhipEchoMedia *echo;
    WhipDataChannels *data;
    gboolean connected;
    GSource *reports; /* NULL: the client wants all of it back */
    const WhipTransportFuncs *funcs;
    gpointer user_data;
};

/* ---- data channels ---- */

static void on_sctp_output(const guint8 *packet, gsize len, gpointer user_data)
{
    WhipTransport *self = user_data;

    /* What is refused is lost, and SCTP sends it again. */
    sluice_ice_transport_send_data(self->dtls, packet, len, NULL);
}

static void on_channel_opened(guint stream, const char *label, gpointer user_data)
{
    WhipTransport *self = user_data;

    self->funcs->channel(self, "channel-opened", stream, label, self->user_data);
}

static void on_channel_closed(guint stream, gpointer user_data)
{
    WhipTransport *self = user_data;

    self->funcs->channel(self, "channel-closed", stream, NULL, self->user_data);
}

static void on_sctp_ended(const char *why, gpointer user_data)
{
    WhipTransport *self = user_data;

    self->funcs->channel(self, "sctp-ended", 0, why, self->user_data);
}

static const WhipDataFuncs data_funcs = {on_sctp_output, on_channel_opened, on_channel_closed,
                                         on_sctp_ended};

static void start_data(WhipTransport *self)
{
    if (self->data_media == NULL || self->data != NULL)
        return;
    self->data = whip_data_channels_new(
        WHIP_SCTP_PORT, self->data_media->sctp_port, self->data_media->max_message_size,
        sluice_ice_transport_get_max_data_size(self->dtls), &data_funcs, self);
    if (self->data == NULL)
        on_sctp_ended("usrsctp made no association", self);
}

/* ---- DTLS ---- */

static void on_packet(SluiceIceTransport *dtls, SluiceKind kind, guint8 *data, gsize len,
                      gpointer user_data)
{
    WhipTransport *self = user_data;

    if (kind != SLUICE_KIND_DATA)
        whip_echo_media_receive(self->echo, dtls, kind, data, len);
    else if (self->data != NULL)
        whip_data_channels_receive(self->data, data, len);
}

static gboolean on_report(gpointer user_data)
{
    WhipTransport *self = user_data;

    whip_echo_media_report(self->echo, self->dtls);
    return G_SOURCE_CONTINUE;
}

static void start_reports(WhipTransport *self)
{
    if (!whip_echo_media_is_receiver(self->echo))
        return;
    self->reports = g_timeout_source_new_seconds(1);
    g_source_set_callback(self->reports, on_report, self, NULL);
    g_source_attach(self->reports, sluice_ice_transport_get_main_context(self->dtls));
}

static void on_state(SluiceIceTransport *dtls, G_GNUC_UNUSED GParamSpec *pspec, gpointer user_data)
{
    WhipTransport *self = user_data;

    if (sluice_ice_transport_get_state(dtls) != SLUICE_STATE_CONNECTED || self->connected)
        return;
    self->connected = TRUE;
    start_data(self);
    start_reports(self);
    self->funcs->connected(self, self->user_data);
}

static void on_closed(G_GNUC_UNUSED SluiceIceTransport *dtls, const GError *error,
                      gpointer user_data)
{
    WhipTransport *self = user_data;

    self->funcs->closed(self, error, self->user_data);
}

/* ---- life ---- */

static const WhipMedia *find_data_media(const WhipOffer *offer, guint index)
{
    for (guint i = 0; i < offer->media->len; i++) {
        const WhipMedia *media = whip_offer_media(offer, i);
        if (media->kind == WHIP_MEDIA_DATA && media->transport == index)
            return media;
    }
    return NULL;
}

WhipTransport *whip_transport_new(const WhipOffer *offer, guint index, SluiceRole role,
                                  WhipIce *ice, SluiceConfig *config, GMainContext *context,
                                  const WhipTransportFuncs *funcs, gpointer user_data,
                                  GError **error)
{
    const WhipOfferTransport *offered = whip_offer_transport(offer, index);
    SluiceIceTransport *dtls =
        sluice_ice_transport_new(whip_ice_get_agent(ice), whip_ice_get_stream_id(ice, index),
                                 WHIP_ICE_COMPONENT, config, context, error);

    if (dtls == NULL)
        return NULL;
    if (!offer->own &&
        !sluice_ice_transport_set_remote_fingerprint(dtls, offered->fingerprints, error)) {
        g_object_unref(dtls);
        return NULL;
    }
    WhipTransport *self = g_new0(WhipTransport, 1);
    self->offer = offer;
    self->index = index;
    self->role = role;
    self->data_media = find_data_media(offer, index);
    self->dtls = dtls;
    self->echo = whip_echo_media_new(offer, index);
    self->funcs = funcs;
    self->user_data = user_data;
    sluice_ice_transport_set_packet_func(dtls, on_packet, self, NULL);
    g_signal_connect(dtls, "notify::state", G_CALLBACK(on_state), self);
    g_signal_connect(dtls, "closed", G_CALLBACK(on_closed), self);
    return self;
}

void whip_transport_free(WhipTransport *self)
{
    g_signal_handlers_disconnect_by_data(self->dtls, self);
    if (self->reports != NULL) {
        g_source_destroy(self->reports);
        g_source_unref(self->reports);
    }
    g_clear_pointer(&self->data, whip_data_channels_free);
    sluice_ice_transport_set_packet_func(self->dtls, NULL, NULL, NULL);
    g_object_unref(self->dtls); /* closes it */
    whip_echo_media_free(self->echo);
    g_free(self);
}

gboolean whip_transport_start(WhipTransport *self, GError **error)
{
    return sluice_ice_transport_start(self->dtls, self->role, error);
}

gboolean whip_transport_set_answer(WhipTransport *self, const WhipOffer *answer, GError **error)
{
    const WhipOfferTransport *answered = whip_offer_transport(answer, self->index);

    /* The order is free: where the peer's handshake is over by now, it is judged by the fingerprint here. */
    if (self->role == SLUICE_ROLE_AUTO &&
        !sluice_ice_transport_start(self->dtls, answered->role, error))
        return FALSE;
    if (!sluice_ice_transport_set_remote_fingerprint(self->dtls, answered->fingerprints, error))
        return FALSE;
    self->role = answered->role;
    self->offer = answer;
    self->data_media = find_data_media(answer, self->index);
    whip_echo_media_free(self->echo);
    self->echo = whip_echo_media_new(answer, self->index);
    return TRUE;
}

guint whip_transport_get_index(const WhipTransport *self) { return self->index; }

SluiceRole whip_transport_get_role(const WhipTransport *self) { return self->role; }

gboolean whip_transport_is_connected(const WhipTransport *self) { return self->connected; }

SluiceIceTransport *whip_transport_get_dtls(const WhipTransport *self) { return self->dtls; }

const WhipEchoMedia *whip_transport_get_echo(const WhipTransport *self) { return self->echo; }

const WhipDataCounts *whip_transport_get_data(const WhipTransport *self)
{
    return self->data != NULL ? whip_data_channels_get_counts(self->data) : NULL;
}
