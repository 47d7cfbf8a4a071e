/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: media is delivered as it was sent, at once and in the caller's buffer; what is forged,
 * altered, replayed or unencrypted is refused and counted and hurts nobody (SRT-01 to SRT-03,
 * SRT-05, SRT-08, SRT-09; N14). */

#include "common.h"

/* A protected packet, not sent. */
static size_t protect(Pair *pair, int end, SluiceKind kind, uint16_t sequence, uint8_t *packet,
                      size_t capacity)
{
    size_t len = pair_make_media(packet, kind, 0xabcd, sequence, (uint8_t)sequence, 100);

    assert_status(sluice_transport_protect(pair->end[end].transport, kind, packet, &len, capacity),
                  SLUICE_OK);
    return len;
}

static SluiceStatus receive_at(Pair *pair, int end, const uint8_t *packet, size_t len,
                               unsigned offset, SluiceKind *kind, size_t *plain_len)
{
    _Alignas(8) uint8_t buffer[600];

    assert_true(len + offset <= sizeof buffer);
    memcpy(buffer + offset, packet, len);
    *plain_len = len;
    return sluice_transport_receive(pair->end[end].transport, vclock_now(), buffer + offset,
                                    plain_len, kind);
}

static SluiceStatus receive(Pair *pair, int end, const uint8_t *packet, size_t len)
{
    SluiceKind kind;
    size_t plain;

    return receive_at(pair, end, packet, len, 0, &kind, &plain);
}

static void test_in_place(void **state)
{
    static const SluiceKind kinds[] = {SLUICE_KIND_RTP, SLUICE_KIND_RTCP};

    (void)state;
    for (int i = 0; i < 2; i++) {
        _Alignas(8) uint8_t packet[400], plain[400];
        size_t len, plain_len = pair_make_media(plain, kinds[i], 0xabcd, 1, 1, 100);
        SluiceKind kind = SLUICE_KIND_UNKNOWN;
        Pair pair;

        open_connected(&pair);
        len = protect(&pair, CLIENT, kinds[i], 1, packet, sizeof packet);
        assert_true(len > plain_len && len <= plain_len + SLUICE_PROTECT_ROOM);
        assert_memory_not_equal(packet + 12, plain + 12, 80);
        assert_status(
            sluice_transport_receive(pair.end[SERVER].transport, vclock_now(), packet, &len, &kind),
            SLUICE_OK);
        assert_int_equal(kind, kinds[i]);
        assert_int_equal(len, plain_len);
        assert_memory_equal(packet, plain, plain_len);
        assert_int_equal(pair_stats(&pair, SERVER).copied_unaligned, 0);
        assert_int_equal(pair_stats(&pair, SERVER).held, 0);
        pair_close(&pair);
    }
}

/* N12: libsrtp casts to 32-bit words. */
static void test_odd_addresses(void **state)
{
    _Alignas(8) uint8_t packet[400];
    Pair pair;

    (void)state;
    open_connected(&pair);
    for (unsigned offset = 0; offset < 8; offset++) {
        size_t len = protect(&pair, CLIENT, SLUICE_KIND_RTP, (uint16_t)(offset + 1), packet,
                             sizeof packet),
               plain;
        SluiceKind kind;

        assert_status(receive_at(&pair, SERVER, packet, len, offset, &kind, &plain), SLUICE_OK);
        assert_int_equal(plain, 112);
    }
    assert_int_equal(pair_stats(&pair, SERVER).copied_unaligned, 6);
    assert_int_equal(pair_stats(&pair, SERVER).rtp_delivered, 8);
    pair_close(&pair);
}

static void test_replay(void **state)
{
    static const SluiceKind kinds[] = {SLUICE_KIND_RTP, SLUICE_KIND_RTCP};
    _Alignas(8) uint8_t first[400], packet[400];
    Pair pair;

    (void)state;
    open_connected(&pair);
    for (int i = 0; i < 2; i++) {
        size_t first_len = protect(&pair, CLIENT, kinds[i], 1, first, sizeof first), len;
        uint64_t before = pair_stats(&pair, SERVER).dropped_replayed;

        assert_status(receive(&pair, SERVER, first, first_len), SLUICE_OK);
        assert_status(receive(&pair, SERVER, first, first_len), SLUICE_DROPPED_REPLAYED);
        for (uint16_t sequence = 2; sequence < 1500; sequence++) {
            len = protect(&pair, CLIENT, kinds[i], sequence, packet, sizeof packet);
            assert_status(receive(&pair, SERVER, packet, len), SLUICE_OK);
            if (sequence == 127 || sequence == 128 || sequence == 1025 || sequence == 1499)
                assert_status(receive(&pair, SERVER, first, first_len), SLUICE_DROPPED_REPLAYED);
        }
        assert_int_equal(pair_stats(&pair, SERVER).dropped_replayed - before, 5);
    }
    pair_close(&pair);
}

