/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TLS_SCTP_OPTIONS_H
#define TLS_SCTP_OPTIONS_H

#include <stdio.h>

#include <sluice/sluice.h>

typedef struct {
    int server, echo; /* echo: received plaintext goes back */
    int insecure;     /* whoever it is, we talk to him */
    const char *host, *port;
    int source;      /* where the plaintext to send is read, -1: nowhere */
    FILE *sink;      /* where received plaintext goes, NULL: nowhere */
    int send_buffer; /* of SCTP, in bytes */
    char fingerprint[SLUICE_FINGERPRINT_TEXT_MAX]; /* of our own certificate */
} Options;

/* The command line of tls-sctp.c. Returns the stream, as set up as it wants it; says why and exits if it cannot. */
SluiceStream *parse_options(Options *self, int argc, char **argv);

#endif
