/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: a session is resumed where it may be (RFC 5077, RFC 8446 section 4.6.1), is no way around the
 * verification of the peer, and is never worth more than the handshake it comes from. */

#include "common.h"

#include <stdio.h>

#define SESSION_MAX 8192

typedef struct {
    uint8_t bytes[SESSION_MAX];
    size_t len;
} Session;

static void keep_session(const Duo *duo, Session *session)
{
    SluiceStream *client = duo->end[CLIENT].stream;
    size_t needed = 0;

    assert_status(sluice_stream_get_session(client, NULL, &needed), SLUICE_NO_ROOM);
    assert_true(needed > 0 && needed <= SESSION_MAX);
    session->len = needed - 1;
    assert_status(sluice_stream_get_session(client, session->bytes, &session->len), SLUICE_NO_ROOM);
    assert_int_equal(session->len, needed);
    assert_status(sluice_stream_get_session(client, session->bytes, &session->len), SLUICE_OK);
    assert_int_equal(session->len, needed);
}

static SluiceStatus offer(Duo *duo, const Session *session)
{
    return sluice_stream_set_session(duo->end[CLIENT].stream, session->bytes, session->len);
}

/* Two configs that outlive one connection. */
typedef struct {
    SluiceConfig *client, *server;
} Pair;

static Pair make_pair(unsigned version, Identity who)
{
    return (Pair){client_config(version), server_config(version, who)};
}

static void free_pair(Pair *pair)
{
    sluice_config_unref(pair->client);
    sluice_config_unref(pair->server);
}

static void open_again(Duo *duo, const Pair *pair, const char *host)
{
    duo_open(duo, sluice_config_ref(pair->client), sluice_config_ref(pair->server));
    if (host)
        assert_status(sluice_stream_set_host(duo->end[CLIENT].stream, host), SLUICE_OK);
}

/* The session of a connection that was verified by authority and name. */
static void first_time(const Pair *pair, Session *session)
{
    Duo duo;

    open_again(&duo, pair, HOST);
    duo_connect(&duo);
    assert_int_equal(duo_info(&duo, CLIENT).resumed, 0);
    assert_int_equal(duo_info(&duo, SERVER).resumed, 0);
    keep_session(&duo, session);
    duo_close(&duo);
}

static void test_resumed(void **state)
{
    (void)state;
    for (int v = 0; v < 2; v++) {
        Pair pair = make_pair(versions[v], ID_SERVER);
        Session session;

        first_time(&pair, &session);
        for (int i = 0; i < 3; i++) {
            const uint8_t *der;
            size_t len;
            Duo duo;

            open_again(&duo, &pair, HOST);
            assert_status(offer(&duo, &session), SLUICE_OK);
            duo_connect(&duo);
            for (int end = 0; end < 2; end++) {
                SluiceStreamInfo info = duo_info(&duo, end);

                assert_int_equal(info.resumed, 1);
                assert_int_equal(info.version, versions[v]);
                assert_string_equal(info.server_name, HOST);
            }
            assert_status(sluice_stream_get_peer_certificate(duo.end[CLIENT].stream, 0, &der, &len),
                          SLUICE_OK);
            assert_string_equal(sluice_stream_get_verify_text(duo.end[CLIENT].stream), "ok");
            duo_assert_talks(&duo, 1000);
            if (versions[v] == SLUICE_TLS_1_3)
                keep_session(&duo, &session); /* each is good for one connection */
            duo_close(&duo);
        }
        free_pair(&pair);
    }
}

/* Another server, whose keys are others: a whole handshake, and the certificate counts. */
static void test_offered_to_another_server(void **state)
{
    (void)state;
    for (int v = 0; v < 2; v++) {
        Pair first = make_pair(versions[v], ID_SERVER), second = make_pair(versions[v], ID_SERVER),
             stranger = make_pair(versions[v], ID_STRANGER);
        Session session;
        Duo duo;

        first_time(&first, &session);
        open_again(&duo, &second, HOST);
        assert_status(offer(&duo, &session), SLUICE_OK);
        duo_connect(&duo);
        assert_int_equal(duo_info(&duo, CLIENT).resumed, 0);
        duo_assert_talks(&duo, 100);
        duo_close(&duo);

        open_again(&duo, &stranger, HOST);
        assert_status(offer(&duo, &session), SLUICE_OK);
        duo_start(&duo);
        duo_settle(&duo);
        assert_reason(&duo, CLIENT, SLUICE_END_CERTIFICATE);
        duo_close(&duo);
        free_pair(&first);
        free_pair(&second);
        free_pair(&stranger);
    }
}

