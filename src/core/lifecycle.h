/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SL_LIFECYCLE_H
#define SL_LIFECYCLE_H

/* The state x input table of a transport, and nothing else. */

#include <sluice/types.h>

typedef enum {
    SL_INPUT_START_AUTO, /* started without a role */
    SL_INPUT_START,      /* started with one, or a ClientHello gave it one */
    SL_INPUT_FINISHED,   /* the handshake is finished, the fingerprint is not known */
    SL_INPUT_VERIFIED,   /* finished, and the peer is who it must be */
    SL_INPUT_DTLS_OVER,  /* an authenticated warning alert, or the caller, ended DTLS; media goes on */
    SL_INPUT_CLOSE,      /* closed in order, by either side */
    SL_INPUT_FAIL
} SlLifecycleInput;

#define SL_LIFECYCLE_INPUTS 7
#define SL_LIFECYCLE_STATES 8

/* The state that follows; the same one when the input means nothing in it. */
SluiceState sl_lifecycle_next(SluiceState state, SlLifecycleInput input);

#endif
