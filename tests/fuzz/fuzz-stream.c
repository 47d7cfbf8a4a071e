/* SPDX-License-Identifier: BSD-3-Clause */

/* Two streams joined by a wire each way; the input says who does what and when, and what happens to the bytes on the wire:
 * cut anywhere, edited, made up, ended. Raw bytes would never get past the first message, so the conversation is an honest
 * one with edits.
 *
 * Whatever is done: nothing is read that the other end did not write, in its order and once; a clean end is the end of all
 * of it; nothing passes before the peer is verified; the counts agree, what waits is bounded; two ends that are both connected
 * have the same keys and have seen the right certificates. And without edits all of it arrives.
 *
 * Input: a byte of flags, then actions: a byte whose top bit is the end, and what the action takes. */

#include "fixed-keys.h"
#include "fixed-random.h"
#include "fuzz.h"

#include <sluice/sluice.h>

#include <time.h>

#define ACTIONS_MAX 600
#define WIRE_MAX 300000
#define SESSION_MAX 4096
#define START (100 * SLUICE_SECOND)
#define RESERVE 65536

enum {
    OLD = 1,    /* TLS 1.2 alone */
    ASK = 2,    /* the client asks, else it goes by fingerprint */
    MUTUAL = 4, /* the server goes by fingerprint, too */
    LATE = 8,   /* fingerprints come when an action says so */
    SMALL = 16, /* the least limits */
    MESSAGES = 32,
    RESUMED = 64,
    STRANGER = 128 /* the client expects somebody else */
};
#define VARIANTS (OLD | MUTUAL | SMALL)

typedef struct {
    SluiceStream *stream;
    uint8_t *wire; /* what it sent, on the way */
    size_t wire_len;
    uint64_t accepted, got, given, taken;
    int trusted, mistrusted, shut, ended;
} End;

typedef struct {
    End end[2];
    SluiceTime now;
    uint8_t flags;
    int touched; /* anything but an honest transport and two patient applications */
} Talk;

static SluiceCertificate *certificates[2];
static SluiceConfig *configs[2][VARIANTS + 1];

/* Tickets and certificates look at it; the same input is the same run. */
time_t time(time_t *out)
{
    const time_t now = 1800000000;

    if (out)
        *out = now;
    return now;
}

static void make_certificates(void)
{
    if (certificates[0])
        return;
    fixed_random_install();
    ORACLE(sluice_certificate_from_pem(fixed_certificate_1, strlen(fixed_certificate_1),
                                       fixed_key_1, strlen(fixed_key_1),
                                       &certificates[0]) == SLUICE_OK);
    ORACLE(sluice_certificate_from_pem(fixed_certificate_2, strlen(fixed_certificate_2),
                                       fixed_key_2, strlen(fixed_key_2),
                                       &certificates[1]) == SLUICE_OK);
}

static SluiceConfig *config_for(int end, uint8_t flags)
{
    SluiceConfig **slot = &configs[end][flags & VARIANTS];

    if (*slot)
        return *slot;
    *slot = sluice_config_new(certificates[end]);
    ORACLE(*slot != NULL);
    if (flags & OLD)
        sluice_config_set_stream_versions(*slot, SLUICE_TLS_1_2, SLUICE_TLS_1_2);
    if (flags & SMALL)
        sluice_config_set_stream_limits(*slot, 8192, 32768);
    sluice_config_set_stream_present_certificate(*slot, 1);
    return *slot;
}

static void trust(Talk *talk, int which, int wrong)
{
    SluiceFingerprint fingerprint;
    End *end = &talk->end[which];

    sluice_certificate_get_fingerprint(certificates[!which], SLUICE_HASH_SHA256, &fingerprint);
    if (wrong)
        fingerprint.bytes[7] ^= 1;
    if (sluice_stream_set_remote_fingerprints(end->stream, &fingerprint, 1) != SLUICE_OK)
        return;
    if (wrong)
        end->mistrusted = talk->touched = 1;
    else
        end->trusted = 1;
}

