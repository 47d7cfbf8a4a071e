/* SPDX-License-Identifier: BSD-3-Clause */

/* Y11: what a datagram costs that has to be dropped, against a good packet of the same size. */

#include "call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK 128
#define GOOD_SSRC 1u
#define UNKNOWN_SSRC 0x80000000u
#define GONE_SSRC 0x40000000u
#define GONE 16                        /* more than are tried by streams of their own at a time */
#define RECORD_EXPANSION (13 + 8 + 16) /* header, explicit nonce and tag of AES-GCM */

typedef struct {
    const Profile *profile;
    SluiceTransport *ends[2];
    uint8_t *sealed, *slots;
    size_t len, payload;
    uint16_t number, record;
    uint32_t unknown, gone;
} Flood;

/* What is sent: makes a datagram of the sealed packet at @slot. */
typedef void (*Spoil)(Flood *flood, uint8_t *slot);

static void spoil_nothing(Flood *flood, uint8_t *slot)
{
    (void)flood;
    (void)slot;
}

/* RFC 7983 section 7 has nothing above 191. */
static void spoil_first_byte(Flood *flood, uint8_t *slot)
{
    (void)flood;
    slot[0] = 200;
}

/* The first byte of STUN, and no cookie behind it. */
static void spoil_into_stun(Flood *flood, uint8_t *slot)
{
    (void)flood;
    slot[0] = 0;
    slot[1] = 1;
}

static void spoil_tag(Flood *flood, uint8_t *slot) { slot[flood->len - 1] ^= 1; }

/* Each from an SSRC that was never seen. */
static void spoil_ssrc(Flood *flood, uint8_t *slot)
{
    uint32_t ssrc = flood->unknown++;

    for (int i = 0; i < 4; i++)
        slot[8 + i] = (uint8_t)(ssrc >> (24 - 8 * i));
}

/* The same packet once more: authentic, and a replay. It is received before the clock starts. */
static void spoil_by_replay(Flood *flood, uint8_t *slot)
{
    _Alignas(8) uint8_t copy[SLOT];
    size_t len = flood->len;
    SluiceKind kind;

    memcpy(copy, slot, SLOT);
    require_ok(sluice_transport_receive(flood->ends[SERVER], call_now(), copy, &len, &kind),
               "receive");
}

/* No record: the length does not fit. */
static void spoil_into_dtls(Flood *flood, uint8_t *slot)
{
    (void)flood;
    slot[0] = 22;
    slot[1] = 0xfe;
    slot[2] = 0xfd;
    slot[11] = 0xff;
}

/* SSRCs that were removed, in turn, each packet below the last one: they may have come back with their next ROC. */
static void spoil_into_gone(Flood *flood, uint8_t *slot)
{
    uint32_t ssrc = GONE_SSRC + flood->gone++ % GONE;

    for (int i = 0; i < 4; i++)
        slot[8 + i] = (uint8_t)(ssrc >> (24 - 8 * i));
    slot[2] = 0;
    slot[3] = 1;
}

static void let_some_go(Flood *flood)
{
    for (uint32_t ssrc = GONE_SSRC; ssrc < GONE_SSRC + GONE; ssrc++) {
        size_t len = packet_write(flood->slots, flood->payload, ssrc, 1000);
        SluiceKind kind;

        require_ok(sluice_transport_protect(flood->ends[CLIENT], SLUICE_KIND_RTP, flood->slots,
                                            &len, SLOT),
                   "protect");
        require_ok(
            sluice_transport_receive(flood->ends[SERVER], call_now(), flood->slots, &len, &kind),
            "receive");
        require_ok(sluice_transport_remove_ssrc(flood->ends[SERVER], SLUICE_RECEIVED, ssrc),
                   "remove");
    }
}

static void put_record(Flood *flood, uint8_t *slot, uint8_t type, uint8_t epoch)
{
    size_t len = flood->len - 13;

    slot[0] = type;
    slot[1] = 0xfe;
    slot[2] = 0xfd;
    memset(slot + 3, 0, 8);
    slot[4] = epoch;
    slot[6] = 1; /* far above all that has come: no replay */
    slot[9] = (uint8_t)(flood->record >> 8);
    slot[10] = (uint8_t)flood->record++;
    slot[11] = (uint8_t)(len >> 8);
    slot[12] = (uint8_t)len;
}

/* A ClientHello by its record, long after the handshake. */
static void spoil_into_handshake(Flood *flood, uint8_t *slot) { put_record(flood, slot, 22, 0); }

/* Application data that nobody with the keys has sealed. */
static void spoil_into_data(Flood *flood, uint8_t *slot) { put_record(flood, slot, 23, 1); }

static void seal(Flood *flood, Spoil spoil)
{
    for (size_t i = 0; i < CHUNK; i++) {
        uint8_t *slot = flood->sealed + i * SLOT;

        flood->len = packet_write(slot, flood->payload, GOOD_SSRC, flood->number++);
        require_ok(
            sluice_transport_protect(flood->ends[CLIENT], SLUICE_KIND_RTP, slot, &flood->len, SLOT),
            "protect");
        spoil(flood, slot);
    }
}

