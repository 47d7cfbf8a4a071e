/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: an array of packets ends as the same packets one by one would, in status, content and figures, and at no
 * allocation; a batch that meets a full inbox stops there and loses nothing. */

#include "common.h"

#include <stdlib.h>

#define N 16
#define ROOM 400

typedef struct {
    _Alignas(8) uint8_t bytes[N][ROOM];
    SluicePacket packets[N];
    size_t n;
} Batch;

static SluicePacket *add(Batch *self, SluiceKind kind, size_t len)
{
    SluicePacket *packet = &self->packets[self->n];

    assert_true(self->n < N);
    *packet = (SluicePacket){.kind = kind,
                             .data = self->bytes[self->n++],
                             .len = len,
                             .capacity = ROOM,
                             .status = SLUICE_INTERNAL};
    return packet;
}

static SluicePacket *add_media(Batch *self, SluiceKind kind, uint16_t sequence)
{
    SluicePacket *packet = add(self, kind, 0);

    packet->len = pair_make_media(packet->data, kind, 0x1000, sequence, (uint8_t)sequence, 100);
    return packet;
}

/* -- protect ------------------------------------------------------------------------------------------------ */

/* What one may give, right and wrong. */
static void fill_to_protect(Batch *self)
{
    SluicePacket *packet;

    memset(self, 0, sizeof *self);
    add_media(self, SLUICE_KIND_RTP, 1);
    add_media(self, SLUICE_KIND_RTCP, 1);
    add_media(self, SLUICE_KIND_RTP, 2);
    add_media(self, SLUICE_KIND_RTP, 2); /* the same index again */
    packet = add_media(self, SLUICE_KIND_RTP, 3);
    packet->data += 1; /* not aligned, and no RTP */
    packet = add_media(self, SLUICE_KIND_RTP, 4);
    packet->capacity = packet->len + SLUICE_PROTECT_ROOM - 1;
    packet = add_media(self, SLUICE_KIND_RTP, 5);
    packet->kind = SLUICE_KIND_RTCP;
    packet = add_media(self, SLUICE_KIND_RTP, 6);
    packet->kind = SLUICE_KIND_DTLS;
    packet = add_media(self, SLUICE_KIND_RTP, 7);
    packet->data = NULL;
    add(self, SLUICE_KIND_RTP, 11)->data[0] = 0x80; /* one byte short of a header */
    add_media(self, SLUICE_KIND_RTP, 8);
}

static void protect_one_by_one(SluiceTransport *transport, Batch *batch)
{
    for (size_t i = 0; i < batch->n; i++) {
        SluicePacket *packet = &batch->packets[i];

        packet->status = sluice_transport_protect(transport, packet->kind, packet->data,
                                                  &packet->len, packet->capacity);
    }
}

static void assert_same_outcome(const Batch *one, const Batch *all, size_t expected)
{
    size_t done = 0;

    assert_int_equal(one->n, all->n);
    for (size_t i = 0; i < one->n; i++) {
        assert_status(all->packets[i].status, one->packets[i].status);
        assert_int_equal(all->packets[i].len, one->packets[i].len);
        done += all->packets[i].status == SLUICE_OK;
    }
    assert_int_equal(done, expected);
}

static void assert_same_figures(Pair *one, Pair *all, const SluiceStats before[2])
{
    SluiceStats a = pair_stats(one, CLIENT), b = pair_stats(all, CLIENT);

    assert_int_equal(b.rtp_protected, a.rtp_protected);
    assert_int_equal(b.rtcp_protected, a.rtcp_protected);
    assert_int_equal(b.protect_failed, a.protect_failed);
    assert_int_equal(b.bytes_sent - before[1].bytes_sent, a.bytes_sent - before[0].bytes_sent);
    assert_int_equal(b.packets_sent - before[1].packets_sent,
                     a.packets_sent - before[0].packets_sent);
}

