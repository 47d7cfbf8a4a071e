/* SPDX-License-Identifier: BSD-3-Clause */

/* The keys of a transport: of one generation, or of two while one takes the place of the other. */

#include "transport.h"

#include <openssl/crypto.h>

#include <stdlib.h>
#include <string.h>

/* -- out of an association ---------------------------------------------------------------------------------- */

/* SRTP keys of the association, as RFC 5764 section 4.2 cuts them. */
static SluiceStatus derive_keys(SlDtls *association, SluiceSrtpKeys *keys)
{
    uint8_t material[2 * (32 + 14)];
    SluiceStatus status;
    size_t len;

    memset(keys, 0, sizeof *keys);
    keys->profile = sl_dtls_profile(association);
    keys->generation = sl_dtls_generation(association);
    if (!sl_srtp_key_lengths(keys->profile, &keys->key_len, &keys->salt_len))
        return SLUICE_INTERNAL;
    len = 2 * (keys->key_len + keys->salt_len);
    status = sl_dtls_export(association, "EXTRACTOR-dtls_srtp", NULL, 0, material, len);
    if (status != SLUICE_OK)
        return status;
    sl_srtp_split_keys(sl_dtls_role(association), material, keys);
    OPENSSL_cleanse(material, sizeof material);
    return SLUICE_OK;
}

SluiceStatus sluice_transport_get_srtp_keys(SluiceTransport *self, SluiceSrtpKeys *keys)
{
    if (!self || !keys)
        return SLUICE_INVALID_ARGUMENT;
    if (sl_transport_has_ended(self))
        return SLUICE_ENDED;
    if (self->state == SLUICE_STATE_MEDIA_ONLY || self->config->n_profiles == 0)
        return SLUICE_INVALID_STATE;
    if (self->state != SLUICE_STATE_CONNECTED)
        return SLUICE_NOT_READY;
    return derive_keys(self->associations[SL_LIVE], keys);
}

uint32_t sluice_transport_get_media_generation(const SluiceTransport *self)
{
    return self ? self->media_generation : 0;
}

SluiceStatus sl_transport_make_srtp(SluiceTransport *self, SlDtls *association, SlSrtp **out)
{
    SluiceSrtpKeys keys;
    SluiceStatus status;

    *out = NULL;
    if (self->config->n_profiles == 0)
        return SLUICE_OK;
    status = derive_keys(association, &keys);
    if (status == SLUICE_OK)
        status = sl_srtp_new(&keys, self->config->replay_window, self->config->ssrc_limit,
                             &self->stats, out);
    OPENSSL_cleanse(&keys, sizeof keys);
    return status;
}

void sl_transport_use_keys(SluiceTransport *self, SluiceTime now, SlSrtp *srtp)
{
    SlDtls *live = self->associations[SL_LIVE];
    SluiceEvent event = {.type = SLUICE_EVENT_GENERATION, .time = now};

    self->srtp = srtp;
    pthread_mutex_lock(&self->send_lock);
    self->srtp_out = srtp;
    pthread_mutex_unlock(&self->send_lock);
    event.u.generation.restarted = self->generation > 0;
    self->generation = sl_dtls_generation(live);
    /* It was numbered when nobody knew yet whether this one would ever have keys. */
    if (self->second.phase == SL_SECOND_ATTEMPT)
        sl_dtls_set_generation(self->associations[SL_SECOND], self->generation + 1);
    event.u.generation.number = self->generation;
    event.u.generation.role = sl_dtls_role(live);
    self->stats.generation = self->generation;
    self->stats.restarts += event.u.generation.restarted != 0;
    sl_event_queue_push(&self->events, &event);
    if (srtp)
        sl_inbox_open(&self->inbox, sl_transport_open_media, self);
}

/* -- into packets ------------------------------------------------------------------------------------------- */

typedef struct {
    SlSrtp *srtp;
    uint32_t generation;
} Keys;

