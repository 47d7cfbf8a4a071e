/* SPDX-License-Identifier: BSD-3-Clause */

/* SRTP of one generation of keys: every profile both ways with keys cut from one exporter block (RFC 5764 section
 * 4.2), every forged twin refused, replays refused inside and outside the window, bounds and arguments. Rules 20 and
 * 39. What the packets must be to the bit is held by test-srtp-vectors.c. */

#include "srtp.h"

#include "alloc.h"
#include "rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define WINDOW 1024
#define ROOM 2048

static const SluiceSrtpProfile all_profiles[] = {
    SLUICE_SRTP_AES128_CM_SHA1_80, SLUICE_SRTP_AES128_CM_SHA1_32, SLUICE_SRTP_AEAD_AES_128_GCM,
    SLUICE_SRTP_AEAD_AES_256_GCM};
static const SluiceKind both_kinds[] = {SLUICE_KIND_RTP, SLUICE_KIND_RTCP};

#define FOR_EACH_CASE(p, k)                                                                        \
    for (size_t p = 0; p < 4; p++)                                                                 \
        for (size_t k = 0; k < 2; k++)

typedef struct {
    SlSrtp *client, *server;
} Ends;

typedef struct {
    _Alignas(4) uint8_t data[ROOM];
    size_t len;
} Packet;

/* Both ends of a call; another @seed is another generation of keys. */
static Ends open_ends(SluiceSrtpProfile profile, uint8_t seed, unsigned window)
{
    SluiceSrtpKeys keys = {.profile = profile, .generation = 1};
    uint8_t material[92];
    Ends ends;

    for (size_t i = 0; i < sizeof material; i++)
        material[i] = (uint8_t)(seed + 7 * i);
    assert_true(sl_srtp_key_lengths(profile, &keys.key_len, &keys.salt_len));
    sl_srtp_split_keys(SLUICE_ROLE_CLIENT, material, &keys);
    assert_int_equal(sl_srtp_new(&keys, window, 1024, NULL, &ends.client), SLUICE_OK);
    sl_srtp_split_keys(SLUICE_ROLE_SERVER, material, &keys);
    assert_int_equal(sl_srtp_new(&keys, window, 1024, NULL, &ends.server), SLUICE_OK);
    return ends;
}

static void close_ends(Ends ends)
{
    sl_srtp_free(ends.client);
    sl_srtp_free(ends.server);
}

static Packet make(SluiceKind kind, uint16_t sequence, size_t payload)
{
    static const uint8_t rtp[] = {0x80, 96, 0, 0, 0, 0, 1, 2, 0xde, 0xca, 0xfb, 0xad};
    static const uint8_t rtcp[] = {0x80, 200, 0, 1, 0xde, 0xca, 0xfb, 0xad};
    size_t header = kind == SLUICE_KIND_RTP ? sizeof rtp : sizeof rtcp;
    Packet packet;

    memset(&packet, 0xee, sizeof packet);
    memcpy(packet.data, kind == SLUICE_KIND_RTP ? rtp : rtcp, header);
    if (kind == SLUICE_KIND_RTP) {
        packet.data[2] = (uint8_t)(sequence >> 8);
        packet.data[3] = (uint8_t)sequence;
    }
    for (size_t i = 0; i < payload; i++)
        packet.data[header + i] = (uint8_t)(sequence + i);
    packet.len = header + payload;
    return packet;
}

static Packet seal(SlSrtp *from, SluiceKind kind, uint16_t sequence, size_t payload)
{
    Packet packet = make(kind, sequence, payload);

    assert_int_equal(sl_srtp_protect(from, kind, packet.data, &packet.len, ROOM), SLUICE_OK);
    return packet;
}

/* The packet stays as it was. */
static SluiceStatus give(SlSrtp *to, SluiceKind kind, const Packet *packet)
{
    Packet copy = *packet;

    return sl_srtp_unprotect(to, 0, kind, copy.data, &copy.len);
}