/* What was sealed opens at the other end, and is what was given. */
static void assert_opens(Pair *pair, const Batch *sealed)
{
    Batch plain, opened = *sealed;

    fill_to_protect(&plain);
    for (size_t i = 0; i < sealed->n; i++) {
        size_t len = sealed->packets[i].len;
        SluiceKind kind;

        if (sealed->packets[i].status != SLUICE_OK)
            continue;
        assert_status(sluice_transport_receive(pair->end[SERVER].transport, vclock_now(),
                                               opened.bytes[i], &len, &kind),
                      SLUICE_OK);
        assert_int_equal(kind, plain.packets[i].kind);
        assert_int_equal(len, plain.packets[i].len);
        assert_memory_equal(opened.bytes[i], plain.bytes[i], len);
    }
}

static void test_protect(void **state)
{
    SluiceStats before[2];
    uint64_t bytes = 0;
    Pair one, all;
    Batch singly, batch;

    (void)state;
    open_connected(&one);
    open_connected(&all);
    before[0] = pair_stats(&one, CLIENT);
    before[1] = pair_stats(&all, CLIENT);
    fill_to_protect(&singly);
    fill_to_protect(&batch);
    protect_one_by_one(one.end[CLIENT].transport, &singly);
    assert_int_equal(
        sluice_transport_protect_batch(all.end[CLIENT].transport, batch.packets, batch.n), 4);
    assert_same_outcome(&singly, &batch, 4);
    assert_status(batch.packets[3].status, SLUICE_KEY_EXHAUSTED);
    assert_status(batch.packets[5].status, SLUICE_NO_ROOM);
    assert_same_figures(&one, &all, before);
    assert_int_equal(pair_stats(&all, CLIENT).rtp_protected, 3);
    for (size_t i = 0; i < batch.n; i++)
        bytes += batch.packets[i].status == SLUICE_OK ? batch.packets[i].len : 0;
    assert_int_equal(pair_stats(&all, CLIENT).bytes_sent - before[1].bytes_sent, bytes);
    assert_opens(&all, &batch);
    pair_close(&one);
    pair_close(&all);
}

/* No keys, or none any more: nothing is touched. */
static void test_protect_without_keys(void **state)
{
    static const SluiceStatus expected[] = {SLUICE_NOT_READY, SLUICE_ENDED};

    (void)state;
    for (int ended = 0; ended < 2; ended++) {
        Batch batch, plain;
        Pair pair;

        open_default(&pair);
        if (ended)
            sluice_transport_close(pair.end[CLIENT].transport, vclock_now());
        memset(&batch, 0, sizeof batch);
        for (uint16_t i = 0; i < 3; i++)
            add_media(&batch, SLUICE_KIND_RTP, i);
        memcpy(plain.bytes, batch.bytes, sizeof plain.bytes);
        assert_int_equal(
            sluice_transport_protect_batch(pair.end[CLIENT].transport, batch.packets, batch.n), 0);
        for (size_t i = 0; i < batch.n; i++)
            assert_status(batch.packets[i].status, expected[ended]);
        assert_memory_equal(plain.bytes, batch.bytes, sizeof plain.bytes);
        assert_int_equal(pair_stats(&pair, CLIENT).protect_failed, 3);
        pair_close(&pair);
    }
}

/* -- receive ------------------------------------------------------------------------------------------------ */

static void seal(Pair *pair, SluicePacket *packet)
{
    assert_status(sluice_transport_protect(pair->end[CLIENT].transport, packet->kind, packet->data,
                                           &packet->len, packet->capacity),
                  SLUICE_OK);
    packet->kind = SLUICE_KIND_DATA; /* the call has to say what it is */
}

/* As the network brings them; each good one stands beside a forged one. */
static void fill_to_receive(Pair *pair, Batch *self)
{
    static const uint8_t stun[20] = {0, 1}, record[13 + 20] = {23, 0xfe, 0xfd, [12] = 20};
    SluicePacket *good, *packet;

    memset(self, 0, sizeof *self);
    good = add_media(self, SLUICE_KIND_RTP, 1);
    seal(pair, good);
    memcpy(add(self, SLUICE_KIND_DATA, good->len)->data, good->data, good->len); /* replayed */
    seal(pair, add_media(self, SLUICE_KIND_RTCP, 1));
    packet = add_media(self, SLUICE_KIND_RTP, 2);
    seal(pair, packet);
    packet->data[20] ^= 1;
    packet = add_media(self, SLUICE_KIND_RTP, 3);
    seal(pair, packet);
    packet->len = 13; /* cut */
    memcpy(add(self, SLUICE_KIND_DATA, sizeof stun)->data, stun, sizeof stun);
    memcpy(add(self, SLUICE_KIND_DATA, sizeof record)->data, record, sizeof record);
    add(self, SLUICE_KIND_DATA, 0);
    add(self, SLUICE_KIND_DATA, 70000);
    add(self, SLUICE_KIND_DATA, 50)->data = NULL;
    packet = add_media(self, SLUICE_KIND_RTP, 4); /* never encrypted */
    packet->kind = SLUICE_KIND_DATA;
    seal(pair, add_media(self, SLUICE_KIND_RTP, 5));
}

