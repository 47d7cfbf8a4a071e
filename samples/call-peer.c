/* SPDX-License-Identifier: BSD-3-Clause */
#include "call-peer.h"

#define COMPONENT 1 /* RTP and RTCP share it (rtcp-mux), and with BUNDLE all media does */

struct CallPeer {
    NiceAgent *agent;
    guint stream;
    SluiceIceTransport *transport;
    gboolean offers;
    const CallPeerFuncs *funcs;
    gpointer user_data;
    void (*freed)(gpointer user_data);
};

static void on_packet(G_GNUC_UNUSED SluiceIceTransport *transport, SluiceKind kind, guint8 *data,
                      gsize len, gpointer user_data)
{
    CallPeer *peer = user_data;

    peer->funcs->packet(peer, kind, data, len, peer->user_data);
}

static void on_state(SluiceIceTransport *transport, G_GNUC_UNUSED GParamSpec *pspec,
                     gpointer user_data)
{
    CallPeer *peer = user_data;

    peer->funcs->state_changed(peer, sluice_ice_transport_get_state(transport), peer->user_data);
}

static void on_closed(G_GNUC_UNUSED SluiceIceTransport *transport, const GError *error,
                      gpointer user_data)
{
    CallPeer *peer = user_data;

    peer->funcs->closed(peer, error, peer->user_data);
}

static char **local_candidates(CallPeer *peer)
{
    GSList *list = nice_agent_get_local_candidates(peer->agent, peer->stream, COMPONENT);
    GPtrArray *lines = g_ptr_array_new();

    for (GSList *item = list; item != NULL; item = item->next) {
        char *line = nice_agent_generate_local_candidate_sdp(peer->agent, item->data);
        /* libnice writes the whole SDP line */
        g_ptr_array_add(lines, g_str_has_prefix(line, "a=") ? g_strdup(line + 2) : g_strdup(line));
        g_free(line);
    }
    g_slist_free_full(list, (GDestroyNotify)nice_candidate_free);
    g_ptr_array_add(lines, NULL);
    return (char **)g_ptr_array_free(lines, FALSE);
}

/* All candidates are known: that is the moment to describe this end to the other one. */
static void on_gathered(NiceAgent *agent, guint stream, gpointer user_data)
{
    CallPeer *peer = user_data;
    CallDescription *description = g_new0(CallDescription, 1);

    description->is_offer = peer->offers;
    nice_agent_get_local_credentials(agent, stream, &description->ufrag, &description->pwd);
    description->candidates = local_candidates(peer);
    description->fingerprint = sluice_ice_transport_get_local_fingerprint(peer->transport);
    /* RFC 5763 section 5: the offer leaves the choice to the answer, which best takes the active
     * part, because its ClientHello can then go out together with the answer. */
    description->setup = g_strdup(peer->offers ? "actpass" : "active");
    peer->funcs->described(peer, description, peer->user_data);
}

static void on_ice_state(G_GNUC_UNUSED NiceAgent *agent, G_GNUC_UNUSED guint stream,
                         G_GNUC_UNUSED guint component, guint state, gpointer user_data)
{
    CallPeer *peer = user_data;

    if (state == NICE_COMPONENT_STATE_CONNECTED || state == NICE_COMPONENT_STATE_READY)
        peer->funcs->ice_connected(peer, peer->user_data);
    if (state == NICE_COMPONENT_STATE_FAILED) {
        /* The transport would live on, for an ICE restart. This program does not try one. */
        g_autoptr(GError) error = g_error_new(SLUICE_ERROR, SLUICE_ERROR_ICE,
                                              "ICE has no path to the other peer (any more)");
        peer->funcs->closed(peer, error, peer->user_data);
    }
}

static NiceAgent *make_agent(gboolean offers, const char *bind_address)
{
    NiceAgent *agent =
        nice_agent_new_full(NULL, NICE_COMPATIBILITY_RFC5245, NICE_AGENT_OPTION_CONSENT_FRESHNESS);
    NiceAddress address;

    g_object_set(agent, "controlling-mode", offers, "upnp", FALSE, "ice-tcp", FALSE, NULL);
    /* Without this libnice takes every address of the machine, but for loopback. */
    nice_address_init(&address);
    if (nice_address_set_from_string(&address, bind_address))
        nice_agent_add_local_address(agent, &address);
    return agent;
}

CallPeer *call_peer_new(gboolean offers, SluiceConfig *config, const char *bind_address,
                        const CallPeerFuncs *funcs, gpointer user_data, GError **error)
{
    CallPeer *peer = g_new0(CallPeer, 1);

    peer->offers = offers;
    peer->funcs = funcs;
    peer->user_data = user_data;
    peer->agent = make_agent(offers, bind_address);
    peer->stream = nice_agent_add_stream(peer->agent, 1);
    peer->transport =
        sluice_ice_transport_new(peer->agent, peer->stream, COMPONENT, config, NULL, error);
    if (peer->transport == NULL) {
        g_object_unref(peer->agent);
        g_free(peer);
        return NULL;
    }
    sluice_ice_transport_set_packet_func(peer->transport, on_packet, peer, NULL);
    g_signal_connect(peer->transport, "notify::state", G_CALLBACK(on_state), peer);
    g_signal_connect(peer->transport, "closed", G_CALLBACK(on_closed), peer);
    g_signal_connect(peer->agent, "candidate-gathering-done", G_CALLBACK(on_gathered), peer);
    g_signal_connect(peer->agent, "component-state-changed", G_CALLBACK(on_ice_state), peer);

    /* Who has offered may get the ClientHello before the answer: be ready for it. */
    if (offers)
        sluice_ice_transport_start(peer->transport, SLUICE_ROLE_AUTO, NULL);
    return peer;
}

