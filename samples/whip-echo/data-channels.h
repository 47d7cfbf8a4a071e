/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef WHIP_DATA_CHANNELS_H
#define WHIP_DATA_CHANNELS_H

/* The mirror of data channels (RFC 8831): accepts each that the client opens (RFC 8832) and sends its messages back, as
 * reliable and as ordered as the client wants them. */

#include <glib.h>

typedef struct WhipDataChannels WhipDataChannels;

typedef struct {
    guint open;
    guint64 opened, messages, bytes, not_echoed;
} WhipDataCounts;

typedef struct {
    void (*output)(const guint8 *packet, gsize len, gpointer user_data);
    /* For the log; @label is cut short. */
    void (*opened)(guint stream, const char *label, gpointer user_data);
    void (*closed)(guint stream, gpointer user_data);
    /* SCTP has ended, and no channel is left. */
    void (*ended)(const char *why, gpointer user_data);
} WhipDataFuncs;

/* @port: of SCTP, at both ends. @max_message_size: what the client takes, 0: any. NULL: usrsctp refused. */
WhipDataChannels *whip_data_channels_new(guint local_port, guint remote_port,
                                         guint64 max_message_size, gsize max_packet,
                                         const WhipDataFuncs *funcs, gpointer user_data);
void whip_data_channels_free(WhipDataChannels *self);

/* A message of DTLS. */
void whip_data_channels_receive(WhipDataChannels *self, const guint8 *packet, gsize len);

const WhipDataCounts *whip_data_channels_get_counts(const WhipDataChannels *self);

#endif
