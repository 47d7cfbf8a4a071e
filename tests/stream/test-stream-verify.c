/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: a client delivers and accepts nothing before it knows who the server is, and never when the
 * server is somebody else: by authority and name (RFC 5280, RFC 9525), by fingerprint, by asking. Each right
 * server has its wrong twins; both ends name the same alert. */

#include "common.h"

#include <openssl/x509_vfy.h>

#define UNKNOWN_CA 48
#define BAD_CERTIFICATE 42
#define CERTIFICATE_EXPIRED 45
#define UNSUPPORTED_CERTIFICATE 43

/* Neither end has anything from the other, whatever it tries. */
static void assert_nothing_passes(Duo *duo, int which)
{
    uint8_t byte = 0;
    size_t n = 9;
    SluiceStatus status;

    status = sluice_stream_read(duo->end[which].stream, &byte, 1, &n);
    assert_true(status == SLUICE_NOT_READY || status == SLUICE_ENDED);
    assert_int_equal(n, 0);
    n = 9;
    status = sluice_stream_write(duo->end[which].stream, &byte, 1, &n);
    assert_true(status == SLUICE_NOT_READY || status == SLUICE_ENDED);
    assert_int_equal(n, 0);
    assert_int_equal(sluice_stream_writable(duo->end[which].stream), 0);
}

/* A server that may talk does so, and nothing of it reaches a client that does not know it. */
static void let_the_server_talk(Duo *duo)
{
    if (duo_state(duo, SERVER) == SLUICE_STATE_CONNECTED)
        duo_write(duo, SERVER, 1000);
    duo_pass(duo);
    assert_int_equal(duo->end[CLIENT].got, 0);
}

static Duo *open_to(Duo *duo, unsigned version, Identity who, const char *host)
{
    duo_open(duo, client_config(version), server_config(version, who));
    if (host)
        assert_status(sluice_stream_set_host(duo->end[CLIENT].stream, host), SLUICE_OK);
    return duo;
}

static void trusts(Identity who, const char *host)
{
    for (int v = 0; v < 2; v++) {
        Duo duo;

        open_to(&duo, versions[v], who, host);
        duo_connect(&duo);
        assert_string_equal(sluice_stream_get_verify_text(duo.end[CLIENT].stream), "ok");
        duo_assert_talks(&duo, 100);
        duo_close(&duo);
    }
}

/* The client is told why, the server is told by an alert. */
static void assert_refused(Duo *duo, int alert, long error)
{
    const char *words = X509_verify_cert_error_string(error);
    SluiceEnd client, server;

    let_the_server_talk(duo);
    assert_state(duo, CLIENT, SLUICE_STATE_FAILED);
    assert_reason(duo, CLIENT, SLUICE_END_CERTIFICATE);
    client = duo_reason(duo, CLIENT);
    assert_int_equal(client.alert, alert);
    assert_int_equal(client.alert_received, 0);
    assert_int_equal(client.phase, SLUICE_STATE_CONNECTING);
    assert_int_equal(client.role, SLUICE_ROLE_CLIENT);
    assert_string_equal(client.openssl_reason, words);
    assert_string_equal(sluice_stream_get_verify_text(duo->end[CLIENT].stream), words);
    assert_nothing_passes(duo, CLIENT);
    duo_read(duo, SERVER, 1); /* in TLS 1.3 the server is not in a handshake any more */
    assert_state(duo, SERVER, SLUICE_STATE_FAILED);
    assert_reason(duo, SERVER, SLUICE_END_ALERT_RECEIVED);
    server = duo_reason(duo, SERVER);
    assert_int_equal(server.alert, alert);
    assert_int_equal(server.alert_received, 1);
    assert_int_equal(sluice_stream_next_timeout(duo->end[CLIENT].stream), SLUICE_TIME_NEVER);
}

static void distrusts(Identity who, const char *host, int alert, long error)
{
    for (int v = 0; v < 2; v++) {
        Duo duo;

        open_to(&duo, versions[v], who, host);
        duo_start(&duo);
        duo_pass(&duo);
        assert_refused(&duo, alert, error);
        duo_close(&duo);
    }
}

