/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One end of a TLS connection over TCP, led by lines on stdin, for the tests against other programs: what
 * samples/tls-poll leaves out (ALPN, sessions, chains, clients' certificates by authority, key updates, exporters).
 *
 *   tls-peer [options] listen|connect 127.0.0.1:PORT
 *
 * Lines in: `say TEXT`, `flood BYTES`, `update`, `update-request`, `release`, `shutdown`. Lines out: `listening on ...`,
 * `state ...`, `info ...`, `peer ...`, `verify ...`, `export ...`, `session ...`, `got TEXT`, `done COMMAND STATUS`,
 * `rest ...`, `end REASON ...`. A server serves one client after the other until it is killed; --once: one.
 * Exit status of a client, and of a server with --once: 0 if both have said close_notify, 1 if not.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <sluice/sluice.h>

/* clang-format off */
enum { ALPN, CA, CERTIFICATE, CHAIN, CLIENT_AUTH, ECHO, EMPTY_CONTEXT, EXPORT, FINGERPRINT, HOST, KEY, KEYLOG,
       ONCE, SESSION, TLS, VERIFY, OPTIONS };
static const struct option options[] = {
    {"alpn", 1, 0, 0}, {"ca", 1, 0, 0}, {"certificate", 1, 0, 0}, {"chain", 1, 0, 0}, {"client-auth", 1, 0, 0},
    {"echo", 0, 0, 0}, {"empty-context", 0, 0, 0}, {"export", 1, 0, 0}, {"fingerprint", 1, 0, 0},
    {"host", 1, 0, 0}, {"key", 1, 0, 0}, {"keylog", 1, 0, 0}, {"once", 0, 0, 0}, {"session", 1, 0, 0},
    {"tls", 1, 0, 0}, {"verify", 1, 0, 0}, {0, 0, 0, 0}};
/* clang-format on */
static const char *opt[OPTIONS];

typedef struct {
    SluiceStream *stream;
    int fd, full, gone;
    SluiceState shown;
    uint8_t cipher[65536];
    size_t cipher_from, cipher_to;
    uint8_t plain[1 << 20]; /* accepted by nobody yet */
    size_t plain_from, plain_to;
    size_t flood; /* zeros that are still to be said */
    size_t session_len;
} Peer;

static char commands[65536]; /* lines that are not obeyed yet */
static size_t commands_len, commands_end;

static SluiceTime now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * SLUICE_SECOND + ts.tv_nsec;
}

static size_t load(const char *path, char *text, size_t cap)
{
    FILE *file = fopen(path, "r");
    size_t len = file ? fread(text, 1, cap, file) : 0;

    if (!file || len == 0)
        err(2, "%s", path);
    fclose(file);
    return len;
}

static void must(SluiceStatus status, const char *what)
{
    if (status != SLUICE_OK)
        errx(2, "%s: %s", what, sluice_status_text(status));
}

/* -- settings ----------------------------------------------------------------------------------------------- */

static void on_keylog(const char *line, void *data)
{
    FILE *file = fopen(opt[KEYLOG], "a");

    (void)data;
    if (file) {
        fprintf(file, "%s\n", line);
        fclose(file);
    }
}

static void set_alpn(SluiceConfig *config)
{
    static char text[512];
    const char *names[16];
    size_t n = 0;

    snprintf(text, sizeof text, "%s", opt[ALPN]);
    for (char *name = strtok(text, ","); name && n < 16; name = strtok(NULL, ","))
        names[n++] = name;
    must(sluice_config_set_stream_alpn(config, names, n), "--alpn");
}

static SluiceConfig *make_config(void)
{
    static char pem[1 << 16], key[1 << 16];
    SluiceCertificate *own = NULL;
    SluiceConfig *config;
    size_t len;

    if (opt[CERTIFICATE]) {
        size_t key_len = load(opt[KEY] ? opt[KEY] : opt[CERTIFICATE], key, sizeof key);
        len = load(opt[CERTIFICATE], pem, sizeof pem);
        must(sluice_certificate_from_pem(pem, len, key, key_len, &own), "--certificate");
    }
    config = sluice_config_new(own);
    if (opt[TLS]) {
        unsigned version = strcmp(opt[TLS], "1.2") == 0 ? SLUICE_TLS_1_2 : SLUICE_TLS_1_3;
        must(sluice_config_set_stream_versions(config, version, version), "--tls");
    }
    if (opt[CA]) {
        len = load(opt[CA], pem, sizeof pem);
        must(sluice_config_add_stream_ca_pem(config, pem, len), "--ca");
    }
    if (opt[CHAIN]) {
        len = load(opt[CHAIN], pem, sizeof pem);
        must(sluice_config_add_stream_chain_pem(config, pem, len), "--chain");
    }
    if (opt[CLIENT_AUTH])
        must(sluice_config_set_stream_client_auth(config, strcmp(opt[CLIENT_AUTH], "require") == 0
                                                              ? SLUICE_CLIENT_AUTH_REQUIRE
                                                              : SLUICE_CLIENT_AUTH_REQUEST),
             "--client-auth");
    if (opt[ALPN])
        set_alpn(config);
    if (opt[KEYLOG])
        must(sluice_config_set_keylog(config, on_keylog, NULL, NULL), "--keylog");
    must(sluice_config_set_stream_present_certificate(config, own != NULL), "certificate");
    sluice_certificate_unref(own);
    return config;
}

