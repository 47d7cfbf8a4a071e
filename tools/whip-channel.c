/* SPDX-License-Identifier: BSD-3-Clause */

/* One data channel of a client (RFC 8831, RFC 8832). */

#include "whip-probe.h"

#include "sctp.h"

#include <string.h>

#define LOCAL_PORT 5000
enum { PPID_DCEP = 50, PPID_STRING = 51 };
enum { DCEP_ACK = 2, DCEP_OPEN = 3 };

static const char label[] = "rtcprobe";
static const WhipReliability reliable = {FALSE, WHIP_SCTP_RELIABLE, 0};

struct WhipChannel {
    SluiceIceTransport *transport; /* borrowed */
    WhipSctp *sctp;
    guint stream;
    gboolean open;
    WhipChannelFunc received;
    gpointer user_data;
};

static void on_output(const guint8 *packet, gsize len, gpointer user_data)
{
    WhipChannel *self = user_data;

    /* What is refused is lost, and SCTP sends it again. */
    sluice_ice_transport_send_data(self->transport, packet, len, NULL);
}

/* DATA_CHANNEL_OPEN (RFC 8832 section 5.1): reliable, ordered, no protocol. Messages may follow at once. */
static void on_connected(guint streams, gpointer user_data)
{
    WhipChannel *self = user_data;
    guint8 open[12 + sizeof label - 1] = {DCEP_OPEN, [9] = sizeof label - 1};

    memcpy(open + 12, label, sizeof label - 1);
    if (self->stream < streams)
        self->open =
            whip_sctp_send(self->sctp, self->stream, PPID_DCEP, &reliable, open, sizeof open);
}

/* Those that the peer opens are accepted, and listened to. */
static void on_message(guint stream, guint32 ppid, const guint8 *data, gsize len,
                       gpointer user_data)
{
    static const guint8 ack = DCEP_ACK;
    WhipChannel *self = user_data;

    if (ppid != PPID_DCEP)
        self->received(data, len, self->user_data);
    else if (len > 0 && data[0] == DCEP_OPEN)
        whip_sctp_send(self->sctp, stream, PPID_DCEP, &reliable, &ack, 1);
}

static void on_stream_closed(guint stream, gpointer user_data)
{
    WhipChannel *self = user_data;

    if (stream == self->stream)
        self->open = FALSE;
}

static void on_closed(const char *why, gpointer user_data)
{
    (void)why;
    ((WhipChannel *)user_data)->open = FALSE;
}

static const WhipSctpFuncs funcs = {on_output, on_connected, on_message, on_stream_closed,
                                    on_closed};

WhipChannel *whip_channel_new(SluiceIceTransport *transport, guint port, WhipChannelFunc received,
                              gpointer user_data)
{
    WhipChannel *self = g_new0(WhipChannel, 1);

    self->transport = transport;
    self->received = received;
    self->user_data = user_data;
    /* RFC 8832 section 6: the DTLS client takes even ones. */
    self->stream = sluice_ice_transport_get_role(transport) == SLUICE_ROLE_CLIENT ? 0 : 1;
    self->sctp = whip_sctp_new(LOCAL_PORT, port, sluice_ice_transport_get_max_data_size(transport),
                               &funcs, self);
    if (self->sctp == NULL)
        g_clear_pointer(&self, g_free);
    return self;
}

void whip_channel_free(WhipChannel *self)
{
    if (self == NULL)
        return;
    whip_sctp_free(self->sctp);
    g_free(self);
}

void whip_channel_receive(WhipChannel *self, const guint8 *packet, gsize len)
{
    whip_sctp_receive(self->sctp, packet, len);
}

gboolean whip_channel_send(WhipChannel *self, const char *text)
{
    return self->open && whip_sctp_send(self->sctp, self->stream, PPID_STRING, &reliable,
                                        (const guint8 *)text, strlen(text));
}
