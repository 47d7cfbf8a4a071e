/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: a label that TLS keeps for itself (RFC 5705 section 4) is a wrong argument, nothing
 * worse, and asking for keying material leaves OpenSSL's error queue, which is the caller's, too,
 * alone. */

#include "common.h"

#include <openssl/err.h>

#define MARK 123

static void raise_mark(void)
{
    ERR_clear_error();
    ERR_raise(ERR_LIB_USER, MARK);
}

/* The caller's error is there, and no other. */
static void assert_only_mark(void)
{
    unsigned long error = ERR_get_error();

    assert_int_equal(ERR_GET_LIB(error), ERR_LIB_USER);
    assert_int_equal(ERR_GET_REASON(error), MARK);
    assert_int_equal(ERR_get_error(), 0);
}

/* Bug: the label "client finished" was answered with SLUICE_INTERNAL, of the class "dead: free the
 * object", on a connection that was well, and OpenSSL's error stayed in the queue of the thread,
 * where the next SSL_get_error() of the program's own connections would find it. Mechanism: every
 * refusal of SSL_export_keying_material() was taken for a failure of OpenSSL. */
static void test_reserved_labels(void **state)
{
    static const char *const labels[] = {"client finished", "server finished", "master secret",
                                         "extended master secret", "key expansion"};
    uint8_t key[32];
    Pair pair;

    (void)state;
    open_connected(&pair);
    for (int end = 0; end < 2; end++)
        for (size_t i = 0; i < sizeof labels / sizeof labels[0]; i++) {
            SluiceStatus status;

            raise_mark();
            status = sluice_transport_export(pair.end[end].transport, labels[i], NULL, 0, key,
                                             sizeof key);
            assert_status(status, SLUICE_INVALID_ARGUMENT);
            assert_false(sluice_status_is_dead(status));
            assert_only_mark();
            assert_state(&pair, end, SLUICE_STATE_CONNECTED);
        }
    assert_talks(&pair);
    pair_close(&pair);
}

/* The twin: the two labels that may be had give the same bytes at both ends. */
static void test_labels_that_may_be_had(void **state)
{
    static const char *const labels[] = {"EXPORTER-test", "EXTRACTOR-dtls_srtp"};
    uint8_t key[2][32];
    Pair pair;

    (void)state;
    open_connected(&pair);
    for (size_t i = 0; i < 2; i++) {
        for (int end = 0; end < 2; end++) {
            raise_mark();
            assert_status(sluice_transport_export(pair.end[end].transport, labels[i], NULL, 0,
                                                  key[end], sizeof key[end]),
                          SLUICE_OK);
            assert_only_mark();
        }
        assert_memory_equal(key[0], key[1], sizeof key[0]);
    }
    pair_close(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reserved_labels),
        cmocka_unit_test(test_labels_that_may_be_had),
    };

    alloc_init();
    return cmocka_run_group_tests(tests, NULL, free_certificates);
}
