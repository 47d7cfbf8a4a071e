/* SPDX-License-Identifier: BSD-3-Clause */

/* SluiceIceTransport and its path: an ICE restart keeps the keys, DTLS that ICE refuses is kept
 * and media is counted (rule 37), RTP and RTCP on separate components, no timer while nothing
 * waits, one component for two transports.  This program puts itself between the binding and
 * libnice, so that ICE can be made to refuse. */

#include "ice-pair.h"

#include <dlfcn.h>
#include <string.h>
#include <sys/socket.h>

/* What the next sends come to: 0 libnice decides, else a code of GIOErrorEnum. */
static gint refuse_with;
static guint refuse_left; /* how many */
static guint refused;
/* Called once from inside the next send: libnice may emit signals there. */
static void (*in_send)(void);

__attribute__((visibility("default"))) gint
nice_agent_send_messages_nonblocking(NiceAgent *agent, guint stream_id, guint component_id,
                                     const NiceOutputMessage *messages, guint n_messages,
                                     GCancellable *cancellable, GError **error)
{
    static gint (*real)(NiceAgent *, guint, guint, const NiceOutputMessage *, guint, GCancellable *,
                        GError **);

    if (real == NULL)
        *(void **)&real = dlsym(RTLD_NEXT, "nice_agent_send_messages_nonblocking");
    if (refuse_left > 0) {
        refuse_left--;
        refused++;
        g_set_error_literal(error, G_IO_ERROR, refuse_with, "refused by the test");
        return -1;
    }
    if (in_send != NULL) {
        void (*call)(void) = in_send;
        in_send = NULL;
        call();
    }
    return real(agent, stream_id, component_id, messages, n_messages, cancellable, error);
}

static void refuse(gint code, guint count)
{
    refuse_with = code;
    refuse_left = count;
    refused = 0;
}

static SluiceIceCounters counters_of(End *end)
{
    SluiceIceCounters counters;

    sluice_ice_transport_read_stats(end->transport, NULL, &counters);
    return counters;
}

typedef struct {
    End *end;
    guint data;
} Wanted;

static gboolean has_data(gpointer data)
{
    Wanted *wanted = data;

    return wanted->end->data >= wanted->data;
}

/* ---- refusals ---- */

/* A socket that is full during the handshake: the datagram stays, and goes 20 ms later, long
 * before DTLS would have sent it again. */
static void test_full_socket(void)
{
    SluiceConfig *config = sluice_config_new(NULL);
    g_assert_cmpint(sluice_config_set_first_timeout(config, 5 * SLUICE_SECOND), ==, SLUICE_OK);
    Pair *pair = pair_new(1, config, config);
    SluiceStats stats;

    refuse(G_IO_ERROR_WOULD_BLOCK, 3);
    pair_connect(pair);
    g_assert_cmpuint(refused, ==, 3);
    sluice_ice_transport_read_stats(pair->a.end[0].transport, &stats, NULL);
    g_assert_cmpuint(stats.retransmissions, ==, 0);
    g_assert_cmpuint(counters_of(&pair->a.end[0]).output_blocked, ==, 1);
    pair_free(pair);
    sluice_config_unref(config);
}

/* The peer's first flight arrives before we have a pair to answer on (facts M4): the answer
 * waits for the pair, with no timer but that of DTLS. */
static void test_no_pair_yet(void)
{
    SluiceConfig *config = sluice_config_new(NULL);
    g_assert_cmpint(sluice_config_set_first_timeout(config, 5 * SLUICE_SECOND), ==, SLUICE_OK);
    Pair *pair = pair_new(1, config, config);
    End *b = &pair->b.end[0];
    SluiceStats stats;

    pair_start(pair, &pair->a.end[0], SLUICE_ROLE_CLIENT);
    pair_start(pair, b, SLUICE_ROLE_SERVER);
    pair_give_fingerprint(pair, 1, &pair->a, &pair->b);
    pair_give_fingerprint(pair, 1, &pair->b, &pair->a);
    /* b knows a's password but no address of it: it learns that from a's check. */
    pair_give_credentials(&pair->a, &pair->b);
    pair_signal(pair, &pair->b, &pair->a);
    g_assert_true(pair_run_until(pair, pair_connected, pair));
    sluice_ice_transport_read_stats(b->transport, &stats, NULL);
    g_assert_cmpuint(counters_of(b).output_blocked, ==, 1);
    g_assert_cmpuint(stats.retransmissions, ==, 0);
    g_assert_cmpuint(stats.dropped_unvalidated, ==, 0);
    pair_free(pair);
    sluice_config_unref(config);
}

