/* SPDX-License-Identifier: BSD-3-Clause */
#include "call-report.h"

#include <json-glib/json-glib.h>
#include <stdarg.h>
#include <string.h>

/* Each thing the demo says is one line with a short head, so that the heads tell the story. */
void call_report_note(CallReport *report, const char *head, const char *format, ...)
{
    if (report->out == NULL)
        return;
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    fprintf(report->out, "%-8s %s\n", head, text);
    fflush(report->out);
}

void call_report_begin(CallReport *report)
{
    const CallSide *a = report->sides[0], *b = report->sides[1];

    report->ice_us = report->connect_us = report->close_us = -1;
    if (report->out == NULL)
        return;
    fprintf(report->out,
            "libsluice %s: a call between two peers, A and B, over ICE with DTLS-SRTP\n",
            sluice_version_string());
    if (a->here && b->here)
        fprintf(report->out, "Both run in this process and talk by UDP on %s.\n\n",
                report->bind_address);
    else
        fprintf(report->out, "This is %c, on %s; the other one is another process.\n\n",
                a->here ? 'A' : 'B', report->bind_address);
}

static CallSide *side_here(const CallReport *report)
{
    return report->sides[0]->here ? report->sides[0] : report->sides[1];
}

void call_report_ice(CallReport *report, const char *local, const char *remote)
{
    call_report_note(report, "ICE", "connected in %.0f ms: %c at %s, %c at %s",
                     (double)report->ice_us / 1000, side_here(report)->name, local,
                     side_here(report)->name == 'A' ? 'B' : 'A', remote);
}

/* The client's time, where it is here: it begins with the first datagram and ends with the last one. */
static double handshake_ms(const CallReport *report)
{
    const CallSide *side = side_here(report);
    const SluiceStats *stats;

    for (guint i = 0; i < 2; i++)
        if (report->sides[i]->here && report->sides[i]->stats.dtls_role == SLUICE_ROLE_CLIENT)
            side = report->sides[i];
    stats = &side->stats;
    return stats->connected_at == SLUICE_TIME_NEVER || stats->connected_at < stats->started_at
               ? -1
               : (double)(stats->connected_at - stats->started_at) / (double)SLUICE_MILLISECOND;
}

static const char *version_name(guint16 version)
{
    return version == 0xfefd ? "DTLS 1.2" : version == 0xfefc ? "DTLS 1.3" : "none";
}

void call_report_connected(CallReport *report)
{
    const CallSide *here = side_here(report);
    const SluiceStats *stats = &here->stats;
    char other = here->name == 'A' ? 'B' : 'A';
    char client = stats->dtls_role == SLUICE_ROLE_CLIENT ? here->name : other;

    call_report_note(report, "DTLS", "%s handshake in %.0f ms: %s%s%s; %c was the client",
                     version_name(stats->tls_version), handshake_ms(report), stats->dtls_cipher,
                     *stats->tls_group ? ", " : "", stats->tls_group, client);
    call_report_note(report, "Peer", "%s the certificate that signalling announced",
                     report->sides[0]->here && report->sides[1]->here ? "each showed the other"
                                                                      : "the other one showed");
    if (stats->srtp_cipher == SLUICE_SRTP_NONE)
        call_report_note(report, "SRTP", "none: this is a data-only transport");
    else
        call_report_note(report, "SRTP", "keys exported, profile %s: media may flow\n",
                         sluice_srtp_profile_name(stats->srtp_cipher));
}

static void print_row(const CallReport *report, const CallSide *side)
{
    guint64 lost = call_watch_lost(&side->watch);

    fprintf(report->out,
            "%c   %-10s %-18s %8" G_GUINT64_FORMAT " %9" G_GUINT64_FORMAT " %9.1f %9.1f"
            " %6" G_GUINT64_FORMAT "/%-5" G_GUINT64_FORMAT " %5" G_GUINT64_FORMAT "\033[K\n",
            side->name, sluice_state_name(side->state),
            sluice_srtp_profile_name(side->stats.srtp_cipher), side->sent.rtp + side->sent.rtcp,
            side->received.rtp + side->received.rtcp, (double)side->stats.bytes_sent / 1000,
            (double)side->stats.bytes_received / 1000, side->sent.data, side->received.data, lost);
}

static void print_table(CallReport *report)
{
    if (report->table_shown)
        for (guint i = 0; i < 2; i++)
            fputs(report->sides[i]->here ? "\033[A" : "", report->out);
    else
        fprintf(report->out,
                "    %-10s %-18s %18s %19s %12s %5s\n"
                "    %-10s %-18s %8s %9s %9s %9s %12s\n",
                "", "", "RTP and RTCP", "kB on the wire", "messages", "RTP", "state", "profile",
                "sent", "received", "sent", "received", "sent/recv.   lost");
    report->table_shown = TRUE;
    for (guint i = 0; i < 2; i++)
        if (report->sides[i]->here)
            print_row(report, report->sides[i]);
    fflush(report->out);
}

