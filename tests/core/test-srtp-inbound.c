/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: what was delivered of an SSRC is never delivered again, be it removed, evicted and back; its ROC is right when it
 * comes back; the limit is kept by eviction of who is silent; and what is not authentic changes nothing of all that (RFC
 * 3711 section 3.3). */

#include "srtp-ends.h"

#include <arpa/inet.h>
#include <string.h>

#define A 0x0a0a0a0au
#define LIMIT 16
#define SECOND SLUICE_SECOND

#define FOR_EACH_PROFILE(ends, limit)                                                              \
    for (size_t p_ = 0; p_ < PROFILES && (srtp_ends_open(&(ends), srtp_profiles[p_], limit), 1);   \
         p_++, srtp_ends_close(&(ends)))

static uint32_t live(const SrtpEnds *ends)
{
    return sl_srtp_count_ssrcs(ends->receiver, SLUICE_RECEIVED);
}

static void expect(SrtpEnds *ends, const SrtpPacket *packet, SluiceStatus status)
{
    assert_status(srtp_give(ends, packet), status);
}

static void deliver(SrtpEnds *ends, SluiceKind kind, uint32_t ssrc, uint16_t seq)
{
    SrtpPacket packet = srtp_seal(ends, kind, ssrc, seq);

    expect(ends, &packet, SLUICE_OK);
}

static void remove_one(SrtpEnds *ends, uint32_t ssrc)
{
    assert_status(sl_srtp_remove_ssrc(ends->receiver, SLUICE_RECEIVED, ssrc), SLUICE_OK);
}

static uint32_t roc_of(const SrtpEnds *ends, uint32_t ssrc)
{
    uint32_t roc = 0xdeadbeef;

    assert_status(sl_srtp_get_roc(ends->receiver, SLUICE_RECEIVED, ssrc, &roc), SLUICE_OK);
    return roc;
}

/* The bug: libsrtp keeps its window with the stream, so that a packet is taken a second time after srtp_remove_stream().
 * An eviction that did no more would let anyone replay what he has recorded. */
static void test_bare_libsrtp_accepts_the_replay(void **state)
{
    SrtpEnds ends;

    (void)state;
    FOR_EACH_PROFILE(ends, LIMIT)
    {
        srtp_t bare = srtp_bare(ends.profile, ssrc_any_inbound);
        SrtpPacket rtp = srtp_seal(&ends, SLUICE_KIND_RTP, A, 7);
        SrtpPacket rtcp = srtp_seal(&ends, SLUICE_KIND_RTCP, A, 0);

        for (int round = 0; round < 2; round++) {
            SrtpPacket copy = rtp, report = rtcp;
            int len = (int)copy.len, report_len = (int)report.len;

            assert_int_equal(srtp_unprotect(bare, copy.data, &len), srtp_err_status_ok);
            assert_int_equal(srtp_unprotect_rtcp(bare, report.data, &report_len),
                             srtp_err_status_ok);
            assert_int_equal(srtp_remove_stream(bare, htonl(A)), srtp_err_status_ok);
        }
        assert_int_equal(srtp_dealloc(bare), srtp_err_status_ok);
    }
}

static void test_no_replay_after_removal(void **state)
{
    SrtpEnds ends;

    (void)state;
    FOR_EACH_PROFILE(ends, LIMIT)
    {
        SrtpPacket rtp = srtp_seal(&ends, SLUICE_KIND_RTP, A, 7);
        SrtpPacket rtcp = srtp_seal(&ends, SLUICE_KIND_RTCP, A, 0);

        for (int round = 0; round < 3; round++) {
            SluiceStatus status = round ? SLUICE_DROPPED_REPLAYED : SLUICE_OK;

            expect(&ends, &rtp, status);
            expect(&ends, &rtcp, status);
            assert_int_equal(live(&ends), round == 0);
            if (round == 0)
                remove_one(&ends, A);
        }
        /* It comes back, and still they are refused, though libsrtp has a window without them. */
        deliver(&ends, SLUICE_KIND_RTP, A, 8);
        expect(&ends, &rtp, SLUICE_DROPPED_REPLAYED);
        expect(&ends, &rtcp, SLUICE_DROPPED_REPLAYED);
        deliver(&ends, SLUICE_KIND_RTCP, A, 0);
        expect(&ends, &rtcp, SLUICE_DROPPED_REPLAYED);
        assert_int_equal(live(&ends), 1);
    }
}

