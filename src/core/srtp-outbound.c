/* SPDX-License-Identifier: BSD-3-Clause */

/* What goes out. No index of an SSRC is used twice, whatever is removed in between: two packets under one key stream
 * give both away (RFC 3711 section 9.1). */

#include "srtp-streams.h"

#include <arpa/inet.h>
#include <string.h>

static SluiceStatus status_outbound(srtp_err_status_t status)
{
    switch (status) {
    case srtp_err_status_ok:
        return SLUICE_OK;
    case srtp_err_status_replay_fail:
    case srtp_err_status_replay_old:
    case srtp_err_status_pkt_idx_old:
    case srtp_err_status_key_expired:
        return SLUICE_KEY_EXHAUSTED;
    case srtp_err_status_bad_param:
        return SLUICE_INVALID_ARGUMENT;
    case srtp_err_status_alloc_fail: /* of the stream of a new SSRC */
        return SLUICE_NO_MEMORY;
    default:
        return SLUICE_INTERNAL;
    }
}

/* *@entry (NULL: a new one) becomes live. */
static SluiceStatus enter(SlSrtpStreams *self, SlSsrc **entry, uint32_t ssrc)
{
    if (*entry && (*entry)->list == SL_SSRC_LIVE)
        return SLUICE_OK;
    if (self->table.count[SL_SSRC_LIVE] >= self->limit)
        return SLUICE_WOULD_BLOCK;
    if (*entry) {
        sl_ssrc_table_put_in_front(&self->table, *entry, SL_SSRC_LIVE);
        return SLUICE_OK;
    }
    if (self->table.n >= SL_SRTP_SENT_MAX)
        return SLUICE_KEY_EXHAUSTED; /* none of them may be forgotten: only new keys help */
    *entry = sl_ssrc_table_insert(&self->table, ssrc, SL_SSRC_LIVE);
    return *entry ? SLUICE_OK : SLUICE_NO_MEMORY;
}

static int was_used(const SlSsrc *entry) { return entry->rtp_seen || entry->rtcp_last; }

/* What follows a call that may have made the stream. */
static SluiceStatus settle(SlSrtpStreams *self, SlSsrc *entry, unsigned session,
                           srtp_err_status_t status)
{
    if (!entry->streamed && (status == srtp_err_status_ok ||
                             sl_srtp_sessions_has(&self->sessions, session, entry->ssrc))) {
        sl_srtp_streams_made(self, entry, session);
        sl_srtp_sessions_grow(&self->sessions);
    }
    return status_outbound(status);
}

/* An SSRC of which nothing went out leaves nothing behind. */
static SluiceStatus give_up(SlSrtpStreams *self, SlSsrc *entry, SluiceStatus status)
{
    if (!was_used(entry) && !entry->named) {
        sl_srtp_streams_drop(self, entry);
        sl_ssrc_table_delete(&self->table, entry);
    }
    return status;
}

static SluiceStatus seal_rtcp(SlSrtpStreams *self, SlSsrc *entry, uint8_t *data, size_t *len)
{
    unsigned session = sl_srtp_streams_place(self, entry);
    int n = (int)*len;
    srtp_err_status_t status = srtp_protect_rtcp(sl_srtp_streams_session(self, session), data, &n);

    if (status == srtp_err_status_ok) {
        *len = (size_t)n;
        entry->rtcp_bound = sl_srtcp_index(self, data, *len);
        if (entry->rtcp_bound > entry->rtcp_last)
            entry->rtcp_last = entry->rtcp_bound;
    }
    return settle(self, entry, session, status);
}

/* Brings the SRTCP index of libsrtp's stream to @index, and makes the stream if there is none. libsrtp has no call for
 * either: empty reports are sealed, for nobody. */
static SluiceStatus wind(SlSrtpStreams *self, SlSsrc *entry, uint32_t index)
{
    uint32_t wire = htonl(entry->ssrc);
    SluiceStatus status = SLUICE_OK;

    while (status == SLUICE_OK && entry->rtcp_bound < index) {
        _Alignas(4) uint8_t report[8 + SRTP_MAX_TRAILER_LEN + 4] = {0x80, 201, 0, 1};
        size_t len = 8;

        memcpy(report + 4, &wire, 4);
        status = seal_rtcp(self, entry, report, &len);
    }
    return status;
}

static SluiceStatus seal_rtp(SlSrtpStreams *self, SlSsrc *entry, uint8_t *data, size_t *len)
{
    unsigned session = sl_srtp_streams_place(self, entry);
    int n = (int)*len;
    srtp_err_status_t status = srtp_protect(sl_srtp_streams_session(self, session), data, &n);

    if (status == srtp_err_status_ok)
        *len = (size_t)n;
    return settle(self, entry, session, status);
}

