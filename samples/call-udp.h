/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CALL_UDP_H
#define CALL_UDP_H

/*
 * RTP from and to other programs on this machine: plain UDP on 127.0.0.1, RTCP on the same port as
 * RTP (RFC 5761).
 */
#include <gio/gio.h>

/* `packet` may be altered, it has `capacity` bytes in all. */
typedef void (*CallUdpFunc)(guint8 *packet, gsize len, gpointer user_data);

typedef struct CallUdp CallUdp;

/* Binds at once, so that nothing is lost, but takes packets only after call_udp_start(). */
CallUdp *call_udp_new_input(guint16 port, GError **error);
void call_udp_start(CallUdp *udp, CallUdpFunc func, gpointer user_data);
/* Gives what has come by now, then takes no more. */
void call_udp_stop(CallUdp *udp);

CallUdp *call_udp_new_output(guint16 port, GError **error);
void call_udp_send(CallUdp *udp, const guint8 *packet, gsize len);

void call_udp_free(CallUdp *udp);

#endif
