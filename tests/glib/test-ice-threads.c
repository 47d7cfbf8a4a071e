/* SPDX-License-Identifier: BSD-3-Clause */

/* SluiceIceTransport and who calls whom (rule 34): senders in other threads, the last reference
 * dropped in every callback and by every thread, calls and loops inside callbacks, and an end in
 * the middle of everything. ice-pair.c holds in all of them that callbacks come from the context's
 * thread only and never from inside a call. */

#include "ice-pair.h"

#include <string.h>

#define SENDERS 2
#define PACKETS 100

/* ---- senders in other threads ---- */

typedef struct {
    SluiceIceTransport *transport; /* a reference of its own */
    guint32 ssrc;
    guint failed;
} Sender;

static gpointer send_all(gpointer data)
{
    Sender *sender = data;
    guint8 packet[120];

    for (guint16 i = 1; i <= PACKETS; i++) {
        pair_rtp(packet, sizeof packet, i, sender->ssrc);
        sender->failed +=
            !sluice_ice_transport_send_rtp(sender->transport, packet, sizeof packet, NULL);
        if (i % 10 == 0) {
            pair_rtcp(packet, 28, sender->ssrc);
            sender->failed += !sluice_ice_transport_send_rtcp(sender->transport, packet, 28, NULL);
            sender->failed += !sluice_ice_transport_send_data(sender->transport, packet, 50, NULL);
        }
    }
    g_object_unref(sender->transport);
    return NULL;
}

static gboolean all_received(gpointer data)
{
    End *end = data;

    return end->rtp >= SENDERS * PACKETS && end->rtcp >= SENDERS * PACKETS / 10 &&
           end->data >= SENDERS * PACKETS / 10;
}

static void test_senders(void)
{
    Pair *pair = pair_new(1, NULL, NULL);
    End *a = &pair->a.end[0], *b = &pair->b.end[0];
    Sender senders[SENDERS];
    GThread *threads[SENDERS];

    pair_connect(pair);
    for (guint i = 0; i < SENDERS; i++) {
        senders[i] = (Sender){g_object_ref(a->transport), 100 + i, 0};
        threads[i] = g_thread_new("sender", send_all, &senders[i]);
    }
    g_assert_true(pair_run_until(pair, all_received, b));
    for (guint i = 0; i < SENDERS; i++) {
        g_thread_join(threads[i]);
        g_assert_cmpuint(senders[i].failed, ==, 0);
    }
    g_assert_cmpuint(b->rtp, ==, SENDERS * PACKETS);
    g_assert_cmpuint(b->data, ==, SENDERS * PACKETS / 10);
    pair_free(pair);
}

/* The last reference is the sender's: it goes in the sender's thread while the context is busy
 * with the peer's media. */
static void test_last_unref_in_thread(void)
{
    for (int round = 0; round < 10; round++) {
        Pair *pair = pair_new(1, NULL, NULL);
        End *a = &pair->a.end[0], *b = &pair->b.end[0];
        Sender senders[2];
        GThread *threads[2];

        pair_connect(pair);
        senders[0] = (Sender){g_object_ref(a->transport), 1, 0};
        senders[1] = (Sender){g_object_ref(b->transport), 2, 0};
        for (guint i = 0; i < 2; i++)
            threads[i] = g_thread_new("sender", send_all, &senders[i]);
        pair_drop(a);
        pair_drop(b);
        pair_run_for(pair, 10);
        for (guint i = 0; i < 2; i++)
            g_thread_join(threads[i]);
        while (g_main_context_iteration(pair->context, FALSE))
            ;
        pair_free(pair);
    }
}

static gpointer call_close(gpointer transport)
{
    sluice_ice_transport_close(transport);
    return NULL;
}

/* A call from a foreign thread is refused as what it is, a bug of the caller. */
static void test_wrong_thread(void)
{
    Pair *pair = pair_new(1, NULL, NULL);

    g_test_expect_message("Sluice", G_LOG_LEVEL_CRITICAL, "*in_context*");
    g_thread_join(g_thread_new("foreign", call_close, pair->a.end[0].transport));
    g_test_assert_expected_messages();
    pair_run_for(pair, 20);
    g_assert_cmpuint(pair->a.end[0].closed, ==, 0);
    pair_free(pair);
}

