/* SPDX-License-Identifier: BSD-3-Clause */
#include "peers-api.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define MESSAGE_MAX 65536
#define WAIT_MS 10000

static void add_text(JsonBuilder *builder, const char *name, const char *value)
{
    if (!value)
        return;
    json_builder_set_member_name(builder, name);
    json_builder_add_string_value(builder, value);
}

static void add_number(JsonBuilder *builder, const char *name, gint64 value)
{
    if (!value)
        return;
    json_builder_set_member_name(builder, name);
    json_builder_add_int_value(builder, value);
}

static void add_jsep(JsonBuilder *builder, const char *type, const char *sdp)
{
    json_builder_set_member_name(builder, "jsep");
    json_builder_begin_object(builder);
    add_text(builder, "type", type);
    add_text(builder, "sdp", sdp);
    json_builder_set_member_name(builder, "trickle");
    json_builder_add_boolean_value(builder, FALSE);
    json_builder_end_object(builder);
}

char *api_write(const char *janus, const char *transaction, gint64 session, gint64 handle,
                const char *plugin, const char *jsep_type, const char *sdp)
{
    g_autoptr(JsonBuilder) builder = json_builder_new();
    g_autoptr(JsonNode) root = NULL;

    json_builder_begin_object(builder);
    add_text(builder, "janus", janus);
    add_text(builder, "transaction", transaction);
    add_number(builder, "session_id", session);
    add_number(builder, "handle_id", handle);
    add_text(builder, "plugin", plugin);
    if (g_str_equal(janus, "success")) { /* what was made, the handle or else the session */
        json_builder_set_member_name(builder, "data");
        json_builder_begin_object(builder);
        add_number(builder, "id", handle ? handle : session);
        json_builder_end_object(builder);
    }
    if (g_str_equal(janus, "message")) {
        json_builder_set_member_name(builder, "body");
        json_builder_begin_object(builder);
        json_builder_set_member_name(builder, "audio");
        json_builder_add_boolean_value(builder, TRUE);
        json_builder_end_object(builder);
    }
    if (sdp)
        add_jsep(builder, jsep_type, sdp);
    json_builder_end_object(builder);
    root = json_builder_get_root(builder);
    return json_to_string(root, FALSE);
}

gboolean api_send(int fd, const char *text)
{
    return send(fd, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text);
}

JsonObject *api_read(int fd)
{
    static char buffer[MESSAGE_MAX + 1];
    ssize_t len = recv(fd, buffer, MESSAGE_MAX, 0);
    g_autoptr(JsonNode) root = NULL;

    if (len <= 0)
        return NULL;
    buffer[len] = '\0';
    root = json_from_string(buffer, NULL);
    return root && JSON_NODE_HOLDS_OBJECT(root) ? json_object_ref(json_node_get_object(root))
                                                : NULL;
}

const char *api_text(JsonObject *message, const char *name)
{
    return json_object_get_string_member_with_default(message, name, NULL);
}

static JsonObject *member(JsonObject *message, const char *name)
{
    return json_object_has_member(message, name) ? json_object_get_object_member(message, name)
                                                 : NULL;
}

gint64 api_id(JsonObject *message)
{
    JsonObject *data = member(message, "data");

    return data ? json_object_get_int_member_with_default(data, "id", 0) : 0;
}

const char *api_sdp(JsonObject *message)
{
    JsonObject *jsep = member(message, "jsep");

    return jsep ? api_text(jsep, "sdp") : NULL;
}

gboolean api_connect(Api *self, const char *name, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct ucred peer;
    socklen_t len = sizeof peer;

    *self = (Api){.name = name, .fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)};
    if (self->fd < 0 || strlen(path) >= sizeof address.sun_path)
        return FALSE;
    memcpy(address.sun_path, path, strlen(path) + 1);
    if (connect(self->fd, (struct sockaddr *)&address, sizeof address) < 0 ||
        getsockopt(self->fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
        return FALSE;
    self->pid = peer.pid;
    return TRUE;
}

JsonObject *api_request(Api *self, const char *janus, gint64 session, gint64 handle,
                        const char *sdp)
{
    g_autofree char *transaction = g_strdup_printf("t%u", ++self->transactions);
    g_autofree char *text =
        api_write(janus, transaction, session, handle,
                  g_str_equal(janus, "attach") ? "janus.plugin.echotest" : NULL, "offer", sdp);
    struct pollfd wait = {.fd = self->fd, .events = POLLIN};

    if (!api_send(self->fd, text))
        return NULL;
    while (poll(&wait, 1, WAIT_MS) > 0) {
        JsonObject *reply = api_read(self->fd);

        if (!reply)
            return NULL;
        /* Others tell of calls that are up, or have ended. */
        if (g_strcmp0(api_text(reply, "transaction"), transaction) == 0 &&
            g_strcmp0(api_text(reply, "janus"), "ack") != 0)
            return reply;
        json_object_unref(reply);
    }
    return NULL;
}
