/* SPDX-License-Identifier: BSD-3-Clause */
#include "call-media.h"

#include <stdio.h>
#include <string.h>

#define RTP_HEADER 12
#define PACKET_MAX 2048
#define AUDIO_TYPE 111
#define VIDEO_TYPE 96
#define AUDIO_BYTES 160
#define VIDEO_BYTES 1180
#define VIDEO_PACKETS 3 /* in a picture */

typedef struct {
    guint32 ssrc;
    guint8 type;
    guint32 clock_rate;
    gsize payload;
    guint packets_at_once;
    gint64 interval, next; /* microseconds */
    guint16 sequence;
    guint32 packets, octets;
} Stream;

#define N_STREAMS 2
#define MOST_LATE 100000 /* microseconds */

struct CallMedia {
    Stream streams[N_STREAMS];
    gint64 next_report;
};

static void put16(guint8 *p, guint v)
{
    p[0] = (guint8)(v >> 8);
    p[1] = (guint8)v;
}

static void put32(guint8 *p, guint32 v)
{
    put16(p, v >> 16);
    put16(p + 2, v & 0xffff);
}

static guint get16(const guint8 *p) { return (guint)p[0] << 8 | p[1]; }

static guint32 get32(const guint8 *p) { return get16(p) << 16 | get16(p + 2); }

/* Bytes that can be told from any others, so that a mix-up of packets shows. */
static guint8 pattern(guint32 seed, guint number, gsize i)
{
    return (guint8)(seed * 31 + number * 7 + (guint)i * 13 + (guint)(i >> 8));
}

static void fill(guint8 *p, gsize len, guint32 seed, guint number)
{
    for (gsize i = 0; i < len; i++)
        p[i] = pattern(seed, number, i);
}

static gboolean is_filled(const guint8 *p, gsize len, guint32 seed, guint number)
{
    for (gsize i = 0; i < len; i++)
        if (p[i] != pattern(seed, number, i))
            return FALSE;
    return TRUE;
}

guint32 call_media_ssrc(char sender) { return 0x51ce0000 + (guint32)(sender - 'A') * N_STREAMS; }

static gboolean is_ours(char sender, guint32 ssrc)
{
    return ssrc - call_media_ssrc(sender) < N_STREAMS;
}

CallMedia *call_media_new(char sender, gsize largest_packet)
{
    CallMedia *media = g_new0(CallMedia, 1);
    guint32 first_ssrc = call_media_ssrc(sender);
    gsize room = largest_packet - RTP_HEADER;

    media->streams[0] = (Stream){.ssrc = first_ssrc,
                                 .type = AUDIO_TYPE,
                                 .clock_rate = 48000,
                                 .payload = MIN(AUDIO_BYTES, room),
                                 .packets_at_once = 1,
                                 .interval = 20000};
    media->streams[1] = (Stream){.ssrc = first_ssrc + 1,
                                 .type = VIDEO_TYPE,
                                 .clock_rate = 90000,
                                 .payload = MIN(VIDEO_BYTES, room),
                                 .packets_at_once = VIDEO_PACKETS,
                                 .interval = 33333};
    /* As RFC 3550 section 5.1 wants it, the first number is arbitrary; close to the wrap it also
     * shows that the roll-over counter of SRTP works (RFC 3711 section 3.3.1). */
    for (guint i = 0; i < N_STREAMS; i++)
        media->streams[i].sequence = 65500;
    return media;
}

void call_media_free(CallMedia *media) { g_free(media); }

static guint32 timestamp(const Stream *s, gint64 at)
{
    return (guint32)(at * s->clock_rate / G_USEC_PER_SEC);
}

/* RFC 3550 section 5.1 */
static void emit_rtp(Stream *s, gboolean last, CallMediaFunc func, gpointer user_data)
{
    guint8 packet[PACKET_MAX] = {0x80};

    packet[1] = (guint8)(s->type | (last ? 0x80 : 0));
    put16(packet + 2, s->sequence);
    put32(packet + 4, timestamp(s, s->next));
    put32(packet + 8, s->ssrc);
    fill(packet + RTP_HEADER, s->payload, s->ssrc, s->sequence);
    s->sequence++;
    s->packets++;
    s->octets += (guint32)s->payload;
    func(FALSE, packet, RTP_HEADER + s->payload, user_data);
}

/* A sender report (RFC 3550 section 6.4.1), and the name that a compound packet needs
 * (section 6.5). */
