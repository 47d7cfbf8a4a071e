/* SPDX-License-Identifier: BSD-3-Clause */
#include "srtp-ends.h"

#include <stdlib.h>
#include <string.h>

const SluiceSrtpProfile srtp_profiles[PROFILES] = {
    SLUICE_SRTP_AES128_CM_SHA1_80, SLUICE_SRTP_AES128_CM_SHA1_32, SLUICE_SRTP_AEAD_AES_128_GCM,
    SLUICE_SRTP_AEAD_AES_256_GCM};

static SlSrtp *open_role(SluiceSrtpProfile profile, SluiceRole role, unsigned limit,
                         SluiceStats *stats)
{
    SluiceSrtpKeys keys = {.profile = profile, .generation = 1};
    uint8_t material[92];
    SlSrtp *srtp;

    for (size_t i = 0; i < sizeof material; i++)
        material[i] = (uint8_t)(3 + 7 * i);
    assert_true(sl_srtp_key_lengths(profile, &keys.key_len, &keys.salt_len));
    sl_srtp_split_keys(role, material, &keys);
    assert_int_equal(sl_srtp_new(&keys, WINDOW, limit, stats, &srtp), SLUICE_OK);
    return srtp;
}

void srtp_ends_open(SrtpEnds *self, SluiceSrtpProfile profile, unsigned limit)
{
    memset(self, 0, sizeof *self);
    self->profile = profile;
    self->now = 1000 * SLUICE_SECOND;
    self->sender = open_role(profile, SLUICE_ROLE_CLIENT, limit, NULL);
    self->receiver = open_role(profile, SLUICE_ROLE_SERVER, limit, &self->stats);
}

void srtp_ends_close(SrtpEnds *self)
{
    sl_srtp_free(self->sender);
    sl_srtp_free(self->receiver);
}

SrtpPacket srtp_plain(SluiceKind kind, uint32_t ssrc, uint16_t seq)
{
    static const uint8_t rtp[] = {0x80, 96, 0, 0, 0, 0, 1, 2}, rtcp[] = {0x80, 201, 0, 1};
    size_t before = kind == SLUICE_KIND_RTP ? sizeof rtp : sizeof rtcp;
    SrtpPacket packet;

    memset(&packet, 0, sizeof packet);
    packet.kind = kind;
    memcpy(packet.data, kind == SLUICE_KIND_RTP ? rtp : rtcp, before);
    for (size_t i = 0; i < 4; i++)
        packet.data[before + i] = (uint8_t)(ssrc >> (24 - 8 * i));
    packet.len = before + 4;
    for (size_t i = 0; i < 20; i++)
        packet.data[packet.len++] = (uint8_t)(seq + i);
    if (kind == SLUICE_KIND_RTP) {
        packet.data[2] = (uint8_t)(seq >> 8);
        packet.data[3] = (uint8_t)seq;
    }
    return packet;
}

SluiceStatus srtp_protect_one(SlSrtp *sender, SrtpPacket *packet)
{
    return sl_srtp_protect(sender, packet->kind, packet->data, &packet->len, ROOM);
}

SrtpPacket srtp_seal(SrtpEnds *self, SluiceKind kind, uint32_t ssrc, uint16_t seq)
{
    SrtpPacket packet = srtp_plain(kind, ssrc, seq);

    assert_status(srtp_protect_one(self->sender, &packet), SLUICE_OK);
    return packet;
}

SrtpPacket srtp_seal_with_roc(const SrtpEnds *self, uint32_t ssrc, uint32_t roc, uint16_t seq)
{
    SrtpPacket packet = srtp_plain(SLUICE_KIND_RTP, ssrc, seq);
    SlSrtp *sender = open_role(self->profile, SLUICE_ROLE_CLIENT, 16, NULL);

    assert_status(sl_srtp_set_roc(sender, 0, SLUICE_SENT_OUT, ssrc, roc), SLUICE_OK);
    assert_status(srtp_protect_one(sender, &packet), SLUICE_OK);
    sl_srtp_free(sender);
    return packet;
}

SluiceStatus srtp_give(SrtpEnds *self, const SrtpPacket *packet)
{
    SrtpPacket copy = *packet;
    SluiceStatus status =
        sl_srtp_unprotect(self->receiver, self->now, copy.kind, copy.data, &copy.len);

    if (status == SLUICE_OK) {
        size_t header = copy.kind == SLUICE_KIND_RTP ? 12 : 8;

        assert_int_equal(copy.len, header + 20);
        assert_int_equal(copy.data[header + 19], (uint8_t)(copy.data[header] + 19));
    }
    return status;
}

SrtpPacket srtp_forged(SrtpPacket packet)
{
    packet.data[packet.kind == SLUICE_KIND_RTP ? packet.len - 1 : 12] ^= 1;
    return packet;
}

uint32_t srtp_rtcp_index(const SrtpEnds *self, const SrtpPacket *packet)
{
    int gcm = self->profile == SLUICE_SRTP_AEAD_AES_128_GCM ||
              self->profile == SLUICE_SRTP_AEAD_AES_256_GCM;

    return sl_get32(packet->data + packet->len - (gcm ? 4 : 14)) & 0x7fffffff;
}

srtp_t srtp_bare(SluiceSrtpProfile profile, srtp_ssrc_type_t direction)
{
    SluiceSrtpKeys keys = {.profile = profile};
    uint8_t key[SL_SRTP_KEY_MAX], material[92];
    srtp_t session;

    for (size_t i = 0; i < sizeof material; i++)
        material[i] = (uint8_t)(3 + 7 * i);
    assert_true(sl_srtp_key_lengths(profile, &keys.key_len, &keys.salt_len));
    sl_srtp_split_keys(SLUICE_ROLE_CLIENT, material, &keys);
    memcpy(key, keys.local_key, keys.key_len);
    memcpy(key + keys.key_len, keys.local_salt, keys.salt_len);
    assert_int_equal(sl_srtp_create((srtp_profile_t)profile, direction, WINDOW, key, &session),
                     srtp_err_status_ok);
    return session;
}

/* -- memory of libsrtp -------------------------------------------------------------------------------------- */

static uint64_t fail_at, calls;
static int has_failed;

#ifdef SRTP_CALLOC_CAN_FAIL
/* The real one, under the name that glibc keeps for programs that replace malloc(). */
void *__libc_calloc(size_t count, size_t size);

void *calloc(size_t count, size_t size)
{
    if (fail_at && ++calls == fail_at) {
        has_failed = 1;
        return NULL;
    }
    return __libc_calloc(count, size);
}
#endif

void srtp_fail_calloc_at(uint64_t n)
{
    fail_at = n;
    calls = 0;
    has_failed = 0;
}

int srtp_calloc_has_failed(void) { return has_failed; }
