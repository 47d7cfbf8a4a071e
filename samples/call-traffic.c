/* SPDX-License-Identifier: BSD-3-Clause */
#include "call-traffic.h"

#include <stdio.h>
#include <string.h>

#define TICK_MS 5
#define MESSAGE_EVERY (G_USEC_PER_SEC / 10)
#define BYE_WAIT (2 * G_USEC_PER_SEC)
#define MESSAGE_MAX 1200

/* How one side tells the other at the end what it has sent and received. */
#define ACCOUNT(n)                                                                                 \
    "bye: I sent " n " RTP packets, " n " RTCP packets, " n " messages; I received " n ", " n ","  \
    " " n

struct CallTraffic {
    CallPeer *peer;
    CallSide *side, *other;
    CallMedia *media; /* NULL when real RTP comes in */
    CallUdp *input, *output;
    CallTrafficDoneFunc done;
    gpointer user_data;

    guint tick;
    gint64 started_at, next_message;
    guint messages_sent, last_message;
    gboolean sending, bye_received, is_done;
    gint64 bye_at; /* when the last one came, or ours went; 0: not yet */
    CallCounts announced;
};

CallTraffic *call_traffic_new(CallPeer *peer, CallSide *side, CallSide *other, CallUdp *input,
                              CallUdp *output, CallTrafficDoneFunc done, gpointer user_data)
{
    CallTraffic *t = g_new0(CallTraffic, 1);

    t->peer = peer;
    t->side = side;
    t->other = other;
    t->input = input;
    t->output = output;
    t->done = done;
    t->user_data = user_data;
    side->watch.sender = other->name;
    return t;
}

void call_traffic_free(CallTraffic *t)
{
    if (t == NULL)
        return;
    call_traffic_stop(t);
    g_clear_pointer(&t->media, call_media_free);
    g_free(t);
}

static void send_media(CallTraffic *t, SluiceKind kind, guint8 *packet, gsize len)
{
    gboolean rtcp = kind == SLUICE_KIND_RTCP;
    CallCounts *counts =
        call_peer_send_media(t->peer, kind, packet, len) ? &t->side->sent : &t->side->refused;
    if (rtcp)
        counts->rtcp++;
    else
        counts->rtp++;
}

static void on_generated(gboolean is_rtcp, guint8 *packet, gsize len, gpointer user_data)
{
    send_media(user_data, is_rtcp ? SLUICE_KIND_RTCP : SLUICE_KIND_RTP, packet, len);
}

/* From another program: only what is RTP or RTCP goes into the call. */
static void on_input(guint8 *packet, gsize len, gpointer user_data)
{
    SluiceKind kind = sluice_classify(packet, len);

    if (kind == SLUICE_KIND_RTP || kind == SLUICE_KIND_RTCP)
        send_media(user_data, kind, packet, len);
}

/* A message that finds the queue full is sent again on the next tick: it was refused, not lost. */
static void send_next_message(CallTraffic *t, gint64 now)
{
    guint8 message[MESSAGE_MAX];
    gsize room = MIN(sluice_ice_transport_get_max_data_size(call_peer_get_transport(t->peer)),
                     sizeof message);
    gsize len = call_message_make(t->side->name, t->messages_sent + 1, message, room);

    switch (call_peer_send_message(t->peer, message, len)) {
    case CALL_SENT:
        t->messages_sent++;
        t->side->sent.data++;
        t->next_message = now + MESSAGE_EVERY;
        break;
    case CALL_BUSY:
        break;
    case CALL_REFUSED:
        t->side->refused.data++;
        t->next_message = now + MESSAGE_EVERY;
        break;
    }
}

static void stop_sending(CallTraffic *t)
{
    if (t->sending && t->input != NULL)
        call_udp_stop(t->input);
    t->sending = FALSE;
}

static gboolean everything_is_here(const CallTraffic *t)
{
    const CallCounts *have = &t->side->received;

    return t->bye_received && have->rtp >= t->announced.rtp && have->rtcp >= t->announced.rtcp &&
           have->data >= t->announced.data;
}

