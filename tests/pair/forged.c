/* SPDX-License-Identifier: BSD-3-Clause */
#include "forged.h"

enum { CCS = 20, ALERT = 21, HANDSHAKE = 22, DATA = 23, CID = 25, ACK = 26 };
enum { CERTIFICATE = 11, DONE = 14, CERTIFICATE_VERIFY = 15, FINISHED = 20 };

static const char *const names[FORGED_KINDS] = {
    [ONE_BYTE] = "one byte",
    [RANDOM_BYTES] = "random bytes",
    [EMPTY_RECORD] = "empty record",
    [LONGER_THAN_DATAGRAM] = "longer than its datagram",
    [VERSION_3_3] = "version 3.3",
    [CONNECTION_ID] = "connection id",
    [UNIFIED_HEADER] = "unified header",
    [EPOCH_1_HANDSHAKE] = "epoch 1 handshake",
    [EPOCH_1_DATA] = "epoch 1 data",
    [EPOCH_1_ALERT] = "epoch 1 alert",
    [EPOCH_1_LONG] = "epoch 1 of 2,100 bytes",
    [EPOCH_2] = "epoch 2",
    [FATAL_ALERT] = "fatal alert",
    [CLOSE_NOTIFY] = "close_notify",
    [WARNING_ALERT] = "warning alert",
    [LEVEL_9_ALERT] = "alert of level 9",
    [LONG_ALERT] = "alert of three bytes",
    [PLAINTEXT_DATA] = "plaintext data",
    [TYPE_26] = "type 26",
    [TYPE_99] = "type 99",
    [HELLO_REQUEST] = "HelloRequest",
    [CHANGE_CIPHER_SPEC] = "ChangeCipherSpec",
    [BAD_CHANGE_CIPHER_SPEC] = "ChangeCipherSpec of 2",
    [MESSAGE_60] = "message_seq 60",
    [MESSAGE_5000] = "message_seq 5000",
    [ONE_BYTE_FRAGMENT] = "fragment of one byte",
    [TWO_LENGTHS] = "fragment of another length",
    [LENGTH_FFFFFF] = "length 0xffffff",
    [NO_FRAGMENT] = "fragment of nothing",
    [OUTSIDE_ITS_MESSAGE] = "fragment outside its message",
    [PLAINTEXT_FINISHED] = "plaintext Finished",
    [WRONG_DIRECTION] = "wrong direction",
    [WRONG_NUMBER] = "Certificate with message_seq 0",
    [SECOND_HELLO] = "Hello with message_seq 2",
    [DONE_AT_ONCE] = "last message first",
    [BEHIND_THE_FLIGHT] = "message behind the flight",
};

const char *forged_name(Forged kind) { return names[kind]; }

/* The others are dropped by OpenSSL, which says nothing, or wait. */
int forged_is_counted(Forged kind)
{
    return kind != EPOCH_1_HANDSHAKE && kind != EPOCH_1_DATA && kind != EPOCH_1_ALERT &&
           kind != EPOCH_1_LONG && kind != CHANGE_CIPHER_SPEC && kind != ONE_BYTE_FRAGMENT &&
           kind != TWO_LENGTHS;
}

static void put(uint8_t *out, uint64_t value, int bytes)
{
    for (int i = bytes - 1; i >= 0; i--, value >>= 8)
        out[i] = (uint8_t)value;
}

size_t forge_record(uint8_t *out, uint8_t type, uint16_t epoch, uint64_t number,
                    const uint8_t *body, size_t len)
{
    out[0] = type;
    put(out + 1, 0xfefd, 2);
    put(out + 3, epoch, 2);
    put(out + 5, number, 6);
    put(out + 11, len, 2);
    if (len)
        memcpy(out + 13, body, len);
    return 13 + len;
}

size_t forge_message(uint8_t *out, uint64_t number, uint8_t type, uint16_t message_seq,
                     uint32_t length, uint32_t offset, size_t len)
{
    uint8_t body[12 + 300] = {type};

    assert_true(len <= 300);
    put(body + 1, length, 3);
    put(body + 4, message_seq, 2);
    put(body + 6, offset, 3);
    put(body + 9, len, 3);
    memset(body + 12, 0xa5, len);
    return forge_record(out, HANDSHAKE, 0, number, body, 12 + len);
}

size_t forge_alert(uint8_t *out, uint8_t level, uint8_t alert)
{
    const uint8_t body[2] = {level, alert};

    return forge_record(out, ALERT, 0, 7, body, sizeof body);
}

