/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: what the transport shows stays where it is for as long as the headers promise: the peer's
 * certificate until free, a message until it is popped or the transport freed. Best run with
 * AddressSanitizer or valgrind. */

#include "common.h"

#define DER_MAX 1024

typedef struct {
    const uint8_t *der;
    size_t len;
    uint8_t copy[DER_MAX];
} Shown;

static void show_certificate(const Pair *pair, Shown *shown)
{
    assert_status(sluice_transport_get_remote_certificate(pair->end[CLIENT].transport, &shown->der,
                                                          &shown->len),
                  SLUICE_OK);
    assert_true(shown->len > 0 && shown->len <= sizeof shown->copy);
    memcpy(shown->copy, shown->der, shown->len);
}

/* The bytes are there, and asking again gives the same ones. */
static void assert_still_shown(const Pair *pair, const Shown *shown)
{
    const uint8_t *der = NULL;
    size_t len = 0;

    assert_memory_equal(shown->der, shown->copy, shown->len);
    assert_status(sluice_transport_get_remote_certificate(pair->end[CLIENT].transport, &der, &len),
                  SLUICE_OK);
    assert_ptr_equal(der, shown->der);
    assert_int_equal(len, shown->len);
}

/* Bug: after close() the certificate that had been asked for was read from freed memory.
 * Mechanism: its bytes belonged to the DTLS association, which goes with the end. @peer_closes: by
 * close_notify, which ends it inside receive. */
static void certificate_outlives(int peer_closes)
{
    Shown shown;
    Pair pair;

    open_connected(&pair);
    show_certificate(&pair, &shown);
    sluice_transport_close(pair.end[peer_closes ? SERVER : CLIENT].transport, vclock_now());
    pair_drain(&pair, SERVER);
    pair_run(&pair, SECOND);
    assert_state(&pair, CLIENT, SLUICE_STATE_CLOSED);
    assert_still_shown(&pair, &shown);
    pair_close(&pair);
}

static void test_certificate_after_close(void **state)
{
    (void)state;
    certificate_outlives(0);
    certificate_outlives(1);
}

/* Bug: the certificate of a peer that turned out to be somebody else could not be read any more,
 * just when one wants to look at it. Mechanism: the same. */
static void test_certificate_after_a_late_mismatch(void **state)
{
    SluiceFingerprint wrong = fingerprint_of(certificate_of(CLIENT), SLUICE_HASH_SHA256);
    Shown shown;
    Pair pair;

    (void)state;
    open_default(&pair);
    for (int end = 0; end < 2; end++)
        sluice_transport_set_path_validated(pair.end[end].transport, vclock_now(), 1);
    pair_know(&pair, SERVER);
    pair_start(&pair, SERVER, SLUICE_ROLE_SERVER);
    pair_start(&pair, CLIENT, SLUICE_ROLE_CLIENT);
    pair_run(&pair, 200 * MS);
    assert_state(&pair, CLIENT, SLUICE_STATE_UNVERIFIED);
    show_certificate(&pair, &shown);
    assert_status(sluice_transport_set_remote_fingerprints(pair.end[CLIENT].transport, vclock_now(),
                                                           &wrong, 1),
                  SLUICE_OK);
    assert_reason(&pair, CLIENT, SLUICE_END_FINGERPRINT_MISMATCH);
    assert_still_shown(&pair, &shown);
    pair_close(&pair);
}

/* A handshake that broke off proves nothing about a certificate: none is shown. */
static void test_no_certificate_of_half_a_handshake(void **state)
{
    const uint8_t *der;
    size_t len;
    Pair pair;

    (void)state;
    open_default(&pair);
    pair_start_both(&pair);
    pair_run(&pair, 25 * MS); /* the client has the server's certificate, not its Finished */
    assert_state(&pair, CLIENT, SLUICE_STATE_CONNECTING);
    assert_status(sluice_transport_get_remote_certificate(pair.end[CLIENT].transport, &der, &len),
                  SLUICE_NOT_READY);
    sluice_transport_close(pair.end[CLIENT].transport, vclock_now());
    assert_status(sluice_transport_get_remote_certificate(pair.end[CLIENT].transport, &der, &len),
                  SLUICE_NOT_READY);
    pair_close(&pair);
}

/* An application may close while it reads a message ("bye"): an inbox emptied by close() would
 * pull the bytes away under its eyes. They stay; the message is not shown again. */
static void test_close_while_reading(void **state)
{
    SluiceMessage message, again;
    Pair pair;

    (void)state;
    open_connected(&pair);
    pair.end[SERVER].no_reading = 1;
    assert_status(pair_send_data(&pair, CLIENT, "bye, and the next", 17), SLUICE_OK);
    assert_status(pair_send_data(&pair, CLIENT, "unread", 6), SLUICE_OK);
    pair_run(&pair, SECOND);
    assert_true(sluice_transport_peek_message(pair.end[SERVER].transport, &message));
    assert_status(sluice_transport_close(pair.end[SERVER].transport, vclock_now()), SLUICE_OK);
    assert_int_equal(message.len, 17);
    assert_memory_equal(message.data, "bye, and the next", 17);
    assert_false(sluice_transport_peek_message(pair.end[SERVER].transport, &again));
    (void)sluice_transport_pop_message(pair.end[SERVER].transport);
    assert_memory_equal(message.data, "bye, and the next", 17);
    pair_close(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_certificate_after_close),
        cmocka_unit_test(test_certificate_after_a_late_mismatch),
        cmocka_unit_test(test_no_certificate_of_half_a_handshake),
        cmocka_unit_test(test_close_while_reading),
    };

    alloc_init();
    return cmocka_run_group_tests(tests, NULL, free_certificates);
}