gboolean call_peer_describe(CallPeer *peer, GError **error)
{
    if (nice_agent_gather_candidates(peer->agent, peer->stream))
        return TRUE;
    g_set_error_literal(error, SLUICE_ERROR, SLUICE_ERROR_ICE,
                        "ICE can open no socket: is the address one of this machine?");
    return FALSE;
}

/* RFC 8842 section 5: we offer actpass, and answer active. */
static gboolean setup_fits(gboolean offers, const char *remote_setup)
{
    return g_str_equal(remote_setup, "passive") ||
           g_str_equal(remote_setup, offers ? "active" : "actpass");
}

static SluiceRole role_for(gboolean offers, const char *remote_setup)
{
    if (!offers) /* we answer "active" */
        return SLUICE_ROLE_CLIENT;
    return g_str_equal(remote_setup, "active") ? SLUICE_ROLE_SERVER : SLUICE_ROLE_CLIENT;
}

gboolean call_peer_set_remote(CallPeer *peer, const CallDescription *remote, GError **error)
{
    GSList *candidates = NULL;

    if (!setup_fits(peer->offers, remote->setup)) {
        g_autofree char *setup = g_strescape(remote->setup, NULL); /* it goes to a terminal */
        g_set_error(error, SLUICE_ERROR, SLUICE_ERROR_INVALID_ARGUMENT, "setup:%s fits no %s to us",
                    setup, peer->offers ? "answer" : "offer");
        return FALSE;
    }
    if (remote->is_offer == peer->offers) {
        g_set_error(error, SLUICE_ERROR, SLUICE_ERROR_INVALID_ARGUMENT,
                    "both sides have made an %s", peer->offers ? "offer" : "answer");
        return FALSE;
    }
    /* The fingerprint is what ties the keys to the person that signalling knows: it is not
     * optional. */
    if (!sluice_ice_transport_set_remote_fingerprint(peer->transport, remote->fingerprint, error) ||
        !sluice_ice_transport_start(peer->transport, role_for(peer->offers, remote->setup), error))
        return FALSE;

    nice_agent_set_remote_credentials(peer->agent, peer->stream, remote->ufrag, remote->pwd);
    for (char **line = remote->candidates; *line != NULL; line++) {
        g_autofree char *sdp = g_strconcat("a=", *line, NULL);
        NiceCandidate *candidate =
            nice_agent_parse_remote_candidate_sdp(peer->agent, peer->stream, sdp);
        if (candidate != NULL) /* one of a kind that libnice does not know is passed over */
            candidates = g_slist_prepend(candidates, candidate);
    }
    gboolean usable =
        nice_agent_set_remote_candidates(peer->agent, peer->stream, COMPONENT, candidates) > 0;
    g_slist_free_full(candidates, (GDestroyNotify)nice_candidate_free);
    if (!usable)
        g_set_error(error, SLUICE_ERROR, SLUICE_ERROR_ICE,
                    "none of the other side's candidates can be used");
    return usable;
}

gboolean call_peer_send_media(CallPeer *peer, SluiceKind kind, const guint8 *packet, gsize len)
{
    return kind == SLUICE_KIND_RTCP
               ? sluice_ice_transport_send_rtcp(peer->transport, packet, len, NULL)
               : sluice_ice_transport_send_rtp(peer->transport, packet, len, NULL);
}

CallSent call_peer_send_message(CallPeer *peer, const guint8 *message, gsize len)
{
    g_autoptr(GError) error = NULL;

    if (sluice_ice_transport_send_data(peer->transport, message, len, &error))
        return CALL_SENT;
    return g_error_matches(error, SLUICE_ERROR, SLUICE_ERROR_WOULD_BLOCK) ? CALL_BUSY
                                                                          : CALL_REFUSED;
}

void call_peer_close(CallPeer *peer) { sluice_ice_transport_close(peer->transport); }

static void on_agent_closed(GObject *agent, G_GNUC_UNUSED GAsyncResult *result, gpointer user_data)
{
    CallPeer *peer = user_data;

    g_object_unref(agent);
    if (peer->freed != NULL)
        peer->freed(peer->user_data);
    g_free(peer);
}

/* The transport first, then its stream, then the agent; its sockets close as the main loop goes on.
 */
void call_peer_free(CallPeer *peer, void (*freed)(gpointer user_data), gpointer user_data)
{
    peer->freed = freed;
    peer->user_data = user_data;
    g_signal_handlers_disconnect_by_data(peer->agent, peer);
    g_signal_handlers_disconnect_by_data(peer->transport, peer);
    sluice_ice_transport_set_packet_func(peer->transport, NULL, NULL, NULL);
    g_clear_object(&peer->transport);
    nice_agent_remove_stream(peer->agent, peer->stream);
    nice_agent_close_async(peer->agent, on_agent_closed, peer);
}

SluiceIceTransport *call_peer_get_transport(CallPeer *peer) { return peer->transport; }

static char *address_text(const NiceAddress *address)
{
    char ip[NICE_ADDRESS_STRING_LEN];

    nice_address_to_string(address, ip);
    return g_strdup_printf(nice_address_ip_version(address) == 6 ? "[%s]:%u" : "%s:%u", ip,
                           nice_address_get_port(address));
}

gboolean call_peer_get_path(CallPeer *peer, char **local, char **remote)
{
    NiceCandidate *ours, *theirs;

    if (!nice_agent_get_selected_pair(peer->agent, peer->stream, COMPONENT, &ours, &theirs))
        return FALSE;
    *local = address_text(&ours->addr);
    *remote = address_text(&theirs->addr);
    return TRUE;
}
