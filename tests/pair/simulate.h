/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SIMULATE_H
#define SIMULATE_H

/* One call of `simulate`: two fresh transports, a handshake, media and data both ways, an orderly end; or one in which
 * everything may happen. */

#include "link.h"
#include "simulate-trace.h"

#include <sluice/sluice.h>

#define CALL_DEADLINE (30 * SLUICE_SECOND)

typedef enum {
    CALL_CONNECTED,
    CALL_FAILED, /* one end failed, and said why */
    CALL_STUCK   /* an end was neither connected nor failed at the deadline */
} CallOutcome;

typedef struct {
    CallOutcome outcome;
    SluiceEndReason reason;          /* of the end that failed first */
    SluiceTime connect;              /* both ends' start to the later end's connected */
    uint64_t datagrams;              /* that both ends sent for the handshake */
    uint64_t associations, messages; /* of a call in which everything may happen */
    int mended;      /* of such a call: its ends had lost each other when all was quiet */
    char wrong[160]; /* what must never happen and did; "" if nothing */
} CallResult;

typedef struct {
    LinkSettings link;
    unsigned faults; /* bits of FaultKind that may befall a call, beside those of the link */
    Trace *trace;
} CallSettings;

/* @configs are those of side 0 and 1; which is client is drawn from @seed. */
void simulate_call(SluiceConfig *const configs[2], const CallSettings *settings, uint64_t seed,
                   CallResult *result);

/* The certificates and configs of the calls in which everything may happen. NULL: it has said why. */
typedef struct Cast Cast;
Cast *cast_new(void);
void cast_free(Cast *self);

/* A call in which the peers do what they like, see simulate-world.h. CALL_CONNECTED: before the end that all calls have. */
void simulate_world(Cast *cast, const CallSettings *settings, uint64_t seed, CallResult *result);

#endif