/* -- a session is not a way around -------------------------------------------------------------- */

/* Offers @session as TRUST with @host; it must come to nothing. */
static void assert_not_trusted(const Pair *pair, const Session *session, const char *host)
{
    uint8_t byte = 1;
    size_t n;
    Duo duo;

    open_again(&duo, pair, host);
    assert_status(offer(&duo, session), SLUICE_OK);
    duo_start(&duo);
    duo_pass(&duo);
    if (duo_state(&duo, SERVER) == SLUICE_STATE_CONNECTED)
        duo_write(&duo, SERVER, 100);
    duo_settle(&duo);
    assert_state(&duo, CLIENT, SLUICE_STATE_FAILED);
    assert_reason(&duo, CLIENT, SLUICE_END_CERTIFICATE);
    assert_int_equal(duo.end[CLIENT].got, 0);
    assert_status(sluice_stream_write(duo.end[CLIENT].stream, &byte, 1, &n), SLUICE_ENDED);
    assert_status(sluice_stream_get_session(duo.end[CLIENT].stream, NULL, &n), SLUICE_NOT_READY);
    duo_close(&duo);
}

static void test_another_host(void **state)
{
    (void)state;
    for (int v = 0; v < 2; v++) {
        Pair pair = make_pair(versions[v], ID_SERVER);
        Session session;

        first_time(&pair, &session);
        assert_not_trusted(&pair, &session, "other.example");
        assert_not_trusted(&pair, &session, "192.0.2.7");
        free_pair(&pair);
    }
}

/* A server of @who, judged as @how, which comes out well; what its session is worth to TRUST. */
static void session_of(const Pair *pair, Identity who, SluiceVerify how, Session *session)
{
    SluiceFingerprint fingerprint = fingerprint_of_identity(who, SLUICE_HASH_SHA256);
    Duo duo;

    open_again(&duo, pair, NULL);
    assert_status(sluice_stream_set_verify(duo.end[CLIENT].stream, how), SLUICE_OK);
    if (how == SLUICE_VERIFY_FINGERPRINT)
        assert_status(
            sluice_stream_set_remote_fingerprints(duo.end[CLIENT].stream, &fingerprint, 1),
            SLUICE_OK);
    duo_start(&duo);
    duo_pass(&duo);
    if (how == SLUICE_VERIFY_ASK)
        assert_status(sluice_stream_accept_peer(duo.end[CLIENT].stream, 1), SLUICE_OK);
    duo_settle(&duo);
    assert_state(&duo, CLIENT, SLUICE_STATE_CONNECTED);
    keep_session(&duo, session);
    duo_close(&duo);
}

static void test_sessions_of_less_than_trust(void **state)
{
    static const Identity identities[] = {ID_STRANGER, ID_SELF_SIGNED, ID_EXPIRED};

    (void)state;
    for (int v = 0; v < 2; v++)
        for (size_t i = 0; i < sizeof identities / sizeof *identities; i++)
            for (SluiceVerify how = SLUICE_VERIFY_FINGERPRINT; how <= SLUICE_VERIFY_ASK; how++) {
                Pair pair = make_pair(versions[v], identities[i]);
                Session session;

                session_of(&pair, identities[i], how, &session);
                assert_not_trusted(&pair, &session, HOST);
                free_pair(&pair);
            }
}

static int reset_clock(void **state)
{
    (void)state;
    vclock_reset_wall();
    return 0;
}

/* The server's certificate runs out, the session has not. */
static void test_a_certificate_that_ran_out_meanwhile(void **state)
{
    (void)state;
    for (int v = 0; v < 2; v++) {
        Pair pair = make_pair(versions[v], ID_SERVER);
        Session session;

        /* A session lives for hours: it is made in the certificate's last minutes. */
        vclock_step_wall((30 * 86400 - 300) * SECOND);
        first_time(&pair, &session);
        vclock_step_wall(600 * SECOND);
        assert_not_trusted(&pair, &session, HOST);
        reset_clock(NULL);
        free_pair(&pair);
    }
}

