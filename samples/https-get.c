/* SPDX-License-Identifier: BSD-3-Clause */
#include "https-get.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UNTIL_THE_END UINT64_MAX

static const char *make_config(Https *h)
{
    static char pem[1 << 20];
    SluiceFingerprint f;
    FILE *file = h->ca ? fopen(h->ca, "rb") : NULL;
    size_t len = file ? fread(pem, 1, sizeof pem, file) : 0;
    if (file)
        fclose(file);
    h->config = sluice_config_new(NULL);
    if (!h->config)
        return "Memory ran out.";
    if (h->ca && sluice_config_add_stream_ca_pem(h->config, pem, len) != SLUICE_OK)
        return "The file of --ca cannot be read, or holds no certificate in PEM form.";
    if (h->alpn &&
        sluice_config_set_stream_alpn(h->config, (const char *const *)&h->alpn, 1) != SLUICE_OK)
        return "The protocol of --alpn has 1 to 255 bytes.";
    if (h->fingerprint &&
        sluice_fingerprint_parse(h->fingerprint, strlen(h->fingerprint), &f) != SLUICE_OK)
        return "The fingerprint is not of the form 'sha-256 12:AB:...'.";
    return NULL;
}

int https_main(int argc, char **argv, int (*fetch)(Https *https, const char *program))
{
    Https h = {.repeat = 1};
    int failed = https_options(&h, argc, argv);
    const char *wrong = failed ? NULL : make_config(&h);
    if (wrong) {
        fprintf(stderr, "%s: %s\n", *argv, wrong);
        failed = 1;
    }
    for (int i = 0; i < h.repeat && !failed; i++)
        failed = fetch(&h, *argv);
    char *texts[] = {h.ca, h.fingerprint, h.alpn, h.host, h.target};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        free(texts[i]);
    sluice_config_unref(h.config);
    return failed;
}

/* How the server is judged. Without either option: an authority must have signed its certificate, for this host. */
static SluiceStatus set_peer(SluiceStream *stream, const Https *h)
{
    SluiceFingerprint fingerprint;
    if (h->insecure)
        sluice_stream_set_verify(stream, SLUICE_VERIFY_ASK);
    if (h->fingerprint) {
        sluice_fingerprint_parse(h->fingerprint, strlen(h->fingerprint), &fingerprint);
        sluice_stream_set_verify(stream, SLUICE_VERIFY_FINGERPRINT);
        sluice_stream_set_remote_fingerprints(stream, &fingerprint, 1);
    }
    if (h->session_len > 0)
        sluice_stream_set_session(stream, h->session, h->session_len);
    return sluice_stream_set_host(stream, h->host);
}

void https_get_start(HttpsGet *g, Https *h, SluiceTime now)
{
    const char *colon = strchr(h->host, ':'); /* in an IPv6 address */
    memset(g, 0, sizeof *g);
    g->https = h;
    g->stream = sluice_stream_new(h->config, SLUICE_ROLE_CLIENT);
    int len = snprintf(g->request, sizeof g->request,
                       "GET %s HTTP/1.0\r\nHost: %s%s%s:%d\r\nConnection: close\r\n\r\n", h->target,
                       colon ? "[" : "", h->host, colon ? "]" : "", h->port);
    if (len < 0 || (size_t)len >= sizeof g->request)
        https_get_end(g, "The URL is too long.", "");
    else if (set_peer(g->stream, h) != SLUICE_OK)
        https_get_end(g, "The URL's host is neither a DNS name nor an address.", "");
    else if (sluice_stream_start(g->stream, now) != SLUICE_OK)
        https_get_end(g, "The handshake cannot begin.", "");
}

void https_get_end(HttpsGet *g, const char *what, const char *why)
{
    Https *h = g->https;
    SluiceStreamInfo info;
    size_t len = sizeof h->session;
    if (g->ended++)
        return;
    snprintf(g->why, sizeof g->why, "%s%s", what, why);
    sluice_stream_get_info(g->stream, &info, sizeof info);
    /* A session of TLS 1.2 may be resumed again, without a new one offered; in 1.3 it serves once. */
    if (sluice_stream_get_session(g->stream, h->session, &len) == SLUICE_OK)
        h->session_len = len;
    else if (info.version != SLUICE_TLS_1_2)
        h->session_len = 0;
    sluice_stream_shutdown(g->stream);
}

