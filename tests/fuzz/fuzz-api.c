/* SPDX-License-Identifier: BSD-3-Clause */

/* Any calls in any order on two transports that talk to each other; datagrams pass, are lost, doubled, overtaken,
 * damaged or made up, and time goes on as the input says. What holds is in ends.c: nothing is delivered that was not
 * sent, nothing comes from a peer who is not verified, both ends have the same keys.
 *
 * Input: a byte for the config of each end, then calls: a byte whose top bit is the end, and what the call takes. */

#include "ends.h"

#define CALLS_MAX 600
#define SPINS_MAX 50
#define STEPS_MAX 1000
#define SETTLED_AFTER (120 * SLUICE_SECOND)

static const SluiceKind kinds[] = {SLUICE_KIND_DATA, SLUICE_KIND_RTP, SLUICE_KIND_RTCP};

static void call_start(Ends *ends, int end, Input *in)
{
    int role = take_byte(in) % 4;
    SluiceStatus status = sluice_transport_start(ends->end[end], ends->now, (SluiceRole)role);

    if (role == 3)
        ORACLE(status == SLUICE_INVALID_ARGUMENT);
}

static void call_validate(Ends *ends, int end, Input *in)
{
    sluice_transport_set_path_validated(ends->end[end], ends->now, (take_byte(in) & 7) != 0);
}

static void call_trust(Ends *ends, int end, Input *in)
{
    ends_trust(ends, end, (take_byte(in) & 7) == 7);
}

static void call_bad_trust(Ends *ends, int end, Input *in)
{
    SluiceFingerprint list[SLUICE_FINGERPRINTS_MAX];
    const uint8_t *bytes;
    size_t n = take_byte(in) % (SLUICE_FINGERPRINTS_MAX + 1);
    SluiceStatus status;

    memset(list, 0, sizeof list);
    for (size_t i = 0; i < n; i++) {
        list[i].hash = (SluiceHash)(take_byte(in) % 6);
        list[i].len = take_byte(in);
        if (list[i].hash == SLUICE_HASH_SHA256 && list[i].len == 32)
            list[i].len = 31;
        if (take_bytes(in, 1, &bytes))
            list[i].bytes[0] = *bytes;
    }
    status = sluice_transport_set_remote_fingerprints(ends->end[end], ends->now, list, n);
    if (status == SLUICE_OK) /* made of zeros: nobody has this one */
        ends->untrusted[end] = 1;
}

static void call_rtt(Ends *ends, int end, Input *in)
{
    sluice_transport_set_rtt(ends->end[end], (SluiceTime)take_16(in) * SLUICE_MILLISECOND / 16);
}

static void call_receive_anything(Ends *ends, int end, Input *in)
{
    const uint8_t *bytes;
    size_t n = take_bytes(in, take_byte(in), &bytes);

    if (n)
        ends_give(ends, end, bytes, n);
}

/* What is on the way, in any order; the top bits say what the path does to it. */
static void call_pass(Ends *ends, int end, Input *in)
{
    uint8_t what = take_byte(in);
    Datagram taken;

    (void)end;
    if (!ends->n_queue)
        return;
    taken = ends_take(ends, what % (ends->n_queue < 16 ? ends->n_queue : 16));
    if (what >> 4 == 15 && taken.len)
        taken.data[take_16(in) % taken.len] ^= take_byte(in);
    if (what >> 4 == 14)
        ends_queue(ends, taken.to, taken.data, taken.len);
    if (what >> 4 != 13)
        ends_give(ends, what >> 4 == 12 ? !taken.to : taken.to, taken.data, taken.len);
    free(taken.data);
}

static void call_pass_all(Ends *ends, int end, Input *in)
{
    (void)end;
    for (int n = take_byte(in) % 64; n > 0 && ends->n_queue; n--) {
        Datagram taken = ends_take(ends, 0);

        ends_give(ends, taken.to, taken.data, taken.len);
        free(taken.data);
        ends_drain(ends, 0);
        ends_drain(ends, 1);
    }
}

static void call_pump(Ends *ends, int end, Input *in)
{
    uint8_t how = take_byte(in);

    ends_pump(ends, end,
              how < 200   ? SLUICE_SENT
              : how < 230 ? SLUICE_SEND_TOO_BIG
                          : SLUICE_SEND_FAILED);
}

static void call_read(Ends *ends, int end, Input *in)
{
    (void)in;
    if (!ends_read(ends, end))
        ORACLE(sluice_transport_pop_message(ends->end[end]) == SLUICE_INVALID_STATE);
}

static void call_event(Ends *ends, int end, Input *in)
{
    SluiceEvent event;
    char text[256];

    (void)in;
    if (sluice_transport_next_event(ends->end[end], &event) && event.type == SLUICE_EVENT_FLIGHT)
        ORACLE(sluice_flight_describe(&event.u.flight, text, sizeof text) == SLUICE_OK);
}

