/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: the capture hook is shown each datagram once, in its turn, with its time, and media in clear beside it; nothing
 * that was refused or never sent is shown as sent. */

#include "common.h"

#include <stdlib.h>

typedef struct {
    SluiceCapture head; /* its data is in bytes */
    uint8_t bytes[1500];
} Shown;

typedef struct {
    Shown shown[400];
    size_t n;
    unsigned destroyed;
} Trace;

static void take(const SluiceCapture *capture, void *user_data)
{
    Trace *trace = user_data;
    Shown *shown = &trace->shown[trace->n++];

    assert_true(trace->n <= 400);
    assert_true(capture->len <= sizeof shown->bytes);
    shown->head = *capture;
    memcpy(shown->bytes, capture->data, capture->len);
}

static void destroyed(void *user_data) { ((Trace *)user_data)->destroyed++; }

/* A pair whose client is captured. */
static Trace *open_captured(Pair *pair)
{
    Trace *trace = calloc(1, sizeof *trace);
    SluiceConfig *config = new_config(CLIENT);

    assert_status(sluice_config_set_capture(config, take, trace, destroyed), SLUICE_OK);
    open_with(pair, config, new_config(SERVER));
    return trace;
}

static const Shown *last(const Trace *trace, size_t back) { return &trace->shown[trace->n - back]; }

static void assert_shown(const Shown *shown, SluiceCaptureLayer layer, SluiceDirection direction,
                         SluiceKind kind, SluiceTime time)
{
    assert_int_equal(shown->head.layer, layer);
    assert_int_equal(shown->head.direction, direction);
    assert_int_equal(shown->head.kind, kind);
    assert_int_equal(shown->head.time, time);
}

/* Client: 1 out at once, 4 in and 5 out a round trip later, 6 in after another. */
static void test_handshake(void **state)
{
    static const struct {
        SluiceDirection direction;
        int ms;
    } expected[] = {
        {SLUICE_SENT_OUT, 0}, {SLUICE_RECEIVED, 20}, {SLUICE_SENT_OUT, 20}, {SLUICE_RECEIVED, 40}};
    SluiceStats stats;
    uint64_t bytes[2] = {0, 0};
    Pair pair;
    Trace *trace = open_captured(&pair);

    (void)state;
    connect_within(&pair, 100 * MS);
    assert_int_equal(trace->n, 4);
    for (size_t i = 0; i < 4; i++) {
        const Shown *shown = &trace->shown[i];

        assert_shown(shown, SLUICE_CAPTURE_WIRE, expected[i].direction, SLUICE_KIND_DTLS,
                     pair.begun + expected[i].ms * MS);
        assert_int_equal(shown->head.transport_id,
                         sluice_transport_get_id(pair.end[CLIENT].transport));
        assert_int_equal(sluice_classify(shown->bytes, shown->head.len), SLUICE_KIND_DTLS);
        bytes[shown->head.direction] += shown->head.len;
    }
    stats = pair_stats(&pair, CLIENT);
    assert_int_equal(bytes[SLUICE_SENT_OUT], stats.bytes_sent);
    assert_int_equal(bytes[SLUICE_RECEIVED], stats.bytes_received);
    pair_close(&pair);
    assert_int_equal(trace->destroyed, 1);
    free(trace);
}

static void assert_media_both_ways(Pair *pair, Trace *trace, SluiceKind kind)
{
    uint8_t plain[200];
    size_t len = pair_make_media(plain, kind, 7, 1, 0x5a, 160), n = trace->n;
    const Shown *clear, *wire;

    assert_status(pair_send_media(pair, CLIENT, kind, 7, 1, 0x5a, 160), SLUICE_OK);
    assert_int_equal(trace->n, n + 2);
    clear = last(trace, 2);
    wire = last(trace, 1);
    assert_shown(clear, SLUICE_CAPTURE_PLAIN, SLUICE_SENT_OUT, kind, SLUICE_TIME_NEVER);
    assert_int_equal(clear->head.len, len);
    assert_memory_equal(clear->bytes, plain, len);
    assert_shown(wire, SLUICE_CAPTURE_WIRE, SLUICE_SENT_OUT, kind, SLUICE_TIME_NEVER);
    assert_true(wire->head.len > len);
    assert_memory_not_equal(wire->bytes + 12, plain + 12, len - 12);

    assert_status(pair_send_media(pair, SERVER, kind, 7, 1, 0x5a, 160), SLUICE_OK);
    pair_run(pair, 10 * MS);
    assert_int_equal(trace->n, n + 4);
    wire = last(trace, 2);
    clear = last(trace, 1);
    assert_shown(wire, SLUICE_CAPTURE_WIRE, SLUICE_RECEIVED, kind, vclock_now());
    assert_memory_not_equal(wire->bytes + 12, plain + 12, len - 12);
    assert_shown(clear, SLUICE_CAPTURE_PLAIN, SLUICE_RECEIVED, kind, vclock_now());
    assert_int_equal(clear->head.len, len);
    assert_memory_equal(clear->bytes, plain, len);
}

