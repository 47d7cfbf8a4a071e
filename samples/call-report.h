/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CALL_REPORT_H
#define CALL_REPORT_H

/* What the demo shows: words for each phase, a table while it runs, one line of JSON, the verdict.
 */
#include <glib.h>
#include <stdio.h>

#include <sluice/sluice.h>

#include "call-media.h"

typedef struct {
    guint64 rtp, rtcp, data;
} CallCounts;

/* One side of the call. */
typedef struct {
    char name;
    gboolean here; /* it runs in this process; of the other one we know what it told us: */
    gboolean told;
    CallCounts sent, received, refused;
    guint64 wrong_messages;
    CallWatch watch;       /* over what it received */
    SluiceStats stats;     /* as of the last call_report_ function */
    guint64 media_blocked; /* packets that ICE refused */
    SluiceState state;
    const char *closed_by; /* sluice_end_reason_name(), NULL before the end */
    char *problem;         /* why it ended, when that was an error */
} CallSide;

typedef struct {
    FILE *out; /* where the words go, NULL for none */
    gboolean live;
    gboolean table_shown;
    const char *bind_address;
    CallSide *sides[2];
    gint64 ice_us, connect_us; /* -1 until known */
    gint64 close_us;
} CallReport;

void call_report_begin(CallReport *report);
void call_report_note(CallReport *report, const char *head, const char *format, ...)
    G_GNUC_PRINTF(3, 4);
/* The phases, as they are reached. */
void call_report_ice(CallReport *report, const char *local, const char *remote);
void call_report_connected(CallReport *report);
/* The table: redrawn on a terminal, elsewhere one line. */
void call_report_progress(CallReport *report, guint seconds);
void call_report_closed(CallReport *report);

/* Returns: what is wrong with the call, one text for each thing; nothing when all is well. */
GPtrArray *call_report_verdict(const CallReport *report);
void call_report_end(CallReport *report, GPtrArray *problems);
void call_report_json(const CallReport *report, GPtrArray *problems);

#endif