/* The SSRC is new, or has come back, or its ROC was named. What comes back has the index that a receiver guesses. */
static SluiceStatus protect_first_rtp(SlSrtpStreams *self, SlSsrc *entry, uint8_t *data,
                                      size_t *len)
{
    uint32_t ssrc = sl_get32(data + 8), seq = sl_get16(data + 2);
    uint64_t index = seq;
    SluiceStatus status;

    if (entry && entry->named)
        index |= (uint64_t)entry->named_roc << 16;
    else if (entry)
        index = sl_rtp_index(entry->rtp_last, seq);
    if (index > SL_RTP_INDEX_MAX || (entry && index < entry->rtp_floor))
        return SLUICE_KEY_EXHAUSTED;
    status = enter(self, &entry, ssrc);
    if (status != SLUICE_OK)
        return status;
    if (!entry->streamed && index >> 16)
        status = wind(self, entry, 1);
    if (status == SLUICE_OK) {
        sl_srtp_streams_name(self, entry, index);
        status = seal_rtp(self, entry, data, len);
        sl_srtp_streams_name(self, entry, 0);
    }
    if (status != SLUICE_OK)
        return give_up(self, entry, status);
    if (index > entry->rtp_last)
        entry->rtp_last = index;
    entry->rtp_seen = entry->synced = 1;
    entry->named = 0;
    return SLUICE_OK;
}

static SluiceStatus protect_rtp(SlSrtpStreams *self, uint8_t *data, size_t *len)
{
    SlSsrc *entry = sl_ssrc_table_find(&self->table, sl_get32(data + 8));
    srtp_err_status_t status;
    uint64_t index;
    int n = (int)*len;

    if (!entry || !entry->synced)
        return protect_first_rtp(self, entry, data, len);
    index = sl_rtp_index(entry->rtp_last, sl_get16(data + 2));
    if (index < entry->rtp_floor || index > SL_RTP_INDEX_MAX)
        return SLUICE_KEY_EXHAUSTED;
    status = srtp_protect(entry->srtp, data, &n);
    if (status != srtp_err_status_ok)
        return status_outbound(status);
    *len = (size_t)n;
    if (index > entry->rtp_last)
        entry->rtp_last = index;
    entry->rtp_seen = 1;
    return SLUICE_OK;
}

static SluiceStatus protect_rtcp(SlSrtpStreams *self, uint8_t *data, size_t *len)
{
    uint32_t ssrc = sl_get32(data + 4);
    SlSsrc *entry = sl_ssrc_table_find(&self->table, ssrc);
    SluiceStatus status = enter(self, &entry, ssrc);

    if (status != SLUICE_OK)
        return status;
    if (entry->rtcp_bound < entry->rtcp_last)
        status = wind(self, entry, entry->rtcp_last);
    if (status == SLUICE_OK)
        status = seal_rtcp(self, entry, data, len);
    return status == SLUICE_OK ? SLUICE_OK : give_up(self, entry, status);
}

SluiceStatus sl_srtp_outbound_protect(SlSrtpStreams *self, SluiceKind kind, uint8_t *data,
                                      size_t *len)
{
    return kind == SLUICE_KIND_RTP ? protect_rtp(self, data, len) : protect_rtcp(self, data, len);
}

/* -- what the application says ------------------------------------------------------------------------------ */

SluiceStatus sl_srtp_outbound_remove(SlSrtpStreams *self, uint32_t ssrc)
{
    SlSsrc *entry = sl_ssrc_table_find(&self->table, ssrc);

    if (!entry || entry->list != SL_SSRC_LIVE)
        return SLUICE_INVALID_ARGUMENT;
    entry->named = 0;
    if (!was_used(entry)) {
        give_up(self, entry, SLUICE_OK);
        return SLUICE_OK;
    }
    if (entry->rtp_seen)
        entry->rtp_floor = entry->rtp_last + 1;
    /* The stream of one that sent so many reports stays: winding it up again would take too long. */
    if (entry->rtcp_last <= SL_SRTP_WIND_MAX) {
        sl_srtp_streams_drop(self, entry);
        entry->rtcp_bound = 0;
    }
    entry->synced = 0;
    sl_ssrc_table_put_in_front(&self->table, entry, SL_SSRC_REMEMBERED);
    return SLUICE_OK;
}

SluiceStatus sl_srtp_outbound_set_roc(SlSrtpStreams *self, uint32_t ssrc, uint32_t roc)
{
    SlSsrc *entry = sl_ssrc_table_find(&self->table, ssrc);
    SluiceStatus status;

    if (entry && entry->rtp_seen && roc < entry->rtp_last >> 16)
        return SLUICE_KEY_EXHAUSTED;
    status = enter(self, &entry, ssrc);
    if (status != SLUICE_OK)
        return status;
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