/* Trusted under one config's authorities, offered under another's: it is not even taken. */
static void test_other_authorities(void **state)
{
    (void)state;
    for (int v = 0; v < 2; v++) {
        Pair trusting = {config_with(versions[v], ID_CLIENT, OTHER_AUTHORITY),
                         server_config(versions[v], ID_STRANGER)};
        Pair pair = {client_config(versions[v]), trusting.server};
        Session session;
        Duo duo;

        first_time(&trusting, &session);
        open_again(&duo, &pair, HOST);
        assert_status(offer(&duo, &session), SLUICE_INVALID_ARGUMENT);
        duo_start(&duo);
        duo_settle(&duo);
        assert_reason(&duo, CLIENT, SLUICE_END_CERTIFICATE);
        duo_close(&duo);
        free_pair(&trusting);
        sluice_config_unref(pair.client);
    }
}

/* By its fingerprint the peer of a session is judged again, too. */
static void test_fingerprints_of_a_resumed_peer(void **state)
{
    (void)state;
    for (int v = 0; v < 2; v++)
        for (int right = 0; right < 2; right++)
            for (int late = 0; late < 2; late++) {
                Pair pair = make_pair(versions[v], ID_SERVER);
                SluiceFingerprint fingerprint =
                    fingerprint_of_identity(right ? ID_SERVER : ID_OTHER_HOST, SLUICE_HASH_SHA256);
                Session session;
                SluiceStream *client;
                Duo duo;

                first_time(&pair, &session);
                open_again(&duo, &pair, NULL);
                client = duo.end[CLIENT].stream;
                assert_status(sluice_stream_set_verify(client, SLUICE_VERIFY_FINGERPRINT),
                              SLUICE_OK);
                assert_status(offer(&duo, &session), SLUICE_OK);
                if (!late)
                    sluice_stream_set_remote_fingerprints(client, &fingerprint, 1);
                duo_start(&duo);
                duo_pass(&duo);
                if (late) {
                    assert_state(&duo, CLIENT, SLUICE_STATE_UNVERIFIED);
                    sluice_stream_set_remote_fingerprints(client, &fingerprint, 1);
                }
                assert_state(&duo, CLIENT, right ? SLUICE_STATE_CONNECTED : SLUICE_STATE_FAILED);
                if (!right)
                    assert_reason(&duo, CLIENT, SLUICE_END_FINGERPRINT_MISMATCH);
                duo_close(&duo);
                free_pair(&pair);
            }
}

/* Asking goes on with a resumed session: the application has to answer each time. */
static void test_asked_again(void **state)
{
    (void)state;
    for (int v = 0; v < 2; v++) {
        Pair pair = make_pair(versions[v], ID_SELF_SIGNED);
        Session session;
        Duo duo;

        session_of(&pair, ID_SELF_SIGNED, SLUICE_VERIFY_ASK, &session);
        open_again(&duo, &pair, NULL);
        assert_status(sluice_stream_set_verify(duo.end[CLIENT].stream, SLUICE_VERIFY_ASK),
                      SLUICE_OK);
        assert_status(offer(&duo, &session), SLUICE_OK);
        duo_start(&duo);
        duo_pass(&duo);
        assert_state(&duo, CLIENT, SLUICE_STATE_UNVERIFIED);
        assert_string_not_equal(sluice_stream_get_verify_text(duo.end[CLIENT].stream), "ok");
        assert_int_equal(duo_info(&duo, CLIENT).resumed, 1);
        duo_close(&duo);
        free_pair(&pair);
    }
}

/* -- what is no session ------------------------------------------------------------------------- */