/* Records that are wrong before anyone looks at a message. */
static size_t forge_outside(Forged kind, uint64_t number, uint8_t *out)
{
    uint8_t body[2100];
    size_t len;

    memset(body, 0x5a, sizeof body);
    switch (kind) {
    case ONE_BYTE:
        out[0] = HANDSHAKE;
        return 1;
    case RANDOM_BYTES:
        memset(out, 0xc3, 200);
        out[0] = HANDSHAKE;
        return 200;
    case EMPTY_RECORD:
        return forge_record(out, HANDSHAKE, 0, number, NULL, 0);
    case LONGER_THAN_DATAGRAM:
        return forge_record(out, HANDSHAKE, 0, number, body, 80) - 20;
    case VERSION_3_3:
        len = forge_message(out, number, CERTIFICATE, 1, 80, 0, 80);
        put(out + 1, 0x0303, 2);
        return len;
    case CONNECTION_ID:
        return forge_record(out, CID, 0, number, body, 80);
    case UNIFIED_HEADER:
        return forge_record(out, 0x2f, 0, number, body, 80);
    case EPOCH_1_HANDSHAKE:
        return forge_record(out, HANDSHAKE, 1, number, body, 48);
    case EPOCH_1_DATA:
        return forge_record(out, DATA, 1, number, body, 80);
    case EPOCH_1_ALERT:
        return forge_record(out, ALERT, 1, number, body, 26);
    case EPOCH_1_LONG:
        return forge_record(out, HANDSHAKE, 1, number, body, sizeof body);
    case EPOCH_2:
        return forge_record(out, HANDSHAKE, 2, number, body, 80);
    case PLAINTEXT_DATA:
        return forge_record(out, DATA, 0, number, body, 80);
    case TYPE_26:
        return forge_record(out, ACK, 0, number, body, 80);
    default:
        return forge_record(out, 99, 0, number, body, 80);
    }
}

static size_t forge_short(Forged kind, uint64_t number, uint8_t *out)
{
    uint8_t body[3] = {2, 40, 0};
    size_t len = 2;

    switch (kind) {
    case CLOSE_NOTIFY:
        put(body, 0x0100, 2);
        break;
    case WARNING_ALERT:
        put(body, 0x015a, 2); /* user_canceled */
        break;
    case LEVEL_9_ALERT:
        body[0] = 9;
        break;
    case LONG_ALERT:
        len = 3;
        break;
    case CHANGE_CIPHER_SPEC:
    case BAD_CHANGE_CIPHER_SPEC:
        body[0] = kind == CHANGE_CIPHER_SPEC ? 1 : 2;
        return forge_record(out, CCS, 0, number, body, 1);
    default:
        break;
    }
    return forge_record(out, ALERT, 0, number, body, len);
}

static size_t forge_handshake(Forged kind, SluiceRole role, uint64_t number, uint8_t *out)
{
    int client = role == SLUICE_ROLE_CLIENT;

    switch (kind) {
    case HELLO_REQUEST:
        return forge_message(out, number, 0, 0, 0, 0, 0);
    case MESSAGE_60:
        return forge_message(out, number, CERTIFICATE, 60, 80, 0, 80);
    case MESSAGE_5000:
        return forge_message(out, number, CERTIFICATE, 5000, 80, 0, 80);
    case ONE_BYTE_FRAGMENT:
        return forge_message(out, number, CERTIFICATE, 1, 300, 0, 1);
    case TWO_LENGTHS:
        return forge_message(out, number, CERTIFICATE, 1, 301, 5, 1);
    case LENGTH_FFFFFF:
        return forge_message(out, number, CERTIFICATE, 1, 0xffffff, 0, 80);
    case NO_FRAGMENT:
        return forge_message(out, number, CERTIFICATE, 1, 200, 0, 0);
    case OUTSIDE_ITS_MESSAGE:
        return forge_message(out, number, CERTIFICATE, 1, 80, 40, 80);
    case PLAINTEXT_FINISHED:
        return forge_message(out, number, FINISHED, client ? 5 : 4, 12, 0, 12);
    case WRONG_DIRECTION:
        return forge_message(out, number, client ? 1 : 2, 0, 80, 0, 80);
    case WRONG_NUMBER:
        return forge_message(out, number, CERTIFICATE, 0, 80, 0, 80);
    case SECOND_HELLO:
        return forge_message(out, number, client ? 2 : 1, 2, 80, 0, 80);
    case DONE_AT_ONCE:
        return client ? forge_message(out, number, DONE, 0, 0, 0, 0)
                      : forge_message(out, number, CERTIFICATE_VERIFY, 1, 80, 0, 80);
    default:
        return client ? forge_message(out, number, DONE, 6, 0, 0, 0)
                      : forge_message(out, number, CERTIFICATE_VERIFY, 5, 80, 0, 80);
    }
}

