/* SPDX-License-Identifier: BSD-3-Clause */

/* connect and listen: one transport over one UDP socket, one poll() loop for the whole life of it.
 */

#include "probe-session.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#define FLUSH_WAIT SLUICE_SECOND       /* for the last output, when the socket is busy */
#define REPLY_WAIT (5 * SLUICE_SECOND) /* after the last of --send */
#define BATCH 64                       /* datagrams read before the timers are looked at again */
#define MESSAGES_SHOWN 20

static volatile sig_atomic_t stop_requested;

static void on_signal(int number)
{
    (void)number;
    stop_requested = 1;
}

/* ------------------------------------------------------------------ out */

static gboolean send_datagram(Session *s, const guint8 *data, size_t len)
{
    if (s->fixed)
        return send(s->fd, data, len, MSG_NOSIGNAL) >= 0;
    return sendto(s->fd, data, len, MSG_NOSIGNAL, (const struct sockaddr *)&s->peer.storage,
                  s->peer.len) >= 0;
}

/* An ICMP error belongs to an earlier datagram and is nothing that DTLS has authenticated: worth a
 * word, no more. */
static void note_unreachable(Session *s)
{
    if (s->unreachable_shown || s->connected)
        return;
    s->unreachable_shown = TRUE;
    probe_report_warning(s->report, "unreachable",
                         "nothing listens at the peer's address (ICMP); still trying");
}

static void flush_output(Session *s)
{
    const guint8 *data;
    size_t len;
    gboolean repeated = FALSE;

    while (s->transport != NULL && sluice_transport_peek_output(s->transport, &data, &len)) {
        SluiceSent how = SLUICE_SENT;

        if (!send_datagram(s, data, len)) {
            if (errno == EAGAIN || errno == EWOULDBLOCK)
                return; /* it stays where it is until POLLOUT */
            if (errno == ECONNREFUSED && !repeated) {
                note_unreachable(s);
                repeated = TRUE; /* the error was that of an earlier one: this was not sent yet */
                continue;
            }
            how = errno == EMSGSIZE ? SLUICE_SEND_TOO_BIG : SLUICE_SEND_FAILED;
        }
        repeated = FALSE;
        (void)sluice_transport_pop_output(s->transport, probe_now(), how);
    }
}

/* ------------------------------------------------------------------ in */

static void note_arrival(Session *s, SluiceKind kind, const guint8 *data, size_t len)
{
    if (probe_traffic_arrived(&s->traffic, kind, data, len))
        return;
    /* The first messages, the first packet of a kind; the rest is in the totals. */
    if (kind == SLUICE_KIND_DATA) {
        if (s->traffic.shown++ < MESSAGES_SHOWN)
            probe_report_message(s->report, kind, data, len);
    } else if (!s->media_seen[kind == SLUICE_KIND_RTCP]) {
        s->media_seen[kind == SLUICE_KIND_RTCP] = TRUE;
        probe_report_message(s->report, kind, data, len);
    }
}

static void take_media(Session *s, SluiceKind kind, guint8 *data, size_t len)
{
    note_arrival(s, kind, data, len);
    if (!s->options->echo)
        return;
    probe_traffic_send_media(&s->traffic, s->transport, s->fd, kind, data, len);
    s->traffic.echoed++;
}

/* FALSE: the echo has no room; the message stays where it is. */
static gboolean take_message(Session *s, const SluiceMessage *message)
{
    if (message->kind != SLUICE_KIND_DATA) {
        memcpy(s->reply, message->data, message->len);
        take_media(s, message->kind, s->reply, message->len);
        return TRUE;
    }
    if (s->options->echo) {
        SluiceStatus status =
            sluice_transport_send_data(s->transport, probe_now(), message->data, message->len);
        if (status == SLUICE_WOULD_BLOCK)
            return FALSE;
        if (status == SLUICE_OK)
            s->traffic.echoed++;
        else
            probe_report_warning(s->report, "echo", sluice_status_text(status));
    }
    note_arrival(s, message->kind, message->data, message->len);
    return TRUE;
}