static void test_media(void **state)
{
    Pair pair;
    Trace *trace = open_captured(&pair);

    (void)state;
    connect_within(&pair, 100 * MS);
    assert_media_both_ways(&pair, trace, SLUICE_KIND_RTP);
    assert_media_both_ways(&pair, trace, SLUICE_KIND_RTCP);
    pair_close(&pair);
    free(trace);
}

/* What is dropped came over the wire, and was never media; what is not sealed is not shown at all. */
static void test_refused(void **state)
{
    static const uint8_t stun[20] = {0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42};
    _Alignas(8) uint8_t packet[400];
    size_t len, n;
    Pair pair;
    Trace *trace = open_captured(&pair);
    SluiceTransport *client = pair.end[CLIENT].transport;

    (void)state;
    len = pair_make_media(packet, SLUICE_KIND_RTP, 1, 1, 0, 160);
    assert_status(sluice_transport_protect(client, SLUICE_KIND_RTP, packet, &len, sizeof packet),
                  SLUICE_NOT_READY);
    assert_int_equal(trace->n, 0);
    connect_within(&pair, 100 * MS);
    n = trace->n;
    for (int i = 0; i < 2; i++) { /* the second is one index twice */
        len = pair_make_media(packet, SLUICE_KIND_RTP, 1, 1, 0, 160);
        (void)sluice_transport_protect(client, SLUICE_KIND_RTP, packet, &len, sizeof packet);
    }
    assert_int_equal(trace->n, n + 2);
    len = 160;
    assert_status(sluice_transport_protect(client, SLUICE_KIND_RTP, packet, &len, 160),
                  SLUICE_NO_ROOM);
    len = (size_t)-1;
    assert_status(sluice_transport_protect(client, SLUICE_KIND_RTP, packet, &len, sizeof packet),
                  SLUICE_INVALID_ARGUMENT);
    assert_int_equal(trace->n, n + 2);

    len = pair_make_media(packet, SLUICE_KIND_RTP, 9, 1, 0, 160); /* plain, so not authentic */
    link_inject(&pair.end[SERVER].link, vclock_now(), packet, len);
    link_inject(&pair.end[SERVER].link, vclock_now(), stun, sizeof stun);
    pair_run(&pair, MS);
    assert_int_equal(trace->n, n + 4);
    assert_shown(last(trace, 2), SLUICE_CAPTURE_WIRE, SLUICE_RECEIVED, SLUICE_KIND_RTP,
                 last(trace, 2)->head.time);
    assert_memory_equal(last(trace, 2)->bytes, packet, len);
    assert_int_equal(last(trace, 1)->head.kind, SLUICE_KIND_STUN);
    pair_close(&pair);
    free(trace);
}

/* Output that the network refuses for good has not been sent. */
static void test_output_not_sent(void **state)
{
    const uint8_t *data;
    size_t len;
    Pair pair;
    Trace *trace = open_captured(&pair);
    SluiceTransport *client = pair.end[CLIENT].transport;

    (void)state;
    sluice_transport_set_path_validated(client, vclock_now(), 1);
    sluice_transport_start(client, vclock_now(), SLUICE_ROLE_CLIENT);
    assert_true(sluice_transport_peek_output(client, &data, &len));
    sluice_transport_pop_output(client, vclock_now(), SLUICE_SEND_FAILED);
    assert_int_equal(trace->n, 0);
    vclock_advance(SECOND);
    sluice_transport_handle_timeout(client, vclock_now());
    assert_true(sluice_transport_peek_output(client, &data, &len));
    sluice_transport_pop_output(client, vclock_now(), SLUICE_SENT);
    assert_int_equal(trace->n, 1);
    assert_shown(last(trace, 1), SLUICE_CAPTURE_WIRE, SLUICE_SENT_OUT, SLUICE_KIND_DTLS,
                 vclock_now());
    pair_close(&pair);
    free(trace);
}

/* Data that has to wait for the inbox comes again: it is shown once. */
static void test_deferred_data(void **state)
{
    SluiceConfig *config = new_config(CLIENT);
    Trace *trace = calloc(1, sizeof *trace);
    size_t n;
    Pair pair;

    (void)state;
    sluice_config_set_inbox_limits(config, 64, 131072, 1, 16384);
    sluice_config_set_capture(config, take, trace, NULL);
    open_with(&pair, config, new_config(SERVER));
    connect_within(&pair, 100 * MS);
    n = trace->n;
    pair.end[CLIENT].no_reading = 1;
    pair_send_data(&pair, SERVER, "one", 3);
    pair_run(&pair, 20 * MS);
    pair.end[CLIENT].no_reading = 0;
    pair_send_data(&pair, SERVER, "two", 3);
    pair_run(&pair, 20 * MS);
    assert_int_equal(pair.end[CLIENT].would_block, 1);
    assert_int_equal(pair_count(&pair, CLIENT, SLUICE_KIND_DATA), 2);
    assert_int_equal(trace->n, n + 2);
    pair_close(&pair);
    free(trace);
}

