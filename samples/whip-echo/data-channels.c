/* SPDX-License-Identifier: BSD-3-Clause */
#include "data-channels.h"
#include "sctp.h"

#include <string.h>

/* RFC 8832 section 8.1, RFC 8831 section 8. */
enum {
    PPID_DCEP = 50,
    PPID_STRING = 51,
    PPID_BINARY = 53,
    PPID_STRING_EMPTY = 56,
    PPID_BINARY_EMPTY = 57
};
enum { DCEP_ACK = 2, DCEP_OPEN = 3 };
#define LABEL_SHOWN 64

struct WhipDataChannels {
    WhipSctp *sctp;
    guint64 max_message_size;
    guint streams; /* that we may send on */
    gboolean open[WHIP_SCTP_STREAMS];
    WhipReliability reliability
        [WHIP_SCTP_STREAMS]; /* reliable and ordered for channels that nobody announced */
    WhipDataCounts counts;
    const WhipDataFuncs *funcs;
    gpointer user_data;
};

static const WhipReliability reliable = {FALSE, WHIP_SCTP_RELIABLE, 0};

static guint16 get16(const guint8 *p) { return (guint16)(p[0] << 8 | p[1]); }

static guint32 get32(const guint8 *p) { return (guint32)get16(p) << 16 | get16(p + 2); }

/* DATA_CHANNEL_OPEN (RFC 8832 section 5.1): type, channel type, priority, reliability, two lengths, label, protocol. */
static void on_dcep(WhipDataChannels *self, guint stream, const guint8 *data, gsize len)
{
    const guint8 ack = DCEP_ACK;

    if (len < 12 || data[0] != DCEP_OPEN || (gsize)12 + get16(data + 8) + get16(data + 10) > len)
        return; /* an ACK, for channels that we never open, or nothing that is known */
    guint type = data[1] & 0x7f;
    if (self->open[stream] || type > 2)
        return;
    self->reliability[stream] = (WhipReliability){.unordered = data[1] & 0x80 ? TRUE : FALSE,
                                                  .policy = type == 1   ? WHIP_SCTP_RETRANSMITS
                                                            : type == 2 ? WHIP_SCTP_LIFETIME
                                                                        : WHIP_SCTP_RELIABLE,
                                                  .limit = type == 0 ? 0 : get32(data + 4)};
    self->open[stream] = TRUE;
    self->counts.open++;
    self->counts.opened++;
    whip_sctp_send(self->sctp, stream, PPID_DCEP, &reliable, &ack, 1);

    g_autofree char *label = g_strndup((const char *)data + 12, MIN(get16(data + 8), LABEL_SHOWN));
    g_autofree char *valid = g_utf8_make_valid(label, -1);
    self->funcs->opened(stream, valid, self->user_data);
}

static void on_message(guint stream, guint32 ppid, const guint8 *data, gsize len,
                       gpointer user_data)
{
    WhipDataChannels *self = user_data;

    if (stream >= self->streams)
        return;
    if (ppid == PPID_DCEP) {
        on_dcep(self, stream, data, len);
        return;
    }
    self->counts.messages++;
    self->counts.bytes += len;
    if ((ppid != PPID_STRING && ppid != PPID_BINARY && ppid != PPID_STRING_EMPTY &&
         ppid != PPID_BINARY_EMPTY) ||
        (self->max_message_size > 0 && len > self->max_message_size) ||
        !whip_sctp_send(self->sctp, stream, ppid, &self->reliability[stream], data, len))
        self->counts.not_echoed++;
}

static void on_stream_closed(guint stream, gpointer user_data)
{
    WhipDataChannels *self = user_data;

    if (stream >= WHIP_SCTP_STREAMS)
        return;
    self->reliability[stream] = reliable;
    if (!self->open[stream])
        return;
    self->open[stream] = FALSE;
    self->counts.open--;
    self->funcs->closed(stream, self->user_data);
}

static void on_connected(guint streams, gpointer user_data)
{
    ((WhipDataChannels *)user_data)->streams = MIN(streams, WHIP_SCTP_STREAMS);
}

static void on_output(const guint8 *packet, gsize len, gpointer user_data)
{
    WhipDataChannels *self = user_data;

    self->funcs->output(packet, len, self->user_data);
}

static void on_closed(const char *why, gpointer user_data)
{
    WhipDataChannels *self = user_data;

    memset(self->open, 0, sizeof self->open);
    self->counts.open = 0;
    self->funcs->ended(why, self->user_data);
}

static const WhipSctpFuncs sctp_funcs = {on_output, on_connected, on_message, on_stream_closed,
                                         on_closed};

WhipDataChannels *whip_data_channels_new(guint local_port, guint remote_port,
                                         guint64 max_message_size, gsize max_packet,
                                         const WhipDataFuncs *funcs, gpointer user_data)
{
    WhipDataChannels *self = g_new0(WhipDataChannels, 1);

    self->funcs = funcs;
    self->user_data = user_data;
    self->max_message_size = max_message_size;
    self->sctp = whip_sctp_new(local_port, remote_port, max_packet, &sctp_funcs, self);
    if (self->sctp == NULL)
        g_clear_pointer(&self, g_free);
    return self;
}

void whip_data_channels_free(WhipDataChannels *self)
{
    whip_sctp_free(self->sctp);
    g_free(self);
}

void whip_data_channels_receive(WhipDataChannels *self, const guint8 *packet, gsize len)
{
    whip_sctp_receive(self->sctp, packet, len);
}

const WhipDataCounts *whip_data_channels_get_counts(const WhipDataChannels *self)
{
    return &self->counts;
}