static void call_drain(Ends *ends, int end, Input *in)
{
    (void)in;
    ends_drain(ends, end);
}

static void call_send(Ends *ends, int end, Input *in)
{
    uint8_t what = take_byte(in);

    ends_send(ends, end, kinds[what % 3], take_16(in));
}

/* Any bytes as a packet; what becomes of them is not sent. */
static void call_protect_anything(Ends *ends, int end, Input *in)
{
    uint8_t what = take_byte(in), *packet;
    const uint8_t *bytes;
    size_t len = take_bytes(in, take_byte(in), &bytes), room = what & 1 ? SLUICE_PROTECT_ROOM : 3;
    SluiceStatus status;

    packet = malloc(len + room);
    if (!packet)
        abort();
    if (len)
        memcpy(packet, bytes, len);
    status = sluice_transport_protect(ends->end[end], (SluiceKind)(what >> 1 & 15), packet, &len,
                                      len + room);
    ORACLE(status != SLUICE_OK || (what & 1));
    free(packet);
}

static void call_wait(Ends *ends, int end, Input *in)
{
    (void)end;
    ends_advance(ends, (SluiceTime)take_16(in) * SLUICE_MILLISECOND);
}

/* A timer that stays due is a program that spins. */
static void call_timers(Ends *ends, int end, Input *in)
{
    (void)in;
    for (int i = 0; i < SPINS_MAX; i++) {
        if (sluice_transport_next_timeout(ends->end[end]) > ends->now)
            return;
        sluice_transport_handle_timeout(ends->end[end], ends->now);
    }
    ORACLE(sluice_transport_next_timeout(ends->end[end]) > ends->now);
}

static void call_next_timer(Ends *ends, int end, Input *in)
{
    (void)end;
    (void)in;
    ends_expire(ends);
}

static void call_early_timer(Ends *ends, int end, Input *in)
{
    (void)in;
    sluice_transport_handle_timeout(ends->end[end], ends->now);
}

static void call_close(Ends *ends, int end, Input *in)
{
    if ((take_byte(in) & 3) == 0)
        ORACLE(sluice_transport_close(ends->end[end], ends->now) == SLUICE_OK);
}

static void call_questions(Ends *ends, int end, Input *in)
{
    SluiceTransport *t = ends->end[end];
    SluicePeerOffer offer;
    const uint8_t *der;
    SluiceStats *stats;
    size_t len, size = (size_t)take_byte(in) * 4 + 1;
    uint8_t secret[64];

    (void)sluice_transport_get_offer(t, &offer);
    if (sluice_transport_get_remote_certificate(t, &der, &len) == SLUICE_OK)
        ORACLE(der && len);
    (void)sluice_transport_max_data_size(t);
    (void)sluice_transport_export(t, "EXPORTER-x", secret, take_byte(in) % 64, secret, 64);
    stats = malloc(size);
    if (!stats)
        abort();
    ORACLE(sluice_transport_get_stats(t, stats, size) == SLUICE_OK);
    free(stats);
}

static void call_with_nothing(Ends *ends, int end, Input *in)
{
    SluiceTransport *t = ends->end[end];
    uint8_t byte = take_byte(in);
    size_t len = 1;
    SluiceKind kind;

    ORACLE(sluice_transport_receive(t, ends->now, NULL, &len, &kind) == SLUICE_INVALID_ARGUMENT);
    ORACLE(sluice_transport_receive(t, ends->now, &byte, &len, NULL) == SLUICE_INVALID_ARGUMENT);
    ORACLE(sluice_transport_protect(t, SLUICE_KIND_RTP, NULL, &len, 200) ==
           SLUICE_INVALID_ARGUMENT);
    ORACLE(sluice_transport_send_data(t, ends->now, NULL, 1) == SLUICE_INVALID_ARGUMENT);
    ORACLE(sluice_transport_export(t, NULL, NULL, 0, &byte, 1) == SLUICE_INVALID_ARGUMENT);
    ORACLE(sluice_transport_get_srtp_keys(t, NULL) == SLUICE_INVALID_ARGUMENT);
    ORACLE(!sluice_transport_next_event(t, NULL) && !sluice_transport_peek_message(t, NULL));
    ORACLE(sluice_transport_pop_output(NULL, ends->now, SLUICE_SENT) == SLUICE_INVALID_ARGUMENT);
    sluice_transport_free(NULL);
}

static void call_restart(Ends *ends, int end, Input *in)
{
    uint8_t what = take_byte(in);

    ends_restart(ends, end, (SluiceRole)(what % 3),
                 what < 200   ? ENDS_RIGHT
                 : what < 230 ? ENDS_WRONG
                              : ENDS_UNKNOWN);
}