/* Nanoseconds a message of a datagram as long as the packets: what a forged record is compared with. */
static double time_good_data(Flood *flood)
{
    static const uint8_t text[PAYLOAD_MAX];
    const size_t len = flood->payload + RTP_HEADER + flood->profile->tag_len - RECORD_EXPANSION;
    SluiceTime now = call_now();
    double start;

    for (size_t i = 0; i < CHUNK; i++) {
        const uint8_t *data;

        require_ok(sluice_transport_send_data(flood->ends[CLIENT], now, text, len), "send_data");
        if (!sluice_transport_peek_output(flood->ends[CLIENT], &data, &flood->len))
            die("no output");
        memcpy(flood->slots + i * SLOT, data, flood->len);
        require_ok(sluice_transport_pop_output(flood->ends[CLIENT], now, SLUICE_SENT), "pop");
    }
    start = seconds_of_thread();
    for (size_t i = 0; i < CHUNK; i++) {
        size_t n = flood->len;
        SluiceMessage message;
        SluiceKind kind;

        require_ok(
            sluice_transport_receive(flood->ends[SERVER], now, flood->slots + i * SLOT, &n, &kind),
            "receive");
        if (!sluice_transport_peek_message(flood->ends[SERVER], &message) || message.len != len)
            die("no message");
        require_ok(sluice_transport_pop_message(flood->ends[SERVER]), "pop");
    }
    return (seconds_of_thread() - start) * 1e9 / CHUNK;
}

/* Nanoseconds a datagram. */
static double time_one(Flood *flood, Spoil spoil)
{
    SluiceTime now = call_now();
    size_t dropped = 0;
    double start;

    seal(flood, spoil);
    memcpy(flood->slots, flood->sealed, CHUNK * SLOT);
    start = seconds_of_thread();
    for (size_t i = 0; i < CHUNK; i++) {
        size_t len = flood->len;
        SluiceKind kind;

        dropped += sluice_transport_receive(flood->ends[SERVER], now, flood->slots + i * SLOT, &len,
                                            &kind) != SLUICE_OK ||
                   kind != SLUICE_KIND_RTP;
    }
    start = seconds_of_thread() - start;
    if (dropped != (spoil == spoil_nothing ? 0 : CHUNK))
        die("a good packet was dropped, or a bad one was not");
    return start * 1e9 / CHUNK;
}

static const struct {
    const char *name;
    Spoil spoil;
} floods[] = {
    {"first byte 200", spoil_first_byte},
    {"STUN without its cookie", spoil_into_stun},
    {"bad tag", spoil_tag},
    {"bad tag, a new SSRC each", spoil_ssrc},
    {"bad tag, sixteen SSRCs that have gone", spoil_into_gone},
    {"replayed", spoil_by_replay},
    {"DTLS, no record", spoil_into_dtls},
    {"DTLS handshake record after the handshake", spoil_into_handshake},
    {"DTLS data of no key, vs good DTLS data", spoil_into_data},
};

static void compare(const Profile *profile, SluiceConfig *config, size_t payload, size_t rounds,
                    unsigned percent)
{
    static double bad[ROUNDS_MAX], good[ROUNDS_MAX];
    size_t chunks = (20 * (size_t)percent + CHUNK - 1) / CHUNK;
    Flood flood = {.profile = profile,
                   .payload = payload,
                   .sealed = slots_new(CHUNK),
                   .slots = slots_new(CHUNK),
                   .unknown = UNKNOWN_SSRC};

    call_open(config, flood.ends, NULL);
    let_some_go(&flood);
    for (size_t f = 0; f < sizeof floods / sizeof *floods; f++) {
        char text[96];

        memset(bad, 0, sizeof bad);
        memset(good, 0, sizeof good);
        for (size_t i = 0; i <= rounds; i++)
            for (size_t j = 0; j < 2 * chunks; j++) {
                int is_bad = (i + j) % 2;
                double ns = !is_bad && floods[f].spoil == spoil_into_data
                                ? time_good_data(&flood)
                                : time_one(&flood, is_bad ? floods[f].spoil : spoil_nothing);

                if (i > 0)
                    (is_bad ? bad : good)[i - 1] += ns / (double)chunks;
            }
        snprintf(text, sizeof text, "%s %zu B, %s", profile->name, payload, floods[f].name);
        report_costs("Y11", text, "ns", bad, good, rounds);
    }
    call_close(flood.ends, NULL);
    free(flood.sealed);
    free(flood.slots);
}

int main(int argc, char **argv)
{
    static const Profile *const profiles[] = {&profile_cm80, &profile_gcm128};
    size_t rounds = 31;
    unsigned percent = 100;

    read_options(argc, argv, &rounds, &percent);
    pin_to_one_cpu();
    for (size_t i = 0; i < 2; i++) {
        SluiceConfig *config = call_config(profiles[i]);

        require_ok(sluice_config_set_datagram_limit(config, 1400), "datagram limit");
        compare(profiles[i], config, 160, rounds, percent);
        compare(profiles[i], config, 1200, rounds, percent);
        sluice_config_unref(config);
    }
    return 0;
}