#define NAME_MISMATCH X509_V_ERR_HOSTNAME_MISMATCH
#define ADDRESS_MISMATCH X509_V_ERR_IP_ADDRESS_MISMATCH

static void test_names(void **state)
{
    (void)state;
    trusts(ID_SERVER, "server.example");
    trusts(ID_SERVER, "www.server.example");
    trusts(ID_SERVER, "WWW.Server.EXAMPLE");
    distrusts(ID_SERVER, "mail.server.example", BAD_CERTIFICATE, NAME_MISMATCH);
    distrusts(ID_SERVER, "example", BAD_CERTIFICATE, NAME_MISMATCH);
    distrusts(ID_SERVER, "server.example.evil.example", BAD_CERTIFICATE, NAME_MISMATCH);
    distrusts(ID_SERVER, "xserver.example", BAD_CERTIFICATE, NAME_MISMATCH);
    distrusts(ID_OTHER_HOST, "server.example", BAD_CERTIFICATE, NAME_MISMATCH);
}

static void test_common_name_does_not_count(void **state)
{
    (void)state;
    distrusts(ID_COMMON_NAME, "server.example", BAD_CERTIFICATE, NAME_MISMATCH);
}

static void test_wildcards(void **state)
{
    (void)state;
    trusts(ID_WILDCARD, "any.wild.example");
    distrusts(ID_WILDCARD, "wild.example", BAD_CERTIFICATE, NAME_MISMATCH);
    distrusts(ID_WILDCARD, "a.b.wild.example", BAD_CERTIFICATE, NAME_MISMATCH);
    distrusts(ID_PARTIAL_WILDCARD, "www.wild.example", BAD_CERTIFICATE, NAME_MISMATCH);
}

static void test_addresses(void **state)
{
    (void)state;
    trusts(ID_ADDRESS, "192.0.2.7");
    trusts(ID_ADDRESS, "2001:db8::7");
    trusts(ID_ADDRESS, "2001:0DB8:0:0:0:0:0:7");
    distrusts(ID_ADDRESS, "192.0.2.6", BAD_CERTIFICATE, ADDRESS_MISMATCH);
    distrusts(ID_ADDRESS, "192.0.2.8", BAD_CERTIFICATE, ADDRESS_MISMATCH); /* the common name */
    distrusts(ID_ADDRESS, "192.0.2.9", BAD_CERTIFICATE, ADDRESS_MISMATCH); /* as a DNS name */
    distrusts(ID_ADDRESS, "2001:db8::8", BAD_CERTIFICATE, ADDRESS_MISMATCH);
    distrusts(ID_SERVER, "192.0.2.7", BAD_CERTIFICATE, ADDRESS_MISMATCH);
}

static void test_authorities_and_dates(void **state)
{
    (void)state;
    distrusts(ID_STRANGER, HOST, UNKNOWN_CA, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY);
    distrusts(ID_SELF_SIGNED, HOST, UNKNOWN_CA, X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT);
    distrusts(ID_EXPIRED, HOST, CERTIFICATE_EXPIRED, X509_V_ERR_CERT_HAS_EXPIRED);
    distrusts(ID_FUTURE, HOST, BAD_CERTIFICATE, X509_V_ERR_CERT_NOT_YET_VALID);
    distrusts(ID_CHAINED, HOST, UNKNOWN_CA, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY);
    trusts(ID_SERVER_ALONE, HOST);
    distrusts(ID_CLIENT, "client.example", UNSUPPORTED_CERTIFICATE, X509_V_ERR_INVALID_PURPOSE);
}

/* The clock that counts is that of the handshake. */
static void test_a_certificate_ages(void **state)
{
    (void)state;
    trusts(ID_SERVER, HOST);
    vclock_step_wall(40 * 86400 * SECOND);
    distrusts(ID_SERVER, HOST, CERTIFICATE_EXPIRED, X509_V_ERR_CERT_HAS_EXPIRED);
    vclock_reset_wall();
    trusts(ID_SERVER, HOST);
}

