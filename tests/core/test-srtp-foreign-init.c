/* SPDX-License-Identifier: BSD-3-Clause */

/* Rule 39: an application, or another library in it, has initialised libsrtp before us. srtp_init() then refuses
 * ours with the same number as trouble; sessions must work all the same, and its event handler must stay. */

#include "srtp.h"

#include <srtp2/srtp.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static unsigned events;

static void on_event(srtp_event_data_t *data)
{
    (void)data;
    events++;
}

static void test_initialised_before_us(void **state)
{
    SluiceSrtpKeys keys = {.profile = SLUICE_SRTP_AEAD_AES_128_GCM, .key_len = 16, .salt_len = 12};
    _Alignas(4) uint8_t packet[12 + SLUICE_PROTECT_ROOM] = {0x80, 96, 0, 1};
    size_t len = 12;
    SlSrtp *srtp;

    (void)state;
    assert_int_equal(srtp_init(), srtp_err_status_ok);
    assert_int_equal(srtp_install_event_handler(on_event), srtp_err_status_ok);
    for (int i = 0; i < 2; i++) {
        len = 12;
        memset(packet, 0, sizeof packet);
        packet[0] = 0x80;
        packet[1] = 96;
        assert_int_equal(sl_srtp_new(&keys, 1024, 1024, NULL, &srtp), SLUICE_OK);
        assert_int_equal(sl_srtp_protect(srtp, SLUICE_KIND_RTP, packet, &len, sizeof packet),
                         SLUICE_OK);
        assert_int_equal(sl_srtp_unprotect(srtp, 0, SLUICE_KIND_RTP, packet, &len), SLUICE_OK);
        assert_int_equal(len, 12);
        sl_srtp_free(srtp);
    }
}

static srtp_t open_session(void)
{
    uint8_t key[30] = {0};
    srtp_policy_t policy;
    srtp_t session;

    memset(&policy, 0, sizeof policy);
    srtp_crypto_policy_set_rtp_default(&policy.rtp);
    srtp_crypto_policy_set_rtcp_default(&policy.rtcp);
    policy.ssrc.type = ssrc_any_outbound;
    policy.key = key;
    assert_int_equal(srtp_create(&session, &policy), srtp_err_status_ok);
    return session;
}

/* The application's own sessions go on, and what happens to them is told to its handler. */
static void test_application_keeps_its_library(void **state)
{
    _Alignas(4) uint8_t mine[256] = {0x80, 96, 0, 1}, other[256] = {0x80, 96, 0, 2};
    srtp_t session = open_session(), twin = open_session();
    int len = 12;

    (void)state;
    assert_int_equal(srtp_protect(session, mine, &len), srtp_err_status_ok);
    len = 12;
    assert_int_equal(srtp_protect(twin, other, &len), srtp_err_status_ok);
    /* A session that receives the SSRC it sends reports a collision. */
    assert_int_equal(events, 0);
    assert_int_equal(srtp_unprotect(session, other, &len), srtp_err_status_ok);
    assert_int_equal(events, 1);
    assert_int_equal(srtp_dealloc(session), srtp_err_status_ok);
    assert_int_equal(srtp_dealloc(twin), srtp_err_status_ok);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_initialised_before_us),
        cmocka_unit_test(test_application_keeps_its_library),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
