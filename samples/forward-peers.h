/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FORWARD_PEERS_H
#define FORWARD_PEERS_H

/* The peers of one socket, told apart by their address: from a first ClientHello to the end.
 *
 * Whoever sends a ClientHello is a stranger: libsluice answers with a cookie (HelloVerifyRequest, RFC 6347 section
 * 4.2.1), shorter than what came, and keeps nothing but a secret. Of strangers there are FORWARD_STRANGERS at most; in a
 * flood from forged addresses the oldest go first, so one that brings the cookie back soon gets in all the same. Only
 * then is it a peer, of whom there are as many as the options say, with a deadline for the handshake. */

#include "forward-options.h"
#include "forward-socket.h"
#include "forward-stream.h"

#define FORWARD_STRANGERS 256

typedef struct ForwardSide ForwardSide;

typedef enum {
    FORWARD_STRANGER,
    FORWARD_ACCEPTED, /* has brought the cookie back, shakes hands */
    FORWARD_CONNECTED,
    FORWARD_ENDED /* but something may still have to be sent */
} ForwardStage;

typedef struct {
    ForwardSide *side;
    ForwardAddress address;
    ForwardStage stage;
    SluiceTransport *transport;
    SluiceTimer timer;
    SluiceTime idle_at; /* when to look whether it still sends */
    SluiceTime heard_at;
    GList place; /* among the strangers */
    ForwardLeg legs[FORWARD_STREAMS];
} ForwardPeer;

struct ForwardSide {
    const char *name;
    ForwardSocket socket;
    ForwardFigures count;
    const ForwardTrust *trust;
    SluiceConfig *config;
    SluiceTimers *timers; /* one set for all */
    guint max_peers;
    SluiceTime idle;

    /* What the media is told. */
    void (*joined)(ForwardPeer *peer);
    void (*left)(ForwardPeer *peer);
    /* A plain packet. It stays where it is until the next read, unless @flush. */
    void (*media)(ForwardPeer *peer, SluiceKind kind, uint8_t *data, size_t len, gboolean flush);

    GHashTable *peers; /* by address; strangers too */
    GQueue strangers;  /* the oldest first */
    guint n_peers;     /* without strangers */
    gboolean waiting;  /* some output waits for the socket */
    SluiceTime tell_again_at;
};

void forward_side_init(ForwardSide *self);
void forward_side_clear(ForwardSide *self);

/* What came in; a ForwardTake. @self: the side. */
void forward_side_take(void *self, const ForwardAddress *from, SluicePacket *packets, size_t n);

/* The socket has room again. */
void forward_side_writable(ForwardSide *self);

void forward_side_close_all(ForwardSide *self);

/* In forward-peer.c */

/* Takes notice of the state that its transport has come to. FALSE: there was no place for it, it is gone. */
gboolean forward_peer_advance(ForwardPeer *peer, SluiceTime now);

/* What has to follow any call on the transport: the state, the output, the timer. It may be gone afterwards. */
void forward_peer_settle(ForwardPeer *peer, SluiceTime now);

void forward_peer_wake(ForwardPeer *peer); /* its timer is due */
void forward_peer_close(ForwardPeer *peer);
void forward_peer_forget(ForwardPeer *peer); /* without a word to it */
void forward_peer_free(gpointer peer);

#endif
