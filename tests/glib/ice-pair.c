/* SPDX-License-Identifier: BSD-3-Clause */
#include "ice-pair.h"

#include <string.h>

static void check_rule(End *end)
{
    g_assert_true(g_thread_self() == end->pair->thread);
    g_assert_cmpint(end->pair->in_call, ==, 0);
    g_assert_true(g_main_context_is_owner(end->pair->context));
}

static void on_notify(GObject *object, GParamSpec *pspec, gpointer user_data)
{
    static const char *const names[] = {"role",       "selected-profile",   "remote-certificate",
                                        "last-error", "remote-fingerprint", "state"};
    End *end = user_data;

    (void)object;
    check_rule(end);
    for (guint i = 0; i < G_N_ELEMENTS(names); i++)
        if (g_str_equal(pspec->name, names[i]))
            end->notified[i]++;
    if (!g_str_equal(pspec->name, "state"))
        return;
    SluiceState state = sluice_ice_transport_get_state(SLUICE_ICE_TRANSPORT(object));
    g_string_append_printf(end->states, "%s%s", end->states->len > 0 ? " " : "",
                           sluice_state_name(state));
    if (end->on_state != NULL)
        end->on_state(end);
}

static void on_closed(SluiceIceTransport *transport, GError *error, gpointer user_data)
{
    End *end = user_data;

    check_rule(end);
    g_assert_nonnull(error);
    g_assert_true(error->domain == SLUICE_ERROR);
    g_assert_true(g_error_matches(sluice_ice_transport_get_last_error(transport), error->domain,
                                  error->code));
    end->closed++;
    g_clear_error(&end->error);
    end->error = g_error_copy(error);
    if (end->on_closed != NULL)
        end->on_closed(end);
}

static void on_packet(SluiceIceTransport *transport, SluiceKind kind, guint8 *data, gsize len,
                      gpointer user_data)
{
    End *end = user_data;

    (void)transport;
    check_rule(end);
    switch (kind) {
    case SLUICE_KIND_RTP:
        end->rtp++;
        break;
    case SLUICE_KIND_RTCP:
        end->rtcp++;
        break;
    case SLUICE_KIND_DATA:
        end->data++;
        break;
    default:
        g_assert_not_reached();
    }
    g_clear_pointer(&end->last, g_bytes_unref);
    end->last = g_bytes_new(data, len);
    if (end->on_packet != NULL)
        end->on_packet(end, kind, data, len);
}

static void on_destroy(gpointer user_data) { ((End *)user_data)->destroyed++; }

static void on_gathered(NiceAgent *agent, guint stream, gpointer user_data)
{
    (void)agent, (void)stream;
    ((Peer *)user_data)->gathered = TRUE;
}

static void end_init(Pair *pair, Peer *peer, guint component)
{
    End *end = &peer->end[component - 1];
    GError *error = NULL;

    end->pair = pair;
    if (end->states == NULL)
        end->states = g_string_new("");
    end->transport = sluice_ice_transport_new(peer->agent, peer->stream, component, peer->config,
                                              pair->context, &error);
    g_assert_no_error(error);
    g_signal_connect(end->transport, "notify", G_CALLBACK(on_notify), end);
    g_signal_connect(end->transport, "closed", G_CALLBACK(on_closed), end);
    pair_set_func(end);
}

void pair_set_func(End *end)
{
    CALL(end->pair,
         sluice_ice_transport_set_packet_func(end->transport, on_packet, end, on_destroy));
}

SluiceIceTransport *pair_renew(Pair *pair, Peer *peer, guint component)
{
    SluiceIceTransport *old = peer->end[component - 1].transport;

    end_init(pair, peer, component);
    return old;
}

