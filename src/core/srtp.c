/* SPDX-License-Identifier: BSD-3-Clause */
#include "srtp.h"

#include "srtp-openssl.h"
#include "classify.h"
#include "srtp-streams.h"

#include <openssl/crypto.h>
#include <srtp2/srtp.h>

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* libsrtp wants room for any trailer, and four bytes more for the index of SRTCP. */
static_assert(SLUICE_PROTECT_ROOM >= SRTP_MAX_TRAILER_LEN + 4, "room for any trailer of libsrtp");

#define PACKET_MAX 65535
#define RTP_HEADER 12
#define SRTCP_INDEX 4 /* E bit and index behind the packet (RFC 3711 section 3.4) */

typedef struct {
    SluiceSrtpProfile profile;
    srtp_profile_t theirs;
    size_t key_len, salt_len;
    size_t rtp_tag, rtcp_tag;
} Profile;

/* RFC 5764 section 4.1.2, RFC 7714 section 12. The short tag of _32 is for RTP only (RFC 4568 section 6.2.2). */
static const Profile profiles[] = {
    {SLUICE_SRTP_AES128_CM_SHA1_80, srtp_profile_aes128_cm_sha1_80, 16, 14, 10, 10},
    {SLUICE_SRTP_AES128_CM_SHA1_32, srtp_profile_aes128_cm_sha1_32, 16, 14, 4, 10},
    {SLUICE_SRTP_AEAD_AES_128_GCM, srtp_profile_aead_aes_128_gcm, 16, 12, 16, 16},
    {SLUICE_SRTP_AEAD_AES_256_GCM, srtp_profile_aead_aes_256_gcm, 32, 12, 16, 16},
};

struct SlSrtp {
    const Profile *profile;
    SlSrtpStreams inbound;
    uint8_t apart[64]; /* threads that send share no cache line with the one that receives */
    SlSrtpStreams outbound;
};

static const Profile *find_profile(SluiceSrtpProfile profile)
{
    for (size_t i = 0; i < sizeof profiles / sizeof *profiles; i++)
        if (profiles[i].profile == profile)
            return &profiles[i];
    return NULL;
}

int sl_srtp_key_lengths(SluiceSrtpProfile profile, size_t *key_len, size_t *salt_len)
{
    const Profile *p = find_profile(profile);

    if (!p)
        return 0;
    *key_len = p->key_len;
    *salt_len = p->salt_len;
    return 1;
}

void sl_srtp_split_keys(SluiceRole role, const uint8_t *material, SluiceSrtpKeys *keys)
{
    const uint8_t *client_key = material;
    const uint8_t *server_key = client_key + keys->key_len;
    const uint8_t *client_salt = server_key + keys->key_len;
    const uint8_t *server_salt = client_salt + keys->salt_len;
    int client = role == SLUICE_ROLE_CLIENT;

    memcpy(keys->local_key, client ? client_key : server_key, keys->key_len);
    memcpy(keys->local_salt, client ? client_salt : server_salt, keys->salt_len);
    memcpy(keys->remote_key, client ? server_key : client_key, keys->key_len);
    memcpy(keys->remote_salt, client ? server_salt : client_salt, keys->salt_len);
}

/* -- the library --------------------------------------------------------------------------------------------- */

static pthread_mutex_t init_lock = PTHREAD_MUTEX_INITIALIZER;
static int init_worked;

/* The state of libsrtp belongs to the whole process. srtp_init() refuses a second call in the same way as it
 * reports trouble, so whether the application, or another library in it, came first is seen by using it. We never
 * shut it down: others may be using it. */
static void init_library(void)
{
    static const uint8_t zeros[SL_SRTP_KEY_MAX];
    srtp_t probe = NULL;

    if (srtp_init() == srtp_err_status_ok) {
        init_worked = 1;
        return;
    }
    if (sl_srtp_create(srtp_profile_aes128_cm_sha1_80, ssrc_any_outbound, 0, zeros, &probe) ==
        srtp_err_status_ok) {
        srtp_dealloc(probe);
        init_worked = 1;
    }
}

int sl_srtp_prepare(const SluiceConfig *config, uint64_t transport_id)
{
    int ready;

    pthread_mutex_lock(&init_lock);
    if (!init_worked) /* memory may have run out the last time */
        init_library();
    ready = init_worked;
    if (ready)
        sl_srtp_openssl_put_in(config, transport_id);
    pthread_mutex_unlock(&init_lock);
    return ready;
}

/* -- life --------------------------------------------------------------------------------------------------- */

static SluiceStatus open_direction(SlSrtpStreams *streams, const Profile *profile,
                                   srtp_ssrc_type_t direction, unsigned window, unsigned limit,
                                   const uint8_t *key, const uint8_t *salt)
{
    uint8_t both[SL_SRTP_KEY_MAX];
    SluiceStatus status;

    memcpy(both, key, profile->key_len);
    memcpy(both + profile->key_len, salt, profile->salt_len);
    status = sl_srtp_streams_init(streams, profile->theirs, direction, window, limit, both,
                                  profile->key_len + profile->salt_len);
    OPENSSL_cleanse(both, sizeof both);
    return status;
}

