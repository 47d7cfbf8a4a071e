/* SPDX-License-Identifier: BSD-3-Clause */

/* The bugs, each a way to be believed, or not to be, that was not meant:
 *   - A resumed session brings no certificate along. The result of the first handshake's verification was taken from it, so a
 *     certificate that had run out came in as long as sessions followed each other (in TLS 1.3 each renews itself).
 *   - A server that asked for certificates and was told of no authority took the system's: everybody with any
 *     certificate of the web was let in.
 *   - OpenSSL wants a chain up to a self-signed certificate, so an intermediate, or the peer's own certificate, that was
 *     added as an authority was never believed (X509_V_FLAG_PARTIAL_CHAIN).
 *   - The verdict began as 0, which is X509_V_OK: "ok" was said of a peer that nobody had seen.
 *   - "127.1" is no address for inet_pton(), and was taken for a name; resolvers take it for an address.
 *   - TLS 1.2 without extended master secret gives two connections the same keys if somebody in the middle wants it (RFC 7627
 *     section 1): an exporter bound nothing.
 *   - In TLS 1.3 the level of an alert says nothing (RFC 8446 section 6); one with level warning ended the stream, and
 *     was not named as the peer's.
 *
 * Holds: the opposite of each, and that the straight way is open still. */

#include "bare.h"

#include <openssl/x509_vfy.h>

#define SESSION_MAX 8192
#define DAY INT64_C(86400)
#define CERTIFICATE_DAYS 30 /* of identities.c */
#define KEY_LEN 32

static int reset_clock(void **state)
{
    (void)state;
    vclock_reset_wall();
    return 0;
}

/* -- certificates that run out -------------------------------------------------------------------- */

typedef struct {
    SluiceConfig *client, *server;
    int judge; /* who minds the other's certificate; they run out together */
    uint8_t session[SESSION_MAX];
    size_t len;
} Visits;

static void open_visits(Visits *self, unsigned version, int judge)
{
    memset(self, 0, sizeof *self);
    self->judge = judge;
    self->client = client_config(version);
    self->server = server_config(version, ID_SERVER);
    if (judge == SERVER) {
        sluice_config_set_stream_present_certificate(self->client, 1);
        sluice_config_set_stream_client_auth(self->server, SLUICE_CLIENT_AUTH_REQUIRE);
    }
}

static void close_visits(Visits *self)
{
    sluice_config_unref(self->client);
    sluice_config_unref(self->server);
}

/* Comes with the newest session there is, if @resume; keeps what it gets. */
static void visit(Visits *self, int resume, int resumed, SluiceState state)
{
    SluiceStream *client;
    uint8_t newer[SESSION_MAX];
    size_t len = sizeof newer;
    Duo duo;

    duo_open_host(&duo, sluice_config_ref(self->client), sluice_config_ref(self->server));
    client = duo.end[CLIENT].stream;
    if (self->judge == SERVER)
        assert_status(sluice_stream_set_verify(client, SLUICE_VERIFY_ASK), SLUICE_OK);
    if (resume)
        assert_status(sluice_stream_set_session(client, self->session, self->len), SLUICE_OK);
    duo_start(&duo);
    duo_pass(&duo);
    if (duo_state(&duo, CLIENT) == SLUICE_STATE_UNVERIFIED)
        assert_status(sluice_stream_accept_peer(client, 1), SLUICE_OK);
    if (duo_state(&duo, !self->judge) == SLUICE_STATE_CONNECTED)
        duo_write(&duo, !self->judge, 100);
    duo_settle(&duo);
    assert_state(&duo, self->judge, state);
    if (state == SLUICE_STATE_CONNECTED) {
        assert_int_equal(duo_info(&duo, self->judge).resumed, resumed);
        assert_int_equal(duo.end[self->judge].got, 100);
    } else {
        assert_reason(&duo, self->judge, SLUICE_END_CERTIFICATE);
        assert_string_equal(duo_reason(&duo, self->judge).openssl_reason,
                            X509_verify_cert_error_string(X509_V_ERR_CERT_HAS_EXPIRED));
        assert_int_equal(duo.end[self->judge].got, 0);
    }
    if (sluice_stream_get_session(client, newer, &len) == SLUICE_OK) {
        memcpy(self->session, newer, len);
        self->len = len;
    }
    duo_close(&duo);
}

