/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CORE_SRTP_ENDS_H
#define CORE_SRTP_ENDS_H

/* A sender and a receiver of one key, for the tests of SSRCs. Includes cmocka.h and what it wants. */

#include "srtp-streams.h"
#include "srtp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define ROOM 320
#define PROFILES 4
#define WINDOW 1024

typedef struct {
    SluiceSrtpProfile profile;
    SlSrtp *sender, *receiver;
    SluiceStats stats; /* of the receiver */
    SluiceTime now;
} SrtpEnds;

typedef struct {
    SluiceKind kind;
    size_t len;
    _Alignas(4) uint8_t data[ROOM];
} SrtpPacket;

extern const SluiceSrtpProfile srtp_profiles[PROFILES];

#define assert_status(status, expected)                                                            \
    assert_string_equal(sluice_status_text(status), sluice_status_text(expected))

/* @limit: of SSRCs, of the receiver and the sender. */
void srtp_ends_open(SrtpEnds *self, SluiceSrtpProfile profile, unsigned limit);
void srtp_ends_close(SrtpEnds *self);

/* A plain packet. */
SrtpPacket srtp_plain(SluiceKind kind, uint32_t ssrc, uint16_t seq);

SluiceStatus srtp_protect_one(SlSrtp *sender, SrtpPacket *packet);

/* Sealed by the sender, which has to agree. */
SrtpPacket srtp_seal(SrtpEnds *self, SluiceKind kind, uint32_t ssrc, uint16_t seq);

/* What a peer with the same keys and @roc in its mind would send. */
SrtpPacket srtp_seal_with_roc(const SrtpEnds *self, uint32_t ssrc, uint32_t roc, uint16_t seq);

/* Gives a copy of @packet to the receiver; a delivered one must be plain again. */
SluiceStatus srtp_give(SrtpEnds *self, const SrtpPacket *packet);

/* The same packet with a bit of its tag changed. */
SrtpPacket srtp_forged(SrtpPacket packet);

/* The index of a sealed RTCP packet. */
uint32_t srtp_rtcp_index(const SrtpEnds *self, const SrtpPacket *packet);

/* A libsrtp session of what the sender's keys are, without any of ours. */
srtp_t srtp_bare(SluiceSrtpProfile profile, srtp_ssrc_type_t direction);

/* A sanitizer has a calloc() of its own. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SRTP_SANITIZED 1
#endif
#endif
#if !defined(SRTP_SANITIZED) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && \
    defined(__GLIBC__)
#define SRTP_CALLOC_CAN_FAIL 1
#endif

/* Of libsrtp's calls of calloc() the @n-th from now on fails (1: the next; 0: none). Only with SRTP_CALLOC_CAN_FAIL. */
void srtp_fail_calloc_at(uint64_t n);
int srtp_calloc_has_failed(void);

#endif