SluiceStatus sl_srtp_new(const SluiceSrtpKeys *keys, unsigned replay_window, unsigned ssrc_limit,
                         SluiceStats *stats, SlSrtp **out)
{
    const Profile *profile = find_profile(keys->profile);
    SluiceStatus status;
    SlSrtp *self;

    *out = NULL;
    if (!sl_srtp_prepare(NULL, 0) || !profile || keys->key_len != profile->key_len ||
        keys->salt_len != profile->salt_len)
        return SLUICE_INTERNAL;
    self = calloc(1, sizeof *self);
    if (!self)
        return SLUICE_NO_MEMORY;
    self->profile = profile;
    status = open_direction(&self->inbound, profile, ssrc_any_inbound, replay_window, ssrc_limit,
                            keys->remote_key, keys->remote_salt);
    if (status == SLUICE_OK) {
        self->inbound.stats = stats;
        status = open_direction(&self->outbound, profile, ssrc_any_outbound, replay_window,
                                ssrc_limit, keys->local_key, keys->local_salt);
        if (status != SLUICE_OK)
            sl_srtp_streams_cleanup(&self->inbound);
    }
    if (status != SLUICE_OK) {
        free(self);
        return status;
    }
    *out = self;
    return SLUICE_OK;
}

void sl_srtp_free(SlSrtp *self)
{
    if (!self)
        return;
    sl_srtp_streams_cleanup(&self->inbound);
    sl_srtp_streams_cleanup(&self->outbound);
    free(self);
}

/* -- packets ------------------------------------------------------------------------------------------------ */

static size_t get16(const uint8_t *p) { return (size_t)p[0] << 8 | p[1]; }

/* RFC 3550 section 5.1 and 5.3.1. */
static int rtp_header_fits(const uint8_t *data, size_t len)
{
    size_t header = RTP_HEADER + 4 * (size_t)(data[0] & 15);

    if (header > len)
        return 0;
    if (!(data[0] & 0x10))
        return 1;
    return len - header >= 4 && 4 * get16(data + header + 2) <= len - header - 4;
}

int sl_srtp_plausible(SluiceKind kind, const uint8_t *data, size_t len)
{
    /* Version and least length are what makes the class; a packet that would be sorted otherwise at the other end
     * is none of this kind either. */
    if (sl_classify(data, len) != kind)
        return 0;
    if (kind == SLUICE_KIND_RTP)
        return rtp_header_fits(data, len);
    return kind == SLUICE_KIND_RTCP && 4 * (get16(data + 2) + 1) <= len;
}

static size_t trailer_of(const SlSrtp *self, SluiceKind kind)
{
    return kind == SLUICE_KIND_RTP ? self->profile->rtp_tag : SRTCP_INDEX + self->profile->rtcp_tag;
}

SluiceStatus sl_srtp_protect(SlSrtp *self, SluiceKind kind, uint8_t *data, size_t *len,
                             size_t capacity)
{
    if ((uintptr_t)data & 3 || *len > PACKET_MAX)
        return SLUICE_INVALID_ARGUMENT;
    if (capacity < *len || capacity - *len < SLUICE_PROTECT_ROOM)
        return SLUICE_NO_ROOM;
    if (!sl_srtp_plausible(kind, data, *len))
        return SLUICE_INVALID_ARGUMENT;
    return sl_srtp_outbound_protect(&self->outbound, kind, data, len);
}

SluiceStatus sl_srtp_unprotect(SlSrtp *self, SluiceTime now, SluiceKind kind, uint8_t *data,
                               size_t *len)
{
    size_t trailer = trailer_of(self, kind);

    /* libsrtp looks at neither the version nor all of the lengths; the header has to end before the trailer. */
    if (*len > PACKET_MAX || *len < trailer || !sl_srtp_plausible(kind, data, *len - trailer))
        return SLUICE_DROPPED_MALFORMED;
    return sl_srtp_inbound_unprotect(&self->inbound, kind, data, len, now);
}

/* -- SSRCs -------------------------------------------------------------------------------------------------- */

SluiceStatus sl_srtp_remove_ssrc(SlSrtp *self, SluiceDirection direction, uint32_t ssrc)
{
    return direction == SLUICE_RECEIVED ? sl_srtp_inbound_remove(&self->inbound, ssrc)
                                        : sl_srtp_outbound_remove(&self->outbound, ssrc);
}

SluiceStatus sl_srtp_get_roc(SlSrtp *self, SluiceDirection direction, uint32_t ssrc, uint32_t *roc)
{
    return sl_srtp_streams_get_roc(direction == SLUICE_RECEIVED ? &self->inbound : &self->outbound,
                                   ssrc, roc);
}

SluiceStatus sl_srtp_set_roc(SlSrtp *self, SluiceTime now, SluiceDirection direction, uint32_t ssrc,
                             uint32_t roc)
{
    return direction == SLUICE_RECEIVED ? sl_srtp_inbound_set_roc(&self->inbound, ssrc, roc, now)
                                        : sl_srtp_outbound_set_roc(&self->outbound, ssrc, roc);
}

void sl_srtp_get_near(const SlSrtp *self, SluiceDirection direction, SlNear *near)
{
    const SlSrtpStreams *streams = direction == SLUICE_RECEIVED ? &self->inbound : &self->outbound;

    sl_srtp_streams_get_near(streams, near);
}

uint32_t sl_srtp_count_ssrcs(const SlSrtp *self, SluiceDirection direction)
{
    const SlSrtpStreams *streams = direction == SLUICE_RECEIVED ? &self->inbound : &self->outbound;

    return streams->table.count[SL_SSRC_LIVE];
}
