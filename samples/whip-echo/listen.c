/* SPDX-License-Identifier: BSD-3-Clause */

/* libsoup has a listener of its own, but 3.2 keeps a GSocket of each connection for ever; here GIO's accepts them. */

#include "listen.h"

#include <string.h>

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

static gboolean on_incoming(GSocketService *service, GSocketConnection *connection, GObject *source,
                            gpointer http)
{
    g_autoptr(GSocketAddress) local = g_socket_connection_get_local_address(connection, NULL);
    g_autoptr(GSocketAddress) remote = g_socket_connection_get_remote_address(connection, NULL);

    (void)service, (void)source;
    /* One that has gone by now has no address. */
    if (local != NULL && remote != NULL)
        soup_server_accept_iostream(http, G_IO_STREAM(connection), local, remote, NULL);
    return TRUE;
}

static char *url_of(GSocketAddress *address)
{
    GInetSocketAddress *inet = G_INET_SOCKET_ADDRESS(address);
    g_autofree char *host = g_inet_address_to_string(g_inet_socket_address_get_address(inet));

    return g_strdup_printf(strchr(host, ':') != NULL ? "http://[%s]:%u/" : "http://%s:%u/", host,
                           g_inet_socket_address_get_port(inet));
}

GSocketService *whip_listen(SoupServer *http, GSocketAddress *address, char **url, GError **error)
{
    GSocketService *service = g_socket_service_new();
    g_autoptr(GSocketAddress) bound = NULL;

    g_socket_listener_set_backlog(G_SOCKET_LISTENER(service), BACKLOG);
    if (!g_socket_listener_add_address(G_SOCKET_LISTENER(service), address, G_SOCKET_TYPE_STREAM,
                                       G_SOCKET_PROTOCOL_TCP, NULL, &bound, error)) {
        g_object_unref(service);
        return NULL;
    }
    if (!soup_check_version(3, 3, 0))
        g_signal_connect(http, "request-started", G_CALLBACK(on_request_started), NULL);
    g_signal_connect(service, "incoming", G_CALLBACK(on_incoming), http);
    g_socket_service_start(service);
    *url = url_of(bound);
    return service;
}
