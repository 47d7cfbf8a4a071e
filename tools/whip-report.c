/* SPDX-License-Identifier: BSD-3-Clause */

/* What `rtcprobe whip` says beside what connect and listen say. */

#include "whip-probe.h"

#include <stdio.h>

void whip_report_begin(ProbeReport *report, const ProbeOptions *options)
{
    if (report->json) {
        JsonBuilder *builder = probe_json_begin(report, "start");
        probe_json_string(builder, "command", "whip");
        probe_json_string(builder, "role", sluice_role_name(options->role));
        probe_json_string(builder, "url", options->url);
        probe_json_int(builder, "count", options->count);
        probe_json_string(builder, "library", sluice_version_string());
        probe_json_end(builder);
    } else {
        printf("rtcprobe %s: whip %s, DTLS role %s\n", sluice_version_string(), options->url,
               sluice_role_name(options->role));
    }
}

void whip_report_http(ProbeReport *report, const char *method, guint status, gint64 us)
{
    if (report->json) {
        JsonBuilder *builder = probe_json_begin(report, "http");
        probe_json_string(builder, "method", method);
        probe_json_int(builder, "status", status);
        probe_json_int(builder, "sinceUs", us);
        probe_json_end(builder);
    } else if (status == 0) {
        probe_line(report, "%s  failed", method);
    } else {
        probe_line(report, "%s  %u", method, status);
    }
}

void whip_report_ice(ProbeReport *report, const char *state, const char *local, const char *remote)
{
    if (report->json) {
        JsonBuilder *builder = probe_json_begin(report, "ice");
        probe_json_string(builder, "state", state);
        if (local != NULL) {
            probe_json_string(builder, "local", local);
            probe_json_string(builder, "remote", remote);
        }
        probe_json_end(builder);
    } else if (local != NULL) {
        probe_line(report, "ICE  %s  %s - %s", state, local, remote);
    } else {
        probe_line(report, "ICE  %s", state);
    }
}

/* ------------------------------------------------------------------ one */

static guint rtp_sent(const WhipCounts *c)
{
    return c->rtp[WHIP_AUDIO].sent + c->rtp[WHIP_VIDEO].sent;
}

static guint rtp_returned(const WhipCounts *c)
{
    return c->rtp[WHIP_AUDIO].returned + c->rtp[WHIP_VIDEO].returned;
}

static void json_traffic(ProbeReport *report, const WhipCounts *c)
{
    JsonBuilder *builder = probe_json_begin(report, "traffic");

    probe_json_int(builder, "dataSent", c->data_sent);
    probe_json_int(builder, "dataReturned", c->data_returned);
    probe_json_int(builder, "dataReceived", (gint64)c->data_received);
    probe_json_int(builder, "rtpSent", rtp_sent(c));
    probe_json_int(builder, "rtpReturned", rtp_returned(c));
    probe_json_int(builder, "rtpReceived", (gint64)c->rtp_received);
    probe_json_int(builder, "audioSent", c->rtp[WHIP_AUDIO].sent);
    probe_json_int(builder, "audioReturned", c->rtp[WHIP_AUDIO].returned);
    probe_json_int(builder, "videoSent", c->rtp[WHIP_VIDEO].sent);
    probe_json_int(builder, "videoReturned", c->rtp[WHIP_VIDEO].returned);
    probe_json_int(builder, "rtcpSent", (gint64)c->rtcp_sent);
    probe_json_int(builder, "rtcpReceived", (gint64)c->rtcp_received);
    probe_json_int(builder, "mediaUnsent", (gint64)c->unsent);
    probe_json_end(builder);
}

static void print_traffic(const WhipCounts *c)
{
    printf("  audio: %u sent, %u came back\n", c->rtp[WHIP_AUDIO].sent,
           c->rtp[WHIP_AUDIO].returned);
    printf("  video: %u sent, %u came back\n", c->rtp[WHIP_VIDEO].sent,
           c->rtp[WHIP_VIDEO].returned);
    printf("  data: %u sent, %u came back\n", c->data_sent, c->data_returned);
    printf("  received: %" G_GUINT64_FORMAT " RTP, %" G_GUINT64_FORMAT " RTCP, %" G_GUINT64_FORMAT
           " data\n",
           c->rtp_received, c->rtcp_received, c->data_received);
}

static const struct {
    const char *name, *words;
    gsize offset;
} phases[] = {
    {"postedUs", "offer sent", G_STRUCT_OFFSET(WhipOutcome, posted)},
    {"answeredUs", "answered", G_STRUCT_OFFSET(WhipOutcome, answered)},
    {"pathUs", "ICE has a path", G_STRUCT_OFFSET(WhipOutcome, path)},
    {"connectedUs", "connected", G_STRUCT_OFFSET(WhipOutcome, connected)},
};

static gint64 phase(const WhipOutcome *outcome, gsize i)
{
    return G_STRUCT_MEMBER(gint64, outcome, phases[i].offset);
}

static void report_phases(ProbeReport *report, const WhipOutcome *outcome)
{
    if (report->json) {
        JsonBuilder *builder = probe_json_begin(report, "phases");
        for (gsize i = 0; i < G_N_ELEMENTS(phases); i++)
            if (phase(outcome, i) >= 0)
                probe_json_int(builder, phases[i].name, phase(outcome, i));
        probe_json_end(builder);
        return;
    }
    printf("phases, since the start of the client\n");
    for (gsize i = 0; i < G_N_ELEMENTS(phases); i++)
        if (phase(outcome, i) >= 0)
            printf("  %-24s %8.1f ms\n", phases[i].words, (double)phase(outcome, i) / 1e3);
}

