/* SPDX-License-Identifier: BSD-3-Clause */
#include "foreign.h"

#include "certificate.h"
#include "datagram-bio.h"

#include <openssl/srtp.h>

#include <stdlib.h>

/* -- OpenSSL ------------------------------------------------------------------------------------------------ */

typedef struct {
    Foreign *foreign;
    SSL_CTX *ctx;
    SSL *ssl;
    SlDatagramBio bio;
    int alert;
} Openssl;

static void on_write(void *context, const uint8_t *data, size_t len)
{
    foreign_send(((Openssl *)context)->foreign, data, len);
}

static void on_info(const SSL *ssl, int where, int value)
{
    Openssl *self = SSL_get_app_data(ssl);

    if ((where & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT)
        self->alert = value & 0xff;
}

static int accept_any(X509_STORE_CTX *store, void *context)
{
    (void)store;
    (void)context;
    return 1;
}

void (*foreign_openssl_prepare)(SSL_CTX *ctx);
void (*foreign_openssl_prepare_session)(SSL *ssl);
void (*foreign_prepare)(SluiceConfig *config);

static SSL_CTX *make_ctx(const char *groups, uint64_t options)
{
    SSL_CTX *ctx = SSL_CTX_new(DTLS_method());

    assert_non_null(ctx);
    if (foreign_openssl_prepare)
        foreign_openssl_prepare(ctx);
    if (!SSL_CTX_get0_certificate(ctx)) {
        SSL_CTX_use_certificate(ctx, sl_certificate_x509(certificate_of(SERVER)));
        SSL_CTX_use_PrivateKey(ctx, sl_certificate_key(certificate_of(SERVER)));
    }
    SSL_CTX_set_tlsext_use_srtp(ctx, "SRTP_AEAD_AES_128_GCM");
    SSL_CTX_set_cert_verify_callback(ctx, accept_any, NULL);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_options(ctx, SSL_OP_NO_QUERY_MTU | options);
    assert_int_equal(SSL_CTX_set1_groups_list(ctx, groups), 1);
    return ctx;
}

static void *open_openssl(Foreign *foreign, SluiceRole ours, const char *groups, uint64_t options)
{
    Openssl *self = calloc(1, sizeof *self);
    BIO *bio;

    assert_non_null(self);
    self->foreign = foreign;
    self->alert = -1;
    self->ctx = make_ctx(groups, options);
    self->ssl = SSL_new(self->ctx);
    assert_non_null(self->ssl);
    SSL_set_app_data(self->ssl, self);
    SSL_set_info_callback(self->ssl, on_info);
    self->bio.mtu = 1200;
    self->bio.write = on_write;
    self->bio.context = self;
    bio = sl_datagram_bio_new(&self->bio);
    SSL_set_bio(self->ssl, bio, bio);
    SSL_set_mtu(self->ssl, 1200);
    if (ours == SLUICE_ROLE_CLIENT)
        SSL_set_accept_state(self->ssl);
    else
        SSL_set_connect_state(self->ssl);
    if (foreign_openssl_prepare_session)
        foreign_openssl_prepare_session(self->ssl);
    return self;
}

static void close_openssl(void *peer)
{
    Openssl *self = peer;

    SSL_free(self->ssl);
    SSL_CTX_free(self->ctx);
    free(self);
}

static void start_openssl(void *peer) { (void)SSL_do_handshake(((Openssl *)peer)->ssl); }

static void receive_openssl(void *peer, const uint8_t *data, size_t len)
{
    Openssl *self = peer;
    uint8_t buffer[2048];

    self->bio.in = data;
    self->bio.in_len = len;
    while (SSL_read(self->ssl, buffer, sizeof buffer) > 0)
        ;
    self->bio.in = NULL;
}

static SluiceTime openssl_next_timeout(void *peer)
{
    struct timeval left;

    if (DTLSv1_get_timeout(((Openssl *)peer)->ssl, &left) != 1)
        return SLUICE_TIME_NEVER;
    return vclock_now() + (SluiceTime)left.tv_sec * SECOND + (SluiceTime)left.tv_usec * 1000;
}

static void openssl_handle_timeout(void *peer)
{
    (void)DTLSv1_handle_timeout(((Openssl *)peer)->ssl);
}

static int openssl_is_finished(void *peer) { return SSL_is_init_finished(((Openssl *)peer)->ssl); }

static int openssl_last_alert(void *peer) { return ((Openssl *)peer)->alert; }

const ForeignLibrary foreign_openssl = {.name = "OpenSSL",
                                        .open = open_openssl,
                                        .close = close_openssl,
                                        .start = start_openssl,
                                        .receive = receive_openssl,
                                        .next_timeout = openssl_next_timeout,
                                        .handle_timeout = openssl_handle_timeout,
                                        .is_finished = openssl_is_finished,
                                        .last_alert = openssl_last_alert};

/* -- both ends ---------------------------------------------------------------------------------------------- */

static void drain(Foreign *self)
{
    const uint8_t *data;
    size_t len;

    while (sluice_transport_peek_output(self->transport, &data, &len)) {
        link_send(&self->to_peer, vclock_now(), 0, data, len);
        sluice_transport_pop_output(self->transport, vclock_now(), SLUICE_SENT);
    }
}

void foreign_send(Foreign *self, const uint8_t *data, size_t len)
{
    link_send(&self->to_us, vclock_now(), 0, data, len);
}

void foreign_open(Foreign *self, const ForeignLibrary *library, SluiceRole role)
{
    foreign_open_with(self, library, role, "X25519:P-256", 0);
}

static void open_between(Foreign *self, const ForeignLibrary *library, SluiceRole role,
                         const char *groups, uint64_t options, const LinkSettings *settings,
                         const SluiceFingerprint *expected)
{
    SluiceConfig *config = new_config(CLIENT);

    if (foreign_prepare)
        foreign_prepare(config);
    memset(self, 0, sizeof *self);
    rng_init(&self->rng, 1);
    link_init(&self->to_us, settings, &self->rng);
    link_init(&self->to_peer, settings, &self->rng);
    self->begun = vclock_now();
    self->library = library;
    self->peer = library->open(self, role, groups, options);
    self->transport = sluice_transport_new(config);
    sluice_config_unref(config);
    sluice_transport_set_path_validated(self->transport, vclock_now(), 1);
    sluice_transport_set_remote_fingerprints(self->transport, vclock_now(), expected, 1);
    assert_status(sluice_transport_start(self->transport, vclock_now(), role), SLUICE_OK);
    library->start(self->peer);
    drain(self);
}

void foreign_open_with(Foreign *self, const ForeignLibrary *library, SluiceRole role,
                       const char *groups, uint64_t options)
{
    const LinkSettings settings = {.delay = 10 * MS};
    SluiceFingerprint expected = fingerprint_of(certificate_of(SERVER), SLUICE_HASH_SHA256);

    open_between(self, library, role, groups, options, &settings, &expected);
}

void foreign_open_expecting(Foreign *self, const ForeignLibrary *library, SluiceRole role,
                            const SluiceFingerprint *expected, SluiceTime delay)
{
    const LinkSettings settings = {.delay = delay};

    open_between(self, library, role, "X25519:P-256", 0, &settings, expected);
}

void foreign_close(Foreign *self)
{
    self->library->close(self->peer);
    sluice_transport_free(self->transport);
    link_cleanup(&self->to_us);
    link_cleanup(&self->to_peer);
}

int foreign_both_connected(const Foreign *self)
{
    return sluice_transport_get_state(self->transport) == SLUICE_STATE_CONNECTED &&
           self->library->is_finished(self->peer);
}

static int is_settled(const Foreign *self)
{
    SluiceState state = sluice_transport_get_state(self->transport);

    return foreign_both_connected(self) || state == SLUICE_STATE_CLOSED ||
           state == SLUICE_STATE_FAILED;
}

/* One that is dead may leave its timer as it is. */
static SluiceTime peer_timer(Foreign *self)
{
    SluiceTime due = self->library->next_timeout(self->peer);

    return due < self->handled_at + MS ? self->handled_at + MS : due;
}

/* Whatever is due now. */
static void turn(Foreign *self)
{
    LinkDatagram *datagram;

    while ((datagram = link_take(&self->to_us, vclock_now()))) {
        SluiceKind kind;
        size_t len = datagram->len;

        self->steps++;
        (void)sluice_transport_receive(self->transport, vclock_now(), datagram->data, &len, &kind);
        link_free_datagram(datagram);
        drain(self);
    }
    while ((datagram = link_take(&self->to_peer, vclock_now()))) {
        self->library->receive(self->peer, datagram->data, datagram->len);
        link_free_datagram(datagram);
    }
    if (sluice_transport_next_timeout(self->transport) <= vclock_now()) {
        self->steps++;
        (void)sluice_transport_handle_timeout(self->transport, vclock_now());
        drain(self);
    }
    if (peer_timer(self) <= vclock_now()) {
        self->handled_at = vclock_now();
        self->library->handle_timeout(self->peer);
    }
}

static SluiceTime earliest(SluiceTime a, SluiceTime b) { return a < b ? a : b; }

static SluiceTime next_event(Foreign *self)
{
    SluiceTime due = earliest(link_next(&self->to_us), link_next(&self->to_peer));

    due = earliest(due, sluice_transport_next_timeout(self->transport));
    return earliest(due, peer_timer(self));
}

void foreign_run(Foreign *self, SluiceTime duration)
{
    SluiceTime limit = vclock_now() + duration, due;

    while ((due = next_event(self)) <= limit) {
        vclock_advance_to(due);
        turn(self);
        if (is_settled(self) && link_next(&self->to_peer) == SLUICE_TIME_NEVER)
            return;
    }
    vclock_advance_to(limit);
}
