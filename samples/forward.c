/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * forward: one in, many out. A publisher's RTP goes to every subscriber; all of them speak DTLS-SRTP over plain UDP, the
 * publisher with one socket, the subscribers with another. The core library on epoll; GLib is there for options, tables
 * and JSON only.
 *
 *   forward.c          the loop: sockets, timers, signals
 *   forward-socket.c   many datagrams at a call: recvmmsg and GRO;  forward-queue.c: sendmmsg and GSO
 *   forward-side.c     the peers of a socket, found by address;     forward-peer.c: one of them
 *   forward-media.c    sluice_fan_out();                            forward-rtcp.c: reports and requests
 */
#include "forward.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "forward-media.h"
#include "forward-options.h"
#include "forward-report.h"

#define PUBLISHERS                                                                                 \
    4 /* one that comes back from another address, and attempts that fail, need a place */
#define HANDSHAKE (10 * SLUICE_SECOND)
#define FAREWELL SLUICE_SECOND /* for close_notify when the socket is full */

typedef struct {
    ForwardOptions options;
    SluiceConfig *config;
    SluiceTimers *timers;
    ForwardMedia *media;
    ForwardSide publisher, subscribers;
    int epoll, signals;
    SluiceTime stop_at; /* NEVER: nobody wants us to */
} Forwarder;

static Forwarder self;

/* -- what the sides tell the media -------------------------------------------------------------------------- */

static void publisher_joined(ForwardPeer *peer) { forward_media_set_publisher(self.media, peer); }

static void publisher_left(ForwardPeer *peer)
{
    if (forward_media_publisher(self.media) == peer)
        forward_media_set_publisher(self.media, NULL);
}

static void from_publisher(ForwardPeer *peer, SluiceKind kind, uint8_t *data, size_t len,
                           gboolean flush)
{
    if (forward_media_publisher(self.media) != peer)
        return;
    if (kind == SLUICE_KIND_RTP)
        forward_media_take_rtp(self.media, data, len);
    else
        forward_media_take_reports(self.media, data, len);
    if (flush)
        forward_media_flush(self.media);
}

static void subscriber_joined(ForwardPeer *peer) { forward_media_add_subscriber(self.media, peer); }

static void subscriber_left(ForwardPeer *peer)
{
    forward_media_remove_subscriber(self.media, peer);
}

static void from_subscriber(ForwardPeer *peer, SluiceKind kind, uint8_t *data, size_t len,
                            gboolean flush)
{
    (void)flush;
    if (kind == SLUICE_KIND_RTCP) /* their RTP goes nowhere */
        forward_media_take_feedback(self.media, peer, data, len);
}

/* -- beginning ---------------------------------------------------------------------------------------------- */

static gboolean watch(int fd, uint32_t events, int operation)
{
    struct epoll_event event = {.events = events, .data.fd = fd};

    return epoll_ctl(self.epoll, operation, fd, &event) == 0;
}

static gboolean open_side(ForwardSide *side, int port, GError **error)
{
    g_autofree char *number = NULL;

    side->config = self.config;
    side->timers = self.timers;
    side->idle = self.options.idle * SLUICE_SECOND;
    side->socket.fd = -1;
    forward_side_init(side);
    if (!forward_socket_open(&side->socket, self.options.bind, (guint16)port, !self.options.no_gso,
                             &side->count, error))
        return FALSE;
    watch(side->socket.fd, EPOLLIN, EPOLL_CTL_ADD);
    number = g_strdup_printf("%u", forward_socket_port(&side->socket));
    forward_report("listening", "side", side->name, "address", self.options.bind, "port", number,
                   "gro", side->socket.gro ? "yes" : "no", NULL);
    return TRUE;
}

static gboolean make_config(GError **error)
{
    SluiceCertificate *certificate = forward_options_certificate(&self.options, error);
    SluiceFingerprint ours;
    char text[SLUICE_FINGERPRINT_TEXT_MAX] = "";

    if (certificate == NULL)
        return FALSE;
    self.config = sluice_config_new(certificate);
    sluice_config_set_allow_unvalidated(self.config, 1); /* no ICE: a cookie asks who is there */
    sluice_config_set_deadlines(self.config, HANDSHAKE, HANDSHAKE);
    sluice_certificate_get_fingerprint(certificate, SLUICE_HASH_SHA256, &ours);
    sluice_fingerprint_format(&ours, text, sizeof text);
    forward_report("certificate", "fingerprint", text, NULL);
    sluice_certificate_unref(certificate);
    if (self.options.publisher.anyone || self.options.subscribers.anyone)
        forward_report("warning", "message",
                       "'-' believes any peer; nothing of it is authenticated", NULL);
    return TRUE;
}

