/* SPDX-License-Identifier: BSD-3-Clause */
#include "call-signalling.h"

#include <gio/gunixinputstream.h>
#include <json-glib/json-glib.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define DESCRIPTION_MAX 16384

void call_description_free(CallDescription *description)
{
    g_free(description->ufrag);
    g_free(description->pwd);
    g_strfreev(description->candidates);
    g_free(description->fingerprint);
    g_free(description->setup);
    g_free(description);
}

static void add_string(JsonBuilder *builder, const char *name, const char *value)
{
    json_builder_set_member_name(builder, name);
    json_builder_add_string_value(builder, value);
}

char *call_description_to_line(const CallDescription *description)
{
    g_autoptr(JsonBuilder) builder = json_builder_new();

    json_builder_begin_object(builder);
    add_string(builder, "type", description->is_offer ? "offer" : "answer");
    add_string(builder, "ice-ufrag", description->ufrag);
    add_string(builder, "ice-pwd", description->pwd);
    add_string(builder, "fingerprint", description->fingerprint);
    add_string(builder, "setup", description->setup);
    json_builder_set_member_name(builder, "candidates");
    json_builder_begin_array(builder);
    for (char **candidate = description->candidates; *candidate != NULL; candidate++)
        json_builder_add_string_value(builder, *candidate);
    json_builder_end_array(builder);
    json_builder_end_object(builder);
    g_autoptr(JsonNode) root = json_builder_get_root(builder);
    return json_to_string(root, FALSE);
}

/* Whatever comes from outside may be anything: a member that is missing or no string is NULL. */
static char *get_string(JsonObject *object, const char *name)
{
    JsonNode *node = json_object_get_member(object, name);
    gboolean is_string = node != NULL && json_node_get_value_type(node) == G_TYPE_STRING;

    return is_string ? json_node_dup_string(node) : NULL;
}

static char **get_strings(JsonObject *object, const char *name)
{
    JsonNode *node = json_object_get_member(object, name);
    JsonArray *array = node && JSON_NODE_HOLDS_ARRAY(node) ? json_node_get_array(node) : NULL;
    GPtrArray *strings = g_ptr_array_new();

    for (guint i = 0; array != NULL && i < json_array_get_length(array); i++) {
        JsonNode *element = json_array_get_element(array, i);
        if (json_node_get_value_type(element) == G_TYPE_STRING)
            g_ptr_array_add(strings, json_node_dup_string(element));
    }
    g_ptr_array_add(strings, NULL);
    return (char **)g_ptr_array_free(strings, FALSE);
}

CallDescription *call_description_from_line(const char *line, GError **error)
{
    /* The parser calls itself for each bracket. No honest description is as long. */
    if (strlen(line) > DESCRIPTION_MAX) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "a description of over %d bytes",
                    DESCRIPTION_MAX);
        return NULL;
    }
    g_autoptr(JsonNode) root = json_from_string(line, error);
    if (root == NULL) {
        if (error != NULL && *error == NULL) /* json-glib sets none for an empty line */
            g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "an empty line");
        return NULL;
    }
    JsonObject *object = JSON_NODE_HOLDS_OBJECT(root) ? json_node_get_object(root) : NULL;
    g_autofree char *type = object != NULL ? get_string(object, "type") : NULL;
    if (g_strcmp0(type, "offer") != 0 && g_strcmp0(type, "answer") != 0) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "no description");
        return NULL;
    }

    g_autoptr(CallDescription) d = g_new0(CallDescription, 1);
    d->is_offer = g_str_equal(type, "offer");
    d->ufrag = get_string(object, "ice-ufrag");
    d->pwd = get_string(object, "ice-pwd");
    d->fingerprint = get_string(object, "fingerprint");
    d->setup = get_string(object, "setup");
    d->candidates = get_strings(object, "candidates");
    if (!d->ufrag || !d->pwd || !d->fingerprint || !d->setup || !d->candidates[0]) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                    "the %s lacks one of ice-ufrag, ice-pwd, fingerprint, setup, candidates", type);
        return NULL;
    }
    return g_steal_pointer(&d);
}

typedef struct {
    GDataInputStream *input;
    GCancellable *cancellable;
    CallDescriptionFunc func;
    gpointer user_data;
} Reader;

static void reader_free(Reader *reader)
{
    g_object_unref(reader->input);
    g_clear_object(&reader->cancellable);
    g_free(reader);
}

static void read_line(Reader *reader);

static void on_line(GObject *source, GAsyncResult *result, gpointer user_data)
{
    Reader *reader = user_data;
    g_autoptr(GError) error = NULL;
    CallDescription *description = NULL;
    g_autofree char *line =
        g_data_input_stream_read_line_finish(G_DATA_INPUT_STREAM(source), result, NULL, &error);

    if (line != NULL && strchr(line, '{') == NULL) {
        read_line(reader);
        return;
    }
    if (line != NULL)
        description = call_description_from_line(line, &error);
    else if (error == NULL)
        g_set_error(&error, G_IO_ERROR, G_IO_ERROR_CLOSED,
                    "standard input ended before the other side's description came");
    if (!g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
        reader->func(description, error, reader->user_data);
    reader_free(reader);
}

static void read_line(Reader *reader)
{
    g_data_input_stream_read_line_async(reader->input, G_PRIORITY_DEFAULT, reader->cancellable,
                                        on_line, reader);
}

void call_signalling_read(GCancellable *cancellable, CallDescriptionFunc func, gpointer user_data)
{
    g_autoptr(GInputStream) stdin_stream = g_unix_input_stream_new(STDIN_FILENO, FALSE);
    Reader *reader = g_new0(Reader, 1);

    reader->input = g_data_input_stream_new(stdin_stream);
    reader->cancellable = cancellable != NULL ? g_object_ref(cancellable) : NULL;
    reader->func = func;
    reader->user_data = user_data;
    read_line(reader);
}

void call_signalling_write(const CallDescription *description)
{
    g_autofree char *line = call_description_to_line(description);

    printf("%s\n", line);
    fflush(stdout);
}
