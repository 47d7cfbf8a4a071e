/* SPDX-License-Identifier: BSD-3-Clause */
#include "forward-report.h"

#include <json-glib/json-glib.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

static gboolean json;

void forward_report_init(gboolean in_json)
{
    json = in_json;
    setvbuf(stdout, NULL, _IOLBF, 0); /* a reader behind a pipe has each line at once */
}

static void print_json(JsonBuilder *builder)
{
    g_autoptr(JsonNode) root = json_builder_get_root(builder);
    g_autofree char *line = json_to_string(root, FALSE);

    printf("%s\n", line);
}

static void add_text(JsonBuilder *builder, const char *name, const char *text)
{
    json_builder_set_member_name(builder, name);
    json_builder_add_string_value(builder, text);
}

void forward_report(const char *event, const char *first_name, ...)
{
    g_autoptr(JsonBuilder) builder = json_builder_new();
    g_autoptr(GString) line = g_string_new(event);
    va_list arguments;

    json_builder_begin_object(builder);
    add_text(builder, "event", event);
    va_start(arguments, first_name);
    for (const char *name = first_name; name != NULL; name = va_arg(arguments, const char *)) {
        const char *text = va_arg(arguments, const char *);

        add_text(builder, name, text);
        g_string_append_printf(line, "  %s %s", name, text);
    }
    va_end(arguments);
    json_builder_end_object(builder);
    if (json)
        print_json(builder);
    else
        puts(line->str);
}

typedef struct {
    const char *name;
    size_t offset;
} Figure;

#define FIGURE(name, member)                                                                       \
    {                                                                                              \
        name, offsetof(ForwardFigures, member)                                                     \
    }
static const Figure side_figures[] = {FIGURE("datagramsIn", datagrams_in),
                                      FIGURE("runsIn", runs_in),
                                      FIGURE("packetsOut", packets_out),
                                      FIGURE("runsOut", runs_out),
                                      FIGURE("packetsInRuns", packets_run),
                                      FIGURE("callsOut", calls_out),
                                      FIGURE("lostBusy", busy),
                                      FIGURE("lostFailed", failed),
                                      FIGURE("dtlsWaited", waited),
                                      FIGURE("unknown", unknown),
                                      FIGURE("strangers", strangers),
                                      FIGURE("strangersPeak", strangers_peak),
                                      FIGURE("crowdedOut", crowded_out),
                                      FIGURE("accepted", accepted),
                                      FIGURE("refused", refused),
                                      FIGURE("peersPeak", peers_peak),
                                      FIGURE("connected", connected),
                                      FIGURE("neverConnected", never_connected),
                                      FIGURE("idle", idle),
                                      FIGURE("dropped", dropped)};

#define MEDIA(name, member)                                                                        \
    {                                                                                              \
        name, offsetof(ForwardMediaFigures, member)                                                \
    }
static const Figure media_figures[] = {MEDIA("rtpIn", rtp_in),
                                       MEDIA("rtpOut", rtp_out),
                                       MEDIA("rtcpIn", rtcp_in),
                                       MEDIA("rtcpOut", rtcp_out),
                                       MEDIA("feedbackIn", feedback_in),
                                       MEDIA("feedbackOut", feedback_out),
                                       MEDIA("feedbackSpared", feedback_spared),
                                       MEDIA("tooLong", too_long),
                                       MEDIA("tooManyStreams", too_many_streams),
                                       MEDIA("unsealed", unsealed)};

static void add_figures(JsonBuilder *builder, const char *group, const void *figures,
                        const Figure *table, size_t n)
{
    json_builder_set_member_name(builder, group);
    json_builder_begin_object(builder);
    if (!json)
        printf("%s\n", group);
    for (size_t i = 0; i < n; i++) {
        guint64 value = *(const guint64 *)(const void *)((const char *)figures + table[i].offset);

        json_builder_set_member_name(builder, table[i].name);
        json_builder_add_int_value(builder, (gint64)value);
        if (!json && value > 0)
            printf("  %-16s %" G_GUINT64_FORMAT "\n", table[i].name, value);
    }
    json_builder_end_object(builder);
}

void forward_report_statistics(const ForwardFigures *publisher, const ForwardFigures *subscribers,
                               const ForwardMediaFigures *media)
{
    g_autoptr(JsonBuilder) builder = json_builder_new();

    json_builder_begin_object(builder);
    add_text(builder, "event", "statistics");
    add_figures(builder, "publisher", publisher, side_figures, G_N_ELEMENTS(side_figures));
    add_figures(builder, "subscribers", subscribers, side_figures, G_N_ELEMENTS(side_figures));
    add_figures(builder, "media", media, media_figures, G_N_ELEMENTS(media_figures));
    json_builder_end_object(builder);
    if (json)
        print_json(builder);
}