static void set_peer(SluiceStream *stream, int server)
{
    static char session[1 << 16];
    SluiceFingerprint fingerprint;

    if (opt[FINGERPRINT]) {
        must(sluice_fingerprint_parse(opt[FINGERPRINT], strlen(opt[FINGERPRINT]), &fingerprint),
             "--fingerprint");
        must(sluice_stream_set_verify(stream, SLUICE_VERIFY_FINGERPRINT), "verify");
        must(sluice_stream_set_remote_fingerprints(stream, &fingerprint, 1), "--fingerprint");
    } else if (opt[VERIFY]) {
        must(sluice_stream_set_verify(stream, SLUICE_VERIFY_ASK), "--verify");
    }
    if (!server && opt[HOST])
        must(sluice_stream_set_host(stream, opt[HOST]), "--host");
    if (!server && opt[SESSION] && access(opt[SESSION], R_OK) == 0) {
        size_t len = load(opt[SESSION], session, sizeof session);
        must(sluice_stream_set_session(stream, (const uint8_t *)session, len), "--session");
    }
}

/* -- what is shown ------------------------------------------------------------------------------------------ */

static void show_certificates(Peer *p)
{
    const uint8_t *der;
    size_t len;

    for (size_t i = 0; sluice_stream_get_peer_certificate(p->stream, i, &der, &len) == SLUICE_OK;
         i++) {
        SluiceFingerprint fingerprint;
        char text[SLUICE_FINGERPRINT_TEXT_MAX];
        must(sluice_fingerprint_of_der(SLUICE_HASH_SHA256, der, len, &fingerprint), "fingerprint");
        must(sluice_fingerprint_format(&fingerprint, text, sizeof text), "fingerprint");
        printf("peer %zu %s\n", i, text);
    }
    printf("verify %s\n", sluice_stream_get_verify_text(p->stream));
}

static void show_connected(Peer *p)
{
    SluiceStreamInfo info;
    uint8_t keys[32];

    show_certificates(p);
    sluice_stream_get_info(p->stream, &info, sizeof info);
    printf("info version=%s resumed=%d cipher=%s group=%s alpn=%s name=%s\n",
           info.version == SLUICE_TLS_1_3 ? "1.3" : "1.2", info.resumed, info.cipher, info.group,
           info.alpn, info.server_name);
    if (opt[EXPORT]) {
        /* In TLS 1.2 an empty context is not the same as none (RFC 5705 section 4). */
        must(sluice_stream_export(p->stream, opt[EXPORT],
                                  opt[EMPTY_CONTEXT] ? (const uint8_t *)"" : NULL, 0, keys,
                                  sizeof keys),
             "--export");
        printf("export ");
        for (size_t i = 0; i < sizeof keys; i++)
            printf("%02X", keys[i]);
        printf("\n");
    }
}

static void show_state(Peer *p)
{
    SluiceState state = sluice_stream_get_state(p->stream);

    if (state == p->shown)
        return;
    p->shown = state;
    if (state == SLUICE_STATE_UNVERIFIED) {
        show_certificates(p);
        printf("state %s\n", sluice_state_name(state));
        must(sluice_stream_accept_peer(p->stream, strcmp(opt[VERIFY], "yes") == 0), "accept");
        show_state(p);
        return;
    }
    if (state == SLUICE_STATE_CONNECTED)
        show_connected(p);
    printf("state %s\n", sluice_state_name(state));
}

static void keep_session(Peer *p)
{
    static uint8_t session[1 << 16];
    size_t len = sizeof session;
    FILE *file;

    if (!opt[SESSION] || sluice_stream_get_session(p->stream, session, &len) != SLUICE_OK ||
        len == p->session_len)
        return;
    p->session_len = len;
    file = fopen(opt[SESSION], "w");
    if (!file || fwrite(session, 1, len, file) != len || fclose(file) != 0)
        err(2, "%s", opt[SESSION]);
    printf("session %zu\n", len);
}

