/* SPDX-License-Identifier: BSD-3-Clause */

/* What comes in. What is not authentic leaves everything as it was, but that a remembered SSRC may get a stream to try
 * its packets with, of which there are never more than SL_SRTP_UNPROVEN_MAX. */

#include "srtp-streams.h"

static SluiceStatus status_inbound(srtp_err_status_t status)
{
    switch (status) {
    case srtp_err_status_ok:
        return SLUICE_OK;
    case srtp_err_status_auth_fail:
    case srtp_err_status_cipher_fail: /* of an AEAD: decrypting fails of the tag alone */
        return SLUICE_DROPPED_UNAUTHENTIC;
    case srtp_err_status_replay_fail:
    case srtp_err_status_replay_old:
    case srtp_err_status_pkt_idx_old:
        return SLUICE_DROPPED_REPLAYED;
    case srtp_err_status_alloc_fail: /* of the stream of a new SSRC */
        return SLUICE_DROPPED_FULL;
    default:
        return SLUICE_DROPPED_MALFORMED;
    }
}

/* The live ones are in the order of their last packets, to a second: an SSRC that speaks is moved once in a second and
 * not for each packet. */
static void note_seen(SlSrtpStreams *self, SlSsrc *entry, SluiceTime now)
{
    if (((uint64_t)now ^ (uint64_t)entry->seen) >> 30)
        sl_ssrc_table_put_in_front(&self->table, entry, SL_SSRC_LIVE);
    entry->seen = now;
}

/* -- from list to list -------------------------------------------------------------------------------------- */

static void forget(SlSrtpStreams *self, SlSsrc *entry)
{
    sl_srtp_streams_drop(self, entry);
    sl_ssrc_table_delete(&self->table, entry);
}

/* From live to remembered. */
static void remember(SlSrtpStreams *self, SlSsrc *entry)
{
    sl_srtp_streams_drop(self, entry);
    if (entry->rtp_seen && entry->rtp_floor <= entry->rtp_last)
        entry->rtp_floor = entry->rtp_last + 1;
    if (entry->rtcp_seen)
        entry->rtcp_bound = entry->rtcp_last + 1;
    sl_ssrc_table_put_in_front(&self->table, entry, SL_SSRC_REMEMBERED);
    if (self->table.count[SL_SSRC_REMEMBERED] <= self->max_remembered)
        return;
    forget(self, sl_ssrc_table_oldest(&self->table, SL_SSRC_REMEMBERED));
    if (self->stats)
        self->stats->ssrcs_forgotten++;
}

/* 1 if one more live SSRC has a place, or would have it if the oldest were evicted. */
static int has_place(SlSrtpStreams *self, SluiceTime now)
{
    const SlSsrc *oldest = sl_ssrc_table_oldest(&self->table, SL_SSRC_LIVE);

    return self->table.count[SL_SSRC_LIVE] < self->limit || now - oldest->seen >= SL_SRTP_IDLE;
}

/* @entry (NULL: a new one) becomes live. NULL: no place, or no memory. */
static SlSsrc *enter(SlSrtpStreams *self, SlSsrc *entry, uint32_t ssrc, SluiceTime now)
{
    if (!has_place(self, now))
        return NULL;
    if (entry)
        sl_ssrc_table_put_in_front(&self->table, entry, SL_SSRC_LIVE);
    else
        entry = sl_ssrc_table_insert(&self->table, ssrc, SL_SSRC_LIVE);
    if (!entry)
        return NULL;
    entry->seen = now;
    if (self->table.count[SL_SSRC_LIVE] > self->limit) {
        remember(self, sl_ssrc_table_oldest(&self->table, SL_SSRC_LIVE));
        if (self->stats)
            self->stats->ssrcs_evicted++;
    }
    return entry;
}

/* A packet of @ssrc in @session was authentic, and libsrtp has a stream for it. NULL: the SSRC has no place, and the
 * stream is gone again. */
