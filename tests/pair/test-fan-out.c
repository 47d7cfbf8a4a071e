/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: one packet goes to many, to each with its own header fields and keys and the rest as it was (RFC 3550 section
 * 5.1, RFC 7667 section 3.7); an output that cannot be made says why and hurts no other; no two locks are held at
 * once. */

#include "common.h"

#include <pthread.h>
#include <stdlib.h>

#define N 6
#define ROOM 400
#define PAYLOAD_AT (12 + 2 * 4 + 8) /* fixed header, two CSRCs, an extension of one word */
#define PACKET_LEN (PAYLOAD_AT + 100)

typedef struct {
    Pair pairs[N]; /* CLIENT sends to its SERVER, the receiver */
    _Alignas(8) uint8_t bytes[N][ROOM];
    SluiceFanOut outputs[N];
} Room;

/* A packet with everything that a header may have (RFC 3550 section 5.1 and 5.3.1), and padding. */
static void make_packet(uint8_t *packet, int marker, uint8_t payload_type)
{
    static const uint8_t header[PAYLOAD_AT] = {
        0xb2, 0,    0x12, 0x34, 0xff, 0xff, 0xff, 0x00, 0x11, 0x22, 0x33, 0x44, /* P, X, 2 CSRCs */
        0xc0, 0xc1, 0xc2, 0xc3, 0xd0, 0xd1, 0xd2, 0xd3,                         /* the CSRCs */
        0xbe, 0xde, 0,    1,    0x10, 0xaa, 0x20, 0xbb};                        /* RFC 8285 */

    memcpy(packet, header, sizeof header);
    packet[1] = (uint8_t)(marker << 7 | payload_type);
    for (size_t i = PAYLOAD_AT; i < PACKET_LEN; i++)
        packet[i] = (uint8_t)(i * 7);
    packet[PACKET_LEN - 1] = 4; /* bytes of padding */
}

/* Each receiver has SSRC, sequence number, offset and payload type of its own. */
static void aim(Room *self, uint16_t sequence)
{
    for (size_t i = 0; i < N; i++)
        self->outputs[i] = (SluiceFanOut){.transport = self->pairs[i].end[CLIENT].transport,
                                          .ssrc = 0xa0b0c000u + (uint32_t)i,
                                          .sequence_number = (uint16_t)(sequence + 1000 * i),
                                          .timestamp_offset = (uint32_t)(0x80 * i),
                                          .payload_type = (uint8_t)(100 + i),
                                          .data = self->bytes[i],
                                          .capacity = ROOM,
                                          .len = 7777,
                                          .status = SLUICE_INTERNAL};
}

static void open_room(Room *self)
{
    memset(self, 0, sizeof *self);
    for (size_t i = 0; i < N; i++)
        open_connected(&self->pairs[i]);
    aim(self, 1);
}

static void close_room(Room *self)
{
    for (size_t i = 0; i < N; i++)
        pair_close(&self->pairs[i]);
}

static uint32_t get_32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* The receiver of @output opens it and sees the rewritten header and the rest of @packet. */
static void assert_arrives(Pair *pair, const SluiceFanOut *output, const uint8_t *packet,
                           size_t packet_len)
{
    _Alignas(8) uint8_t copy[ROOM];
    size_t len = output->len;
    SluiceKind kind;

    assert_true(len > packet_len && len <= packet_len + SLUICE_PROTECT_ROOM);
    memcpy(copy, output->data, len);
    assert_status(
        sluice_transport_receive(pair->end[SERVER].transport, vclock_now(), copy, &len, &kind),
        SLUICE_OK);
    assert_int_equal(kind, SLUICE_KIND_RTP);
    assert_int_equal(len, packet_len);
    assert_int_equal(copy[0], packet[0]);
    assert_int_equal(copy[1], (packet[1] & 0x80) | output->payload_type);
    assert_int_equal(copy[2] << 8 | copy[3], output->sequence_number);
    assert_int_equal(get_32(copy + 4), (uint32_t)(get_32(packet + 4) + output->timestamp_offset));
    assert_int_equal(get_32(copy + 8), output->ssrc);
    assert_memory_equal(copy + 12, packet + 12, packet_len - 12);
}

