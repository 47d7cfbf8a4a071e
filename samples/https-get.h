/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The application of tls-libuv and tls-glib: one GET of HTTP/1.0, which hands plaintext to a SluiceStream and takes it
 * from there. It knows no socket and no event loop; moving the ciphertext is all that is left to these two.
 */
#ifndef SAMPLES_HTTPS_GET_H
#define SAMPLES_HTTPS_GET_H

#include <sluice/sluice.h>

typedef struct {
    char *ca, *fingerprint, *alpn; /* NULL: not given */
    int insecure, verbose, repeat;
    char *host, *target; /* of the URL; the target is its path and query */
    int port;
    SluiceConfig *config;
    uint8_t session[16384]; /* of the last connection, for the next one */
    size_t session_len;
} Https;

typedef struct {
    Https *https;
    SluiceStream *stream;
    char request[8192], head[8192], status[4];
    size_t requested, head_len;
    uint64_t expected, got; /* bytes of the body */
    int in_body, ended;
    char why[800]; /* what went wrong, a sentence; "" if nothing did */
} HttpsGet;

/* Reads the command line: https-options.c with getopt and liburiparser, https-options-glib.c with GLib. Returns 0, or says
 * what is wrong: 2. */
int https_options(Https *https, int argc, char **argv);

/* The program: fetches what the options ask for, as often as they ask for it. Returns the exit status. */
int https_main(int argc, char **argv, int (*fetch)(Https *https, const char *program));

/* Starts a stream: its ClientHello waits in the output. Fails by ending it. */
void https_get_start(HttpsGet *get, Https *https, SluiceTime now);

/* After anything that happened to the stream: says what can be said, hears what can be heard. */
void https_get_go_on(HttpsGet *get);

/* Ends it, the first time; both texts together say why, or nothing if all is well. What output the stream has then is
 * the last word to the peer. */
void https_get_end(HttpsGet *get, const char *what, const char *why);

/* Frees the stream. Returns the exit status, and says on stderr what went wrong. */
int https_get_finish(HttpsGet *get, const char *program);

#endif