static SlSsrc *admit(SlSrtpStreams *self, SlSsrc *entry, uint32_t ssrc, unsigned session,
                     SluiceTime now)
{
    int made = !entry || !entry->streamed;

    if (!entry || entry->list != SL_SSRC_LIVE) {
        SlSsrc *entered = enter(self, entry, ssrc, now);

        if (!entered) {
            if (made)
                sl_srtp_sessions_undo(&self->sessions, session, ssrc);
            else
                sl_srtp_streams_drop(self, entry);
            return NULL;
        }
        entry = entered;
    }
    if (made)
        sl_srtp_streams_made(self, entry, session);
    sl_srtp_sessions_grow(&self->sessions);
    note_seen(self, entry, now);
    return entry;
}

/* A stream for an SSRC whose next packet may have another ROC than 0. Before the packet is known to be authentic, so
 * the streams of remembered SSRCs are few; one that is tried again and again keeps its own. */
static int mint(SlSrtpStreams *self, SlSsrc *entry)
{
    unsigned session = self->sessions.fewest;

    if (entry->list == SL_SSRC_REMEMBERED) {
        uint32_t *slot = &self->unproven[self->next_unproven];
        SlSsrc *last = sl_ssrc_table_find(&self->table, *slot);

        if (last && last->list == SL_SSRC_REMEMBERED)
            sl_srtp_streams_drop(self, last);
        self->next_unproven = (self->next_unproven + 1) % SL_SRTP_UNPROVEN_MAX;
        *slot = entry->ssrc;
        session = self->sessions.fewest;
    }
    if (sl_srtp_sessions_mint(&self->sessions, session, entry->ssrc) != srtp_err_status_ok)
        return 0;
    sl_srtp_streams_made(self, entry, session);
    return 1;
}

/* -- packets ------------------------------------------------------------------------------------------------ */

static SluiceStatus open_rtp(SlSrtpStreams *self, unsigned session, uint8_t *data, size_t *len)
{
    int n = (int)*len;
    srtp_err_status_t status = srtp_unprotect(sl_srtp_streams_session(self, session), data, &n);

    if (status == srtp_err_status_ok)
        *len = (size_t)n;
    return status_inbound(status);
}

/* The SSRC is new, or has come back, or its ROC was named. Nothing at or below the last index can be wanted, so what
 * comes has the lowest index above it that fits, however much was lost in between. */
static SluiceStatus unprotect_first_rtp(SlSrtpStreams *self, SlSsrc *entry, uint8_t *data,
                                        size_t *len, SluiceTime now)
{
    uint32_t ssrc = sl_get32(data + 8), seq = sl_get16(data + 2);
    uint64_t floor = 0, index;
    unsigned session;
    SluiceStatus status;

    if (entry) {
        floor = entry->rtp_floor;
        if (entry->named && (uint64_t)entry->named_roc << 16 > floor)
            floor = (uint64_t)entry->named_roc << 16;
    }
    index = sl_rtp_index_from(floor, seq);
    if (index > SL_RTP_INDEX_MAX)
        return SLUICE_DROPPED_REPLAYED;
    if (entry && !entry->streamed && index >> 16 && !mint(self, entry))
        return SLUICE_DROPPED_FULL;
    session = sl_srtp_streams_place(self, entry);
    sl_srtp_streams_name(self, entry, index);
    status = open_rtp(self, session, data, len);
    sl_srtp_streams_name(self, entry, 0);
    if (status == SLUICE_DROPPED_UNAUTHENTIC && entry &&
        sl_rtp_index(entry->rtp_last, seq) < entry->rtp_floor)
        return SLUICE_DROPPED_REPLAYED; /* as libsrtp would say without looking at the tag */
    if (status != SLUICE_OK)
        return status;
    entry = admit(self, entry, ssrc, session, now);
    if (!entry)
        return SLUICE_DROPPED_FULL;
    if (!entry->rtp_seen || index > entry->rtp_last)
        entry->rtp_last = index;
    entry->rtp_seen = entry->synced = 1;
    entry->named = 0;
    return SLUICE_OK;
}

