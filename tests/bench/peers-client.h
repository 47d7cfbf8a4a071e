/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BENCH_PEERS_CLIENT_H
#define BENCH_PEERS_CLIENT_H

/* Who calls Janus and our echo. It has to be faster than both, or it would be what is measured: ICE is libnice's, but packets
 * go to and from its socket many at a time. */

#include "peers-api.h"
#include "peers-ice.h"
#include "peers.h"

#include <sys/socket.h>

typedef struct {
    Ice ice;
    Api *server;
    gint64 session;
    SluiceTransport *transport;
    int fd; /* libnice's, once it has chosen */
    struct sockaddr_storage remote;
    uint64_t sent, returned, lost;
    gboolean path_found, freed;
} Client;

/* Runs the main loop until @done says so. Returns whether it did in time. */
gboolean run_until(gboolean (*done)(gpointer data), gpointer data, guint ms);

/* Any failure ends the program. Only our echo can do without DTLS. */
void client_call(Client *self, Api *server, SluiceConfig *config, const char *address,
                 gboolean with_dtls);
void client_wait_until_connected(Client *self);
void client_hang_up(Client *self);

/* Sends @n packets of @payload bytes, at most @window of them on the way at a time, and waits for what comes back. */
void client_echo(Client *self, size_t payload, size_t n, size_t window);

/* The same through each of @n_clients in turn, a packet at a time. */
void clients_echo(Client *clients, size_t n_clients, size_t payload, size_t n, size_t window);

/* What the kernel alone takes, in ns of CPU time, to receive and send such a packet by plain system calls: what a server on
 * libnice cannot avoid. */
double kernel_cost(const char *address, size_t payload, size_t n);

#endif
