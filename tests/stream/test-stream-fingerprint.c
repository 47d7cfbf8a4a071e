/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: a peer known by its fingerprint (RFC 8122), or by what the application says of it, and nothing in or out
 * before: the right one, the wrong one, both of them late, several, none, no answer. */

#include "common.h"

#include <openssl/x509_vfy.h>

#define BAD_CERTIFICATE 42

static void assert_not_ready(Duo *duo, int which)
{
    uint8_t byte = 0;
    size_t n = 9;

    assert_status(sluice_stream_read(duo->end[which].stream, &byte, 1, &n), SLUICE_NOT_READY);
    assert_int_equal(n, 0);
    n = 9;
    assert_status(sluice_stream_write(duo->end[which].stream, &byte, 1, &n), SLUICE_NOT_READY);
    assert_int_equal(n, 0);
    assert_int_equal(sluice_stream_writable(duo->end[which].stream), 0);
}

static void assert_over(Duo *duo, int which)
{
    uint8_t byte = 0;
    size_t n = 9;

    assert_state(duo, which, SLUICE_STATE_FAILED);
    assert_status(sluice_stream_read(duo->end[which].stream, &byte, 1, &n), SLUICE_ENDED);
    assert_int_equal(n, 0);
    n = 9;
    assert_status(sluice_stream_write(duo->end[which].stream, &byte, 1, &n), SLUICE_ENDED);
    assert_int_equal(n, 0);
    assert_int_equal(duo->end[which].got, 0);
}

/* The client judges as @how; the server's certificate would pass for nobody by authority. */
static void open_judging(Duo *duo, unsigned version, SluiceVerify how)
{
    duo_open(duo, client_config(version), server_config(version, ID_SELF_SIGNED));
    assert_status(sluice_stream_set_verify(duo->end[CLIENT].stream, how), SLUICE_OK);
}

static SluiceStatus know(Duo *duo, Identity who)
{
    SluiceFingerprint fingerprint = fingerprint_of_identity(who, SLUICE_HASH_SHA256);

    return sluice_stream_set_remote_fingerprints(duo->end[CLIENT].stream, &fingerprint, 1);
}

static void test_right(void **state)
{
    (void)state;
    for (int v = 0; v < 2; v++) {
        Duo duo;

        open_judging(&duo, versions[v], SLUICE_VERIFY_FINGERPRINT);
        assert_status(know(&duo, ID_SELF_SIGNED), SLUICE_OK);
        duo_connect(&duo);
        duo_assert_talks(&duo, 1000);
        duo_close(&duo);
    }
}

static void test_wrong(void **state)
{
    (void)state;
    for (int v = 0; v < 2; v++) {
        Duo duo;

        open_judging(&duo, versions[v], SLUICE_VERIFY_FINGERPRINT);
        assert_status(know(&duo, ID_SERVER), SLUICE_OK);
        duo_start(&duo);
        duo_pass(&duo);
        assert_over(&duo, CLIENT);
        assert_reason(&duo, CLIENT, SLUICE_END_FINGERPRINT_MISMATCH);
        assert_int_equal(duo_reason(&duo, CLIENT).phase, SLUICE_STATE_CONNECTING);
        duo_read(&duo, SERVER, 1);
        assert_reason(&duo, SERVER, SLUICE_END_ALERT_RECEIVED);
        assert_int_equal(duo_reason(&duo, SERVER).alert, duo_reason(&duo, CLIENT).alert);
        duo_close(&duo);
    }
}

/* A single bit of it. */
static void test_almost_right(void **state)
{
    SluiceFingerprint right = fingerprint_of_identity(ID_SELF_SIGNED, SLUICE_HASH_SHA256);

    (void)state;
    for (size_t bit = 0; bit < 8 * right.len; bit += 15) {
        SluiceFingerprint wrong = right;
        Duo duo;

        wrong.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        open_judging(&duo, 0, SLUICE_VERIFY_FINGERPRINT);
        assert_status(sluice_stream_set_remote_fingerprints(duo.end[CLIENT].stream, &wrong, 1),
                      SLUICE_OK);
        duo_start(&duo);
        duo_pass(&duo);
        assert_over(&duo, CLIENT);
        duo_close(&duo);
    }
}

