/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tls-poll: TLS over TCP, client and server, with the core library and poll(2), nothing else.
 *
 *   cc -o tls-poll tls-poll.c $(pkg-config --cflags --libs sluice-1.0)
 *   ./tls-poll echo localhost 4433                a server that sends everything back, or
 *   ./tls-poll listen localhost 4433 <FILE >COPY  one that sends FILE and stores what comes
 *   ./tls-poll -f 'sha-256 ...' connect localhost 4433 <FILE >COPY    (the one it printed)
 *
 * -c FILE -k FILE  certificate and key, PEM         -n NAME   the server's, if not HOST
 * -a FILE          authorities to trust, PEM        -t 1.2    that version alone, or 1.3
 * -f FINGERPRINT   of the peer, in their place      -b BYTES  SO_SNDBUF; other limits small
 * -i               trust anybody: only for tests    -w SEED   writes of random size
 * Exit status 0: all was sent, and all that came until the peer's close_notify was written.
 */
#include <err.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sluice/sluice.h>

static const char *opt[128]; /* the options by letter, NULL where not given */
typedef struct {
    SluiceStream *s;
    int fd, echo, all_read;              /* all_read: nothing comes after `plain` */
    int full, broken;                    /* the socket takes nothing now, never again */
    uint8_t plain[65536], cipher[65536]; /* what the stream has not accepted, has not taken */
    size_t plain_len, cipher_len;
    unsigned long refused, partial;
} Peer;

static SluiceTime now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * SLUICE_SECOND + ts.tv_nsec;
}

/* Moves what can be moved now, on all four ways. Returns 0 if that was nothing. */
static int move(Peer *p)
{
    static uint8_t scratch[sizeof p->plain];
    const uint8_t *data;
    size_t len, n = 0;
    /* Ciphertext to the stream. What it has no room for is given again. */
    if (sluice_stream_receive(p->s, p->cipher, p->cipher_len, &n) != SLUICE_WOULD_BLOCK)
        n = p->cipher_len; /* all of it, or no more is wanted */
    int moved = n > 0;
    memmove(p->cipher, p->cipher + n, p->cipher_len -= n);
    if (opt['i'])
        sluice_stream_accept_peer(p->s, 1); /* if that is the question */
    /* Plaintext from the stream. An echo reads no more until what it has is accepted. */
    if (!p->echo && sluice_stream_read(p->s, scratch, sizeof scratch, &n) == SLUICE_OK)
        moved |= (fwrite(scratch, 1, n, stdout) > 0 && fflush(stdout) == 0) || ferror(stdout);
    else if (p->echo && p->plain_len == 0)
        p->all_read = sluice_stream_read(p->s, p->plain, sizeof p->plain, &p->plain_len) ==
                      SLUICE_END_OF_STREAM;
    /* Plaintext to the stream. What it accepts is never given again, whether it is sent or not. */
    len = opt['w'] ? (size_t)random() % 40000 + 1 : sizeof p->plain, n = 0;
    sluice_stream_write(p->s, p->plain, len < p->plain_len ? len : p->plain_len, &n);
    moved |= n > 0;
    memmove(p->plain, p->plain + n, p->plain_len -= n);
    if (p->all_read && p->plain_len == 0 && sluice_stream_get_state(p->s) == SLUICE_STATE_CONNECTED)
        sluice_stream_shutdown(p->s); /* close_notify; the other direction stays open */
    /* Ciphertext to the socket. What it does not take stays: it cannot be made a second time. */
    if (!p->full && !p->broken && sluice_stream_peek_output(p->s, &data, &len)) {
        ssize_t sent = send(p->fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
        moved |= sent > 0;
        p->full = sent < 0 && errno == EAGAIN;
        p->broken = sent < 0 && errno != EAGAIN; /* perhaps the peer has said why: read on */
        p->refused += (unsigned)p->full;
        p->partial += sent >= 0 && (size_t)sent < len;
        sluice_stream_pop_output(p->s, sent > 0 ? (size_t)sent : 0);
    }
    return moved;
}

/* Waits for the socket or, if there is nothing to write, standard input. Returns 0 at the end. */
static int wait_and_read(Peer *p)
{
    int hungry = p->cipher_len == 0 && sluice_stream_wants_input(p->s);
    int idle = !p->echo && !p->all_read && p->plain_len == 0;
    if (!p->full && (p->broken ? !hungry : sluice_stream_get_state(p->s) >= SLUICE_STATE_CLOSED))
        return 0;
    short events = (short)((hungry ? POLLIN : 0) | (p->full ? POLLOUT : 0));
    struct pollfd f[2] = {{events ? p->fd : -1, events, 0}, {idle ? 0 : -1, POLLIN, 0}};
    SluiceTime due = sluice_stream_next_timeout(p->s), left = due - now();
    poll(f, 2, due == SLUICE_TIME_NEVER ? -1 : left <= 0 ? 0 : (int)(left / 1000000) + 1);
    sluice_stream_handle_timeout(p->s, now());
    p->full = p->full && !(f[0].revents & ~POLLIN);
    if (hungry && f[0].revents) {
        ssize_t n = recv(p->fd, p->cipher, sizeof p->cipher, MSG_DONTWAIT);
        if (n == 0 || (n < 0 && errno != EAGAIN))
            sluice_stream_receive_end(p->s);
        p->cipher_len = n > 0 ? (size_t)n : 0;
    }
    if (f[1].revents) {
        ssize_t n = read(STDIN_FILENO, p->plain, sizeof p->plain);
        if (n < 0)
            err(1, "standard input");
        p->plain_len = (size_t)n;
        p->all_read = n == 0;
    }
    return 1;
}

/* One connection: a server waits for it. */
static int open_socket(const char *host, const char *port, int server)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *a;
    int on = 1, small = opt['b'] ? atoi(opt['b']) : 0, error = getaddrinfo(host, port, &hints, &a);
    if (error != 0)
        errx(1, "%s: %s", host, gai_strerror(error));
    int fd = socket(a->ai_family, a->ai_socktype, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (opt['b'] && setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small) == 0 &&
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &(int){16384}, sizeof(int)) == 0)
        setsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &(int){1448}, sizeof(int)); /* as on Ethernet */
    if ((server ? bind(fd, a->ai_addr, a->ai_addrlen) : connect(fd, a->ai_addr, a->ai_addrlen)) < 0)
        err(1, "%s %s", host, port);
    if (server && listen(fd, 1) == 0) {
        getsockname(fd, a->ai_addr, &a->ai_addrlen); /* the port is at the same place in IPv6's */
        fprintf(stderr, "listening on %s %u\n", host,
                ntohs(((struct sockaddr_in *)(void *)a->ai_addr)->sin_port));
        fd = accept(fd, NULL, NULL);
    }
    freeaddrinfo(a);
    return fd;
}

