/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * echo-poll: a DTLS-SRTP server with one socket and one peer that sends every packet and message
 * back. The core library and poll(2), nothing else: no GLib, no ICE.
 *
 *   cc -o echo-poll echo-poll.c $(pkg-config --cflags --libs sluice-1.0)
 *   ./echo-poll 127.0.0.1 5004 --fingerprint 'sha-256 12:AB:...'      (that of the peer)
 *   rtcprobe connect udp:127.0.0.1:5004 --fingerprint 'sha-256 ...' (the one printed here)
 *
 * `--fingerprint -` believes whoever comes first, and whoever sits in between: only for a test on
 * your own machine. A call needs the peer's fingerprint, from signalling it can trust.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <sluice/sluice.h>

#define LARGEST 65536 /* no UDP payload is longer */
static _Alignas(8) uint8_t buffer[LARGEST + SLUICE_PROTECT_ROOM];

static SluiceTime now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * SLUICE_SECOND + ts.tv_nsec;
}

/* Waits for the first datagram: its sender is our peer, the kernel keeps everybody else out. */
static int open_socket(const char *address, const char *port)
{
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
    socklen_t len = sizeof sin;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (fd < 0 || inet_pton(AF_INET, address, &sin.sin_addr) != 1 ||
        bind(fd, (struct sockaddr *)&sin, len) < 0)
        return -1;
    getsockname(fd, (struct sockaddr *)&sin, &len);
    printf("listening on udp:%s:%u\n", address, ntohs(sin.sin_port));
    fflush(stdout);
    recvfrom(fd, buffer, 1, MSG_PEEK, (struct sockaddr *)&sin, &len);
    return connect(fd, (struct sockaddr *)&sin, len) == 0 ? fd : -1;
}

/* `buffer` has room to spare behind the packet. What the network does not take is lost. */
static void echo_media(SluiceTransport *t, int fd, SluiceKind kind, size_t len)
{
    if (sluice_transport_protect(t, kind, buffer, &len, sizeof buffer) == SLUICE_OK)
        (void)!send(fd, buffer, len, MSG_DONTWAIT);
}

/* Messages, and media that came before the keys did. A message that finds the output full stays. */
static void echo_messages(SluiceTransport *t, int fd)
{
    SluiceMessage m;
    while (sluice_transport_peek_message(t, &m)) {
        if (m.kind != SLUICE_KIND_DATA)
            echo_media(t, fd, m.kind, (memcpy(buffer, m.data, m.len), m.len));
        else if (sluice_transport_send_data(t, now(), m.data, m.len) == SLUICE_WOULD_BLOCK)
            return;
        sluice_transport_pop_message(t);
    }
}

/* Returns what to wait for: POLLOUT too when the socket is full and the rest waits its turn. */
static short send_output(SluiceTransport *t, int fd)
{
    const uint8_t *data;
    size_t len;
    while (sluice_transport_peek_output(t, &data, &len)) {
        int sent = send(fd, data, len, MSG_DONTWAIT) >= 0;
        if (!sent && errno == EAGAIN)
            return POLLIN | POLLOUT;
        SluiceSent failed = errno == EMSGSIZE ? SLUICE_SEND_TOO_BIG : SLUICE_SEND_FAILED;
        sluice_transport_pop_output(t, now(), sent ? SLUICE_SENT : failed);
    }
    return POLLIN;
}

/* In place of a fingerprint from signalling: believes the certificate that the peer brought. */
static void trust_whoever_came(SluiceTransport *t)
{
    SluiceFingerprint fp;
    const uint8_t *der;
    size_t len;
    if (sluice_transport_get_remote_certificate(t, &der, &len) == SLUICE_OK &&
        sluice_fingerprint_of_der(SLUICE_HASH_SHA256, der, len, &fp) == SLUICE_OK)
        sluice_transport_set_remote_fingerprints(t, now(), &fp, 1);
}

static SluiceEndReason serve(SluiceTransport *t, int fd, int trust_anyone)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    SluiceEnd end;
    do {
        SluiceTime due = sluice_transport_next_timeout(t), wait = due - now();
        poll(&p, 1, due == SLUICE_TIME_NEVER ? -1 : wait <= 0 ? 0 : (int)(wait / 1000000) + 1);
        for (ssize_t n; (n = recv(fd, buffer, LARGEST, MSG_DONTWAIT)) >= 0; echo_messages(t, fd)) {
            size_t len = (size_t)n;
            SluiceKind kind;
            if (sluice_transport_receive(t, now(), buffer, &len, &kind) == SLUICE_OK &&
                (kind == SLUICE_KIND_RTP || kind == SLUICE_KIND_RTCP))
                echo_media(t, fd, kind, len);
        }
        sluice_transport_handle_timeout(t, now());
        if (trust_anyone && sluice_transport_get_state(t) == SLUICE_STATE_UNVERIFIED)
            trust_whoever_came(t);
        echo_messages(t, fd);
        p.events = send_output(t, fd);
    } while (sluice_transport_get_end(t, &end) != SLUICE_OK);
    char why[640];
    sluice_end_describe(&end, why, sizeof why);
    printf("%s\n", why);
    return end.reason;
}

int main(int argc, char **argv)
{
    int anyone = argc == 5 && strcmp(argv[4], "-") == 0;
    SluiceFingerprint ours, theirs;
    char text[SLUICE_FINGERPRINT_TEXT_MAX];
    if (argc != 5 || strcmp(argv[3], "--fingerprint") != 0 ||
        (!anyone && sluice_fingerprint_parse(argv[4], strlen(argv[4]), &theirs) != SLUICE_OK))
        return fprintf(stderr, "usage: %s ADDRESS PORT --fingerprint 'sha-256 ...'|-\n", *argv), 2;
    SluiceConfig *config = sluice_config_new(NULL); /* makes a certificate */
    sluice_config_set_allow_unvalidated(config, 1); /* no ICE: a cookie asks who is there */
    SluiceTransport *t = sluice_transport_new(config);
    sluice_certificate_get_fingerprint(sluice_config_get_certificate(config), SLUICE_HASH_SHA256,
                                       &ours);
    sluice_fingerprint_format(&ours, text, sizeof text);
    printf("our fingerprint: %s\n", text);
    if (anyone)
        printf("WARNING: --fingerprint - believes any peer; nothing here is authenticated\n");
    else
        sluice_transport_set_remote_fingerprints(t, now(), &theirs, 1);
    int fd = open_socket(argv[1], argv[2]);
    if (fd < 0)
        return perror(argv[2]), 1;
    sluice_transport_start(t, now(), SLUICE_ROLE_SERVER);
    SluiceEndReason reason = serve(t, fd, anyone);
    sluice_transport_free(t);
    sluice_config_unref(config);
    return reason == SLUICE_END_CLOSE_NOTIFY ? 0 : 1;
}
