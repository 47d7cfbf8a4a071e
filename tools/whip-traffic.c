/* SPDX-License-Identifier: BSD-3-Clause */

/* What a client sends, and what comes back of it. An echo may change the SSRC and the header's extensions, but not the
 * payload: that says what a packet was. */

#include "whip-probe.h"

#include <string.h>

#define RTP_HEADER 12
#define RTP_PAYLOAD 28
#define MARK "rtcprobe rtp"
#define MARK_LEN 12
#define REPORT_US G_USEC_PER_SEC
#define NUMBER_MAX 1000000 /* more are counted as received alone */

static const struct {
    guint8 payload_type;
    guint32 rate;
} codecs[WHIP_N_RTP] = {{111, 48000}, {96, 90000}};

struct WhipTraffic {
    const ProbeOptions *options;
    guint lines;
    SluiceIceTransport *transport; /* borrowed */
    guint sctp_port;
    WhipChannel *channel;
    guint32 tag;
    guint16 first_sequence;
    guint rtp_wanted, data_wanted; /* 0: as many as there is time for */
    GSource *timer;
    gint64 begun, next_report, next_data;
    WhipCounts counts;
};

static void put_32(guint8 *at, guint32 value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (guint8)(value >> (24 - 8 * i));
}

static guint32 get_32(const guint8 *at)
{
    return (guint32)at[0] << 24 | (guint32)at[1] << 16 | (guint32)at[2] << 8 | at[3];
}

/* ------------------------------------------------------------------ life */

WhipTraffic *whip_traffic_new(const ProbeOptions *options, guint lines, const guint32 *ssrcs,
                              SluiceIceTransport *transport, guint sctp_port)
{
    WhipTraffic *self = g_new0(WhipTraffic, 1);

    self->options = options;
    self->lines = lines;
    self->transport = transport;
    self->sctp_port = sctp_port;
    self->tag = g_random_int();
    /* Lower half, so that no loss at the start can be taken for a wrap (RFC 3711 section 3.3.1). */
    self->first_sequence = (guint16)g_random_int_range(0, 0x7fff);
    self->rtp_wanted = options->send_rtp;
    self->data_wanted = options->send_data;
    self->counts.data_seen = g_byte_array_new();
    for (guint i = 0; i < WHIP_N_RTP; i++)
        self->counts.rtp[i].ssrc = ssrcs[i];
    return self;
}

void whip_traffic_free(WhipTraffic *self)
{
    if (self == NULL)
        return;
    whip_traffic_stop(self);
    whip_channel_free(self->channel);
    for (guint i = 0; i < WHIP_N_RTP; i++)
        g_clear_pointer(&self->counts.rtp[i].seen, g_byte_array_unref);
    g_byte_array_unref(self->counts.data_seen);
    g_free(self);
}

/* ------------------------------------------------------------------ out */

static gboolean has(const WhipTraffic *self, guint line) { return self->lines >> line & 1; }

/* --send names one kind: then the other is not sent. Without it both go for as long as there is time. */
static gboolean wants(const WhipTraffic *self, guint wanted, guint sent)
{
    if (self->rtp_wanted == 0 && self->data_wanted == 0)
        return TRUE;
    return sent < wanted;
}

static void send_rtp(WhipTraffic *self, guint line)
{
    WhipStream *stream = &self->counts.rtp[line];
    guint16 sequence = (guint16)(self->first_sequence + stream->sent);
    guint64 elapsed = (guint64)(g_get_monotonic_time() - self->begun);
    guint8 packet[RTP_HEADER + RTP_PAYLOAD] = {0x80};

    packet[1] = codecs[line].payload_type;
    packet[2] = (guint8)(sequence >> 8);
    packet[3] = (guint8)(sequence & 0xff);
    put_32(packet + 4, (guint32)(elapsed * codecs[line].rate / G_USEC_PER_SEC));
    put_32(packet + 8, stream->ssrc);
    memcpy(packet + RTP_HEADER, MARK, MARK_LEN);
    put_32(packet + RTP_HEADER + MARK_LEN, self->tag);
    put_32(packet + RTP_HEADER + MARK_LEN + 4, line);
    put_32(packet + RTP_HEADER + MARK_LEN + 8, stream->sent);
    stream->sent++;
    if (!sluice_ice_transport_send_rtp(self->transport, packet, sizeof packet, NULL))
        self->counts.unsent++;
}

/* A sender report and a name (RFC 3550 sections 6.4.1 and 6.5). */
static void send_report(WhipTraffic *self, guint line)
{
    const WhipStream *stream = &self->counts.rtp[line];
    gint64 now = g_get_real_time();
    guint64 elapsed = (guint64)(g_get_monotonic_time() - self->begun);
    guint8 packet[28 + 20] = {0x80, 200, 0, 6, [28] = 0x81, 202, 0, 4};

    put_32(packet + 4, stream->ssrc);
    put_32(packet + 8, (guint32)(now / G_USEC_PER_SEC + 2208988800)); /* since 1900 */
    put_32(packet + 12, (guint32)((now % G_USEC_PER_SEC) * 4294967296 / G_USEC_PER_SEC));
    put_32(packet + 16, (guint32)(elapsed * codecs[line].rate / G_USEC_PER_SEC));
    put_32(packet + 20, stream->sent);
    put_32(packet + 24, stream->sent * RTP_PAYLOAD);
    put_32(packet + 32, stream->ssrc);
    packet[36] = 1; /* CNAME */
    packet[37] = 8;
    memcpy(packet + 38, "rtcprobe", 8);
    if (sluice_ice_transport_send_rtcp(self->transport, packet, sizeof packet, NULL))
        self->counts.rtcp_sent++;
    else
        self->counts.unsent++;
}