static void test_sessions_do_not_outlive_the_certificate(void **state)
{
    (void)state;
    for (int v = 0; v < 2; v++)
        for (int judge = 0; judge < 2; judge++) {
            Visits visits;

            open_visits(&visits, versions[v], judge);
            vclock_step_wall((CERTIFICATE_DAYS * DAY - 300) * SECOND);
            visit(&visits, 0, 0, SLUICE_STATE_CONNECTED);
            vclock_step_wall(100 * SECOND);
            visit(&visits, 1, 1, SLUICE_STATE_CONNECTED); /* in time */
            vclock_step_wall(100 * SECOND);
            visit(&visits, 1, 1, SLUICE_STATE_CONNECTED);
            vclock_step_wall(200 * SECOND);
            visit(&visits, 1, 1, SLUICE_STATE_FAILED); /* by a session of the last minutes */
            visit(&visits, 1, 1, SLUICE_STATE_FAILED);
            visit(&visits, 0, 0, SLUICE_STATE_FAILED);
            close_visits(&visits);
            reset_clock(NULL);
        }
}

/* -- servers without authorities ------------------------------------------------------------------ */

static SluiceStatus start_server(SluiceClientAuth auth, SluiceVerify how, int authority, int system)
{
    SluiceConfig *config = sluice_config_new(identity(ID_SERVER));
    const char *pem = authority_pem(AUTHORITY);
    SluiceStream *server;
    SluiceStatus status;

    if (authority)
        assert_status(sluice_config_add_stream_ca_pem(config, pem, strlen(pem)), SLUICE_OK);
    if (system >= 0)
        assert_status(sluice_config_set_stream_system_trust(config, system), SLUICE_OK);
    assert_status(sluice_config_set_stream_client_auth(config, auth), SLUICE_OK);
    server = sluice_stream_new(config, SLUICE_ROLE_SERVER);
    assert_non_null(server);
    assert_status(sluice_stream_set_verify(server, how), SLUICE_OK);
    status = sluice_stream_start(server, vclock_now());
    assert_int_equal(sluice_stream_get_state(server),
                     status == SLUICE_OK ? SLUICE_STATE_CONNECTING : SLUICE_STATE_NEW);
    sluice_stream_free(server);
    sluice_config_unref(config);
    return status;
}

static void test_a_server_is_told_whom_to_trust(void **state)
{
    (void)state;
    for (SluiceClientAuth auth = SLUICE_CLIENT_AUTH_REQUEST; auth <= SLUICE_CLIENT_AUTH_REQUIRE;
         auth++) {
        assert_status(start_server(auth, SLUICE_VERIFY_TRUST, 0, -1), SLUICE_INVALID_STATE);
        assert_status(start_server(auth, SLUICE_VERIFY_TRUST, 0, 0), SLUICE_INVALID_STATE);
        /* Told, in one way or the other. */
        assert_status(start_server(auth, SLUICE_VERIFY_TRUST, 0, 1), SLUICE_OK);
        for (int system = -1; system <= 1; system++)
            assert_status(start_server(auth, SLUICE_VERIFY_TRUST, 1, system), SLUICE_OK);
        /* Authorities are not asked. */
        assert_status(start_server(auth, SLUICE_VERIFY_FINGERPRINT, 0, -1), SLUICE_OK);
        assert_status(start_server(auth, SLUICE_VERIFY_ASK, 0, -1), SLUICE_OK);
    }
    assert_status(start_server(SLUICE_CLIENT_AUTH_NONE, SLUICE_VERIFY_TRUST, 0, -1), SLUICE_OK);
}

/* -- who was added -------------------------------------------------------------------------------- */

static SluiceConfig *believing(unsigned version, const char *pem)
{
    SluiceConfig *config = sluice_config_new(identity(ID_CLIENT));

    assert_status(sluice_config_add_stream_ca_pem(config, pem, strlen(pem)), SLUICE_OK);
    assert_status(sluice_config_set_stream_versions(config, version, version), SLUICE_OK);
    return config;
}

/* A client that believes @pem, at a server of @who. */
static void meet(const char *pem, Identity who, const char *host, int believed)
{
    for (int v = 0; v < 2; v++) {
        Duo duo;

        duo_open(&duo, believing(versions[v], pem), server_config(versions[v], who));
        assert_status(sluice_stream_set_host(duo.end[CLIENT].stream, host), SLUICE_OK);
        if (believed) {
            duo_connect(&duo);
            assert_string_equal(sluice_stream_get_verify_text(duo.end[CLIENT].stream), "ok");
            duo_assert_talks(&duo, 100);
        } else {
            duo_start(&duo);
            duo_settle(&duo);
            assert_state(&duo, CLIENT, SLUICE_STATE_FAILED);
            assert_reason(&duo, CLIENT, SLUICE_END_CERTIFICATE);
        }
        duo_close(&duo);
    }
}

