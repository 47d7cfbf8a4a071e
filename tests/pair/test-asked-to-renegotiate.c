/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: a peer that asks for renegotiation (a HelloRequest, RFC 5246 section 7.4.1.1) is refused
 * by a warning under the keys, and however many of those wait in the output, the close_notify has
 * its place there. The peer is OpenSSL itself: no end of this library would ask. */

#include "certificate.h"
#include "common.h"
#include "datagram-bio.h"

#include <openssl/srtp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#define NO_RENEGOTIATION 100

typedef struct {
    SSL_CTX *ctx;
    SSL *ssl;
    SlDatagramBio bio;
    uint8_t datagrams[24][2048]; /* written, to be given to the transport */
    size_t lens[24], n;
    int glue; /* all that is written goes into one datagram */
    SluiceTransport *transport;
} Peer;

static void peer_writes(void *context, const uint8_t *data, size_t len)
{
    Peer *self = context;

    if (!self->glue || self->n == 0) {
        assert_true(self->n < 24);
        self->lens[self->n++] = 0;
    }
    assert_true(self->lens[self->n - 1] + len <= sizeof self->datagrams[0]);
    memcpy(self->datagrams[self->n - 1] + self->lens[self->n - 1], data, len);
    self->lens[self->n - 1] += len;
}

static int accept_any(X509_STORE_CTX *store, void *context)
{
    (void)store;
    (void)context;
    return 1;
}