/* The status line, and the field that says where the body ends (RFC 9112 section 6.3). */
static const char *take_head(HttpsGet *g)
{
    const char *length = strcasestr(g->head, "\r\nContent-Length:");
    if (sscanf(g->head, "HTTP/1.%*1[01] %3[0-9]", g->status) != 1)
        return "The server's answer is not HTTP/1.0 or 1.1.";
    if (g->status[0] != '2')
        return "The server's answer has the status ";
    if (strcasestr(g->head, "\r\nTransfer-Encoding:"))
        return "The server sends chunks, which HTTP/1.0 does not have.";
    if (length && !isdigit((unsigned char)*(length += 17 + strspn(length + 17, " \t"))))
        return "The answer's Content-Length is not a number.";
    g->expected = length ? strtoull(length, NULL, 10) : UNTIL_THE_END;
    g->in_body = 1;
    return NULL;
}

static void take_answer(HttpsGet *g, const uint8_t *data, size_t len)
{
    const char *wrong = NULL;
    for (; !g->in_body && !wrong && len > 0; data++, len--) {
        g->head[g->head_len++] = (char)*data;
        if (g->head_len >= 4 && memcmp(g->head + g->head_len - 4, "\r\n\r\n", 4) == 0)
            wrong = take_head(g);
        else if (g->head_len == sizeof g->head - 1)
            wrong = "The head of the answer is too long.";
    }
    if (len > g->expected - g->got)
        len = (size_t)(g->expected - g->got);
    g->got += len;
    if (wrong)
        https_get_end(g, wrong, g->status[0] == '2' ? "" : g->status);
    else if (g->in_body && fwrite(data, 1, len, stdout) != len)
        https_get_end(g, "Standard output: ", strerror(errno));
    else if (g->in_body && g->got == g->expected)
        https_get_end(g, "", "");
}

/* Nothing more comes. Without Content-Length only close_notify tells the end of the body from a connection that broke,
 * or that somebody broke (RFC 9112 section 9.8). */
static void take_end(HttpsGet *g, SluiceStatus status)
{
    SluiceEnd end;
    char text[640] = "The server closed the stream.";
    if (status != SLUICE_END_OF_STREAM && sluice_stream_get_end(g->stream, &end) == SLUICE_OK)
        sluice_end_describe(&end, text, sizeof text);
    if (status == SLUICE_END_OF_STREAM && g->in_body && g->expected == UNTIL_THE_END)
        https_get_end(g, "", "");
    else
        https_get_end(g, g->in_body ? "The body is not complete. " : "", text);
}

void https_get_go_on(HttpsGet *g)
{
    uint8_t plain[16384];
    size_t len;
    SluiceStatus status = SLUICE_NOT_READY;
    if (g->https->insecure && sluice_stream_get_state(g->stream) == SLUICE_STATE_UNVERIFIED) {
        fprintf(stderr, "not verified: %s\n", sluice_stream_get_verify_text(g->stream));
        sluice_stream_accept_peer(g->stream, 1);
    }
    /* What is accepted is never said again; the rest, if any, when there is room. */
    const char *rest = g->request + g->requested;
    sluice_stream_write(g->stream, (const uint8_t *)rest, strlen(rest), &len);
    g->requested += len;
    while (!g->ended &&
           (status = sluice_stream_read(g->stream, plain, sizeof plain, &len)) == SLUICE_OK)
        take_answer(g, plain, len);
    if (!g->ended && (status == SLUICE_END_OF_STREAM || sluice_status_is_dead(status)))
        take_end(g, status);
}

int https_get_finish(HttpsGet *g, const char *program)
{
    SluiceStreamInfo i;
    sluice_stream_get_info(g->stream, &i, sizeof i);
    if (g->https->verbose)
        fprintf(stderr,
                "%s, %s, ALPN %s, %s; plaintext accepted %" PRIu64 ", ciphertext produced %" PRIu64
                ", taken %" PRIu64 "\n",
                i.version == SLUICE_TLS_1_3 ? "TLS 1.3"
                : i.version                 ? "TLS 1.2"
                                            : "no TLS",
                i.cipher, *i.alpn ? i.alpn : "none", i.resumed ? "resumed" : "full handshake",
                i.plaintext_accepted, i.ciphertext_produced, i.ciphertext_taken);
    sluice_stream_free(g->stream);
    if (!*g->why && fflush(stdout) != 0)
        snprintf(g->why, sizeof g->why, "Standard output: %s", strerror(errno));
    if (*g->why)
        fprintf(stderr, "%s: %s\n", program, g->why);
    return *g->why ? 1 : 0;
}
