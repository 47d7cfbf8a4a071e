/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SL_RECORD_H
#define SL_RECORD_H

/* The wire form of DTLS 1.2 records and handshake fragments (RFC 6347 section 4.1 and 4.2.2): reading only, no
 * state. Who needs to look inside a datagram without OpenSSL looks through here. */

#include <stddef.h>
#include <stdint.h>

#define SL_RECORD_HEADER 13
#define SL_HANDSHAKE_HEADER 12

enum {
    SL_CHANGE_CIPHER_SPEC = 20,
    SL_ALERT = 21,
    SL_HANDSHAKE = 22,
    SL_APPLICATION_DATA = 23,
    SL_ACK = 26 /* RFC 9147 */
};

enum {
    SL_HELLO_REQUEST = 0,
    SL_CLIENT_HELLO = 1,
    SL_SERVER_HELLO = 2,
    SL_HELLO_VERIFY_REQUEST = 3,
    SL_NEW_SESSION_TICKET = 4,
    SL_CERTIFICATE = 11,
    SL_SERVER_KEY_EXCHANGE = 12,
    SL_CERTIFICATE_REQUEST = 13,
    SL_SERVER_HELLO_DONE = 14,
    SL_CERTIFICATE_VERIFY = 15,
    SL_CLIENT_KEY_EXCHANGE = 16,
    SL_FINISHED = 20
};

typedef struct {
    uint8_t type;
    uint16_t version;
    uint16_t epoch;
    uint64_t number; /* 48 bits */
    const uint8_t *body;
    size_t len; /* of body */
} SlRecord;

typedef struct {
    uint8_t type;
    uint32_t length; /* of the whole message */
    uint16_t message_seq;
    uint32_t fragment_offset;
    const uint8_t *body;
    size_t len; /* of this fragment */
} SlFragment;

/* The record at *offset, which moves behind it. 1: there is one; 0: the datagram ends exactly here; -1: what is
 * here is no record with a classic header that fits in the datagram. */
int sl_record_next(const uint8_t *datagram, size_t len, size_t *offset, SlRecord *out);

/* The handshake fragment at *offset of a plaintext handshake record's body; results as above. Checks that the
 * fragment fits in the record and inside its own message. */
int sl_fragment_next(const uint8_t *body, size_t len, size_t *offset, SlFragment *out);

uint16_t sl_get16(const uint8_t *p);
uint32_t sl_get24(const uint8_t *p);
uint64_t sl_get48(const uint8_t *p);
void sl_put16(uint8_t *p, uint16_t value);
void sl_put24(uint8_t *p, uint32_t value);
void sl_put48(uint8_t *p, uint64_t value);

#endif