static void peer_init(Pair *pair, Peer *peer, SluiceConfig *config, gboolean controlling)
{
    NiceAddress address;

    nice_address_init(&address);
    g_assert_true(nice_address_set_from_string(&address, "127.0.0.1"));
    peer->agent = nice_agent_new_full(pair->context, NICE_COMPATIBILITY_RFC5245,
                                      NICE_AGENT_OPTION_CONSENT_FRESHNESS);
    g_object_set(peer->agent, "upnp", FALSE, "ice-tcp", FALSE, "controlling-mode", controlling,
                 NULL);
    g_assert_true(nice_agent_add_local_address(peer->agent, &address));
    peer->stream = nice_agent_add_stream(peer->agent, pair->n_components);
    g_assert_cmpuint(peer->stream, >, 0);
    peer->config = config != NULL ? sluice_config_ref(config) : sluice_config_new(NULL);
    for (guint i = 1; i <= pair->n_components; i++)
        end_init(pair, peer, i);
    g_signal_connect(peer->agent, "candidate-gathering-done", G_CALLBACK(on_gathered), peer);
    g_assert_true(nice_agent_gather_candidates(peer->agent, peer->stream));
}

static gboolean both_gathered(gpointer data)
{
    Pair *pair = data;

    return pair->a.gathered && pair->b.gathered;
}

Pair *pair_new(guint n_components, SluiceConfig *a, SluiceConfig *b)
{
    Pair *pair = g_new0(Pair, 1);

    g_assert_cmpuint(n_components, <=, PAIR_COMPONENTS);
    pair->context = g_main_context_new();
    g_main_context_push_thread_default(pair->context); /* for nice_agent_close_async() */
    pair->thread = g_thread_self();
    pair->n_components = n_components;
    peer_init(pair, &pair->a, a, TRUE);
    peer_init(pair, &pair->b, b, FALSE);
    g_assert_true(pair_run_until(pair, both_gathered, pair));
    return pair;
}

void pair_drop(End *end)
{
    if (end->transport == NULL)
        return;
    SluiceIceTransport *transport = end->transport;
    end->transport = NULL;
    g_object_unref(transport);
}

static void on_agent_closed(GObject *object, GAsyncResult *result, gpointer user_data)
{
    (void)object, (void)result;
    *(gboolean *)user_data = TRUE;
}

static gboolean is_true(gpointer data) { return *(gboolean *)data; }

static void peer_clear(Pair *pair, Peer *peer)
{
    gboolean closed = FALSE;

    for (guint i = 0; i < pair->n_components; i++) {
        End *end = &peer->end[i];
        if (end->transport != NULL)
            g_object_add_weak_pointer(G_OBJECT(end->transport), (gpointer *)&end->transport);
        if (end->transport != NULL)
            g_object_unref(end->transport);
        g_assert_null(end->transport); /* nobody but us holds it */
        g_assert_cmpuint(end->destroyed, ==, 1);
        g_string_free(end->states, TRUE);
        g_clear_pointer(&end->last, g_bytes_unref);
        g_clear_error(&end->error);
    }
    /* The order that facts rule 38 asks for: stream, agent, and iterate until that is done. */
    nice_agent_remove_stream(peer->agent, peer->stream);
    nice_agent_close_async(peer->agent, on_agent_closed, &closed);
    g_assert_true(pair_run_until(pair, is_true, &closed));
    g_assert_cmpuint(G_OBJECT(peer->agent)->ref_count, ==, 1);
    g_object_unref(peer->agent);
    sluice_config_unref(peer->config);
}

void pair_free(Pair *pair)
{
    peer_clear(pair, &pair->a);
    peer_clear(pair, &pair->b);
    while (g_main_context_iteration(pair->context, FALSE))
        ;
    g_main_context_pop_thread_default(pair->context);
    g_main_context_unref(pair->context);
    g_free(pair);
}

void pair_give_credentials(Peer *from, Peer *to)
{
    gchar *ufrag, *pwd;

    g_assert_true(nice_agent_get_local_credentials(from->agent, from->stream, &ufrag, &pwd));
    g_assert_true(nice_agent_set_remote_credentials(to->agent, to->stream, ufrag, pwd));
    g_free(ufrag);
    g_free(pwd);
}

