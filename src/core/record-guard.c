/* SPDX-License-Identifier: BSD-3-Clause */
#include "record-guard.h"

#include "config.h"
#include "record.h"

#include <string.h>

#define DTLS_1_0 0xfeff
#define DTLS_1_2 0xfefd

/* With a connection id (RFC 9146) the length field is elsewhere: the header cannot be read. */
#define TLS12_CID 25

/* A plaintext record holds at most 2^14 bytes; the AEAD suites add 24 at most (RFC 5246
 * section 6.2.3 allows 2^14 + 2048 for CBC and compression, which are off). Tight for a reason: of
 * a record longer than OpenSSL's own limit it drops the header alone, and then reads the body as
 * the next record. */
#define PLAINTEXT_MAX 16384
#define CIPHERTEXT_MAX (16384 + 256)

/* The longest handshake message, as the SSL_CTX has it for certificates. OpenSSL reserves the whole
 * length that a fragment claims, ten messages ahead: with its own limit of 100 KB a quarter of a
 * kilobyte of forged fragments costs a megabyte. 16 KB is room for a chain of ten certificates. */
#define MESSAGE_MAX SL_HANDSHAKE_MESSAGE_MAX

#define TO_CLIENT 1
#define TO_SERVER 2

/* Who may receive what in epoch 0, and the sizes that can be right (RFC 5246 section 7.4, RFC 6347
 * section 4.2). What is not here never comes in plaintext: HelloRequest because renegotiation is
 * off, NewSessionTicket and CertificateStatus because our ClientHello asks for neither, Finished
 * because it is encrypted. */
static const struct {
    uint8_t type;
    uint8_t to;
    uint16_t min, max;
} messages[] = {
    {SL_CLIENT_HELLO, TO_SERVER, 42, MESSAGE_MAX},
    {SL_SERVER_HELLO, TO_CLIENT, 38, MESSAGE_MAX},
    {SL_HELLO_VERIFY_REQUEST, TO_CLIENT, 3, 2 + 1 + 255},
    {SL_CERTIFICATE, TO_CLIENT | TO_SERVER, 3, MESSAGE_MAX},
    {SL_SERVER_KEY_EXCHANGE, TO_CLIENT, 4, MESSAGE_MAX},
    {SL_CERTIFICATE_REQUEST, TO_CLIENT, 4, MESSAGE_MAX},
    {SL_SERVER_HELLO_DONE, TO_CLIENT, 0, 0},
    {SL_CERTIFICATE_VERIFY, TO_SERVER, 4, MESSAGE_MAX},
    {SL_CLIENT_KEY_EXCHANGE, TO_SERVER, 2, 2048},
};

typedef enum { PASS, MALFORMED, UNEXPECTED } Verdict;

static Verdict judge_message(const SlGuardState *state, const SlFragment *fragment)
{
    unsigned us = state->role == SLUICE_ROLE_CLIENT ? TO_CLIENT : TO_SERVER;

    for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++) {
        if (messages[i].type != fragment->type)
            continue;
        if (!(messages[i].to & us) || fragment->length < messages[i].min ||
            fragment->length > messages[i].max)
            return UNEXPECTED;
        /* A fragment of nothing advances nothing, and OpenSSL dies of it. */
        if (fragment->len == 0 && fragment->length > 0)
            return MALFORMED;
        return PASS;
    }
    return UNEXPECTED;
}

/* A record passes or falls whole, so one bad fragment takes the others with it. */
static Verdict judge_handshake(const SlGuardState *state, const SlRecord *record,
                               SlGuardReport *report)
{
    size_t offset = 0;
    SlFragment fragment;
    int found;

    while ((found = sl_fragment_next(record->body, record->len, &offset, &fragment)) == 1) {
        if (fragment.type == SL_CLIENT_HELLO && state->role == SLUICE_ROLE_CLIENT)
            report->client_hello_at_client = 1;
        if (fragment.type == SL_HELLO_REQUEST && fragment.length == 0 &&
            state->role == SLUICE_ROLE_CLIENT)
            report->hello_request = 1;
        Verdict verdict = judge_message(state, &fragment);
        if (verdict != PASS)
            return verdict;
    }
    return found == 0 ? PASS : MALFORMED;
}

