/* SPDX-License-Identifier: BSD-3-Clause */

/* Memory that begins at a line of the cache; and that the places which a packet needs are known after it, and only those that
 * there are. */

#include "near.h"

#include "alloc.h"
#include "srtp-ends.h"

#include <stdint.h>
#include <string.h>

static void test_lines(void **state)
{
    (void)state;
    for (size_t size = 1; size < 5000; size += 61) {
        uint8_t *memory = sl_near_alloc(size);

        assert_non_null(memory);
        assert_int_equal((uintptr_t)memory % 64, 0);
        for (size_t i = 0; i < size; i++)
            assert_int_equal(memory[i], 0);
        memset(memory, 0xff, size);
        sl_near_free(memory);
    }
    sl_near_free(NULL);
}

static void test_no_memory(void **state)
{
    (void)state;
    alloc_fail_at(1, 0);
    assert_null(sl_near_alloc(64));
    alloc_fail_at(0, 0);
}

static void assert_places_of_their_own(const SlNear *near, const SlNear *other)
{
    assert_non_null(near->ssrc);
    assert_non_null(near->session);
    assert_ptr_not_equal(near->ssrc, near->session);
    assert_ptr_not_equal(near->session, near->cipher);
    assert_ptr_not_equal(near->cipher, near->context);
    assert_ptr_not_equal(near->ssrc, other->ssrc);
    assert_ptr_not_equal(near->session, other->session);
    assert_ptr_not_equal(near->cipher, other->cipher);
    assert_ptr_not_equal(near->context, other->context);
}

static void test_places(void **state)
{
    (void)state;
    for (int i = 0; i < PROFILES; i++) {
        SlNear sent, received;
        SrtpPacket packet;
        SrtpEnds ends;
        int any, is_aead = srtp_profiles[i] == SLUICE_SRTP_AEAD_AES_128_GCM ||
                           srtp_profiles[i] == SLUICE_SRTP_AEAD_AES_256_GCM;

        srtp_ends_open(&ends, srtp_profiles[i], 16);
        sl_near_init(&sent, &any);
        sl_near_init(&received, &any);
        sl_srtp_get_near(ends.sender, SLUICE_SENT_OUT, &sent); /* no packet yet */
        assert_ptr_equal(sent.ssrc, &any);
        for (uint16_t seq = 1; seq <= 2; seq++) {
            packet = srtp_seal(&ends, SLUICE_KIND_RTP, 1, seq);
            assert_status(srtp_give(&ends, &packet), SLUICE_OK);
        }
        sl_srtp_get_near(ends.sender, SLUICE_SENT_OUT, &sent);
        sl_srtp_get_near(ends.receiver, SLUICE_RECEIVED, &received);
        assert_places_of_their_own(&sent, &received);
        assert_int_equal(sent.mac == sent.cipher, is_aead);
        assert_int_equal(received.mac == received.cipher, is_aead);
        sl_near_ask(&sent);
        sl_near_ask(&received);
        srtp_ends_close(&ends);
        sl_near_ask(&sent); /* what is gone by now: nothing is read */
        sl_near_ask(&received);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_places),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