static void send_data(WhipTraffic *self)
{
    char *text = g_strdup_printf("rtcprobe data %08x %u", self->tag, self->counts.data_sent);

    if (self->channel != NULL && whip_channel_send(self->channel, text))
        self->counts.data_sent++;
    g_free(text);
}

static void tick_rtp(WhipTraffic *self, gint64 now)
{
    for (guint i = 0; i < WHIP_N_RTP; i++) {
        if (!has(self, i))
            continue;
        if (wants(self, self->rtp_wanted, self->counts.rtp[i].sent))
            send_rtp(self, i);
        if (now >= self->next_report)
            send_report(self, i);
    }
    if (now >= self->next_report)
        self->next_report = now + REPORT_US;
}

static gboolean on_tick(gpointer user_data)
{
    WhipTraffic *self = user_data;
    gint64 now = g_get_monotonic_time();

    tick_rtp(self, now);
    if (has(self, WHIP_DATA) && now >= self->next_data &&
        wants(self, self->data_wanted, self->counts.data_sent)) {
        send_data(self);
        self->next_data = self->data_wanted > 0 ? now : now + G_USEC_PER_SEC / 4;
    }
    return G_SOURCE_CONTINUE;
}

static void on_channel_message(const guint8 *data, gsize len, gpointer user_data);

void whip_traffic_start(WhipTraffic *self)
{
    if (self->timer != NULL)
        return;
    self->begun = self->next_report = self->next_data = g_get_monotonic_time();
    if (has(self, WHIP_DATA))
        self->channel =
            whip_channel_new(self->transport, self->sctp_port, on_channel_message, self);
    self->timer = g_timeout_source_new((guint)self->options->interval);
    g_source_set_callback(self->timer, on_tick, self, NULL);
    g_source_attach(self->timer, sluice_ice_transport_get_main_context(self->transport));
}

void whip_traffic_stop(WhipTraffic *self)
{
    if (self->timer == NULL)
        return;
    g_source_destroy(self->timer);
    g_clear_pointer(&self->timer, g_source_unref);
}

/* ------------------------------------------------------------------ in */

/* 1 the first time, else 0. */
static guint note(GByteArray *seen, guint32 number, guint sent)
{
    if (number >= sent || number >= NUMBER_MAX)
        return 0;
    while (seen->len <= number)
        g_byte_array_append(seen, (const guint8 *)"", 1);
    guint first = seen->data[number] == 0;
    seen->data[number] = 1;
    return first;
}

static void on_channel_message(const guint8 *data, gsize len, gpointer user_data)
{
    WhipTraffic *self = user_data;
    char *text = g_strndup((const char *)data, MIN(len, 64));
    char *mark = g_strdup_printf("rtcprobe data %08x ", self->tag);
    const char *at = strstr(text, mark); /* an echo may put words of its own in front */
    guint64 number;

    self->counts.data_received++;
    if (at != NULL &&
        g_ascii_string_to_unsigned(at + strlen(mark), 10, 0, NUMBER_MAX, &number, NULL))
        self->counts.data_returned +=
            note(self->counts.data_seen, (guint32)number, self->counts.data_sent);
    g_free(text);
    g_free(mark);
}

static void take_rtp(WhipTraffic *self, const guint8 *data, gsize len)
{
    const guint8 *payload = data + len - RTP_PAYLOAD;
    guint32 line;

    self->counts.rtp_received++;
    if (len < RTP_HEADER + RTP_PAYLOAD || memcmp(payload, MARK, MARK_LEN) != 0 ||
        get_32(payload + MARK_LEN) != self->tag)
        return;
    line = get_32(payload + MARK_LEN + 4);
    if (line >= WHIP_N_RTP)
        return;
    WhipStream *stream = &self->counts.rtp[line];
    if (stream->seen == NULL)
        stream->seen = g_byte_array_new();
    stream->returned += note(stream->seen, get_32(payload + MARK_LEN + 8), stream->sent);
}

void whip_traffic_receive(WhipTraffic *self, SluiceKind kind, const guint8 *data, gsize len)
{
    if (kind == SLUICE_KIND_RTP)
        take_rtp(self, data, len);
    else if (kind == SLUICE_KIND_RTCP)
        self->counts.rtcp_received++;
    else if (self->channel != NULL)
        whip_channel_receive(self->channel, data, len);
}

/* ------------------------------------------------------------------ what it is */

const WhipCounts *whip_traffic_counts(const WhipTraffic *self) { return &self->counts; }

gboolean whip_traffic_all_sent(const WhipTraffic *self)
{
    if (self->rtp_wanted == 0 && self->data_wanted == 0)
        return FALSE; /* there is always more */
    for (guint i = 0; i < WHIP_N_RTP; i++)
        if (has(self, i) && self->counts.rtp[i].sent < self->rtp_wanted)
            return FALSE;
    return !has(self, WHIP_DATA) || self->counts.data_sent >= self->data_wanted;
}

gboolean whip_traffic_all_back(const WhipTraffic *self)
{
    for (guint i = 0; i < WHIP_N_RTP; i++)
        if (self->counts.rtp[i].returned < self->counts.rtp[i].sent)
            return FALSE;
    return self->counts.data_returned == self->counts.data_sent;
}