static void test_garbage(void **state)
{
    Pair pair = make_pair(0, ID_SERVER);
    Session good, bad;
    Rng rng;
    Duo duo;

    (void)state;
    rng_init(&rng, rng_test_seed(5));
    first_time(&pair, &good);
    open_again(&duo, &pair, HOST);
    bad = good;
    for (bad.len = 1; bad.len < good.len; bad.len++)
        assert_status(offer(&duo, &bad), SLUICE_INVALID_ARGUMENT);
    bad.len = good.len + 1;
    assert_status(offer(&duo, &bad), SLUICE_INVALID_ARGUMENT);
    for (int i = 0; i < 200; i++) {
        bad.len = 1 + (size_t)rng_below(&rng, SESSION_MAX);
        for (size_t j = 0; j < bad.len; j++)
            bad.bytes[j] = (uint8_t)rng_next(&rng);
        (void)offer(&duo, &bad);
    }
    duo_connect(&duo);
    assert_int_equal(duo_info(&duo, CLIENT).resumed, 0);
    duo_close(&duo);
    free_pair(&pair);
}

/* A blob of which one byte is wrong: read or not, resumed or not, never another peer, no crash. */
static void test_a_wrong_byte(void **state)
{
    (void)state;
    for (int v = 0; v < 2; v++) {
        Pair pair = make_pair(versions[v], ID_SERVER);
        Session good, bad;

        first_time(&pair, &good);
        for (size_t at = 0; at < good.len; at += 3) {
            Duo duo;

            bad = good;
            bad.bytes[at] ^= 0x41;
            open_again(&duo, &pair, HOST);
            (void)offer(&duo, &bad);
            duo_start(&duo);
            duo_settle(&duo);
            if (duo_state(&duo, CLIENT) == SLUICE_STATE_CONNECTED)
                duo_assert_talks(&duo, 50);
            else
                assert_state(&duo, CLIENT, SLUICE_STATE_FAILED);
            duo_close(&duo);
        }
        free_pair(&pair);
    }
}

/* One of a version that the client no longer speaks is not offered, or not taken. */
static void test_another_version(void **state)
{
    (void)state;
    for (int v = 0; v < 2; v++) {
        SluiceConfig *server = server_config(0, ID_SERVER);
        Pair old = {client_config(versions[v]), server};
        Pair now = {client_config(versions[!v]), server};
        Session session;
        Duo duo;

        first_time(&old, &session);
        open_again(&duo, &now, HOST);
        assert_status(offer(&duo, &session), SLUICE_OK);
        duo_connect(&duo);
        assert_int_equal(duo_info(&duo, CLIENT).version, versions[!v]);
        assert_int_equal(duo_info(&duo, CLIENT).resumed, 0);
        duo_close(&duo);
        free_pair(&old);
        sluice_config_unref(now.client);
    }
}

static void test_who_has_none(void **state)
{
    size_t len = 0;
    Duo duo;

    (void)state;
    duo_open_host(&duo, client_config(0), server_config(0, ID_SERVER));
    assert_status(sluice_stream_get_session(duo.end[CLIENT].stream, NULL, &len), SLUICE_NOT_READY);
    assert_status(sluice_stream_get_session(duo.end[SERVER].stream, NULL, &len),
                  SLUICE_INVALID_ARGUMENT);
    duo_connect(&duo);
    assert_status(sluice_stream_get_session(duo.end[SERVER].stream, NULL, &len),
                  SLUICE_INVALID_ARGUMENT);
    assert_status(sluice_stream_get_session(duo.end[CLIENT].stream, NULL, &len), SLUICE_NO_ROOM);
    assert_status(sluice_stream_get_session(duo.end[CLIENT].stream, NULL, NULL),
                  SLUICE_INVALID_ARGUMENT);
    duo_close(&duo);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_resumed),
        cmocka_unit_test(test_offered_to_another_server),
        cmocka_unit_test(test_another_host),
        cmocka_unit_test(test_sessions_of_less_than_trust),
        cmocka_unit_test_teardown(test_a_certificate_that_ran_out_meanwhile, reset_clock),
        cmocka_unit_test(test_other_authorities),
        cmocka_unit_test(test_fingerprints_of_a_resumed_peer),
        cmocka_unit_test(test_asked_again),
        cmocka_unit_test(test_garbage),
        cmocka_unit_test(test_a_wrong_byte),
        cmocka_unit_test(test_another_version),
        cmocka_unit_test(test_who_has_none),
    };

    alloc_init();
    return cmocka_run_group_tests(tests, NULL, free_identities);
}