/* Consent is lost: data waits without a timer, and goes when ICE says that something changed. */
static void test_consent_lost(void)
{
    Pair *pair = pair_new(1, NULL, NULL);
    End *a = &pair->a.end[0], *b = &pair->b.end[0];
    Wanted wanted = {b, 1};

    pair_connect(pair);
    pair_run_for(pair, 50);
    refuse(G_IO_ERROR_PERMISSION_DENIED, G_MAXUINT);
    CALL(pair,
         g_assert_true(sluice_ice_transport_send_data(a->transport, (const guint8 *)"x", 1, NULL)));
    guint64 before = counters_of(a).wakeups;
    pair_run_for(pair, 200);
    g_assert_cmpuint(counters_of(a).wakeups - before, <=, 1);
    g_signal_emit_by_name(pair->a.agent, "component-state-changed", pair->a.stream, 1u,
                          (guint)NICE_COMPONENT_STATE_FAILED);
    pair_run_for(pair, 20);
    g_assert_cmpuint(a->closed, ==, 0); /* rule 38: ICE that fails does not end DTLS */
    g_assert_cmpuint(b->data, ==, 0);
    refuse(0, 0);
    pair_run_for(pair, 50);
    g_assert_cmpuint(b->data, ==, 0);
    g_signal_emit_by_name(pair->a.agent, "component-state-changed", pair->a.stream, 1u,
                          (guint)NICE_COMPONENT_STATE_READY);
    g_assert_true(pair_run_until(pair, has_data, &wanted));
    pair_free(pair);
}

static void test_media_refused(void)
{
    Pair *pair = pair_new(1, NULL, NULL);
    End *a = &pair->a.end[0], *b = &pair->b.end[0];
    guint8 packet[100];
    GError *error = NULL;

    pair_connect(pair);
    pair_rtp(packet, sizeof packet, 1, 7);
    refuse(G_IO_ERROR_WOULD_BLOCK, 1);
    g_assert_false(sluice_ice_transport_send_rtp(a->transport, packet, sizeof packet, &error));
    g_assert_error(error, SLUICE_ERROR, SLUICE_ERROR_WOULD_BLOCK);
    g_clear_error(&error);
    refuse(G_IO_ERROR_BROKEN_PIPE, 1);
    pair_rtp(packet, sizeof packet, 2, 7);
    g_assert_false(sluice_ice_transport_send_rtp(a->transport, packet, sizeof packet, &error));
    g_assert_error(error, SLUICE_ERROR, SLUICE_ERROR_ICE);
    g_clear_error(&error);
    pair_run_for(pair, 50);
    g_assert_cmpuint(b->rtp, ==, 0); /* never kept: it would come late */
    g_assert_cmpuint(counters_of(a).media_refused, ==, 2);
    pair_free(pair);
}

static gboolean next_in_order;
static guint32 next_number;

static void check_order(End *end, SluiceKind kind, guint8 *data, gsize len)
{
    guint32 number;

    (void)end;
    g_assert_cmpint((int)kind, ==, SLUICE_KIND_DATA);
    g_assert_cmpuint(len, ==, sizeof number);
    memcpy(&number, data, sizeof number);
    next_in_order &= number == next_number++;
}

typedef struct {
    SluiceIceTransport *transport;
    guint32 number; /* of the next message */
} Sender;

/* Sends until the answer is "later". */
static gpointer send_until_refused(gpointer data)
{
    Sender *sender = data;
    GError *error = NULL;

    while (sluice_ice_transport_send_data(sender->transport, (const guint8 *)&sender->number,
                                          sizeof sender->number, &error))
        sender->number++;
    g_assert_error(error, SLUICE_ERROR, SLUICE_ERROR_WOULD_BLOCK);
    g_error_free(error);
    return NULL;
}

