/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: a peer that has nothing but old versions or weak suites is refused within 3 s, in either role, and no suite is worked
 * out with it (ID-04, RFC 8827 section 6.5); one that prefers them, and has a good one too, gets the good one. A session is
 * never resumed (RST-04): who offers one, with an id or a ticket, gets a handshake with all of its proofs. The peer is
 * OpenSSL with everything allowed that it can. */

#include "foreign.h"

#include "certificate.h"

#define HANDSHAKE_FAILURE 40
#define PROTOCOL_VERSION 70

typedef struct {
    const char *name, *suites;
    int newest, alert; /* alert: what a server of ours says of it */
    int rsa;           /* its certificate has to be */
} Weakness;

static const Weakness weaknesses[] = {
    {"DTLS 1.0", "ALL", DTLS1_VERSION, PROTOCOL_VERSION, 0},
    {"CBC", "ECDHE-ECDSA-AES128-SHA:ECDHE-ECDSA-AES256-SHA384:ECDHE-ECDSA-AES128-SHA256",
     DTLS1_2_VERSION, HANDSHAKE_FAILURE, 0},
    {"CCM", "ECDHE-ECDSA-AES128-CCM8:ECDHE-ECDSA-AES256-CCM", DTLS1_2_VERSION, HANDSHAKE_FAILURE,
     0},
    {"no encryption", "ECDHE-ECDSA-NULL-SHA", DTLS1_2_VERSION, HANDSHAKE_FAILURE, 0},
    {"nobody's", "AECDH-AES128-SHA:AECDH-NULL-SHA:ADH-AES128-GCM-SHA256", DTLS1_2_VERSION,
     HANDSHAKE_FAILURE, 0},
    {"RSA", "AES128-GCM-SHA256:AES256-GCM-SHA384", DTLS1_2_VERSION, HANDSHAKE_FAILURE, 1},
    {"DHE", "DHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES256-GCM-SHA384", DTLS1_2_VERSION,
     HANDSHAKE_FAILURE, 1},
};

static const Weakness *weakness;
static const char *also; /* suites behind those */
static SluiceCertificate *rsa;

static void weaken(SSL_CTX *ctx)
{
    SluiceCertificate *certificate = weakness->rsa && !also ? rsa : certificate_of(SERVER);
    char list[256];

    snprintf(list, sizeof list, "%s%s%s:@SECLEVEL=0", weakness->suites, also ? ":" : "",
             also ? also : "");
    SSL_CTX_set_security_level(ctx, 0);
    assert_int_equal(SSL_CTX_set_cipher_list(ctx, list), 1);
    assert_int_equal(SSL_CTX_set_min_proto_version(ctx, DTLS1_VERSION), 1);
    assert_int_equal(SSL_CTX_set_max_proto_version(ctx, also ? DTLS1_2_VERSION : weakness->newest),
                     1);
    SSL_CTX_set_options(ctx, SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_dh_auto(ctx, 1);
    assert_int_equal(SSL_CTX_use_certificate(ctx, sl_certificate_x509(certificate)), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(ctx, sl_certificate_key(certificate)), 1);
}

static void refuse(SluiceRole role)
{
    SluiceFingerprint expected =
        fingerprint_of(weakness->rsa ? rsa : certificate_of(SERVER), SLUICE_HASH_SHA256);
    SluiceStats stats;
    SluiceEnd end;
    Foreign foreign;

    also = NULL;
    foreign_openssl_prepare = weaken;
    foreign_open_expecting(&foreign, &foreign_openssl, role, &expected, 10 * MS);
    foreign_run(&foreign, 3 * SECOND);
    assert_string_equal(sluice_state_name(sluice_transport_get_state(foreign.transport)), "failed");
    assert_status(sluice_transport_get_end(foreign.transport, &end), SLUICE_OK);
    assert_int_equal(end.alert, role == SLUICE_ROLE_SERVER ? weakness->alert : HANDSHAKE_FAILURE);
    assert_int_equal(end.alert_received, role == SLUICE_ROLE_CLIENT);
    assert_false(foreign_openssl.is_finished(foreign.peer));
    if (role == SLUICE_ROLE_SERVER)
        assert_int_equal(foreign_openssl.last_alert(foreign.peer), weakness->alert);
    assert_status(sluice_transport_get_stats(foreign.transport, &stats, sizeof stats), SLUICE_OK);
    assert_true(stats.finished_at == SLUICE_TIME_NEVER);
    assert_string_equal(stats.dtls_cipher, "");
    foreign_close(&foreign);
}

static void test_weak_alone(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof weaknesses / sizeof *weaknesses; i++) {
        weakness = &weaknesses[i];
        print_message("# %s\n", weakness->name);
        refuse(SLUICE_ROLE_SERVER);
        refuse(SLUICE_ROLE_CLIENT);
    }
}