static int show_end(Peer *p)
{
    char why[640];
    SluiceEnd end;
    SluiceStreamInfo info;
    const uint8_t *rest;
    size_t len;

    if (sluice_stream_peek_rest(p->stream, &rest, &len))
        printf("rest %.*s\n", (int)len, (const char *)rest);
    sluice_stream_get_info(p->stream, &info, sizeof info);
    if (sluice_stream_get_end(p->stream, &end) == SLUICE_OK) {
        sluice_end_describe(&end, why, sizeof why);
        printf("end %s %s: %s\n", sluice_end_reason_name(end.reason),
               sluice_alert_name(end.alert < 0 ? 255 : end.alert), why);
    } else {
        printf("end none unknown: the connection broke\n");
    }
    printf("counts accepted=%ju produced=%ju taken=%ju received=%ju read=%ju\n",
           (uintmax_t)info.plaintext_accepted, (uintmax_t)info.ciphertext_produced,
           (uintmax_t)info.ciphertext_taken, (uintmax_t)info.ciphertext_received,
           (uintmax_t)info.plaintext_read);
    return sluice_stream_get_state(p->stream) == SLUICE_STATE_CLOSED ? 0 : 1;
}

/* -- commands ----------------------------------------------------------------------------------------------- */

static void say(Peer *p, const char *text, size_t len)
{
    if (p->plain_from == p->plain_to)
        p->plain_from = p->plain_to = 0;
    if (len > sizeof p->plain - p->plain_to)
        errx(2, "too much to say");
    memcpy(p->plain + p->plain_to, text, len);
    p->plain_to += len;
}

static void obey(Peer *p, char *line)
{
    SluiceStatus status = SLUICE_OK;

    if (strncmp(line, "say ", 4) == 0) {
        say(p, line + 4, strlen(line + 4));
        say(p, "\n", 1);
        return;
    }
    if (strncmp(line, "flood ", 6) == 0)
        p->flood = strtoul(line + 6, NULL, 10);
    else if (strcmp(line, "update") == 0 || strcmp(line, "update-request") == 0)
        status = sluice_stream_update_keys(p->stream, line[6] == '-');
    else if (strcmp(line, "release") == 0)
        sluice_stream_release_buffers(p->stream);
    else if (strcmp(line, "shutdown") == 0)
        status = sluice_stream_shutdown(p->stream);
    else
        errx(2, "unknown command: %s", line);
    printf("done %s %d %s\n", line, (int)status, sluice_status_text(status));
}

/* One line; only once the stream is there for it. */
static int next_command(Peer *p)
{
    char *end = memchr(commands, '\n', commands_len);
    size_t len;

    if (!end || p->plain_from < p->plain_to || p->flood ||
        sluice_stream_get_state(p->stream) != SLUICE_STATE_CONNECTED)
        return 0;
    *end = '\0';
    obey(p, commands);
    len = (size_t)(end + 1 - commands);
    memmove(commands, end + 1, commands_len - len);
    commands_len -= len;
    return 1;
}

/* -- bytes -------------------------------------------------------------------------------------------------- */

static int send_cipher(Peer *p)
{
    const uint8_t *data;
    size_t len;
    ssize_t n;

    if (p->full || p->gone || !sluice_stream_peek_output(p->stream, &data, &len))
        return 0;
    n = send(p->fd, data, len, MSG_NOSIGNAL);
    if (n < 0) {
        p->full = errno == EAGAIN;
        p->gone = !p->full;
        return 0;
    }
    must(sluice_stream_pop_output(p->stream, (size_t)n), "pop");
    return 1;
}

static int receive_cipher(Peer *p)
{
    size_t taken = 0, len = p->cipher_to - p->cipher_from;
    SluiceStatus status = sluice_stream_receive(p->stream, p->cipher + p->cipher_from, len, &taken);
    p->cipher_from += status == SLUICE_WOULD_BLOCK ? taken : len;
    return status == SLUICE_OK ? taken > 0 : 0;
}

static int read_plain(Peer *p)
{
    static uint8_t text[65536];
    size_t len;

    if (opt[ECHO] && p->plain_from < p->plain_to)
        return 0;
    switch (sluice_stream_read(p->stream, text, sizeof text, &len)) {
    case SLUICE_OK:
        if (opt[ECHO])
            say(p, (const char *)text, len);
        else
            printf("got %.*s\n", (int)(text[len - 1] == '\n' ? len - 1 : len), (const char *)text);
        return 1;
    case SLUICE_END_OF_STREAM:
        if (p->plain_from == p->plain_to && !p->flood)
            sluice_stream_shutdown(p->stream);
        return 0;
    default:
        return 0;
    }
}

