/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SLUICE_CAPTURE_H
#define SLUICE_CAPTURE_H

#include <sluice/classify.h>
#include <sluice/config.h>
#include <sluice/event.h>

SLUICE_BEGIN_DECLS

/**
 * SluiceCaptureLayer: (skip)
 * @SLUICE_CAPTURE_WIRE: a datagram as the network has it
 * @SLUICE_CAPTURE_PLAIN: an RTP or RTCP packet as the application has it
 *
 * Where a packet was seen.
 */
typedef enum { SLUICE_CAPTURE_WIRE = 0, SLUICE_CAPTURE_PLAIN = 1 } SluiceCaptureLayer;

/**
 * SluiceCapture: (skip)
 * @transport_id: sluice_transport_get_id() of the transport
 * @layer: where it was seen
 * @direction: which way it went
 * @kind: of @data as sluice_classify() sees it; of plain packets RTP or RTCP
 * @time: the time that the call was given; %SLUICE_TIME_NEVER for media that was protected, as that call has none: read
 *   the clock
 * @data: (array length=len): the datagram or packet, borrowed for the call and not to be changed
 * @len: its length
 *
 * One packet on its way through a transport.
 *
 * On the wire is what sluice_transport_receive() was given, whatever became of it (DTLS after it was read, so that its
 * secrets come before it; not what it answered with %SLUICE_WOULD_BLOCK); what was popped from the output as
 * %SLUICE_SENT; and what sluice_transport_protect() made, sent or not. What the application sends beside the transport
 * (STUN) is not seen.
 *
 * Plain is media in clear: inbound what was authenticated, behind its datagram (with media that was held: once it can be
 * opened, at the time of the newest datagram), outbound what was protected, before its datagram.
 */
typedef struct {
    uint64_t transport_id;
    SluiceCaptureLayer layer;
    SluiceDirection direction;
    SluiceKind kind;
    SluiceTime time;
    const uint8_t *data;
    size_t len;
} SluiceCapture;

/**
 * SluiceCaptureFunc: (skip)
 * @capture: a packet, valid during the call
 * @user_data: as given
 *
 * Takes one packet. Called by whichever thread is inside the library, by several at once (of one transport too: one that
 * receives, others that protect), so it guards what it shares; of one transport the packets of one direction and thread
 * come in order. It runs inside locks of the library: it may not call it (but for sluice/pcapng.h), and what it waits for,
 * media waits for.
 */
typedef void (*SluiceCaptureFunc)(const SluiceCapture *capture, void *user_data);

/**
 * sluice_config_set_capture: (skip)
 * @self: a config
 * @func: (nullable): the hook; %NULL (default) is off
 * @user_data: for @func
 * @destroy: (nullable): frees @user_data
 *
 * Shows all packets of the transports of this config, media in clear among them: who has them can hear the call.
 *
 * Without a hook this costs the test of a flag a packet; with one each transport has 64 KB for copies of what it protects.
 *
 * Returns: %SLUICE_OK, %SLUICE_INVALID_STATE (@destroy is then not called)
 */
SLUICE_API SluiceStatus sluice_config_set_capture(SluiceConfig *self, SluiceCaptureFunc func,
                                                  void *user_data, SluiceDestroyFunc destroy);

SLUICE_END_DECLS

#endif
