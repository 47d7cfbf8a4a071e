/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SLUICE_SRTP_ENGINE_H
#define SLUICE_SRTP_ENGINE_H

/* What encrypts media. SRTP is libsrtp2's; its ciphers are OpenSSL's, which libsluice puts in the place of libsrtp2's own when
 * the first transport is made, after known-answer tests. With the ciphers of Debian's libsrtp2 a packet costs 2 to 8 times as
 * much, and with thousands of sessions 40 to 190 times.
 *
 * Ciphers belong to the process: whatever else in it uses the same libsrtp2 makes its later sessions on them too. The
 * bytes on the wire are the same. sluice_config_set_stock_srtp_ciphers(), or SLUICE_STOCK_SRTP_CIPHERS=1 in the environment, leaves
 * libsrtp2 as it is. */

#include <sluice/types.h>

SLUICE_BEGIN_DECLS

/**
 * SluiceSrtpEngineInfo: (skip)
 *
 * For each algorithm 1 if new sessions of the process run on OpenSSL's, 0 if on libsrtp2's own. All are 0 until a
 * transport has been made; srtp_shutdown() by another user of libsrtp2 takes them out and is not seen here.
 */
typedef struct {
    int aes_icm_128; /* AES128_CM_SHA1_80 and _32; key derivation of every profile with keys of 128 bits */
    int aes_icm_256; /* key derivation of AEAD_AES_256_GCM */
    int aes_gcm_128;
    int aes_gcm_256;
    int hmac_sha1;
    /* How often OpenSSL did not have one, libsrtp2 did not take it, or a known answer came out wrong: that
     * algorithm then stays libsrtp2's own, which is correct and slower. Refused for want of memory, it is tried again with
     * the next transport. */
    uint64_t refused;
    char libsrtp[64]; /* what libsrtp2 calls itself: "libsrtp2 2.5.0" */
} SluiceSrtpEngineInfo;

/**
 * sluice_srtp_engine_get_info: (skip)
 * @info: (out caller-allocates): what is in place now; plain values
 * @size: sizeof(SluiceSrtpEngineInfo) as the caller was built; a library that knows more fields fills only these, one
 *   that knows fewer leaves the rest zero
 *
 * Any thread, at any time.
 *
 * Returns: %SLUICE_OK or %SLUICE_INVALID_ARGUMENT
 */
SLUICE_API SluiceStatus sluice_srtp_engine_get_info(SluiceSrtpEngineInfo *info, size_t size);

SLUICE_END_DECLS

#endif