static void test_weak_and_good(void **state)
{
    (void)state;
    also = "ECDHE-ECDSA-AES128-GCM-SHA256";
    foreign_openssl_prepare = weaken;
    for (size_t i = 0; i < sizeof weaknesses / sizeof *weaknesses; i++)
        for (int role = SLUICE_ROLE_CLIENT; role <= SLUICE_ROLE_SERVER; role++) {
            SluiceStats stats;
            Foreign foreign;

            weakness = &weaknesses[i];
            foreign_open(&foreign, &foreign_openssl, (SluiceRole)role);
            foreign_run(&foreign, SECOND);
            assert_true(foreign_both_connected(&foreign));
            sluice_transport_get_stats(foreign.transport, &stats, sizeof stats);
            assert_non_null(strstr(stats.dtls_cipher, "TLS_ECDHE_ECDSA_WITH_AES_"));
            assert_non_null(strstr(stats.dtls_cipher, "_GCM_"));
            assert_int_equal(stats.tls_version, DTLS1_2_VERSION);
            foreign_close(&foreign);
        }
}

/* -- sessions ----------------------------------------------------------------------------------------------- */

static SSL *peer; /* the last one */
static SSL_SESSION *offered;

static void note_peer(SSL *ssl)
{
    peer = ssl;
    if (offered)
        assert_int_equal(SSL_set_session(ssl, offered), 1);
}

/* Has the peer sent its certificate and its proof, and got ours? Of a resumed session nothing of that comes. */
static void assert_full(Foreign *foreign)
{
    SluiceStats stats;

    foreign_run(foreign, SECOND);
    assert_true(foreign_both_connected(foreign));
    assert_int_equal(SSL_session_reused(peer), 0);
    sluice_transport_get_stats(foreign->transport, &stats, sizeof stats);
    assert_true(stats.certificate_at != SLUICE_TIME_NEVER);
}

static void test_no_session_is_resumed(void **state)
{
    static const uint8_t id[32] = {1, 2, 3};
    Foreign foreign;
    unsigned len;

    (void)state;
    foreign_openssl_prepare = NULL;
    foreign_openssl_prepare_session = note_peer;
    offered = NULL;
    foreign_open(&foreign, &foreign_openssl, SLUICE_ROLE_SERVER);
    assert_full(&foreign);
    offered = SSL_get1_session(peer);
    assert_non_null(offered);
    assert_int_equal(SSL_SESSION_has_ticket(offered), 0);
    (void)SSL_SESSION_get_id(offered, &len);
    assert_int_equal(len, 0); /* our server has named none: the client makes one up */
    assert_int_equal(SSL_SESSION_set1_id(offered, id, sizeof id), 1);
    foreign_close(&foreign);
    foreign_open(&foreign, &foreign_openssl, SLUICE_ROLE_SERVER);
    assert_full(&foreign);
    foreign_close(&foreign);
    SSL_SESSION_free(offered);
    offered = NULL;
    foreign_openssl_prepare_session = NULL;
}

static int set_up(void **state)
{
    (void)state;
    return sluice_certificate_generate(SLUICE_KEY_RSA_2048, &rsa) != SLUICE_OK;
}

static int tear_down(void **state)
{
    sluice_certificate_unref(rsa);
    return free_certificates(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_weak_alone),
        cmocka_unit_test(test_weak_and_good),
        cmocka_unit_test(test_no_session_is_resumed),
    };

    alloc_init();
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