/* Late within the window is fine: what was lost and sent again arrives. */
static void test_late_packets(void **state)
{
    _Alignas(8) uint8_t late[400], packet[400];
    size_t late_len;
    Pair pair;

    (void)state;
    open_connected(&pair);
    late_len = protect(&pair, CLIENT, SLUICE_KIND_RTP, 10, late, sizeof late);
    for (uint16_t sequence = 11; sequence < 1000; sequence++) {
        size_t len = protect(&pair, CLIENT, SLUICE_KIND_RTP, sequence, packet, sizeof packet);

        assert_status(receive(&pair, SERVER, packet, len), SLUICE_OK);
    }
    assert_status(receive(&pair, SERVER, late, late_len), SLUICE_OK);
    assert_status(receive(&pair, SERVER, late, late_len), SLUICE_DROPPED_REPLAYED);
    pair_close(&pair);
}

/* Every bit of a packet: none is delivered, each is counted, the true one still is. */
static void test_bit_flips(void **state)
{
    static const SluiceKind kinds[] = {SLUICE_KIND_RTP, SLUICE_KIND_RTCP};

    (void)state;
    for (int i = 0; i < 2; i++) {
        _Alignas(8) uint8_t packet[400], forged[400];
        uint64_t dropped = 0, other = 0, counted;
        size_t len;
        SluiceStats stats;
        Pair pair;

        open_connected(&pair);
        len = protect(&pair, CLIENT, kinds[i], 1, packet, sizeof packet);
        for (size_t bit = 0; bit < len * 8; bit++) {
            SluiceKind kind;
            SluiceStatus status;
            size_t plain;

            memcpy(forged, packet, len);
            forged[bit / 8] ^= (uint8_t)(1u << bit % 8);
            status = receive_at(&pair, SERVER, forged, len, 0, &kind, &plain);
            if (status == SLUICE_OK) { /* its first bits say that it is not for us */
                assert_true(kind != SLUICE_KIND_RTP && kind != SLUICE_KIND_RTCP &&
                            kind != SLUICE_KIND_HELD);
                other++;
            } else {
                assert_true(sluice_status_is_dropped(status));
                dropped++;
            }
        }
        stats = pair_stats(&pair, SERVER);
        counted = stats.dropped_unauthentic + stats.dropped_replayed + stats.dropped_malformed +
                  stats.dropped_unexpected;
        assert_true(counted >= dropped && other <= 3);
        assert_int_equal(stats.rtp_delivered + stats.rtcp_delivered, 0);
        assert_state(&pair, SERVER, SLUICE_STATE_CONNECTED);
        assert_status(receive(&pair, SERVER, packet, len), SLUICE_OK);
        assert_talks(&pair);
        pair_close(&pair);
    }
}

/* SRT-03: unencrypted media after the keys; SRT-05: every length. */
static void test_plain_and_short_packets(void **state)
{
    uint8_t packet[400];
    size_t len;
    Pair pair;

    (void)state;
    open_connected(&pair);
    len = pair_make_media(packet, SLUICE_KIND_RTP, 1, 1, 0, 100);
    assert_status(receive(&pair, SERVER, packet, len), SLUICE_DROPPED_UNAUTHENTIC);
    /* RTCP that leaves no place for index and tag, and with something in their place. */
    len = pair_make_media(packet, SLUICE_KIND_RTCP, 1, 1, 0, 100);
    assert_true(sluice_status_is_dropped(receive(&pair, SERVER, packet, len)));
    memset(packet + len, 0xff, 20);
    assert_status(receive(&pair, SERVER, packet, len + 20), SLUICE_DROPPED_UNAUTHENTIC);
    for (int first = 0; first < 256; first++)
        for (int second = 72; second <= 204; second += 132)
            for (len = 0; len <= 60; len++) {
                SluiceKind kind;
                size_t plain;

                memset(packet, 0xff, sizeof packet);
                packet[0] = (uint8_t)first;
                packet[1] = (uint8_t)second;
                if (receive_at(&pair, SERVER, packet, len, 0, &kind, &plain) == SLUICE_OK)
                    assert_true(kind != SLUICE_KIND_RTP && kind != SLUICE_KIND_RTCP);
            }
    assert_int_equal(pair_stats(&pair, SERVER).rtp_delivered, 0);
    assert_int_equal(pair_stats(&pair, SERVER).rtcp_delivered, 0);
    assert_state(&pair, SERVER, SLUICE_STATE_CONNECTED);
    assert_talks(&pair);
    pair_close(&pair);
}

