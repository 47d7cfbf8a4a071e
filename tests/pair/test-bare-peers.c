/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: a peer without extended master secret (RFC 7627 section 5) is refused in either role, with an alert and that
 * reason; one with other groups is met with those. The peer is OpenSSL itself. */

#include "foreign.h"

#define CLOSE_NOTIFY 0
#define HANDSHAKE_FAILURE 40

static void test_no_extended_master_secret(void **state)
{
    static const SluiceRole roles[] = {SLUICE_ROLE_CLIENT, SLUICE_ROLE_SERVER};

    (void)state;
    for (int i = 0; i < 2; i++) {
        SluiceEnd end;
        Foreign foreign;

        foreign_open_with(&foreign, &foreign_openssl, roles[i], "X25519:P-256",
                          SSL_OP_NO_EXTENDED_MASTER_SECRET);
        foreign_run(&foreign, 3 * SECOND);
        assert_string_equal(sluice_state_name(sluice_transport_get_state(foreign.transport)),
                            "failed");
        assert_status(sluice_transport_get_end(foreign.transport, &end), SLUICE_OK);
        assert_string_equal(sluice_end_reason_name(end.reason),
                            sluice_end_reason_name(SLUICE_END_WEAK_HANDSHAKE));
        if (roles[i] == SLUICE_ROLE_SERVER) { /* that ClientHello may have been anybody's: 2 s */
            assert_int_equal(foreign_openssl.last_alert(foreign.peer), HANDSHAKE_FAILURE);
            assert_false(foreign_openssl.is_finished(foreign.peer));
        } else { /* a client sees at the end that the server has not taken up its offer */
            assert_int_equal(foreign_openssl.last_alert(foreign.peer), CLOSE_NOTIFY);
        }
        foreign_close(&foreign);
    }
}

/* P-256 is in each of them: it is the certificates' (RFC 8422 section 5.1.1). */
static void test_groups(void **state)
{
    static const struct {
        const char *groups, *name;
    } cases[] = {{"X25519:P-256", "x25519"}, {"P-256:X25519", "x25519"}, {"P-256", "P-256"}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (int role = SLUICE_ROLE_CLIENT; role <= SLUICE_ROLE_SERVER; role++) {
            SluiceStats stats;
            Foreign foreign;

            foreign_open_with(&foreign, &foreign_openssl, (SluiceRole)role, cases[i].groups, 0);
            foreign_run(&foreign, SECOND);
            assert_true(foreign_both_connected(&foreign));
            sluice_transport_get_stats(foreign.transport, &stats, sizeof stats);
            assert_string_equal(stats.tls_group, cases[i].name);
            foreign_close(&foreign);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_extended_master_secret),
        cmocka_unit_test(test_groups),
    };

    alloc_init();
    return cmocka_run_group_tests(tests, NULL, free_certificates);
}