/* Of what came before the removal nothing at or below the last index is wanted; of what came after it the window is. */
static void test_reordered_packets_around_a_removal(void **state)
{
    SrtpEnds ends;

    (void)state;
    FOR_EACH_PROFILE(ends, LIMIT)
    {
        SrtpPacket packets[40];

        for (uint16_t i = 0; i < 40; i++)
            packets[i] = srtp_seal(&ends, SLUICE_KIND_RTP, A, (uint16_t)(65530 + i));
        for (int i = 0; i < 20; i++)
            if (i != 12)
                expect(&ends, &packets[i == 18 ? 19 : i == 19 ? 18 : i], SLUICE_OK);
        remove_one(&ends, A);
        expect(&ends, &packets[30], SLUICE_OK);
        assert_int_equal(roc_of(&ends, A), 1);
        expect(&ends, &packets[12], SLUICE_DROPPED_REPLAYED); /* was never delivered */
        expect(&ends, &packets[19], SLUICE_DROPPED_REPLAYED);
        for (int i = 20; i < 30; i++)
            expect(&ends, &packets[i], SLUICE_OK);
        for (int i = 0; i < 31; i++)
            expect(&ends, &packets[i], SLUICE_DROPPED_REPLAYED);
        expect(&ends, &packets[31], SLUICE_OK);
    }
}

/* A removal at @last; then the next packets are those of @next (an index), and their copies are refused. */
static void come_back(SrtpEnds *ends, uint32_t ssrc, uint64_t last, uint64_t next)
{
    SrtpPacket old = srtp_seal_with_roc(ends, ssrc, (uint32_t)(last >> 16), (uint16_t)last);
    SrtpPacket new = srtp_seal_with_roc(ends, ssrc, (uint32_t)(next >> 16), (uint16_t)next);
    SrtpPacket forged = srtp_forged(new);

    assert_status(
        sl_srtp_set_roc(ends->receiver, ends->now, SLUICE_RECEIVED, ssrc, (uint32_t)(last >> 16)),
        SLUICE_OK);
    expect(ends, &old, SLUICE_OK);
    assert_int_equal(roc_of(ends, ssrc), last >> 16);
    remove_one(ends, ssrc);
    assert_int_equal(roc_of(ends, ssrc), last >> 16);
    expect(ends, &old, SLUICE_DROPPED_REPLAYED);
    assert_true(sluice_status_is_dropped(srtp_give(ends, &forged)));
    expect(ends, &new, SLUICE_OK);
    assert_int_equal(roc_of(ends, ssrc), next >> 16);
    expect(ends, &new, SLUICE_DROPPED_REPLAYED);
    assert_true(sluice_status_is_dropped(srtp_give(ends, &old))); /* or taken for one to come */
    new = srtp_seal_with_roc(ends, ssrc, (uint32_t)((next + 1) >> 16), (uint16_t)(next + 1));
    expect(ends, &new, SLUICE_OK);
    remove_one(ends, ssrc);
}

static void test_the_roc_is_right_when_it_comes_back(void **state)
{
    static const uint64_t cases[][2] = {{0, 1},
                                        {0, 65535},
                                        {65534, 65535},
                                        {65535, 65536},
                                        {65535, 131071},
                                        {1, 65537},
                                        {40000, 100000},
                                        {65536, 65537},
                                        {65536, 131072},
                                        {196607, 196608},
                                        {200000, 265536},
                                        {300000, 300001},
                                        {0x7fffffff0000, 0x7fffffff8001},
                                        {SL_RTP_INDEX_MAX - 65536, SL_RTP_INDEX_MAX - 1}};
    SrtpEnds ends;

    (void)state;
    FOR_EACH_PROFILE(ends, LIMIT)
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        come_back(&ends, 100 + (uint32_t)i, cases[i][0], cases[i][1]);
}

/* The first packet of the SSRC that comes back may be RTCP: libsrtp then makes the stream at the ROC 0. */
static void test_rtcp_comes_back_first(void **state)
{
    SrtpEnds ends;

    (void)state;
    FOR_EACH_PROFILE(ends, LIMIT)
    {
        SrtpPacket old = srtp_seal_with_roc(&ends, A, 5, 1000), next;

        assert_status(sl_srtp_set_roc(ends.receiver, ends.now, SLUICE_RECEIVED, A, 5), SLUICE_OK);
        expect(&ends, &old, SLUICE_OK);
        deliver(&ends, SLUICE_KIND_RTCP, A, 0);
        remove_one(&ends, A);
        deliver(&ends, SLUICE_KIND_RTCP, A, 0);
        assert_int_equal(live(&ends), 1);
        assert_int_equal(roc_of(&ends, A), 5);
        expect(&ends, &old, SLUICE_DROPPED_REPLAYED);
        next = srtp_seal_with_roc(&ends, A, 5, 1001);
        expect(&ends, &next, SLUICE_OK);
        next = srtp_seal_with_roc(&ends, A, 0, 1002);
        expect(&ends, &next, SLUICE_DROPPED_UNAUTHENTIC);
    }
}

