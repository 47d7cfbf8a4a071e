/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: a ROC that was named and taken back before a packet came leaves everything as it was.
 *
 * Bug: the next packet went out under an index that nobody noted, and after a removal that index was used again: two packets under
 * one key stream give both away (RFC 3711 section 9.1). Inbound the last index went back, and after a removal packets were
 * delivered twice, or the SSRC was deaf. Mechanism: naming the ROC that libsrtp's stream has already left "named", and our
 * index was counted from it without regard to what had come before. */

#include "srtp-ends.h"

#include <string.h>

#define SSRC 0x0a0a0a0au

static void name_and_take_back(SlSrtp *srtp, SluiceDirection direction)
{
    assert_status(sl_srtp_set_roc(srtp, 0, direction, SSRC, 1), SLUICE_OK);
    assert_status(sl_srtp_set_roc(srtp, 0, direction, SSRC, 0), SLUICE_OK);
}

static void test_no_key_stream_twice(void **state)
{
    (void)state;
    for (size_t i = 0; i < PROFILES; i++) {
        SrtpPacket one = srtp_plain(SLUICE_KIND_RTP, SSRC, 5), two = one;
        SrtpEnds ends;

        srtp_ends_open(&ends, srtp_profiles[i], 16);
        (void)srtp_seal(&ends, SLUICE_KIND_RTP, SSRC, 0xf000);
        name_and_take_back(ends.sender, SLUICE_SENT_OUT);
        /* It is 0x10005, as a receiver guesses. */
        assert_status(srtp_protect_one(ends.sender, &one), SLUICE_OK);
        assert_status(sl_srtp_remove_ssrc(ends.sender, SLUICE_SENT_OUT, SSRC), SLUICE_OK);
        two.data[12] ^= 1;
        assert_status(srtp_protect_one(ends.sender, &two), SLUICE_KEY_EXHAUSTED);
        srtp_ends_close(&ends);
    }
}

static void test_no_replay(void **state)
{
    (void)state;
    for (size_t i = 0; i < PROFILES; i++) {
        SrtpPacket late, packets[20];
        SrtpEnds ends;

        srtp_ends_open(&ends, srtp_profiles[i], 16);
        late = srtp_seal(&ends, SLUICE_KIND_RTP, SSRC, 1);
        for (uint16_t n = 0; n < 20; n++) {
            packets[n] = srtp_seal(&ends, SLUICE_KIND_RTP, SSRC, (uint16_t)(10 + n));
            assert_status(srtp_give(&ends, &packets[n]), SLUICE_OK);
        }
        name_and_take_back(ends.receiver, SLUICE_RECEIVED);
        assert_status(srtp_give(&ends, &late), SLUICE_OK);
        assert_status(sl_srtp_remove_ssrc(ends.receiver, SLUICE_RECEIVED, SSRC), SLUICE_OK);
        for (size_t n = 0; n < 20; n++)
            assert_status(srtp_give(&ends, &packets[n]), SLUICE_DROPPED_REPLAYED);
        srtp_ends_close(&ends);
    }
}

/* The sequence number wraps right after it. */
static void test_not_deaf(void **state)
{
    (void)state;
    for (size_t i = 0; i < PROFILES; i++) {
        SrtpPacket packet;
        SrtpEnds ends;
        uint32_t roc;

        srtp_ends_open(&ends, srtp_profiles[i], 16);
        packet = srtp_seal(&ends, SLUICE_KIND_RTP, SSRC, 0xf000);
        assert_status(srtp_give(&ends, &packet), SLUICE_OK);
        name_and_take_back(ends.receiver, SLUICE_RECEIVED);
        packet = srtp_seal(&ends, SLUICE_KIND_RTP, SSRC, 5);
        assert_status(srtp_give(&ends, &packet), SLUICE_OK);
        assert_status(sl_srtp_get_roc(ends.receiver, SLUICE_RECEIVED, SSRC, &roc), SLUICE_OK);
        assert_int_equal(roc, 1);
        assert_status(sl_srtp_remove_ssrc(ends.receiver, SLUICE_RECEIVED, SSRC), SLUICE_OK);
        for (uint16_t n = 6; n < 300; n++) {
            packet = srtp_seal(&ends, SLUICE_KIND_RTP, SSRC, n);
            assert_status(srtp_give(&ends, &packet), SLUICE_OK);
        }
        srtp_ends_close(&ends);
    }
}

/* The twin: a ROC that is ahead stays named. */
static void test_ahead_counts(void **state)
{
    (void)state;
    for (size_t i = 0; i < PROFILES; i++) {
        SrtpPacket packet;
        SrtpEnds ends;
        uint32_t roc;

        srtp_ends_open(&ends, srtp_profiles[i], 16);
        packet = srtp_seal(&ends, SLUICE_KIND_RTP, SSRC, 7);
        assert_status(srtp_give(&ends, &packet), SLUICE_OK);
        name_and_take_back(ends.sender, SLUICE_SENT_OUT);
        name_and_take_back(ends.receiver, SLUICE_RECEIVED);
        assert_status(sl_srtp_set_roc(ends.sender, 0, SLUICE_SENT_OUT, SSRC, 3), SLUICE_OK);
        packet = srtp_seal(&ends, SLUICE_KIND_RTP, SSRC, 8);
        assert_status(srtp_give(&ends, &packet), SLUICE_DROPPED_UNAUTHENTIC);
        assert_status(sl_srtp_set_roc(ends.receiver, 0, SLUICE_RECEIVED, SSRC, 3), SLUICE_OK);
        packet = srtp_seal(&ends, SLUICE_KIND_RTP, SSRC, 9);
        assert_status(srtp_give(&ends, &packet), SLUICE_OK);
        assert_status(sl_srtp_get_roc(ends.receiver, SLUICE_RECEIVED, SSRC, &roc), SLUICE_OK);
        assert_int_equal(roc, 3);
        srtp_ends_close(&ends);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_key_stream_twice),
        cmocka_unit_test(test_no_replay),
        cmocka_unit_test(test_not_deaf),
        cmocka_unit_test(test_ahead_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
