/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef STREAM_BARE_H
#define STREAM_BARE_H

/* OpenSSL itself at the other end, for what no stream of ours would do. */

#include "common.h"

#include <openssl/ssl.h>

typedef struct {
    SSL_CTX *ctx;
    SSL *ssl;
    SluiceStream *stream; /* ours */
    SluiceConfig *config;
} Bare;

/* The bare end has the certificate of @who and verifies nobody. It is a server if @server, and then our client judges
 * by fingerprint. Neither is started: set options on ctx, then bare_start(). @version 0: any. */
void bare_open(Bare *self, int server, unsigned version, Identity who);
/* The same with a config for our end, whose reference is taken over. */
void bare_open_with(Bare *self, int server, unsigned version, Identity who, SluiceConfig *config);
void bare_start(Bare *self);
void bare_close(Bare *self);

/* All that either has goes to the other, until nothing moves. The bare end handshakes if it is in one. */
void bare_pass(Bare *self);
/* One way, at most @most bytes; returns how many. */
size_t bare_to_stream(Bare *self, size_t most);
size_t bare_from_stream(Bare *self, size_t most);

/* Starts, passes; asserts that our end is connected. */
void bare_connect(Bare *self);
/* A text each way arrives. */
void bare_assert_talks(Bare *self);
/* What our end reads now equals this. */
void bare_assert_reads(Bare *self, const char *text);

#endif