/* ---- the last reference in a callback ---- */

static SluiceState drop_at;
static SluiceKind drop_with;

static void drop_in_state(End *end)
{
    if (sluice_ice_transport_get_state(end->transport) == drop_at)
        pair_drop(end);
}

static void drop_in_closed(End *end) { pair_drop(end); }

static void drop_in_packet(End *end, SluiceKind kind, guint8 *data, gsize len)
{
    if (end->transport == NULL)
        return;
    if (kind == drop_with) {
        pair_drop(end);
        memset(data, 0, len); /* still ours to alter */
    }
}

static gboolean dropped(gpointer end) { return ((End *)end)->transport == NULL; }

static gboolean is_closed(gpointer end) { return ((End *)end)->closed > 0; }

static void test_drop_in_state(gconstpointer data)
{
    Pair *pair = pair_new(1, NULL, NULL);
    End *a = &pair->a.end[0], *b = &pair->b.end[0];

    drop_at = (SluiceState)GPOINTER_TO_INT(data);
    a->on_state = drop_in_state;
    pair_signal(pair, &pair->a, &pair->b);
    pair_signal(pair, &pair->b, &pair->a);
    pair_give_fingerprint(pair, 1, &pair->a, &pair->b);
    if (drop_at != SLUICE_STATE_UNVERIFIED)
        pair_give_fingerprint(pair, 1, &pair->b, &pair->a);
    pair_start(pair, b, SLUICE_ROLE_SERVER);
    if (drop_at == SLUICE_STATE_LISTENING)
        pair_start(pair, a, SLUICE_ROLE_AUTO);
    else
        pair_start(pair, a, SLUICE_ROLE_CLIENT);
    if (drop_at == SLUICE_STATE_CLOSED) {
        g_assert_true(pair_run_until(pair, pair_connected, pair));
        CALL(pair, sluice_ice_transport_close(a->transport));
    }
    g_assert_true(pair_run_until(pair, dropped, a));
    if (drop_at >= SLUICE_STATE_UNVERIFIED) {
        /* Dropped without a close: the peer is told all the same. */
        g_assert_true(pair_run_until(pair, is_closed, b));
        g_assert_error(b->error, SLUICE_ERROR, SLUICE_ERROR_CLOSE_NOTIFY);
    }
    pair_run_for(pair, 30);
    pair_free(pair);
}

static void test_drop_in_closed(gconstpointer data)
{
    gboolean both = GPOINTER_TO_INT(data);
    Pair *pair = pair_new(1, NULL, NULL);
    End *a = &pair->a.end[0], *b = &pair->b.end[0];

    b->on_closed = drop_in_closed;
    if (both)
        a->on_closed = drop_in_closed;
    pair_connect(pair);
    CALL(pair, sluice_ice_transport_close(a->transport));
    g_assert_true(pair_run_until(pair, dropped, b));
    pair_run_for(pair, 30);
    g_assert_cmpuint(a->closed, ==, 1);
    g_assert_cmpuint(b->closed, ==, 1);
    pair_free(pair);
}

static void test_drop_in_packet(gconstpointer data)
{
    Pair *pair = pair_new(1, NULL, NULL);
    End *a = &pair->a.end[0], *b = &pair->b.end[0];
    guint8 packet[100];

    drop_with = (SluiceKind)GPOINTER_TO_INT(data);
    b->on_packet = drop_in_packet;
    pair_connect(pair);
    /* More than one: the rest meets no transport. */
    for (guint16 i = 1; i <= 5; i++) {
        pair_rtp(packet, sizeof packet, i, 7);
        g_assert_true(sluice_ice_transport_send_rtp(a->transport, packet, sizeof packet, NULL));
        g_assert_true(sluice_ice_transport_send_data(a->transport, packet, 30, NULL));
        pair_rtcp(packet, 28, 7);
        g_assert_true(sluice_ice_transport_send_rtcp(a->transport, packet, 28, NULL));
    }
    g_assert_true(pair_run_until(pair, dropped, b));
    g_assert_cmpuint(b->rtp + b->rtcp + b->data, <=, 3);
    g_assert_true(pair_run_until(pair, is_closed, a));
    pair_free(pair);
}

