/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SL_SRTP_H
#define SL_SRTP_H

/* One generation of keys, both directions: what a packet has to look like, whose keys are whose; the SSRCs are in
 * srtp-streams. With these two and srtp-openssl the only place that knows libsrtp2. */

#include "near.h"

#include <sluice/stats.h>
#include <sluice/transport.h>

typedef struct SlSrtp SlSrtp;

/* Key lengths of a profile (RFC 5764 section 4.1.2, RFC 7714 section 12). 0 for an unknown profile. */
int sl_srtp_key_lengths(SluiceSrtpProfile profile, size_t *key_len, size_t *salt_len);

/* Splits exported keying material (client key, server key, client salt, server salt: RFC 5764 section 4.2) into
 * keys as seen by @role. @keys has profile and lengths filled in. */
void sl_srtp_split_keys(SluiceRole role, const uint8_t *material, SluiceSrtpKeys *keys);

/* Makes libsrtp ready, once a process. Its self tests take 10 to 20 ms: called when a transport is made, so that no
 * handshake waits for them. sl_srtp_new() calls it too, without a config (NULL). Puts OpenSSL's ciphers in unless
 * @config says otherwise, and what was refused into its log. 1: it is ready. Any thread. */
int sl_srtp_prepare(const SluiceConfig *config, uint64_t transport_id);

/* @ssrc_limit: of live SSRCs a direction. @stats: where ssrcs_evicted and ssrcs_forgotten are counted, or NULL.
 * SLUICE_OK, SLUICE_NO_MEMORY, SLUICE_INTERNAL. New keys mean a new object: srtp_update keeps ROC and replay state. */
SluiceStatus sl_srtp_new(const SluiceSrtpKeys *keys, unsigned replay_window, unsigned ssrc_limit,
                         SluiceStats *stats, SlSrtp **out);
void sl_srtp_free(SlSrtp *self);

/* 1 if this may be a packet of @kind: version 2, header, CSRCs and extension inside @len; RTCP at least 8 bytes
 * and its first packet inside @len. For sealed packets the trailer is part of @len. */
int sl_srtp_plausible(SluiceKind kind, const uint8_t *data, size_t len);

/* In place, outbound; the caller holds the lock of the outbound side. Contract of sluice_transport_protect(). */
SluiceStatus sl_srtp_protect(SlSrtp *self, SluiceKind kind, uint8_t *data, size_t *len,
                             size_t capacity);

/* In place, inbound, @data 4-aligned: SLUICE_OK, SLUICE_DROPPED_MALFORMED, SLUICE_DROPPED_UNAUTHENTIC,
 * SLUICE_DROPPED_REPLAYED; SLUICE_DROPPED_FULL: authentic, but its SSRC has no place. What is at @data after a failure
 * is not defined. */
SluiceStatus sl_srtp_unprotect(SlSrtp *self, SluiceTime now, SluiceKind kind, uint8_t *data,
                               size_t *len);

/* Where in memory what the last packet needed is. @near stays as it is if there was none. */
void sl_srtp_get_near(const SlSrtp *self, SluiceDirection direction, SlNear *near);

/* Contracts of sluice_transport_remove_ssrc(), _get_roc() and _set_roc(). Outbound the caller holds the lock. */
SluiceStatus sl_srtp_remove_ssrc(SlSrtp *self, SluiceDirection direction, uint32_t ssrc);
SluiceStatus sl_srtp_get_roc(SlSrtp *self, SluiceDirection direction, uint32_t ssrc, uint32_t *roc);
SluiceStatus sl_srtp_set_roc(SlSrtp *self, SluiceTime now, SluiceDirection direction, uint32_t ssrc,
                             uint32_t roc);

/* Live SSRCs. */
uint32_t sl_srtp_count_ssrcs(const SlSrtp *self, SluiceDirection direction);

#endif