void whip_report_outcome(ProbeReport *report, const WhipOutcome *outcome)
{
    if (outcome->what != NULL)
        probe_report_error(report, outcome->what, outcome->status, outcome->sentence);
    report_phases(report, outcome);
    if (report->json)
        json_traffic(report, &outcome->counts);
    else
        print_traffic(&outcome->counts);
    probe_report_stats(report, &outcome->stats);
}

/* ------------------------------------------------------------------ many */

struct WhipTotals {
    guint n, connected, failed, incomplete;
    ProbeExit status;
    GArray *times[G_N_ELEMENTS(phases)]; /* of gint64 */
    WhipCounts counts;
    guint64 retransmissions;
};

WhipTotals *whip_totals_new(void)
{
    WhipTotals *self = g_new0(WhipTotals, 1);

    for (gsize i = 0; i < G_N_ELEMENTS(phases); i++)
        self->times[i] = g_array_new(FALSE, FALSE, sizeof(gint64));
    return self;
}

void whip_totals_free(WhipTotals *self)
{
    for (gsize i = 0; i < G_N_ELEMENTS(phases); i++)
        g_array_unref(self->times[i]);
    g_free(self);
}

static void add_counts(WhipCounts *sum, const WhipCounts *c)
{
    for (guint i = 0; i < WHIP_N_RTP; i++) {
        sum->rtp[i].sent += c->rtp[i].sent;
        sum->rtp[i].returned += c->rtp[i].returned;
    }
    sum->data_sent += c->data_sent;
    sum->data_returned += c->data_returned;
    sum->data_received += c->data_received;
    sum->rtp_received += c->rtp_received;
    sum->rtcp_sent += c->rtcp_sent;
    sum->rtcp_received += c->rtcp_received;
    sum->unsent += c->unsent;
}

void whip_totals_add(WhipTotals *self, ProbeReport *report, const WhipOutcome *outcome)
{
    self->n++;
    self->connected += outcome->connected >= 0;
    if (outcome->status != PROBE_EXIT_OK) {
        if (self->failed++ == 0)
            self->status = outcome->status;
        probe_report_error(report, outcome->what, outcome->status, outcome->sentence);
    }
    self->incomplete += !outcome->all_back;
    self->retransmissions += outcome->stats.retransmissions;
    for (gsize i = 0; i < G_N_ELEMENTS(phases); i++) {
        gint64 time = phase(outcome, i);
        if (time >= 0)
            g_array_append_val(self->times[i], time);
    }
    add_counts(&self->counts, &outcome->counts);
}

static int compare(gconstpointer a, gconstpointer b)
{
    gint64 x = *(const gint64 *)a, y = *(const gint64 *)b;

    return (x > y) - (x < y);
}

static gint64 percentile(const GArray *sorted, guint percent)
{
    return g_array_index(sorted, gint64, (sorted->len - 1) * percent / 100);
}

static void json_times(WhipTotals *self, JsonBuilder *builder)
{
    static const guint percents[] = {50, 90, 100};

    for (gsize i = 0; i < G_N_ELEMENTS(phases); i++) {
        if (self->times[i]->len == 0)
            continue;
        json_builder_set_member_name(builder, phases[i].name);
        json_builder_begin_array(builder);
        for (gsize k = 0; k < G_N_ELEMENTS(percents); k++)
            json_builder_add_int_value(builder, percentile(self->times[i], percents[k]));
        json_builder_end_array(builder);
    }
}

static void json_totals(WhipTotals *self, ProbeReport *report)
{
    JsonBuilder *builder = probe_json_begin(report, "totals");

    probe_json_int(builder, "clients", self->n);
    probe_json_int(builder, "connected", self->connected);
    probe_json_int(builder, "failed", self->failed);
    probe_json_int(builder, "incomplete", self->incomplete);
    probe_json_int(builder, "retransmissions", (gint64)self->retransmissions);
    json_times(self, builder);
    probe_json_end(builder);
    json_traffic(report, &self->counts);
}

static void print_totals(const WhipTotals *self)
{
    printf("%u clients: %u connected, %u failed; %u had not all of their packets back\n", self->n,
           self->connected, self->failed, self->incomplete);
    printf("phases, since the start of a client     median     90 %%      last\n");
    for (gsize i = 0; i < G_N_ELEMENTS(phases); i++)
        if (self->times[i]->len > 0)
            printf("  %-32s %8.1f %8.1f %8.1f ms\n", phases[i].words,
                   (double)percentile(self->times[i], 50) / 1e3,
                   (double)percentile(self->times[i], 90) / 1e3,
                   (double)percentile(self->times[i], 100) / 1e3);
    printf("  flights that were sent again: %" G_GUINT64_FORMAT "\n", self->retransmissions);
    print_traffic(&self->counts);
}

ProbeExit whip_totals_conclude(WhipTotals *self, ProbeReport *report)
{
    for (gsize i = 0; i < G_N_ELEMENTS(phases); i++)
        g_array_sort(self->times[i], compare);
    if (report->json)
        json_totals(self, report);
    else
        print_totals(self);
    return self->status;
}