static void test_intermediates(void **state)
{
    (void)state;
    for (int v = 0; v < 2; v++) {
        SluiceConfig *server = server_config(versions[v], ID_CHAINED);
        const char *pem = authority_pem(INTERMEDIATE);
        const uint8_t *der;
        size_t len;
        Duo duo;

        assert_status(sluice_config_add_stream_chain_pem(server, pem, strlen(pem)), SLUICE_OK);
        duo_open_host(&duo, client_config(versions[v]), server);
        duo_connect(&duo);
        assert_status(sluice_stream_get_peer_certificate(duo.end[CLIENT].stream, 1, &der, &len),
                      SLUICE_OK);
        assert_true(len > 100);
        assert_status(sluice_stream_get_peer_certificate(duo.end[CLIENT].stream, 2, &der, &len),
                      SLUICE_NOT_READY);
        duo_assert_talks(&duo, 10);
        duo_close(&duo);
    }
}

static void test_an_authority_that_is_over(void **state)
{
    (void)state;
    for (int v = 0; v < 2; v++) {
        Duo duo;

        duo_open_host(&duo, config_with(versions[v], ID_CLIENT, EXPIRED_AUTHORITY),
                      server_config(versions[v], ID_LATE_CHAIN));
        duo_start(&duo);
        duo_pass(&duo);
        assert_refused(&duo, CERTIFICATE_EXPIRED, X509_V_ERR_CERT_HAS_EXPIRED);
        duo_close(&duo);
    }
}

/* One that is added counts beside the others; with one of its own a config no longer asks the system. */
static void test_more_than_one_authority(void **state)
{
    SluiceConfig *config = client_config(0);
    const char *pem = authority_pem(OTHER_AUTHORITY);
    Duo duo;

    (void)state;
    assert_status(sluice_config_add_stream_ca_pem(config, pem, strlen(pem)), SLUICE_OK);
    duo_open_host(&duo, sluice_config_ref(config), server_config(0, ID_STRANGER));
    duo_connect(&duo);
    duo_close(&duo);
    duo_open_host(&duo, config, server_config(0, ID_SERVER));
    duo_connect(&duo);
    duo_close(&duo);
}

/* A config without authorities has the system's, which do not know ours. */
static void test_the_systems_store(void **state)
{
    (void)state;
    for (int use = 0; use < 2; use++) {
        SluiceConfig *config = sluice_config_new(identity(ID_CLIENT));
        Duo duo;

        assert_status(sluice_config_set_stream_system_trust(config, use), SLUICE_OK);
        duo_open_host(&duo, config, server_config(0, ID_SERVER));
        duo_start(&duo);
        duo_pass(&duo);
        assert_refused(&duo, UNKNOWN_CA, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY);
        duo_close(&duo);
    }
}

static void test_no_host_no_start(void **state)
{
    Duo duo;

    (void)state;
    duo_open(&duo, client_config(0), server_config(0, ID_SERVER));
    assert_status(sluice_stream_start(duo.end[CLIENT].stream, duo.now), SLUICE_INVALID_STATE);
    assert_int_equal(duo_waiting(&duo, CLIENT), 0);
    assert_status(sluice_stream_set_host(duo.end[CLIENT].stream, HOST), SLUICE_OK);
    duo_connect(&duo);
    duo_close(&duo);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_common_name_does_not_count),
        cmocka_unit_test(test_wildcards),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_authorities_and_dates),
        cmocka_unit_test(test_a_certificate_ages),
        cmocka_unit_test(test_intermediates),
        cmocka_unit_test(test_an_authority_that_is_over),
        cmocka_unit_test(test_more_than_one_authority),
        cmocka_unit_test(test_the_systems_store),
        cmocka_unit_test(test_no_host_no_start),
    };

    alloc_init();
    return cmocka_run_group_tests(tests, NULL, free_identities);
}