/* Media that came before the fingerprint: on the wire when it came, in clear when it is opened. */
static void test_held_media(void **state)
{
    SluiceTime came;
    size_t n;
    Pair pair;
    Trace *trace = open_captured(&pair);

    (void)state;
    for (int end = 0; end < 2; end++)
        sluice_transport_set_path_validated(pair.end[end].transport, vclock_now(), 1);
    pair_know(&pair, SERVER);
    pair_start(&pair, CLIENT, SLUICE_ROLE_CLIENT);
    pair_start(&pair, SERVER, SLUICE_ROLE_SERVER);
    pair_run(&pair, 100 * MS);
    assert_state(&pair, SERVER, SLUICE_STATE_CONNECTED);
    n = trace->n;
    pair_send_media(&pair, SERVER, SLUICE_KIND_RTP, 1, 1, 3, 160);
    pair_run(&pair, 10 * MS);
    came = vclock_now();
    assert_int_equal(trace->n, n + 1);
    assert_shown(last(trace, 1), SLUICE_CAPTURE_WIRE, SLUICE_RECEIVED, SLUICE_KIND_RTP, came);
    pair_run(&pair, SECOND);
    pair_know(&pair, CLIENT);
    assert_int_equal(trace->n, n + 2);
    assert_shown(last(trace, 1), SLUICE_CAPTURE_PLAIN, SLUICE_RECEIVED, SLUICE_KIND_RTP, came);
    assert_int_equal(last(trace, 1)->head.len, 172);
    assert_int_equal(last(trace, 1)->bytes[12], 3);
    pair_close(&pair);
    free(trace);
}

static void test_fan_out_and_batches(void **state)
{
    _Alignas(8) uint8_t packet[200], buffers[3][400];
    size_t len = pair_make_media(packet, SLUICE_KIND_RTP, 5, 1, 9, 160), n;
    SluiceFanOut outputs[2];
    SluicePacket single;
    Pair pair;
    Trace *trace = open_captured(&pair);

    (void)state;
    connect_within(&pair, 100 * MS);
    n = trace->n;
    memset(outputs, 0, sizeof outputs);
    for (uint32_t i = 0; i < 2; i++) {
        outputs[i].transport = pair.end[CLIENT].transport;
        outputs[i].ssrc = 50 + i;
        outputs[i].sequence_number = 9;
        outputs[i].payload_type = 100;
        outputs[i].data = buffers[i];
        outputs[i].capacity = sizeof buffers[i];
    }
    assert_int_equal(sluice_fan_out(packet, len, outputs, 2), 2);
    assert_int_equal(trace->n, n + 4);
    assert_int_equal(last(trace, 4)->bytes[11], 50); /* as it leaves, not as it came */
    assert_int_equal(last(trace, 4)->head.layer, SLUICE_CAPTURE_PLAIN);
    assert_int_equal(last(trace, 2)->bytes[11], 51);
    assert_memory_equal(last(trace, 1)->bytes, buffers[1], outputs[1].len);
    memcpy(buffers[2], packet, len);
    memset(&single, 0, sizeof single);
    single.kind = SLUICE_KIND_RTP;
    single.data = buffers[2];
    single.len = len;
    single.capacity = sizeof buffers[2];
    assert_int_equal(sluice_transport_protect_batch(pair.end[CLIENT].transport, &single, 1), 1);
    assert_int_equal(trace->n, n + 6);
    pair_close(&pair);
    free(trace);
}

static void test_hook_belongs_to_the_config(void **state)
{
    Trace first = {.n = 0}, second = {.n = 0};
    SluiceConfig *config = new_config(CLIENT);
    SluiceTransport *transport;

    (void)state;
    assert_status(sluice_config_set_capture(NULL, take, NULL, NULL), SLUICE_INVALID_ARGUMENT);
    sluice_config_set_capture(config, take, &first, destroyed);
    sluice_config_set_capture(config, take, &second, destroyed);
    assert_int_equal(first.destroyed, 1);
    sluice_config_set_capture(config, NULL, NULL, NULL);
    assert_int_equal(second.destroyed, 1);
    transport = sluice_transport_new(config);
    assert_non_null(transport);
    assert_status(sluice_config_set_capture(config, take, &first, destroyed), SLUICE_INVALID_STATE);
    assert_int_equal(first.destroyed, 1);
    sluice_transport_free(transport);
    sluice_config_unref(config);
    assert_int_equal(first.n + second.n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_handshake),
        cmocka_unit_test(test_media),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_output_not_sent),
        cmocka_unit_test(test_deferred_data),
        cmocka_unit_test(test_held_media),
        cmocka_unit_test(test_fan_out_and_batches),
        cmocka_unit_test(test_hook_belongs_to_the_config),
    };

    alloc_init();
    return cmocka_run_group_tests(tests, NULL, free_certificates);
}
