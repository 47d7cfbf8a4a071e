/* SPDX-License-Identifier: BSD-3-Clause */
#include "srtp-sessions.h"

#include <openssl/crypto.h>

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

srtp_err_status_t sl_srtp_create(srtp_profile_t profile, srtp_ssrc_type_t direction,
                                 unsigned window, const uint8_t *key, srtp_t *out)
{
    uint8_t copy[SL_SRTP_KEY_MAX]; /* libsrtp wants to be able to write to it */
    srtp_policy_t policy;
    srtp_err_status_t status;

    memset(&policy, 0, sizeof policy);
    status = srtp_crypto_policy_set_from_profile_for_rtp(&policy.rtp, profile);
    if (status == srtp_err_status_ok)
        status = srtp_crypto_policy_set_from_profile_for_rtcp(&policy.rtcp, profile);
    if (status != srtp_err_status_ok)
        return status;
    memcpy(copy, key, sizeof copy);
    policy.ssrc.type = direction;
    policy.key = copy;
    policy.window_size = window;
    policy.allow_repeat_tx = 0; /* the same index twice would reuse a key stream */
    status = srtp_create(out, &policy);
    OPENSSL_cleanse(copy, sizeof copy);
    return status;
}

static srtp_err_status_t create(SlSrtpSessions *self, srtp_ssrc_type_t direction, srtp_t *out)
{
    return sl_srtp_create(self->profile, direction, self->window, self->key, out);
}

/* One more session, if there is memory: without it things go on, only slower. */
static srtp_err_status_t add_session(SlSrtpSessions *self)
{
    srtp_err_status_t status;

    if (self->n == self->room) {
        unsigned room = self->room ? 8 * self->room : 1;
        SlSrtpSession *list = realloc(self->list, room * sizeof *list);

        if (!list)
            return srtp_err_status_alloc_fail;
        self->list = list;
        self->room = room;
    }
    memset(&self->list[self->n], 0, sizeof *self->list);
    sl_srtp_openssl_note(&self->list[self->n].places);
    status = create(self, self->direction, &self->list[self->n].srtp);
    sl_srtp_openssl_note(NULL);
    if (status == srtp_err_status_ok)
        self->n++;
    return status;
}

srtp_err_status_t sl_srtp_sessions_init(SlSrtpSessions *self, srtp_profile_t profile,
                                        srtp_ssrc_type_t direction, unsigned window,
                                        const uint8_t *key, size_t key_len)
{
    srtp_err_status_t status;

    memset(self, 0, sizeof *self);
    self->profile = profile;
    self->direction = direction;
    self->window = window;
    memcpy(self->key, key, key_len);
    status = add_session(self);
    if (status != srtp_err_status_ok)
        sl_srtp_sessions_cleanup(self);
    return status;
}

void sl_srtp_sessions_cleanup(SlSrtpSessions *self)
{
    for (unsigned i = 0; i < self->n; i++)
        srtp_dealloc(self->list[i].srtp);
    if (self->mint)
        srtp_dealloc(self->mint);
    free(self->list);
    OPENSSL_cleanse(self, sizeof *self);
}

/* One for each sixteen streams: a walk costs a nanosecond a stream, a session that is not in the nearest cache more than
 * that. So a call of a few people has one. */
static unsigned sessions_for(uint32_t streams)
{
    return streams / 16 < SL_SRTP_SESSIONS_MAX ? 1 + streams / 16 : SL_SRTP_SESSIONS_MAX;
}

static void choose(SlSrtpSessions *self)
{
    for (unsigned i = 0; i < self->n; i++)
        if (self->list[i].streams < self->list[self->fewest].streams)
            self->fewest = i;
}

void sl_srtp_sessions_count(SlSrtpSessions *self, unsigned session)
{
    self->list[session].streams++;
    self->streams++;
    choose(self);
}

void sl_srtp_sessions_grow(SlSrtpSessions *self)
{
    if (self->n < sessions_for(self->streams)) {
        (void)add_session(self);
        choose(self);
    }
}

void sl_srtp_sessions_undo(SlSrtpSessions *self, unsigned session, uint32_t ssrc)
{
    srtp_remove_stream(self->list[session].srtp,
                       htonl(ssrc)); /* alone of its calls in network order */
}

void sl_srtp_sessions_remove(SlSrtpSessions *self, unsigned session, uint32_t ssrc)
{
    sl_srtp_sessions_undo(self, session, ssrc);
    self->list[session].streams--;
    self->streams--;
    if (self->list[session].streams < self->list[self->fewest].streams)
        self->fewest = session;
}

int sl_srtp_sessions_has(const SlSrtpSessions *self, unsigned session, uint32_t ssrc)
{
    uint32_t roc;

    return srtp_get_stream_roc(self->list[session].srtp, ssrc, &roc) == srtp_err_status_ok;
}

/* Inbound, libsrtp makes a stream of the template's keys for an authentic packet only, at the ROC 0; a stream added by
 * hand derives keys of its own, in ten times the time and the memory. So we say what the peer would say: an RTP packet
 * without payload of index 0, sealed with the peer's key and given to the session. It leaves this function in no
 * direction, and the real index 0 is not wanted where a stream has to be minted. */
srtp_err_status_t sl_srtp_sessions_mint(SlSrtpSessions *self, unsigned session, uint32_t ssrc)
{
    _Alignas(4) uint8_t packet[12 + SRTP_MAX_TRAILER_LEN] = {0x80};
    uint32_t wire = htonl(ssrc);
    srtp_err_status_t status = srtp_err_status_ok;
    int len = 12;

    if (!self->mint)
        status = create(self, ssrc_any_outbound, &self->mint);
    if (status != srtp_err_status_ok)
        return status;
    memcpy(packet + 8, &wire, 4);
    status = srtp_protect(self->mint, packet, &len);
    srtp_remove_stream(self->mint, wire);
    if (status == srtp_err_status_ok)
        status = srtp_unprotect(self->list[session].srtp, packet, &len);
    return status;
}