/* @session NULL: none is offered. */
static void open_talk(Talk *talk, uint8_t flags, const uint8_t *session, size_t len)
{
    memset(talk, 0, sizeof *talk);
    talk->flags = flags;
    talk->now = START;
    for (int i = 0; i < 2; i++) {
        End *end = &talk->end[i];

        end->stream =
            sluice_stream_new(config_for(i, flags), i ? SLUICE_ROLE_SERVER : SLUICE_ROLE_CLIENT);
        end->wire = malloc(WIRE_MAX);
        ORACLE(end->stream && end->wire);
        if (flags & MESSAGES)
            sluice_stream_set_message_limit(end->stream, i ? 64 : 700);
    }
    sluice_stream_set_host(talk->end[0].stream, "fuzz.example");
    sluice_stream_set_verify(talk->end[0].stream,
                             flags & ASK ? SLUICE_VERIFY_ASK : SLUICE_VERIFY_FINGERPRINT);
    if (flags & MUTUAL)
        sluice_stream_set_verify(talk->end[1].stream, SLUICE_VERIFY_FINGERPRINT);
    else
        talk->end[1].trusted = 1; /* whoever comes */
    if (!(flags & LATE)) {
        if (!(flags & ASK))
            trust(talk, 0, (flags & STRANGER) != 0);
        if (flags & MUTUAL)
            trust(talk, 1, 0);
    }
    ORACLE(!session || sluice_stream_set_session(talk->end[0].stream, session, len) == SLUICE_OK);
    for (int i = 0; i < 2; i++)
        ORACLE(sluice_stream_start(talk->end[i].stream, talk->now) == SLUICE_OK);
}

static void close_talk(Talk *talk)
{
    for (int i = 0; i < 2; i++) {
        sluice_stream_free(talk->end[i].stream);
        free(talk->end[i].wire);
    }
}

/* -- what always holds -------------------------------------------------------------------------------------- */

static uint8_t byte_at(int from, uint64_t at)
{
    uint64_t z = (at + 1 + ((uint64_t)from << 60)) * UINT64_C(0x9e3779b97f4a7c15);

    return (uint8_t)((z ^ z >> 32) >> 13);
}

static void check_end(const Talk *talk, int which)
{
    const End *end = &talk->end[which];
    SluiceState state = sluice_stream_get_state(end->stream);
    SluiceStreamInfo info;
    SluiceEnd why;

    ORACLE(sluice_stream_get_info(end->stream, &info, sizeof info) == SLUICE_OK);
    ORACLE(info.plaintext_accepted == end->accepted);
    ORACLE(info.plaintext_read == end->got);
    ORACLE(info.ciphertext_taken == end->taken);
    ORACLE(info.ciphertext_received == end->given);
    ORACLE(info.ciphertext_produced >= info.ciphertext_taken);
    ORACLE(info.ciphertext_produced - info.ciphertext_taken <=
           ((talk->flags & SMALL) ? 8192 : 65536) + RESERVE);
    ORACLE(end->got <= talk->end[!which].accepted);
    ORACLE(state != SLUICE_STATE_CONNECTED || (end->trusted && !end->mistrusted));
    ORACLE((sluice_stream_get_end(end->stream, &why) == SLUICE_OK) ==
           (state == SLUICE_STATE_CLOSED || state == SLUICE_STATE_FAILED));
    ORACLE(state != SLUICE_STATE_FAILED || why.reason != 0);
}

static void check(const Talk *talk)
{
    uint8_t keys[2][32];
    int connected = 0;

    for (int i = 0; i < 2; i++) {
        SluiceStream *s = talk->end[i].stream;
        const uint8_t *der, *expected;
        size_t len, expected_len;

        check_end(talk, i);
        if (sluice_stream_get_state(s) != SLUICE_STATE_CONNECTED)
            continue;
        connected++;
        ORACLE(sluice_stream_export(s, "EXPORTER-x", NULL, 0, keys[i], 32) == SLUICE_OK);
        if (i && !(talk->flags & MUTUAL))
            continue;
        ORACLE(sluice_stream_get_peer_certificate(s, 0, &der, &len) == SLUICE_OK);
        ORACLE(sluice_certificate_get_der(certificates[!i], &expected, &expected_len) == SLUICE_OK);
        ORACLE(len == expected_len && memcmp(der, expected, len) == 0);
    }
    ORACLE(connected < 2 || memcmp(keys[0], keys[1], 32) == 0);
}

/* -- actions ------------------------------------------------------------------------------------------------ */

static size_t send_some(Talk *talk, int from, size_t most)
{
    End *end = &talk->end[from];
    const uint8_t *data;
    size_t len;

    if (!sluice_stream_peek_output(end->stream, &data, &len))
        return 0;
    if (len > most && !(talk->flags & MESSAGES))
        len = most;
    if (len > WIRE_MAX - end->wire_len)
        return 0;
    memcpy(end->wire + end->wire_len, data, len);
    ORACLE(sluice_stream_pop_output(end->stream, len) == SLUICE_OK);
    end->wire_len += len;
    end->taken += len;
    return len;
}

