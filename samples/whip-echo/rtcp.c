/* SPDX-License-Identifier: BSD-3-Clause */
#include "rtcp.h"

#include <string.h>

/* Packet types: RFC 3550 section 6, RFC 4585 section 6, RFC 3611. */
enum { SR = 200, RR = 201, SDES = 202, BYE = 203, APP = 204, RTPFB = 205, PSFB = 206, XR = 207 };
/* Formats of feedback that have SSRCs in what follows their header. */
enum { TMMBR = 3, TMMBN = 4 };                   /* RTPFB, RFC 5104 section 4.2 */
enum { FIR = 4, TSTR = 5, TSTN = 6, ALFB = 15 }; /* PSFB, RFC 5104 section 4.3; ALFB with "REMB" */

#define REPORT 24 /* bytes of a report block */

typedef struct {
    WhipSsrcFunc map;
    WhipByeFunc bye;
    gpointer user_data;
} Mirror;

static guint32 get32(const guint8 *p)
{
    return (guint32)p[0] << 24 | (guint32)p[1] << 16 | (guint32)p[2] << 8 | p[3];
}

static void rewrite(const Mirror *m, guint8 *p)
{
    guint32 ssrc = m->map(get32(p), m->user_data);

    p[0] = (guint8)(ssrc >> 24);
    p[1] = (guint8)(ssrc >> 16);
    p[2] = (guint8)(ssrc >> 8);
    p[3] = (guint8)ssrc;
}

/* @n SSRCs, one each @step bytes, as far as there are bytes. FALSE: there are fewer. */
static gboolean rewrite_each(const Mirror *m, guint8 *p, const guint8 *end, gsize n, gsize step)
{
    for (gsize i = 0; i < n; i++, p += step) {
        if ((gsize)(end - p) < MAX(step, 4))
            return FALSE;
        rewrite(m, p);
    }
    return TRUE;
}

/* Chunks of an SSRC and items; a zero ends the items, and fills up to a word (RFC 3550 section 6.5). */
static gboolean mirror_sdes(const Mirror *m, guint8 *p, const guint8 *end, guint chunks)
{
    for (; chunks > 0; chunks--) {
        const guint8 *begin = p;
        if (end - p < 8)
            return FALSE;
        rewrite(m, p);
        p += 4;
        while (p < end && *p != 0) {
            if (end - p < 2 || end - p < 2 + p[1])
                return FALSE;
            p += 2 + p[1];
        }
        p += 4 - (p - begin) % 4;
        if (p > end)
            return FALSE;
    }
    return TRUE;
}

static gboolean mirror_bye(const Mirror *m, guint8 *p, const guint8 *end, guint n)
{
    if ((gsize)(end - p) < 4 * (gsize)n)
        return FALSE;
    for (guint i = 0; i < n; i++)
        m->bye(get32(p + 4 * i), m->user_data);
    return rewrite_each(m, p, end, n, 4);
}

/* REMB (draft-alvestrand-rmcat-remb-03 section 2.2): "REMB", a count, the rate, that many SSRCs. */
static gboolean mirror_remb(const Mirror *m, guint8 *p, const guint8 *end)
{
    if (end - p < 8 || memcmp(p, "REMB", 4) != 0)
        return TRUE; /* of another kind, with no SSRC that is known of */
    return rewrite_each(m, p + 8, end, p[4], 4);
}

/* Sender, media source, and what the format says. */
static gboolean mirror_feedback(const Mirror *m, guint8 *p, const guint8 *end, int type, guint fmt)
{
    if (!rewrite_each(m, p, end, 2, 4))
        return FALSE;
    p += 8;
    if (type == RTPFB && (fmt == TMMBR || fmt == TMMBN))
        return rewrite_each(m, p, end, (gsize)(end - p) / 8, 8);
    if (type == PSFB && (fmt == FIR || fmt == TSTR || fmt == TSTN))
        return rewrite_each(m, p, end, (gsize)(end - p) / 8, 8);
    return type != PSFB || fmt != ALFB || mirror_remb(m, p, end);
}

/* Blocks of type, a byte of its own, and words that follow (RFC 3611 section 3). */
static gboolean mirror_xr(const Mirror *m, guint8 *p, const guint8 *end)
{
    if (!rewrite_each(m, p, end, 1, 4))
        return FALSE;
    for (p += 4; p < end;) {
        if (end - p < 4)
            return FALSE;
        gsize len = 4 * ((gsize)p[2] << 8 | p[3]);
        guint8 *content = p + 4;
        if ((gsize)(end - content) < len)
            return FALSE;
        if (p[0] == 5) { /* DLRR: SSRC, LRR, DLRR each */
            if (!rewrite_each(m, content, content + len, len / 12, 12))
                return FALSE;
        } else if (p[0] != 4 && len >= 4 &&
                   p[0] <= 7) { /* 4 is about the sender; 1..3, 6, 7: a source */
            rewrite(m, content);
        }
        p = content + len;
    }
    return TRUE;
}

/* One packet without its header. */
static gboolean mirror_packet(const Mirror *m, guint8 *p, const guint8 *end, int type, guint count)
{
    switch (type) {
    case SR:
        return end - p >= 24 && rewrite_each(m, p, end, 1, 4) &&
               rewrite_each(m, p + 24, end, count, REPORT);
    case RR:
        return rewrite_each(m, p, end, 1, 4) && rewrite_each(m, p + 4, end, count, REPORT);
    case SDES:
        return mirror_sdes(m, p, end, count);
    case BYE:
        return mirror_bye(m, p, end, count);
    case APP:
        return rewrite_each(m, p, end, 1, 4);
    case RTPFB:
    case PSFB:
        return mirror_feedback(m, p, end, type, count);
    case XR:
        return mirror_xr(m, p, end);
    default:
        return FALSE;
    }
}

gsize whip_rtcp_mirror(guint8 *data, gsize len, WhipSsrcFunc map, WhipByeFunc bye,
                       gpointer user_data)
{
    const Mirror m = {map, bye, user_data};
    gsize at = 0;

    while (len - at >= 8) {
        guint8 *p = data + at;
        gsize size = 4 * (((gsize)p[2] << 8 | p[3]) + 1);
        gsize padding = 0;

        if (p[0] >> 6 != 2 || size < 8 || size > len - at)
            break;
        if (p[0] & 0x20) /* padding: its last byte counts it */
            padding = p[size - 1];
        if (padding > size - 8 || !mirror_packet(&m, p + 4, p + size - padding, p[1], p[0] & 0x1f))
            break;
        at += size;
    }
    return at;
}

void whip_rtcp_each_sender_report(const guint8 *data, gsize len, WhipSenderReportFunc func,
                                  gpointer user_data)
{
    for (gsize at = 0; len - at >= 8;) {
        const guint8 *p = data + at;
        gsize size = 4 * (((gsize)p[2] << 8 | p[3]) + 1);

        if (p[0] >> 6 != 2 || size > len - at)
            return;
        if (p[1] == SR && size >= 28)
            func(get32(p + 4), p + 8, user_data);
        at += size;
    }
}
