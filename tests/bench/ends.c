/* SPDX-License-Identifier: BSD-3-Clause */
#include "ends.h"

#include <openssl/bio.h>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#define STEP_MAX 65536

static unsigned char plain[STEP_MAX], cipher[16384];

/* -- ours --------------------------------------------------------------------------------------------------- */

static void stream_open(End *end, const Material *material, SluiceRole role)
{
    end->stream = sluice_stream_new(material->config, role);
    if (!end->stream ||
        (role == SLUICE_ROLE_CLIENT &&
         sluice_stream_set_host(end->stream, BENCH_HOST) != SLUICE_OK) ||
        sluice_stream_start(end->stream, 0) != SLUICE_OK)
        die("a stream");
}

/* It goes on by itself as bytes come. */
static void stream_handshake(End *end) { (void)end; }

static int stream_connected(const End *end)
{
    return sluice_stream_get_state(end->stream) == SLUICE_STATE_CONNECTED;
}

static size_t stream_write(End *end, const void *data, size_t len)
{
    size_t n;

    if (sluice_status_is_dead(sluice_stream_write(end->stream, data, len, &n)))
        die("sluice_stream_write");
    return n;
}

static void stream_carry(End *from, End *to)
{
    const uint8_t *data;
    size_t len, taken;

    while (sluice_stream_peek_output(from->stream, &data, &len)) {
        if (sluice_stream_receive(to->stream, data, len, &taken) != SLUICE_OK)
            die("sluice_stream_receive");
        sluice_stream_pop_output(from->stream, taken);
    }
}

static size_t stream_read(End *end)
{
    size_t n, sum = 0;

    while (sluice_stream_read(end->stream, plain, sizeof plain, &n) == SLUICE_OK)
        sum += n;
    return sum;
}

static void stream_go_idle(End *end) { sluice_stream_release_buffers(end->stream); }

static void stream_close(End *end) { sluice_stream_free(end->stream); }

const Kind kind_sluice = {
    .name = "SluiceStream",
    .open = stream_open,
    .handshake = stream_handshake,
    .connected = stream_connected,
    .write = stream_write,
    .carry = stream_carry,
    .read = stream_read,
    .close = stream_close,
};

const Kind kind_sluice_released = {
    .name = "SluiceStream, buffers released",
    .open = stream_open,
    .handshake = stream_handshake,
    .connected = stream_connected,
    .write = stream_write,
    .carry = stream_carry,
    .read = stream_read,
    .go_idle = stream_go_idle,
    .close = stream_close,
};

/* -- bare OpenSSL ------------------------------------------------------------------------------------------- */

static void memory_open(End *end, const Material *material, SluiceRole role)
{
    BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());

    end->ssl = material_new_ssl(material, role);
    if (!in || !out)
        die("a memory BIO");
    SSL_set_bio(end->ssl, in, out);
}

static void socket_open(End *end, const Material *material, SluiceRole role)
{
    end->ssl = material_new_ssl(material, role);
    if (!SSL_set_fd(end->ssl, end->fd))
        die("SSL_set_fd");
}

static void ssl_handshake(End *end)
{
    int ret = SSL_do_handshake(end->ssl);

    if (ret != 1 && SSL_get_error(end->ssl, ret) != SSL_ERROR_WANT_READ)
        die("SSL_do_handshake");
}

static int ssl_connected(const End *end) { return SSL_is_init_finished(end->ssl); }

static size_t ssl_write(End *end, const void *data, size_t len)
{
    size_t n;

    if (!SSL_write_ex(end->ssl, data, len, &n))
        die("SSL_write_ex");
    return n;
}

static void memory_carry(End *from, End *to)
{
    int n;

    while ((n = BIO_read(SSL_get_wbio(from->ssl), cipher, sizeof cipher)) > 0)
        if (BIO_write(SSL_get_rbio(to->ssl), cipher, n) != n)
            die("BIO_write");
}

static size_t ssl_read(End *end)
{
    size_t n, sum = 0;

    while (SSL_read_ex(end->ssl, plain, sizeof plain, &n))
        sum += n;
    if (SSL_get_error(end->ssl, 0) != SSL_ERROR_WANT_READ)
        die("SSL_read_ex");
    return sum;
}

static void ssl_go_idle(End *end)
{
    if (!SSL_free_buffers(end->ssl))
        die("SSL_free_buffers");
}

static void ssl_close(End *end) { SSL_free(end->ssl); }

const Kind kind_memory = {
    .name = "OpenSSL memory BIOs",
    .open = memory_open,
    .handshake = ssl_handshake,
    .connected = ssl_connected,
    .write = ssl_write,
    .carry = memory_carry,
    .read = ssl_read,
    .close = ssl_close,
};

const Kind kind_memory_released = {
    .name = "OpenSSL memory BIOs, SSL_free_buffers",
    .open = memory_open,
    .handshake = ssl_handshake,
    .connected = ssl_connected,
    .write = ssl_write,
    .carry = memory_carry,
    .read = ssl_read,
    .go_idle = ssl_go_idle,
    .close = ssl_close,
};

const Kind kind_socket = {
    .name = "OpenSSL socket BIO",
    .sockets = 1,
    .open = socket_open,
    .handshake = ssl_handshake,
    .connected = ssl_connected,
    .write = ssl_write,
    .read = ssl_read,
    .close = ssl_close,
};

const Kind kind_socket_released = {
    .name = "OpenSSL socket BIO, SSL_free_buffers",
    .sockets = 1,
    .open = socket_open,
    .handshake = ssl_handshake,
    .connected = ssl_connected,
    .write = ssl_write,
    .read = ssl_read,
    .go_idle = ssl_go_idle,
    .close = ssl_close,
};

/* -- pairs -------------------------------------------------------------------------------------------------- */

static void carry(const Kind *kind, End *from, End *to)
{
    if (kind->carry)
        kind->carry(from, to);
}

static void open_sockets(End ends[2])
{
    int fds[2];

    if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) < 0)
        die("socketpair");
    for (int i = 0; i < 2; i++) {
        ends[i].fd = fds[i];
        if (fcntl(fds[i], F_SETFL, O_NONBLOCK) < 0)
            die("fcntl");
    }
}

void ends_open(const Kind *kind, const Material *material, End ends[2])
{
    if (kind->sockets)
        open_sockets(ends);
    kind->open(&ends[0], material, SLUICE_ROLE_CLIENT);
    kind->open(&ends[1], material, SLUICE_ROLE_SERVER);
    while (!kind->connected(&ends[0]) || !kind->connected(&ends[1]))
        for (int i = 0; i < 2; i++) {
            kind->handshake(&ends[i]);
            carry(kind, &ends[i], &ends[!i]);
        }
}

void ends_close(const Kind *kind, End ends[2])
{
    for (int i = 0; i < 2; i++) {
        kind->close(&ends[i]);
        if (kind->sockets)
            close(ends[i].fd);
    }
}

void ends_transfer(const Kind *kind, End *from, End *to, size_t bytes, size_t step)
{
    size_t sent = 0, got = 0, n, part;

    while (got < bytes) {
        part = 0;
        do {
            n = bytes - sent < step - part ? bytes - sent : step - part;
            n = n ? kind->write(from, plain, n) : 0;
            part += n;
            sent += n;
        } while (n);
        carry(kind, from, to);
        got += kind->read(to);
    }
    if (got != bytes)
        die("another number of bytes has come");
}