/* Bug that this holds: a component without a receiver is not read by libnice 0.1.21, and its
 * loop never comes to rest once a datagram lies in the socket. */
static void test_drop_keeps_quiet(void)
{
    Pair *pair = pair_new(1, NULL, NULL);
    guint8 packet[100];
    int turns = 0;

    pair_connect(pair);
    pair_drop(&pair->b.end[0]);
    for (guint16 i = 1; i <= 5; i++) {
        pair_rtp(packet, sizeof packet, i, 7);
        g_assert_true(
            sluice_ice_transport_send_rtp(pair->a.end[0].transport, packet, sizeof packet, NULL));
    }
    while (turns < 1000 && g_main_context_iteration(pair->context, FALSE))
        turns++;
    g_assert_cmpint(turns, <, 1000);
    pair_free(pair);
}

static void no_packet(SluiceIceTransport *transport, SluiceKind kind, guint8 *data, gsize len,
                      gpointer user_data)
{
    (void)transport, (void)kind, (void)data, (void)len, (void)user_data;
    g_assert_not_reached();
}

/* The destroy notify of a packet function, called because another one is set, drops the last
 * reference. */
static void drop_in_destroy(gpointer data) { g_object_unref(data); }

static void test_drop_in_destroy(void)
{
    Pair *pair = pair_new(1, NULL, NULL);
    End *a = &pair->a.end[0];
    SluiceIceTransport *transport = a->transport;

    sluice_ice_transport_set_packet_func(transport, no_packet, transport, drop_in_destroy);
    a->transport = NULL; /* the reference is the function's now */
    g_assert_cmpuint(a->destroyed, ==, 1);
    gpointer weak = transport;
    g_object_add_weak_pointer(G_OBJECT(transport), &weak);
    sluice_ice_transport_set_packet_func(transport, NULL, NULL, NULL);
    g_assert_null(weak);
    pair_run_for(pair, 20);
    pair_free(pair);
}

/* ---- calls inside callbacks ---- */

static void close_in_packet(End *end, SluiceKind kind, guint8 *data, gsize len)
{
    (void)kind;
    end->on_packet = NULL;
    CALL(end->pair, sluice_ice_transport_close(end->transport));
    g_assert_cmpuint(data[len - 1], ==, data[0]); /* valid until the callback returns */
}

static void test_close_in_packet(void)
{
    Pair *pair = pair_new(1, NULL, NULL);
    End *a = &pair->a.end[0], *b = &pair->b.end[0];
    guint8 message[500];

    pair_connect(pair);
    memset(message, 'x', sizeof message);
    b->on_packet = close_in_packet;
    for (int i = 0; i < 5; i++)
        g_assert_true(sluice_ice_transport_send_data(a->transport, message, sizeof message, NULL));
    g_assert_true(pair_run_until(pair, is_closed, a));
    g_assert_error(a->error, SLUICE_ERROR, SLUICE_ERROR_CLOSE_NOTIFY);
    g_assert_cmpuint(b->data, ==, 1);
    g_assert_cmpuint(b->closed, ==, 1);
    pair_free(pair);
}

static void replace_in_packet(End *end, SluiceKind kind, guint8 *data, gsize len)
{
    (void)kind, (void)data, (void)len;
    end->on_packet = NULL;
    pair_set_func(end);
    g_assert_cmpuint(end->destroyed, ==, 0); /* not while it runs */
}

static void loop_in_packet(End *end, SluiceKind kind, guint8 *data, gsize len)
{
    (void)kind, (void)data, (void)len;
    end->on_packet = NULL;
    for (int i = 0; i < 20; i++)
        g_main_context_iteration(end->pair->context, FALSE);
}