static void call_end_dtls(Ends *ends, int end, Input *in)
{
    if ((take_byte(in) & 3) == 0)
        sluice_transport_end_dtls(ends->end[end], ends->now);
}

static void call_fan_out(Ends *ends, int end, Input *in) { ends_fan_out(ends, end, take_16(in)); }

static void call_give_batch(Ends *ends, int end, Input *in)
{
    ends_give_batch(ends, end, 1u + take_byte(in) % BATCH_MAX);
}

/* Any bytes as packets; what becomes of them is not sent. */
static void call_protect_batch(Ends *ends, int end, Input *in)
{
    SluicePacket packets[BATCH_MAX];
    size_t n = take_byte(in) % (BATCH_MAX + 1), done, ok = 0;

    for (size_t i = 0; i < n; i++) {
        uint8_t what = take_byte(in);
        const uint8_t *bytes;
        size_t len = take_bytes(in, what >> 2, &bytes), room = what & 1 ? SLUICE_PROTECT_ROOM : 1;

        packets[i] = (SluicePacket){.kind = what & 2 ? SLUICE_KIND_RTP : SLUICE_KIND_RTCP,
                                    .data = malloc(len + room),
                                    .len = len,
                                    .capacity = len + room};
        if (!packets[i].data)
            abort();
        if (len)
            memcpy(packets[i].data, bytes, len);
    }
    done = sluice_transport_protect_batch(ends->end[end], packets, n);
    for (size_t i = 0; i < n; i++) {
        ok += packets[i].status == SLUICE_OK;
        free(packets[i].data);
    }
    ORACLE(ok == done);
}

static void call_ssrc(Ends *ends, int end, Input *in)
{
    uint8_t what = take_byte(in);
    SluiceDirection direction = what & 1 ? SLUICE_SENT_OUT : SLUICE_RECEIVED;
    /* That of either end, or another. */
    uint32_t ssrc = what & 2 ? 1u + (what >> 2 & 1) : take_byte(in), roc;

    switch (what >> 3 & 3) {
    case 0:
        if (sluice_transport_set_roc(ends->end[end], direction, ssrc, take_byte(in)) == SLUICE_OK)
            ORACLE(sluice_transport_get_roc(ends->end[end], direction, ssrc, &roc) == SLUICE_OK);
        break;
    case 1:
        (void)sluice_transport_get_roc(ends->end[end], direction, ssrc, &roc);
        break;
    default:
        if (sluice_transport_remove_ssrc(ends->end[end], direction, ssrc) == SLUICE_OK)
            ORACLE(sluice_transport_remove_ssrc(ends->end[end], direction, ssrc) ==
                   SLUICE_INVALID_ARGUMENT);
        break;
    }
}

static void (*const calls[])(Ends *, int, Input *) = {call_start,
                                                      call_validate,
                                                      call_trust,
                                                      call_bad_trust,
                                                      call_rtt,
                                                      call_pass,
                                                      call_pass_all,
                                                      call_pump,
                                                      call_receive_anything,
                                                      call_read,
                                                      call_event,
                                                      call_drain,
                                                      call_send,
                                                      call_protect_anything,
                                                      call_wait,
                                                      call_timers,
                                                      call_next_timer,
                                                      call_early_timer,
                                                      call_close,
                                                      call_questions,
                                                      call_with_nothing,
                                                      call_restart,
                                                      call_end_dtls,
                                                      call_fan_out,
                                                      call_give_batch,
                                                      call_protect_batch,
                                                      call_ssrc};

/* What was begun has come to its end, one way or the other; then both ends have the same keys again. */
static void settle(Ends *ends)
{
    SluiceTime limit = ends->now + SETTLED_AFTER;

    ends_validate(ends);
    for (int step = 0; step < STEPS_MAX && ends->now < limit; step++) {
        ends_drain(ends, 0);
        ends_drain(ends, 1);
        if (ends->n_queue) {
            Datagram next = ends_take(ends, 0);

            ends_give(ends, next.to, next.data, next.len);
            free(next.data);
        } else if (!ends_expire(ends)) {
            break;
        }
    }
    ends_check(ends);
    if (!ends_may_differ_for_good(ends))
        ends_check_keys(ends);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static Ends ends;
    Input in = {data, size};
    uint8_t first = take_byte(&in), second = take_byte(&in);

    ends_open(&ends, first, second);
    for (int i = 0; i < CALLS_MAX && in.left; i++) {
        uint8_t what = take_byte(&in);

        calls[(what & 0x7f) % (sizeof calls / sizeof *calls)](&ends, what >> 7, &in);
        ends_check(&ends);
    }
    if (ends_may_differ(&ends) && !ends_may_differ_for_good(&ends))
        settle(&ends);
    ends_close(&ends);
    return 0;
}
