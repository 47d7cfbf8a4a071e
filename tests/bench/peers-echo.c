/* SPDX-License-Identifier: BSD-3-Clause */

/* peers-echo SOCKET ADDRESS: an echo server on libnice and libsluice that is called as the echo test of Janus is, by the same
 * messages over the same kind of socket. One thread, and a context for each call (SluiceIceDriver). */

#include "peers-api.h"
#include "peers-ice.h"

#include <sluice-glib/sluice-glib.h>

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

typedef struct {
    SluiceIceDriver *driver;
    SluiceConfig *config;
    const char *address;
    int client;
    GHashTable *calls; /* by the number of their session */
    gint64 last_id;
} Server;

typedef struct {
    Ice ice;
    SluiceIceTransport *transport;
    Server *server;
    GMainContext *context;
    gint64 session, handle;
    char *transaction, *offer;
} Call;

static void reply(Server *server, const char *janus, const char *transaction, gint64 session,
                  gint64 handle, const char *sdp)
{
    g_autofree char *text = api_write(janus, transaction, session, handle, NULL, "answer", sdp);

    if (!api_send(server->client, text))
        g_error("the client does not take an answer");
}

static void send_back(SluiceIceTransport *transport, SluiceKind kind, guint8 *data, gsize len,
                      G_GNUC_UNUSED gpointer user_data)
{
    if (kind == SLUICE_KIND_RTP)
        sluice_ice_transport_send_rtp(transport, data, len, NULL);
}

static void answer(Ice *ice)
{
    Call *call = ice->user_data;
    g_autofree char *own = sluice_ice_transport_get_local_fingerprint(call->transport);
    g_autofree char *theirs = ice_introduce(ice, call->offer), *sdp = ice_describe(ice, own);

    if (theirs && ice->without_dtls)
        reply(call->server, "event", call->transaction, call->session, call->handle, sdp);
    else if (theirs && sluice_ice_transport_set_remote_fingerprint(call->transport, theirs, NULL) &&
             sluice_ice_transport_start(call->transport, SLUICE_ROLE_CLIENT, NULL))
        reply(call->server, "event", call->transaction, call->session, call->handle, sdp);
    else
        reply(call->server, "error", call->transaction, call->session, call->handle, NULL);
}

static void free_call(Ice *ice)
{
    Call *call = ice->user_data;

    sluice_ice_driver_remove_context(call->server->driver, call->context);
    g_main_context_unref(call->context);
    g_free(call->transaction);
    g_free(call->offer);
    g_free(call);
}

static void open_call(GMainContext *context, gpointer user_data)
{
    Call *call = user_data;
    Server *server = call->server;
    g_autoptr(GError) error = NULL;

    ice_init(&call->ice, FALSE, server->address, context);
    call->transport = sluice_ice_transport_new(call->ice.agent, call->ice.stream, ICE_COMPONENT,
                                               server->config, context, &error);
    if (!call->transport)
        g_error("%s", error->message);
    sluice_ice_transport_set_packet_func(call->transport, send_back, NULL, NULL);
    ice_gather(&call->ice);
}

static void close_call(G_GNUC_UNUSED GMainContext *context, gpointer user_data)
{
    Call *call = user_data;

    sluice_ice_transport_close(call->transport);
    g_clear_object(&call->transport);
    ice_clear(&call->ice);
}

static Call *add_call(Server *server)
{
    g_autoptr(GError) error = NULL;
    Call *call = g_new0(Call, 1);

    call->server = server;
    call->session = ++server->last_id;
    call->ice.described = answer;
    call->ice.freed = free_call;
    call->ice.user_data = call;
    call->context = sluice_ice_driver_add_context(server->driver, &error);
    if (!call->context)
        g_error("%s", error->message);
    g_hash_table_insert(server->calls, &call->session, call);
    return call;
}

static void take_offer(Call *call, const char *transaction, const char *offer)
{
    call->transaction = g_strdup(transaction);
    call->offer = g_strdup(offer);
    reply(call->server, "ack", transaction, call->session, 0, NULL);
    sluice_ice_driver_invoke(call->server->driver, call->context, open_call, call, NULL);
}

static void remove_call(Server *server, Call *call)
{
    g_hash_table_remove(server->calls, &call->session);
    if (call->offer)
        sluice_ice_driver_invoke(server->driver, call->context, close_call, call, NULL);
    else
        free_call(&call->ice);
}

static void handle_message(Server *server, JsonObject *message)
{
    const char *what = api_text(message, "janus"), *transaction = api_text(message, "transaction");
    gint64 session = json_object_get_int_member_with_default(message, "session_id", 0);
    Call *call = g_hash_table_lookup(server->calls, &session);

    if (g_strcmp0(what, "create") == 0) {
        reply(server, "success", transaction, add_call(server)->session, 0, NULL);
    } else if (call && g_strcmp0(what, "attach") == 0) {
        call->handle = ++server->last_id;
        reply(server, "success", transaction, session, call->handle, NULL);
    } else if (call && g_strcmp0(what, "message") == 0 && api_sdp(message) && !call->offer) {
        take_offer(call, transaction, api_sdp(message));
    } else if (call && g_strcmp0(what, "destroy") == 0) {
        remove_call(server, call);
        reply(server, "success", transaction, session, 0, NULL);
    } else {
        reply(server, "error", transaction, session, 0, NULL);
    }
}

static int accept_client(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    if (fd < 0 || strlen(path) >= sizeof address.sun_path)
        g_error("%s: not a path for a socket", path);
    memcpy(address.sun_path, path, strlen(path) + 1);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 1) < 0)
        g_error("%s: cannot listen", path);
    return accept(fd, NULL, NULL);
}

/* Until the client is gone. */
static void serve(Server *server)
{
    struct pollfd fds[2] = {{.fd = server->client, .events = POLLIN},
                            {.fd = sluice_ice_driver_get_fd(server->driver), .events = POLLIN}};
    JsonObject *message;

    for (;;) {
        poll(fds, 2, sluice_ice_driver_get_timeout(server->driver));
        if (fds[0].revents) {
            message = api_read(server->client);
            if (!message)
                return;
            handle_message(server, message);
            json_object_unref(message);
        }
        sluice_ice_driver_iterate(server->driver, 0);
    }
}

int main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    Server server = {0};

    if (argc != 3) {
        fprintf(stderr, "usage: %s SOCKET ADDRESS\n", argv[0]);
        return 2;
    }
    server.driver = sluice_ice_driver_new(0, &error);
    if (!server.driver)
        g_error("%s", error->message);
    server.config = sluice_config_new(NULL);
    server.address = argv[2];
    server.calls = g_hash_table_new(g_int64_hash, g_int64_equal);
    server.client = accept_client(argv[1]);
    serve(&server);
    return 0;
}
