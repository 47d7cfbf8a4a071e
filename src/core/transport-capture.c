/* SPDX-License-Identifier: BSD-3-Clause */

/* What the capture hook of the config is shown. */

#include "transport.h"

#include <string.h>

void sl_transport_capture(const SluiceTransport *self, SluiceCaptureLayer layer,
                          SluiceDirection direction, SluiceKind kind, SluiceTime now,
                          const uint8_t *data, size_t len)
{
    const SluiceCapture capture = {.transport_id = self->id,
                                   .layer = layer,
                                   .direction = direction,
                                   .kind = kind,
                                   .time = now,
                                   .data = data,
                                   .len = len};

    self->config->capture(&capture, self->config->capture_data);
}

/* It is sealed in place, and only then known to be sent. */
SluiceStatus sl_transport_protect_captured(SluiceTransport *self, SluiceKind kind, uint8_t *data,
                                           size_t *len, size_t capacity)
{
    size_t plain = *len;
    SluiceStatus status;

    if (plain <= capacity && plain <= SL_SCRATCH)
        memcpy(self->capture_copy, data, plain);
    status = sl_srtp_protect(self->srtp_out, kind, data, len, capacity);
    if (status != SLUICE_OK)
        return status;
    sl_transport_capture(self, SLUICE_CAPTURE_PLAIN, SLUICE_SENT_OUT, kind, SLUICE_TIME_NEVER,
                         self->capture_copy, plain);
    sl_transport_capture(self, SLUICE_CAPTURE_WIRE, SLUICE_SENT_OUT, kind, SLUICE_TIME_NEVER, data,
                         *len);
    return SLUICE_OK;
}
