/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FORWARD_SOCKET_H
#define FORWARD_SOCKET_H

/* A UDP socket for many peers, that reads and writes many datagrams at a call. */

#include <netinet/in.h>
#include <sys/socket.h>

#include "forward.h"

typedef struct {
    struct sockaddr_storage storage; /* zero behind @len */
    socklen_t len;
} ForwardAddress;

/* Datagrams of one sender, in order; the memory is theirs until the next read. */
typedef void (*ForwardTake)(void *user_data, const ForwardAddress *from, SluicePacket *packets,
                            size_t n);

typedef struct ForwardQueue ForwardQueue;

typedef struct {
    int fd;
    gboolean gso, gro;     /* as long as the kernel has it */
    gboolean gso_refused;  /* it said no to a run, for the report */
    ForwardFigures *count; /* the owner's */
    ForwardQueue *queue;   /* media to send */
} ForwardSocket;

gboolean forward_socket_open(ForwardSocket *self, const char *host, guint16 port, gboolean gso,
                             ForwardFigures *count, GError **error);
void forward_socket_close(ForwardSocket *self);
guint16 forward_socket_port(const ForwardSocket *self);

/* Reads once, without waiting, and gives what came to @take. */
void forward_socket_receive(ForwardSocket *self, ForwardTake take, void *user_data);

/* Sends one datagram now. Returns: 0, or errno; EAGAIN: the socket is full. */
int forward_socket_send(ForwardSocket *self, const ForwardAddress *to, const void *data,
                        size_t len);

/* Media: queued, and sent by flush with as few calls as can be. What stands at @to and @data stays there until then.
 * Datagrams to one peer that follow each other make a run. What the socket has no room for is lost and counted:
 * media that waits is late. */
void forward_socket_queue(ForwardSocket *self, const ForwardAddress *to, void *data, size_t len);
void forward_socket_flush(ForwardSocket *self);

/* "127.0.0.1:5004" */
char *forward_address_text(const ForwardAddress *address);
guint forward_address_hash(gconstpointer address);
gboolean forward_address_equal(gconstpointer a, gconstpointer b);

#endif