static void test_each_gets_its_own(void **state)
{
    uint8_t buffer[PACKET_LEN + 4], before[PACKET_LEN];
    Room room;

    (void)state;
    open_room(&room);
    for (int marker = 0; marker < 2; marker++)
        for (size_t offset = 0; offset < 4; offset++) { /* the packet may stand anywhere */
            uint8_t *packet = buffer + offset;

            make_packet(packet, marker, 96);
            memcpy(before, packet, sizeof before);
            aim(&room, (uint16_t)(0xfffe + 4 * marker + (int)offset)); /* over the wrap */
            assert_int_equal(sluice_fan_out(packet, PACKET_LEN, room.outputs, N), N);
            assert_memory_equal(packet, before, sizeof before);
            for (size_t i = 0; i < N; i++) {
                assert_status(room.outputs[i].status, SLUICE_OK);
                assert_arrives(&room.pairs[i], &room.outputs[i], packet, PACKET_LEN);
            }
        }
    for (size_t i = 0; i < N; i++) {
        assert_int_equal(pair_stats(&room.pairs[i], CLIENT).rtp_protected, 8);
        assert_int_equal(pair_stats(&room.pairs[i], CLIENT).protect_failed, 0);
        assert_int_equal(pair_stats(&room.pairs[i], SERVER).rtp_delivered, 8);
    }
    close_room(&room);
}

/* The forged twin: a copy opens with the keys of its receiver alone, once, and as it was made. */
static void test_others_cannot_open_it(void **state)
{
    _Alignas(8) uint8_t copy[ROOM];
    uint8_t packet[PACKET_LEN];
    Room room;

    (void)state;
    open_room(&room);
    make_packet(packet, 1, 96);
    assert_int_equal(sluice_fan_out(packet, PACKET_LEN, room.outputs, N), N);
    for (size_t i = 0; i < N; i++) {
        SluiceTransport *other = room.pairs[(i + 1) % N].end[SERVER].transport;
        SluiceTransport *its = room.pairs[i].end[SERVER].transport;
        size_t len = room.outputs[i].len;
        SluiceKind kind;

        memcpy(copy, room.bytes[i], len);
        assert_status(sluice_transport_receive(other, vclock_now(), copy, &len, &kind),
                      SLUICE_DROPPED_UNAUTHENTIC);
        memcpy(copy, room.bytes[i], len = room.outputs[i].len);
        copy[3] ^= 1;
        assert_status(sluice_transport_receive(its, vclock_now(), copy, &len, &kind),
                      SLUICE_DROPPED_UNAUTHENTIC);
        assert_arrives(&room.pairs[i], &room.outputs[i], packet, PACKET_LEN);
        memcpy(copy, room.bytes[i], len = room.outputs[i].len);
        assert_status(sluice_transport_receive(its, vclock_now(), copy, &len, &kind),
                      SLUICE_DROPPED_REPLAYED);
    }
    close_room(&room);
}

/* Each output that is wrong is refused alone, with no length, and what it would have been is not sent by mistake. */
static void test_one_refused(void **state)
{
    static const SluiceStatus expected[N] = {
        SLUICE_OK,      SLUICE_KEY_EXHAUSTED,    SLUICE_NO_ROOM,
        SLUICE_NO_ROOM, SLUICE_INVALID_ARGUMENT, SLUICE_ENDED};
    static const uint64_t failed[N] = {0, 1, 1, 1, 1, 1};
    uint8_t packet[PACKET_LEN];
    Room room;

    (void)state;
    open_room(&room);
    make_packet(packet, 1, 96);
    assert_int_equal(sluice_fan_out(packet, PACKET_LEN, room.outputs, N), N);
    aim(&room, 2);
    room.outputs[1].sequence_number--; /* sent before */
    room.outputs[2].capacity = PACKET_LEN + SLUICE_PROTECT_ROOM - 1;
    room.outputs[3].capacity = 3;
    room.outputs[4].data++; /* not aligned */
    sluice_transport_close(room.pairs[5].end[CLIENT].transport, vclock_now());
    memset(room.bytes[3], 0x5a, sizeof room.bytes[3]);
    assert_int_equal(sluice_fan_out(packet, PACKET_LEN, room.outputs, N), 1);
    for (size_t i = 0; i < N; i++) {
        assert_status(room.outputs[i].status, expected[i]);
        if (i)
            assert_int_equal(room.outputs[i].len, 0);
        assert_int_equal(pair_stats(&room.pairs[i], CLIENT).protect_failed, failed[i]);
    }
    assert_int_equal(room.bytes[3][3], 0x5a); /* nothing written behind its end */
    assert_arrives(&room.pairs[0], &room.outputs[0], packet, PACKET_LEN);
    close_room(&room);
}

