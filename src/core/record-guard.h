/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SL_RECORD_GUARD_H
#define SL_RECORD_GUARD_H

/* What an unauthenticated record may do. Every record of a DTLS datagram passes here before OpenSSL
 * sees it: before the keys exist OpenSSL falls to a single forged record of 15 bytes. */

#include <sluice/types.h>

#include <stddef.h>
#include <stdint.h>

/* What AES-GCM adds to a record: 8 bytes of nonce, 16 of tag. No AEAD suite of RFC 5246 adds more. */
#define SL_GUARD_EXPANSION_MAX 24

typedef struct {
    SluiceRole role; /* client or server */
    int finished;    /* the handshake is over: epoch 1 is in use both ways */
    /* Bytes that the negotiated cipher adds to a record, 0 until it is known. A shorter record than
     * that and one byte is dropped: OpenSSL 3.0.19 ends the association over one
     * (internal_error), though it has shown no tag. */
    size_t expansion;
    int dtls13; /* DTLS 1.3 may be spoken; without it a unified header is unexpected */
} SlGuardState;

typedef struct {
    uint32_t passed; /* records */
    uint32_t
        malformed; /* records (or the rest of the datagram) whose header or body cannot be right */
    uint32_t
        unexpected; /* records of a type, direction or size that cannot be right in this state */
    int client_hello_at_client; /* a ClientHello came to a client: a sign of a role conflict */
    int has_application_data;   /* a record of application data passed */
    int hello_request; /* one came to a client: a sign that the server knows nothing of its handshake */
} SlGuardReport;

/* Copies the records of @in that may pass to @out, which has room for @len bytes, and returns how
 * many bytes that are (0: nothing may pass). @report is added to. A datagram whose first header is
 * bad is dropped whole; a bad tail costs only the tail; a record with a good header and a bad body
 * costs only itself. The version 0xfeff is 0xfefd in the copy.
 *
 * DTLS 1.3 ciphertext (first byte 001xxxxx) has no header that can be read: it is passed as it is,
 * with the rest of its datagram, and only to an association that may speak 1.3. OpenSSL's DTLS 1.2
 * takes its first 13 bytes for a header and reads on behind them: one such byte in front would
 * carry anything past the guard. */
size_t sl_guard_filter(const SlGuardState *state, const uint8_t *in, size_t len, uint8_t *out,
                       SlGuardReport *report);

#endif