/* While ICE refuses, data is taken up to the bounds, of the core and of what other threads
 * posted, then refused; all that was taken arrives, in order. */
static void test_back_pressure(void)
{
    SluiceConfig *config = sluice_config_new(NULL);
    g_assert_cmpint(sluice_config_set_output_limits(config, 8, 16384), ==, SLUICE_OK);
    Pair *pair = pair_new(1, config, NULL);
    End *a = &pair->a.end[0], *b = &pair->b.end[0];
    Sender sender = {a->transport, 0};

    pair_connect(pair);
    /* All of it goes at once, and the receiver is this same thread. */
    GSocket *socket = nice_agent_get_selected_socket(pair->b.agent, pair->b.stream, 1);
    g_assert_true(g_socket_set_option(socket, SOL_SOCKET, SO_RCVBUF, 1048576, NULL));
    g_object_unref(socket);
    b->on_packet = check_order;
    next_in_order = TRUE;
    next_number = 0;
    refuse(G_IO_ERROR_WOULD_BLOCK, G_MAXUINT);
    send_until_refused(&sender);
    guint32 of_core = sender.number;
    g_assert_cmpuint(of_core, ==, 8);
    g_thread_join(g_thread_new("poster", send_until_refused, &sender));
    g_assert_cmpuint(sender.number, >, of_core);
    pair_run_for(pair, 100);
    refuse(0, 0);
    Wanted wanted = {b, sender.number};
    g_assert_true(pair_run_until(pair, has_data, &wanted));
    pair_run_for(pair, 50);
    g_assert_cmpuint(b->data, ==, sender.number);
    g_assert_true(next_in_order);
    g_assert_cmpuint(counters_of(a).data_lost, ==, 0);
    pair_free(pair);
    sluice_config_unref(config);
}

static SluiceIceTransport *to_close;

static void close_it(void) { sluice_ice_transport_close(to_close); }

static gboolean is_closed(gpointer end) { return ((End *)end)->closed > 0; }

/* A handler of a signal that libnice emits inside a send closes the transport: what was being sent is
 * no longer the oldest output, and the close_notify must not be taken for it. */
static void test_call_in_send(void)
{
    Pair *pair = pair_new(1, NULL, NULL);
    End *a = &pair->a.end[0], *b = &pair->b.end[0];

    pair_connect(pair);
    to_close = a->transport;
    in_send = close_it;
    CALL(pair,
         g_assert_true(sluice_ice_transport_send_data(a->transport, (const guint8 *)"x", 1, NULL)));
    g_assert_true(pair_run_until(pair, is_closed, b));
    g_assert_error(b->error, SLUICE_ERROR, SLUICE_ERROR_CLOSE_NOTIFY);
    pair_free(pair);
}

/* ---- restart ---- */

typedef struct {
    Pair *pair;
    guint16 seq;
    guint sent;
    guint errors;
    guint pairs; /* selected after the restart */
} Flow;

static gboolean send_one(gpointer data)
{
    Flow *flow = data;
    guint8 packet[100];

    pair_rtp(packet, sizeof packet, ++flow->seq, 7);
    flow->errors +=
        !sluice_ice_transport_send_rtp(flow->pair->a.end[0].transport, packet, sizeof packet, NULL);
    flow->errors +=
        !sluice_ice_transport_send_rtp(flow->pair->b.end[0].transport, packet, sizeof packet, NULL);
    flow->sent++;
    return G_SOURCE_CONTINUE;
}

static void on_pair(NiceAgent *agent, guint stream, guint component, NiceCandidate *local,
                    NiceCandidate *remote, gpointer data)
{
    (void)agent, (void)stream, (void)component, (void)local, (void)remote;
    ((Flow *)data)->pairs++;
}

static gboolean restarted(gpointer data)
{
    Flow *flow = data;

    return flow->pairs >= 2 &&
           nice_agent_get_component_state(flow->pair->a.agent, flow->pair->a.stream, 1) ==
               NICE_COMPONENT_STATE_READY &&
           nice_agent_get_component_state(flow->pair->b.agent, flow->pair->b.stream, 1) ==
               NICE_COMPONENT_STATE_READY;
}