/* Gives the transport the datagram in the buffer. FALSE: it has no room now, the datagram waits. */
static gboolean give(Session *s, size_t len)
{
    SluiceKind kind = SLUICE_KIND_UNKNOWN;
    SluiceStatus status =
        sluice_transport_receive(s->transport, probe_now(), s->buffer, &len, &kind);

    s->waiting = status == SLUICE_WOULD_BLOCK ? len : 0;
    if (status == SLUICE_OK && (kind == SLUICE_KIND_RTP || kind == SLUICE_KIND_RTCP))
        take_media(s, kind, s->buffer, len);
    return s->waiting == 0;
}

/* Everything that a call on the transport may have left. */
static void drain(Session *s)
{
    SluiceMessage message;
    SluiceEvent event;
    gboolean moved;

    do {
        moved = FALSE;
        flush_output(s);
        while (s->transport != NULL && sluice_transport_next_event(s->transport, &event)) {
            session_handle_event(s, &event);
            moved = TRUE;
        }
        while (s->transport != NULL && sluice_transport_peek_message(s->transport, &message) &&
               take_message(s, &message)) {
            (void)sluice_transport_pop_message(s->transport);
            moved = TRUE;
        }
        if (moved && s->waiting > 0)
            (void)give(s, s->waiting);
    } while (moved);
}

/* Listening, and @from is not the peer at hand: is it one to turn to? Until a peer has brought its
 * cookie everybody may knock; only what can begin a handshake counts. */
static gboolean admit(Session *s, const ProbePeer *from, const guint8 *data, size_t len)
{
    if (s->transport != NULL && probe_peer_equal(from, &s->peer))
        return TRUE;
    if (s->fixed)
        return FALSE;
    if (s->options->role != SLUICE_ROLE_CLIENT &&
        (sluice_classify(data, len) != SLUICE_KIND_DTLS || data[0] != 22))
        return FALSE;
    s->peer = *from;
    if (!session_make_transport(s))
        return FALSE;
    if (s->options->role == SLUICE_ROLE_CLIENT || s->options->no_cookie)
        session_fix_peer(s);
    return TRUE;
}

static void read_socket(Session *s)
{
    for (int i = 0; i < BATCH && s->waiting == 0; i++) {
        ProbePeer from;
        ssize_t n;

        from.len = sizeof from.storage;
        n = recvfrom(s->fd, s->buffer, PROBE_BUFFER - SLUICE_PROTECT_ROOM, 0,
                     (struct sockaddr *)&from.storage, &from.len);
        if (n < 0 && errno == ECONNREFUSED) {
            note_unreachable(s);
            continue;
        }
        if (n < 0)
            return; /* EAGAIN; anything else shows again as a deadline */
        if (s->options->command == PROBE_LISTEN && !admit(s, &from, s->buffer, (size_t)n))
            continue;
        (void)give(s, (size_t)n);
        drain(s);
    }
}

/* ------------------------------------------------------------------ the loop */

static void tick(Session *s, SluiceTime now)
{
    const ProbeOptions *o = s->options;

    if (stop_requested && !session_has_ended(s)) {
        if (s->transport != NULL)
            session_close(s, s->connected ? PROBE_EXIT_OK : PROBE_EXIT_FAILURE);
        return;
    }
    if (s->transport == NULL || session_has_ended(s))
        return;
    if (now >= sluice_transport_next_timeout(s->transport))
        (void)sluice_transport_handle_timeout(s->transport, now);
    if (!s->connected)
        return;
    if (!probe_traffic_tick(&s->traffic, s->transport, s->fd, now))
        probe_report_warning(s->report, "send", "the connection takes no more data");
    if (o->command == PROBE_CONNECT && (o->send_data > 0 || o->send_rtp > 0)) {
        if (probe_traffic_all_back(&s->traffic))
            s->close_at = now;
        else if (o->seconds < 0 && probe_traffic_all_sent(&s->traffic))
            s->close_at = s->traffic.last_sent_at + REPLY_WAIT;
    }
    if (now >= s->close_at)
        session_close(s, PROBE_EXIT_OK);
}