/* Before the keys, and arguments that name nobody: refused without a count, the one behind them is served. */
static void test_misuse(void **state)
{
    uint8_t packet[PACKET_LEN];
    Room room;
    Pair early;

    (void)state;
    open_room(&room);
    open_default(&early);
    make_packet(packet, 0, 96);
    room.outputs[0].transport = NULL;
    room.outputs[1].data = NULL;
    room.outputs[2].payload_type = 128;
    room.outputs[3].transport = early.end[CLIENT].transport;
    assert_int_equal(sluice_fan_out(packet, PACKET_LEN, room.outputs, N), 2);
    for (size_t i = 0; i < 3; i++)
        assert_status(room.outputs[i].status, SLUICE_INVALID_ARGUMENT);
    assert_status(room.outputs[3].status, SLUICE_NOT_READY);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(room.outputs[i].len, 0);
        assert_int_equal(pair_stats(&room.pairs[i], CLIENT).protect_failed, 0);
    }
    assert_arrives(&room.pairs[4], &room.outputs[4], packet, PACKET_LEN);
    assert_arrives(&room.pairs[5], &room.outputs[5], packet, PACKET_LEN);
    assert_int_equal(sluice_fan_out(packet, PACKET_LEN, NULL, N), 0);
    assert_int_equal(sluice_fan_out(packet, PACKET_LEN, room.outputs, 0), 0);
    pair_close(&early);
    close_room(&room);
}

/* RFC 5761 section 4: marker and a payload type of 64 to 95 look like RTCP to whoever gets it. */
static void test_payload_type_of_rtcp(void **state)
{
    uint8_t packet[PACKET_LEN];
    Room room;

    (void)state;
    open_room(&room);
    for (int marker = 0; marker < 2; marker++) {
        make_packet(packet, marker, 96);
        aim(&room, (uint16_t)(10 + marker));
        room.outputs[0].payload_type = 63;
        room.outputs[1].payload_type = 64;
        room.outputs[2].payload_type = 95;
        assert_int_equal(sluice_fan_out(packet, PACKET_LEN, room.outputs, N), marker ? N - 2 : N);
        for (size_t i = 0; i < N; i++) {
            if (marker && (i == 1 || i == 2))
                assert_status(room.outputs[i].status, SLUICE_INVALID_ARGUMENT);
            else
                assert_arrives(&room.pairs[i], &room.outputs[i], packet, PACKET_LEN);
        }
    }
    close_room(&room);
}

static void test_no_rtp(void **state)
{
    uint8_t packet[PACKET_LEN];
    Room room;

    (void)state;
    open_room(&room);
    for (int how = 0; how < 6; how++) {
        size_t len = PACKET_LEN;

        make_packet(packet, 0, 96);
        aim(&room, 1);
        if (how == 0)
            packet[0] = 0x40; /* version 1 */
        else if (how == 1)
            packet[1] = 200; /* a sender report */
        else if (how == 2)
            len = 11;
        else if (how == 3)
            packet[22] = 0xff; /* an extension behind the end */
        else if (how == 4)
            packet[0] = 22; /* DTLS */
        assert_int_equal(sluice_fan_out(how == 5 ? NULL : packet, len, room.outputs, N), 0);
        for (size_t i = 0; i < N; i++) {
            assert_status(room.outputs[i].status, SLUICE_INVALID_ARGUMENT);
            assert_int_equal(room.outputs[i].len, 0);
            assert_int_equal(pair_stats(&room.pairs[i], CLIENT).protect_failed, 0);
        }
    }
    make_packet(packet, 0, 96);
    aim(&room, 1); /* the sequence numbers were not used up */
    assert_int_equal(sluice_fan_out(packet, PACKET_LEN, room.outputs, N), N);
    close_room(&room);
}

/* Several outputs of one transport, neighbours or not; a refused one between them breaks nothing. */
static void test_same_transport(void **state)
{
    static const int whose[N] = {0, 0, 1, 1, 0, 1};
    uint8_t packet[PACKET_LEN];
    Room room;

    (void)state;
    open_room(&room);
    make_packet(packet, 1, 96);
    for (int round = 0; round < 2; round++) {
        aim(&room, (uint16_t)(1 + round));
        for (size_t i = 0; i < N; i++)
            room.outputs[i].transport = room.pairs[whose[i]].end[CLIENT].transport;
        if (round == 1)
            room.outputs[1].payload_type = 200;
        assert_int_equal(sluice_fan_out(packet, PACKET_LEN, room.outputs, N), N - (size_t)round);
        for (size_t i = 0; i < N; i++)
            if (round == 0 || i != 1)
                assert_arrives(&room.pairs[whose[i]], &room.outputs[i], packet, PACKET_LEN);
    }
    assert_int_equal(pair_stats(&room.pairs[0], CLIENT).rtp_protected, 5);
    assert_int_equal(pair_stats(&room.pairs[1], CLIENT).rtp_protected, 6);
    close_room(&room);
}