static int write_plain(Peer *p)
{
    static const uint8_t filling[4096];
    size_t accepted = 0, len = p->flood < sizeof filling ? p->flood : sizeof filling;

    if (p->plain_from < p->plain_to) {
        sluice_stream_write(p->stream, p->plain + p->plain_from, p->plain_to - p->plain_from,
                            &accepted);
        p->plain_from += accepted;
    } else if (len) {
        sluice_stream_write(p->stream, filling, len, &accepted);
        p->flood -= accepted;
    }
    return accepted > 0;
}

static void wait_for(Peer *p, int hungry)
{
    short events = (short)((hungry ? POLLIN : 0) | (p->full ? POLLOUT : 0));
    struct pollfd f[2] = {{events ? p->fd : -1, events, 0},
                          {commands_end ? -1 : STDIN_FILENO, POLLIN, 0}};
    SluiceTime due = sluice_stream_next_timeout(p->stream), left = due - now();
    ssize_t n;

    fflush(stdout);
    poll(f, 2, due == SLUICE_TIME_NEVER ? -1 : left <= 0 ? 0 : (int)(left / 1000000) + 1);
    sluice_stream_handle_timeout(p->stream, now());
    if (f[0].revents & ~POLLIN)
        p->full = 0;
    if (hungry && f[0].revents) {
        n = recv(p->fd, p->cipher, sizeof p->cipher, 0);
        if (n == 0 || (n < 0 && errno != EAGAIN))
            sluice_stream_receive_end(p->stream);
        p->cipher_from = 0;
        p->cipher_to = n > 0 ? (size_t)n : 0;
    }
    if (f[1].revents) {
        n = read(STDIN_FILENO, commands + commands_len, sizeof commands - commands_len);
        commands_end = n <= 0;
        commands_len += n > 0 ? (size_t)n : 0;
    }
}

static int run(SluiceConfig *config, int fd, int server)
{
    static Peer p;
    int ended = 0, hungry = 1, failed;

    memset(&p, 0, sizeof p);
    p.fd = fd;
    p.stream = sluice_stream_new(config, server ? SLUICE_ROLE_SERVER : SLUICE_ROLE_CLIENT);
    if (!p.stream)
        errx(2, "no stream");
    fcntl(fd, F_SETFL, O_NONBLOCK);
    set_peer(p.stream, server);
    must(sluice_stream_start(p.stream, now()), "start");
    for (;;) {
        do
            show_state(&p);
        while (receive_cipher(&p) | read_plain(&p) | next_command(&p) | write_plain(&p) |
               send_cipher(&p));
        show_state(&p);
        keep_session(&p);
        ended = sluice_stream_get_state(p.stream) >= SLUICE_STATE_CLOSED;
        hungry = p.cipher_from == p.cipher_to && sluice_stream_wants_input(p.stream);
        if ((ended && !p.full) || (p.gone && !hungry))
            break;
        wait_for(&p, hungry);
    }
    failed = show_end(&p);
    fflush(stdout);
    sluice_stream_free(p.stream);
    close(fd);
    return failed;
}

/* -- the socket --------------------------------------------------------------------------------------------- */

static int open_socket(const char *where, int server)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t len = sizeof address;
    const char *port = strrchr(where, ':');
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;

    if (!port)
        errx(2, "ADDRESS:PORT is wanted");
    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    address.sin_port = htons((uint16_t)atoi(port + 1));
    if (!server) {
        if (connect(fd, (struct sockaddr *)&address, len) != 0)
            err(2, "connect");
        return fd;
    }
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&address, len) != 0 || listen(fd, 8) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &len) != 0)
        err(2, "listen");
    printf("listening on 127.0.0.1:%d\n", ntohs(address.sin_port));
    fflush(stdout);
    return fd;
}

int main(int argc, char **argv)
{
    int index = 0, c, server, failed, fd;
    SluiceConfig *config;

    while ((c = getopt_long(argc, argv, "", options, &index)) == 0)
        opt[index] = optarg ? optarg : "";
    if (c != -1 || argc - optind != 2)
        errx(2, "tls-peer [options] listen|connect 127.0.0.1:PORT");
    server = strcmp(argv[optind], "listen") == 0;
    config = make_config();
    fd = open_socket(argv[optind + 1], server);
    if (!server) {
        failed = run(config, fd, 0);
    } else {
        do {
            int peer = accept(fd, NULL, NULL);
            if (peer < 0)
                err(2, "accept");
            failed = run(config, peer, 1);
        } while (!opt[ONCE]);
        close(fd);
    }
    sluice_config_unref(config);
    return failed;
}