static void expect_plain(SlSrtp *to, SluiceKind kind, Packet packet, const Packet *plain)
{
    assert_int_equal(sl_srtp_unprotect(to, 0, kind, packet.data, &packet.len), SLUICE_OK);
    assert_int_equal(packet.len, plain->len);
    assert_memory_equal(packet.data, plain->data, plain->len);
}

static void test_keys_are_cut_as_rfc_5764_says(void **state)
{
    SluiceSrtpKeys client = {.profile = SLUICE_SRTP_AEAD_AES_256_GCM}, server;
    uint8_t material[88];

    (void)state;
    for (size_t i = 0; i < sizeof material; i++)
        material[i] = (uint8_t)i;
    assert_false(sl_srtp_key_lengths(SLUICE_SRTP_NONE, &client.key_len, &client.salt_len));
    assert_true(sl_srtp_key_lengths(client.profile, &client.key_len, &client.salt_len));
    assert_int_equal(client.key_len, 32);
    assert_int_equal(client.salt_len, 12);
    server = client;
    sl_srtp_split_keys(SLUICE_ROLE_CLIENT, material, &client);
    sl_srtp_split_keys(SLUICE_ROLE_SERVER, material, &server);
    assert_memory_equal(client.local_key, material, 32);
    assert_memory_equal(client.remote_key, material + 32, 32);
    assert_memory_equal(client.local_salt, material + 64, 12);
    assert_memory_equal(client.remote_salt, material + 76, 12);
    assert_memory_equal(server.local_key, client.remote_key, 32);
    assert_memory_equal(server.remote_key, client.local_key, 32);
    assert_memory_equal(server.local_salt, client.remote_salt, 12);
    assert_memory_equal(server.remote_salt, client.local_salt, 12);
}

static void test_round_trip(void **state)
{
    static const size_t trailer[4][2] = {{10, 14}, {4, 14}, {16, 20}, {16, 20}};

    (void)state;
    FOR_EACH_CASE(p, k)
    {
        Ends ends = open_ends(all_profiles[p], 1, WINDOW);

        for (uint16_t i = 0; i < 20; i++) {
            Packet plain = make(both_kinds[k], i, i * 60u);
            Packet up = seal(ends.client, both_kinds[k], i, i * 60u);
            Packet down = seal(ends.server, both_kinds[k], i, i * 60u);

            assert_int_equal(up.len, plain.len + trailer[p][k]);
            assert_memory_not_equal(up.data, down.data, up.len);
            expect_plain(ends.server, both_kinds[k], up, &plain);
            expect_plain(ends.client, both_kinds[k], down, &plain);
        }
        close_ends(ends);
    }
}

/* The index is in front of the tag (RFC 3711 section 3.4), with an AEAD behind it (RFC 7714 section 9.2). */
static int is_e_bit(size_t p, SluiceKind kind, size_t len, size_t bit)
{
    return kind == SLUICE_KIND_RTCP && bit == 8 * (len - (p < 2 ? 14 : 4)) + 7;
}

/* One flipped bit anywhere, header, payload, index or tag, is refused; it does not move the replay window, and the
 * honest packet is taken after all of them. */
static void test_forged_twins(void **state)
{
    (void)state;
    FOR_EACH_CASE(p, k)
    {
        Ends ends = open_ends(all_profiles[p], 1, WINDOW);
        Packet plain = make(both_kinds[k], 9, 40);
        Packet honest = seal(ends.client, both_kinds[k], 9, 40);

        for (size_t i = 0; i < 8 * honest.len; i++) {
            Packet forged = honest;
            SluiceStatus status;

            forged.data[i / 8] ^= (uint8_t)(1u << i % 8);
            status = give(ends.server, both_kinds[k], &forged);
            assert_true(status == SLUICE_DROPPED_UNAUTHENTIC || status == SLUICE_DROPPED_MALFORMED);
            /* Behind the header nothing but the tag can tell; without the E bit a packet says that it is not
             * encrypted, which no profile allows. */
            if (i / 8 >= 12 && !is_e_bit(p, both_kinds[k], honest.len, i))
                assert_int_equal(status, SLUICE_DROPPED_UNAUTHENTIC);
        }
        for (size_t len = 0; len < honest.len; len++) {
            Packet cut = honest;
            SluiceStatus status;

            cut.len = len;
            status = give(ends.server, both_kinds[k], &cut);
            assert_true(status == SLUICE_DROPPED_UNAUTHENTIC || status == SLUICE_DROPPED_MALFORMED);
            if (len < honest.len - 40) /* no room for header and trailer */
                assert_int_equal(status, SLUICE_DROPPED_MALFORMED);
        }
        expect_plain(ends.server, both_kinds[k], honest, &plain);
        close_ends(ends);
    }
}

