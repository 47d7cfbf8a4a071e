/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BENCH_CALL_H
#define BENCH_CALL_H

/* Calls: two transports that have shaken hands in this process, and the packets and bare libsrtp sessions that go with
 * their keys. */

#include "bench.h"

#include <srtp2/srtp.h>

enum { CLIENT, SERVER };

typedef struct {
    const char *name;
    SluiceSrtpProfile ours;
    srtp_profile_t theirs;
    size_t key_len, salt_len;
    size_t tag_len;
} Profile;

extern const Profile profile_cm80, profile_gcm128;

/* Where the time goes, or the allocations: whatever @read counts up is charged to one side or the other. */
typedef struct {
    double (*read)(void);
    double last, each; /* what a reading itself costs */
    double side[2];
} Meter;

void meter_start(Meter *self, double (*read)(void));
/* What was spent since the last call is @side's. @self may be NULL. */
void meter_charge(Meter *self, int side);

/* A config that offers @profile alone. */
SluiceConfig *call_config(const Profile *profile);

SluiceTime call_now(void);

/* From nothing to two connected transports. */
void call_open(SluiceConfig *config, SluiceTransport *ends[2], Meter *meter);

/* @self may be in any state; its peer is not told. */
void call_close(SluiceTransport *ends[2], Meter *meter);

/* @n connected transports, every two of them ends of one call: the peer of number i is number i ^ 1. */
SluiceTransport **calls_open(SluiceConfig *config, size_t n);
void calls_close(SluiceTransport **transports, size_t n);

/* A libsrtp session of keys as RFC 5764 cuts them, made as the core makes its own. */
srtp_t bare_session(const Profile *profile, srtp_ssrc_type_t direction, const uint8_t *key,
                    const uint8_t *salt);
/* The same of a transport's present keys. */
srtp_t bare_session_of(const Profile *profile, SluiceTransport *transport,
                       SluiceDirection direction);
void require_srtp(srtp_err_status_t status);
void require_ok(SluiceStatus status, const char *what);

/* -- packets */

#define RTP_HEADER 12
#define PAYLOAD_MAX 1200
#define SLOT 1408 /* the largest, SLUICE_PROTECT_ROOM, and up to whole cache lines */

/* A plain packet with @payload bytes of payload; returns its length. */
size_t packet_write(uint8_t *slot, size_t payload, uint32_t ssrc, uint16_t number);
void packet_renumber(uint8_t *slot, uint16_t number);

/* @n slots, on whole pages; free() them. */
uint8_t *slots_new(size_t n);

/* xorshift: the same sequence in each run. */
uint32_t random_next(void);
void shuffle(uint32_t *numbers, size_t n);

#endif
