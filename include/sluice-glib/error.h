/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SLUICE_GLIB_ERROR_H
#define SLUICE_GLIB_ERROR_H

#include <glib-object.h>
#include <sluice/sluice.h>

G_BEGIN_DECLS

/**
 * SLUICE_ERROR:
 *
 * Error domain of the binding; codes are #SluiceError.
 */
#define SLUICE_ERROR (sluice_error_quark())

/**
 * SluiceError:
 * @SLUICE_ERROR_LOCAL_CLOSE: end: sluice_ice_transport_close()
 * @SLUICE_ERROR_CLOSE_NOTIFY: end: the peer closed in order
 * @SLUICE_ERROR_ALERT_RECEIVED: end: the peer sent a fatal alert
 * @SLUICE_ERROR_ALERT_SENT: end: what the peer sent was refused with an alert
 * @SLUICE_ERROR_DEADLINE: end: the handshake was not finished in time
 * @SLUICE_ERROR_UNVERIFIED_DEADLINE: end: no fingerprint came in time
 * @SLUICE_ERROR_FINGERPRINT_MISMATCH: end: the peer's certificate is not the announced one
 * @SLUICE_ERROR_NO_SRTP_PROFILE: end: no common SRTP profile
 * @SLUICE_ERROR_ROLE_CONFLICT: end: both ends were client
 * @SLUICE_ERROR_WEAK_HANDSHAKE: end: the peer has no extended master secret
 * @SLUICE_ERROR_PROTOCOL: end: OpenSSL gave up
 * @SLUICE_ERROR_NO_MEMORY: end, or refused: memory ran out
 * @SLUICE_ERROR_WOULD_BLOCK: refused: ICE has no pair to send on yet, its socket is full, or too
 *   much data waits to be sent. Media is dropped and counted, data may be sent again later
 * @SLUICE_ERROR_TOO_LARGE: refused: larger than one datagram takes
 * @SLUICE_ERROR_NOT_READY: refused: no verified keys yet
 * @SLUICE_ERROR_INVALID_ARGUMENT: refused: an argument is out of range, or text could not be parsed
 * @SLUICE_ERROR_INVALID_STATE: refused: the call does not fit the state
 * @SLUICE_ERROR_KEY_EXHAUSTED: refused: this SSRC already sent this packet, or used up its key
 * @SLUICE_ERROR_UNSUPPORTED: refused: a key, certificate or agent of a kind not supported
 * @SLUICE_ERROR_ENDED: refused: closed or failed before; the property `last-error` says why
 * @SLUICE_ERROR_ICE: refused: the agent has no such component (any more), consent to send was lost,
 *   or its socket failed
 * @SLUICE_ERROR_INTERNAL: refused: OpenSSL or libsrtp refused something that should not be refused
 *
 * Codes of %SLUICE_ERROR. The ones marked "end" have the values of #SluiceEndReason: they come with
 * the signal #SluiceIceTransport::closed. The others come from calls.
 */
typedef enum {
    SLUICE_ERROR_LOCAL_CLOSE = 1,
    SLUICE_ERROR_CLOSE_NOTIFY = 2,
    SLUICE_ERROR_ALERT_RECEIVED = 3,
    SLUICE_ERROR_ALERT_SENT = 4,
    SLUICE_ERROR_DEADLINE = 5,
    SLUICE_ERROR_UNVERIFIED_DEADLINE = 6,
    SLUICE_ERROR_FINGERPRINT_MISMATCH = 7,
    SLUICE_ERROR_NO_SRTP_PROFILE = 8,
    SLUICE_ERROR_ROLE_CONFLICT = 9,
    SLUICE_ERROR_WEAK_HANDSHAKE = 10,
    SLUICE_ERROR_PROTOCOL = 11,
    SLUICE_ERROR_NO_MEMORY = 12,

    SLUICE_ERROR_WOULD_BLOCK = 100,
    SLUICE_ERROR_TOO_LARGE = 101,
    SLUICE_ERROR_NOT_READY = 102,
    SLUICE_ERROR_INVALID_ARGUMENT = 103,
    SLUICE_ERROR_INVALID_STATE = 104,
    SLUICE_ERROR_KEY_EXHAUSTED = 105,
    SLUICE_ERROR_UNSUPPORTED = 106,
    SLUICE_ERROR_ENDED = 107,
    SLUICE_ERROR_ICE = 108,
    SLUICE_ERROR_INTERNAL = 109
} SluiceError;

/**
 * sluice_error_quark:
 *
 * Returns: the quark of %SLUICE_ERROR
 */
SLUICE_API GQuark sluice_error_quark(void);

G_END_DECLS

#endif
