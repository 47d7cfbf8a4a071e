/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tls-glib: an HTTPS GET client on GLib's main loop. The body goes to stdout; an error is a sentence on stderr and exit
 * status 1.
 *
 *   cc -D_GNU_SOURCE -o tls-glib tls-glib.c https-get.c https-options-glib.c $(pkg-config --cflags --libs sluice-1.0 gio-2.0)
 *   ./tls-glib https://www.example.org/ >page.html
 *
 * Every callback of GLib ends in go_on(), which is the whole of TLS here: ciphertext in, plaintext both ways
 * (https-get.c), ciphertext out, and then what to wait for.
 */
#include <gio/gio.h>

#include "https-get.h"

typedef struct {
    HttpsGet get;
    GMainLoop *loop;
    GCancellable *cancellable; /* of the connecting */
    GSocketConnection *connection;
    GPollableInputStream *in;
    GPollableOutputStream *out;
    GSource *readable, *writable, *timer;
    gboolean connecting, broken;
    guint8 input[65536];
    gsize in_len, in_taken; /* what the stream had no room for stays, and no more is read */
} Fetch;

static void go_on(Fetch *f);

static SluiceTime now(void) { return g_get_monotonic_time() * 1000; }

static gboolean on_writable(GObject *out, gpointer data)
{
    Fetch *f = data;
    (void)out;
    g_clear_pointer(&f->writable, g_source_unref);
    go_on(f);
    return G_SOURCE_REMOVE;
}

/* What the socket took is popped, exactly; what it refused stays in the stream, encrypted once, and nothing is copied. */
static void send_output(Fetch *f)
{
    const uint8_t *data;
    size_t len;
    while (f->out && !f->broken && !f->writable &&
           sluice_stream_peek_output(f->get.stream, &data, &len)) {
        g_autoptr(GError) error = NULL;
        gssize n = g_pollable_output_stream_write_nonblocking(f->out, data, len, NULL, &error);
        if (n > 0) {
            sluice_stream_pop_output(f->get.stream, (size_t)n);
        } else if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK)) {
            f->writable = g_pollable_output_stream_create_source(f->out, NULL);
            g_source_set_callback(f->writable, G_SOURCE_FUNC(on_writable), f, NULL);
            g_source_attach(f->writable, NULL);
        } else {
            /* Why is for the reading side to find out: the peer's alert may lie there. */
            f->broken = TRUE;
        }
    }
}

static gboolean on_readable(GObject *in, gpointer data)
{
    Fetch *f = data;
    g_autoptr(GError) error = NULL;
    gssize n =
        g_pollable_input_stream_read_nonblocking(f->in, f->input, sizeof f->input, NULL, &error);
    (void)in;
    if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
        return G_SOURCE_CONTINUE;
    f->in_len = n > 0 ? (gsize)n : 0;
    f->in_taken = 0;
    /* The end, or an error: nothing more comes. Whether that was in order is the stream's to say. */
    if (n <= 0)
        sluice_stream_receive_end(f->get.stream);
    go_on(f);
    return G_SOURCE_CONTINUE;
}

static void drop(GSource **source)
{
    if (*source)
        g_source_destroy(*source);
    g_clear_pointer(source, g_source_unref);
}

static void wait_for_more(Fetch *f)
{
    SluiceTime due = sluice_stream_next_timeout(f->get.stream);
    gboolean wanted = f->in && f->in_taken == f->in_len && sluice_stream_wants_input(f->get.stream);
    /* The source's clock is g_get_monotonic_time(). Rounded up, or it would come a little early. */
    g_source_set_ready_time(f->timer, due == SLUICE_TIME_NEVER ? -1 : due / 1000 + 1);
    if (!wanted) {
        drop(&f->readable);
    } else if (!f->readable) {
        f->readable = g_pollable_input_stream_create_source(f->in, NULL);
        g_source_set_callback(f->readable, G_SOURCE_FUNC(on_readable), f, NULL);
        g_source_attach(f->readable, NULL);
    }
}

static void go_on(Fetch *f)
{
    size_t taken;
    sluice_stream_handle_timeout(f->get.stream, now());
    do {
        const uint8_t *rest = f->input + f->in_taken;
        sluice_stream_receive(f->get.stream, rest, f->in_len - f->in_taken, &taken);
        f->in_taken += taken;
        https_get_go_on(&f->get);
        send_output(f);
    } while (taken > 0 && !f->get.ended);
    wait_for_more(f);
    if (f->get.ended)
        g_cancellable_cancel(f->cancellable);
    if (f->get.ended && !f->connecting && !f->writable) /* the last word was sent, or cannot be */
        g_main_loop_quit(f->loop);
}

static gboolean on_due(GSource *timer, GSourceFunc callback, gpointer data)
{
    (void)timer;
    (void)callback;
    go_on(data);
    return G_SOURCE_CONTINUE;
}

static void on_connected(GObject *client, GAsyncResult *result, gpointer data)
{
    Fetch *f = data;
    g_autoptr(GError) error = NULL;
    f->connecting = FALSE;
    f->connection = g_socket_client_connect_finish(G_SOCKET_CLIENT(client), result, &error);
    if (f->connection) {
        f->in = G_POLLABLE_INPUT_STREAM(g_io_stream_get_input_stream(G_IO_STREAM(f->connection)));
        f->out =
            G_POLLABLE_OUTPUT_STREAM(g_io_stream_get_output_stream(G_IO_STREAM(f->connection)));
    } else {
        https_get_end(&f->get, "No connection to the server: ", error->message);
    }
    go_on(f);
}

static int fetch(Https *https, const char *program)
{
    static GSourceFuncs timer_functions = {.dispatch = on_due};
    g_autofree Fetch *f = g_new0(Fetch, 1);
    g_autoptr(GSocketClient) client = g_socket_client_new();
    g_autoptr(GSocketConnectable) server = g_network_address_new(https->host, (guint16)https->port);
    f->loop = g_main_loop_new(NULL, FALSE);
    f->cancellable = g_cancellable_new();
    f->timer = g_source_new(&timer_functions, sizeof(GSource));
    g_source_set_callback(f->timer, NULL, f, NULL);
    g_source_attach(f->timer, NULL);
    g_socket_client_set_enable_proxy(client, FALSE);
    /* Started first, so that the deadline of the handshake is that of the way to the server too. */
    https_get_start(&f->get, https, now());
    f->connecting = TRUE;
    g_socket_client_connect_async(client, server, f->cancellable, on_connected, f);
    go_on(f);
    g_main_loop_run(f->loop);
    drop(&f->readable);
    drop(&f->writable);
    drop(&f->timer);
    g_clear_object(&f->connection);
    g_object_unref(f->cancellable);
    g_main_loop_unref(f->loop);
    return https_get_finish(&f->get, program);
}

int main(int argc, char **argv) { return https_main(argc, argv, fetch); }