/* The peer is server, the transport client. */
static void open_peer(Peer *self)
{
    SluiceConfig *config = new_config(CLIENT);
    SluiceFingerprint fingerprint = fingerprint_of(certificate_of(SERVER), SLUICE_HASH_SHA256);
    BIO *bio;

    memset(self, 0, sizeof *self);
    self->ctx = SSL_CTX_new(DTLS_server_method());
    assert_non_null(self->ctx);
    SSL_CTX_use_certificate(self->ctx, sl_certificate_x509(certificate_of(SERVER)));
    SSL_CTX_use_PrivateKey(self->ctx, sl_certificate_key(certificate_of(SERVER)));
    SSL_CTX_set_tlsext_use_srtp(self->ctx, "SRTP_AEAD_AES_128_GCM");
    SSL_CTX_set_cert_verify_callback(self->ctx, accept_any, NULL);
    SSL_CTX_set_verify(self->ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_options(self->ctx, SSL_OP_NO_QUERY_MTU);
    self->ssl = SSL_new(self->ctx);
    self->bio.mtu = 1200;
    self->bio.write = peer_writes;
    self->bio.context = self;
    bio = sl_datagram_bio_new(&self->bio);
    SSL_set_bio(self->ssl, bio, bio);
    SSL_set_mtu(self->ssl, 1200);
    SSL_set_accept_state(self->ssl);
    self->transport = sluice_transport_new(config);
    sluice_config_unref(config);
    sluice_transport_set_path_validated(self->transport, vclock_now(), 1);
    sluice_transport_set_remote_fingerprints(self->transport, vclock_now(), &fingerprint, 1);
    assert_status(sluice_transport_start(self->transport, vclock_now(), SLUICE_ROLE_CLIENT),
                  SLUICE_OK);
}

static void close_peer(Peer *self)
{
    SSL_free(self->ssl);
    SSL_CTX_free(self->ctx);
    sluice_transport_free(self->transport);
}

/* What the peer has written goes to the transport. */
static void from_peer(Peer *self)
{
    for (size_t i = 0; i < self->n; i++) {
        SluiceKind kind;

        (void)sluice_transport_receive(self->transport, vclock_now(), self->datagrams[i],
                                       &self->lens[i], &kind);
    }
    self->n = 0;
}

/* Takes the transport's output; the peer reads it, or of it (@last_only) the last datagram. */
static void to_peer(Peer *self, int last_only)
{
    uint8_t copy[2048], buffer[2048];
    const uint8_t *data;
    size_t len;

    while (sluice_transport_peek_output(self->transport, &data, &len)) {
        SluiceStats stats;

        assert_true(len <= sizeof copy);
        memcpy(copy, data, len);
        sluice_transport_get_stats(self->transport, &stats, sizeof stats);
        sluice_transport_pop_output(self->transport, vclock_now(), SLUICE_SENT);
        if (last_only && stats.output_datagrams > 1)
            continue;
        self->bio.in = copy;
        self->bio.in_len = len;
        while (SSL_read(self->ssl, buffer, sizeof buffer) > 0)
            ;
        self->bio.in = NULL;
    }
}

static void ask(Peer *self)
{
    assert_int_equal(SSL_renegotiate(self->ssl), 1);
    (void)SSL_do_handshake(self->ssl);
}

/* The alerts that the transport has sent: how many warnings of that number, and the last one. */
static unsigned count_refusals(Peer *self, SluiceAlert *last)
{
    SluiceEvent event;
    unsigned n = 0;

    while (sluice_transport_next_event(self->transport, &event))
        if (event.type == SLUICE_EVENT_ALERT && event.u.alert.direction == SLUICE_SENT_OUT) {
            *last = event.u.alert;
            n += event.u.alert.number == NO_RENEGOTIATION;
            assert_int_equal(event.u.alert.authenticated, 1);
        }
    return n;
}

/* Bug: a transport that closed while its network said EAGAIN sent no close_notify. Mechanism:
 * alerts in the output are bounded, since a peer can make us write one by each HelloRequest; eight
 * of them waited, and the ninth alert, whichever it was, was dropped. Now the oldest goes. */
static void test_close_notify_has_a_place(void **state)
{
    SluiceAlert last = {0};
    SluiceStats stats;
    Peer peer;

    (void)state;
    open_peer(&peer);
    for (int i = 0; i < 4; i++) {
        to_peer(&peer, 0);
        from_peer(&peer);
    }
    assert_int_equal(sluice_transport_get_state(peer.transport), SLUICE_STATE_CONNECTED);
    for (int i = 0; i < 9; i++) {
        ask(&peer);
        from_peer(&peer);
    }
    assert_int_equal(count_refusals(&peer, &last), 9);
    assert_int_equal(sluice_transport_get_state(peer.transport), SLUICE_STATE_CONNECTED);
    assert_status(sluice_transport_close(peer.transport, vclock_now()), SLUICE_OK);
    sluice_transport_get_stats(peer.transport, &stats, sizeof stats);
    assert_true(stats.output_datagrams <= 8); /* bounded all the same */
    to_peer(&peer, 1);
    assert_true(SSL_get_shutdown(peer.ssl) & SSL_RECEIVED_SHUTDOWN);
    close_peer(&peer);
}

/* Bug: the refusal of a HelloRequest that came in the datagram of the Finished was told as an
 * alert without keys. Mechanism: the end of the handshake was noted after everything in the
 * datagram had been read, and while OpenSSL answers a HelloRequest it counts itself as in a
 * handshake again. */
static void test_asked_in_the_datagram_of_the_finished(void **state)
{
    SluiceAlert last = {0};
    Peer peer;

    (void)state;
    open_peer(&peer);
    to_peer(&peer, 0);
    from_peer(&peer);
    peer.glue = 1;
    to_peer(&peer, 0); /* flight 5 is answered by flight 6 */
    ask(&peer);
    assert_int_equal(peer.n, 1);
    from_peer(&peer);
    assert_int_equal(sluice_transport_get_state(peer.transport), SLUICE_STATE_CONNECTED);
    assert_int_equal(count_refusals(&peer, &last), 1);
    assert_int_equal(last.number, NO_RENEGOTIATION);
    assert_int_equal(last.level, 1);
    close_peer(&peer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_close_notify_has_a_place),
        cmocka_unit_test(test_asked_in_the_datagram_of_the_finished),
    };

    alloc_init();
    return cmocka_run_group_tests(tests, NULL, free_certificates);
}
