/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PAIR_FORGED_H
#define PAIR_FORGED_H

/* What somebody sends who knows the addresses and ports of both ends and nothing else. */

#include "common.h"

#define FORGED_MAX 2600

typedef enum {
    ONE_BYTE,
    RANDOM_BYTES,
    EMPTY_RECORD,
    LONGER_THAN_DATAGRAM,
    VERSION_3_3,
    CONNECTION_ID,
    UNIFIED_HEADER,
    EPOCH_1_HANDSHAKE,
    EPOCH_1_DATA,
    EPOCH_1_ALERT,
    EPOCH_1_LONG, /* more than a record that waits may have */
    EPOCH_2,
    FATAL_ALERT,
    CLOSE_NOTIFY,
    WARNING_ALERT,
    LEVEL_9_ALERT,
    LONG_ALERT,
    PLAINTEXT_DATA,
    TYPE_26,
    TYPE_99,
    HELLO_REQUEST,
    CHANGE_CIPHER_SPEC,
    BAD_CHANGE_CIPHER_SPEC,
    MESSAGE_60,
    MESSAGE_5000,
    ONE_BYTE_FRAGMENT,
    TWO_LENGTHS, /* one of two: the other is ONE_BYTE_FRAGMENT */
    LENGTH_FFFFFF,
    NO_FRAGMENT,
    OUTSIDE_ITS_MESSAGE,
    PLAINTEXT_FINISHED,
    WRONG_DIRECTION,
    WRONG_NUMBER,      /* a Certificate where no Certificate can be */
    SECOND_HELLO,      /* a Hello where none can be */
    DONE_AT_ONCE,      /* at a client: ServerHelloDone first; at a server: CertificateVerify */
    BEHIND_THE_FLIGHT, /* the last kind of message again, where only Finished can be */
    FORGED_KINDS
} Forged;

const char *forged_name(Forged kind);

/* 1 if each copy shows in a counter, whenever it comes. */
int forged_is_counted(Forged kind);

/* A datagram for an end of @role, with one record of that number. */
size_t forge(Forged kind, SluiceRole role, uint64_t number, uint8_t out[FORGED_MAX]);

/* Records as somebody would make them. */
size_t forge_record(uint8_t *out, uint8_t type, uint16_t epoch, uint64_t number,
                    const uint8_t *body, size_t len);
size_t forge_message(uint8_t *out, uint64_t number, uint8_t type, uint16_t message_seq,
                     uint32_t length, uint32_t offset, size_t len);
size_t forge_alert(uint8_t *out, uint8_t level, uint8_t alert);

/* @kind reaches @victim at @at, in its peer's name. */
void inject_forged(Pair *pair, int victim, Forged kind, uint64_t number, SluiceTime at);
void inject_bytes(Pair *pair, int victim, SluiceTime at, const uint8_t *data, size_t len);

/* All that an end has counted of what it did not take. */
uint64_t dropped_by(const Pair *pair, int end);

/* A ClientHello as the advisories of 2023 have it: the one suite is that of no encryption. Returns its length. */
size_t forge_null_hello(uint8_t out[1500]);

#define STOLEN_MAX 16

/* The plaintext messages that one end of another handshake sent. */
typedef struct {
    uint8_t bytes[STOLEN_MAX][1400];
    size_t len[STOLEN_MAX], n;
} Stolen;

/* Of a handshake whose ends have each other's certificates. @cookie: with a HelloVerifyRequest. */
void steal_handshake(Stolen stolen[2], int cookie);

#endif
