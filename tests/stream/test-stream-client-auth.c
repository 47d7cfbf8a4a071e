/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: mutual TLS. What a server wants of its clients, what a client shows, and who is let in, by authority, by
 * fingerprint, by asking; a resumed session is no way in for a client that was not let in. */

#include "common.h"

#include <openssl/x509_vfy.h>

#include <stdio.h>

#define NOBODY IDENTITIES
#define CERTIFICATE_REQUIRED 116
#define HANDSHAKE_FAILURE 40

typedef enum { LET_IN, TURNED_AWAY } Outcome;

/* A client that has the certificate of @who, or shows none. */
static SluiceConfig *client_of(unsigned version, Identity who)
{
    SluiceConfig *config = config_with(version, who == NOBODY ? ID_CLIENT : who, AUTHORITY);

    assert_status(sluice_config_set_stream_present_certificate(config, who != NOBODY), SLUICE_OK);
    return config;
}

static SluiceConfig *server_of(unsigned version, SluiceClientAuth auth)
{
    SluiceConfig *config = server_config(version, ID_SERVER);

    assert_status(sluice_config_set_stream_client_auth(config, auth), SLUICE_OK);
    return config;
}

static void assert_turned_away(Duo *duo, SluiceEndReason reason)
{
    uint8_t byte = 1;
    size_t n;

    /* In TLS 1.3 a client learns it when it reads; what it wrote in the meantime has reached nobody. */
    if (duo_state(duo, CLIENT) == SLUICE_STATE_CONNECTED)
        duo_write(duo, CLIENT, 100);
    duo_settle(duo);
    assert_state(duo, SERVER, SLUICE_STATE_FAILED);
    assert_reason(duo, SERVER, reason);
    assert_int_equal(duo->end[SERVER].got, 0);
    assert_status(sluice_stream_write(duo->end[SERVER].stream, &byte, 1, &n), SLUICE_ENDED);
    assert_state(duo, CLIENT, SLUICE_STATE_FAILED);
    assert_reason(duo, CLIENT, SLUICE_END_ALERT_RECEIVED);
    assert_int_equal(duo_reason(duo, CLIENT).alert, duo_reason(duo, SERVER).alert);
    assert_int_equal(duo->end[CLIENT].got, 0);
}

static void visit(SluiceClientAuth auth, Identity who, Outcome outcome, SluiceEndReason reason)
{
    for (int v = 0; v < 2; v++) {
        const uint8_t *der;
        size_t len;
        Duo duo;

        duo_open_host(&duo, client_of(versions[v], who), server_of(versions[v], auth));
        if (outcome == LET_IN) {
            duo_connect(&duo);
            duo_assert_talks(&duo, 1000);
            assert_status(sluice_stream_get_peer_certificate(duo.end[SERVER].stream, 0, &der, &len),
                          who != NOBODY && auth != SLUICE_CLIENT_AUTH_NONE ? SLUICE_OK
                                                                           : SLUICE_NOT_READY);
        } else {
            duo_start(&duo);
            duo_pass(&duo);
            assert_turned_away(&duo, reason);
        }
        duo_close(&duo);
    }
}

static void test_none(void **state)
{
    (void)state;
    visit(SLUICE_CLIENT_AUTH_NONE, NOBODY, LET_IN, 0);
    visit(SLUICE_CLIENT_AUTH_NONE, ID_CLIENT, LET_IN, 0);
    visit(SLUICE_CLIENT_AUTH_NONE, ID_CLIENT_STRANGER, LET_IN, 0);
}

static void test_request(void **state)
{
    (void)state;
    visit(SLUICE_CLIENT_AUTH_REQUEST, NOBODY, LET_IN, 0);
    visit(SLUICE_CLIENT_AUTH_REQUEST, ID_CLIENT, LET_IN, 0);
    visit(SLUICE_CLIENT_AUTH_REQUEST, ID_CLIENT_STRANGER, TURNED_AWAY, SLUICE_END_CERTIFICATE);
    visit(SLUICE_CLIENT_AUTH_REQUEST, ID_CLIENT_EXPIRED, TURNED_AWAY, SLUICE_END_CERTIFICATE);
    visit(SLUICE_CLIENT_AUTH_REQUEST, ID_SELF_SIGNED, TURNED_AWAY, SLUICE_END_CERTIFICATE);
}