static void test_no_allocation(void **state)
{
    uint8_t packet[PACKET_LEN];
    uint64_t before;
    Room room;

    (void)state;
    open_room(&room);
    make_packet(packet, 1, 96);
    before = alloc_count().own_calls;
    for (uint16_t i = 1; i <= 200; i++) {
        aim(&room, i);
        assert_int_equal(sluice_fan_out(packet, PACKET_LEN, room.outputs, N), N);
    }
    assert_int_equal(alloc_count().own_calls - before, 0);
    close_room(&room);
}

/* -- threads ------------------------------------------------------------------------------------------------ */

#define FORWARDERS 4
#define PACKETS 100

typedef struct {
    Room *room;
    uint32_t number;
    size_t lens[PACKETS][N];
    _Alignas(8) uint8_t bytes[PACKETS][N][PACKET_LEN + 4 + SLUICE_PROTECT_ROOM];
} Forwarder;

/* Of 4 threads two go through the receivers from the front and two from the back. */
static size_t place(const Forwarder *self, size_t i) { return self->number % 2 ? N - 1 - i : i; }

static void *forward(void *data)
{
    Forwarder *self = data;
    uint8_t packet[PACKET_LEN];

    make_packet(packet, 0, 96);
    for (size_t n = 0; n < PACKETS; n++) {
        SluiceFanOut outputs[N];

        for (size_t i = 0; i < N; i++)
            outputs[place(self, i)] =
                (SluiceFanOut){.transport = self->room->pairs[i].end[CLIENT].transport,
                               .ssrc = 1000 + self->number,
                               .sequence_number = (uint16_t)(n + 1),
                               .payload_type = 96,
                               .data = self->bytes[n][i],
                               .capacity = sizeof self->bytes[n][i]};
        sluice_fan_out(packet, PACKET_LEN, outputs, N);
        for (size_t i = 0; i < N; i++) {
            const SluiceFanOut *output = &outputs[place(self, i)];

            if (output->status != SLUICE_OK && output->status != SLUICE_ENDED)
                abort();
            self->lens[n][i] = output->len;
        }
    }
    return NULL;
}

static size_t open_all_of(Forwarder *self, size_t i)
{
    size_t opened = 0;

    for (size_t n = 0; n < PACKETS; n++) {
        SluiceTransport *to = self->room->pairs[i].end[SERVER].transport;
        size_t len = self->lens[n][i];
        SluiceKind kind;

        if (len == 0)
            continue;
        assert_status(sluice_transport_receive(to, vclock_now(), self->bytes[n][i], &len, &kind),
                      SLUICE_OK);
        opened++;
    }
    return opened;
}

/* Receivers in contrary order: two locks at once would be a deadlock sooner or later. One of them ends meanwhile. */
static void test_threads(void **state)
{
    Forwarder *forwarders[FORWARDERS];
    pthread_t threads[FORWARDERS];
    size_t opened[N] = {0};
    Room room;

    (void)state;
    open_room(&room);
    for (uint32_t i = 0; i < FORWARDERS; i++) {
        forwarders[i] = test_malloc(sizeof *forwarders[i]);
        forwarders[i]->room = &room;
        forwarders[i]->number = i;
        assert_int_equal(pthread_create(&threads[i], NULL, forward, forwarders[i]), 0);
    }
    sluice_transport_close(room.pairs[2].end[CLIENT].transport, vclock_now());
    for (int i = 0; i < FORWARDERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    for (int k = 0; k < FORWARDERS; k++) {
        for (size_t i = 0; i < N; i++)
            opened[i] += open_all_of(forwarders[k], i);
        test_free(forwarders[k]);
    }
    for (size_t i = 0; i < N; i++) {
        assert_int_equal(pair_stats(&room.pairs[i], CLIENT).rtp_protected, opened[i]);
        if (i != 2)
            assert_int_equal(opened[i], FORWARDERS * PACKETS);
    }
    close_room(&room);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_gets_its_own),
        cmocka_unit_test(test_others_cannot_open_it),
        cmocka_unit_test(test_one_refused),
        cmocka_unit_test(test_misuse),
        cmocka_unit_test(test_payload_type_of_rtcp),
        cmocka_unit_test(test_no_rtp),
        cmocka_unit_test(test_same_transport),
        cmocka_unit_test(test_no_allocation),
        cmocka_unit_test(test_threads),
    };

    alloc_init();
    return cmocka_run_group_tests(tests, NULL, free_certificates);
}
