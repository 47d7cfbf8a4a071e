/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: a peer without extended master secret (RFC 7627 section 5) is refused in either role, with an alert and that
 * reason; one with other groups is met with those. The peer is OpenSSL itself. */

#include "certificate.h"
#include "common.h"
#include "datagram-bio.h"

#include <openssl/srtp.h>
#include <openssl/ssl.h>

#define CLOSE_NOTIFY 0
#define HANDSHAKE_FAILURE 40

typedef struct {
    SSL_CTX *ctx;
    SSL *ssl;
    SlDatagramBio bio;
    uint8_t datagrams[16][2048]; /* written, to be given to the transport */
    size_t lens[16], n;
    int alert; /* that the peer has read; -1: none */
    SluiceTransport *transport;
} Bare;

static void bare_writes(void *context, const uint8_t *data, size_t len)
{
    Bare *self = context;

    assert_true(self->n < 16 && len <= sizeof self->datagrams[0]);
    memcpy(self->datagrams[self->n], data, len);
    self->lens[self->n++] = len;
}

static void on_info(const SSL *ssl, int where, int value)
{
    Bare *self = SSL_get_app_data(ssl);

    if ((where & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT)
        self->alert = value & 0xff;
}

static int accept_any(X509_STORE_CTX *store, void *context)
{
    (void)store;
    (void)context;
    return 1;
}

/* The peer is the other end of @role, of the given groups and SSL_OP_ flags. */
static void bare_open(Bare *self, SluiceRole role, const char *groups, uint64_t options)
{
    SluiceConfig *config = new_config(CLIENT);
    SluiceFingerprint fingerprint = fingerprint_of(certificate_of(SERVER), SLUICE_HASH_SHA256);
    BIO *bio;

    memset(self, 0, sizeof *self);
    self->alert = -1;
    self->ctx = SSL_CTX_new(DTLS_method());
    assert_non_null(self->ctx);
    SSL_CTX_use_certificate(self->ctx, sl_certificate_x509(certificate_of(SERVER)));
    SSL_CTX_use_PrivateKey(self->ctx, sl_certificate_key(certificate_of(SERVER)));
    SSL_CTX_set_tlsext_use_srtp(self->ctx, "SRTP_AEAD_AES_128_GCM");
    SSL_CTX_set_cert_verify_callback(self->ctx, accept_any, NULL);
    SSL_CTX_set_verify(self->ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_options(self->ctx, SSL_OP_NO_QUERY_MTU | options);
    assert_int_equal(SSL_CTX_set1_groups_list(self->ctx, groups), 1);
    self->ssl = SSL_new(self->ctx);
    assert_non_null(self->ssl);
    SSL_set_app_data(self->ssl, self);
    SSL_set_info_callback(self->ssl, on_info);
    self->bio.mtu = 1200;
    self->bio.write = bare_writes;
    self->bio.context = self;
    bio = sl_datagram_bio_new(&self->bio);
    SSL_set_bio(self->ssl, bio, bio);
    SSL_set_mtu(self->ssl, 1200);
    if (role == SLUICE_ROLE_CLIENT)
        SSL_set_accept_state(self->ssl);
    else
        SSL_set_connect_state(self->ssl);
    self->transport = sluice_transport_new(config);
    sluice_config_unref(config);
    sluice_transport_set_path_validated(self->transport, vclock_now(), 1);
    sluice_transport_set_remote_fingerprints(self->transport, vclock_now(), &fingerprint, 1);
    assert_status(sluice_transport_start(self->transport, vclock_now(), role), SLUICE_OK);
}

static void bare_close(Bare *self)
{
    SSL_free(self->ssl);
    SSL_CTX_free(self->ctx);
    sluice_transport_free(self->transport);
}

/* All flights, both ways. */
static void bare_handshake(Bare *self)
{
    for (int round = 0; round < 6; round++) {
        const uint8_t *data;
        uint8_t copy[2048], buffer[2048];
        SluiceKind kind;
        size_t len;

        (void)SSL_do_handshake(self->ssl);
        for (size_t i = 0; i < self->n; i++)
            (void)sluice_transport_receive(self->transport, vclock_now(), self->datagrams[i],
                                           &self->lens[i], &kind);
        self->n = 0;
        while (sluice_transport_peek_output(self->transport, &data, &len)) {
            assert_true(len <= sizeof copy);
            memcpy(copy, data, len);
            sluice_transport_pop_output(self->transport, vclock_now(), SLUICE_SENT);
            self->bio.in = copy;
            self->bio.in_len = len;
            while (SSL_read(self->ssl, buffer, sizeof buffer) > 0)
                ;
            self->bio.in = NULL;
        }
    }
}

static void test_no_extended_master_secret(void **state)
{
    static const SluiceRole roles[] = {SLUICE_ROLE_CLIENT, SLUICE_ROLE_SERVER};

    (void)state;
    for (int i = 0; i < 2; i++) {
        SluiceEnd end;
        Bare bare;

        bare_open(&bare, roles[i], "X25519:P-256", SSL_OP_NO_EXTENDED_MASTER_SECRET);
        bare_handshake(&bare);
        assert_string_equal(sluice_state_name(sluice_transport_get_state(bare.transport)),
                            "failed");
        assert_status(sluice_transport_get_end(bare.transport, &end), SLUICE_OK);
        assert_string_equal(sluice_end_reason_name(end.reason),
                            sluice_end_reason_name(SLUICE_END_WEAK_HANDSHAKE));
        if (roles[i] == SLUICE_ROLE_SERVER) {
            assert_int_equal(bare.alert, HANDSHAKE_FAILURE);
            assert_false(SSL_is_init_finished(bare.ssl));
        } else { /* a client sees at the end that the server has not taken up its offer */
            assert_int_equal(bare.alert, CLOSE_NOTIFY);
        }
        bare_close(&bare);
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
            Bare bare;

            bare_open(&bare, (SluiceRole)role, cases[i].groups, 0);
            bare_handshake(&bare);
            assert_string_equal(sluice_state_name(sluice_transport_get_state(bare.transport)),
                                "connected");
            assert_true(SSL_is_init_finished(bare.ssl));
            sluice_transport_get_stats(bare.transport, &stats, sizeof stats);
            assert_string_equal(stats.tls_group, cases[i].name);
            bare_close(&bare);
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