size_t forge(Forged kind, SluiceRole role, uint64_t number, uint8_t out[FORGED_MAX])
{
    switch (kind) {
    case FATAL_ALERT:
    case CLOSE_NOTIFY:
    case WARNING_ALERT:
    case LEVEL_9_ALERT:
    case LONG_ALERT:
    case CHANGE_CIPHER_SPEC:
    case BAD_CHANGE_CIPHER_SPEC:
        return forge_short(kind, number, out);
    case HELLO_REQUEST:
    case MESSAGE_60:
    case MESSAGE_5000:
    case ONE_BYTE_FRAGMENT:
    case TWO_LENGTHS:
    case LENGTH_FFFFFF:
    case NO_FRAGMENT:
    case OUTSIDE_ITS_MESSAGE:
    case PLAINTEXT_FINISHED:
    case WRONG_DIRECTION:
    case WRONG_NUMBER:
    case SECOND_HELLO:
    case DONE_AT_ONCE:
    case BEHIND_THE_FLIGHT:
        return forge_handshake(kind, role, number, out);
    default:
        return forge_outside(kind, number, out);
    }
}

void inject_bytes(Pair *pair, int victim, SluiceTime at, const uint8_t *data, size_t len)
{
    link_inject(&pair->end[!victim].link, at, data, len);
}

void inject_forged(Pair *pair, int victim, Forged kind, uint64_t number, SluiceTime at)
{
    uint8_t bytes[FORGED_MAX];
    SluiceRole role = victim == CLIENT ? SLUICE_ROLE_CLIENT : SLUICE_ROLE_SERVER;

    inject_bytes(pair, victim, at, bytes, forge(kind, role, number, bytes));
}

uint64_t dropped_by(const Pair *pair, int end)
{
    SluiceStats stats = pair_stats(pair, end);

    return stats.dropped_malformed + stats.dropped_unexpected + stats.dropped_inbox_full +
           stats.plaintext_alerts + stats.unknown_received + stats.quic_received;
}

/* -- what cannot be told from the peer's own ------------------------------------------------------------------- */

static int steal(void *context, uint64_t number, SluiceTime now, uint8_t *data, size_t len)
{
    Stolen *stolen = context;

    (void)number;
    (void)now;
    for (size_t at = 0; at + 13 <= len;) {
        size_t n = 13 + ((size_t)data[at + 11] << 8 | data[at + 12]);

        if (data[at] == 22 && data[at + 4] == 0 && stolen->n < STOLEN_MAX) {
            memcpy(stolen->bytes[stolen->n], data + at, n);
            stolen->len[stolen->n++] = n;
        }
        at += n;
    }
    return 1;
}

void steal_handshake(Stolen stolen[2], int cookie)
{
    SluiceConfig *a = new_config(SERVER), *b = new_config(CLIENT);
    Pair pair;

    sluice_config_set_allow_unvalidated(a, 1);
    sluice_config_set_allow_unvalidated(b, 1);
    open_with(&pair, a, b);
    for (int end = 0; end < 2; end++) {
        stolen[end].n = 0;
        pair.end[end].link.filter = steal;
        pair.end[end].link.filter_context = &stolen[end];
        pair_know(&pair, end);
        sluice_transport_set_path_validated(pair.end[end].transport, vclock_now(), !cookie);
    }
    pair_start(&pair, CLIENT, SLUICE_ROLE_CLIENT);
    pair_start(&pair, SERVER, SLUICE_ROLE_SERVER);
    assert_true(pair_run_until(&pair, pair_both_connected, pair.begun + SECOND));
    pair_close(&pair);
}

size_t forge_null_hello(uint8_t out[1500])
{
    static const uint8_t head[] = {22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0,  0,    12 + 42, 1,
                                   0,  0,    42,   0, 0, 0, 0, 0, 0, 0, 42, 0xfe, 0xfd};
    size_t n = sizeof head;

    memcpy(out, head, n);
    memset(out + n, 0x3c, 32);
    n += 32;
    memset(out + n, 0, 8); /* no session, no cookie, one suite, ... */
    out[n + 3] = 2;
    out[n + 6] = 1; /* ... no compression */
    return n + 8;
}