static void receive_one_by_one(SluiceTransport *transport, Batch *batch)
{
    for (size_t i = 0; i < batch->n; i++) {
        SluicePacket *packet = &batch->packets[i];

        packet->status = sluice_transport_receive(transport, vclock_now(), packet->data,
                                                  &packet->len, &packet->kind);
    }
}

static void assert_same_input_figures(Pair *one, Pair *all, const SluiceStats before[2])
{
    SluiceStats a = pair_stats(one, SERVER), b = pair_stats(all, SERVER);

    assert_int_equal(b.packets_received - before[1].packets_received,
                     a.packets_received - before[0].packets_received);
    assert_int_equal(b.bytes_received - before[1].bytes_received,
                     a.bytes_received - before[0].bytes_received);
    assert_int_equal(b.rtp_received, a.rtp_received);
    assert_int_equal(b.rtp_delivered, a.rtp_delivered);
    assert_int_equal(b.rtcp_delivered, a.rtcp_delivered);
    assert_int_equal(b.stun_received, a.stun_received);
    assert_int_equal(b.unknown_received, a.unknown_received);
    assert_int_equal(b.dropped_malformed, a.dropped_malformed);
    assert_int_equal(b.dropped_unauthentic, a.dropped_unauthentic);
    assert_int_equal(b.dropped_replayed, a.dropped_replayed);
}

static void test_receive(void **state)
{
    SluiceStats before[2];
    Pair one, all;
    Batch singly, batch;

    (void)state;
    open_connected(&one);
    open_connected(&all);
    before[0] = pair_stats(&one, SERVER);
    before[1] = pair_stats(&all, SERVER);
    fill_to_receive(&one, &singly);
    fill_to_receive(&all, &batch);
    receive_one_by_one(one.end[SERVER].transport, &singly);
    assert_int_equal(sluice_transport_receive_batch(all.end[SERVER].transport, vclock_now(),
                                                    batch.packets, batch.n),
                     batch.n);
    for (size_t i = 0; i < batch.n; i++) {
        assert_status(batch.packets[i].status, singly.packets[i].status);
        assert_int_equal(batch.packets[i].kind, singly.packets[i].kind);
        assert_int_equal(batch.packets[i].len, singly.packets[i].len);
        if (batch.packets[i].status == SLUICE_OK)
            assert_memory_equal(batch.bytes[i], singly.bytes[i], batch.packets[i].len);
    }
    assert_status(batch.packets[0].status, SLUICE_OK);
    assert_status(batch.packets[1].status, SLUICE_DROPPED_REPLAYED);
    assert_status(batch.packets[3].status, SLUICE_DROPPED_UNAUTHENTIC);
    assert_status(batch.packets[batch.n - 1].status, SLUICE_OK);
    assert_same_input_figures(&one, &all, before);
    assert_int_equal(pair_stats(&all, SERVER).rtp_delivered, 2);
    assert_state(&all, SERVER, SLUICE_STATE_CONNECTED);
    pair_close(&one);
    pair_close(&all);
}

/* A sealed record of application data, taken off the output. */
static void add_data(Pair *pair, Batch *batch, const char *text)
{
    SluiceTransport *from = pair->end[CLIENT].transport;
    const uint8_t *data;
    size_t len;

    assert_status(
        sluice_transport_send_data(from, vclock_now(), (const uint8_t *)text, strlen(text)),
        SLUICE_OK);
    assert_true(sluice_transport_peek_output(from, &data, &len));
    assert_true(len <= ROOM);
    memcpy(add(batch, SLUICE_KIND_UNKNOWN, len)->data, data, len);
    sluice_transport_pop_output(from, vclock_now(), SLUICE_SENT);
}

