/* SPDX-License-Identifier: BSD-3-Clause */
#include "sctp-udp.h"

#include <err.h>
#include <errno.h>
#include <netdb.h>
#include <time.h>
#include <unistd.h>

static int64_t now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* usrsctp is in the middle of something and must not be called from here. What UDP does not take, SCTP sends again. */
static int send_packet(void *address, void *packet, size_t len, uint8_t tos, uint8_t df)
{
    (void)tos, (void)df;
    return send(((SctpUdp *)address)->fd, packet, len, MSG_DONTWAIT) < 0 ? errno : 0;
}

static int open_udp(int server, const char *host, const char *port)
{
    struct addrinfo *info, hints = {.ai_socktype = SOCK_DGRAM};
    int bad = getaddrinfo(host, port, &hints, &info);
    if (bad)
        errx(2, "%s: %s", host, gai_strerror(bad));
    int fd = socket(info->ai_family, SOCK_DGRAM, 0);
    if (fd < 0 || (server ? bind(fd, info->ai_addr, info->ai_addrlen)
                          : connect(fd, info->ai_addr, info->ai_addrlen)) < 0)
        err(1, "%s:%s", host, port);
    freeaddrinfo(info);
    return fd;
}

void sctp_udp_open(SctpUdp *self, int server, const char *host, const char *port, int send_buffer)
{
    /* The address is a pointer that comes back with each packet; the port is that of WebRTC's data channels. */
    struct sockaddr_conn conn = {
        .sconn_family = AF_CONN, .sconn_port = htons(5000), .sconn_addr = self};
    struct sockaddr *address = (struct sockaddr *)&conn;
    int on = 1;
    *self = (SctpUdp){.fd = open_udp(server, host, port), .connected = !server, .ticked = now()};
    usrsctp_init_nothreads(0, send_packet, NULL);
    usrsctp_register_address(self);
    struct socket *s = usrsctp_socket(AF_CONN, SOCK_STREAM, IPPROTO_SCTP, NULL, NULL, 0, NULL);
    if (s == NULL || usrsctp_set_non_blocking(s, 1) < 0 ||
        usrsctp_setsockopt(s, IPPROTO_SCTP, SCTP_NODELAY, &on, sizeof on) < 0 ||
        usrsctp_setsockopt(s, SOL_SOCKET, SO_SNDBUF, &send_buffer, sizeof send_buffer) < 0 ||
        usrsctp_bind(s, address, sizeof conn) < 0 ||
        (server ? usrsctp_listen(s, 1) < 0
                : usrsctp_connect(s, address, sizeof conn) < 0 && errno != EINPROGRESS))
        err(1, "SCTP");
    *(server ? &self->listening : &self->socket) = s;
}

unsigned sctp_udp_port(const SctpUdp *self)
{
    struct sockaddr_in6 sin6 = {.sin6_port = 0};
    socklen_t len = sizeof sin6;
    getsockname(self->fd, (struct sockaddr *)&sin6, &len);
    return ntohs(sin6.sin6_port); /* in the same place as IPv4's */
}

void sctp_udp_run(SctpUdp *self)
{
    static uint8_t packet[65536];
    struct sockaddr_storage from;
    socklen_t len = sizeof from;
    ssize_t n;
    /* Who comes first is the peer; the kernel keeps everybody else out. */
    if (!self->connected &&
        recvfrom(self->fd, packet, 1, MSG_PEEK | MSG_DONTWAIT, (struct sockaddr *)&from, &len) >= 0)
        self->connected = connect(self->fd, (struct sockaddr *)&from, len) == 0;
    while (self->connected && (n = recv(self->fd, packet, sizeof packet, MSG_DONTWAIT)) >= 0)
        usrsctp_conninput(self, packet, (size_t)n, 0);
    int64_t elapsed = now() - self->ticked;
    if (elapsed >= SCTP_UDP_TICK) {
        usrsctp_handle_timers((uint32_t)elapsed);
        self->ticked += elapsed;
    }
    if (self->socket == NULL)
        self->socket = usrsctp_accept(self->listening, NULL, NULL);
}

void sctp_udp_close(SctpUdp *self)
{
    struct linger at_once = {.l_onoff = 1};
    if (self->socket) {
        usrsctp_setsockopt(self->socket, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        usrsctp_close(self->socket);
    }
    if (self->listening)
        usrsctp_close(self->listening);
    usrsctp_deregister_address(self);
    usrsctp_finish();
    close(self->fd);
}