/* A listener whose visitor never came back with the cookie waits for the next one. */
static void forget_visitor(Session *s)
{
    if (s->options->command != PROBE_LISTEN || s->fixed || stop_requested || !session_has_ended(s))
        return;
    probe_report_warning(s->report, "visitor", "somebody began a handshake and never answered");
    sluice_transport_free(s->transport);
    s->transport = NULL;
}

static gboolean is_finished(Session *s)
{
    const guint8 *data;
    size_t len;

    if (s->transport == NULL)
        return stop_requested != 0;
    if (!session_has_ended(s))
        return FALSE;
    if (s->flush_until == SLUICE_TIME_NEVER)
        s->flush_until = probe_now() + FLUSH_WAIT;
    return !sluice_transport_peek_output(s->transport, &data, &len) ||
           probe_now() >= s->flush_until;
}

static void wait_for_something(Session *s, const sigset_t *signals)
{
    SluiceTime now = probe_now(), until = SLUICE_TIME_NEVER;
    struct timespec timeout;
    struct pollfd poll_fd = {.fd = s->fd, .events = 0};
    const guint8 *data;
    size_t len;

    if (s->waiting == 0)
        poll_fd.events |= POLLIN;
    if (s->transport != NULL) {
        until = sluice_transport_next_timeout(s->transport);
        if (sluice_transport_peek_output(s->transport, &data, &len))
            poll_fd.events |= POLLOUT;
    }
    if (s->connected) {
        until = MIN(until, s->traffic.next_at);
        until = MIN(until, s->close_at);
    }
    until = MIN(until, s->flush_until);
    if (until != SLUICE_TIME_NEVER) {
        SluiceTime left = MAX(until - now, 0);
        timeout.tv_sec = (time_t)(left / SLUICE_SECOND);
        timeout.tv_nsec = (long)(left % SLUICE_SECOND);
    }
    (void)ppoll(&poll_fd, 1, until != SLUICE_TIME_NEVER ? &timeout : NULL, signals);
}

/* Signals come in only while ppoll waits: none is missed between the look at the flag and the wait. */
static void catch_signals(sigset_t *before)
{
    sigset_t blocked;
    struct sigaction action = {0};

    sigemptyset(&blocked);
    sigaddset(&blocked, SIGINT);
    sigaddset(&blocked, SIGTERM);
    sigprocmask(SIG_BLOCK, &blocked, before);
    sigemptyset(&action.sa_mask);
    action.sa_handler = on_signal;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

static void loop(Session *s, const sigset_t *signals)
{
    drain(s);
    while (!is_finished(s)) {
        wait_for_something(s, signals);
        read_socket(s);
        tick(s, probe_now());
        drain(s);
        forget_visitor(s);
    }
}

ProbeExit probe_session_run(const ProbeOptions *options, ProbeReport *report)
{
    Session s = {.options = options,
                 .report = report,
                 .fd = -1,
                 .close_at = SLUICE_TIME_NEVER,
                 .flush_until = SLUICE_TIME_NEVER};
    ProbeExit status = PROBE_EXIT_FAILURE;
    sigset_t before;

    s.buffer = g_malloc(PROBE_BUFFER);
    s.reply = g_malloc(PROBE_BUFFER);
    probe_traffic_init(&s.traffic, options);
    probe_report_begin(report, options);
    if (session_make_config(&s) && session_open_socket(&s)) {
        /* After the look-up of a name, which a signal may end; before anybody is told that we are here. */
        catch_signals(&before);
        if (session_begin(&s)) {
            loop(&s, &before);
            status = session_conclude(&s);
        }
    }
    sluice_transport_free(s.transport);
    sluice_config_unref(s.config);
    probe_capture_free(s.capture);
    probe_traffic_clear(&s.traffic);
    g_free(s.buffer);
    g_free(s.reply);
    if (s.fd >= 0)
        close(s.fd);
    return status;
}
