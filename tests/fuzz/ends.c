/* SPDX-License-Identifier: BSD-3-Clause */
#include "ends.h"

#include "fixed-keys.h"
#include "fixed-random.h"

#include <sys/time.h>

#define START (100 * SLUICE_SECOND)
#define WALL (INT64_C(1700000000) * SLUICE_SECOND)
#define SMALL_MTU 256
#define MEDIA_MAX 1400

static SluiceCertificate *certificates[2];
static SluiceConfig *configs[2][ENDS_VARIANTS];
static SluiceTime wall_now = START;

/* libssl times its flights by this. A fuzzer times its runs by clock_gettime(), which stays real. */
int gettimeofday(struct timeval *restrict tv, void *restrict tz)
{
    SluiceTime now = WALL + wall_now;

    (void)tz;
    tv->tv_sec = (time_t)(now / SLUICE_SECOND);
    tv->tv_usec = (suseconds_t)(now % SLUICE_SECOND / 1000);
    return 0;
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

static SluiceConfig *config_for(int end, unsigned variant)
{
    static const SluiceSrtpProfile large[] = {SLUICE_SRTP_AEAD_AES_256_GCM,
                                              SLUICE_SRTP_AES128_CM_SHA1_80};
    SluiceConfig *config;

    variant %= ENDS_VARIANTS;
    if (configs[end][variant])
        return configs[end][variant];
    config = sluice_config_new(certificates[end]);
    ORACLE(config != NULL);
    sluice_config_set_allow_unvalidated(config, (variant & ENDS_UNVALIDATED) != 0);
    if (variant & ENDS_DATA_ONLY)
        sluice_config_set_srtp_profiles(config, NULL, 0);
    else if (variant & ENDS_GCM_256)
        sluice_config_set_srtp_profiles(config, large, 2);
    if (variant & ENDS_SMALL) {
        sluice_config_set_handshake_mtu(config, SMALL_MTU);
        sluice_config_set_datagram_limit(config, SMALL_MTU);
        sluice_config_set_inbox_limits(config, 2, 4096, 1, 16384);
        sluice_config_set_output_limits(config, 1, 16384);
    }
    /* The first transport makes the SSL_CTX, which takes random numbers: not while an input runs. */
    sluice_transport_free(sluice_transport_new(config));
    configs[end][variant] = config;
    return config;
}

void ends_open(Ends *self, unsigned variant_0, unsigned variant_1)
{
    SluiceConfig *config[2];

    make_certificates();
    config[0] = config_for(0, variant_0);
    config[1] = config_for(1, variant_1);
    memset(self, 0, sizeof *self);
    fixed_random_restart();
    self->now = wall_now = START;
    self->end[0] = sluice_transport_new(config[0]);
    self->end[1] = sluice_transport_new(config[1]);
    ORACLE(self->end[0] && self->end[1]);
}

void ends_close(Ends *self)
{
    sluice_transport_free(self->end[0]);
    sluice_transport_free(self->end[1]);
    for (size_t i = 0; i < self->n_queue; i++)
        free(self->queue[i].data);
    memset(self, 0, sizeof *self);
}

void ends_validate(Ends *self)
{
    sluice_transport_set_path_validated(self->end[0], self->now, 1);
    sluice_transport_set_path_validated(self->end[1], self->now, 1);
}

static SluiceFingerprint fingerprint_for(int end, int wrong)
{
    SluiceFingerprint fingerprint;

    ORACLE(sluice_certificate_get_fingerprint(certificates[!end], SLUICE_HASH_SHA256,
                                              &fingerprint) == SLUICE_OK);
    if (wrong)
        fingerprint.bytes[31] ^= 1;
    return fingerprint;
}

SluiceStatus ends_trust(Ends *self, int end, int wrong)
{
    SluiceFingerprint fingerprint = fingerprint_for(end, wrong);
    SluiceStatus status;

    status = sluice_transport_set_remote_fingerprints(self->end[end], self->now, &fingerprint, 1);
    if (status == SLUICE_OK && wrong)
        self->untrusted[end] = 1;
    else if (status == SLUICE_OK)
        self->trusted[end] = 1;
    return status;
}

static SluiceStats stats_of(const Ends *self, int end)
{
    SluiceStats stats;

    memset(&stats, 0, sizeof stats);
    (void)sluice_transport_get_stats(self->end[end], &stats, sizeof stats);
    return stats;
}

SluiceStatus ends_restart(Ends *self, int end, SluiceRole role, EndsPeer peer)
{
    SluiceFingerprint fingerprint = fingerprint_for(end, peer == ENDS_WRONG);
    /* Nobody knows whether the other end has gone over to what is given up here: sluice_transport_restart() says so. */
    int is_out = self->last_flight[end] == 1 + stats_of(self, end).generation;
    SluiceStatus status = sluice_transport_restart(self->end[end], self->now, role, &fingerprint,
                                                   peer == ENDS_UNKNOWN ? 0 : 1);

    if (status == SLUICE_OK) {
        self->restarted = 1;
        self->half_restarted |= peer != ENDS_RIGHT || is_out;
        self->trusted[end] |= peer == ENDS_RIGHT;
    }
    return status;
}

void ends_advance(Ends *self, SluiceTime duration)
{
    self->now += duration;
    wall_now = self->now;
}

/* -- the content of what is sent ---------------------------------------------------------------------------- */

static int index_of(SluiceKind kind)
{
    return kind == SLUICE_KIND_DATA ? 0 : kind == SLUICE_KIND_RTP ? 1 : 2;
}

/* Everything but the length follows from who sends, the kind and the number. */
static size_t write_content(uint8_t *out, int from, SluiceKind kind, uint32_t number, size_t filler)
{
    size_t at = 0;

    if (kind == SLUICE_KIND_RTP) {
        const uint8_t header[12] = {
            0x80, 96, (uint8_t)(number >> 8), (uint8_t)number, 0, 0, 0, 1, 0,
            0,    0,  (uint8_t)(1 + from)};

        memcpy(out, header, at = sizeof header);
    } else if (kind == SLUICE_KIND_RTCP) {
        const uint8_t header[8] = {0x80, 201, 0, 1, 0, 0, 0, (uint8_t)(1 + from)};

        memcpy(out, header, at = sizeof header);
    }
    out[at++] = (uint8_t)(0x40 + from);
    out[at++] = (uint8_t)number;
    for (size_t i = 0; i < filler; i++)
        out[at++] = (uint8_t)(number * 31 + i);
    return at;
}

/* With a restart another peer may be expected than the one that speaks; the right one was named in any case. */
static void expect_trust(const Ends *self, int end)
{
    ORACLE(self->trusted[end]);
    ORACLE(self->restarted || !self->untrusted[end]);
}

/* Nothing is delivered that the other end did not send, nothing twice, and nothing without a verified peer. */
static void judge(Ends *self, int to, SluiceKind kind, const uint8_t *data, size_t len)
{
    uint8_t expected[2048];
    size_t header = kind == SLUICE_KIND_DATA ? 0 : kind == SLUICE_KIND_RTP ? 12 : 8;
    int index = index_of(kind);
    uint32_t number;

    ORACLE(len >= header + 2 && len <= sizeof expected);
    number = data[header + 1];
    ORACLE(number < self->sent[!to][index]);
    ORACLE(write_content(expected, !to, kind, number, len - header - 2) == len);
    ORACLE(memcmp(data, expected, len) == 0);
    ORACLE(!self->arrived[to][index][number]);
    self->arrived[to][index][number] = 1;
    expect_trust(self, to);
}

SluiceStatus ends_send(Ends *self, int end, SluiceKind kind, size_t filler)
{
    _Alignas(4) uint8_t out[MEDIA_MAX + 100 + SLUICE_PROTECT_ROOM];
    uint32_t *sent = &self->sent[end][index_of(kind)];
    size_t len;
    SluiceStatus status;

    if (*sent == sizeof self->arrived[0][0])
        return SLUICE_WOULD_BLOCK;
    len = write_content(out, end, kind, *sent, filler % MEDIA_MAX);
    if (kind == SLUICE_KIND_DATA)
        status = sluice_transport_send_data(self->end[end], self->now, out, len);
    else
        status = sluice_transport_protect(self->end[end], kind, out, &len, sizeof out);
    if (status != SLUICE_OK)
        return status;
    (*sent)++;
    if (kind != SLUICE_KIND_DATA)
        ends_queue(self, !end, out, len);
    expect_trust(self, end);
    return SLUICE_OK;
}

SluiceStatus ends_fan_out(Ends *self, int end, size_t filler)
{
    _Alignas(4) uint8_t copies[2][MEDIA_MAX + 100 + SLUICE_PROTECT_ROOM];
    uint8_t packet[MEDIA_MAX + 100];
    uint32_t *sent = &self->sent[end][1];
    SluiceFanOut outputs[2];
    size_t len, n;

    if (*sent == sizeof self->arrived[0][0])
        return SLUICE_WOULD_BLOCK;
    len = write_content(packet, end, SLUICE_KIND_RTP, *sent, filler % MEDIA_MAX);
    packet[1] ^= 5;     /* payload type */
    packet[3] ^= 0x80;  /* sequence number */
    packet[7] += 7;     /* timestamp */
    packet[11] ^= 0x55; /* SSRC */
    memset(outputs, 0, sizeof outputs);
    for (int i = 0; i < 2; i++)
        outputs[i] = (SluiceFanOut){.transport = self->end[i ? !end : end],
                                    .ssrc = i ? 99 : 1u + (unsigned)end,
                                    .sequence_number = (uint16_t)*sent,
                                    .timestamp_offset = (uint32_t)-7,
                                    .payload_type = 96,
                                    .data = copies[i],
                                    .capacity = sizeof copies[i]};
    n = sluice_fan_out(packet, len, outputs, 2);
    ORACLE(n == (outputs[0].status == SLUICE_OK) + (unsigned)(outputs[1].status == SLUICE_OK));
    for (int i = 0; i < 2; i++)
        ORACLE((outputs[i].status == SLUICE_OK) == (outputs[i].len != 0));
    if (outputs[0].status != SLUICE_OK)
        return outputs[0].status;
    (*sent)++;
    expect_trust(self, end);
    ends_queue(self, !end, outputs[0].data, outputs[0].len);
    return SLUICE_OK;
}

/* -- datagrams ---------------------------------------------------------------------------------------------- */

void ends_queue(Ends *self, int to, const uint8_t *data, size_t len)
{
    if (self->n_queue == DATAGRAMS_MAX) /* as if the path had lost it */
        return;
    self->queue[self->n_queue++] = (Datagram){to, len, exact_copy(data, len)};
}

Datagram ends_take(Ends *self, size_t n)
{
    Datagram taken = self->queue[n];

    self->n_queue--;
    memmove(&self->queue[n], &self->queue[n + 1], (self->n_queue - n) * sizeof taken);
    return taken;
}

/* It begins with a ClientKeyExchange, which nothing hides. */
static int is_clients_last(const uint8_t *data, size_t len)
{
    size_t at = 0;

    while (len - at > 13) {
        size_t body = (size_t)(data[at + 11] << 8 | data[at + 12]);

        if (body == 0 || body > len - at - 13)
            return 0;
        if (data[at] == 22 && data[at + 3] == 0 && data[at + 4] == 0 && data[at + 13] == 16)
            return 1;
        at += 13 + body;
    }
    return 0;
}

int ends_pump(Ends *self, int end, SluiceSent how)
{
    const uint8_t *data;
    size_t len;

    if (!sluice_transport_peek_output(self->end[end], &data, &len))
        return 0;
    if (is_clients_last(data, len))
        self->last_flight[end] = 1 + stats_of(self, end).generation;
    if (how == SLUICE_SENT)
        ends_queue(self, !end, data, len);
    ORACLE(sluice_transport_pop_output(self->end[end], self->now, how) == SLUICE_OK);
    return 1;
}

int ends_read(Ends *self, int end)
{
    SluiceMessage message;

    if (!sluice_transport_peek_message(self->end[end], &message))
        return 0;
    judge(self, end, message.kind, message.data, message.len);
    ORACLE(sluice_transport_pop_message(self->end[end]) == SLUICE_OK);
    return 1;
}

void ends_drain(Ends *self, int end)
{
    SluiceEvent event;

    while (ends_pump(self, end, SLUICE_SENT))
        ;
    while (ends_read(self, end))
        ;
    while (sluice_transport_next_event(self->end[end], &event))
        ORACLE(event.type >= SLUICE_EVENT_STATE && event.type <= SLUICE_EVENT_RESTART_FAILED);
}

SluiceStatus ends_give(Ends *self, int end, const uint8_t *data, size_t len)
{
    uint8_t *exact = exact_copy(data, len);
    SluiceKind kind = SLUICE_KIND_UNKNOWN;
    size_t n = len;
    SluiceStatus status = sluice_transport_receive(self->end[end], self->now, exact, &n, &kind);

    ORACLE(n <= len);
    if (status == SLUICE_OK && (kind == SLUICE_KIND_RTP || kind == SLUICE_KIND_RTCP))
        judge(self, end, kind, exact, n);
    else
        ORACLE(memcmp(exact, data, len) == 0 || kind == SLUICE_KIND_RTP ||
               kind == SLUICE_KIND_RTCP);
    free(exact);
    return status;
}

void ends_give_batch(Ends *self, int end, size_t n)
{
    SluicePacket packets[BATCH_MAX];
    size_t count = 0, taken;

    for (size_t i = 0; i < self->n_queue && count < n && count < BATCH_MAX;)
        if (self->queue[i].to == end) {
            Datagram datagram = ends_take(self, i);

            packets[count++] = (SluicePacket){.data = datagram.data, .len = datagram.len};
        } else {
            i++;
        }
    taken = sluice_transport_receive_batch(self->end[end], self->now, packets, count);
    ORACLE(taken <= count);
    for (size_t i = 0; i < count; i++) {
        ORACLE((i < taken) == (packets[i].status != SLUICE_WOULD_BLOCK));
        if (packets[i].status == SLUICE_OK &&
            (packets[i].kind == SLUICE_KIND_RTP || packets[i].kind == SLUICE_KIND_RTCP))
            judge(self, end, packets[i].kind, packets[i].data, packets[i].len);
        free(packets[i].data);
    }
}

int ends_expire(Ends *self)
{
    SluiceTime due[2] = {sluice_transport_next_timeout(self->end[0]),
                         sluice_transport_next_timeout(self->end[1])};
    int end = due[1] < due[0];

    if (due[end] == SLUICE_TIME_NEVER)
        return 0;
    if (due[end] > self->now)
        ends_advance(self, due[end] - self->now);
    sluice_transport_handle_timeout(self->end[end], self->now);
    return 1;
}

/* -- what always holds -------------------------------------------------------------------------------------- */

static int is_verified(const Ends *self, int end)
{
    SluiceState state = sluice_transport_get_state(self->end[end]);

    return state == SLUICE_STATE_CONNECTED || state == SLUICE_STATE_MEDIA_ONLY;
}

static void check_end(Ends *self, int end)
{
    SluiceState state = sluice_transport_get_state(self->end[end]);
    SluiceSrtpKeys keys;
    SluiceStats stats;
    SluiceEnd why;
    uint8_t secret[16];
    char text[640];

    ORACLE(state <= SLUICE_STATE_FAILED);
    if (is_verified(self, end))
        expect_trust(self, end);
    else
        ORACLE(sluice_transport_get_srtp_keys(self->end[end], &keys) != SLUICE_OK &&
               sluice_transport_export(self->end[end], "EXPORTER-fuzz", NULL, 0, secret,
                                       sizeof secret) != SLUICE_OK);
    if (state >= SLUICE_STATE_CLOSED) {
        ORACLE(sluice_transport_next_timeout(self->end[end]) == SLUICE_TIME_NEVER);
        ORACLE(sluice_transport_get_end(self->end[end], &why) == SLUICE_OK);
        ORACLE(sluice_end_describe(&why, text, sizeof text) == SLUICE_OK);
    } else {
        ORACLE(sluice_transport_get_end(self->end[end], &why) == SLUICE_INVALID_STATE);
    }
    ORACLE(sluice_transport_get_stats(self->end[end], &stats, sizeof stats) == SLUICE_OK);
    ORACLE(stats.dtls_state == state);
}

/* Two ends that are connected to each other have the same keys, crosswise. */
void ends_check_keys(Ends *self)
{
    SluiceSrtpKeys a, b;
    uint8_t x[32], y[32];

    if (sluice_transport_export(self->end[0], "EXPORTER-fuzz", NULL, 0, x, sizeof x) != SLUICE_OK ||
        sluice_transport_export(self->end[1], "EXPORTER-fuzz", NULL, 0, y, sizeof y) != SLUICE_OK)
        return;
    ORACLE(memcmp(x, y, sizeof x) == 0);
    if (sluice_transport_get_srtp_keys(self->end[0], &a) != SLUICE_OK ||
        sluice_transport_get_srtp_keys(self->end[1], &b) != SLUICE_OK)
        return;
    ORACLE(a.profile == b.profile && a.key_len == b.key_len && a.salt_len == b.salt_len);
    ORACLE(memcmp(a.local_key, b.remote_key, a.key_len) == 0);
    ORACLE(memcmp(a.remote_key, b.local_key, a.key_len) == 0);
    ORACLE(memcmp(a.local_salt, b.remote_salt, a.salt_len) == 0);
    ORACLE(memcmp(a.remote_salt, b.local_salt, a.salt_len) == 0);
}

int ends_may_differ(const Ends *self)
{
    return self->restarted || stats_of(self, 0).attempts_given_up ||
           stats_of(self, 1).attempts_given_up;
}

int ends_may_differ_for_good(const Ends *self)
{
    return self->half_restarted || stats_of(self, 0).restarts_failed ||
           stats_of(self, 1).restarts_failed;
}

void ends_check(Ends *self)
{
    check_end(self, 0);
    check_end(self, 1);
    if (!ends_may_differ(self))
        ends_check_keys(self);
}