static const char *pem_of(Identity who)
{
    static char pem[4096];
    size_t len = sizeof pem;

    assert_status(sluice_certificate_to_pem(identity(who), 0, pem, &len), SLUICE_OK);
    return pem;
}

static void test_an_intermediate_as_authority(void **state)
{
    (void)state;
    meet(authority_pem(INTERMEDIATE), ID_CHAINED, HOST, 1);
    meet(authority_pem(INTERMEDIATE), ID_CHAINED, "other.example", 0);
    meet(authority_pem(INTERMEDIATE), ID_SERVER, HOST, 0); /* by whom is above it */
    meet(authority_pem(INTERMEDIATE), ID_STRANGER, HOST, 0);
    meet(authority_pem(INTERMEDIATE), ID_SELF_SIGNED, HOST, 0);
}

static void test_the_peers_own_certificate_as_authority(void **state)
{
    static const Identity servers[] = {ID_SERVER, ID_STRANGER, ID_SELF_SIGNED, ID_CHAINED};

    (void)state;
    for (size_t i = 0; i < sizeof servers / sizeof *servers; i++)
        for (size_t j = 0; j < sizeof servers / sizeof *servers; j++)
            meet(pem_of(servers[i]), servers[j], HOST, i == j);
    meet(pem_of(ID_SERVER), ID_SERVER, "other.example", 0);
    meet(pem_of(ID_EXPIRED), ID_EXPIRED, HOST, 0);
    meet(pem_of(ID_FUTURE), ID_FUTURE, HOST, 0);
    meet(pem_of(ID_CLIENT), ID_CLIENT, "client.example", 0); /* for clients alone */
}

/* -- the verdict's words -------------------------------------------------------------------------- */

static const char *text_of(const Duo *duo, int which)
{
    return sluice_stream_get_verify_text(duo->end[which].stream);
}

static void test_no_verdict_before_a_look(void **state)
{
    (void)state;
    for (int v = 0; v < 2; v++)
        for (SluiceClientAuth auth = SLUICE_CLIENT_AUTH_NONE; auth <= SLUICE_CLIENT_AUTH_REQUEST;
             auth++)
            for (int shows = 0; shows < 2; shows++) {
                const char *none = X509_verify_cert_error_string(X509_V_ERR_UNSPECIFIED);
                SluiceConfig *client = client_config(versions[v]);
                SluiceConfig *server = server_config(versions[v], ID_SERVER);
                int seen = shows && auth == SLUICE_CLIENT_AUTH_REQUEST;
                Duo duo;

                sluice_config_set_stream_present_certificate(client, shows);
                sluice_config_set_stream_client_auth(server, auth);
                duo_open_host(&duo, client, server);
                for (int i = 0; i < 2; i++)
                    assert_string_equal(text_of(&duo, i), none);
                duo_start(&duo);
                duo_send(&duo, CLIENT, ALL);
                duo_bring(&duo, SERVER, ALL);
                for (int i = 0; i < 2; i++)
                    assert_string_equal(text_of(&duo, i), none);
                duo_pass(&duo);
                assert_state(&duo, SERVER, SLUICE_STATE_CONNECTED);
                assert_string_equal(text_of(&duo, CLIENT), "ok");
                assert_string_equal(text_of(&duo, SERVER), seen ? "ok" : none);
                duo_close(&duo);
            }
    assert_string_not_equal(sluice_stream_get_verify_text(NULL), "ok");
}

/* -- names ---------------------------------------------------------------------------------------- */

static void test_addresses_in_other_spellings(void **state)
{
    static const char *const refused[] = {
        "127.1",      "1.2.3",     "2130706433", "0x7f.1",       "0177.0.0.1", "1.2.3.04",
        "999.1.1.1",  "1.2.3.4.5", "example.1",  "a.0x7f000001", "1.2.3.4.",   "1",
        "127.0.0.1 ", "::1%lo",    "[::1]",      "1.2.3.4:443",
    };
    static const char *const fine[] = {
        "127.0.0.1",     "::1", "::ffff:1.2.3.4", "localhost", "1.example",
        "127.1.example", "a1",  "_x.y",
    };

    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused + sizeof fine / sizeof *fine; i++) {
        const size_t n = sizeof refused / sizeof *refused;
        SluiceStream *stream;
        Duo duo;

        duo_open(&duo, client_config(0), server_config(0, ID_SERVER));
        stream = duo.end[CLIENT].stream;
        if (i < n) {
            assert_status(sluice_stream_set_host(stream, refused[i]), SLUICE_INVALID_ARGUMENT);
            assert_status(sluice_stream_start(stream, duo.now), SLUICE_INVALID_STATE);
        } else {
            assert_status(sluice_stream_set_host(stream, fine[i - n]), SLUICE_OK);
            assert_status(sluice_stream_start(stream, duo.now), SLUICE_OK);
        }
        duo_close(&duo);
    }
}

