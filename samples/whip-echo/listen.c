/* SPDX-License-Identifier: BSD-3-Clause */
#include "listen.h"

/* Who connects while the server is busy waits here. GLib's own 10 are so few that the kernel resets connections when a hundred
 * clients begin at once. */
#define BACKLOG 1024

/* Up to 3.2 libsoup never closes an idle connection that the client has closed: a descriptor for each client, for ever. So
 * none is left idle. */
static void on_request_started(SoupServer *http, SoupServerMessage *message, gpointer user_data)
{
    (void)http, (void)user_data;
    soup_message_headers_replace(soup_server_message_get_response_headers(message), "Connection",
                                 "close");
}

gboolean whip_listen(SoupServer *http, GSocketAddress *address, GError **error)
{
    g_autoptr(GSocket) socket = g_socket_new(g_socket_address_get_family(address),
                                             G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_TCP, error);

    if (socket == NULL)
        return FALSE;
    g_socket_set_listen_backlog(socket, BACKLOG);
    if (!soup_check_version(3, 3, 0))
        g_signal_connect(http, "request-started", G_CALLBACK(on_request_started), NULL);
    return g_socket_bind(socket, address, TRUE, error) && g_socket_listen(socket, error) &&
           soup_server_listen_socket(http, socket, (SoupServerListenOptions)0, error);
}
