/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: no index of SRTP or SRTCP goes out twice under one key, whatever is removed in between (RFC 3711 section 9.1:
 * the same key stream under two packets gives both away); ROCs can be named, but not backwards; the limit is kept. */

#include "srtp-ends.h"

#include <arpa/inet.h>
#include <string.h>

#define A 0x0b0b0b0bu
#define LIMIT 16

#define FOR_EACH_PROFILE(ends, limit)                                                              \
    for (size_t p_ = 0; p_ < PROFILES && (srtp_ends_open(&(ends), srtp_profiles[p_], limit), 1);   \
         p_++, srtp_ends_close(&(ends)))

static SluiceStatus try_seal(SrtpEnds *ends, SluiceKind kind, uint32_t ssrc, uint16_t seq)
{
    SrtpPacket packet = srtp_plain(kind, ssrc, seq);

    return srtp_protect_one(ends->sender, &packet);
}

static void remove_one(SrtpEnds *ends, uint32_t ssrc)
{
    assert_status(sl_srtp_remove_ssrc(ends->sender, SLUICE_SENT_OUT, ssrc), SLUICE_OK);
}

static SluiceStatus set_roc(SrtpEnds *ends, uint32_t ssrc, uint32_t roc)
{
    return sl_srtp_set_roc(ends->sender, 0, SLUICE_SENT_OUT, ssrc, roc);
}

static uint32_t roc_of(SrtpEnds *ends, uint32_t ssrc)
{
    uint32_t roc = 0xdeadbeef;

    assert_status(sl_srtp_get_roc(ends->sender, SLUICE_SENT_OUT, ssrc, &roc), SLUICE_OK);
    return roc;
}

static uint32_t live(const SrtpEnds *ends)
{
    return sl_srtp_count_ssrcs(ends->sender, SLUICE_SENT_OUT);
}

/* The receiver never removes anything: it refuses an index that came before. */
static void transfer(SrtpEnds *ends, SluiceKind kind, uint32_t ssrc, uint16_t seq)
{
    SrtpPacket packet = srtp_seal(ends, kind, ssrc, seq);

    assert_status(srtp_give(ends, &packet), SLUICE_OK);
}

/* The bug: a stream of libsrtp that was removed and comes back begins with index 0, and what it sends then is XORed with
 * the key stream of what it sent first. */
static void test_bare_libsrtp_uses_the_key_stream_again(void **state)
{
    SrtpEnds ends;

    (void)state;
    FOR_EACH_PROFILE(ends, LIMIT)
    {
        srtp_t bare = srtp_bare(ends.profile, ssrc_any_outbound);
        SrtpPacket packets[2][2];

        for (int round = 0; round < 2; round++) {
            SrtpPacket *rtp = &packets[round][0], *rtcp = &packets[round][1];
            int len;

            *rtp = srtp_plain(SLUICE_KIND_RTP, A, 9);
            len = (int)rtp->len;
            assert_int_equal(srtp_protect(bare, rtp->data, &len), srtp_err_status_ok);
            *rtcp = srtp_plain(SLUICE_KIND_RTCP, A, 9);
            len = (int)rtcp->len;
            assert_int_equal(srtp_protect_rtcp(bare, rtcp->data, &len), srtp_err_status_ok);
            assert_int_equal(srtp_remove_stream(bare, htonl(A)), srtp_err_status_ok);
        }
        for (int kind = 0; kind < 2; kind++)
            assert_memory_equal(packets[0][kind].data, packets[1][kind].data, 28);
        assert_int_equal(srtp_dealloc(bare), srtp_err_status_ok);
    }
}

static void test_no_index_twice_after_removal(void **state)
{
    SrtpEnds ends;

    (void)state;
    FOR_EACH_PROFILE(ends, LIMIT)
    {
        uint32_t last = 0;

        for (uint32_t i = 65000; i <= 65536 + 900; i++)
            transfer(&ends, SLUICE_KIND_RTP, A, (uint16_t)i);
        for (int round = 0; round < 4; round++) {
            SrtpPacket report = srtp_seal(&ends, SLUICE_KIND_RTCP, A, 0);

            assert_true(srtp_rtcp_index(&ends, &report) > last);
            last = srtp_rtcp_index(&ends, &report);
            assert_status(srtp_give(&ends, &report), SLUICE_OK);
            remove_one(&ends, A);
            assert_int_equal(live(&ends), 0);
            assert_int_equal(roc_of(&ends, A), 1);
            for (int seq = 65000; seq < 65536; seq += 67)
                assert_status(try_seal(&ends, SLUICE_KIND_RTP, A, (uint16_t)seq),
                              SLUICE_KEY_EXHAUSTED);
            for (uint16_t seq = 0; seq <= 900 + round; seq++)
                assert_status(try_seal(&ends, SLUICE_KIND_RTP, A, seq), SLUICE_KEY_EXHAUSTED);
            assert_int_equal(live(&ends), 0);
            transfer(&ends, SLUICE_KIND_RTP, A, (uint16_t)(901 + round));
            assert_int_equal(live(&ends), 1);
            assert_status(try_seal(&ends, SLUICE_KIND_RTP, A, 500), SLUICE_KEY_EXHAUSTED);
        }
        assert_true(last < 20); /* and none is wasted but a few */
    }
}

