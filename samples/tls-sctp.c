/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tls-sctp: TLS over one ordered stream of SCTP (RFC 3436), client and server. SCTP is usrsctp's; sctp-udp.c runs it
 * in this thread.
 *
 *   cc -o tls-sctp tls-sctp*.c sctp-udp.c $(pkg-config --cflags --libs sluice-1.0 usrsctp)
 *   ./tls-sctp --echo listen localhost:5000
 *   ./tls-sctp --fingerprint 'sha-256 ...' --send FILE --receive COPY connect localhost:5000   (the one printed there)
 *
 * Either end may --send FILE, --receive FILE (`-` is standard input or output) or --echo. A server asks for a client's
 * --certificate if it has --ca or --fingerprint. --insecure believes anybody: for tests on your own machine.
 *
 * The exit status is 0 if both have said close_notify and all was stored; else 1; 2: usage.
 */
#include "sctp-udp.h"
#include "tls-sctp-options.h"

#include <err.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include <sluice/sluice.h>

#define MESSAGE 16384 /* the largest that is sent; smaller where SCTP's send buffer is */

typedef struct {
    uint8_t data[65536];
    size_t from, to; /* what is left of it */
} Buffer;

typedef struct {
    SluiceStream *stream;
    SctpUdp sctp;
    Options options;
    Buffer plain, cipher;     /* what the stream has not accepted, and what it has not taken */
    int all_read, sctp_ended; /* all_read: nothing follows after `plain` */
    size_t messages, largest, refused, parts;
} Peer;

static SluiceTime now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * SLUICE_SECOND + ts.tv_nsec;
}

/* Ciphertext to SCTP, always in its stream 0. What it refuses stays in ours: the next attempt sends the same bytes. */
static int send_messages(Peer *p)
{
    struct socket *s = p->sctp.socket;
    const uint8_t *data;
    size_t len;
    int moved = 0;
    while (s && (usrsctp_get_events(s) & SCTP_EVENT_WRITE) &&
           sluice_stream_peek_output(p->stream, &data, &len)) {
        if (usrsctp_sendv(s, data, len, NULL, 0, NULL, 0, SCTP_SENDV_NOINFO, 0) < 0) {
            p->refused += errno == EWOULDBLOCK; /* writable, but not for so much */
            break;                              /* other errors show in receive() */
        }
        sluice_stream_pop_output(p->stream, len);
        p->messages++;
        p->largest = len > p->largest ? len : p->largest;
        moved = 1;
    }
    return moved;
}

/* Ciphertext from SCTP, perhaps a part of a message (no MSG_EOR): TLS sees bytes. What the stream has no room for waits
 * here until more has been read, and what follows in SCTP, which makes the peer wait. */
static int receive(Peer *p)
{
    Buffer *b = &p->cipher;
    size_t taken = 0;
    int flags = 0;
    if (p->sctp.socket && !p->sctp_ended && b->from == b->to) {
        ssize_t n = usrsctp_recvv(p->sctp.socket, b->data, sizeof b->data, NULL, NULL, NULL,
                                  &(socklen_t){0}, &(unsigned){0}, &flags);
        if (n > 0 && !(flags & MSG_NOTIFICATION)) {
            b->from = 0, b->to = (size_t)n;
            p->parts += !(flags & MSG_EOR);
        } else if (n == 0 || (n < 0 && errno != EWOULDBLOCK)) {
            p->sctp_ended = 1;
            sluice_stream_receive_end(p->stream);
        }
    }
    SluiceStatus status =
        sluice_stream_receive(p->stream, b->data + b->from, b->to - b->from, &taken);
    b->from = status == SLUICE_WOULD_BLOCK ? b->from + taken : b->to;
    return taken > 0;
}

/* Plaintext from the stream. An echo reads no more until what it has read was accepted. */
static int deliver(Peer *p)
{
    static uint8_t scratch[sizeof p->plain.data];
    size_t len = 0;
    if (p->options.echo && p->plain.from < p->plain.to)
        return 0;
    SluiceStatus status = sluice_stream_read(p->stream, p->options.echo ? p->plain.data : scratch,
                                             sizeof scratch, &len);
    if (p->options.echo)
        p->plain.from = 0, p->plain.to = len, p->all_read = status == SLUICE_END_OF_STREAM;
    else if (p->options.sink && fwrite(scratch, 1, len, p->options.sink) != len)
        err(1, "writing");
    return len > 0;
}

