/* SPDX-License-Identifier: BSD-3-Clause */

/* What --send sends, and what comes back of it. */

#include "probe.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* Slow enough for the receive buffer of any socket, fast enough for a hundred in half a second. */
#define INTERVAL (5 * SLUICE_MILLISECOND)

#define RTP_HEADER 12
#define RTP_SIZE 40
#define PAYLOAD_TYPE 96 /* the first dynamic one (RFC 3551 section 6) */
#define TICKS 160       /* 20 ms at 8 kHz: any even pace will do */

void probe_traffic_init(ProbeTraffic *traffic, const ProbeOptions *options)
{
    memset(traffic, 0, sizeof *traffic);
    traffic->data.wanted = options->send_data;
    traffic->data.seen = g_malloc0(options->send_data);
    traffic->rtp.wanted = options->send_rtp;
    traffic->rtp.seen = g_malloc0(options->send_rtp);
    traffic->next_at = SLUICE_TIME_NEVER;
    traffic->tag = g_random_int();
    traffic->ssrc = g_random_int();
    /* Lower half, so that no loss at the start can be taken for a wrap (RFC 3711 section 3.3.1). */
    traffic->first_sequence = (guint16)g_random_int_range(0, 0x7fff);
}

void probe_traffic_clear(ProbeTraffic *traffic)
{
    g_free(traffic->data.seen);
    g_free(traffic->rtp.seen);
    memset(traffic, 0, sizeof *traffic);
}

void probe_traffic_start(ProbeTraffic *traffic, SluiceTime now)
{
    traffic->last_sent_at = now;
    traffic->next_at = probe_traffic_all_sent(traffic) ? SLUICE_TIME_NEVER : now;
}

gboolean probe_traffic_all_sent(const ProbeTraffic *traffic)
{
    return traffic->data.sent == traffic->data.wanted && traffic->rtp.sent == traffic->rtp.wanted;
}

gboolean probe_traffic_all_back(const ProbeTraffic *traffic)
{
    return traffic->data.returned == traffic->data.wanted &&
           traffic->rtp.returned == traffic->rtp.wanted;
}

static char *make_data(const ProbeTraffic *traffic, guint number)
{
    return g_strdup_printf("rtcprobe data %08x %u\n", traffic->tag, number);
}

static void put32(guint8 *at, guint32 value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (guint8)(value >> (24 - 8 * i));
}

static void make_rtp(const ProbeTraffic *traffic, guint number, guint8 packet[RTP_SIZE])
{
    guint16 sequence = (guint16)(traffic->first_sequence + number);

    memset(packet, 0, RTP_SIZE);
    packet[0] = 0x80; /* version 2 */
    packet[1] = PAYLOAD_TYPE;
    packet[2] = (guint8)(sequence >> 8);
    packet[3] = (guint8)(sequence & 0xff);
    put32(packet + 4, number * TICKS);
    put32(packet + 8, traffic->ssrc);
    memcpy(packet + RTP_HEADER, "rtcprobe rtp", 12);
    put32(packet + RTP_HEADER + 12, number);
}

void probe_traffic_send_media(ProbeTraffic *traffic, SluiceTransport *transport, int fd,
                              SluiceKind kind, guint8 *data, size_t len)
{
    /* What the network refuses now is stale later, and protecting it again would reuse its index.
     */
    if (sluice_transport_protect(transport, kind, data, &len, PROBE_BUFFER) != SLUICE_OK ||
        send(fd, data, len, MSG_NOSIGNAL) < 0)
        traffic->media_unsent++;
}

static gboolean send_one_data(ProbeTraffic *traffic, SluiceTransport *transport, SluiceTime now)
{
    char *text = make_data(traffic, traffic->data.sent);
    SluiceStatus status =
        sluice_transport_send_data(transport, now, (const guint8 *)text, strlen(text));

    g_free(text);
    if (status == SLUICE_OK)
        traffic->data.sent++;
    return status == SLUICE_OK || status == SLUICE_WOULD_BLOCK;
}

gboolean probe_traffic_tick(ProbeTraffic *traffic, SluiceTransport *transport, int fd,
                            SluiceTime now)
{
    static guint32 buffer[PROBE_BUFFER / 4]; /* words, for the alignment */

    if (now < traffic->next_at)
        return TRUE;
    if (traffic->data.sent < traffic->data.wanted && !send_one_data(traffic, transport, now)) {
        traffic->next_at = SLUICE_TIME_NEVER;
        return FALSE;
    }
    if (traffic->rtp.sent < traffic->rtp.wanted) {
        make_rtp(traffic, traffic->rtp.sent++, (guint8 *)buffer);
        probe_traffic_send_media(traffic, transport, fd, SLUICE_KIND_RTP, (guint8 *)buffer,
                                 RTP_SIZE);
    }
    traffic->last_sent_at = now;
    traffic->next_at = probe_traffic_all_sent(traffic) ? SLUICE_TIME_NEVER : now + INTERVAL;
    return TRUE;
}

