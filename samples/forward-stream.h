/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FORWARD_STREAM_H
#define FORWARD_STREAM_H

/* A stream of the publisher, and what it is called on its way to one subscriber. */

#include "forward.h"

#define FORWARD_STREAMS                                                                            \
    16 /* of the publisher at a time: sound, video, its layers, retransmissions */

typedef struct {
    gboolean live;
    uint32_t ssrc;
    SluiceTime heard_at;
    SluiceTime asked_at; /* for a key frame */
} ForwardStream;

/* The differences stay the same as long as the stream lives: what the publisher lost or sent late is lost or late for
 * the subscriber too, and NACKs and reports can be turned back. */
typedef struct {
    gboolean live; /* a packet has gone this way */
    uint32_t ssrc;
    uint16_t sequence_offset;
    uint32_t timestamp_offset;
    uint32_t packets, octets; /* for its sender reports (RFC 3550 section 6.4.1) */
} ForwardLeg;

static inline uint16_t forward_get16(const uint8_t *p) { return (uint16_t)(p[0] << 8 | p[1]); }

static inline uint32_t forward_get32(const uint8_t *p)
{
    return (uint32_t)forward_get16(p) << 16 | forward_get16(p + 2);
}

static inline void forward_put16(uint8_t *p, uint16_t value)
{
    p[0] = (uint8_t)(value >> 8);
    p[1] = (uint8_t)value;
}

static inline void forward_put32(uint8_t *p, uint32_t value)
{
    forward_put16(p, (uint16_t)(value >> 16));
    forward_put16(p + 2, (uint16_t)value);
}

#endif
