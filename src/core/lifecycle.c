/* SPDX-License-Identifier: BSD-3-Clause */
#include "lifecycle.h"

#define NEW SLUICE_STATE_NEW
#define LISTEN SLUICE_STATE_LISTENING
#define CONNECT SLUICE_STATE_CONNECTING
#define UNVERIF SLUICE_STATE_UNVERIFIED
#define UP SLUICE_STATE_CONNECTED
#define MEDIA SLUICE_STATE_MEDIA_ONLY
#define CLOSED SLUICE_STATE_CLOSED
#define FAILED SLUICE_STATE_FAILED

/* clang-format off */
static const unsigned char next[SL_LIFECYCLE_STATES][SL_LIFECYCLE_INPUTS] = {
    /*             start-auto start    finished verified dtls-over close   fail   */
    [NEW]     = {  LISTEN,    CONNECT, NEW,     NEW,     NEW,      CLOSED, FAILED },
    [LISTEN]  = {  LISTEN,    CONNECT, LISTEN,  LISTEN,  LISTEN,   CLOSED, FAILED },
    [CONNECT] = {  CONNECT,   CONNECT, UNVERIF, UP,      FAILED,   CLOSED, FAILED },
    [UNVERIF] = {  UNVERIF,   UNVERIF, UNVERIF, UP,      FAILED,   CLOSED, FAILED },
    [UP]      = {  UP,        UP,      UP,      UP,      MEDIA,    CLOSED, FAILED },
    [MEDIA]   = {  MEDIA,     MEDIA,   MEDIA,   UP,      MEDIA,    CLOSED, FAILED },
    [CLOSED]  = {  CLOSED,    CLOSED,  CLOSED,  CLOSED,  CLOSED,   CLOSED, CLOSED },
    [FAILED]  = {  FAILED,    FAILED,  FAILED,  FAILED,  FAILED,   FAILED, FAILED },
};
/* clang-format on */

SluiceState sl_lifecycle_next(SluiceState state, SlLifecycleInput input)
{
    return (SluiceState)next[state][input];
}
