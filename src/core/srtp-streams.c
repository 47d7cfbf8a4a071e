/* SPDX-License-Identifier: BSD-3-Clause */
#include "srtp-streams.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <string.h>

/* From the end of a sealed SRTCP packet to its index: it stands before the tag (RFC 3711 section 3.4), but with an AEAD
 * last (RFC 7714 section 9.2). */
static uint32_t srtcp_index_at(srtp_profile_t profile)
{
    int aead = profile == srtp_profile_aead_aes_128_gcm || profile == srtp_profile_aead_aes_256_gcm;

    return aead ? 4 : 4 + 10;
}

SluiceStatus sl_srtp_streams_init(SlSrtpStreams *self, srtp_profile_t profile,
                                  srtp_ssrc_type_t direction, unsigned window, unsigned limit,
                                  const uint8_t *key, size_t key_len)
{
    srtp_err_status_t status;
    uint64_t seed[2];
    uint32_t max;

    memset(self, 0, sizeof *self);
    self->limit = limit;
    self->max_remembered = limit < 16384 ? 4 * limit : 65536;
    self->srtcp_index_at = srtcp_index_at(profile);
    max = direction == ssrc_any_inbound ? limit + self->max_remembered + 2 : SL_SRTP_SENT_MAX;
    if (RAND_bytes((unsigned char *)seed, sizeof seed) != 1)
        return SLUICE_INTERNAL;
    if (!sl_ssrc_table_init(&self->table, max, seed))
        return SLUICE_NO_MEMORY;
    status = sl_srtp_sessions_init(&self->sessions, profile, direction, window, key, key_len);
    if (status == srtp_err_status_ok)
        return SLUICE_OK;
    sl_ssrc_table_cleanup(&self->table);
    return status == srtp_err_status_alloc_fail ? SLUICE_NO_MEMORY : SLUICE_INTERNAL;
}

void sl_srtp_streams_cleanup(SlSrtpStreams *self)
{
    sl_srtp_sessions_cleanup(&self->sessions);
    sl_ssrc_table_cleanup(&self->table);
}

SluiceStatus sl_srtp_streams_get_roc(SlSrtpStreams *self, uint32_t ssrc, uint32_t *roc)
{
    const SlSsrc *entry = sl_ssrc_table_find(&self->table, ssrc);

    if (!entry)
        return SLUICE_INVALID_ARGUMENT;
    *roc = entry->named ? entry->named_roc : (uint32_t)(entry->rtp_last >> 16);
    return SLUICE_OK;
}

void sl_srtp_streams_made(SlSrtpStreams *self, SlSsrc *entry, unsigned session)
{
    entry->streamed = 1;
    entry->session = session & 0xff;
    entry->srtp = self->sessions.list[session].srtp;
    entry->synced = !entry->rtp_seen && !entry->named; /* both begin at 0 */
    sl_srtp_sessions_count(&self->sessions, session);
}

void sl_srtp_streams_drop(SlSrtpStreams *self, SlSsrc *entry)
{
    if (entry->streamed)
        sl_srtp_sessions_remove(&self->sessions, entry->session, entry->ssrc);
    entry->streamed = 0;
    entry->synced = 0;
}

void sl_srtp_streams_get_near(const SlSrtpStreams *self, SlNear *near)
{
    const SlSsrc *entry = self->table.recent;
    const SlSrtpPlaces *ours;

    if (!entry || !entry->streamed)
        return;
    ours = &self->sessions.list[entry->session].places;
    sl_near_set(&near->ssrc, entry);
    sl_near_set(&near->session, entry->srtp);
    sl_near_set(&near->cipher, ours->cipher ? ours->cipher : entry);
    sl_near_set(&near->context, ours->context ? ours->context : entry);
    sl_near_set(&near->mac, ours->mac ? ours->mac : near->cipher);
}
