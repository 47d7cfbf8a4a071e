/* SPDX-License-Identifier: BSD-3-Clause */

/* The last lines of a report: the statistics of the transport. Names of JSON are those of W3C
 * webrtc-stats where it has one, and follow its spelling where it has none. */

#include "probe.h"

#include <stdio.h>

static void json_time(JsonBuilder *builder, const char *name, SluiceTime from, SluiceTime to)
{
    json_builder_set_member_name(builder, name);
    if (from == SLUICE_TIME_NEVER || to == SLUICE_TIME_NEVER || to < from)
        json_builder_add_null_value(builder);
    else
        json_builder_add_int_value(builder, (to - from) / 1000);
}

/* Times in microseconds, under names that say so. */
static void json_times(JsonBuilder *builder, const SluiceStats *stats)
{
    const SluiceTime start = stats->started_at;

    json_time(builder, "helloUs", start, MAX(stats->client_hello_at, start));
    json_time(builder, "certificateUs", start, stats->certificate_at);
    json_time(builder, "handshakeUs", start, stats->finished_at);
    json_time(builder, "connectUs", start, stats->connected_at);
    probe_json_int(builder, "handshakeRttUs", stats->handshake_rtt / 1000);
}

static void json_stats(ProbeReport *report, const SluiceStats *stats)
{
    JsonBuilder *builder = probe_json_begin(report, "stats");
    SluiceStat stat;

    for (size_t i = 0; sluice_stats_get(stats, i, &stat); i++) {
        if (stat.type == SLUICE_STAT_COUNT)
            probe_json_int(builder, stat.name, (gint64)stat.count);
        else if (stat.type == SLUICE_STAT_TEXT)
            probe_json_string(builder, stat.name, stat.text);
    }
    json_times(builder, stats);
    probe_json_end(builder);
}

static void print_phase(const char *name, const SluiceStats *stats, SluiceTime at)
{
    if (at != SLUICE_TIME_NEVER && stats->started_at != SLUICE_TIME_NEVER)
        printf("  %-24s %8.1f ms\n", name,
               (double)(MAX(at, stats->started_at) - stats->started_at) / 1e6);
}

static void print_times(const SluiceStats *stats)
{
    print_phase("first ClientHello", stats, stats->client_hello_at);
    print_phase("the peer's certificate", stats, stats->certificate_at);
    print_phase("Finished both ways", stats, stats->finished_at);
    print_phase("verified, keys", stats, stats->connected_at);
    if (stats->handshake_rtt > 0)
        printf("  %-24s %8.1f ms\n", "round trip", (double)stats->handshake_rtt / 1e6);
    printf("  flights: %u sent, %u received, %u retransmissions; handshake MTU %u\n",
           stats->flights_sent, stats->flights_received, stats->retransmissions,
           stats->handshake_mtu);
}

/* What the lines above have said. */
static gboolean is_told(const char *name)
{
    return g_str_has_prefix(name, "flights") || g_str_equal(name, "retransmissions") ||
           g_str_equal(name, "handshakeMtu");
}

void probe_report_stats(ProbeReport *report, const SluiceStats *stats)
{
    SluiceStat stat;

    if (report->json) {
        json_stats(report, stats);
        return;
    }
    printf("statistics\n");
    print_times(stats);
    /* People want the figures that are not zero. */
    for (size_t i = 0; sluice_stats_get(stats, i, &stat); i++) {
        if (stat.type == SLUICE_STAT_COUNT && stat.count > 0 && !is_told(stat.name))
            printf("  %s: %" G_GUINT64_FORMAT "\n", stat.name, (guint64)stat.count);
    }
}