static void print_line(const CallReport *report, guint seconds)
{
    fprintf(report->out, "%5u s ", seconds);
    for (guint i = 0; i < 2; i++) {
        const CallSide *side = report->sides[i];
        if (side->here)
            fprintf(report->out,
                    "  %c: %" G_GUINT64_FORMAT " packets out, %" G_GUINT64_FORMAT
                    " in (%.0f kB), %" G_GUINT64_FORMAT " lost, messages %" G_GUINT64_FORMAT
                    "/%" G_GUINT64_FORMAT,
                    side->name, side->sent.rtp + side->sent.rtcp,
                    side->received.rtp + side->received.rtcp,
                    (double)side->stats.bytes_received / 1000, call_watch_lost(&side->watch),
                    side->sent.data, side->received.data);
    }
    fputc('\n', report->out);
    fflush(report->out);
}

void call_report_progress(CallReport *report, guint seconds)
{
    if (report->out == NULL)
        return;
    if (report->live)
        print_table(report);
    else
        print_line(report, seconds);
}

void call_report_closed(CallReport *report)
{
    const CallSide *a = report->sides[0], *b = report->sides[1];

    if (report->table_shown) {
        print_table(report);
        fputc('\n', report->out);
    }
    if (a->here && b->here && report->close_us >= 0)
        call_report_note(report, "Close", "%c closed; %c had its close_notify %.1f ms later",
                         a->name, b->name, (double)report->close_us / 1000);
    else
        for (guint i = 0; i < 2; i++)
            if (report->sides[i]->here && report->sides[i]->closed_by != NULL)
                call_report_note(report, "Close", "%c ended by %s", report->sides[i]->name,
                                 report->sides[i]->closed_by);
}

static void compare(GPtrArray *problems, const CallSide *from, const CallSide *to, const char *what,
                    guint64 sent, guint64 received)
{
    if (sent != received)
        g_ptr_array_add(problems, g_strdup_printf("%c received %" G_GUINT64_FORMAT
                                                  " of the %" G_GUINT64_FORMAT " %s that %c sent",
                                                  to->name, received, sent, what, from->name));
}

static void check_direction(GPtrArray *problems, const CallSide *from, const CallSide *to)
{
    if (!(from->here || from->told) || !(to->here || to->told))
        return;
    compare(problems, from, to, "RTP packets", from->sent.rtp, to->received.rtp);
    compare(problems, from, to, "RTCP packets", from->sent.rtcp, to->received.rtcp);
    compare(problems, from, to, "messages", from->sent.data, to->received.data);
    if (to->watch.wrong + to->wrong_messages > 0)
        g_ptr_array_add(problems, g_strdup_printf("%c received %" G_GUINT64_FORMAT
                                                  " packets or messages with wrong content",
                                                  to->name, to->watch.wrong + to->wrong_messages));
}

static void check_end(GPtrArray *problems, const CallSide *side, SluiceEndReason wanted)
{
    guint64 refused = side->refused.rtp + side->refused.rtcp + side->refused.data;
    const char *name = sluice_end_reason_name(wanted);

    if (side->here && g_strcmp0(side->closed_by, name) != 0)
        g_ptr_array_add(problems,
                        g_strdup_printf("%c should have ended by %s, not by %s", side->name, name,
                                        side->closed_by ? side->closed_by : "nothing"));
    if (!side->here && !side->told)
        g_ptr_array_add(problems,
                        g_strdup_printf("%c never said what it sent and received", side->name));
    if (refused > 0)
        g_ptr_array_add(problems, g_strdup_printf("%c could not send %" G_GUINT64_FORMAT
                                                  " packets or messages",
                                                  side->name, refused));
}

GPtrArray *call_report_verdict(const CallReport *report)
{
    const CallSide *a = report->sides[0], *b = report->sides[1];
    GPtrArray *problems = g_ptr_array_new_with_free_func(g_free);

    for (guint i = 0; i < 2; i++)
        if (report->sides[i]->problem != NULL)
            g_ptr_array_add(problems, g_strdup_printf("%c: %s", report->sides[i]->name,
                                                      report->sides[i]->problem));
    if (report->connect_us < 0) {
        /* the rest would only repeat it */
        if (problems->len == 0)
            g_ptr_array_add(problems, g_strdup("the two never connected"));
        return problems;
    }
    if (problems->len == 0) {
        check_end(problems, a, SLUICE_END_LOCAL_CLOSE);
        check_end(problems, b, SLUICE_END_CLOSE_NOTIFY);
    }
    check_direction(problems, a, b);
    check_direction(problems, b, a);
    return problems;
}