/* The server talks into the time before the fingerprint is known; that waits, bounded, until it is. */
static void open_late(Duo *duo, unsigned version)
{
    open_judging(duo, version, SLUICE_VERIFY_FINGERPRINT);
    duo_start(duo);
    duo_pass(duo);
    assert_state(duo, CLIENT, SLUICE_STATE_UNVERIFIED);
    assert_state(duo, SERVER, SLUICE_STATE_CONNECTED);
    assert_not_ready(duo, CLIENT);
    for (int i = 0; i < 10; i++) {
        duo_write(duo, SERVER, 50000);
        duo_pass(duo);
    }
    assert_not_ready(duo, CLIENT);
    assert_false(sluice_stream_wants_input(duo->end[CLIENT].stream));
    assert_true(duo->end[CLIENT].given <= duo->end[CLIENT].input_max + 8192 + RECORD_WHOLE);
}

static void test_late_and_right(void **state)
{
    (void)state;
    for (int v = 0; v < 2; v++) {
        Duo duo;

        open_late(&duo, versions[v]);
        assert_status(know(&duo, ID_SELF_SIGNED), SLUICE_OK);
        assert_state(&duo, CLIENT, SLUICE_STATE_CONNECTED);
        duo_settle(&duo);
        duo_assert_complete(&duo);
        assert_true(duo.end[CLIENT].got >= 65536);
        duo_assert_talks(&duo, 1000);
        duo_close(&duo);
    }
}

static void test_late_and_wrong(void **state)
{
    (void)state;
    for (int v = 0; v < 2; v++) {
        Duo duo;

        open_late(&duo, versions[v]);
        assert_status(know(&duo, ID_SERVER), SLUICE_OK);
        assert_reason(&duo, CLIENT, SLUICE_END_FINGERPRINT_MISMATCH);
        assert_int_equal(duo_reason(&duo, CLIENT).phase, SLUICE_STATE_UNVERIFIED);
        assert_over(&duo, CLIENT);
        duo_pass(&duo);
        assert_over(&duo, CLIENT);
        assert_status(know(&duo, ID_SELF_SIGNED), SLUICE_ENDED);
        assert_over(&duo, CLIENT);
        duo_close(&duo);
    }
}

/* While the handshake runs it is in time, too. */
static void test_in_the_middle(void **state)
{
    (void)state;
    for (int right = 0; right < 2; right++) {
        Duo duo;

        open_judging(&duo, 0, SLUICE_VERIFY_FINGERPRINT);
        duo_start(&duo);
        duo_send(&duo, CLIENT, ALL);
        duo_bring(&duo, SERVER, ALL);
        duo_send(&duo, SERVER, ALL);
        duo_bring(&duo, CLIENT, 50);
        assert_state(&duo, CLIENT, SLUICE_STATE_CONNECTING);
        assert_status(know(&duo, right ? ID_SELF_SIGNED : ID_SERVER), SLUICE_OK);
        duo_pass(&duo);
        assert_state(&duo, CLIENT, right ? SLUICE_STATE_CONNECTED : SLUICE_STATE_FAILED);
        if (!right)
            assert_reason(&duo, CLIENT, SLUICE_END_FINGERPRINT_MISMATCH);
        duo_close(&duo);
    }
}

/* Those of the strongest hash count: a right weaker one beside a wrong stronger one is no help. */
static void test_several(void **state)
{
    SluiceFingerprint list[3];
    Duo duo;

    (void)state;
    list[0] = fingerprint_of_identity(ID_SERVER, SLUICE_HASH_SHA512);
    list[1] = fingerprint_of_identity(ID_SELF_SIGNED, SLUICE_HASH_SHA512);
    list[2] = fingerprint_of_identity(ID_OTHER_HOST, SLUICE_HASH_SHA256);
    open_judging(&duo, 0, SLUICE_VERIFY_FINGERPRINT);
    assert_status(sluice_stream_set_remote_fingerprints(duo.end[CLIENT].stream, list, 3),
                  SLUICE_OK);
    duo_connect(&duo);
    duo_close(&duo);

    list[1] = fingerprint_of_identity(ID_SELF_SIGNED, SLUICE_HASH_SHA384);
    list[2] = fingerprint_of_identity(ID_SELF_SIGNED, SLUICE_HASH_SHA256);
    open_judging(&duo, 0, SLUICE_VERIFY_FINGERPRINT);
    assert_status(sluice_stream_set_remote_fingerprints(duo.end[CLIENT].stream, list, 3),
                  SLUICE_OK);
    duo_start(&duo);
    duo_pass(&duo);
    assert_over(&duo, CLIENT);
    assert_reason(&duo, CLIENT, SLUICE_END_FINGERPRINT_MISMATCH);
    duo_close(&duo);
}