static void emit_report(Stream *s, gint64 at, CallMediaFunc func, gpointer user_data)
{
    static const guint8 name[] = {1, 6, 's', 'l', 'u', 'i', 'c', 'e', 0, 0, 0, 0};
    guint8 packet[28 + 8 + sizeof name] = {0x80, 200, 0, 6};
    gint64 wall = g_get_real_time();

    put32(packet + 4, s->ssrc);
    /* NTP counts seconds since 1900 */
    put32(packet + 8, (guint32)(wall / G_USEC_PER_SEC + 2208988800));
    put32(packet + 12, (guint32)(((wall % G_USEC_PER_SEC) << 32) / G_USEC_PER_SEC));
    put32(packet + 16, timestamp(s, at));
    put32(packet + 20, s->packets);
    put32(packet + 24, s->octets);
    packet[28] = 0x81;
    packet[29] = 202;
    put16(packet + 30, (4 + sizeof name) / 4);
    put32(packet + 32, s->ssrc);
    memcpy(packet + 36, name, sizeof name);
    func(TRUE, packet, sizeof packet, user_data);
}

/* A program that did not run for a while sends no more for that while: it would be a burst too large for
 * the other side's socket. */
static gint64 not_too_late(gint64 due, gint64 now) { return MAX(due, now - MOST_LATE); }

void call_media_run(CallMedia *media, gint64 now, CallMediaFunc func, gpointer user_data)
{
    for (guint i = 0; i < N_STREAMS; i++)
        media->streams[i].next = not_too_late(media->streams[i].next, now);
    media->next_report = not_too_late(media->next_report, now);
    for (guint i = 0; i < N_STREAMS; i++)
        for (Stream *s = &media->streams[i]; s->next <= now; s->next += s->interval)
            for (guint n = 1; n <= s->packets_at_once; n++)
                emit_rtp(s, n == VIDEO_PACKETS, func, user_data);
    for (; media->next_report <= now; media->next_report += G_USEC_PER_SEC / 2)
        for (guint i = 0; i < N_STREAMS; i++)
            emit_report(&media->streams[i], now, func, user_data);
}

static gsize message_head(char head[48], char sender, guint number)
{
    return (gsize)g_snprintf(head, 48, "message %u of %c: ", number, sender);
}

gsize call_message_make(char sender, guint number, guint8 *message, gsize capacity)
{
    char head[48];
    gsize head_len = message_head(head, sender, number);
    gsize len = MIN(head_len + number * 97 % 1000, capacity);

    memcpy(message, head, MIN(head_len, len));
    if (len > head_len)
        fill(message + head_len, len - head_len, (guint32)sender, number);
    return len;
}

gboolean call_message_check(char sender, const guint8 *message, gsize len, guint *last)
{
    char head[48] = "";
    guint number = 0;

    memcpy(head, message, MIN(len, sizeof head - 1));
    if (sscanf(head, "message %u", &number) != 1 || number <= *last)
        return FALSE;
    *last = number;
    gsize head_len = message_head(head, sender, number);
    return len >= head_len && memcmp(message, head, head_len) == 0 &&
           is_filled(message + head_len, len - head_len, (guint32)sender, number);
}

static CallStream *find_stream(CallWatch *watch, guint32 ssrc, guint16 sequence)
{
    for (guint i = 0; i < watch->n_streams; i++)
        if (watch->streams[i].ssrc == ssrc)
            return &watch->streams[i];
    if (watch->n_streams == G_N_ELEMENTS(watch->streams))
        return NULL;
    CallStream *s = &watch->streams[watch->n_streams++];
    *s = (CallStream){.ssrc = ssrc, .first = sequence, .highest = sequence};
    return s;
}

void call_watch_rtp(CallWatch *watch, const guint8 *packet, gsize len)
{
    guint16 sequence = (guint16)get16(packet + 2);
    guint32 ssrc = get32(packet + 8);
    CallStream *s = find_stream(watch, ssrc, sequence);

    if (s != NULL) {
        s->received++;
        if ((guint16)(sequence - s->highest) < 0x8000) {
            if (sequence < s->highest)
                s->cycles++;
            s->highest = sequence;
        }
    }
    if (is_ours(watch->sender, ssrc) &&
        !is_filled(packet + RTP_HEADER, len - RTP_HEADER, ssrc, sequence))
        watch->wrong++;
}

void call_watch_rtcp(CallWatch *watch, const guint8 *packet, gsize len)
{
    guint32 ssrc = get32(packet + 4);
    gboolean whole =
        len == 48 && packet[1] == 200 && packet[29] == 202 && get32(packet + 32) == ssrc;

    if (is_ours(watch->sender, ssrc) && !whole)
        watch->wrong++;
}

/* RFC 3550 appendix A.3; a packet that comes twice or late cannot make it negative. */
guint64 call_watch_lost(const CallWatch *watch)
{
    guint64 lost = 0;

    for (guint i = 0; i < watch->n_streams; i++) {
        const CallStream *s = &watch->streams[i];
        guint64 expected = ((guint64)s->cycles << 16) + s->highest - s->first + 1;
        lost += expected > s->received ? expected - s->received : 0;
    }
    return lost;
}
