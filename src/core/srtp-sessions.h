/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SL_SRTP_SESSIONS_H
#define SL_SRTP_SESSIONS_H

/* The libsrtp sessions of one key and direction.
 *
 * A session of libsrtp keeps its streams (one an SSRC) in a list and walks it for every packet: a thousand streams in
 * one session make a packet four times as dear. So there are several sessions of the same key once there are many
 * streams. A stream stays where it was made; a new one goes where there are the fewest. */

#include "srtp-openssl.h"

#include <sluice/types.h>

#include <srtp2/srtp.h>

#define SL_SRTP_KEY_MAX (32 + 14) /* master key and salt */
#define SL_SRTP_SESSIONS_MAX 64

typedef struct {
    srtp_t srtp;
    uint32_t streams;
    SlSrtpPlaces places;
} SlSrtpSession;

typedef struct {
    srtp_profile_t profile;
    srtp_ssrc_type_t direction; /* of the template */
    unsigned window;
    uint8_t key[SL_SRTP_KEY_MAX];
    SlSrtpSession *list;
    unsigned n, room;
    unsigned fewest; /* where the next stream goes */
    uint32_t streams;
    srtp_t mint; /* inbound: sends as the peer would, see sl_srtp_sessions_mint() */
} SlSrtpSessions;

/* One session whose streams are made as their SSRCs come. @key: master key and salt, one behind the other. */
srtp_err_status_t sl_srtp_create(srtp_profile_t profile, srtp_ssrc_type_t direction,
                                 unsigned window, const uint8_t *key, srtp_t *out);

/* @direction: ssrc_any_inbound or ssrc_any_outbound. What there is after a failure needs no cleanup. */
srtp_err_status_t sl_srtp_sessions_init(SlSrtpSessions *self, srtp_profile_t profile,
                                        srtp_ssrc_type_t direction, unsigned window,
                                        const uint8_t *key, size_t key_len);
/* Wipes the key. */
void sl_srtp_sessions_cleanup(SlSrtpSessions *self);

/* A stream was made in @session. */
void sl_srtp_sessions_count(SlSrtpSessions *self, unsigned session);

/* Makes one more session if there are streams enough. Only for a stream of an authentic packet, or of our own. */
void sl_srtp_sessions_grow(SlSrtpSessions *self);

/* Takes a stream out again that was counted. */
void sl_srtp_sessions_remove(SlSrtpSessions *self, unsigned session, uint32_t ssrc);

/* The same for one that was not. */
void sl_srtp_sessions_undo(SlSrtpSessions *self, unsigned session, uint32_t ssrc);

int sl_srtp_sessions_has(const SlSrtpSessions *self, unsigned session, uint32_t ssrc);

/* Makes an inbound stream without a packet of the peer, at index 0, where libsrtp takes another ROC. */
srtp_err_status_t sl_srtp_sessions_mint(SlSrtpSessions *self, unsigned session, uint32_t ssrc);

/* The ROC of the next packet of SRTP; 0: libsrtp goes by its own. */
static inline void sl_srtp_sessions_name_roc(SlSrtpSessions *self, unsigned session, uint32_t ssrc,
                                             uint32_t roc)
{
    (void)srtp_set_stream_roc(self->list[session].srtp, ssrc, roc);
}

#endif