/* -- exporters ------------------------------------------------------------------------------------ */

static void test_exporters_want_extended_master_secret(void **state)
{
    static const char label[] = "EXPORTER-Channel-Binding";

    (void)state;
    for (int v = 0; v < 2; v++)
        for (int server = 0; server < 2; server++)
            for (int extended = 0; extended < 2; extended++) {
                int bound = extended || versions[v] == SLUICE_TLS_1_3;
                uint8_t ours[KEY_LEN] = {0}, theirs[KEY_LEN] = {0};
                Bare bare;

                bare_open(&bare, server, versions[v], ID_SERVER);
                if (!extended)
                    SSL_CTX_set_options(bare.ctx, SSL_OP_NO_EXTENDED_MASTER_SECRET);
                bare_connect(&bare);
                bare_assert_talks(&bare); /* good enough for data */
                assert_status(sluice_stream_export(bare.stream, label, NULL, 0, ours, sizeof ours),
                              bound ? SLUICE_OK : SLUICE_UNSUPPORTED);
                if (bound)
                    assert_int_equal(SSL_export_keying_material(bare.ssl, theirs, sizeof theirs,
                                                                label, strlen(label), NULL, 0, 0),
                                     1);
                assert_memory_equal(ours, theirs, sizeof ours);
                bare_close(&bare);
            }
}

/* -- alerts --------------------------------------------------------------------------------------- */

#define WARNING 1
#define FATAL 2
#define INTERNAL_ERROR 80
#define USER_CANCELLED 90

/* The client's alert in the middle of the handshake, which may be in the clear there. Returns how it ended, or 0. */
static SluiceEnd alert_the_server(unsigned version, uint8_t level, uint8_t number)
{
    const uint8_t alert[] = {21, 3, 3, 0, 2, level, number};
    SluiceEnd end;
    Duo duo;

    duo_open_host(&duo, client_config(version), server_config(version, ID_SERVER));
    duo_start(&duo);
    duo_send(&duo, CLIENT, ALL);
    duo_bring(&duo, SERVER, ALL);
    assert_true(duo_waiting(&duo, SERVER) > 500); /* its flight: the version is agreed */
    duo_inject(&duo, SERVER, alert, sizeof alert);
    end = duo_reason(&duo, SERVER);
    if (end.reason == 0) {
        duo_pass(&duo);
        assert_state(&duo, SERVER, SLUICE_STATE_CONNECTED);
        duo_write(&duo, CLIENT, 100);
        duo_settle(&duo);
        assert_int_equal(duo.end[SERVER].got, 100);
    }
    duo_close(&duo);
    return end;
}

static void test_alerts_are_named_whatever_their_level(void **state)
{
    (void)state;
    for (int v = 0; v < 2; v++)
        for (uint8_t level = WARNING; level <= FATAL; level++) {
            SluiceEnd end = alert_the_server(versions[v], level, INTERNAL_ERROR);

            if (versions[v] == SLUICE_TLS_1_2 && level == WARNING) {
                assert_int_equal(end.reason, 0); /* there it is no more than that */
                continue;
            }
            assert_string_equal(sluice_end_reason_name(end.reason),
                                sluice_end_reason_name(SLUICE_END_ALERT_RECEIVED));
            assert_int_equal(end.alert, INTERNAL_ERROR);
            assert_int_equal(end.alert_received, 1);
        }
}

/* Who cancels says close_notify next (RFC 8446 section 6.1); this one has changed its mind. */
static void test_user_cancelled_is_no_error(void **state)
{
    (void)state;
    for (int v = 0; v < 2; v++)
        assert_int_equal(alert_the_server(versions[v], WARNING, USER_CANCELLED).reason, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_sessions_do_not_outlive_the_certificate, reset_clock),
        cmocka_unit_test(test_a_server_is_told_whom_to_trust),
        cmocka_unit_test(test_an_intermediate_as_authority),
        cmocka_unit_test(test_the_peers_own_certificate_as_authority),
        cmocka_unit_test(test_no_verdict_before_a_look),
        cmocka_unit_test(test_addresses_in_other_spellings),
        cmocka_unit_test(test_exporters_want_extended_master_secret),
        cmocka_unit_test(test_alerts_are_named_whatever_their_level),
        cmocka_unit_test(test_user_cancelled_is_no_error),
    };

    alloc_init();
    return cmocka_run_group_tests(tests, NULL, free_identities);
}