static void test_own_packets_and_other_keys_are_refused(void **state)
{
    (void)state;
    FOR_EACH_CASE(p, k)
    {
        Ends ends = open_ends(all_profiles[p], 1, WINDOW);
        Ends next = open_ends(all_profiles[p], 2, WINDOW);
        Packet packet = seal(ends.client, both_kinds[k], 1, 100);

        assert_int_equal(give(ends.client, both_kinds[k], &packet), SLUICE_DROPPED_UNAUTHENTIC);
        assert_int_equal(give(next.server, both_kinds[k], &packet), SLUICE_DROPPED_UNAUTHENTIC);
        assert_int_equal(give(ends.server, both_kinds[!k], &packet), SLUICE_DROPPED_MALFORMED);
        assert_int_equal(give(ends.server, both_kinds[k], &packet), SLUICE_OK);
        close_ends(ends);
        close_ends(next);
    }
}

static void test_replay_is_refused(void **state)
{
    (void)state;
    FOR_EACH_CASE(p, k)
    {
        Ends ends = open_ends(all_profiles[p], 1, WINDOW);
        Packet first = seal(ends.client, both_kinds[k], 0, 20), next;

        assert_int_equal(give(ends.server, both_kinds[k], &first), SLUICE_OK);
        assert_int_equal(give(ends.server, both_kinds[k], &first), SLUICE_DROPPED_REPLAYED);
        for (uint16_t i = 1; i < 1100; i++) {
            next = seal(ends.client, both_kinds[k], i, 20);
            assert_int_equal(give(ends.server, both_kinds[k], &next), SLUICE_OK);
            assert_int_equal(give(ends.server, both_kinds[k], &next), SLUICE_DROPPED_REPLAYED);
        }
        assert_int_equal(give(ends.server, both_kinds[k], &first), SLUICE_DROPPED_REPLAYED);
        close_ends(ends);
    }
}

/* A packet that comes @late packets after its turn. */
static SluiceStatus deliver_late(unsigned window, uint16_t late)
{
    Ends ends = open_ends(SLUICE_SRTP_AEAD_AES_128_GCM, 1, window);
    Packet held = seal(ends.client, SLUICE_KIND_RTP, 100, 20);
    SluiceStatus status;

    for (uint16_t i = 1; i <= late; i++) {
        Packet next = seal(ends.client, SLUICE_KIND_RTP, (uint16_t)(100 + i), 20);

        assert_int_equal(give(ends.server, SLUICE_KIND_RTP, &next), SLUICE_OK);
    }
    status = give(ends.server, SLUICE_KIND_RTP, &held);
    close_ends(ends);
    return status;
}

static void test_window_is_the_configured_one(void **state)
{
    (void)state;
    assert_int_equal(deliver_late(64, 63), SLUICE_OK);
    assert_int_equal(deliver_late(64, 64), SLUICE_DROPPED_REPLAYED);
    assert_int_equal(deliver_late(1024, 64), SLUICE_OK);
    assert_int_equal(deliver_late(1024, 1023), SLUICE_OK);
    assert_int_equal(deliver_late(1024, 1024), SLUICE_DROPPED_REPLAYED);
    assert_int_equal(deliver_late(32767, 3000), SLUICE_OK);
}