static void test_require(void **state)
{
    (void)state;
    visit(SLUICE_CLIENT_AUTH_REQUIRE, NOBODY, TURNED_AWAY, SLUICE_END_ALERT_SENT);
    visit(SLUICE_CLIENT_AUTH_REQUIRE, ID_CLIENT, LET_IN, 0);
    visit(SLUICE_CLIENT_AUTH_REQUIRE, ID_CLIENT_STRANGER, TURNED_AWAY, SLUICE_END_CERTIFICATE);
    visit(SLUICE_CLIENT_AUTH_REQUIRE, ID_CLIENT_EXPIRED, TURNED_AWAY, SLUICE_END_CERTIFICATE);
    /* A certificate for servers alone (RFC 5280 section 4.2.1.12). */
    visit(SLUICE_CLIENT_AUTH_REQUIRE, ID_SERVER_ALONE, TURNED_AWAY, SLUICE_END_CERTIFICATE);
}

/* The number says what is missing; TLS 1.2 has none for that. */
static void test_the_alert_for_none(void **state)
{
    (void)state;
    for (int v = 0; v < 2; v++) {
        Duo duo;

        duo_open_host(&duo, client_of(versions[v], NOBODY),
                      server_of(versions[v], SLUICE_CLIENT_AUTH_REQUIRE));
        duo_start(&duo);
        duo_settle(&duo);
        assert_int_equal(duo_reason(&duo, SERVER).alert,
                         versions[v] == SLUICE_TLS_1_3 ? CERTIFICATE_REQUIRED : HANDSHAKE_FAILURE);
        duo_close(&duo);
    }
}

/* -- by fingerprint and by asking ----------------------------------------------------------------- */

static void open_judging(Duo *duo, unsigned version, Identity who, SluiceVerify how)
{
    duo_open_host(duo, client_of(version, who), server_of(version, SLUICE_CLIENT_AUTH_NONE));
    assert_status(sluice_stream_set_verify(duo->end[SERVER].stream, how), SLUICE_OK);
}

static SluiceStatus know(Duo *duo, Identity who)
{
    SluiceFingerprint fingerprint = fingerprint_of_identity(who, SLUICE_HASH_SHA256);

    return sluice_stream_set_remote_fingerprints(duo->end[SERVER].stream, &fingerprint, 1);
}

static void test_fingerprint(void **state)
{
    (void)state;
    for (int v = 0; v < 2; v++) {
        Duo duo;

        open_judging(&duo, versions[v], ID_SELF_SIGNED, SLUICE_VERIFY_FINGERPRINT);
        assert_status(know(&duo, ID_SELF_SIGNED), SLUICE_OK);
        duo_connect(&duo);
        duo_assert_talks(&duo, 10);
        duo_close(&duo);

        open_judging(&duo, versions[v], ID_CLIENT, SLUICE_VERIFY_FINGERPRINT);
        assert_status(know(&duo, ID_CLIENT_2), SLUICE_OK);
        duo_start(&duo);
        duo_pass(&duo);
        assert_turned_away(&duo, SLUICE_END_FINGERPRINT_MISMATCH);
        duo_close(&duo);

        open_judging(&duo, versions[v], NOBODY, SLUICE_VERIFY_FINGERPRINT);
        assert_status(know(&duo, ID_CLIENT), SLUICE_OK);
        duo_start(&duo);
        duo_pass(&duo);
        assert_turned_away(&duo, SLUICE_END_ALERT_SENT);
        duo_close(&duo);
    }
}

