/* SPDX-License-Identifier: BSD-3-Clause */

/* The SSRCs of a transport, as its application sees them. */

#include "transport.h"

#include <sluice/media.h>

/* SLUICE_OK: there are keys, and where packets go out the lock is held. */
static SluiceStatus begin(SluiceTransport *self, SluiceDirection direction)
{
    if (direction == SLUICE_SENT_OUT)
        pthread_mutex_lock(&self->send_lock);
    if (self->srtp)
        return SLUICE_OK;
    return self->ended ? SLUICE_ENDED : SLUICE_NOT_READY;
}

static SluiceStatus finish(SluiceTransport *self, SluiceDirection direction, SluiceStatus status)
{
    if (direction == SLUICE_SENT_OUT)
        pthread_mutex_unlock(&self->send_lock);
    return status;
}

static int is_direction(SluiceDirection direction)
{
    return direction == SLUICE_RECEIVED || direction == SLUICE_SENT_OUT;
}

SluiceStatus sluice_transport_remove_ssrc(SluiceTransport *self, SluiceDirection direction,
                                          uint32_t ssrc)
{
    SluiceStatus status;

    if (!self || !is_direction(direction))
        return SLUICE_INVALID_ARGUMENT;
    status = begin(self, direction);
    if (status == SLUICE_OK)
        status = sl_srtp_remove_ssrc(self->srtp, direction, ssrc);
    return finish(self, direction, status);
}

SluiceStatus sluice_transport_get_roc(SluiceTransport *self, SluiceDirection direction,
                                      uint32_t ssrc, uint32_t *roc)
{
    SluiceStatus status;

    if (!self || !is_direction(direction) || !roc)
        return SLUICE_INVALID_ARGUMENT;
    status = begin(self, direction);
    if (status == SLUICE_OK)
        status = sl_srtp_get_roc(self->srtp, direction, ssrc, roc);
    return finish(self, direction, status);
}

SluiceStatus sluice_transport_set_roc(SluiceTransport *self, SluiceDirection direction,
                                      uint32_t ssrc, uint32_t roc)
{
    SluiceStatus status;

    if (!self || !is_direction(direction))
        return SLUICE_INVALID_ARGUMENT;
    status = begin(self, direction);
    if (status == SLUICE_OK) /* received_at is the owner's, and of no use outbound */
        status = direction == SLUICE_RECEIVED
                     ? sl_srtp_set_roc(self->srtp, self->received_at, direction, ssrc, roc)
                     : sl_srtp_set_roc(self->srtp, 0, direction, ssrc, roc);
    return finish(self, direction, status);
}
