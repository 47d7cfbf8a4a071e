/* SPDX-License-Identifier: BSD-3-Clause */

/* The HTTP of WHIP. */

#include "whip-probe.h"

#include <string.h>

#define TIMEOUT_SECONDS 30
#define ANSWER_MAX 65536

struct WhipHttp {
    SoupSession *session;
    GUri *url;
    const char *token;
};

typedef struct {
    SoupMessage *message;
    WhipHttpFunc func;
    gpointer user_data;
} Request;

WhipHttp *whip_http_new(const ProbeOptions *options)
{
    WhipHttp *self = g_new0(WhipHttp, 1);

    /* Each client of many is one of its own. */
    self->session =
        soup_session_new_with_options("max-conns", 256, "max-conns-per-host", 256, "timeout",
                                      TIMEOUT_SECONDS, "user-agent", "rtcprobe", NULL);
    self->url = g_uri_parse(options->url, SOUP_HTTP_URI_FLAGS, NULL); /* it was checked */
    self->token = options->token;
    return self;
}

void whip_http_free(WhipHttp *self)
{
    if (self == NULL)
        return;
    soup_session_abort(self->session);
    g_object_unref(self->session);
    g_uri_unref(self->url);
    g_free(self);
}

static void on_done(GObject *session, GAsyncResult *result, gpointer user_data)
{
    Request *request = user_data;
    GError *error = NULL;
    GBytes *body = soup_session_send_and_read_finish(SOUP_SESSION(session), result, &error);
    SoupMessageHeaders *headers = soup_message_get_response_headers(request->message);

    if (body != NULL && g_bytes_get_size(body) > ANSWER_MAX)
        g_clear_pointer(&body, g_bytes_unref);
    request->func(body != NULL ? soup_message_get_status(request->message) : 0,
                  soup_message_headers_get_one(headers, "Location"), body, error,
                  request->user_data);
    g_clear_error(&error);
    g_clear_pointer(&body, g_bytes_unref);
    g_object_unref(request->message);
    g_free(request);
}

static void send_request(WhipHttp *self, const char *method, GUri *url, const char *sdp,
                         WhipHttpFunc func, gpointer user_data)
{
    Request *request = g_new0(Request, 1);
    SoupMessage *message = soup_message_new_from_uri(method, url);

    request->message = message;
    request->func = func;
    request->user_data = user_data;
    if (self->token != NULL) {
        char *value = g_strconcat("Bearer ", self->token, NULL);
        soup_message_headers_replace(soup_message_get_request_headers(message), "Authorization",
                                     value);
        g_free(value);
    }
    if (sdp != NULL) {
        GBytes *body = g_bytes_new(sdp, strlen(sdp));
        soup_message_set_request_body_from_bytes(message, "application/sdp", body);
        g_bytes_unref(body);
    }
    soup_session_send_and_read_async(self->session, message, G_PRIORITY_DEFAULT, NULL, on_done,
                                     request);
}

void whip_http_post(WhipHttp *self, const char *sdp, WhipHttpFunc func, gpointer user_data)
{
    send_request(self, "POST", self->url, sdp, func, user_data);
}

void whip_http_delete(WhipHttp *self, const char *location, WhipHttpFunc func, gpointer user_data)
{
    GUri *url = g_uri_parse_relative(self->url, location, SOUP_HTTP_URI_FLAGS, NULL);

    if (url == NULL) {
        func(0, NULL, NULL, NULL, user_data);
        return;
    }
    send_request(self, "DELETE", url, NULL, func, user_data);
    g_uri_unref(url);
}