/* Plaintext to the stream: what is accepted is never given again, though it may not be sent yet. */
static int accept_plain(Peer *p)
{
    Buffer *b = &p->plain;
    size_t accepted = 0;
    if (p->options.insecure)
        sluice_stream_accept_peer(p->stream, 1); /* whoever it is */
    if (p->all_read && b->from == b->to &&
        sluice_stream_get_state(p->stream) == SLUICE_STATE_CONNECTED)
        sluice_stream_shutdown(p->stream); /* close_notify; the other direction stays open */
    sluice_stream_write(p->stream, b->data + b->from, b->to - b->from, &accepted);
    b->from += accepted;
    return accepted > 0;
}

static void wait_and_read(Peer *p)
{
    int hungry =
        p->plain.from == p->plain.to && !p->all_read && sluice_stream_writable(p->stream) > 0;
    struct pollfd f[2] = {{.fd = p->sctp.fd, .events = POLLIN},
                          {.fd = hungry ? p->options.source : -1, .events = POLLIN}};
    poll(f, 2, SCTP_UDP_TICK);
    sctp_udp_run(&p->sctp);
    if (f[1].revents) {
        ssize_t n = read(p->options.source, p->plain.data, sizeof p->plain.data);
        if (n < 0)
            err(1, "reading");
        p->plain.from = 0, p->plain.to = (size_t)n, p->all_read = n == 0;
    }
}

/* Until SCTP has ended. Returns 1 if TLS has, in order. */
static int carry(Peer *p)
{
    SluiceTime leave = SLUICE_TIME_NEVER;
    const uint8_t *data;
    size_t len;
    while (!p->sctp_ended && now() < leave) {
        wait_and_read(p);
        if (p->sctp.socket && sluice_stream_get_state(p->stream) == SLUICE_STATE_NEW)
            sluice_stream_start(p->stream, now());
        while (receive(p) | deliver(p) | accept_plain(p) | send_messages(p))
            ;
        if (sluice_stream_handle_timeout(p->stream, now()) != SLUICE_ENDED)
            continue;
        if (leave == SLUICE_TIME_NEVER)
            leave = now() + 5 * SLUICE_SECOND; /* for what is left, perhaps an alert */
        if (!sluice_stream_peek_output(p->stream, &data, &len))
            usrsctp_shutdown(p->sctp.socket, SHUT_WR);
    }
    return sluice_stream_get_state(p->stream) == SLUICE_STATE_CLOSED;
}

static void report(const Peer *p)
{
    char why[640] = "SCTP has ended, TLS has not";
    SluiceStreamInfo i;
    SluiceEnd end;
    if (sluice_stream_get_end(p->stream, &end) == SLUICE_OK)
        sluice_end_describe(&end, why, sizeof why);
    sluice_stream_get_info(p->stream, &i, sizeof i);
    fprintf(stderr,
            "%s\n%s, plaintext accepted %ju, ciphertext produced %ju, taken %ju; "
            "messages sent %zu, refused %zu, largest %zu, partial reads %zu\n",
            why, i.cipher, (uintmax_t)i.plaintext_accepted, (uintmax_t)i.ciphertext_produced,
            (uintmax_t)i.ciphertext_taken, p->messages, p->refused, p->largest, p->parts);
}

int main(int argc, char **argv)
{
    static Peer p;
    Options *o = &p.options;
    p.stream = parse_options(o, argc, argv);
    p.all_read = o->source < 0 && !o->echo;
    sctp_udp_open(&p.sctp, o->server, o->host, o->port, o->send_buffer);
    FILE *talk = o->sink == stdout ? stderr : stdout;
    if (o->server)
        fprintf(talk, "listening on %s:%u\n", o->host, sctp_udp_port(&p.sctp));
    fprintf(talk, "fingerprint %s\n", o->fingerprint);
    fflush(talk);
    /* SCTP never takes a message that is larger than its buffer. */
    sluice_stream_set_message_limit(
        p.stream, (size_t)(o->send_buffer < 2 * MESSAGE ? o->send_buffer / 2 : MESSAGE));
    int closed = carry(&p);
    report(&p);
    sctp_udp_close(&p.sctp);
    sluice_stream_free(p.stream);
    return closed && (o->sink == NULL || fclose(o->sink) == 0) ? 0 : 1;
}
