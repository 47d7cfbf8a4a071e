/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SL_CLIENT_HELLO_H
#define SL_CLIENT_HELLO_H

/* The wire form of a ClientHello (RFC 6347 section 4.2.1, RFC 5246 section 7.4.1.2), the cookie and the
 * HelloVerifyRequest, without an SSL and without state. */

#include <sluice/stats.h>

#include <stddef.h>
#include <stdint.h>

#define SL_COOKIE_SECRET 32
#define SL_COOKIE 32
#define SL_CLIENT_RANDOM 32
#define SL_HELLO_VERIFY_REQUEST_MAX 64

/* The head of a ClientHello: what its first fragment holds. Pointers are into the datagram. */
typedef struct {
    uint64_t record_number;
    uint16_t message_seq;
    int whole;             /* the message is in this one fragment */
    uint16_t version;      /* legacy_version */
    const uint8_t *random; /* SL_CLIENT_RANDOM bytes; tells one attempt from another */
    const uint8_t *session_id;
    size_t session_id_len;
    const uint8_t *cookie;
    size_t cookie_len;
} SlClientHello;

typedef enum {
    SL_HELLO_NONE = 0, /* the first record is no plaintext ClientHello */
    SL_HELLO_FIRST,    /* it is one, from offset 0 on, and its head was read */
    SL_HELLO_LATER,    /* it is a later fragment of one */
    SL_HELLO_BAD       /* it says it is one, but its head cannot be read */
} SlHelloKind;

/* Looks at the first record of a datagram only. @out is written for SL_HELLO_FIRST. */
SlHelloKind sl_client_hello_parse(const uint8_t *datagram, size_t len, SlClientHello *out);

/* HMAC-SHA256 of version, random and session id under @secret. One 5-tuple has a secret of its own, so the
 * cookie needs no address. 1: made; 0: OpenSSL failed. */
int sl_cookie_make(const uint8_t secret[SL_COOKIE_SECRET], const SlClientHello *hello,
                   uint8_t cookie[SL_COOKIE]);

/* 1 if the ClientHello brings the cookie that belongs to it (constant time). */
int sl_cookie_check(const uint8_t secret[SL_COOKIE_SECRET], const SlClientHello *hello);

/* Writes the datagram that asks for the cookie: the record number of the ClientHello, record version 0xfeff,
 * message number 0 (RFC 6347 section 4.2.1). Returns its length. */
size_t sl_hello_verify_request(const SlClientHello *hello, const uint8_t cookie[SL_COOKIE],
                               uint8_t out[SL_HELLO_VERIFY_REQUEST_MAX]);

/* What was offered, from the parts of a whole ClientHello: the cipher suites as they are on the wire, and the
 * body of one extension (supported_groups, use_srtp, supported_versions, extended_master_secret; others and
 * malformed ones are ignored). Arrays are cut at their size. */
void sl_offer_ciphers(SluicePeerOffer *offer, const uint8_t *ciphers, size_t len);
void sl_offer_extension(SluicePeerOffer *offer, unsigned type, const uint8_t *body, size_t len);

#endif
