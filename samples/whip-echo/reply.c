/* SPDX-License-Identifier: BSD-3-Clause */
#include "reply.h"
#include "refusal.h"

#include <string.h>

void whip_reply_header(SoupServerMessage *message, const char *name, const char *value)
{
    soup_message_headers_replace(soup_server_message_get_response_headers(message), name, value);
}

void whip_reply(SoupServerMessage *message, guint status, const char *type, const char *body)
{
    soup_server_message_set_status(message, status, NULL);
    whip_reply_header(message, "Cache-Control", "no-store");
    whip_reply_header(message, "X-Content-Type-Options", "nosniff");
    soup_message_body_truncate(soup_server_message_get_response_body(message));
    soup_message_headers_remove(soup_server_message_get_response_headers(message), "Content-Type");
    if (body != NULL)
        soup_server_message_set_response(message, type, SOUP_MEMORY_COPY, body, strlen(body));
}

void whip_reply_refused(SoupServerMessage *message, guint status, const char *sentence)
{
    g_autofree char *line = g_strconcat(sentence, "\n", NULL);

    whip_reply(message, status, "text/plain; charset=utf-8", line);
}

void whip_reply_error(SoupServerMessage *message, const GError *error)
{
    whip_reply_refused(message, error->domain == WHIP_REFUSAL ? (guint)error->code : 500,
                       error->message);
}

/* ---- later ---- */

struct WhipPending {
    SoupServerMessage *message;
    gulong handler;
    gboolean hung_up;
};

static void on_finished(G_GNUC_UNUSED SoupServerMessage *message, gpointer user_data)
{
    ((WhipPending *)user_data)->hung_up = TRUE;
}

WhipPending *whip_pending_new(SoupServerMessage *message)
{
    WhipPending *self = g_new0(WhipPending, 1);

    self->message = g_object_ref(message);
    self->handler = g_signal_connect(message, "finished", G_CALLBACK(on_finished), self);
    soup_server_message_pause(message);
    return self;
}

SoupServerMessage *whip_pending_get(WhipPending *self)
{
    return self->hung_up ? NULL : self->message;
}

/* In the default context, which is libsoup's; the caller may be in a session's. */
static gboolean unpause(gpointer user_data)
{
    WhipPending *self = user_data;

    if (!self->hung_up)
        soup_server_message_unpause(self->message);
    return G_SOURCE_REMOVE;
}

static void free_pending(gpointer user_data)
{
    WhipPending *self = user_data;

    g_signal_handler_disconnect(self->message, self->handler);
    g_object_unref(self->message);
    g_free(self);
}

void whip_pending_finish(WhipPending *self)
{
    g_idle_add_full(G_PRIORITY_DEFAULT, unpause, self, free_pending);
}

void whip_reply_abruptly(SoupServerMessage *message, guint status, const char *sentence)
{
    g_autoptr(GIOStream) stream = soup_server_message_steal_connection(message);
    g_autofree char *text =
        g_strdup_printf("HTTP/1.1 %u %s\r\nConnection: close\r\n"
                        "Content-Type: text/plain; charset=utf-8\r\n"
                        "Content-Length: %zu\r\n\r\n%s\n",
                        status, soup_status_get_phrase(status), strlen(sentence) + 1, sentence);

    /* So little fits into any socket. */
    g_output_stream_write_all(g_io_stream_get_output_stream(stream), text, strlen(text), NULL, NULL,
                              NULL);
    g_io_stream_close(stream, NULL, NULL);
}
