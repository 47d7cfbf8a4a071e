/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tls-libuv: an HTTPS GET client on libuv. The body goes to stdout; an error is a sentence on stderr and exit status 1.
 *
 *   cc -D_GNU_SOURCE -o tls-libuv tls-libuv.c https-get.c https-options.c \
 *      $(pkg-config --cflags --libs sluice-1.0 libuv liburiparser)
 *   ./tls-libuv https://www.example.org/ >page.html
 *
 * Every callback of libuv ends in go_on(), which is the whole of TLS here: ciphertext in, plaintext both ways
 * (https-get.c), ciphertext out, and then what to wait for.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <uv.h>

#include "https-get.h"

typedef struct {
    HttpsGet get;
    uv_tcp_t tcp;
    uv_timer_t timer;
    uv_getaddrinfo_t resolve;
    uv_connect_t connect;
    uv_write_t write;
    struct addrinfo *addresses, *address;
    int blocked; /* nothing can be sent. UV_EAGAIN: no room; else not connected, or the connection is broken */
    char first, in[65536];
    size_t in_len, in_taken; /* what the stream had no room for stays, and libuv does not read on */
} Fetch;

static void go_on(Fetch *f);

static SluiceTime now(void) { return (SluiceTime)uv_hrtime(); }

static void on_room(uv_write_t *write, int status)
{
    Fetch *f = write->data;
    f->blocked = status;
    go_on(f);
}

/*
 * uv_try_write() says how much the socket took, and exactly that is popped: nothing is copied, and what is left stays in
 * the stream, encrypted once. libuv does not tell when there is room again, but a uv_write() waits for it. The memory it
 * is given must not change before on_room(), and what peek_output() shows may with the next call on the stream: so it
 * gets a copy, and one byte will do.
 */
static void send_output(Fetch *f)
{
    const uint8_t *data;
    size_t len;
    while (!f->blocked && sluice_stream_peek_output(f->get.stream, &data, &len)) {
        uv_buf_t all = uv_buf_init((char *)data, (unsigned)len), one = uv_buf_init(&f->first, 1);
        int n = uv_try_write((uv_stream_t *)&f->tcp, &all, 1);
        f->first = (char)*data;
        if (n == UV_EAGAIN && uv_write(&f->write, (uv_stream_t *)&f->tcp, &one, 1, on_room) == 0)
            f->blocked = n, n = 1;
        else if (n < 0)
            f->blocked = UV_EPIPE; /* reading finds out why: the peer's alert may lie there */
        if (n > 0)
            sluice_stream_pop_output(f->get.stream, (size_t)n);
    }
}

static void on_timer(uv_timer_t *timer) { go_on(timer->data); }

static void on_memory(uv_handle_t *tcp, size_t wanted, uv_buf_t *buf)
{
    Fetch *f = tcp->data;
    (void)wanted;
    *buf = uv_buf_init(f->in, sizeof f->in);
}

static void on_read(uv_stream_t *tcp, ssize_t n, const uv_buf_t *buf)
{
    Fetch *f = tcp->data;
    (void)buf;
    f->in_len = n > 0 ? (size_t)n : 0;
    f->in_taken = 0;
    /* UV_EOF or an error: nothing more comes. Whether that was in order is the stream's to say. */
    if (n < 0)
        sluice_stream_receive_end(f->get.stream);
    go_on(f);
}

static void wait_for_more(Fetch *f)
{
    uv_stream_t *tcp = (uv_stream_t *)&f->tcp;
    SluiceTime due = sluice_stream_next_timeout(f->get.stream);
    uint64_t ms = due > now() ? (uint64_t)((due - now()) / SLUICE_MILLISECOND) + 1 : 0;
    if (f->in_taken == f->in_len && sluice_stream_wants_input(f->get.stream))
        uv_read_start(tcp, on_memory, on_read);
    else
        uv_read_stop(tcp);
    if (due == SLUICE_TIME_NEVER)
        uv_timer_stop(&f->timer);
    else
        uv_timer_start(&f->timer, on_timer, ms, 0);
}

/* The last word was sent, or cannot be. Without handles uv_run() returns. */
static void close_all(Fetch *f)
{
    uv_cancel((uv_req_t *)&f->resolve);
    if (!uv_is_closing((uv_handle_t *)&f->tcp))
        uv_close((uv_handle_t *)&f->tcp, NULL);
    if (!uv_is_closing((uv_handle_t *)&f->timer))
        uv_close((uv_handle_t *)&f->timer, NULL);
}

static void go_on(Fetch *f)
{
    size_t taken;
    sluice_stream_handle_timeout(f->get.stream, now());
    do {
        const uint8_t *rest = (const uint8_t *)f->in + f->in_taken;
        sluice_stream_receive(f->get.stream, rest, f->in_len - f->in_taken, &taken);
        f->in_taken += taken;
        https_get_go_on(&f->get);
        send_output(f);
    } while (taken > 0 && !f->get.ended);
    if (f->get.ended && f->blocked != UV_EAGAIN)
        close_all(f);
    else
        wait_for_more(f);
}

static void on_closed(uv_handle_t *tcp);

static void on_connect(uv_connect_t *connect, int status)
{
    Fetch *f = connect->data;
    f->blocked = status;
    if (status < 0 && !f->get.ended && f->address->ai_next) {
        f->address = f->address->ai_next;
        uv_close((uv_handle_t *)&f->tcp, on_closed); /* a handle serves for one attempt */
        return;
    }
    if (status < 0)
        https_get_end(&f->get, "No connection to the server: ", uv_strerror(status));
    go_on(f);
}

static void try_address(Fetch *f)
{
    int status = uv_tcp_connect(&f->connect, &f->tcp, f->address->ai_addr, on_connect);
    if (status < 0)
        on_connect(&f->connect, status);
}

static void on_closed(uv_handle_t *tcp)
{
    Fetch *f = tcp->data;
    if (!f->get.ended && uv_tcp_init(tcp->loop, &f->tcp) == 0)
        try_address(f);
}

static void on_resolved(uv_getaddrinfo_t *resolve, int status, struct addrinfo *addresses)
{
    Fetch *f = resolve->data;
    f->addresses = f->address = addresses;
    if (status < 0)
        https_get_end(&f->get, "The server's name was not resolved: ", uv_strerror(status));
    else if (!f->get.ended)
        try_address(f);
    go_on(f);
}

static int fetch(Https *https, const char *program)
{
    uv_loop_t *loop = uv_default_loop();
    static const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    static Fetch f;
    char port[8];
    memset(&f, 0, sizeof f);
    f.tcp.data = f.timer.data = f.resolve.data = f.connect.data = f.write.data = &f;
    f.blocked = UV_ENOTCONN;
    uv_tcp_init(loop, &f.tcp);
    uv_timer_init(loop, &f.timer);
    /* Started first, so that the deadline of the handshake is that of the way to the server too. */
    https_get_start(&f.get, https, now());
    snprintf(port, sizeof port, "%d", https->port);
    int status = uv_getaddrinfo(loop, &f.resolve, on_resolved, https->host, port, &hints);
    if (status < 0)
        on_resolved(&f.resolve, status, NULL);
    go_on(&f);
    uv_run(loop, UV_RUN_DEFAULT);
    uv_freeaddrinfo(f.addresses);
    return https_get_finish(&f.get, program);
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN); /* a broken connection is an error of write() */
    return https_main(argc, argv, fetch);
}
