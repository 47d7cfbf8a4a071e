/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef WHIP_ECHO_MEDIA_H
#define WHIP_ECHO_MEDIA_H

/* The mirror of one transport's media. Packets go back as they came, header extensions and all, but for their SSRCs.
 * RTCP goes back in the same way: a request for a key frame or a retransmission is passed to the sender of the original,
 * which is the client itself, and reports measure the whole way round. Nobody would answer for an m-line that goes one
 * way only: for those there are reports and requests of our own, by which the client finds its rate. */

#include "offer.h"
#include "ssrc-map.h"

#include <sluice-glib/sluice-glib.h>

typedef struct WhipEchoMedia WhipEchoMedia;

typedef struct {
    guint64 rtcp_received, rtcp_sent;
    guint64 unattributed; /* RTP of no m-line, or of one stream too many: dropped */
    guint64 not_echoed;   /* RTP of an m-line that the client wants nothing back of */
    guint64 not_sent;     /* that could not be sent */
    guint64 key_frames_wanted;
} WhipEchoCounts;

/* @offer must outlive it. The SSRCs that it names are known at once. */
WhipEchoMedia *whip_echo_media_new(const WhipOffer *offer, guint transport);
void whip_echo_media_free(WhipEchoMedia *self);

/* @data is altered. */
void whip_echo_media_receive(WhipEchoMedia *self, SluiceIceTransport *transport, SluiceKind kind,
                             guint8 *data, gsize len);

/* Some m-line goes one way only: whip_echo_media_report() is to be called each second. */
gboolean whip_echo_media_is_receiver(const WhipEchoMedia *self);
void whip_echo_media_report(WhipEchoMedia *self, SluiceIceTransport *transport);

const WhipSsrcMap *whip_echo_media_get_ssrcs(const WhipEchoMedia *self);
const WhipEchoCounts *whip_echo_media_get_counts(const WhipEchoMedia *self);

#endif
