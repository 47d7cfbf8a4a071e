/* SPDX-License-Identifier: BSD-3-Clause */

/* Media alone from here on: DTLS is given up at the caller's word, with all the memory that OpenSSL holds for it. */

#include "transport.h"

/* How often a server looks whether its last flight has arrived. */
#define LOOK_AGAIN (500 * SLUICE_MILLISECOND)

/* The client of a full handshake has the last word of the server, which is the last word of all (we resume nothing). The
 * server knows that its last flight has arrived when something comes under the keys; until then a client that
 * lost it asks for it again (RFC 6347 section 4.2.4), for as long as its handshake may take. */
static int peer_needs_nothing(const SluiceTransport *self, SluiceTime now)
{
    return self->role == SLUICE_ROLE_CLIENT || self->media_generation == self->generation ||
           sl_dtls_messages(self->associations[SL_LIVE]) > 0 ||
           now - sl_dtls_finished_at(self->associations[SL_LIVE]) >=
               self->config->handshake_deadline;
}

void sl_transport_try_end_dtls(SluiceTransport *self, SluiceTime now)
{
    /* A restart that was on its way goes on, between two attempts too; the old association is heard to the end of the
     * overlap. */
    if (self->second.phase != SL_SECOND_NONE || self->restart.announced ||
        !peer_needs_nothing(self, now)) {
        self->end_dtls_at = now + LOOK_AGAIN;
        return;
    }
    self->end_dtls_at = SLUICE_TIME_NEVER;
    sl_attempts_end(self);
    sl_dtls_seal_close(self->associations[SL_LIVE], now, &self->farewell);
    sl_transport_drop_dtls(self);
    sl_transport_enter(self, now, SL_INPUT_DTLS_OVER);
}

SluiceStatus sluice_transport_end_dtls(SluiceTransport *self, SluiceTime now)
{
    if (!self)
        return SLUICE_INVALID_ARGUMENT;
    if (sl_transport_has_ended(self))
        return SLUICE_ENDED;
    if (self->config->n_profiles == 0)
        return SLUICE_INVALID_STATE;
    if (!sl_transport_is_verified(self))
        return SLUICE_NOT_READY;
    if (self->dtls_given_up)
        return SLUICE_OK;
    self->dtls_given_up = 1;
    sl_transport_try_end_dtls(self, now);
    return SLUICE_OK;
}
