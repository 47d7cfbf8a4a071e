/* SPDX-License-Identifier: BSD-3-Clause */

/* The SSRCs of a transport, as its application sees them. */

#include "transport.h"

#include <sluice/media.h>

/* The keys; where packets go out the lock is held. NULL: there are none. */
static SlSrtp *begin(SluiceTransport *self, SluiceDirection direction)
{
    if (direction == SLUICE_RECEIVED)
        return self->srtp;
    pthread_mutex_lock(&self->send_lock);
    return self->srtp_out;
}

static SluiceStatus without_keys(const SluiceTransport *self)
{
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
    SlSrtp *srtp;

    if (!self || !is_direction(direction))
        return SLUICE_INVALID_ARGUMENT;
    srtp = begin(self, direction);
    status = srtp ? sl_srtp_remove_ssrc(srtp, direction, ssrc) : without_keys(self);
    return finish(self, direction, status);
}

SluiceStatus sluice_transport_get_roc(SluiceTransport *self, SluiceDirection direction,
                                      uint32_t ssrc, uint32_t *roc)
{
    SluiceStatus status;
    SlSrtp *srtp;

    if (!self || !is_direction(direction) || !roc)
        return SLUICE_INVALID_ARGUMENT;
    srtp = begin(self, direction);
    status = srtp ? sl_srtp_get_roc(srtp, direction, ssrc, roc) : without_keys(self);
    return finish(self, direction, status);
}

SluiceStatus sluice_transport_set_roc(SluiceTransport *self, SluiceDirection direction,
                                      uint32_t ssrc, uint32_t roc)
{
    SluiceStatus status;
    SlSrtp *srtp;

    if (!self || !is_direction(direction))
        return SLUICE_INVALID_ARGUMENT;
    srtp = begin(self, direction);
    if (srtp) /* received_at is the owner's, and of no use outbound */
        status = sl_srtp_set_roc(srtp, direction == SLUICE_RECEIVED ? self->received_at : 0,
                                 direction, ssrc, roc);
    else
        status = without_keys(self);
    return finish(self, direction, status);
}
