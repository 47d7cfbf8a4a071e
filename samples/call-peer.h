/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CALL_PEER_H
#define CALL_PEER_H

/*
 * One end of a call: a NiceAgent and a SluiceIceTransport on it. This and call-peer.c are the part
 * to copy.
 *
 * Everything happens on the default main context; the functions below are told of it there.
 */
#include <sluice-glib/sluice-glib.h>

#include "call-signalling.h"

typedef struct CallPeer CallPeer;

typedef struct {
    /* Send this to the other peer; it is given away. */
    void (*described)(CallPeer *peer, CallDescription *description, gpointer user_data);
    void (*ice_connected)(CallPeer *peer, gpointer user_data);
    /* Connected means: shaken hands, the peer verified, the keys in place. */
    void (*state_changed)(CallPeer *peer, SluiceState state, gpointer user_data);
    void (*packet)(CallPeer *peer, SluiceKind kind, const guint8 *data, gsize len,
                   gpointer user_data);
    /* Over; `error` says why, also when all is well (SLUICE_ERROR_CLOSE_NOTIFY and LOCAL_CLOSE). */
    void (*closed)(CallPeer *peer, const GError *error, gpointer user_data);
} CallPeerFuncs;

CallPeer *call_peer_new(gboolean offers, SluiceConfig *config, const char *bind_address,
                        const CallPeerFuncs *funcs, gpointer user_data, GError **error);
/* Opens the sockets; `described` may be called before this returns. */
gboolean call_peer_describe(CallPeer *peer, GError **error);
gboolean call_peer_set_remote(CallPeer *peer, const CallDescription *remote, GError **error);

/* Returns: FALSE when the packet was not sent; it is gone then, as media is. */
gboolean call_peer_send_media(CallPeer *peer, SluiceKind kind, const guint8 *packet, gsize len);

typedef enum { CALL_SENT, CALL_BUSY, CALL_REFUSED } CallSent;
/* Returns: CALL_BUSY when too much is waiting: send the same message again later. */
CallSent call_peer_send_message(CallPeer *peer, const guint8 *message, gsize len);

void call_peer_close(CallPeer *peer);
/* Takes all down, in the order that libnice needs; `freed` is called when it is done. */
void call_peer_free(CallPeer *peer, void (*freed)(gpointer user_data), gpointer user_data);

SluiceIceTransport *call_peer_get_transport(CallPeer *peer);
/* Returns: "127.0.0.1:41532", both ends of the pair that ICE chose, or FALSE when there is none. */
gboolean call_peer_get_path(CallPeer *peer, char **local, char **remote);

#endif
