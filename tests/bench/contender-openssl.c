/* SPDX-License-Identifier: BSD-3-Clause */

/* OpenSSL as its manual shows it: its own socket BIO on a socket that does not block. The error queue is not cleared before
 * each call, as a program must that does anything else with OpenSSL: the base is to have no handicap. */

#include "bench.h"

#include <openssl/err.h>

#include <poll.h>
#include <stdlib.h>

#define RECORD 16384

typedef struct {
    PollEnd poll; /* first: go_on() finds us by it */
    SSL *ssl;
    Load load;
    uint64_t done; /* messages sent, bytes received */
    size_t sent;   /* of the message under way */
    unsigned char buffer[RECORD];
} End;

typedef struct {
    End sender, receiver;
} Pair;

static short wanted(const SSL *ssl, int ret)
{
    switch (SSL_get_error(ssl, ret)) {
    case SSL_ERROR_WANT_READ:
        return POLLIN;
    case SSL_ERROR_WANT_WRITE:
        return POLLOUT;
    default:
        ERR_print_errors_fp(stderr);
        die("OpenSSL has failed");
        return 0;
    }
}

static short handshake(PollEnd *poll)
{
    End *self = (End *)poll;
    int ret = SSL_do_handshake(self->ssl);

    return ret == 1 ? 0 : wanted(self->ssl, ret);
}

static short send_on(PollEnd *poll)
{
    End *self = (End *)poll;
    size_t n;

    while (self->done < self->load.messages) {
        if (!SSL_write_ex(self->ssl, self->buffer + self->sent, self->load.message - self->sent,
                          &n))
            return wanted(self->ssl, 0);
        self->sent += n;
        if (self->sent == self->load.message) {
            self->sent = 0;
            self->done++;
        }
    }
    return 0;
}

static short receive_on(PollEnd *poll)
{
    End *self = (End *)poll;
    size_t n;

    while (self->done < self->load.messages * self->load.message) {
        if (!SSL_read_ex(self->ssl, self->buffer, sizeof self->buffer, &n))
            return wanted(self->ssl, 0);
        self->done += n;
    }
    return 0;
}

static void open_end(End *self, const Material *material, SluiceRole role, int fd, int read_ahead)
{
    self->ssl = material_new_ssl(material, role);
    self->poll.fd = fd;
    self->poll.go_on = handshake;
    SSL_set_read_ahead(self->ssl, read_ahead);
    if (!SSL_set_fd(self->ssl, fd))
        die("SSL_set_fd");
}

static Pair *open_pair(const Material *material, int sender, int receiver, int read_ahead)
{
    Pair *self = calloc(1, sizeof *self);

    if (!self)
        die("memory");
    open_end(&self->sender, material, SLUICE_ROLE_SERVER, sender, read_ahead);
    open_end(&self->receiver, material, SLUICE_ROLE_CLIENT, receiver, read_ahead);
    poll_run(&self->sender.poll, &self->receiver.poll, BOTH);
    require_cipher(SSL_get_cipher_name(self->sender.ssl));
    self->sender.poll.go_on = send_on;
    self->receiver.poll.go_on = receive_on;
    return self;
}

static void *openssl_open(const Material *material, int sender, int receiver, int threads)
{
    (void)threads;
    return open_pair(material, sender, receiver, 0);
}

static void *read_ahead_open(const Material *material, int sender, int receiver, int threads)
{
    (void)threads;
    return open_pair(material, sender, receiver, 1);
}

static void openssl_run(void *pair, const Load *load, Side side)
{
    Pair *self = pair;

    if (side & SENDER) {
        self->sender.load = *load;
        self->sender.done = 0;
    }
    if (side & RECEIVER) {
        self->receiver.load = *load;
        self->receiver.done = 0;
    }
    poll_run(&self->sender.poll, &self->receiver.poll, side);
    if (side & RECEIVER && self->receiver.done != load->messages * load->message)
        die("OpenSSL: another number of bytes has come");
}

static void openssl_close(void *pair)
{
    Pair *self = pair;

    SSL_free(self->sender.ssl);
    SSL_free(self->receiver.ssl);
    free(self);
}

const Contender contender_openssl = {
    .name = "OpenSSL socket BIO",
    .open = openssl_open,
    .run = openssl_run,
    .close = openssl_close,
};

const Contender contender_openssl_read_ahead = {
    .name = "OpenSSL socket BIO, read_ahead",
    .is_variant = 1,
    .open = read_ahead_open,
    .run = openssl_run,
    .close = openssl_close,
};