static void test_sequence_wraps(void **state)
{
    Ends ends = open_ends(SLUICE_SRTP_AEAD_AES_128_GCM, 1, WINDOW);

    (void)state;
    for (unsigned i = 65500; i < 65536 + 65536 + 50; i++) {
        uint16_t sequence = (uint16_t)i;
        Packet plain = make(SLUICE_KIND_RTP, sequence, 20);

        expect_plain(ends.server, SLUICE_KIND_RTP, seal(ends.client, SLUICE_KIND_RTP, sequence, 20),
                     &plain);
    }
    close_ends(ends);
}

/* The same index twice would encrypt two packets with one key stream. */
static void test_outbound_index_is_never_reused(void **state)
{
    Ends ends = open_ends(SLUICE_SRTP_AEAD_AES_128_GCM, 1, WINDOW);
    Packet packet;

    (void)state;
    packet = seal(ends.client, SLUICE_KIND_RTP, 2000, 20);
    packet = make(SLUICE_KIND_RTP, 2000, 20);
    assert_int_equal(sl_srtp_protect(ends.client, SLUICE_KIND_RTP, packet.data, &packet.len, ROOM),
                     SLUICE_KEY_EXHAUSTED);
    packet = make(SLUICE_KIND_RTP, 900, 20);
    assert_int_equal(sl_srtp_protect(ends.client, SLUICE_KIND_RTP, packet.data, &packet.len, ROOM),
                     SLUICE_KEY_EXHAUSTED);
    packet = seal(ends.client, SLUICE_KIND_RTP, 2001, 20);
    assert_int_equal(give(ends.server, SLUICE_KIND_RTP, &packet), SLUICE_OK);
    close_ends(ends);
}

static void test_reserved_room_is_enough_and_kept(void **state)
{
    (void)state;
    FOR_EACH_CASE(p, k)
    {
        Ends ends = open_ends(all_profiles[p], 1, WINDOW);
        Packet packet = make(both_kinds[k], 1, 100);
        size_t capacity = packet.len + SLUICE_PROTECT_ROOM, len = packet.len;

        assert_int_equal(
            sl_srtp_protect(ends.client, both_kinds[k], packet.data, &packet.len, capacity - 1),
            SLUICE_NO_ROOM);
        assert_int_equal(
            sl_srtp_protect(ends.client, both_kinds[k], packet.data, &packet.len, len - 1),
            SLUICE_NO_ROOM);
        assert_int_equal(packet.len, len);
        memset(packet.data + capacity, 0xa5, ROOM - capacity);
        assert_int_equal(
            sl_srtp_protect(ends.client, both_kinds[k], packet.data, &packet.len, capacity),
            SLUICE_OK);
        assert_in_range(packet.len, len + 1, capacity);
        for (size_t i = capacity; i < ROOM; i++)
            assert_int_equal(packet.data[i], 0xa5);
        close_ends(ends);
    }
}

static SluiceStatus try_protect(SlSrtp *srtp, SluiceKind kind, Packet packet)
{
    return sl_srtp_protect(srtp, kind, packet.data, &packet.len, ROOM);
}

