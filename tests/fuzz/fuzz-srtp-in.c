/* SPDX-License-Identifier: BSD-3-Clause */

/* Incoming SRTP and SRTCP under known keys. Raw bytes get no further than the tag; so packets can also be sealed by a
 * libsrtp of our own first, as a hostile peer that owns the keys would, and damaged afterwards or not.
 *
 * Input: a byte that chooses the profile, then packets: a byte of flags, two of length, the bytes. */

#include "fuzz.h"

#include "srtp.h"

#include <srtp2/srtp.h>

#define PACKETS_MAX 64
#define PACKET_MAX 2048

enum { RTCP = 1, SEALED = 2, DAMAGED = 4, TWICE = 8, CUT = 16 };

typedef struct {
    SlSrtp *receiver;
    srtp_t sender; /* sends what our own side would refuse to */
} Ends;

static Ends open_ends(uint8_t which)
{
    static const SluiceSrtpProfile profiles[] = {
        SLUICE_SRTP_AES128_CM_SHA1_80, SLUICE_SRTP_AES128_CM_SHA1_32, SLUICE_SRTP_AEAD_AES_128_GCM,
        SLUICE_SRTP_AEAD_AES_256_GCM};
    SluiceSrtpKeys keys = {.profile = profiles[which & 3]};
    uint8_t master[46] = {0};
    srtp_policy_t policy;
    Ends ends;

    ORACLE(sl_srtp_key_lengths(keys.profile, &keys.key_len, &keys.salt_len));
    for (uint8_t i = 0; i < sizeof keys.remote_key; i++)
        keys.remote_key[i] = i;
    memcpy(master, keys.remote_key, keys.key_len);
    ORACLE(sl_srtp_new(&keys, which & 4 ? 1024 : 64, 1024, NULL, &ends.receiver) == SLUICE_OK);
    memset(&policy, 0, sizeof policy);
    srtp_crypto_policy_set_from_profile_for_rtp(&policy.rtp, (srtp_profile_t)keys.profile);
    srtp_crypto_policy_set_from_profile_for_rtcp(&policy.rtcp, (srtp_profile_t)keys.profile);
    policy.ssrc.type = ssrc_any_outbound;
    policy.key = master;
    policy.allow_repeat_tx = 1;
    ORACLE(srtp_create(&ends.sender, &policy) == srtp_err_status_ok);
    return ends;
}

/* Returns whether the receiver has to give back exactly the plain packet if it takes the sealed one at all. */
static int seal(Ends *ends, uint8_t flags, uint8_t *packet, size_t *len)
{
    int n = (int)*len;
    srtp_err_status_t status = flags & RTCP ? srtp_protect_rtcp(ends->sender, packet, &n)
                                            : srtp_protect(ends->sender, packet, &n);

    if (status != srtp_err_status_ok)
        return 0;
    *len = (size_t)n;
    return 1;
}

static SluiceStatus give(Ends *ends, SluiceKind kind, const uint8_t *packet, size_t len,
                         const uint8_t *plain, size_t plain_len)
{
    uint8_t *exact = exact_copy(packet, len);
    size_t n = len;
    SluiceStatus status = sl_srtp_unprotect(ends->receiver, 0, kind, exact, &n);

    ORACLE(status == SLUICE_OK || sluice_status_is_dropped(status));
    if (status == SLUICE_OK) {
        ORACLE(plain != NULL); /* only what was sealed gets in */
        ORACLE(n == plain_len && memcmp(exact, plain, n) == 0);
        ORACLE(sl_srtp_plausible(kind, exact, n));
    }
    free(exact);
    return status;
}

static void one_packet(Ends *ends, Input *in, int first)
{
    _Alignas(4) uint8_t packet[PACKET_MAX + SRTP_MAX_TRAILER_LEN + 4];
    uint8_t flags = take_byte(in), plain[PACKET_MAX];
    SluiceKind kind = flags & RTCP ? SLUICE_KIND_RTCP : SLUICE_KIND_RTP;
    const uint8_t *bytes;
    size_t plain_len = take_bytes(in, take_16(in) % (PACKET_MAX + 1), &bytes), len = plain_len;
    SluiceStatus status;
    int honest = 0;

    if (len)
        memcpy(packet, bytes, len);
    memcpy(plain, packet, len);
    (void)sl_srtp_plausible(kind, bytes, len);
    if (flags & SEALED)
        honest = seal(ends, flags, packet, &len);
    if ((flags & DAMAGED) && len) {
        uint16_t where = take_16(in);
        uint8_t bits = take_byte(in);

        packet[where % len] ^= bits;
        honest = honest && bits == 0;
    }
    if ((flags & CUT) && len) {
        size_t gone = take_byte(in) % len;

        len -= gone;
        honest = honest && gone == 0;
    }
    status = give(ends, kind, packet, len, honest ? plain : NULL, plain_len);
    if (first && honest && sl_srtp_plausible(kind, plain, plain_len))
        ORACLE(status == SLUICE_OK);
    if (flags & TWICE)
        ORACLE(give(ends, kind, packet, len, NULL, 0) != SLUICE_OK || status != SLUICE_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Input in = {data, size};
    Ends ends = open_ends(take_byte(&in));

    for (int i = 0; i < PACKETS_MAX && in.left; i++)
        one_packet(&ends, &in, i == 0);
    sl_srtp_free(ends.receiver);
    srtp_dealloc(ends.sender);
    return 0;
}
