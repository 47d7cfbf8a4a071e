/* SPDX-License-Identifier: BSD-3-Clause */
#include "page.h"
#include "reply.h"

#include <gio/gio.h>

#define PREFIX "/whip-echo/page"

static const char *type_of(const char *path)
{
    const char *const types[][2] = {{".html", "text/html; charset=utf-8"},
                                    {".css", "text/css; charset=utf-8"},
                                    {".js", "text/javascript; charset=utf-8"},
                                    {".svg", "image/svg+xml"}};

    for (gsize i = 0; i < G_N_ELEMENTS(types); i++)
        if (g_str_has_suffix(path, types[i][0]))
            return types[i][1];
    return "application/octet-stream";
}

gboolean whip_page_serve(SoupServerMessage *message, const char *path)
{
    g_autofree char *name =
        g_strconcat(PREFIX, g_str_equal(path, "/") ? "/index.html" : path, NULL);
    g_autoptr(GBytes) bytes = g_resources_lookup_data(name, G_RESOURCE_LOOKUP_FLAGS_NONE, NULL);
    gsize len;

    if (bytes == NULL)
        return FALSE;
    const char *data = g_bytes_get_data(bytes, &len);
    whip_reply(message, 200, NULL, NULL);
    whip_reply_header(message, "Cache-Control", "no-cache");
    whip_reply_header(message, "Referrer-Policy", "no-referrer");
    whip_reply_header(
        message, "Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; media-src 'self' blob: mediastream:; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'");
    soup_server_message_set_response(message, type_of(name), SOUP_MEMORY_COPY, data, len);
    return TRUE;
}
