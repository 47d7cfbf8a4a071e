/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: a peer that names a master key (an MKI, RFC 5764 section 4.1.3) is answered without one, and connects; as server it
 * gets none, and offers none (SRT-04). The peer is GnuTLS. */

#include "foreign.h"

static void test_named_key(void **state)
{
    (void)state;
    for (foreign_gnutls_mki = 0; foreign_gnutls_mki < 2; foreign_gnutls_mki++)
        for (int role = SLUICE_ROLE_CLIENT; role <= SLUICE_ROLE_SERVER; role++) {
            SluiceSrtpKeys keys;
            Foreign foreign;

            foreign_open(&foreign, &foreign_gnutls, (SluiceRole)role);
            foreign_run(&foreign, SECOND);
            assert_true(foreign_both_connected(&foreign));
            assert_status(sluice_transport_get_srtp_keys(foreign.transport, &keys), SLUICE_OK);
            assert_int_equal(keys.profile, SLUICE_SRTP_AES128_CM_SHA1_80);
            foreign_close(&foreign);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_named_key),
    };

    alloc_init();
    return cmocka_run_group_tests(tests, NULL, free_certificates);
}
