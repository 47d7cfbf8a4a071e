/* SPDX-License-Identifier: BSD-3-Clause */
#include "call.h"

#include <openssl/crypto.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FLIGHT_DATAGRAMS 8
#define DATAGRAM_MAX 1500

const Profile profile_cm80 = {
    "CM80", SLUICE_SRTP_AES128_CM_SHA1_80, srtp_profile_aes128_cm_sha1_80, 16, 14, 10};
const Profile profile_gcm128 = {
    "GCM128", SLUICE_SRTP_AEAD_AES_128_GCM, srtp_profile_aead_aes_128_gcm, 16, 12, 16};

void meter_start(Meter *self, double (*read)(void))
{
    enum { READINGS = 8 };

    memset(self, 0, sizeof *self);
    self->read = read;
    self->last = read();
    for (int i = 0; i < READINGS; i++)
        self->each = (read() - self->last) / (i + 1);
    self->last = read();
}

void meter_charge(Meter *self, int side)
{
    double reading;

    if (!self)
        return;
    reading = self->read();
    self->side[side] += reading - self->last - self->each;
    self->last = reading;
}

void require_ok(SluiceStatus status, const char *what)
{
    if (status != SLUICE_OK)
        die(what);
}

SluiceConfig *call_config(const Profile *profile)
{
    SluiceConfig *config = sluice_config_new(NULL);

    if (!config)
        die("cannot make a config");
    require_ok(sluice_config_set_srtp_profiles(config, &profile->ours, 1), "srtp profile");
    return config;
}

SluiceTime call_now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (SluiceTime)ts.tv_sec * SLUICE_SECOND + (SluiceTime)ts.tv_nsec;
}

/* -- handshakes --------------------------------------------------------------------------------------------- */

static SluiceTransport *open_end(SluiceConfig *config, SluiceTime now,
                                 const SluiceFingerprint *fingerprint)
{
    SluiceTransport *transport = sluice_transport_new(config);

    if (!transport)
        die("cannot make a transport");
    require_ok(sluice_transport_set_path_validated(transport, now, 1), "path");
    require_ok(sluice_transport_set_remote_fingerprints(transport, now, fingerprint, 1),
               "fingerprint");
    return transport;
}

/* What a caller does after each call: empties the output, the events and asks for the timer. Returns the datagrams that
 * have crossed. */
static size_t carry(SluiceTransport *ends[2], int from, SluiceTime now, Meter *meter)
{
    uint8_t flight[FLIGHT_DATAGRAMS][DATAGRAM_MAX];
    size_t lens[FLIGHT_DATAGRAMS], n = 0, len;
    const uint8_t *data;
    SluiceEvent event;
    SluiceKind kind;

    while (n < FLIGHT_DATAGRAMS && sluice_transport_peek_output(ends[from], &data, &len)) {
        if (len > DATAGRAM_MAX)
            die("a datagram is too long");
        memcpy(flight[n], data, len);
        lens[n++] = len;
        require_ok(sluice_transport_pop_output(ends[from], now, SLUICE_SENT), "pop");
    }
    while (sluice_transport_next_event(ends[from], &event))
        ;
    (void)sluice_transport_next_timeout(ends[from]);
    meter_charge(meter, from);
    for (size_t i = 0; i < n; i++)
        require_ok(sluice_transport_receive(ends[!from], now, flight[i], &lens[i], &kind),
                   "handshake");
    meter_charge(meter, !from);
    return n;
}

void call_open(SluiceConfig *config, SluiceTransport *ends[2], Meter *meter)
{
    SluiceTime now = call_now();
    SluiceFingerprint fingerprint;

    require_ok(sluice_certificate_get_fingerprint(sluice_config_get_certificate(config),
                                                  SLUICE_HASH_SHA256, &fingerprint),
               "fingerprint");
    if (meter)
        meter_start(meter, meter->read);
    for (int end = CLIENT; end <= SERVER; end++) {
        ends[end] = open_end(config, now, &fingerprint);
        require_ok(sluice_transport_start(ends[end], now,
                                          end == CLIENT ? SLUICE_ROLE_CLIENT : SLUICE_ROLE_SERVER),
                   "start");
        meter_charge(meter, end);
    }
    while (carry(ends, CLIENT, now, meter) + carry(ends, SERVER, now, meter) > 0)
        ;
    if (sluice_transport_get_state(ends[CLIENT]) != SLUICE_STATE_CONNECTED ||
        sluice_transport_get_state(ends[SERVER]) != SLUICE_STATE_CONNECTED)
        die("a handshake has not come to its end");
}