static size_t bring_some(Talk *talk, int to, size_t most)
{
    End *from = &talk->end[!to], *end = &talk->end[to];
    size_t len = from->wire_len < most ? from->wire_len : most, taken;
    uint8_t *exact = exact_copy(from->wire, len);
    SluiceStatus status = sluice_stream_receive(end->stream, exact, len, &taken);

    free(exact);
    ORACLE(taken <= len);
    ORACLE(status != SLUICE_OK || taken == len);
    end->given += taken;
    from->wire_len -= taken;
    memmove(from->wire, from->wire + taken, from->wire_len);
    return taken;
}

static size_t write_some(Talk *talk, int from, size_t len)
{
    End *end = &talk->end[from];
    uint8_t *data = malloc(len ? len : 1);
    size_t accepted;

    if (!data)
        abort();
    for (size_t i = 0; i < len; i++)
        data[i] = byte_at(from, end->accepted + i);
    (void)sluice_stream_write(end->stream, data, len, &accepted);
    free(data);
    ORACLE(accepted <= len);
    ORACLE(accepted == 0 || (end->trusted && !end->mistrusted && !end->shut));
    end->accepted += accepted;
    return accepted;
}

/* One that did not want its peer says close_notify, too: there is no alert for that after the handshake. */
static int may_have_closed(const End *end)
{
    SluiceEnd why;

    if (end->shut || sluice_stream_get_end(end->stream, &why) != SLUICE_OK)
        return end->shut;
    return why.phase == SLUICE_STATE_UNVERIFIED || why.reason == SLUICE_END_FINGERPRINT_MISMATCH;
}

static size_t read_some(Talk *talk, int to, size_t capacity)
{
    End *end = &talk->end[to], *from = &talk->end[!to];
    uint8_t *buffer = malloc(capacity);
    SluiceStatus status;
    size_t n;

    if (!buffer)
        abort();
    status = sluice_stream_read(end->stream, buffer, capacity, &n);
    ORACLE((status == SLUICE_OK) == (n > 0));
    for (size_t i = 0; i < n; i++)
        ORACLE(buffer[i] == byte_at(!to, end->got + i));
    free(buffer);
    end->got += n;
    ORACLE(n == 0 || (end->trusted && !end->mistrusted));
    ORACLE(status != SLUICE_END_OF_STREAM || (may_have_closed(from) && end->got == from->accepted));
    return n;
}

/* Whatever an honest transport and patient applications would do now. */
static void settle(Talk *talk)
{
    size_t moved;

    do {
        moved = 0;
        for (int i = 0; i < 2; i++)
            moved += send_some(talk, i, WIRE_MAX) + bring_some(talk, !i, WIRE_MAX) +
                     read_some(talk, !i, 20000);
    } while (moved);
}

/* Bytes of the input in the place of, or before, some on the wire. */
static void edit(Talk *talk, int from, Input *in)
{
    End *end = &talk->end[from];
    uint8_t how = take_byte(in);
    size_t at = take_16(in), n = how >> 2;
    const uint8_t *bytes;

    if (end->wire_len == 0)
        return;
    at %= end->wire_len;
    talk->touched = 1;
    switch (how & 3) {
    case 0:
        end->wire[at] ^= (uint8_t)(n | 1);
        break;
    case 1: /* gone */
        n = n + 1 < end->wire_len - at ? n + 1 : end->wire_len - at;
        memmove(end->wire + at, end->wire + at + n, end->wire_len - at - n);
        end->wire_len -= n;
        break;
    case 2: /* made up */
        n = take_bytes(in, n, &bytes);
        if (end->wire_len + n > WIRE_MAX)
            break;
        memmove(end->wire + at + n, end->wire + at, end->wire_len - at);
        if (n)
            memcpy(end->wire + at, bytes, n);
        end->wire_len += n;
        break;
    default: /* once more */
        n = n + 1 < end->wire_len - at ? n + 1 : end->wire_len - at;
        if (end->wire_len + n > WIRE_MAX)
            break;
        memmove(end->wire + at + n, end->wire + at, end->wire_len - at);
        end->wire_len += n;
        break;
    }
}

