/* SPDX-License-Identifier: BSD-3-Clause */
#include "bare.h"

#include "certificate.h"

#include <openssl/err.h>

static int accept_any(X509_STORE_CTX *store, void *context)
{
    (void)store;
    (void)context;
    return 1;
}

void bare_open_with(Bare *self, int server, unsigned version, Identity who, SluiceConfig *config)
{
    SluiceFingerprint fingerprint = fingerprint_of_identity(who, SLUICE_HASH_SHA256);

    memset(self, 0, sizeof *self);
    self->ctx = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
    assert_non_null(self->ctx);
    assert_int_equal(SSL_CTX_use_certificate(self->ctx, sl_certificate_x509(identity(who))), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(self->ctx, sl_certificate_key(identity(who))), 1);
    SSL_CTX_set_cert_verify_callback(self->ctx, accept_any, NULL);
    SSL_CTX_set_mode(self->ctx, SSL_MODE_AUTO_RETRY);
    if (version) {
        SSL_CTX_set_min_proto_version(self->ctx, (int)version);
        SSL_CTX_set_max_proto_version(self->ctx, (int)version);
    }
    self->config = config;
    self->stream = sluice_stream_new(config, server ? SLUICE_ROLE_CLIENT : SLUICE_ROLE_SERVER);
    assert_non_null(self->stream);
    if (server) {
        assert_status(sluice_stream_set_verify(self->stream, SLUICE_VERIFY_FINGERPRINT), SLUICE_OK);
        assert_status(sluice_stream_set_remote_fingerprints(self->stream, &fingerprint, 1),
                      SLUICE_OK);
    }
}

void bare_open(Bare *self, int server, unsigned version, Identity who)
{
    bare_open_with(self, server, version, who,
                   server ? client_config(0) : server_config(0, ID_SERVER));
}

void bare_start(Bare *self)
{
    BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());

    self->ssl = SSL_new(self->ctx);
    assert_non_null(self->ssl);
    BIO_set_mem_eof_return(in, -1);
    SSL_set_bio(self->ssl, in, out);
    if (SSL_CTX_get_ssl_method(self->ctx) == TLS_server_method())
        SSL_set_accept_state(self->ssl);
    else
        SSL_set_connect_state(self->ssl);
    assert_status(sluice_stream_start(self->stream, vclock_now()), SLUICE_OK);
}

void bare_close(Bare *self)
{
    SSL_free(self->ssl);
    SSL_CTX_free(self->ctx);
    sluice_stream_free(self->stream);
    sluice_config_unref(self->config);
    ERR_clear_error();
}

size_t bare_to_stream(Bare *self, size_t most)
{
    uint8_t buffer[4096];
    size_t sum = 0, taken = 0;
    char *waiting;
    long n;

    while (sum < most && (n = BIO_get_mem_data(SSL_get_wbio(self->ssl), &waiting)) > 0) {
        size_t len = (size_t)n < sizeof buffer ? (size_t)n : sizeof buffer;

        if (len > most - sum)
            len = most - sum;
        memcpy(buffer, waiting, len);
        (void)sluice_stream_receive(self->stream, buffer, len, &taken);
        if (taken == 0)
            break;
        assert_int_equal(BIO_read(SSL_get_wbio(self->ssl), buffer, (int)taken), (int)taken);
        sum += taken;
    }
    return sum;
}

size_t bare_from_stream(Bare *self, size_t most)
{
    const uint8_t *data;
    size_t len;

    if (!sluice_stream_peek_output(self->stream, &data, &len))
        return 0;
    if (len > most)
        len = most;
    assert_int_equal(BIO_write(SSL_get_rbio(self->ssl), data, (int)len), (int)len);
    assert_status(sluice_stream_pop_output(self->stream, len), SLUICE_OK);
    return len;
}

void bare_pass(Bare *self)
{
    size_t moved;

    do {
        ERR_clear_error();
        if (SSL_in_init(self->ssl))
            (void)SSL_do_handshake(self->ssl);
        moved = bare_to_stream(self, ALL) + bare_from_stream(self, ALL);
    } while (moved);
    ERR_clear_error();
}

void bare_connect(Bare *self)
{
    bare_start(self);
    bare_pass(self);
    assert_string_equal(sluice_state_name(sluice_stream_get_state(self->stream)), "connected");
    assert_true(SSL_is_init_finished(self->ssl));
}

void bare_assert_reads(Bare *self, const char *text)
{
    uint8_t buffer[256];
    size_t len = 0;

    assert_status(sluice_stream_read(self->stream, buffer, sizeof buffer, &len), SLUICE_OK);
    assert_int_equal(len, strlen(text));
    assert_memory_equal(buffer, text, len);
}

void bare_assert_talks(Bare *self)
{
    char buffer[64];
    size_t accepted;

    ERR_clear_error();
    assert_int_equal(SSL_write(self->ssl, "from OpenSSL", 12), 12);
    bare_pass(self);
    bare_assert_reads(self, "from OpenSSL");
    assert_status(sluice_stream_write(self->stream, (const uint8_t *)"from Sluice", 11, &accepted),
                  SLUICE_OK);
    bare_pass(self);
    assert_int_equal(SSL_read(self->ssl, buffer, sizeof buffer), 11);
    assert_memory_equal(buffer, "from Sluice", 11);
}