/* @sent reports before a removal, and what the reports after it have for indexes. */
static void reports_around_a_removal(SrtpEnds *ends, uint32_t ssrc, uint32_t sent)
{
    SrtpPacket report;
    uint32_t last = 0;

    for (uint32_t i = 0; i < sent; i++) {
        report = srtp_seal(ends, SLUICE_KIND_RTCP, ssrc, 0);
        assert_int_equal(srtp_rtcp_index(ends, &report), ++last);
    }
    for (int round = 0; round < 3; round++) {
        remove_one(ends, ssrc);
        if (round == 1)
            transfer(ends, SLUICE_KIND_RTP, ssrc, 70); /* it comes back with RTP */
        report = srtp_seal(ends, SLUICE_KIND_RTCP, ssrc, 0);
        assert_int_equal(srtp_rtcp_index(ends, &report), ++last);
        assert_status(srtp_give(ends, &report), SLUICE_OK);
    }
}

/* A few are wound up again; of more the stream stays. */
static void test_the_index_of_reports_goes_on(void **state)
{
    static const uint32_t sent[] = {
        1, 2, 100, SL_SRTP_WIND_MAX, SL_SRTP_WIND_MAX + 1, SL_SRTP_WIND_MAX + 100};
    SrtpEnds ends;

    (void)state;
    FOR_EACH_PROFILE(ends, LIMIT)
    for (size_t i = 0; i < sizeof sent / sizeof *sent; i++)
        reports_around_a_removal(&ends, (uint32_t)i, sent[i]);
}

static void test_rocs_are_named(void **state)
{
    SrtpEnds ends;

    (void)state;
    FOR_EACH_PROFILE(ends, LIMIT)
    {
        SrtpPacket packet;
        uint32_t roc;

        assert_status(sl_srtp_get_roc(ends.sender, SLUICE_SENT_OUT, A, &roc),
                      SLUICE_INVALID_ARGUMENT);
        assert_status(sl_srtp_remove_ssrc(ends.sender, SLUICE_SENT_OUT, A),
                      SLUICE_INVALID_ARGUMENT);
        assert_status(set_roc(&ends, A, 7), SLUICE_OK);
        assert_status(set_roc(&ends, A, 3), SLUICE_OK); /* nothing went out yet */
        assert_int_equal(live(&ends), 1);
        assert_int_equal(roc_of(&ends, A), 3);
        assert_status(sl_srtp_set_roc(ends.receiver, 0, SLUICE_RECEIVED, A, 3), SLUICE_OK);
        transfer(&ends, SLUICE_KIND_RTP, A, 40000);
        assert_int_equal(roc_of(&ends, A), 3);
        assert_status(set_roc(&ends, A, 2), SLUICE_KEY_EXHAUSTED);
        assert_status(set_roc(&ends, A, 3), SLUICE_OK); /* as it is */
        transfer(&ends, SLUICE_KIND_RTP, A, 39990);
        transfer(&ends, SLUICE_KIND_RTP, A, 10); /* rolls over */
        assert_int_equal(roc_of(&ends, A), 4);
        remove_one(&ends, A);
        assert_status(set_roc(&ends, A, 3), SLUICE_KEY_EXHAUSTED);
        assert_status(set_roc(&ends, A, 4), SLUICE_OK);
        assert_status(try_seal(&ends, SLUICE_KIND_RTP, A, 10), SLUICE_KEY_EXHAUSTED);
        packet = srtp_seal(&ends, SLUICE_KIND_RTP, A, 60000); /* far, but named */
        assert_int_equal(roc_of(&ends, A), 4);
        assert_status(sl_srtp_remove_ssrc(ends.receiver, SLUICE_RECEIVED, A), SLUICE_OK);
        assert_status(srtp_give(&ends, &packet), SLUICE_OK);
        /* What never sent leaves nothing behind, its ROC neither. */
        assert_status(set_roc(&ends, 5, 9), SLUICE_OK);
        remove_one(&ends, 5);
        assert_status(sl_srtp_get_roc(ends.sender, SLUICE_SENT_OUT, 5, &roc),
                      SLUICE_INVALID_ARGUMENT);
    }
}

/* The bug: srtp_set_stream_roc() names a ROC that libsrtp goes on using when the next packet is less than 2^15 ahead of the
 * last one, and at the next roll-over every packet fails with srtp_err_status_pkt_idx_old for good. */