/* Not counted: it is about the messages, not one of them. */
static void say_account(CallTraffic *t)
{
    const CallCounts *sent = &t->side->sent, *got = &t->side->received;
    g_autofree char *text = g_strdup_printf(ACCOUNT("%" G_GUINT64_FORMAT), sent->rtp, sent->rtcp,
                                            sent->data, got->rtp, got->rtcp, got->data);

    if (call_peer_send_message(t->peer, (const guint8 *)text, strlen(text)) != CALL_SENT)
        t->side->refused.data++;
    if (t->bye_at == 0)
        t->bye_at = g_get_monotonic_time();
}

/* B answers with its account, A with its second one, each when it has everything or has waited long
 * enough. After that A closes. */
static void go_on_with_goodbye(CallTraffic *t)
{
    /* the other one may itself have waited before its bye */
    gint64 wait = t->bye_received ? BYE_WAIT : 2 * BYE_WAIT;
    gboolean waited = g_get_monotonic_time() - t->bye_at > wait;

    if (t->is_done || t->bye_at == 0 || !(everything_is_here(t) || waited))
        return;
    t->is_done = TRUE;
    say_account(t);
    t->done(t, t->user_data);
}

static gboolean on_tick(gpointer user_data)
{
    CallTraffic *t = user_data;
    gint64 now = g_get_monotonic_time() - t->started_at;

    if (t->sending && t->media != NULL)
        call_media_run(t->media, now, on_generated, t);
    if (t->sending && now >= t->next_message)
        send_next_message(t, now);
    go_on_with_goodbye(t);
    return G_SOURCE_CONTINUE;
}

void call_traffic_start(CallTraffic *t, gboolean with_media, gsize largest_packet)
{
    t->started_at = g_get_monotonic_time();
    t->sending = TRUE;
    if (t->input != NULL)
        call_udp_start(t->input, on_input, t);
    else if (with_media)
        t->media = call_media_new(t->side->name, largest_packet);
    t->tick = g_timeout_add(TICK_MS, on_tick, t);
}

void call_traffic_stop(CallTraffic *t)
{
    stop_sending(t);
    t->is_done = TRUE;
    if (t->tick != 0)
        g_source_remove(t->tick);
    t->tick = 0;
}

void call_traffic_say_bye(CallTraffic *t)
{
    if (t->bye_at != 0)
        return;
    stop_sending(t);
    say_account(t);
}

static gboolean take_account(CallTraffic *t, const guint8 *data, gsize len)
{
    g_autofree char *text = g_strndup((const char *)data, len);
    CallCounts sent, got;

    if (sscanf(text, ACCOUNT("%" G_GUINT64_FORMAT), &sent.rtp, &sent.rtcp, &sent.data, &got.rtp,
               &got.rtcp, &got.data) != 6)
        return FALSE;
    t->announced = sent;
    t->bye_received = TRUE;
    t->bye_at = g_get_monotonic_time();
    if (!t->other->here) {
        t->other->sent = sent;
        t->other->received = got;
        t->other->told = TRUE;
    }
    stop_sending(t);
    return TRUE;
}

void call_traffic_take(CallTraffic *t, SluiceKind kind, const guint8 *data, gsize len)
{
    CallSide *side = t->side;

    if (kind == SLUICE_KIND_DATA && take_account(t, data, len)) {
        g_debug("%c has the account of %c", side->name, t->other->name);
    } else if (kind == SLUICE_KIND_DATA) {
        side->received.data++;
        if (!call_message_check(t->other->name, data, len, &t->last_message))
            side->wrong_messages++;
    } else if (kind == SLUICE_KIND_RTCP) {
        side->received.rtcp++;
        call_watch_rtcp(&side->watch, data, len);
    } else {
        side->received.rtp++;
        call_watch_rtp(&side->watch, data, len);
    }
    if (kind != SLUICE_KIND_DATA && t->output != NULL)
        call_udp_send(t->output, data, len);
    go_on_with_goodbye(t);
}