static GBytes *key_of(End *end)
{
    GError *error = NULL;
    GBytes *key =
        sluice_ice_transport_export(end->transport, "EXTRACTOR-dtls_srtp", NULL, 56, &error);

    g_assert_no_error(error);
    return key;
}

static gboolean sent_some_more(gpointer flow) { return ((Flow *)flow)->sent > 60; }

static void test_restart(void)
{
    Pair *pair = pair_new(1, NULL, NULL);
    Flow flow = {pair, 0, 0, 0, 0};
    GSource *source = g_timeout_source_new(2);

    pair_connect(pair);
    GBytes *before = key_of(&pair->a.end[0]);
    g_source_set_callback(source, send_one, &flow, NULL);
    g_source_attach(source, pair->context);
    pair_run_for(pair, 50);
    g_signal_connect(pair->a.agent, "new-selected-pair-full", G_CALLBACK(on_pair), &flow);
    g_signal_connect(pair->b.agent, "new-selected-pair-full", G_CALLBACK(on_pair), &flow);
    /* Rule 38: restart first, then the remote credentials, which a restart wipes. */
    g_assert_true(nice_agent_restart(pair->a.agent));
    g_assert_true(nice_agent_restart(pair->b.agent));
    pair_signal(pair, &pair->a, &pair->b);
    pair_signal(pair, &pair->b, &pair->a);
    g_assert_true(pair_run_until(pair, restarted, &flow));
    g_assert_true(pair_run_until(pair, sent_some_more, &flow));
    g_source_destroy(source);
    g_source_unref(source);
    pair_run_for(pair, 50);

    GBytes *after = key_of(&pair->b.end[0]);
    g_assert_true(g_bytes_equal(before, after));
    g_assert_cmpuint(flow.errors, ==, 0);
    /* ICE may lose a packet while it changes the pair; the keys lose none. */
    g_assert_cmpuint(pair->a.end[0].rtp, >=, flow.sent - 2);
    g_assert_cmpuint(pair->b.end[0].rtp, >=, flow.sent - 2);
    g_assert_true(pair_connected(pair));
    g_assert_null(strstr(pair->a.end[0].states->str, "connected "));
    g_bytes_unref(before);
    g_bytes_unref(after);
    pair_free(pair);
}

/* ---- components ---- */

static gboolean all_arrived(gpointer data)
{
    Pair *pair = data;

    return pair->b.end[0].rtp == 1 && pair->b.end[1].rtcp == 1 && pair->a.end[1].rtcp == 1;
}

/* No rtcp-mux: two components are two transports, each with keys of its own. */
static void test_components(void)
{
    SluiceConfig *config = sluice_config_new(NULL); /* one for both: one certificate */
    Pair *pair = pair_new(2, config, config);
    guint8 packet[100];

    pair_connect(pair);
    GBytes *first = key_of(&pair->a.end[0]), *second = key_of(&pair->a.end[1]);
    g_assert_false(g_bytes_equal(first, second));
    pair_rtp(packet, sizeof packet, 1, 7);
    g_assert_true(
        sluice_ice_transport_send_rtp(pair->a.end[0].transport, packet, sizeof packet, NULL));
    pair_rtcp(packet, 28, 7);
    g_assert_true(sluice_ice_transport_send_rtcp(pair->a.end[1].transport, packet, 28, NULL));
    g_assert_true(sluice_ice_transport_send_rtcp(pair->b.end[1].transport, packet, 28, NULL));
    g_assert_true(pair_run_until(pair, all_arrived, pair));
    g_assert_cmpuint(pair->b.end[0].rtcp + pair->b.end[1].rtp, ==, 0);

    /* One may go, the other stays. */
    CALL(pair, sluice_ice_transport_close(pair->a.end[0].transport));
    pair_run_for(pair, 50);
    g_assert_cmpuint(pair->b.end[0].closed, ==, 1);
    g_assert_cmpuint(pair->b.end[1].closed, ==, 0);
    g_bytes_unref(first);
    g_bytes_unref(second);
    pair_free(pair);
    sluice_config_unref(config);
}