static gboolean open_all(GError **error)
{
    sigset_t wanted;

    sigemptyset(&wanted);
    sigaddset(&wanted, SIGINT);
    sigaddset(&wanted, SIGTERM);
    sigaddset(&wanted, SIGUSR1);
    sigprocmask(SIG_BLOCK, &wanted, NULL);
    self.signals = signalfd(-1, &wanted, SFD_NONBLOCK | SFD_CLOEXEC);
    self.epoll = epoll_create1(EPOLL_CLOEXEC);
    self.timers = sluice_timers_new();
    self.media = forward_media_new(self.options.payload_types);
    self.stop_at = SLUICE_TIME_NEVER;
    self.publisher.name = "publisher";
    self.publisher.trust = &self.options.publisher;
    self.publisher.max_peers = PUBLISHERS;
    self.publisher.joined = publisher_joined;
    self.publisher.left = publisher_left;
    self.publisher.media = from_publisher;
    self.subscribers.name = "subscriber";
    self.subscribers.trust = &self.options.subscribers;
    self.subscribers.max_peers = (guint)self.options.max_peers;
    self.subscribers.joined = subscriber_joined;
    self.subscribers.left = subscriber_left;
    self.subscribers.media = from_subscriber;
    watch(self.signals, EPOLLIN, EPOLL_CTL_ADD);
    return make_config(error) && open_side(&self.publisher, self.options.publisher_port, error) &&
           open_side(&self.subscribers, self.options.subscriber_port, error);
}

/* -- the loop ----------------------------------------------------------------------------------------------- */

static void report_statistics(void)
{
    forward_report_statistics(&self.publisher.count, &self.subscribers.count,
                              forward_media_figures(self.media));
}

static void on_signal(void)
{
    struct signalfd_siginfo info;

    while (read(self.signals, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGUSR1) {
            report_statistics();
        } else if (self.stop_at == SLUICE_TIME_NEVER) {
            self.stop_at = forward_now() + FAREWELL;
            forward_side_close_all(&self.publisher);
            forward_side_close_all(&self.subscribers);
        }
    }
}

/* One read of a socket; then what the publisher sent goes out. */
static void on_socket(ForwardSide *side, uint32_t events)
{
    if (events & EPOLLOUT)
        forward_side_writable(side);
    forward_socket_receive(&side->socket, forward_side_take, side);
    forward_media_flush(self.media);
}

/* Wants to be told of room only while something waits for it. */
static void watch_side(ForwardSide *side)
{
    watch(side->socket.fd, EPOLLIN | (side->waiting ? EPOLLOUT : 0u), EPOLL_CTL_MOD);
    if (side->socket.gso_refused) {
        side->socket.gso_refused = FALSE;
        forward_report("warning", "side", side->name, "message",
                       "the kernel refuses to send runs (UDP_SEGMENT); datagrams go one by one",
                       NULL);
    }
}

static void run_timers(void)
{
    SluiceTimer *timer;

    while ((timer = sluice_timers_pop(self.timers, forward_now())) != NULL)
        forward_peer_wake(timer->user_data);
}

static int wait_time(void)
{
    SluiceTime due = MIN(sluice_timers_next(self.timers), self.stop_at), wait;

    if (due == SLUICE_TIME_NEVER)
        return -1;
    wait = due - forward_now();
    return wait <= 0 ? 0 : (int)(wait / SLUICE_MILLISECOND) + 1;
}

static gboolean is_over(void)
{
    return self.stop_at != SLUICE_TIME_NEVER &&
           (forward_now() >= self.stop_at || (g_hash_table_size(self.publisher.peers) == 0 &&
                                              g_hash_table_size(self.subscribers.peers) == 0));
}

static void run(void)
{
    struct epoll_event events[3];

    while (!is_over()) {
        int n = epoll_wait(self.epoll, events, G_N_ELEMENTS(events), wait_time());

        for (int i = 0; i < n; i++) {
            if (events[i].data.fd == self.signals)
                on_signal();
            else if (events[i].data.fd == self.publisher.socket.fd)
                on_socket(&self.publisher, events[i].events);
            else
                on_socket(&self.subscribers, events[i].events);
        }
        run_timers();
        watch_side(&self.publisher);
        watch_side(&self.subscribers);
    }
}

int main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;

    if (!forward_options_parse(&self.options, argc, argv))
        return 2;
    forward_report_init(self.options.json);
    if (!open_all(&error)) {
        g_printerr("%s: %s\n", argv[0], error->message);
        return 1;
    }
    run();
    report_statistics();
    forward_side_clear(&self.publisher);
    forward_side_clear(&self.subscribers);
    forward_media_free(self.media);
    sluice_timers_free(self.timers);
    sluice_config_unref(self.config);
    forward_options_clear(&self.options);
    close(self.epoll);
    close(self.signals);
    return 0;
}