static void test_none_that_counts(void **state)
{
    SluiceFingerprint sha1 = fingerprint_of_identity(ID_SELF_SIGNED, SLUICE_HASH_SHA1);
    SluiceFingerprint broken = fingerprint_of_identity(ID_SELF_SIGNED, SLUICE_HASH_SHA256);
    SluiceStream *client;
    Duo duo;

    (void)state;
    broken.len = 31;
    open_judging(&duo, 0, SLUICE_VERIFY_FINGERPRINT);
    client = duo.end[CLIENT].stream;
    assert_status(sluice_stream_set_remote_fingerprints(client, &sha1, 1), SLUICE_INVALID_ARGUMENT);
    assert_status(sluice_stream_set_remote_fingerprints(client, &broken, 1),
                  SLUICE_INVALID_ARGUMENT);
    assert_status(sluice_stream_set_remote_fingerprints(client, &broken, 0),
                  SLUICE_INVALID_ARGUMENT);
    duo_start(&duo);
    duo_pass(&duo);
    assert_state(&duo, CLIENT, SLUICE_STATE_UNVERIFIED); /* nothing of it was taken */
    assert_status(sluice_stream_set_remote_fingerprints(client, &sha1, 1), SLUICE_INVALID_ARGUMENT);
    assert_state(&duo, CLIENT, SLUICE_STATE_UNVERIFIED);
    assert_status(know(&duo, ID_SELF_SIGNED), SLUICE_OK);
    assert_state(&duo, CLIENT, SLUICE_STATE_CONNECTED);
    duo_close(&duo);
}

/* -- asking --------------------------------------------------------------------------------------- */

static void open_asked(Duo *duo, unsigned version, Identity who, const char *host)
{
    duo_open(duo, client_config(version), server_config(version, who));
    assert_status(sluice_stream_set_verify(duo->end[CLIENT].stream, SLUICE_VERIFY_ASK), SLUICE_OK);
    if (host)
        assert_status(sluice_stream_set_host(duo->end[CLIENT].stream, host), SLUICE_OK);
    duo_start(duo);
    duo_pass(duo);
    assert_state(duo, CLIENT, SLUICE_STATE_UNVERIFIED);
    assert_not_ready(duo, CLIENT);
    duo_write(duo, SERVER, 5000);
    duo_pass(duo);
    assert_not_ready(duo, CLIENT);
}

/* The application sees the certificate that it is asked about. */
static void assert_shown(Duo *duo, Identity who)
{
    const uint8_t *der, *expected;
    size_t len, expected_len;

    assert_status(sluice_stream_get_peer_certificate(duo->end[CLIENT].stream, 0, &der, &len),
                  SLUICE_OK);
    assert_status(sluice_certificate_get_der(identity(who), &expected, &expected_len), SLUICE_OK);
    assert_int_equal(len, expected_len);
    assert_memory_equal(der, expected, len);
}

static void test_ask_and_accept(void **state)
{
    (void)state;
    for (int v = 0; v < 2; v++) {
        Duo duo;

        open_asked(&duo, versions[v], ID_SELF_SIGNED, NULL);
        assert_shown(&duo, ID_SELF_SIGNED);
        assert_string_equal(sluice_stream_get_verify_text(duo.end[CLIENT].stream),
                            X509_verify_cert_error_string(X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT));
        assert_status(sluice_stream_accept_peer(duo.end[CLIENT].stream, 1), SLUICE_OK);
        assert_state(&duo, CLIENT, SLUICE_STATE_CONNECTED);
        duo_settle(&duo);
        assert_int_equal(duo.end[CLIENT].got, 5000);
        duo_assert_talks(&duo, 1000);
        assert_status(sluice_stream_accept_peer(duo.end[CLIENT].stream, 0), SLUICE_INVALID_STATE);
        assert_state(&duo, CLIENT, SLUICE_STATE_CONNECTED);
        duo_close(&duo);
    }
}

static void test_ask_and_refuse(void **state)
{
    (void)state;
    for (int v = 0; v < 2; v++) {
        Duo duo;

        open_asked(&duo, versions[v], ID_SERVER, HOST);
        assert_string_equal(sluice_stream_get_verify_text(duo.end[CLIENT].stream), "ok");
        assert_status(sluice_stream_accept_peer(duo.end[CLIENT].stream, 0), SLUICE_OK);
        assert_over(&duo, CLIENT);
        assert_reason(&duo, CLIENT, SLUICE_END_CERTIFICATE);
        assert_status(sluice_stream_accept_peer(duo.end[CLIENT].stream, 1), SLUICE_INVALID_STATE);
        duo_pass(&duo);
        assert_over(&duo, CLIENT);
        duo_close(&duo);
    }
}