/* What the client says while the server does not know it waits, and reaches nobody if it is the wrong one. */
static void test_late_fingerprint(void **state)
{
    (void)state;
    for (int v = 0; v < 2; v++)
        for (int right = 0; right < 2; right++) {
            Duo duo;

            open_judging(&duo, versions[v], ID_CLIENT, SLUICE_VERIFY_FINGERPRINT);
            duo_start(&duo);
            duo_pass(&duo);
            assert_state(&duo, SERVER, SLUICE_STATE_UNVERIFIED);
            duo_write(&duo, CLIENT, 1000);
            duo_pass(&duo);
            assert_int_equal(duo_read(&duo, SERVER, 10), 0);
            assert_int_equal(duo_write(&duo, SERVER, 10), 0);
            assert_status(know(&duo, right ? ID_CLIENT : ID_CLIENT_2), SLUICE_OK);
            duo_settle(&duo);
            if (right) {
                duo_assert_complete(&duo);
                duo_assert_talks(&duo, 10);
            } else {
                assert_reason(&duo, SERVER, SLUICE_END_FINGERPRINT_MISMATCH);
                assert_int_equal(duo.end[SERVER].got, 0);
            }
            duo_close(&duo);
        }
}

static void test_ask(void **state)
{
    static const Identity clients[] = {NOBODY, ID_CLIENT, ID_SELF_SIGNED};

    (void)state;
    for (int v = 0; v < 2; v++)
        for (size_t i = 0; i < 3; i++)
            for (int yes = 0; yes < 2; yes++) {
                SluiceStream *server;
                const uint8_t *der;
                size_t len;
                Duo duo;

                open_judging(&duo, versions[v], clients[i], SLUICE_VERIFY_ASK);
                server = duo.end[SERVER].stream;
                duo_start(&duo);
                duo_pass(&duo);
                assert_state(&duo, SERVER, SLUICE_STATE_UNVERIFIED);
                assert_status(sluice_stream_get_peer_certificate(server, 0, &der, &len),
                              clients[i] == NOBODY ? SLUICE_NOT_READY : SLUICE_OK);
                if (clients[i] == ID_CLIENT)
                    assert_string_equal(sluice_stream_get_verify_text(server), "ok");
                else
                    assert_string_not_equal(sluice_stream_get_verify_text(server), "ok");
                duo_write(&duo, CLIENT, 1000);
                duo_pass(&duo);
                assert_int_equal(duo_read(&duo, SERVER, 10), 0);
                assert_int_equal(duo_write(&duo, SERVER, 10), 0);
                assert_status(sluice_stream_accept_peer(server, yes), SLUICE_OK);
                duo_settle(&duo);
                assert_int_equal(duo.end[SERVER].got, yes ? 1000 : 0);
                if (yes)
                    duo_assert_talks(&duo, 10);
                else
                    assert_reason(&duo, SERVER, SLUICE_END_CERTIFICATE);
                duo_close(&duo);
            }
}

/* -- resumption ----------------------------------------------------------------------------------- */

/* The config asks for nothing; how the server judges is each stream's. A client that one stream let in by other rules
 * comes back with its session. */
static void come_back(unsigned version, Identity who, SluiceVerify first, SluiceVerify second,
                      Outcome outcome)
{
    SluiceFingerprint other = fingerprint_of_identity(ID_CLIENT_2, SLUICE_HASH_SHA256);
    SluiceFingerprint own = fingerprint_of_identity(who, SLUICE_HASH_SHA256);
    SluiceConfig *client = client_of(version, who);
    SluiceConfig *server = server_of(version, SLUICE_CLIENT_AUTH_REQUIRE);
    uint8_t session[8192];
    size_t len = sizeof session;
    Duo duo;

    duo_open_host(&duo, sluice_config_ref(client), sluice_config_ref(server));
    sluice_stream_set_verify(duo.end[SERVER].stream, first);
    if (first == SLUICE_VERIFY_FINGERPRINT)
        sluice_stream_set_remote_fingerprints(duo.end[SERVER].stream, &own, 1);
    duo_start(&duo);
    duo_settle(&duo);
    /* An ASK has not been answered: in TLS 1.3 the session is there all the same. */
    if (sluice_stream_get_session(duo.end[CLIENT].stream, session, &len) != SLUICE_OK)
        len = 0;
    duo_close(&duo);

    duo_open_host(&duo, client, server);
    sluice_stream_set_verify(duo.end[SERVER].stream, second);
    if (second == SLUICE_VERIFY_FINGERPRINT)
        sluice_stream_set_remote_fingerprints(duo.end[SERVER].stream,
                                              outcome == LET_IN ? &own : &other, 1);
    if (len)
        assert_status(sluice_stream_set_session(duo.end[CLIENT].stream, session, len), SLUICE_OK);
    duo_start(&duo);
    duo_settle(&duo);
    if (outcome == LET_IN) {
        assert_state(&duo, SERVER, SLUICE_STATE_CONNECTED);
        assert_true(len > 0);
        assert_int_equal(duo_info(&duo, SERVER).resumed, 1);
        duo_assert_talks(&duo, 10);
    } else {
        if (duo_state(&duo, CLIENT) == SLUICE_STATE_CONNECTED)
            duo_write(&duo, CLIENT, 100);
        duo_settle(&duo);
        assert_state(&duo, SERVER, SLUICE_STATE_FAILED);
        assert_reason(&duo, SERVER,
                      second == SLUICE_VERIFY_FINGERPRINT ? SLUICE_END_FINGERPRINT_MISMATCH
                                                          : SLUICE_END_CERTIFICATE);
        assert_int_equal(duo.end[SERVER].got, 0);
        assert_int_equal(duo.end[CLIENT].got, 0);
    }
    duo_close(&duo);
}