static Verdict judge_plaintext(const SlGuardState *state, const SlRecord *record,
                               SlGuardReport *report)
{
    const uint8_t *body = record->body;

    switch (record->type) {
    case SL_CHANGE_CIPHER_SPEC:
        return record->len == 1 && body[0] == 1 ? PASS : MALFORMED;
    case SL_ALERT:
        if (record->len != 2 || (body[0] != 1 && body[0] != 2))
            return MALFORMED;
        /* Once there are keys an honest peer's alerts come under them. */
        return state->finished ? UNEXPECTED : PASS;
    case SL_HANDSHAKE:
        return judge_handshake(state, record, report);
    default: /* application data is never in plaintext; the others do not exist in DTLS 1.2 */
        return UNEXPECTED;
    }
}

static Verdict judge_ciphertext(const SlGuardState *state, const SlRecord *record,
                                SlGuardReport *report)
{
    size_t min = 1 + (state->expansion ? state->expansion : SL_GUARD_EXPANSION_MAX);

    if (record->type != SL_ALERT && record->type != SL_HANDSHAKE &&
        record->type != SL_APPLICATION_DATA)
        return UNEXPECTED;
    /* The version is part of what the tag covers. */
    if (record->version != DTLS_1_2 || record->len < min)
        return MALFORMED;
    if (record->type == SL_APPLICATION_DATA)
        report->has_application_data = 1;
    return PASS;
}

static Verdict judge(const SlGuardState *state, const SlRecord *record, SlGuardReport *report)
{
    if (record->len == 0)
        return MALFORMED;
    if (record->epoch == 0)
        return judge_plaintext(state, record, report);
    /* Renegotiation is off: there is no second change of keys. */
    return record->epoch == 1 ? judge_ciphertext(state, record, report) : UNEXPECTED;
}

/* 1 if what follows this record can be found behind it. */
static int header_is_sound(const SlRecord *record)
{
    return record->type != TLS12_CID &&
           (record->version == DTLS_1_0 || record->version == DTLS_1_2) &&
           record->len <= (record->epoch == 0 ? PLAINTEXT_MAX : CIPHERTEXT_MAX);
}

static size_t copy_record(uint8_t *out, const SlRecord *record)
{
    size_t len = SL_RECORD_HEADER + record->len;
    memcpy(out, record->body - SL_RECORD_HEADER, len);
    /* The first records of a handshake may say 1.0 (RFC 6347 section 4.2.1). Later OpenSSL skips
     * the header, and the header alone, of a record with another version than the negotiated one,
     * and reads the body as records that nobody has checked. Nothing in epoch 0 is covered by a
     * tag, so the number may be put right. */
    sl_put16(out + 1, DTLS_1_2);
    return len;
}

size_t sl_guard_filter(const SlGuardState *state, const uint8_t *in, size_t len, uint8_t *out,
                       SlGuardReport *report)
{
    size_t offset = 0, used = 0;

    while (offset < len) {
        size_t start = offset;
        if ((in[start] & 0xe0) == 0x20) {
            if (!state->dtls13) {
                report->unexpected++;
                break;
            }
            memcpy(out + used, in + start, len - start);
            used += len - start;
            report->passed++;
            break;
        }
        SlRecord record;
        if (sl_record_next(in, len, &offset, &record) != 1 || !header_is_sound(&record)) {
            report->malformed++;
            break;
        }
        switch (judge(state, &record, report)) {
        case PASS:
            used += copy_record(out + used, &record);
            report->passed++;
            break;
        case MALFORMED:
            report->malformed++;
            break;
        case UNEXPECTED:
            report->unexpected++;
            break;
        }
    }
    return used;
}
