/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef WHIP_REPORT_H
#define WHIP_REPORT_H

/* One compound packet of RTCP of a receiver: a receiver report, our name, and requests for key frames. */

#include "reception.h"

#define WHIP_REPORT_STREAMS 31 /* RFC 3550 section 6.4.1: five bits count them */
#define WHIP_REPORT_REQUESTS 8

typedef struct {
    guint32 reporter;
    guint n_blocks, n_requests;
    gint64 now;
    guint8 data[8 + WHIP_REPORT_STREAMS * WHIP_REPORT_BLOCK + 20 + WHIP_REPORT_REQUESTS * 12];
    guint32 requests[WHIP_REPORT_REQUESTS];
} WhipReport;

void whip_report_begin(WhipReport *self, guint32 reporter);
/* Returns how many packets were lost since the report before; 0 too when the report is full, which tells the rest the
 * next time. */
guint64 whip_report_add(WhipReport *self, guint32 ssrc, WhipReception *reception);
/* RFC 4585 section 6.3.1. FALSE: there is no room, ask again in the next one. */
gboolean whip_report_want_key_frame(WhipReport *self, guint32 ssrc);
/* The length of @data; 0: there is nothing to report. */
gsize whip_report_end(WhipReport *self);

#endif
