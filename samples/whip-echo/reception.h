/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef WHIP_RECEPTION_H
#define WHIP_RECEPTION_H

/* How one stream arrives, as a receiver report tells it (RFC 3550 section 6.4.1). */

#include <glib.h>

#define WHIP_REPORT_BLOCK 24 /* bytes */

typedef struct {
    guint64 packets, bytes;
    /* Appendix A.1: extended sequence numbers. A stream that jumps begins anew at @first. */
    gboolean heard;
    guint32 first, highest;
    guint64 since_first;                     /* packets */
    guint64 expected_before, counted_before; /* of the last report, appendix A.3 */
    guint32 transit;                         /* appendix A.8, in units of the clock */
    double jitter;
    guint32 sender_report; /* middle bits of the last one's NTP time; 0: none has come */
    gint64 sender_report_at;
} WhipReception;

/* An RTP packet of the stream, 12 bytes at least. @now: microseconds. @clock: of its payload type, 0: unknown. */
void whip_reception_note(WhipReception *self, const guint8 *packet, gsize len, guint clock,
                         gint64 now);
/* A sender report of its SSRC. @ntp: the 8 bytes of its NTP time. */
void whip_reception_note_sender_report(WhipReception *self, const guint8 *ntp, gint64 now);

/* How many did not come of those that should have. */
guint64 whip_reception_lost(const WhipReception *self);

/* Writes the block about @ssrc; the next one counts from here on. Returns how many were lost since the last one. */
guint64 whip_reception_report(WhipReception *self, guint32 ssrc, gint64 now,
                              guint8 block[WHIP_REPORT_BLOCK]);

#endif