static size_t load(const char *path, char *text)
{
    FILE *file = fopen(path, "r");
    size_t len = file ? fread(text, 1, 1 << 20, file) : 0;
    if (file == NULL || fclose(file) != 0)
        err(2, "%s", path);
    return len;
}

int main(int argc, char **argv)
{
    static char pem[1 << 20], key[1 << 20], why[640] = "the connection broke";
    static Peer p;
    SluiceCertificate *own = NULL;
    SluiceFingerprint fp;
    SluiceStreamInfo i;
    SluiceEnd end;
    for (int c; (c = getopt(argc, argv, "c:k:a:f:in:t:b:w:")) != -1;)
        opt[c] = optarg ? optarg : "";
    if (opt['?'] || argc - optind != 3 || strchr("elc", argv[optind][0]) == NULL)
        errx(2, "[options] echo|listen|connect HOST PORT");
    int server = argv[optind][0] != 'c', bad = 0;
    if (opt['c'])
        bad |= sluice_certificate_from_pem(pem, load(opt['c'], pem), key,
                                           load(opt[opt['k'] ? 'k' : 'c'], key), &own);
    SluiceConfig *config = sluice_config_new(own); /* makes a certificate if it gets none */
    sluice_config_set_stream_present_certificate(config, own != NULL);
    if (opt['a'])
        bad |= sluice_config_add_stream_ca_pem(config, pem, load(opt['a'], pem));
    unsigned tls = opt['t'] && strcmp(opt['t'], "1.2") == 0 ? SLUICE_TLS_1_2 : SLUICE_TLS_1_3;
    sluice_config_set_stream_versions(config, opt['t'] ? tls : SLUICE_TLS_1_2, tls);
    sluice_certificate_unref(own);
    own = sluice_config_get_certificate(config);
    sluice_certificate_get_fingerprint(own, SLUICE_HASH_SHA256, &fp);
    sluice_fingerprint_format(&fp, pem, sizeof pem);
    fprintf(stderr, "our fingerprint: %s\n", pem);
    p.s = sluice_stream_new(config, server ? SLUICE_ROLE_SERVER : SLUICE_ROLE_CLIENT);
    SluiceVerify verify = opt['i'] ? SLUICE_VERIFY_ASK : SLUICE_VERIFY_TRUST;
    sluice_stream_set_verify(p.s, opt['f'] ? SLUICE_VERIFY_FINGERPRINT : verify);
    if (opt['f'])
        bad |= sluice_fingerprint_parse(opt['f'], strlen(opt['f']), &fp) ||
               sluice_stream_set_remote_fingerprints(p.s, &fp, 1);
    if (!server)
        bad |= sluice_stream_set_host(p.s, opt['n'] ? opt['n'] : argv[optind + 1]);
    if (bad)
        errx(2, "-c with -k, -a, -f or the name is not what it should be");
    srandom(opt['w'] ? (unsigned)atoi(opt['w']) : 0);
    p.echo = argv[optind][0] == 'e';
    p.fd = open_socket(argv[optind + 1], argv[optind + 2], server);
    sluice_stream_start(p.s, now());
    while (move(&p) || wait_and_read(&p))
        ;
    if (sluice_stream_get_end(p.s, &end) == SLUICE_OK)
        sluice_end_describe(&end, why, sizeof why);
    sluice_stream_get_info(p.s, &i, sizeof i);
    fprintf(stderr, "%s\n%s: accepted %ju, produced %ju, taken %ju; refused %lu, partial %lu\n",
            why, i.cipher, i.plaintext_accepted, i.ciphertext_produced, i.ciphertext_taken,
            p.refused, p.partial);
    sluice_stream_free(p.s);
    sluice_config_unref(config);
    return fflush(stdout) != 0 || ferror(stdout) || p.broken || !i.read_closed || !i.write_closed;
}
