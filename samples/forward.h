/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FORWARD_H
#define FORWARD_H

/* What the files of the forwarder share: the clock and the figures. */

#include <glib.h>
#include <time.h>

#include <sluice/sluice.h>

static inline SluiceTime forward_now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * SLUICE_SECOND + ts.tv_nsec;
}

/* Of one socket and its peers. */
typedef struct {
    guint64 datagrams_in; /* as the network brought them */
    guint64 runs_in;      /* reads that brought several of them as one (UDP_GRO) */
    guint64 packets_out;
    guint64 runs_out;    /* writes that carried several of one size (UDP_SEGMENT) */
    guint64 packets_run; /* of the packets_out, those that went so */
    guint64 calls_out;   /* system calls for media */
    guint64 busy;        /* media lost: the socket was full */
    guint64 failed;      /* datagrams the network refused for good */
    guint64 waited;      /* DTLS that had to wait for the socket */

    guint64 unknown;         /* datagrams of nobody, that began nothing */
    guint64 strangers;       /* who asked and got a cookie to bring back */
    guint64 crowded_out;     /* those of them that had to go for newer ones */
    guint64 accepted;        /* who brought it */
    guint64 refused;         /* and found no place */
    guint64 connected;       /* the handshake finished, and the certificate was the right one */
    guint64 never_connected; /* a handshake that failed */
    guint64 idle;            /* dropped for their silence */
    guint64 dropped;         /* packets that libsluice refused: forged, replayed, malformed */
    guint64 strangers_peak;  /* most at a time */
    guint64 peers_peak;
} ForwardFigures;

/* Of what was passed on. */
typedef struct {
    guint64 rtp_in, rtp_out;
    guint64 rtcp_in, rtcp_out;
    guint64 feedback_in, feedback_out; /* requests of subscribers: PLI, FIR, NACK */
    guint64 feedback_spared;           /* the publisher had been asked for the same just before */
    guint64 too_long, too_many_streams;
    guint64 unsealed; /* copies that could not be encrypted */
} ForwardMediaFigures;

#endif