static SluiceStatus unprotect_rtp(SlSrtpStreams *self, uint8_t *data, size_t *len, SluiceTime now)
{
    SlSsrc *entry = sl_ssrc_table_find(&self->table, sl_get32(data + 8));
    srtp_err_status_t status;
    uint64_t index;
    int n = (int)*len;

    if (!entry || !entry->synced)
        return unprotect_first_rtp(self, entry, data, len, now);
    index = sl_rtp_index(entry->rtp_last, sl_get16(data + 2));
    if (index < entry->rtp_floor || index > SL_RTP_INDEX_MAX)
        return SLUICE_DROPPED_REPLAYED;
    status = srtp_unprotect(entry->srtp, data, &n);
    if (status != srtp_err_status_ok)
        return status_inbound(status);
    *len = (size_t)n;
    if (index > entry->rtp_last)
        entry->rtp_last = index;
    entry->rtp_seen = 1;
    note_seen(self, entry, now);
    return SLUICE_OK;
}

static SluiceStatus unprotect_rtcp(SlSrtpStreams *self, uint8_t *data, size_t *len, SluiceTime now)
{
    uint32_t ssrc = sl_get32(data + 4), index = sl_srtcp_index(self, data, *len);
    SlSsrc *entry = sl_ssrc_table_find(&self->table, ssrc);
    unsigned session = sl_srtp_streams_place(self, entry);
    srtp_err_status_t status;
    int n = (int)*len;

    if (entry && index < entry->rtcp_bound)
        return SLUICE_DROPPED_REPLAYED;
    status = srtp_unprotect_rtcp(sl_srtp_streams_session(self, session), data, &n);
    if (status != srtp_err_status_ok)
        return status_inbound(status);
    *len = (size_t)n;
    if (!entry || !entry->streamed || entry->list != SL_SSRC_LIVE) {
        entry = admit(self, entry, ssrc, session, now);
        if (!entry)
            return SLUICE_DROPPED_FULL;
    }
    if (index > entry->rtcp_last)
        entry->rtcp_last = index;
    entry->rtcp_seen = 1;
    note_seen(self, entry, now);
    return SLUICE_OK;
}

SluiceStatus sl_srtp_inbound_unprotect(SlSrtpStreams *self, SluiceKind kind, uint8_t *data,
                                       size_t *len, SluiceTime now)
{
    return kind == SLUICE_KIND_RTP ? unprotect_rtp(self, data, len, now)
                                   : unprotect_rtcp(self, data, len, now);
}

/* -- what the application says ------------------------------------------------------------------------------ */

SluiceStatus sl_srtp_inbound_remove(SlSrtpStreams *self, uint32_t ssrc)
{
    SlSsrc *entry = sl_ssrc_table_find(&self->table, ssrc);

    if (!entry || entry->list != SL_SSRC_LIVE)
        return SLUICE_INVALID_ARGUMENT;
    entry->named = 0;
    if (entry->rtp_seen || entry->rtcp_seen)
        remember(self, entry);
    else
        forget(self, entry);
    return SLUICE_OK;
}

SluiceStatus sl_srtp_inbound_set_roc(SlSrtpStreams *self, uint32_t ssrc, uint32_t roc,
                                     SluiceTime now)
{
    SlSsrc *entry = sl_ssrc_table_find(&self->table, ssrc);

    if (entry && entry->rtp_seen && roc < entry->rtp_last >> 16)
        return SLUICE_INVALID_ARGUMENT; /* all of it has been delivered or given up */
    if (!entry || entry->list != SL_SSRC_LIVE) {
        if (self->table.count[SL_SSRC_LIVE] >= self->limit)
            return SLUICE_WOULD_BLOCK;
        entry = enter(self, entry, ssrc, now);
        if (!entry)
            return SLUICE_NO_MEMORY;
    }
    if (entry->streamed && entry->rtp_seen && entry->rtp_floor <= entry->rtp_last &&
        roc == entry->rtp_last >> 16) { /* where libsrtp is: what was named before is taken back */
        entry->named = 0;
        entry->synced = 1;
        return SLUICE_OK;
    }
    entry->named = 1;
    entry->named_roc = roc;
    entry->synced = 0;
    return SLUICE_OK;
}