void call_close(SluiceTransport *ends[2], Meter *meter)
{
    for (int end = CLIENT; end <= SERVER; end++) {
        sluice_transport_free(ends[end]);
        meter_charge(meter, end);
    }
}

SluiceTransport **calls_open(SluiceConfig *config, size_t n)
{
    SluiceTransport **transports = calloc(n + 1, sizeof *transports);

    if (!transports)
        die("calloc");
    for (size_t i = 0; i < n; i += 2)
        call_open(config, transports + i, NULL);
    return transports;
}

void calls_close(SluiceTransport **transports, size_t n)
{
    for (size_t i = 0; i < n; i += 2)
        call_close(transports + i, NULL);
    free(transports);
}

/* -- bare libsrtp ------------------------------------------------------------------------------------------- */

void require_srtp(srtp_err_status_t status)
{
    if (status != srtp_err_status_ok)
        die("libsrtp2 refused");
}

srtp_t bare_session(const Profile *profile, srtp_ssrc_type_t direction, const uint8_t *key,
                    const uint8_t *salt)
{
    uint8_t both[32 + 14];
    srtp_policy_t policy;
    srtp_t session;

    memset(&policy, 0, sizeof policy);
    require_srtp(srtp_crypto_policy_set_from_profile_for_rtp(&policy.rtp, profile->theirs));
    require_srtp(srtp_crypto_policy_set_from_profile_for_rtcp(&policy.rtcp, profile->theirs));
    memcpy(both, key, profile->key_len);
    memcpy(both + profile->key_len, salt, profile->salt_len);
    policy.ssrc.type = direction;
    policy.key = both;
    policy.window_size = 1024; /* sluice_config_set_replay_window() */
    require_srtp(srtp_create(&session, &policy));
    OPENSSL_cleanse(both, sizeof both);
    return session;
}

srtp_t bare_session_of(const Profile *profile, SluiceTransport *transport,
                       SluiceDirection direction)
{
    SluiceSrtpKeys keys;
    srtp_t session;

    require_ok(sluice_transport_get_srtp_keys(transport, &keys), "keys");
    session = direction == SLUICE_RECEIVED
                  ? bare_session(profile, ssrc_any_inbound, keys.remote_key, keys.remote_salt)
                  : bare_session(profile, ssrc_any_outbound, keys.local_key, keys.local_salt);
    OPENSSL_cleanse(&keys, sizeof keys);
    return session;
}

/* -- packets ------------------------------------------------------------------------------------------------ */

void packet_renumber(uint8_t *slot, uint16_t number)
{
    slot[2] = (uint8_t)(number >> 8);
    slot[3] = (uint8_t)number;
}

size_t packet_write(uint8_t *slot, size_t payload, uint32_t ssrc, uint16_t number)
{
    static uint8_t content[PAYLOAD_MAX];

    if (!content[0])
        for (size_t i = 0; i < PAYLOAD_MAX; i++)
            content[i] = (uint8_t)(1 + random_next() % 255);
    memset(slot, 0, RTP_HEADER);
    slot[0] = 0x80;
    slot[1] = 96;
    packet_renumber(slot, number);
    for (int i = 0; i < 4; i++)
        slot[8 + i] = (uint8_t)(ssrc >> (24 - 8 * i));
    memcpy(slot + RTP_HEADER, content, payload);
    return RTP_HEADER + payload;
}

uint8_t *slots_new(size_t n)
{
    void *slots = NULL;

    if (posix_memalign(&slots, 4096, n * SLOT) != 0)
        die("posix_memalign");
    memset(slots, 0, n * SLOT); /* its pages are there before anything is measured */
    return slots;
}

uint32_t random_next(void)
{
    static uint32_t state = 2463534242u;

    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state;
}

void shuffle(uint32_t *numbers, size_t n)
{
    for (size_t i = n; i > 1; i--) {
        size_t other = random_next() % i;
        uint32_t kept = numbers[i - 1];

        numbers[i - 1] = numbers[other];
        numbers[other] = kept;
    }
}