static uint32_t ssrc_of(SluiceKind kind, const uint8_t *data)
{
    const uint8_t *at = data + (kind == SLUICE_KIND_RTP ? 8 : 4);

    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* The order in which they are tried: what took the SSRC's last packet, else the newer. Returns how many. */
static size_t keys_to_try(const SluiceTransport *self, uint32_t ssrc, Keys keys[2])
{
    const Keys live = {self->srtp, self->generation};
    const Keys other = {self->second.srtp, self->second.phase == SL_SECOND_OLD
                                               ? self->generation - 1
                                               : self->generation + 1};
    uint32_t hint = self->hints ? sl_generation_hints_get(self->hints, ssrc) : 0;
    int other_first;

    if (!other.srtp || !live.srtp) {
        keys[0] = live.srtp ? live : other;
        return keys[0].srtp != NULL;
    }
    other_first = hint == live.generation    ? 0
                  : hint == other.generation ? 1
                                             : other.generation > live.generation;
    keys[0] = other_first ? other : live;
    keys[1] = other_first ? live : other;
    return 2;
}

static void note_generation(SluiceTransport *self, uint32_t ssrc, uint32_t generation)
{
    if (!self->hints)
        self->hints = calloc(1, sizeof *self->hints);
    if (self->hints)
        sl_generation_hints_set(self->hints, ssrc, generation);
}

/* In a copy: a packet that is tried with the wrong key is destroyed by AES-GCM, and libsrtp casts to 32-bit words. What is
 * at @data stays as it came until a key has opened it. */
static SluiceStatus unprotect_copy(SluiceTransport *self, const Keys *keys, size_t n,
                                   SluiceKind kind, uint8_t *data, size_t *len,
                                   uint32_t *generation)
{
    SluiceStatus status = SLUICE_DROPPED_UNAUTHENTIC;

    if (!self->scratch)
        self->scratch = OPENSSL_malloc(SL_SCRATCH);
    if (!self->scratch)
        return SLUICE_DROPPED_FULL;
    for (size_t i = 0; i < n; i++) {
        size_t opened = *len;
        SluiceStatus result;

        memcpy(self->scratch, data, *len);
        result = sl_srtp_unprotect(keys[i].srtp, self->received_at, kind, self->scratch, &opened);
        if (result == SLUICE_OK) {
            memcpy(data, self->scratch, opened);
            *len = opened;
            *generation = keys[i].generation;
            return SLUICE_OK;
        }
        /* libsrtp looks for a replay before it looks at the tag: it may be a new packet under the other keys. And what is
         * malformed under one profile may only be too short for it. */
        if (result != SLUICE_DROPPED_UNAUTHENTIC && status != SLUICE_DROPPED_REPLAYED)
            status = result;
    }
    return status;
}

static int has_one_key(const SluiceTransport *self)
{
    return self->srtp && (self->second.phase == SL_SECOND_NONE ||
                          (!self->second.srtp && !sl_second_may_own_media(self)));
}

SluiceStatus sl_transport_unprotect(SluiceTransport *self, SluiceKind kind, uint8_t *data,
                                    size_t *len, uint32_t *generation)
{
    int aligned = ((uintptr_t)data & 3) == 0;
    SluiceStatus status;
    Keys keys[2];
    size_t n = 1;

    if (aligned && has_one_key(self)) {
        *generation = self->generation;
        status = sl_srtp_unprotect(self->srtp, self->received_at, kind, data, len);
        if (sl_near_is_due(self->stats.rtp_delivered))
            sl_srtp_get_near(self->srtp, SLUICE_RECEIVED, &self->near);
    } else {
        n = keys_to_try(self, ssrc_of(kind, data), keys);
        self->stats.copied_unaligned += !aligned;
        status = unprotect_copy(self, keys, n, kind, data, len, generation);
    }
    if (status != SLUICE_OK)
        return status;
    if (self->captured)
        sl_transport_capture(self, SLUICE_CAPTURE_PLAIN, SLUICE_RECEIVED, kind, self->received_at,
                             data, *len);
    self->media_generation = *generation;
    if (n == 2) {
        note_generation(self, ssrc_of(kind, data), *generation);
        sl_second_heard(self, self->received_at, *generation != self->generation);
    }
    if (*generation > self->media_opened)
        self->media_opened = *generation;
    return SLUICE_OK;
}

/* ---- before the first of all ---- */

SluiceStatus sluice_config_prepare(SluiceConfig *self)
{
    if (!self)
        return SLUICE_INVALID_ARGUMENT;
    if (!sl_config_freeze(self, sl_dtls_install))
        return SLUICE_INTERNAL;
    return !self->n_profiles || sl_srtp_prepare(self, 0) ? SLUICE_OK : SLUICE_INTERNAL;
}