/* ---- timers ---- */

/* A connected transport has no timer: its source is not dispatched once while nothing happens. */
static void test_idle(void)
{
    Pair *pair = pair_new(1, NULL, NULL);

    pair_connect(pair);
    pair_run_for(pair, 100);
    guint64 a = counters_of(&pair->a.end[0]).wakeups, b = counters_of(&pair->b.end[0]).wakeups;
    pair_run_for(pair, 400);
    g_assert_cmpuint(counters_of(&pair->a.end[0]).wakeups, ==, a);
    g_assert_cmpuint(counters_of(&pair->b.end[0]).wakeups, ==, b);
    g_assert_cmpuint(a, <, 20); /* the handshake did not poll either */
    pair_free(pair);
}

/* A client that nobody answers: one wake-up a retransmission (100, 200, 400 ms), no more. */
static void test_exact(void)
{
    Pair *pair = pair_new(1, NULL, NULL);
    SluiceStats stats;

    pair_signal_all(pair);
    pair_start(pair, &pair->a.end[0], SLUICE_ROLE_CLIENT);
    pair_run_for(pair, 1000);
    sluice_ice_transport_read_stats(pair->a.end[0].transport, &stats, NULL);
    g_assert_cmpuint(stats.retransmissions, >=, 2);
    g_assert_cmpuint(stats.retransmissions, <=, 3);
    guint64 before = counters_of(&pair->a.end[0]).wakeups;
    g_assert_cmpuint(before, <=, 12);
    pair_free(pair);
}

/* ---- the component's owner ---- */

/* Bug that this holds: an older transport that goes must not take the receiver of a newer one
 * with it. */
static void test_takeover(void)
{
    Pair *pair = pair_new(1, NULL, NULL);
    SluiceIceTransport *old = pair_renew(pair, &pair->a, 1);

    g_signal_handlers_disconnect_by_data(old, &pair->a.end[0]);
    pair_run_for(pair, 10);
    g_object_unref(old);
    pair->a.end[0].destroyed = 0;
    pair_connect(pair);
    pair_free(pair);
}

static void test_no_packet_func(void)
{
    Pair *pair = pair_new(1, NULL, NULL);
    End *a = &pair->a.end[0], *b = &pair->b.end[0];
    guint8 packet[100];

    CALL(pair, sluice_ice_transport_set_packet_func(b->transport, NULL, NULL, NULL));
    g_assert_cmpuint(b->destroyed, ==, 1);
    b->destroyed = 0;
    pair_connect(pair);
    pair_rtp(packet, sizeof packet, 1, 7);
    g_assert_true(sluice_ice_transport_send_rtp(a->transport, packet, sizeof packet, NULL));
    for (int i = 0; i < 3; i++)
        g_assert_true(sluice_ice_transport_send_data(a->transport, packet, 10, NULL));
    pair_run_for(pair, 50);
    g_assert_cmpuint(b->rtp + b->data, ==, 0);
    g_assert_cmpuint(counters_of(b).media_unclaimed, ==, 1);
    pair_set_func(b);
    Wanted wanted = {b, 3};
    g_assert_true(pair_run_until(pair, has_data, &wanted));
    pair_free(pair);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/ice-path/refused/full-socket", test_full_socket);
    g_test_add_func("/ice-path/refused/no-pair-yet", test_no_pair_yet);
    g_test_add_func("/ice-path/refused/consent-lost", test_consent_lost);
    g_test_add_func("/ice-path/refused/media", test_media_refused);
    g_test_add_func("/ice-path/refused/back-pressure", test_back_pressure);
    g_test_add_func("/ice-path/call-in-send", test_call_in_send);
    g_test_add_func("/ice-path/restart", test_restart);
    g_test_add_func("/ice-path/components", test_components);
    g_test_add_func("/ice-path/timer/idle", test_idle);
    g_test_add_func("/ice-path/timer/exact", test_exact);
    g_test_add_func("/ice-path/takeover", test_takeover);
    g_test_add_func("/ice-path/no-packet-func", test_no_packet_func);
    return g_test_run();
}