void call_report_end(CallReport *report, GPtrArray *problems)
{
    CallCounts sum = {0};

    if (report->out == NULL)
        return;
    for (guint i = 0; i < 2; i++)
        if (report->sides[i]->here) {
            sum.rtp += report->sides[i]->received.rtp;
            sum.rtcp += report->sides[i]->received.rtcp;
            sum.data += report->sides[i]->received.data;
        }
    if (problems->len == 0)
        call_report_note(report, "Result",
                         "everything that was sent arrived: %" G_GUINT64_FORMAT
                         " RTP packets, %" G_GUINT64_FORMAT " RTCP packets, %" G_GUINT64_FORMAT
                         " messages",
                         sum.rtp, sum.rtcp, sum.data);
    for (guint i = 0; i < problems->len; i++)
        call_report_note(report, i == 0 ? "FAILED" : "", "%s",
                         (const char *)g_ptr_array_index(problems, i));
    if (problems->len == 0)
        call_report_note(report, "Next",
                         "--help: two processes, real media, other profiles; "
                         "the code to copy: samples/call-peer.c");
}

static void add_count(JsonBuilder *builder, const char *name, guint64 value)
{
    json_builder_set_member_name(builder, name);
    json_builder_add_int_value(builder, (gint64)value);
}

static void add_text(JsonBuilder *builder, const char *name, const char *value)
{
    json_builder_set_member_name(builder, name);
    if (value != NULL && *value != '\0')
        json_builder_add_string_value(builder, value);
    else
        json_builder_add_null_value(builder);
}

/* In eighths of a millisecond: those are exact in binary, so no reader sees 20.699999999999999. */
static void add_ms(JsonBuilder *builder, const char *name, double ms)
{
    json_builder_set_member_name(builder, name);
    if (ms >= 0)
        json_builder_add_double_value(builder, (double)(gint64)(ms * 8 + 0.5) / 8);
    else
        json_builder_add_null_value(builder);
}

static void add_drops(JsonBuilder *builder, const CallSide *side)
{
    const SluiceStats *s = &side->stats;

    json_builder_set_member_name(builder, "drops");
    json_builder_begin_object(builder);
    add_count(builder, "malformed", s->dropped_malformed);
    add_count(builder, "unexpected", s->dropped_unexpected);
    add_count(builder, "unvalidated", s->dropped_unvalidated);
    add_count(builder, "inbox_full", s->dropped_inbox_full);
    add_count(builder, "unauthentic", s->dropped_unauthentic);
    add_count(builder, "replayed", s->dropped_replayed);
    add_count(builder, "ended", s->dropped_ended);
    add_count(builder, "ice_refused_media", side->media_blocked);
    add_count(builder, "not_sent", side->refused.rtp + side->refused.rtcp + side->refused.data);
    add_count(builder, "wrong_content", side->watch.wrong + side->wrong_messages);
    json_builder_end_object(builder);
}

static void add_side(JsonBuilder *builder, const char *name, const CallSide *side)
{
    json_builder_set_member_name(builder, name);
    json_builder_begin_object(builder);
    add_count(builder, "rtp_sent", side->sent.rtp);
    add_count(builder, "rtcp_sent", side->sent.rtcp);
    add_count(builder, "data_sent", side->sent.data);
    add_count(builder, "rtp_received", side->received.rtp);
    add_count(builder, "rtcp_received", side->received.rtcp);
    add_count(builder, "data_received", side->received.data);
    if (side->here) {
        add_drops(builder, side);
        add_text(builder, "closed_by", side->closed_by);
    } else { /* only its own process knows these */
        json_builder_set_member_name(builder, "drops");
        json_builder_add_null_value(builder);
        json_builder_set_member_name(builder, "closed_by");
        json_builder_add_null_value(builder);
    }
    json_builder_end_object(builder);
}

void call_report_json(const CallReport *report, GPtrArray *problems)
{
    const SluiceStats *stats = &side_here(report)->stats;
    gboolean connected = report->connect_us >= 0;
    g_autoptr(JsonBuilder) builder = json_builder_new();

    json_builder_begin_object(builder);
    json_builder_set_member_name(builder, "connected");
    json_builder_add_boolean_value(builder, connected);
    add_ms(builder, "ice_ms", report->ice_us < 0 ? -1 : (double)report->ice_us / 1000);
    add_ms(builder, "dtls_ms", connected ? handshake_ms(report) : -1);
    add_text(builder, "dtls_version", connected ? version_name(stats->tls_version) : NULL);
    add_text(builder, "dtls_cipher", connected ? stats->dtls_cipher : NULL);
    add_text(builder, "srtp_profile",
             connected ? sluice_srtp_profile_name(stats->srtp_cipher) : NULL);
    add_side(builder, "a", report->sides[0]);
    add_side(builder, "b", report->sides[1]);
    json_builder_set_member_name(builder, "problems");
    json_builder_begin_array(builder);
    for (guint i = 0; i < problems->len; i++)
        json_builder_add_string_value(builder, g_ptr_array_index(problems, i));
    json_builder_end_array(builder);
    json_builder_end_object(builder);
    g_autoptr(JsonNode) root = json_builder_get_root(builder);
    g_autofree char *line = json_to_string(root, FALSE);
    printf("%s\n", line);
    fflush(stdout);
}
