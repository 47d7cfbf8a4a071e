/* SPDX-License-Identifier: BSD-3-Clause */
#include "events.h"

#include <stdio.h>

static gboolean as_json;

void whip_events_init(gboolean json) { as_json = json; }

void whip_json_string(JsonBuilder *builder, const char *name, const char *value)
{
    if (value == NULL)
        return;
    json_builder_set_member_name(builder, name);
    json_builder_add_string_value(builder, value);
}

void whip_json_int(JsonBuilder *builder, const char *name, gint64 value)
{
    json_builder_set_member_name(builder, name);
    json_builder_add_int_value(builder, value);
}

void whip_json_bool(JsonBuilder *builder, const char *name, gboolean value)
{
    json_builder_set_member_name(builder, name);
    json_builder_add_boolean_value(builder, value);
}

/* In eighths: those are exact in binary, so no reader sees 20.699999999999999. */
void whip_json_ms(JsonBuilder *builder, const char *name, gint64 microseconds)
{
    if (microseconds < 0)
        return;
    json_builder_set_member_name(builder, name);
    json_builder_add_double_value(builder, (double)((microseconds + 62) / 125) / 8);
}

char *whip_json_finish(JsonBuilder *builder)
{
    g_autoptr(JsonNode) root = json_builder_get_root(builder);
    char *text = json_to_string(root, FALSE);

    g_object_unref(builder);
    return text;
}

JsonBuilder *whip_event_begin(const char *name, const char *session)
{
    JsonBuilder *event = json_builder_new();
    g_autoptr(GDateTime) now = g_date_time_new_now_utc();
    g_autofree char *time = g_date_time_format(now, "%Y-%m-%dT%H:%M:%S.%f");

    time[strlen(time) - 3] = '\0'; /* milliseconds will do */
    g_autofree char *zulu = g_strconcat(time, "Z", NULL);
    json_builder_begin_object(event);
    whip_json_string(event, "time", zulu);
    whip_json_string(event, "event", name);
    whip_json_string(event, "session", session);
    return event;
}

static void print_value(JsonNode *node)
{
    g_autofree char *text = json_to_string(node, FALSE);

    if (JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == G_TYPE_STRING &&
        strchr(text, '\\') == NULL)
        printf("%s", json_node_get_string(node)); /* what needed no escape needs no quotes either */
    else
        printf("%s", text);
}

/* "12:30:01.125 4f1c8a2b connected: role server, ..." */
static void print_words(JsonObject *event)
{
    const char *const head[] = {"time", "event", "session"};
    const char *session = json_object_get_string_member_with_default(event, "session", "-");
    const char *separator = ":";
    g_autoptr(GList) names = json_object_get_members(event);

    printf("%.12s %s %s", json_object_get_string_member(event, "time") + strlen("2000-01-01T"),
           session, json_object_get_string_member(event, "event"));
    for (GList *item = names; item != NULL; item = item->next) {
        const char *name = item->data;
        if (g_str_equal(name, head[0]) || g_str_equal(name, head[1]) || g_str_equal(name, head[2]))
            continue;
        printf("%s %s ", separator, name);
        print_value(json_object_get_member(event, name));
        separator = ",";
    }
    putchar('\n');
}

void whip_event_end(JsonBuilder *event)
{
    json_builder_end_object(event);
    g_autoptr(JsonNode) root = json_builder_get_root(event);

    if (as_json) {
        g_autofree char *line = json_to_string(root, FALSE);
        puts(line);
    } else {
        print_words(json_node_get_object(root));
    }
    fflush(stdout);
    g_object_unref(event);
}
