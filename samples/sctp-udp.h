/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SCTP_UDP_H
#define SCTP_UDP_H

/* One association of SCTP, by usrsctp, without a thread of its own: it hands its packets to a callback (AF_CONN), and
 * they travel in UDP. Nobody needs to be root, and no kernel needs SCTP. */

#include <stdint.h>
#include <usrsctp.h>

#define SCTP_UDP_TICK 10 /* ms; usrsctp does not say when its timers are due */

typedef struct {
    int fd;                /* wait until it is readable, but not longer than the tick */
    int connected;         /* we know the peer's address */
    struct socket *socket; /* for usrsctp_sendv() and usrsctp_recvv(); NULL: nobody has come yet */
    struct socket *listening; /* a server's, until then */
    int64_t ticked;           /* ms */
} SctpUdp;

/* Says why and exits if it cannot. The association is made on the way. */
void sctp_udp_open(SctpUdp *self, int server, const char *host, const char *port, int send_buffer);

/* The port that a server listens on. */
unsigned sctp_udp_port(const SctpUdp *self);

/* After each wait: packets, timers, and the association of a server. */
void sctp_udp_run(SctpUdp *self);

/* At once: what is still on the way is lost. */
void sctp_udp_close(SctpUdp *self);

#endif