/* SRT-08: an index used twice would reuse a key stream. */
static void test_protect_never_repeats_an_index(void **state)
{
    _Alignas(8) uint8_t packet[400];
    size_t len;
    Pair pair;

    (void)state;
    open_connected(&pair);
    protect(&pair, CLIENT, SLUICE_KIND_RTP, 5, packet, sizeof packet);
    len = pair_make_media(packet, SLUICE_KIND_RTP, 0xabcd, 5, 9, 100);
    assert_status(sluice_transport_protect(pair.end[CLIENT].transport, SLUICE_KIND_RTP, packet,
                                           &len, sizeof packet),
                  SLUICE_KEY_EXHAUSTED);
    assert_int_equal(pair_stats(&pair, CLIENT).protect_failed, 1);
    protect(&pair, CLIENT, SLUICE_KIND_RTP, 6, packet, sizeof packet);
    pair_close(&pair);
}

/* SRT-09: nothing is written past the end. */
static void test_protect_needs_room(void **state)
{
    _Alignas(8) uint8_t packet[400], before[400];
    size_t len, was;
    SluiceTransport *client;
    Pair pair;

    (void)state;
    open_connected(&pair);
    client = pair.end[CLIENT].transport;
    memset(packet, 0xee, sizeof packet);
    was = len = pair_make_media(packet, SLUICE_KIND_RTP, 1, 1, 1, 100);
    memcpy(before, packet, sizeof packet);
    assert_status(sluice_transport_protect(client, SLUICE_KIND_RTP, packet, &len,
                                           len + SLUICE_PROTECT_ROOM - 1),
                  SLUICE_NO_ROOM);
    assert_int_equal(len, was);
    assert_memory_equal(packet, before, sizeof packet);
    assert_status(
        sluice_transport_protect(client, SLUICE_KIND_RTP, packet, &len, was + SLUICE_PROTECT_ROOM),
        SLUICE_OK);
    assert_memory_equal(packet + was + SLUICE_PROTECT_ROOM, before + was + SLUICE_PROTECT_ROOM,
                        sizeof packet - was - SLUICE_PROTECT_ROOM);
    /* Not aligned, too short, not media: misuse, and untouched. */
    len = 100;
    assert_status(sluice_transport_protect(client, SLUICE_KIND_RTP, packet + 1, &len, 300),
                  SLUICE_INVALID_ARGUMENT);
    len = 11;
    assert_status(sluice_transport_protect(client, SLUICE_KIND_RTP, packet, &len, 400),
                  SLUICE_INVALID_ARGUMENT);
    len = 100;
    memset(packet, 0, 100);
    assert_status(sluice_transport_protect(client, SLUICE_KIND_RTP, packet, &len, 400),
                  SLUICE_INVALID_ARGUMENT);
    pair_close(&pair);
}

/* What is not ours goes back to the caller as it came, in every state (SPF-06). */
static void test_other_protocols(void **state)
{
    static const struct {
        uint8_t first;
        SluiceKind kind;
    } cases[] = {{0, SLUICE_KIND_STUN},   {1, SLUICE_KIND_STUN},   {16, SLUICE_KIND_ZRTP},
                 {64, SLUICE_KIND_TURN},  {79, SLUICE_KIND_TURN},  {80, SLUICE_KIND_QUIC},
                 {192, SLUICE_KIND_QUIC}, {8, SLUICE_KIND_UNKNOWN}};
    Pair pair;
    SluiceStats stats;

    (void)state;
    open_default(&pair);
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
            uint8_t packet[40], before[40];
            size_t len = sizeof packet;
            SluiceKind kind;

            memset(packet, 0x21, sizeof packet);
            packet[0] = cases[i].first;
            memcpy(before, packet, sizeof packet);
            assert_status(sluice_transport_receive(pair.end[SERVER].transport, vclock_now(), packet,
                                                   &len, &kind),
                          SLUICE_OK);
            assert_int_equal(kind, cases[i].kind);
            assert_int_equal(len, sizeof packet);
            assert_memory_equal(packet, before, sizeof packet);
        }
        if (round == 0)
            connect_within(&pair, 100 * MS);
    }
    stats = pair_stats(&pair, SERVER);
    assert_int_equal(stats.stun_received, 4);
    assert_int_equal(stats.zrtp_received, 2);
    assert_int_equal(stats.turn_received, 4);
    assert_int_equal(stats.quic_received, 4);
    assert_int_equal(stats.unknown_received, 2);
    pair_close(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_place),
        cmocka_unit_test(test_odd_addresses),
        cmocka_unit_test(test_replay),
        cmocka_unit_test(test_late_packets),
        cmocka_unit_test(test_bit_flips),
        cmocka_unit_test(test_plain_and_short_packets),
        cmocka_unit_test(test_protect_never_repeats_an_index),
        cmocka_unit_test(test_protect_needs_room),
        cmocka_unit_test(test_other_protocols),
    };

    alloc_init();
    return cmocka_run_group_tests(tests, NULL, free_certificates);
}
