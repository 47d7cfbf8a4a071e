/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CALL_TRAFFIC_H
#define CALL_TRAFFIC_H

/*
 * What one side of the demo sends and counts. At the end A says what it has sent; B, when it has all of that,
 * says what it has sent and received; A, when it has all of that, says what it has received, and closes. So
 * each side knows what was lost either way, also when the other one is another process.
 */
#include "call-peer.h"
#include "call-report.h"
#include "call-udp.h"

typedef struct CallTraffic CallTraffic;

/* Called when this side has said all it had to say and heard all there was to hear (or has waited
 * for it in vain): A may close now. */
typedef void (*CallTrafficDoneFunc)(CallTraffic *traffic, gpointer user_data);

/* `side` gets the counts, `other` those that the other side reports if it is not here. `input` and
 * `output` may be NULL. */
CallTraffic *call_traffic_new(CallPeer *peer, CallSide *side, CallSide *other, CallUdp *input,
                              CallUdp *output, CallTrafficDoneFunc done, gpointer user_data);
void call_traffic_free(CallTraffic *traffic);

void call_traffic_start(CallTraffic *traffic, gboolean with_media, gsize largest_packet);
void call_traffic_take(CallTraffic *traffic, SluiceKind kind, const guint8 *data, gsize len);
void call_traffic_say_bye(CallTraffic *traffic);
/* Sends nothing from now on: the connection is gone. */
void call_traffic_stop(CallTraffic *traffic);

#endif
