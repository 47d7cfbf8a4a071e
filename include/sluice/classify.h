/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SLUICE_CLASSIFY_H
#define SLUICE_CLASSIFY_H

#include <sluice/types.h>

SLUICE_BEGIN_DECLS

/**
 * SluiceKind:
 * @SLUICE_KIND_UNKNOWN: first byte of no protocol, or too short for the protocol of its first byte
 * @SLUICE_KIND_STUN: first byte 0..3, at least 20 bytes (RFC 8489)
 * @SLUICE_KIND_ZRTP: first byte 16..19, at least 12 bytes (RFC 6189)
 * @SLUICE_KIND_DTLS: first byte 20..63, at least a record header: 13 bytes (RFC 6347), or 18 with the
 *   unified header of DTLS 1.3 (first byte 32..63, RFC 9147 section 4: two bytes, and 16 of ciphertext)
 * @SLUICE_KIND_TURN: first byte 64..79, at least 4 bytes: TURN channel data (RFC 8656). A QUIC packet
 *   may look the same where the source is no TURN server (RFC 9443 section 2)
 * @SLUICE_KIND_QUIC: first byte 80..127 or 192..255 (RFC 9443)
 * @SLUICE_KIND_RTP: first byte 128..191, at least 12 bytes, not RTCP
 * @SLUICE_KIND_RTCP: first byte 128..191, second byte 192..223, at least 8 bytes
 * @SLUICE_KIND_DATA: a message of application data (never a class of datagram)
 * @SLUICE_KIND_HELD: the media was taken and waits in the inbox (never a class of datagram)
 *
 * What a datagram, or a message, is.
 */
typedef enum {
    SLUICE_KIND_UNKNOWN = 0,
    SLUICE_KIND_STUN = 1,
    SLUICE_KIND_ZRTP = 2,
    SLUICE_KIND_DTLS = 3,
    SLUICE_KIND_TURN = 4,
    SLUICE_KIND_QUIC = 5,
    SLUICE_KIND_RTP = 6,
    SLUICE_KIND_RTCP = 7,
    SLUICE_KIND_DATA = 8,
    SLUICE_KIND_HELD = 9
} SluiceKind;

/**
 * sluice_classify: (skip)
 * @data: (array length=len): one UDP payload
 * @len: its length
 *
 * Sorts a datagram by its first bytes: RFC 7983 as updated by RFC 9443, RTCP by RFC 5761.
 *
 * RTCP is told from RTP by the rule "second byte is 192..223" (RFC 5761 section 4), not by the rule
 * "payload type without the marker bit is 64..95" that is in use elsewhere. They differ only for the
 * second bytes 64..95: there the masked rule takes RTP with a forbidden payload type for RTCP and
 * reports its failures as RTCP's, although no RTCP packet type below 192 has ever been assigned.
 *
 * Stateless; any thread.
 *
 * Returns: one of the first eight kinds
 */
SLUICE_API SluiceKind sluice_classify(const uint8_t *data, size_t len);

/**
 * sluice_kind_name:
 * @kind: a kind
 *
 * Returns: (transfer none): "stun", "dtls", "rtp", ...; static
 */
SLUICE_API const char *sluice_kind_name(SluiceKind kind);

SLUICE_END_DECLS

#endif
