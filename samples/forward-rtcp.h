/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FORWARD_RTCP_H
#define FORWARD_RTCP_H

/* RTCP on its way through: the SSRCs, sequence numbers and timestamps in it are those of the other side. What is not
 * named here ends here: receiver reports and bandwidth estimates speak of one path alone. */

#include "forward-stream.h"

#define FORWARD_RTCP_MAX 1200 /* no packet made here is longer */

/* From the publisher to one subscriber: sender reports, descriptions, BYE.
 * @legs: the subscriber's. Returns: bytes at @out; 0: nothing in it is for the subscriber. */
size_t forward_rtcp_down(const ForwardStream *streams, const ForwardLeg *legs,
                         const uint8_t *packet, size_t len, uint8_t out[FORWARD_RTCP_MAX]);

/* From a subscriber to the publisher: requests for key frames (PLI and FIR, RFC 4585 section 6.3.1, RFC 5104 section
 * 4.3.1), of which one a stream passes in FORWARD_KEY_FRAME_PAUSE, and NACKs (RFC 4585 section 6.2.1).
 * @own_ssrc: what we are called. Returns: bytes at @out; 0: nothing in it is for the publisher. */
size_t forward_rtcp_up(ForwardStream *streams, const ForwardLeg *legs, const uint8_t *packet,
                       size_t len, uint32_t own_ssrc, SluiceTime now, ForwardMediaFigures *count,
                       uint8_t out[FORWARD_RTCP_MAX]);

#define FORWARD_KEY_FRAME_PAUSE (200 * SLUICE_MILLISECOND)

/* The streams that a BYE in the packet ends, a bit each. */
unsigned forward_rtcp_ended(const ForwardStream *streams, const uint8_t *packet, size_t len);

#endif
