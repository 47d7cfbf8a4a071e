/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef WHIP_SCTP_H
#define WHIP_SCTP_H

/* SCTP for data channels (RFC 8261, RFC 8831) by usrsctp, without its threads. usrsctp is one for the process: all of this
 * is for one thread. */

#include <glib.h>

#define WHIP_SCTP_MAX_MESSAGE 262144 /* that we take, and announce */
#define WHIP_SCTP_STREAMS 1024

typedef struct WhipSctp WhipSctp;

typedef struct {
    gboolean unordered;
    enum { WHIP_SCTP_RELIABLE, WHIP_SCTP_RETRANSMITS, WHIP_SCTP_LIFETIME } policy;
    guint32 limit; /* of retransmissions, or of milliseconds */
} WhipReliability;

typedef struct {
    /* A packet for DTLS. May not call this module. */
    void (*output)(const guint8 *packet, gsize len, gpointer user_data);
    void (*connected)(guint streams, gpointer user_data);
    void (*message)(guint stream, guint32 ppid, const guint8 *data, gsize len, gpointer user_data);
    /* The client has closed the stream; it is closed our way too. */
    void (*stream_closed)(guint stream, gpointer user_data);
    /* The association has ended; free it later. */
    void (*closed)(const char *why, gpointer user_data);
} WhipSctpFuncs;

/* Begins the association. @max_packet: what DTLS takes. NULL: usrsctp refused. */
WhipSctp *whip_sctp_new(guint local_port, guint remote_port, gsize max_packet,
                        const WhipSctpFuncs *funcs, gpointer user_data);
/* Not in one of its callbacks. An ABORT may still go to output(). */
void whip_sctp_free(WhipSctp *self);

void whip_sctp_receive(WhipSctp *self, const guint8 *packet, gsize len);

/* Sends a message, or keeps it until there is room; while much is kept nothing more is read. FALSE: it cannot be sent. */
gboolean whip_sctp_send(WhipSctp *self, guint stream, guint32 ppid,
                        const WhipReliability *reliability, const guint8 *data, gsize len);

/* Ends usrsctp, when there is no association any more. */
void whip_sctp_finish(void);

#endif
