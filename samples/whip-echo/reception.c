/* SPDX-License-Identifier: BSD-3-Clause */
#include "reception.h"

#include <math.h>

/* Appendix A.1 */
#define MAX_DROPOUT 3000
#define MAX_MISORDER 100

#define MAX_LOST 0x7fffff /* 24 bits with a sign */

static guint16 get16(const guint8 *p) { return (guint16)(p[0] << 8 | p[1]); }

static guint32 get32(const guint8 *p) { return (guint32)get16(p) << 16 | get16(p + 2); }

static void put32(guint8 *p, guint32 value)
{
    p[0] = (guint8)(value >> 24);
    p[1] = (guint8)(value >> 16);
    p[2] = (guint8)(value >> 8);
    p[3] = (guint8)value;
}

/* ---- what comes ---- */

static void begin(WhipReception *self, guint16 sequence)
{
    self->heard = TRUE;
    self->first = self->highest = sequence;
    self->since_first = 0;
    self->expected_before = self->counted_before = 0;
}

static void note_sequence(WhipReception *self, guint16 sequence)
{
    guint16 ahead = (guint16)(sequence - (guint16)self->highest);

    if (!self->heard)
        begin(self, sequence);
    else if (ahead < MAX_DROPOUT)
        self->highest += ahead;
    else if (ahead < 65536 - MAX_MISORDER)
        begin(self, sequence);
    self->since_first++;
}

static void note_jitter(WhipReception *self, guint32 timestamp, guint clock, gint64 now)
{
    guint32 transit = (guint32)(now * (gint64)clock / G_USEC_PER_SEC) - timestamp;
    gint32 difference = (gint32)(transit - self->transit);

    self->transit = transit;
    if (self->packets > 1)
        self->jitter += (fabs((double)difference) - self->jitter) / 16;
}

void whip_reception_note(WhipReception *self, const guint8 *packet, gsize len, guint clock,
                         gint64 now)
{
    self->packets++;
    self->bytes += len;
    note_sequence(self, get16(packet + 2));
    if (clock != 0)
        note_jitter(self, get32(packet + 4), clock, now);
}

void whip_reception_note_sender_report(WhipReception *self, const guint8 *ntp, gint64 now)
{
    self->sender_report = get32(ntp + 2);
    self->sender_report_at = now;
}

/* ---- what is told ---- */

static guint64 expected(const WhipReception *self)
{
    return self->heard ? (guint64)self->highest - self->first + 1 : 0;
}

guint64 whip_reception_lost(const WhipReception *self)
{
    guint64 all = expected(self);

    return all > self->since_first ? all - self->since_first : 0;
}

guint64 whip_reception_report(WhipReception *self, guint32 ssrc, gint64 now,
                              guint8 block[WHIP_REPORT_BLOCK])
{
    guint64 all = expected(self);
    guint64 due = all - self->expected_before;
    guint64 came = self->since_first - self->counted_before;
    guint64 lost = due > came ? due - came : 0;
    guint64 lost_in_all = whip_reception_lost(self);

    self->expected_before = all;
    self->counted_before = self->since_first;
    put32(block, ssrc);
    put32(block + 4, (guint32)MIN(lost_in_all, MAX_LOST));
    block[4] = (guint8)(due > 0 ? MIN(lost * 256 / due, 255) : 0);
    put32(block + 8, self->highest);
    put32(block + 12, (guint32)self->jitter);
    put32(block + 16, self->sender_report);
    put32(block + 20, self->sender_report == 0
                          ? 0
                          : (guint32)((now - self->sender_report_at) * 65536 / G_USEC_PER_SEC));
    return lost;
}
