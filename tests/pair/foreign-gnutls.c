/* SPDX-License-Identifier: BSD-3-Clause */

/* GnuTLS as the peer: one session, as its manual has it for datagrams. */

#include "foreign.h"

#include <gnutls/dtls.h>
#include <gnutls/gnutls.h>

#include <errno.h>
#include <stdlib.h>

#define PRIORITY "NORMAL:-VERS-ALL:+VERS-DTLS1.2"

typedef struct {
    Foreign *foreign;
    gnutls_session_t session;
    gnutls_certificate_credentials_t credentials;
    const uint8_t *in;
    size_t in_len;
    int finished, dead, alert;
} Gnutls;

static ssize_t push(gnutls_transport_ptr_t context, const void *data, size_t len)
{
    foreign_send(((Gnutls *)context)->foreign, data, len);
    return (ssize_t)len;
}

static ssize_t pull(gnutls_transport_ptr_t context, void *data, size_t room)
{
    Gnutls *self = context;
    size_t len = self->in_len < room ? self->in_len : room;

    if (!self->in) {
        gnutls_transport_set_errno(self->session, EAGAIN);
        return -1;
    }
    memcpy(data, self->in, len);
    self->in = NULL;
    return (ssize_t)len;
}

static int pull_timeout(gnutls_transport_ptr_t context, unsigned int ms)
{
    (void)ms;
    return ((Gnutls *)context)->in != NULL;
}

static int accept_any(gnutls_session_t session)
{
    (void)session;
    return 0;
}

static void use_certificate(Gnutls *self)
{
    char pem[8192];
    size_t len = sizeof pem;
    gnutls_datum_t datum = {.data = (unsigned char *)pem};

    assert_status(sluice_certificate_to_pem(certificate_of(SERVER), 1, pem, &len), SLUICE_OK);
    datum.size = (unsigned int)strlen(pem);
    assert_int_equal(
        gnutls_certificate_set_x509_key_mem(self->credentials, &datum, &datum, GNUTLS_X509_FMT_PEM),
        0);
    gnutls_certificate_set_verify_function(self->credentials, accept_any);
}

int foreign_gnutls_mki;

static void *open_gnutls(Foreign *foreign, SluiceRole ours, const char *groups, uint64_t options)
{
    Gnutls *self = calloc(1, sizeof *self);
    unsigned int role = ours == SLUICE_ROLE_CLIENT ? GNUTLS_SERVER : GNUTLS_CLIENT;

    (void)groups;
    (void)options;
    assert_non_null(self);
    self->foreign = foreign;
    self->alert = -1;
    assert_int_equal(gnutls_certificate_allocate_credentials(&self->credentials), 0);
    use_certificate(self);
    assert_int_equal(gnutls_init(&self->session, role | GNUTLS_DATAGRAM | GNUTLS_NONBLOCK), 0);
    assert_int_equal(gnutls_priority_set_direct(self->session, PRIORITY, NULL), 0);
    gnutls_credentials_set(self->session, GNUTLS_CRD_CERTIFICATE, self->credentials);
    gnutls_srtp_set_profile(self->session, GNUTLS_SRTP_AES128_CM_HMAC_SHA1_80);
    if (foreign_gnutls_mki) {
        gnutls_datum_t mki = {.data = (unsigned char *)"key 1", .size = 5};

        assert_int_equal(gnutls_srtp_set_mki(self->session, &mki), 0);
    }
    if (role == GNUTLS_SERVER)
        gnutls_certificate_server_set_request(self->session, GNUTLS_CERT_REQUIRE);
    gnutls_dtls_set_mtu(self->session, 1200);
    gnutls_transport_set_ptr(self->session, self);
    gnutls_transport_set_push_function(self->session, push);
    gnutls_transport_set_pull_function(self->session, pull);
    gnutls_transport_set_pull_timeout_function(self->session, pull_timeout);
    return self;
}

static void close_gnutls(void *peer)
{
    Gnutls *self = peer;

    gnutls_deinit(self->session);
    gnutls_certificate_free_credentials(self->credentials);
    free(self);
}

static void turn(Gnutls *self)
{
    char buffer[2048];
    ssize_t n;

    if (self->dead)
        return;
    if (!self->finished) {
        int result = gnutls_handshake(self->session);

        if (result == GNUTLS_E_FATAL_ALERT_RECEIVED || result == GNUTLS_E_WARNING_ALERT_RECEIVED)
            self->alert = (int)gnutls_alert_get(self->session);
        self->finished = result == 0;
        self->dead = result < 0 && gnutls_error_is_fatal(result);
        return;
    }
    while ((n = gnutls_record_recv(self->session, buffer, sizeof buffer)) > 0)
        ;
    self->dead = n < 0 && gnutls_error_is_fatal((int)n);
}

static void start_gnutls(void *peer) { turn(peer); }

static void receive_gnutls(void *peer, const uint8_t *data, size_t len)
{
    Gnutls *self = peer;

    self->in = data;
    self->in_len = len;
    turn(self);
    self->in = NULL;
}

static SluiceTime gnutls_next_timeout(void *peer)
{
    Gnutls *self = peer;

    if (self->finished || self->dead)
        return SLUICE_TIME_NEVER;
    return vclock_now() + (SluiceTime)gnutls_dtls_get_timeout(self->session) * MS;
}

static void gnutls_handle_timeout(void *peer) { turn(peer); }

static int gnutls_is_finished(void *peer) { return ((Gnutls *)peer)->finished; }

static int gnutls_last_alert(void *peer) { return ((Gnutls *)peer)->alert; }

const ForeignLibrary foreign_gnutls = {.name = "GnuTLS",
                                       .open = open_gnutls,
                                       .close = close_gnutls,
                                       .start = start_gnutls,
                                       .receive = receive_gnutls,
                                       .next_timeout = gnutls_next_timeout,
                                       .handle_timeout = gnutls_handle_timeout,
                                       .is_finished = gnutls_is_finished,
                                       .last_alert = gnutls_last_alert};
