/* SPDX-License-Identifier: BSD-3-Clause */
#include "ice-transport-private.h"

/* The codes of an end are those of SluiceEndReason: no table to keep. */
G_STATIC_ASSERT((int)SLUICE_ERROR_LOCAL_CLOSE == (int)SLUICE_END_LOCAL_CLOSE);
G_STATIC_ASSERT((int)SLUICE_ERROR_FINGERPRINT_MISMATCH == (int)SLUICE_END_FINGERPRINT_MISMATCH);
G_STATIC_ASSERT((int)SLUICE_ERROR_NO_MEMORY == (int)SLUICE_END_NO_MEMORY);

GQuark sluice_error_quark(void) { return g_quark_from_static_string("sluice-error-quark"); }

static SluiceError code_of_status(SluiceStatus status)
{
    switch (status) {
    case SLUICE_WOULD_BLOCK:
        return SLUICE_ERROR_WOULD_BLOCK;
    case SLUICE_TOO_LARGE:
        return SLUICE_ERROR_TOO_LARGE;
    case SLUICE_NOT_READY:
        return SLUICE_ERROR_NOT_READY;
    case SLUICE_INVALID_STATE:
        return SLUICE_ERROR_INVALID_STATE;
    case SLUICE_KEY_EXHAUSTED:
        return SLUICE_ERROR_KEY_EXHAUSTED;
    case SLUICE_UNSUPPORTED:
        return SLUICE_ERROR_UNSUPPORTED;
    case SLUICE_ENDED:
        return SLUICE_ERROR_ENDED;
    case SLUICE_NO_MEMORY:
        return SLUICE_ERROR_NO_MEMORY;
    case SLUICE_INTERNAL:
        return SLUICE_ERROR_INTERNAL;
    default:
        return SLUICE_ERROR_INVALID_ARGUMENT;
    }
}

gboolean sl_error_take_status(GError **error, SluiceStatus status)
{
    if (status == SLUICE_OK)
        return TRUE;
    g_set_error_literal(error, SLUICE_ERROR, (gint)code_of_status(status),
                        sluice_status_text(status));
    return FALSE;
}

GError *sl_error_of_end(const SluiceEnd *end)
{
    char text[640];

    if (sluice_end_describe(end, text, sizeof text) != SLUICE_OK)
        g_strlcpy(text, sluice_end_reason_name(end->reason), sizeof text);
    return g_error_new_literal(SLUICE_ERROR, (gint)end->reason, text);
}