void pair_signal(Pair *pair, Peer *from, Peer *to)
{
    pair_give_credentials(from, to);
    for (guint i = 1; i <= pair->n_components; i++) {
        GSList *list = nice_agent_get_local_candidates(from->agent, from->stream, i);
        g_assert_cmpint(nice_agent_set_remote_candidates(to->agent, to->stream, i, list), >, 0);
        g_slist_free_full(list, (GDestroyNotify)nice_candidate_free);
    }
}

void pair_give_fingerprint(Pair *pair, guint component, Peer *from, Peer *to)
{
    GError *error = NULL;
    char *text = sluice_ice_transport_get_local_fingerprint(from->end[component - 1].transport);

    CALL(pair, sluice_ice_transport_set_remote_fingerprint(to->end[component - 1].transport, text,
                                                           &error));
    g_assert_no_error(error);
    g_free(text);
}

void pair_signal_all(Pair *pair)
{
    pair_signal(pair, &pair->a, &pair->b);
    pair_signal(pair, &pair->b, &pair->a);
    for (guint i = 1; i <= pair->n_components; i++) {
        pair_give_fingerprint(pair, i, &pair->a, &pair->b);
        pair_give_fingerprint(pair, i, &pair->b, &pair->a);
    }
}

void pair_start(Pair *pair, End *end, SluiceRole role)
{
    GError *error = NULL;

    CALL(pair, g_assert_true(sluice_ice_transport_start(end->transport, role, &error)));
    g_assert_no_error(error);
}

static gboolean too_late(gpointer data)
{
    *(gboolean *)data = TRUE;
    return G_SOURCE_REMOVE;
}

static void run(Pair *pair, gboolean (*ready)(gpointer), gpointer data, guint milliseconds,
                gboolean *late)
{
    GSource *timeout = g_timeout_source_new(milliseconds);

    *late = FALSE;
    g_source_set_callback(timeout, too_late, late, NULL);
    g_source_attach(timeout, pair->context);
    while (!*late && (ready == NULL || !ready(data)))
        g_main_context_iteration(pair->context, TRUE);
    g_source_destroy(timeout);
    g_source_unref(timeout);
}

gboolean pair_run_until(Pair *pair, gboolean (*ready)(gpointer data), gpointer data)
{
    gboolean late;

    run(pair, ready, data, PAIR_PATIENCE_MS, &late);
    return ready(data);
}

void pair_run_for(Pair *pair, guint milliseconds)
{
    gboolean late;

    run(pair, NULL, NULL, milliseconds, &late);
}

static gboolean end_connected(End *end)
{
    return end->transport != NULL &&
           sluice_ice_transport_get_state(end->transport) == SLUICE_STATE_CONNECTED;
}

gboolean pair_connected(gpointer data)
{
    Pair *pair = data;

    for (guint i = 0; i < pair->n_components; i++)
        if (!end_connected(&pair->a.end[i]) || !end_connected(&pair->b.end[i]))
            return FALSE;
    return TRUE;
}

void pair_connect(Pair *pair)
{
    pair_signal_all(pair);
    for (guint i = 0; i < pair->n_components; i++) {
        pair_start(pair, &pair->a.end[i], SLUICE_ROLE_CLIENT);
        pair_start(pair, &pair->b.end[i], SLUICE_ROLE_SERVER);
    }
    g_assert_true(pair_run_until(pair, pair_connected, pair));
}

static void put32(guint8 *out, guint32 value)
{
    for (int i = 0; i < 4; i++)
        out[i] = (guint8)(value >> (24 - 8 * i));
}

void pair_rtp(guint8 *out, gsize len, guint16 seq, guint32 ssrc)
{
    memset(out, (guint8)seq, len);
    put32(out, 0x80600000u | seq);
    put32(out + 4, (guint32)seq * 960);
    put32(out + 8, ssrc);
}

void pair_rtcp(guint8 *out, gsize len, guint32 ssrc)
{
    memset(out, 0, len);
    put32(out, 0x80c80000u | (guint32)(len / 4 - 1)); /* a sender report without blocks */
    put32(out + 4, ssrc);
}