static void test_resumed_clients(void **state)
{
    const SluiceVerify trust = SLUICE_VERIFY_TRUST, ask = SLUICE_VERIFY_ASK,
                       fingerprint = SLUICE_VERIFY_FINGERPRINT;

    (void)state;
    for (int v = 0; v < 2; v++) {
        come_back(versions[v], ID_CLIENT, trust, trust, LET_IN);
        come_back(versions[v], ID_CLIENT, trust, fingerprint, LET_IN);
        come_back(versions[v], ID_CLIENT, trust, fingerprint, TURNED_AWAY);
        come_back(versions[v], ID_CLIENT_STRANGER, ask, trust, TURNED_AWAY);
        come_back(versions[v], ID_SELF_SIGNED, ask, trust, TURNED_AWAY);
        come_back(versions[v], ID_CLIENT_EXPIRED, fingerprint, trust, TURNED_AWAY);
        come_back(versions[v], ID_CLIENT_STRANGER, fingerprint, trust, TURNED_AWAY);
    }
}

static int reset_clock(void **state)
{
    (void)state;
    vclock_reset_wall();
    return 0;
}

/* A client's certificate runs out between its two visits. */
static void test_a_certificate_that_ran_out_meanwhile(void **state)
{
    (void)state;
    for (int v = 0; v < 2; v++) {
        SluiceConfig *client = client_of(versions[v], ID_CLIENT);
        SluiceConfig *server = server_of(versions[v], SLUICE_CLIENT_AUTH_REQUIRE);
        uint8_t session[8192];
        size_t len = sizeof session;
        Duo duo;

        vclock_step_wall((30 * 86400 - 300) * SECOND);
        duo_open_host(&duo, sluice_config_ref(client), sluice_config_ref(server));
        duo_connect(&duo);
        assert_status(sluice_stream_get_session(duo.end[CLIENT].stream, session, &len), SLUICE_OK);
        duo_close(&duo);
        vclock_step_wall(600 * SECOND);
        duo_open(&duo, client, server);
        /* The server's is over, too: this client does not mind. */
        sluice_stream_set_verify(duo.end[CLIENT].stream, SLUICE_VERIFY_ASK);
        assert_status(sluice_stream_set_session(duo.end[CLIENT].stream, session, len), SLUICE_OK);
        duo_start(&duo);
        duo_pass(&duo);
        (void)sluice_stream_accept_peer(duo.end[CLIENT].stream, 1);
        duo_settle(&duo);
        assert_state(&duo, SERVER, SLUICE_STATE_FAILED);
        assert_reason(&duo, SERVER, SLUICE_END_CERTIFICATE);
        duo_close(&duo);
        reset_clock(NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_none),
        cmocka_unit_test(test_request),
        cmocka_unit_test(test_require),
        cmocka_unit_test(test_the_alert_for_none),
        cmocka_unit_test(test_fingerprint),
        cmocka_unit_test(test_late_fingerprint),
        cmocka_unit_test(test_ask),
        cmocka_unit_test(test_resumed_clients),
        cmocka_unit_test_teardown(test_a_certificate_that_ran_out_meanwhile, reset_clock),
    };

    alloc_init();
    return cmocka_run_group_tests(tests, NULL, free_identities);
}
