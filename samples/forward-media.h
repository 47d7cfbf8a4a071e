/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FORWARD_MEDIA_H
#define FORWARD_MEDIA_H

/* What is passed on: packets of the publisher to all subscribers, what these ask for back to the publisher. */

#include "forward-peers.h"

/* Every packet for a subscriber gets a buffer of its own, so that a burst can be encrypted as a whole and then sent as
 * a whole. Subscribers take turns with them. */
#define FORWARD_BURST 64
#define FORWARD_GROUP 16
#define FORWARD_PACKET_MAX                                                                         \
    1800 /* of RTP; what is longer would not pass a path of 1500 bytes anyway */

typedef struct ForwardMedia ForwardMedia;

/* @payload_types: what each becomes for subscribers; stays the caller's. */
ForwardMedia *forward_media_new(const uint8_t payload_types[128]);
void forward_media_free(ForwardMedia *self);
const ForwardMediaFigures *forward_media_figures(const ForwardMedia *self);

/* Whoever publishes now; the one before is closed. NULL: nobody. */
void forward_media_set_publisher(ForwardMedia *self, ForwardPeer *publisher);
ForwardPeer *forward_media_publisher(const ForwardMedia *self);

void forward_media_add_subscriber(ForwardMedia *self, ForwardPeer *subscriber);
void forward_media_remove_subscriber(ForwardMedia *self, ForwardPeer *subscriber);

/* From the publisher. RTP is kept where it is until flush, or until a burst is full. */
void forward_media_take_rtp(ForwardMedia *self, uint8_t *packet, size_t len);
void forward_media_flush(ForwardMedia *self);
void forward_media_take_reports(ForwardMedia *self, const uint8_t *packet, size_t len);

/* From a subscriber. */
void forward_media_take_feedback(ForwardMedia *self, ForwardPeer *subscriber, const uint8_t *packet,
                                 size_t len);

#endif