static gboolean came_back(ProbeStream *stream, guint64 number)
{
    if (number >= stream->sent)
        return FALSE;
    if (!stream->seen[number])
        stream->returned++;
    stream->seen[number] = 1;
    return TRUE;
}

static gboolean is_own_data(ProbeTraffic *traffic, const guint8 *data, size_t len)
{
    char *head = g_strdup_printf("rtcprobe data %08x ", traffic->tag);
    size_t head_len = strlen(head);
    gboolean own = FALSE;

    if (len > head_len && len < head_len + 12 && memcmp(data, head, head_len) == 0) {
        char *tail = g_strndup((const char *)data + head_len, len - head_len);
        guint64 number = 0;

        g_strchomp(tail);
        own = g_ascii_string_to_unsigned(tail, 10, 0, G_MAXUINT32, &number, NULL) &&
              came_back(&traffic->data, number);
        g_free(tail);
    }
    g_free(head);
    return own;
}

static gboolean is_own_rtp(ProbeTraffic *traffic, const guint8 *data, size_t len)
{
    guint8 expected[RTP_SIZE];
    guint16 sequence;

    if (len != RTP_SIZE)
        return FALSE;
    sequence = (guint16)((data[2] << 8) | data[3]);
    /* The number is in the payload whole; the sequence number has only its lower half. */
    guint number = ((guint)data[RTP_HEADER + 12] << 24) | ((guint)data[RTP_HEADER + 13] << 16) |
                   ((guint)data[RTP_HEADER + 14] << 8) | data[RTP_HEADER + 15];
    make_rtp(traffic, number, expected);
    return sequence == (guint16)(traffic->first_sequence + number) &&
           memcmp(data, expected, RTP_SIZE) == 0 && came_back(&traffic->rtp, number);
}

gboolean probe_traffic_arrived(ProbeTraffic *traffic, SluiceKind kind, const guint8 *data,
                               size_t len)
{
    if (kind == SLUICE_KIND_DATA && is_own_data(traffic, data, len))
        return TRUE;
    if (kind == SLUICE_KIND_RTP && is_own_rtp(traffic, data, len))
        return TRUE;
    if (kind == SLUICE_KIND_DATA)
        traffic->received_data++;
    else if (kind == SLUICE_KIND_RTP)
        traffic->received_rtp++;
    else
        traffic->received_rtcp++;
    return FALSE;
}

void probe_traffic_report(const ProbeTraffic *traffic, ProbeReport *report)
{
    if (report->json) {
        JsonBuilder *builder = probe_json_begin(report, "traffic");
        probe_json_int(builder, "dataSent", traffic->data.sent);
        probe_json_int(builder, "dataReturned", traffic->data.returned);
        probe_json_int(builder, "dataReceived", (gint64)traffic->received_data);
        probe_json_int(builder, "rtpSent", traffic->rtp.sent);
        probe_json_int(builder, "rtpReturned", traffic->rtp.returned);
        probe_json_int(builder, "rtpReceived", (gint64)traffic->received_rtp);
        probe_json_int(builder, "rtcpReceived", (gint64)traffic->received_rtcp);
        probe_json_int(builder, "echoed", (gint64)traffic->echoed);
        probe_json_int(builder, "mediaUnsent", (gint64)traffic->media_unsent);
        probe_json_end(builder);
        return;
    }
    if (traffic->data.wanted > 0)
        printf("  data: %u sent, %u came back\n", traffic->data.sent, traffic->data.returned);
    if (traffic->rtp.wanted > 0)
        printf("  RTP: %u sent, %u came back\n", traffic->rtp.sent, traffic->rtp.returned);
    printf("  received: %" G_GUINT64_FORMAT " data, %" G_GUINT64_FORMAT " RTP, %" G_GUINT64_FORMAT
           " RTCP; echoed %" G_GUINT64_FORMAT "\n",
           traffic->received_data, traffic->received_rtp, traffic->received_rtcp, traffic->echoed);
    if (traffic->media_unsent > 0)
        printf("  media the network or the library refused: %" G_GUINT64_FORMAT "\n",
               traffic->media_unsent);
}