static void test_what_is_no_packet_is_not_protected(void **state)
{
    Ends ends = open_ends(SLUICE_SRTP_AES128_CM_SHA1_80, 1, WINDOW);
    Packet rtp = make(SLUICE_KIND_RTP, 1, 100), rtcp = make(SLUICE_KIND_RTCP, 1, 100), p = rtp;
    static _Alignas(4) uint8_t large[66000];
    size_t len = rtp.len;

    (void)state;
    memmove(p.data + 1, rtp.data, rtp.len);
    assert_int_equal(sl_srtp_protect(ends.client, SLUICE_KIND_RTP, p.data + 1, &len, ROOM - 1),
                     SLUICE_INVALID_ARGUMENT); /* not aligned */
    p = rtp;
    p.data[0] = 0x40; /* version 1 */
    assert_int_equal(try_protect(ends.client, SLUICE_KIND_RTP, p), SLUICE_INVALID_ARGUMENT);
    p = rtp;
    p.len = 11;
    assert_int_equal(try_protect(ends.client, SLUICE_KIND_RTP, p), SLUICE_INVALID_ARGUMENT);
    assert_int_equal(try_protect(ends.client, SLUICE_KIND_RTCP, rtp), SLUICE_INVALID_ARGUMENT);
    assert_int_equal(try_protect(ends.client, SLUICE_KIND_RTP, rtcp), SLUICE_INVALID_ARGUMENT);
    assert_int_equal(try_protect(ends.client, SLUICE_KIND_DATA, rtp), SLUICE_INVALID_ARGUMENT);
    memcpy(large, rtp.data, 12);
    len = 65536;
    assert_int_equal(sl_srtp_protect(ends.client, SLUICE_KIND_RTP, large, &len, sizeof large),
                     SLUICE_INVALID_ARGUMENT);
    /* None of these has spent the sequence number. */
    assert_int_equal(try_protect(ends.client, SLUICE_KIND_RTP, rtp), SLUICE_OK);
    assert_int_equal(try_protect(ends.client, SLUICE_KIND_RTCP, rtcp), SLUICE_OK);
    close_ends(ends);
}

static void test_plausible(void **state)
{
    uint8_t d[64] = {0x80, 96};

    (void)state;
    assert_false(sl_srtp_plausible(SLUICE_KIND_RTP, d, 11));
    assert_true(sl_srtp_plausible(SLUICE_KIND_RTP, d, 12));
    d[0] = 0x8f; /* 15 CSRCs */
    assert_false(sl_srtp_plausible(SLUICE_KIND_RTP, d, 63));
    assert_false(sl_srtp_plausible(SLUICE_KIND_RTP, d, 71));
    d[0] = 0x91; /* one CSRC and an extension of two words */
    d[19] = 2;
    assert_false(sl_srtp_plausible(SLUICE_KIND_RTP, d, 16));
    assert_false(sl_srtp_plausible(SLUICE_KIND_RTP, d, 19));
    assert_false(sl_srtp_plausible(SLUICE_KIND_RTP, d, 27));
    assert_true(sl_srtp_plausible(SLUICE_KIND_RTP, d, 28));
    d[18] = d[19] = 0xff;
    assert_false(sl_srtp_plausible(SLUICE_KIND_RTP, d, 64));

    memset(d, 0, sizeof d);
    d[0] = 0x81;
    d[1] = 201;
    assert_false(sl_srtp_plausible(SLUICE_KIND_RTCP, d, 7));
    assert_true(sl_srtp_plausible(SLUICE_KIND_RTCP, d, 8));
    d[3] = 7;
    assert_false(sl_srtp_plausible(SLUICE_KIND_RTCP, d, 31));
    assert_true(sl_srtp_plausible(SLUICE_KIND_RTCP, d, 32));
    d[2] = 0xff;
    assert_false(sl_srtp_plausible(SLUICE_KIND_RTCP, d, 64));
    d[0] = 0xc1;
    d[2] = 0;
    assert_false(sl_srtp_plausible(SLUICE_KIND_RTCP, d, 64));
    assert_false(sl_srtp_plausible(SLUICE_KIND_DTLS, d, 64));
}

/* Under AddressSanitizer every read and write behind the exact length shows. */
static void try_garbage(Ends *ends, Rng *rng, size_t len, int shape)
{
    SluiceKind kind = shape & 1 ? SLUICE_KIND_RTP : SLUICE_KIND_RTCP;
    uint8_t *in = malloc(len ? len : 1), *out = malloc(len + SLUICE_PROTECT_ROOM);
    size_t n = len;

    assert_non_null(in);
    assert_non_null(out);
    for (size_t i = 0; i < len; i++)
        in[i] = (uint8_t)rng_next(rng);
    if (len > 3) {
        in[0] = (uint8_t)(0x80 | (shape & 2 ? 0x0f : 0) | (shape & 4 ? 0x10 : 0));
        in[1] = kind == SLUICE_KIND_RTP ? 111 : 200;
        if (kind == SLUICE_KIND_RTCP && shape & 8)
            in[2] = in[3] = 0;
    }
    memcpy(out, in, len);
    assert_true(sluice_status_is_dropped(sl_srtp_unprotect(ends->server, 0, kind, in, &n)));
    n = len;
    (void)sl_srtp_protect(ends->client, kind, out, &n, len + SLUICE_PROTECT_ROOM);
    assert_true(n <= len + SLUICE_PROTECT_ROOM);
    free(in);
    free(out);
}

