/* SPDX-License-Identifier: BSD-3-Clause */
#include "report.h"

#include <string.h>

enum { RR = 201, SDES = 202, PSFB = 206, PLI = 1, CNAME = 1 };

static guint8 *put32(guint8 *p, guint32 value)
{
    p[0] = (guint8)(value >> 24);
    p[1] = (guint8)(value >> 16);
    p[2] = (guint8)(value >> 8);
    p[3] = (guint8)value;
    return p + 4;
}

/* @words: of 32 bits, with the header. */
static guint8 *put_header(guint8 *p, guint count, int type, gsize words)
{
    p[0] = (guint8)(0x80 | count);
    p[1] = (guint8)type;
    p[2] = (guint8)((words - 1) >> 8);
    p[3] = (guint8)(words - 1);
    return p + 4;
}

void whip_report_begin(WhipReport *self, guint32 reporter)
{
    memset(self, 0, sizeof *self);
    self->reporter = reporter;
    self->now = g_get_monotonic_time();
}

guint64 whip_report_add(WhipReport *self, guint32 ssrc, WhipReception *reception)
{
    if (self->n_blocks == WHIP_REPORT_STREAMS)
        return 0;
    return whip_reception_report(reception, ssrc, self->now,
                                 self->data + 8 + WHIP_REPORT_BLOCK * self->n_blocks++);
}

gboolean whip_report_want_key_frame(WhipReport *self, guint32 ssrc)
{
    if (self->n_requests == WHIP_REPORT_REQUESTS)
        return FALSE;
    self->requests[self->n_requests++] = ssrc;
    return TRUE;
}

/* Every compound packet has a CNAME (RFC 3550 section 6.1). */
static guint8 *put_name(guint8 *p, guint32 reporter)
{
    static const guint8 item[8] = {CNAME, 4, 'e', 'c', 'h', 'o', 0, 0};

    p = put_header(p, 1, SDES, 4);
    p = put32(p, reporter);
    memcpy(p, item, sizeof item);
    return p + sizeof item;
}

gsize whip_report_end(WhipReport *self)
{
    guint8 *p = self->data;

    if (self->n_blocks == 0)
        return 0;
    p = put_header(p, self->n_blocks, RR, 2 + (gsize)self->n_blocks * WHIP_REPORT_BLOCK / 4);
    p = put32(p, self->reporter) + (gsize)self->n_blocks * WHIP_REPORT_BLOCK;
    p = put_name(p, self->reporter);
    for (guint i = 0; i < self->n_requests; i++) {
        p = put_header(p, PLI, PSFB, 3);
        p = put32(p, self->reporter);
        p = put32(p, self->requests[i]);
    }
    return (gsize)(p - self->data);
}
