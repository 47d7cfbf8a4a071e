/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PROBE_SOCKET_H
#define PROBE_SOCKET_H

/* The UDP socket of a session. */

#include "probe.h"

#include <sys/socket.h>

typedef struct {
    struct sockaddr_storage storage;
    socklen_t len;
} ProbePeer;

/* A non-blocking UDP socket: connected to the address for connect, bound to it for listen. -1:
 * @error. */
int probe_socket_open(const ProbeOptions *options, GError **error);
/* From here on the kernel takes datagrams from this peer only. */
gboolean probe_socket_fix(int fd, const ProbePeer *peer);
/* The numeric form of an address; @host is freed with g_free(). */
guint16 probe_peer_text(const ProbePeer *peer, char **host);
/* Our own address, and that of the peer of a connected socket. */
gboolean probe_socket_own(int fd, ProbePeer *out);
gboolean probe_socket_peer(int fd, ProbePeer *out);
gboolean probe_peer_equal(const ProbePeer *a, const ProbePeer *b);

#endif
