/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PAIR_FOREIGN_H
#define PAIR_FOREIGN_H

/* A transport and a peer that is another library by itself, as many media servers have it: one session from the first
 * datagram to the end, no cookie, no second attempt. In virtual time, over a path of 10 ms one way. */

#include "common.h"

#include <openssl/ssl.h>

typedef struct Foreign Foreign;

/* A library. What it sends it gives to foreign_send(). */
typedef struct {
    const char *name;
    /* @ours: the transport's role; the peer has the certificate of SERVER. @groups and @options are for OpenSSL. */
    void *(*open)(Foreign *foreign, SluiceRole ours, const char *groups, uint64_t options);
    void (*close)(void *peer);
    void (*start)(void *peer);
    void (*receive)(void *peer, const uint8_t *data, size_t len);
    SluiceTime (*next_timeout)(void *peer);
    void (*handle_timeout)(void *peer);
    int (*is_finished)(void *peer);
    int (*last_alert)(void *peer); /* that it has read; -1: none */
} ForeignLibrary;

extern const ForeignLibrary foreign_openssl, foreign_sluice;

/* Changes the context of each peer that is OpenSSL, before it has a certificate; NULL: as it is. */
extern void (*foreign_openssl_prepare)(SSL_CTX *ctx);
/* The same of its session, before its first flight. */
extern void (*foreign_openssl_prepare_session)(SSL *ssl);
/* The same of the transport's config. */
extern void (*foreign_prepare)(SluiceConfig *config);

#ifdef HAVE_GNUTLS
extern const ForeignLibrary foreign_gnutls;
extern int foreign_gnutls_mki; /* 1: it names a master key (RFC 5764 section 4.1.3) */
#endif

struct Foreign {
    const ForeignLibrary *library;
    void *peer;
    SluiceTransport *transport;
    Link to_us, to_peer;
    Rng rng;
    SluiceTime begun;
    SluiceTime handled_at; /* the peer's timer, last */
    unsigned steps;        /* datagrams and timers of the transport */
};

/* The transport knows the peer's fingerprint, its path is validated, it has been started as @role. */
void foreign_open(Foreign *self, const ForeignLibrary *library, SluiceRole role);
void foreign_open_with(Foreign *self, const ForeignLibrary *library, SluiceRole role,
                       const char *groups, uint64_t options);
/* The transport expects that certificate; the path has @delay one way. */
void foreign_open_expecting(Foreign *self, const ForeignLibrary *library, SluiceRole role,
                            const SluiceFingerprint *expected, SluiceTime delay);
void foreign_close(Foreign *self);
void foreign_send(Foreign *self, const uint8_t *data, size_t len);

/* Runs everything in the next @duration, or until both are connected, or the transport is over, if that is sooner. */
void foreign_run(Foreign *self, SluiceTime duration);

int foreign_both_connected(const Foreign *self);

#endif
