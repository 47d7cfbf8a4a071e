/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SL_CLASSIFY_H
#define SL_CLASSIFY_H

#include <sluice/classify.h>

/* First bytes of a UDP payload -> protocol. The ranges are those of RFC 9443 section 2. */

/* RFC 5761 section 4: RTCP packet types lie in 192..223, and no RTP packet with a payload type that
 * this section allows has such a second byte. */
static inline SluiceKind sl_classify_media(const uint8_t *data, size_t len)
{
    if (len >= 2 && data[1] >= 192 && data[1] <= 223)
        return len >= 8 ? SLUICE_KIND_RTCP : SLUICE_KIND_UNKNOWN;
    return len >= 12 ? SLUICE_KIND_RTP : SLUICE_KIND_UNKNOWN;
}

/* Here, and not in classify.c: it is asked twice for each packet, and the way through a shared library is half its cost. */
static inline SluiceKind sl_classify(const uint8_t *data, size_t len)
{
    if (!data || len == 0)
        return SLUICE_KIND_UNKNOWN;

    uint8_t first = data[0];
    if (first <= 3)
        return len >= 20 ? SLUICE_KIND_STUN : SLUICE_KIND_UNKNOWN;
    if (first <= 15)
        return SLUICE_KIND_UNKNOWN;
    if (first <= 19)
        return len >= 12 ? SLUICE_KIND_ZRTP : SLUICE_KIND_UNKNOWN;
    if (first <= 31)
        return len >= 13 ? SLUICE_KIND_DTLS : SLUICE_KIND_UNKNOWN;
    /* DTLS 1.3 masks its record number with 16 bytes of ciphertext (RFC 9147 section 4.2.3): no
     * record of its kind is shorter than these and the least header. */
    if (first <= 63)
        return len >= 18 ? SLUICE_KIND_DTLS : SLUICE_KIND_UNKNOWN;
    if (first <= 79)
        return len >= 4 ? SLUICE_KIND_TURN : SLUICE_KIND_UNKNOWN;
    if (first <= 127 || first >= 192)
        return SLUICE_KIND_QUIC;
    return sl_classify_media(data, len);
}

#endif