static void test_a_named_roc_does_not_stay(void **state)
{
    SrtpEnds ends;

    (void)state;
    FOR_EACH_PROFILE(ends, LIMIT)
    {
        transfer(&ends, SLUICE_KIND_RTP, A, 60000);
        assert_status(set_roc(&ends, A, 1), SLUICE_OK);
        assert_status(sl_srtp_set_roc(ends.receiver, 0, SLUICE_RECEIVED, A, 1), SLUICE_OK);
        for (uint32_t seq = 100; seq < 3 * 65536; seq += 9999)
            transfer(&ends, SLUICE_KIND_RTP, A, (uint16_t)seq);
        assert_int_equal(roc_of(&ends, A), 3);
    }
}

/* The bug: libsrtp counts on from ROC 2^32 - 1 to 0, which is the key stream of the first packets. */
static void test_the_last_index_is_the_last(void **state)
{
    SrtpEnds ends;

    (void)state;
    FOR_EACH_PROFILE(ends, LIMIT)
    {
        SrtpPacket wrapped;

        assert_status(set_roc(&ends, A, UINT32_MAX), SLUICE_OK);
        assert_status(sl_srtp_set_roc(ends.receiver, 0, SLUICE_RECEIVED, A, UINT32_MAX), SLUICE_OK);
        transfer(&ends, SLUICE_KIND_RTP, A, 65000);
        transfer(&ends, SLUICE_KIND_RTP, A, 65535);
        assert_status(try_seal(&ends, SLUICE_KIND_RTP, A, 0), SLUICE_KEY_EXHAUSTED);
        assert_status(try_seal(&ends, SLUICE_KIND_RTP, A, 30000), SLUICE_KEY_EXHAUSTED);
        wrapped = srtp_seal_with_roc(&ends, A, 0, 5);
        assert_status(srtp_give(&ends, &wrapped), SLUICE_DROPPED_REPLAYED);
        remove_one(&ends, A);
        assert_status(try_seal(&ends, SLUICE_KIND_RTP, A, 0), SLUICE_KEY_EXHAUSTED);
        assert_status(sl_srtp_remove_ssrc(ends.receiver, SLUICE_RECEIVED, A), SLUICE_OK);
        assert_status(srtp_give(&ends, &wrapped), SLUICE_DROPPED_REPLAYED);
    }
}

static void test_the_limit(void **state)
{
    SrtpEnds ends;

    (void)state;
    srtp_ends_open(&ends, SLUICE_SRTP_AEAD_AES_128_GCM, LIMIT);
    for (uint32_t i = 0; i < LIMIT; i++)
        transfer(&ends, i & 1 ? SLUICE_KIND_RTP : SLUICE_KIND_RTCP, i, 1);
    assert_status(try_seal(&ends, SLUICE_KIND_RTP, 99, 1), SLUICE_WOULD_BLOCK);
    assert_status(try_seal(&ends, SLUICE_KIND_RTCP, 99, 1), SLUICE_WOULD_BLOCK);
    assert_status(set_roc(&ends, 99, 1), SLUICE_WOULD_BLOCK);
    remove_one(&ends, 3);
    assert_status(try_seal(&ends, SLUICE_KIND_RTP, 99, 1), SLUICE_OK);
    assert_status(try_seal(&ends, SLUICE_KIND_RTP, 3, 2), SLUICE_WOULD_BLOCK);
    assert_int_equal(live(&ends), LIMIT);
    srtp_ends_close(&ends);
}

/* All that ever sent are remembered. When there are too many of them only new keys help. */
static void test_none_is_forgotten(void **state)
{
    SrtpEnds ends;

    (void)state;
    srtp_ends_open(&ends, SLUICE_SRTP_AEAD_AES_128_GCM, LIMIT);
    for (uint32_t i = 0; i < SL_SRTP_SENT_MAX; i++) {
        assert_status(try_seal(&ends, SLUICE_KIND_RTP, i, 1), SLUICE_OK);
        remove_one(&ends, i);
    }
    assert_status(try_seal(&ends, SLUICE_KIND_RTP, UINT32_MAX, 1), SLUICE_KEY_EXHAUSTED);
    assert_status(try_seal(&ends, SLUICE_KIND_RTP, 0, 1), SLUICE_KEY_EXHAUSTED);
    assert_status(try_seal(&ends, SLUICE_KIND_RTP, 0, 2), SLUICE_OK);
    srtp_ends_close(&ends);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bare_libsrtp_uses_the_key_stream_again),
        cmocka_unit_test(test_no_index_twice_after_removal),
        cmocka_unit_test(test_the_index_of_reports_goes_on),
        cmocka_unit_test(test_rocs_are_named),
        cmocka_unit_test(test_a_named_roc_does_not_stay),
        cmocka_unit_test(test_the_last_index_is_the_last),
        cmocka_unit_test(test_the_limit),
        cmocka_unit_test(test_none_is_forgotten),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
