/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SL_SRTP_STREAMS_H
#define SL_SRTP_STREAMS_H

/* The SSRCs of one direction of one generation of keys, and libsrtp's streams for them: srtp-inbound.c opens packets,
 * srtp-outbound.c seals them, srtp-streams.c is what both need.
 *
 * libsrtp forgets the index of an SSRC with its stream: after srtp_remove_stream() it takes a packet again that it has
 * delivered, and seals with indexes that it has used. So the last indexes of SRTP and SRTCP are kept here, an SSRC that
 * has gone is remembered by them, and when it comes back nothing at or below them is delivered or sent.
 *
 * An SSRC is live (it counts against the limit) or remembered. It has a stream of libsrtp or none:
 *
 *                 live                                   remembered
 *   stream        the normal case                        inbound: nothing authentic came of it yet (few);
 *                                                        outbound: its SRTCP index is too high to be wound up again
 *   no stream     only its ROC was named so far          the normal case
 *
 * Where libsrtp's index is not the one that is kept here (the SSRC came back, or its ROC was named), the ROC of the next
 * packet is said with srtp_set_stream_roc(), for one packet at a time: libsrtp does not take it back itself when the packet
 * is less than 2^15 ahead, and the stream breaks at the next roll-over. */

#include "near.h"
#include "srtp-sessions.h"
#include "ssrc-table.h"

#include <sluice/stats.h>
#include <sluice/transport.h>

#define SL_RTP_INDEX_MAX (((uint64_t)1 << 48) - 1)
#define SL_SRTP_IDLE                                                                               \
    (10 * SLUICE_SECOND) /* an inbound SSRC that was silent so long may be evicted */
#define SL_SRTP_UNPROVEN_MAX 8
#define SL_SRTP_SENT_MAX 65536 /* outbound SSRCs live and remembered; none is ever forgotten */
#define SL_SRTP_WIND_MAX 4096  /* an SRTCP index that is wound up again: a millisecond */

typedef struct {
    SlSsrcTable table; /* first: all that is read for a packet is its first word, and the entry */
    SlSrtpSessions sessions;
    SluiceStats *stats;                      /* inbound, nullable: what was evicted and forgotten */
    uint32_t limit;                          /* of live ones */
    uint32_t max_remembered;                 /* inbound */
    uint32_t srtcp_index_at;                 /* bytes from the end of a sealed packet */
    uint32_t unproven[SL_SRTP_UNPROVEN_MAX]; /* inbound: SSRCs whose stream was minted, a ring */
    unsigned next_unproven;
} SlSrtpStreams;

/* @direction and @key: as for sl_srtp_sessions_init(). @limit: of live SSRCs. SLUICE_OK, SLUICE_NO_MEMORY,
 * SLUICE_INTERNAL; what there is after a failure needs no cleanup. */
SluiceStatus sl_srtp_streams_init(SlSrtpStreams *self, srtp_profile_t profile,
                                  srtp_ssrc_type_t direction, unsigned window, unsigned limit,
                                  const uint8_t *key, size_t key_len);
void sl_srtp_streams_cleanup(SlSrtpStreams *self);

SluiceStatus sl_srtp_streams_get_roc(SlSrtpStreams *self, uint32_t ssrc, uint32_t *roc);

/* In srtp-inbound.c. Contracts of the functions of srtp.h; packets are plausible. */
SluiceStatus sl_srtp_inbound_unprotect(SlSrtpStreams *self, SluiceKind kind, uint8_t *data,
                                       size_t *len, SluiceTime now);
SluiceStatus sl_srtp_inbound_remove(SlSrtpStreams *self, uint32_t ssrc);
SluiceStatus sl_srtp_inbound_set_roc(SlSrtpStreams *self, uint32_t ssrc, uint32_t roc,
                                     SluiceTime now);

/* In srtp-outbound.c, the same. */
SluiceStatus sl_srtp_outbound_protect(SlSrtpStreams *self, SluiceKind kind, uint8_t *data,
                                      size_t *len);
SluiceStatus sl_srtp_outbound_remove(SlSrtpStreams *self, uint32_t ssrc);
SluiceStatus sl_srtp_outbound_set_roc(SlSrtpStreams *self, uint32_t ssrc, uint32_t roc);

/* -- for both of them --------------------------------------------------------------------------------------- */

/* libsrtp has made a stream for @entry in @session. */
void sl_srtp_streams_made(SlSrtpStreams *self, SlSsrc *entry, unsigned session);
void sl_srtp_streams_get_near(const SlSrtpStreams *self, SlNear *near);
/* Takes the stream of @entry out, if there is one. */
void sl_srtp_streams_drop(SlSrtpStreams *self, SlSsrc *entry);

static inline srtp_t sl_srtp_streams_session(const SlSrtpStreams *self, unsigned session)
{
    return self->sessions.list[session].srtp;
}

/* Where the stream of @entry (or NULL) is, or will be. */
static inline unsigned sl_srtp_streams_place(const SlSrtpStreams *self, const SlSsrc *entry)
{
    return entry && entry->streamed ? entry->session : self->sessions.fewest;
}

/* Says to libsrtp, or takes back, that the next SRTP packet of @entry has the ROC of @index. ROC 0 needs no saying: this
 * is for streams that have seen nothing, and they begin there. */
static inline void sl_srtp_streams_name(SlSrtpStreams *self, const SlSsrc *entry, uint64_t index)
{
    if (entry && entry->streamed)
        sl_srtp_sessions_name_roc(&self->sessions, entry->session, entry->ssrc,
                                  (uint32_t)(index >> 16));
}

static inline uint32_t sl_get16(const uint8_t *p) { return (uint32_t)p[0] << 8 | p[1]; }

static inline uint32_t sl_get32(const uint8_t *p) { return sl_get16(p) << 16 | sl_get16(p + 2); }

static inline uint32_t sl_srtcp_index(const SlSrtpStreams *self, const uint8_t *data, size_t len)
{
    return sl_get32(data + len - self->srtcp_index_at) & 0x7fffffff;
}

/* The index of the packet @seq, as libsrtp guesses it: the nearest to the last one (RFC 3711 appendix A), of two that are
 * as near the one of the same ROC, and none before ROC 0. It may be beyond SL_RTP_INDEX_MAX, where libsrtp would begin at 0
 * again. Without branches: which way they go is different for each SSRC. */
static inline uint64_t sl_rtp_index(uint64_t last, uint32_t seq)
{
    uint32_t low_half = ~(uint32_t)last >> 15 & 1;
    uint32_t ahead = (seq - (uint32_t)last - low_half) & 0xffff; /* or behind, modulo 2^16 */
    int64_t index = (int64_t)last + (int64_t)(ahead ^ 0x8000) - 0x8000 + low_half;

    return (uint64_t)(index < 0 ? index + 0x10000 : index);
}

/* The lowest index of @seq that is not below @floor. */
static inline uint64_t sl_rtp_index_from(uint64_t floor, uint32_t seq)
{
    uint64_t roc = floor >> 16;

    return (seq < (floor & 0xffff) ? roc + 1 : roc) << 16 | seq;
}

#endif