static void ask_questions(Talk *talk, int which, Input *in)
{
    SluiceStream *s = talk->end[which].stream;
    uint8_t buffer[64];
    const uint8_t *data;
    size_t n = take_byte(in) % sizeof buffer;

    (void)sluice_stream_get_session(s, buffer, &n);
    (void)sluice_stream_get_peer_certificate(s, take_byte(in) % 4, &data, &n);
    (void)sluice_stream_peek_rest(s, &data, &n);
    (void)sluice_stream_wants_input(s);
    ORACLE(sluice_stream_get_verify_text(s) != NULL);
    ORACLE(sluice_stream_pop_output(s, SIZE_MAX) == SLUICE_INVALID_ARGUMENT);
    ORACLE(sluice_stream_set_verify(s, SLUICE_VERIFY_ASK) == SLUICE_INVALID_STATE);
    ORACLE(sluice_stream_set_session(s, buffer, 1) == SLUICE_INVALID_STATE);
}

/* The rarer calls. */
static void call(Talk *talk, int which, Input *in)
{
    End *end = &talk->end[which];
    uint8_t what = take_byte(in);

    switch (what % 9) {
    case 0:
        (void)sluice_stream_update_keys(end->stream, what >> 7);
        break;
    case 1:
        sluice_stream_release_buffers(end->stream);
        break;
    case 2:
        if (sluice_stream_get_state(end->stream) < SLUICE_STATE_CONNECTED)
            talk->touched = 1;
        (void)sluice_stream_shutdown(end->stream);
        end->shut = 1;
        break;
    case 3:
        talk->touched = 1;
        (void)sluice_stream_receive_end(end->stream);
        break;
    case 4:
        trust(talk, which, what > 220);
        break;
    case 5:
        if (sluice_stream_accept_peer(end->stream, what < 220) == SLUICE_OK) {
            end->trusted |= what < 220;
            end->mistrusted |= what >= 220;
            talk->touched |= what >= 220;
        }
        break;
    case 6:
        talk->now += (SluiceTime)take_byte(in) * SLUICE_SECOND / 4;
        if (sluice_stream_handle_timeout(end->stream, talk->now) == SLUICE_ENDED)
            talk->touched = 1;
        ORACLE(sluice_stream_next_timeout(end->stream) > talk->now);
        break;
    default:
        ask_questions(talk, which, in);
        break;
    }
}

static void act(Talk *talk, Input *in)
{
    uint8_t what = take_byte(in);
    int which = what >> 7;

    switch (what & 7) {
    case 0:
        send_some(talk, which, 1u + take_16(in));
        break;
    case 1:
        bring_some(talk, which, 1u + take_16(in));
        break;
    case 2:
        write_some(talk, which, take_16(in));
        break;
    case 3:
        read_some(talk, which, 1u + take_16(in));
        break;
    case 4:
        edit(talk, which, in);
        break;
    case 5:
        call(talk, which, in);
        break;
    default:
        settle(talk);
        break;
    }
    check(talk);
}

/* Without a single edit all must be well, or the target would be testing nothing. */
static void expect_success(Talk *talk)
{
    if (sluice_stream_accept_peer(talk->end[0].stream, 1) == SLUICE_OK)
        talk->end[0].trusted = 1;
    for (int i = 0; i < 2; i++)
        if (!talk->end[i].trusted)
            trust(talk, i, 0);
    settle(talk);
    for (int i = 0; i < 2; i++) {
        write_some(talk, i, 100);
        settle(talk);
        ORACLE(talk->end[!i].got == talk->end[i].accepted);
        ORACLE(talk->end[i].shut || talk->end[i].accepted >= 100);
        ORACLE(sluice_stream_get_state(talk->end[i].stream) ==
               (talk->end[0].shut && talk->end[1].shut ? SLUICE_STATE_CLOSED
                                                       : SLUICE_STATE_CONNECTED));
    }
}

/* The session of a first, honest connection. */
static size_t first_session(uint8_t flags, uint8_t *session)
{
    static Talk talk;
    size_t len = SESSION_MAX;

    open_talk(&talk, flags & VARIANTS, NULL, 0);
    settle(&talk);
    ORACLE(sluice_stream_get_session(talk.end[0].stream, session, &len) == SLUICE_OK);
    close_talk(&talk);
    return len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static Talk talk;
    Input in = {data, size};
    uint8_t flags = take_byte(&in), session[SESSION_MAX];
    size_t len = 0;

    make_certificates();
    fixed_random_restart();
    if (flags & RESUMED)
        len = first_session(flags, session);
    open_talk(&talk, flags, len ? session : NULL, len);
    for (int i = 0; i < ACTIONS_MAX && in.left; i++)
        act(&talk, &in);
    settle(&talk);
    check(&talk);
    if (!talk.touched && !(flags & (LATE | STRANGER)))
        expect_success(&talk);
    close_talk(&talk);
    return 0;
}