static void answer_in_packet(End *end, SluiceKind kind, guint8 *data, gsize len)
{
    guint8 packet[100];

    (void)data, (void)len;
    if (kind != SLUICE_KIND_DATA)
        return;
    CALL(end->pair, g_assert_true(sluice_ice_transport_send_data(end->transport,
                                                                 (const guint8 *)"ok", 2, NULL)));
    pair_rtp(packet, sizeof packet, (guint16)end->data, 9);
    CALL(end->pair,
         g_assert_true(sluice_ice_transport_send_rtp(end->transport, packet, sizeof packet, NULL)));
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

static void peer_says_and_closes(End *end)
{
    SluiceIceTransport *peer = end->pair->a.end[0].transport;

    if (sluice_ice_transport_get_state(end->transport) != SLUICE_STATE_CONNECTED)
        return;
    CALL(end->pair, g_assert_true(sluice_ice_transport_send_data(peer, (const guint8 *)"last words",
                                                                 10, NULL)));
    CALL(end->pair, sluice_ice_transport_close(peer));
    pair_run_for(end->pair, 100);
    g_assert_cmpuint(end->data + end->closed, ==, 0); /* the outer call goes on with it */
}

static gboolean is_unverified(gpointer end)
{
    return sluice_ice_transport_get_state(((End *)end)->transport) == SLUICE_STATE_UNVERIFIED;
}

static void has_heard(End *end) { g_assert_cmpuint(end->data, ==, 1); }

/* A loop inside the notify of "connected", during which the peer says something and closes: both
 * are told after it, in their order. */
static void test_order_at_end(void)
{
    Pair *pair = pair_new(1, NULL, NULL);
    End *a = &pair->a.end[0], *b = &pair->b.end[0];

    b->on_state = peer_says_and_closes;
    b->on_closed = has_heard;
    pair_signal(pair, &pair->a, &pair->b);
    pair_signal(pair, &pair->b, &pair->a);
    pair_give_fingerprint(pair, 1, &pair->b, &pair->a);
    pair_start(pair, a, SLUICE_ROLE_CLIENT);
    pair_start(pair, b, SLUICE_ROLE_SERVER);
    g_assert_true(pair_run_until(pair, is_unverified, b));
    pair_run_for(pair, 20);
    /* Late, so that the state comes from the transport's source and libnice's is free to run. */
    pair_give_fingerprint(pair, 1, &pair->a, &pair->b);
    g_assert_true(pair_run_until(pair, is_closed, b));
    g_assert_cmpstr(b->states->str, ==, "connecting unverified connected closed");
    pair_free(pair);
}

typedef struct {
    void (*on_packet)(End *end, SluiceKind kind, guint8 *data, gsize len);
    guint answers, destroyed;
} Reentry;

static void test_reentry(gconstpointer data)
{
    const Reentry *reentry = data;
    Pair *pair = pair_new(1, NULL, NULL);
    End *a = &pair->a.end[0], *b = &pair->b.end[0];
    Wanted wanted = {b, 10};

    pair_connect(pair);
    b->on_packet = reentry->on_packet;
    for (guint8 i = 0; i < 10; i++)
        g_assert_true(sluice_ice_transport_send_data(a->transport, &i, 1, NULL));
    g_assert_true(pair_run_until(pair, has_data, &wanted));
    pair_run_for(pair, 50);
    g_assert_cmpuint(b->data, ==, 10);
    g_assert_cmpuint(a->data, ==, reentry->answers);
    g_assert_cmpuint(a->rtp, ==, reentry->answers);
    g_assert_cmpuint(b->destroyed, ==, reentry->destroyed);
    b->destroyed = 0;
    pair_free(pair);
}

/* ---- an end in the middle ---- */

/* After each number of turns of the loop, from before ICE to after the handshake, one end goes. */
static void test_middle(void)
{
    for (int turns = 0; turns < 60; turns += 3) {
        Pair *pair = pair_new(1, NULL, NULL);

        pair_signal_all(pair);
        pair_start(pair, &pair->a.end[0], SLUICE_ROLE_CLIENT);
        pair_start(pair, &pair->b.end[0], SLUICE_ROLE_SERVER);
        for (int i = 0; i < turns; i++)
            g_main_context_iteration(pair->context, FALSE);
        if (turns % 2 == 0)
            CALL(pair, sluice_ice_transport_close(pair->a.end[0].transport));
        pair_drop(&pair->a.end[turns % 2]);
        pair_run_for(pair, 10);
        pair_free(pair);
    }
}

/* The stream goes before the transport: wrong order, but no crash and no warning. */
static void test_stream_first(void)
{
    Pair *pair = pair_new(1, NULL, NULL);
    End *a = &pair->a.end[0];
    GError *error = NULL;
    guint8 packet[100];

    pair_connect(pair);
    nice_agent_remove_stream(pair->a.agent, pair->a.stream);
    pair_rtp(packet, sizeof packet, 1, 7);
    g_assert_false(sluice_ice_transport_send_rtp(a->transport, packet, sizeof packet, &error));
    g_assert_error(error, SLUICE_ERROR, SLUICE_ERROR_ICE);
    g_clear_error(&error);
    CALL(pair, sluice_ice_transport_close(a->transport));
    g_assert_true(pair_run_until(pair, is_closed, a));
    pair->a.stream = nice_agent_add_stream(pair->a.agent, 1); /* for pair_free() */
    pair_free(pair);
}

static void add_drops(void)
{
    static const SluiceState states[] = {SLUICE_STATE_LISTENING, SLUICE_STATE_CONNECTING,
                                         SLUICE_STATE_UNVERIFIED, SLUICE_STATE_CONNECTED,
                                         SLUICE_STATE_CLOSED};
    static const SluiceKind kinds[] = {SLUICE_KIND_RTP, SLUICE_KIND_RTCP, SLUICE_KIND_DATA};

    for (guint i = 0; i < G_N_ELEMENTS(states); i++) {
        char *path = g_strdup_printf("/ice-threads/drop/state/%s", sluice_state_name(states[i]));
        g_test_add_data_func(path, GINT_TO_POINTER(states[i]), test_drop_in_state);
        g_free(path);
    }
    for (guint i = 0; i < G_N_ELEMENTS(kinds); i++) {
        char *path = g_strdup_printf("/ice-threads/drop/packet/%s", sluice_kind_name(kinds[i]));
        g_test_add_data_func(path, GINT_TO_POINTER(kinds[i]), test_drop_in_packet);
        g_free(path);
    }
    g_test_add_data_func("/ice-threads/drop/closed/one", GINT_TO_POINTER(0), test_drop_in_closed);
    g_test_add_data_func("/ice-threads/drop/closed/both", GINT_TO_POINTER(1), test_drop_in_closed);
    g_test_add_func("/ice-threads/drop/destroy", test_drop_in_destroy);
    g_test_add_func("/ice-threads/drop/keeps-quiet", test_drop_keeps_quiet);
}

int main(int argc, char **argv)
{
    static const Reentry replace = {replace_in_packet, 0, 1};
    static const Reentry loop = {loop_in_packet, 0, 0};
    static const Reentry answer = {answer_in_packet, 10, 0};

    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/ice-threads/senders", test_senders);
    g_test_add_func("/ice-threads/last-unref-in-thread", test_last_unref_in_thread);
    g_test_add_func("/ice-threads/wrong-thread", test_wrong_thread);
    add_drops();
    g_test_add_func("/ice-threads/close-in-packet", test_close_in_packet);
    g_test_add_data_func("/ice-threads/reentry/replace", &replace, test_reentry);
    g_test_add_data_func("/ice-threads/reentry/loop", &loop, test_reentry);
    g_test_add_data_func("/ice-threads/reentry/answer", &answer, test_reentry);
    g_test_add_func("/ice-threads/order-at-end", test_order_at_end);
    g_test_add_func("/ice-threads/middle", test_middle);
    g_test_add_func("/ice-threads/stream-first", test_stream_first);
    return g_test_run();
}