static void open_with_small_inbox(Pair *pair)
{
    SluiceConfig *server = new_config(SERVER);

    assert_status(sluice_config_set_inbox_limits(server, 64, 131072, 2, 40000), SLUICE_OK);
    open_with(pair, new_config(CLIENT), server);
    connect_within(pair, 100 * MS);
}

static void assert_message(SluiceTransport *transport, const char *text)
{
    SluiceMessage message;

    assert_true(sluice_transport_peek_message(transport, &message));
    assert_int_equal(message.len, strlen(text));
    assert_memory_equal(message.data, text, message.len);
    assert_status(sluice_transport_pop_message(transport), SLUICE_OK);
}

/* Two messages fit; the third waits, and all behind it with it, media too: order holds. */
static void test_full_inbox(void **state)
{
    SluiceTransport *to;
    Batch batch, given;
    size_t taken;
    Pair pair;

    (void)state;
    open_with_small_inbox(&pair);
    to = pair.end[SERVER].transport;
    memset(&batch, 0, sizeof batch);
    seal(&pair, add_media(&batch, SLUICE_KIND_RTP, 1));
    add_data(&pair, &batch, "one");
    add_data(&pair, &batch, "two");
    seal(&pair, add_media(&batch, SLUICE_KIND_RTP, 2));
    add_data(&pair, &batch, "three");
    seal(&pair, add_media(&batch, SLUICE_KIND_RTP, 3));
    seal(&pair, add_media(&batch, SLUICE_KIND_RTCP, 1));
    memcpy(given.bytes, batch.bytes, sizeof given.bytes);

    taken = sluice_transport_receive_batch(to, vclock_now(), batch.packets, batch.n);
    assert_int_equal(taken, 4);
    for (size_t i = 0; i < batch.n; i++)
        assert_status(batch.packets[i].status, i < 4 ? SLUICE_OK : SLUICE_WOULD_BLOCK);
    assert_memory_equal(batch.bytes[4], given.bytes[4], 3 * sizeof given.bytes[0]);
    assert_int_equal(pair_stats(&pair, SERVER).data_deferred, 1);
    assert_int_equal(pair_stats(&pair, SERVER).rtp_received, 2);

    assert_message(to, "one");
    assert_message(to, "two");
    assert_int_equal(
        sluice_transport_receive_batch(to, vclock_now(), batch.packets + taken, batch.n - taken),
        3);
    for (size_t i = taken; i < batch.n; i++)
        assert_status(batch.packets[i].status, SLUICE_OK);
    assert_int_equal(batch.packets[5].kind, SLUICE_KIND_RTP);
    assert_int_equal(batch.packets[6].kind, SLUICE_KIND_RTCP);
    assert_message(to, "three");
    assert_int_equal(pair_stats(&pair, SERVER).rtp_delivered, 3);
    pair_close(&pair);
}

/* The close_notify is one of the batch: what stands behind it is refused, nothing is lost before it. */
static void test_end_within(void **state)
{
    const uint8_t *data;
    size_t len;
    Batch batch;
    Pair pair;

    (void)state;
    open_connected(&pair);
    memset(&batch, 0, sizeof batch);
    seal(&pair, add_media(&batch, SLUICE_KIND_RTP, 1));
    seal(&pair, add_media(&batch, SLUICE_KIND_RTP, 2));
    sluice_transport_close(pair.end[CLIENT].transport, vclock_now());
    assert_true(sluice_transport_peek_output(pair.end[CLIENT].transport, &data, &len));
    memcpy(add(&batch, SLUICE_KIND_UNKNOWN, len)->data, data, len);
    add_media(&batch, SLUICE_KIND_RTP, 3);
    assert_int_equal(sluice_transport_receive_batch(pair.end[SERVER].transport, vclock_now(),
                                                    batch.packets, batch.n),
                     4);
    assert_status(batch.packets[1].status, SLUICE_OK);
    assert_status(batch.packets[2].status, SLUICE_ENDED);
    assert_status(batch.packets[3].status, SLUICE_ENDED);
    assert_reason(&pair, SERVER, SLUICE_END_CLOSE_NOTIFY);
    assert_int_equal(pair_stats(&pair, SERVER).dropped_ended, 1);
    pair_close(&pair);
}

