/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BENCH_BARE_DTLS_H
#define BENCH_BARE_DTLS_H

/* What one would write without libsluice: DTLS-SRTP on OpenSSL with memory BIOs, to the same two libsrtp sessions an end. */

#include "call.h"

/* As src/core/config.c sets its own, or the handshakes would not be the same; with the certificate of @config. Any
 * certificate is taken from the peer: no fingerprint is looked at. */
SSL_CTX *bare_ctx(SluiceConfig *config, const Profile *profile);

typedef struct {
    SSL *ssl;
    srtp_t inbound, outbound;
} BareEnd;

/* From nothing to two connected ends. */
void bare_open(SSL_CTX *ctx, const Profile *profile, BareEnd ends[2], Meter *meter);
void bare_close(BareEnd ends[2], Meter *meter);

#endif