static void test_garbage_of_every_length(void **state)
{
    Rng rng;

    (void)state;
    rng_init(&rng, rng_test_seed(3));
    for (size_t p = 0; p < 4; p++) {
        Ends ends = open_ends(all_profiles[p], 1, WINDOW);

        for (size_t len = 0; len <= 60; len++)
            for (int shape = 0; shape < 16; shape++)
                try_garbage(&ends, &rng, len, shape);
        for (size_t len = 61; len <= 96; len++)
            try_garbage(&ends, &rng, len, 7); /* CSRCs end inside, a huge extension does not */
        close_ends(ends);
    }
}

static void test_keys_that_do_not_fit_are_refused(void **state)
{
    SluiceSrtpKeys keys = {.profile = SLUICE_SRTP_NONE, .key_len = 16, .salt_len = 14};
    SlSrtp *srtp = (SlSrtp *)&keys;

    (void)state;
    assert_int_equal(sl_srtp_new(&keys, WINDOW, 1024, NULL, &srtp), SLUICE_INTERNAL);
    assert_null(srtp);
    keys.profile = SLUICE_SRTP_AEAD_AES_256_GCM;
    assert_int_equal(sl_srtp_new(&keys, WINDOW, 1024, NULL, &srtp), SLUICE_INTERNAL);
    keys.profile = SLUICE_SRTP_AES128_CM_SHA1_80;
    assert_int_equal(sl_srtp_new(&keys, 5, 1024, NULL, &srtp), SLUICE_INTERNAL); /* no window */
    assert_null(srtp);
    alloc_fail_at(1, 0);
    assert_int_equal(sl_srtp_new(&keys, WINDOW, 1024, NULL, &srtp), SLUICE_NO_MEMORY);
    alloc_fail_at(0, 0);
    assert_null(srtp);
    sl_srtp_free(NULL);
}

/* The linker shows every allocation of our objects, and none of libsrtp's: it keeps streams of its own. */
static void test_no_allocation_per_packet(void **state)
{
    (void)state;
    FOR_EACH_CASE(p, k)
    {
        Ends ends = open_ends(all_profiles[p], 1, WINDOW);
        uint64_t before = alloc_count().own_calls;

        for (uint16_t i = 0; i < 200; i++) {
            Packet packet = seal(ends.client, both_kinds[k], i, 1000);

            assert_int_equal(give(ends.server, both_kinds[k], &packet), SLUICE_OK);
        }
        assert_int_equal(alloc_count().own_calls, before);
        close_ends(ends);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys_are_cut_as_rfc_5764_says),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_forged_twins),
        cmocka_unit_test(test_own_packets_and_other_keys_are_refused),
        cmocka_unit_test(test_replay_is_refused),
        cmocka_unit_test(test_window_is_the_configured_one),
        cmocka_unit_test(test_sequence_wraps),
        cmocka_unit_test(test_outbound_index_is_never_reused),
        cmocka_unit_test(test_reserved_room_is_enough_and_kept),
        cmocka_unit_test(test_what_is_no_packet_is_not_protected),
        cmocka_unit_test(test_plausible),
        cmocka_unit_test(test_garbage_of_every_length),
        cmocka_unit_test(test_keys_that_do_not_fit_are_refused),
        cmocka_unit_test(test_no_allocation_per_packet),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