/* -- the limit ---------------------------------------------------------------------------------------------- */

static void test_the_limit_evicts_who_is_silent(void **state)
{
    SrtpEnds ends;

    (void)state;
    FOR_EACH_PROFILE(ends, LIMIT)
    {
        SrtpPacket first[LIMIT], extra;
        SlSrtp *other = ends.sender;
        SrtpEnds more;

        srtp_ends_open(&more, ends.profile, 64); /* its sender may have more of them */
        ends.sender = more.sender;
        for (uint32_t i = 0; i < LIMIT; i++) {
            first[i] = srtp_seal(&ends, SLUICE_KIND_RTP, i, 1);
            expect(&ends, &first[i], SLUICE_OK);
            ends.now += 2 * SECOND;
        }
        ends.now -= (2 * LIMIT - 9) *
                    SECOND; /* nobody was silent for ten seconds then: time may stand still */
        extra = srtp_seal(&ends, SLUICE_KIND_RTP, 99, 1);
        expect(&ends, &extra, SLUICE_DROPPED_FULL);
        expect(&ends, &extra, SLUICE_DROPPED_FULL); /* nothing of it was kept */
        assert_int_equal(ends.stats.ssrcs_evicted, 0);
        ends.now += SECOND;
        deliver(&ends, SLUICE_KIND_RTP, 0, 2); /* the eldest speaks */
        ends.now += 2 * SECOND;
        expect(&ends, &extra, SLUICE_OK);
        assert_int_equal(ends.stats.ssrcs_evicted, 1);
        assert_int_equal(live(&ends), LIMIT);
        deliver(&ends, SLUICE_KIND_RTP, 0, 3); /* it was the second that went */
        expect(&ends, &first[1], SLUICE_DROPPED_REPLAYED);
        extra = srtp_seal(&ends, SLUICE_KIND_RTCP, 98, 0);
        expect(&ends, &extra, SLUICE_DROPPED_FULL);
        ends.now += 2 * SECOND;
        deliver(&ends, SLUICE_KIND_RTP, 1, 2); /* and comes back, for the third */
        assert_int_equal(ends.stats.ssrcs_evicted, 2);
        expect(&ends, &first[2], SLUICE_DROPPED_REPLAYED);
        ends.sender = other;
        srtp_ends_close(&more);
    }
}

/* What is kept of them has an end too: the one that went first is forgotten first. */
static void test_of_those_that_went_so_many_are_remembered(void **state)
{
    SrtpPacket first, second;
    SrtpEnds ends;

    (void)state;
    srtp_ends_open(&ends, SLUICE_SRTP_AEAD_AES_128_GCM, LIMIT);
    first = srtp_seal(&ends, SLUICE_KIND_RTP, 0, 1);
    second = srtp_seal(&ends, SLUICE_KIND_RTP, 1, 1);
    for (uint32_t i = 0; i <= 4 * LIMIT; i++) {
        if (i < 2)
            expect(&ends, i ? &second : &first, SLUICE_OK);
        else
            deliver(&ends, SLUICE_KIND_RTCP, i, 0);
        remove_one(&ends, i);
        if (i >= 2)
            assert_status(sl_srtp_remove_ssrc(ends.sender, SLUICE_SENT_OUT, i), SLUICE_OK);
    }
    assert_int_equal(ends.stats.ssrcs_forgotten, 1);
    expect(&ends, &second, SLUICE_DROPPED_REPLAYED);
    expect(&ends, &first, SLUICE_OK);
    srtp_ends_close(&ends);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bare_libsrtp_accepts_the_replay),
        cmocka_unit_test(test_no_replay_after_removal),
        cmocka_unit_test(test_reordered_packets_around_a_removal),
        cmocka_unit_test(test_the_roc_is_right_when_it_comes_back),
        cmocka_unit_test(test_rtcp_comes_back_first),
        cmocka_unit_test(test_the_limit_evicts_who_is_silent),
        cmocka_unit_test(test_of_those_that_went_so_many_are_remembered),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