static void test_no_allocation(void **state)
{
    uint64_t before;
    Batch batch;
    Pair pair;

    (void)state;
    open_connected(&pair);
    before = alloc_count().own_calls;
    for (uint16_t round = 0; round < 20; round++) {
        memset(&batch, 0, sizeof batch);
        for (uint16_t i = 0; i < N; i++)
            add_media(&batch, SLUICE_KIND_RTP, (uint16_t)(round * N + i + 1));
        sluice_transport_expect(pair.end[CLIENT].transport, SLUICE_SENT_OUT);
        assert_int_equal(
            sluice_transport_protect_batch(pair.end[CLIENT].transport, batch.packets, batch.n), N);
        sluice_transport_expect(pair.end[SERVER].transport, SLUICE_RECEIVED);
        assert_int_equal(sluice_transport_receive_batch(pair.end[SERVER].transport, vclock_now(),
                                                        batch.packets, batch.n),
                         N);
        for (size_t i = 0; i < N; i++)
            assert_status(batch.packets[i].status, SLUICE_OK);
    }
    assert_int_equal(alloc_count().own_calls - before, 0);
    pair_close(&pair);
}

/* A hint that comes to nothing, at any time. */
static void test_expect_in_vain(void **state)
{
    SluiceStats before, after;
    Pair pair;

    (void)state;
    sluice_transport_expect(NULL, SLUICE_RECEIVED);
    sluice_transport_expect(NULL, SLUICE_SENT_OUT);
    open_default(&pair);
    for (int stage = 0; stage < 4; stage++) {
        for (int end = 0; end < 2; end++) {
            before = pair_stats(&pair, end);
            sluice_transport_expect(pair.end[end].transport, SLUICE_RECEIVED);
            sluice_transport_expect(pair.end[end].transport, SLUICE_SENT_OUT);
            after = pair_stats(&pair, end);
            assert_memory_equal(&before, &after, sizeof before);
        }
        if (stage == 0)
            connect_within(&pair, 100 * MS);
        else if (stage == 1)
            assert_talks(&pair);
        else
            sluice_transport_close(pair.end[CLIENT].transport, vclock_now());
    }
    pair_close(&pair);
}

static void test_misuse(void **state)
{
    Batch batch;
    Pair pair;

    (void)state;
    open_connected(&pair);
    fill_to_protect(&batch);
    assert_int_equal(sluice_transport_protect_batch(NULL, batch.packets, batch.n), 0);
    for (size_t i = 0; i < batch.n; i++)
        assert_status(batch.packets[i].status, SLUICE_INVALID_ARGUMENT);
    batch.packets[0].status = SLUICE_OK;
    assert_int_equal(sluice_transport_receive_batch(NULL, vclock_now(), batch.packets, batch.n),
                     batch.n);
    for (size_t i = 0; i < batch.n; i++)
        assert_status(batch.packets[i].status, SLUICE_INVALID_ARGUMENT);
    assert_int_equal(sluice_transport_protect_batch(pair.end[CLIENT].transport, NULL, 3), 0);
    assert_int_equal(
        sluice_transport_receive_batch(pair.end[CLIENT].transport, vclock_now(), NULL, 3), 0);
    assert_int_equal(sluice_transport_protect_batch(pair.end[CLIENT].transport, batch.packets, 0),
                     0);
    assert_int_equal(
        sluice_transport_receive_batch(pair.end[CLIENT].transport, vclock_now(), batch.packets, 0),
        0);
    assert_talks(&pair);
    pair_close(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_protect),        cmocka_unit_test(test_protect_without_keys),
        cmocka_unit_test(test_receive),        cmocka_unit_test(test_full_inbox),
        cmocka_unit_test(test_end_within),     cmocka_unit_test(test_no_allocation),
        cmocka_unit_test(test_expect_in_vain), cmocka_unit_test(test_misuse),
    };

    alloc_init();
    return cmocka_run_group_tests(tests, NULL, free_certificates);
}