/* What TRUST would think is told whatever the name is: that helps the application. */
static void test_what_trust_thinks(void **state)
{
    static const struct {
        Identity who;
        const char *host;
        long error;
    } cases[] = {
        {ID_SERVER, HOST, X509_V_OK},
        {ID_SERVER, "other.example", X509_V_ERR_HOSTNAME_MISMATCH},
        {ID_ADDRESS, "192.0.2.6", X509_V_ERR_IP_ADDRESS_MISMATCH},
        {ID_EXPIRED, HOST, X509_V_ERR_CERT_HAS_EXPIRED},
        {ID_STRANGER, HOST, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Duo duo;

        open_asked(&duo, 0, cases[i].who, cases[i].host);
        assert_shown(&duo, cases[i].who);
        assert_string_equal(sluice_stream_get_verify_text(duo.end[CLIENT].stream),
                            X509_verify_cert_error_string(cases[i].error));
        duo_close(&duo);
    }
}

/* Nothing may be thought of a certificate that has not been seen. */
static void test_no_opinion_beforehand(void **state)
{
    Duo duo;

    (void)state;
    duo_open_host(&duo, client_config(0), server_config(0, ID_SERVER));
    assert_string_not_equal(sluice_stream_get_verify_text(duo.end[CLIENT].stream), "ok");
    duo_start(&duo);
    assert_string_not_equal(sluice_stream_get_verify_text(duo.end[CLIENT].stream), "ok");
    duo_close(&duo);
}

/* An end before the answer leaves no session to be resumed as if there had been one. */
static void test_no_session_of_a_peer_that_was_not_accepted(void **state)
{
    (void)state;
    for (int v = 0; v < 2; v++) {
        size_t len = 0;
        Duo duo;

        open_asked(&duo, versions[v], ID_SERVER, HOST);
        assert_status(sluice_stream_get_session(duo.end[CLIENT].stream, NULL, &len),
                      SLUICE_NOT_READY);
        (void)sluice_stream_shutdown(duo.end[CLIENT].stream);
        assert_status(sluice_stream_get_session(duo.end[CLIENT].stream, NULL, &len),
                      SLUICE_NOT_READY);
        duo_close(&duo);
    }
}

/* A certificate without the proof of its key is anybody's (the Finished covers that). */
static void test_no_certificate_of_half_a_handshake(void **state)
{
    (void)state;
    for (int v = 0; v < 2; v++)
        for (size_t short_of = 1; short_of < 400; short_of += 7) {
            const uint8_t *der;
            size_t len;
            Duo duo;

            open_judging(&duo, versions[v], SLUICE_VERIFY_ASK);
            duo_start(&duo);
            duo_send(&duo, CLIENT, ALL);
            duo_bring(&duo, SERVER, ALL);
            duo_send(&duo, SERVER, ALL);
            duo.end[SERVER].wire_len -= short_of;
            duo_end_wire(&duo, SERVER);
            duo_bring(&duo, CLIENT, ALL);
            if (duo_state(&duo, CLIENT) == SLUICE_STATE_FAILED)
                assert_status(
                    sluice_stream_get_peer_certificate(duo.end[CLIENT].stream, 0, &der, &len),
                    SLUICE_NOT_READY);
            duo_close(&duo);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_right),
        cmocka_unit_test(test_wrong),
        cmocka_unit_test(test_almost_right),
        cmocka_unit_test(test_late_and_right),
        cmocka_unit_test(test_late_and_wrong),
        cmocka_unit_test(test_in_the_middle),
        cmocka_unit_test(test_several),
        cmocka_unit_test(test_none_that_counts),
        cmocka_unit_test(test_ask_and_accept),
        cmocka_unit_test(test_ask_and_refuse),
        cmocka_unit_test(test_what_trust_thinks),
        cmocka_unit_test(test_no_opinion_beforehand),
        cmocka_unit_test(test_no_session_of_a_peer_that_was_not_accepted),
        cmocka_unit_test(test_no_certificate_of_half_a_handshake),
    };

    alloc_init();
    return cmocka_run_group_tests(tests, NULL, free_identities);
}
