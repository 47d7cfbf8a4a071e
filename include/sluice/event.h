/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SLUICE_EVENT_H
#define SLUICE_EVENT_H

#include <sluice/types.h>

SLUICE_BEGIN_DECLS

/**
 * SluiceDirection:
 * @SLUICE_RECEIVED: from the peer
 * @SLUICE_SENT_OUT: from us
 *
 * Which way something went.
 */
typedef enum { SLUICE_RECEIVED = 0, SLUICE_SENT_OUT = 1 } SluiceDirection;

/**
 * SluiceFlight: (skip)
 * @direction: which way
 * @number: 1..6 by RFC 6347 section 4.2.4: 1 and 3 ClientHello without and with cookie, 2 HelloVerifyRequest, 4
 *   the server's, 5 the client's, 6 the server's last
 * @retransmission: 1 if it was sent before
 * @datagrams: how many
 * @bytes: all of them together
 * @messages: bit n is set for a plaintext handshake message of type n (RFC 5246 section 7.4)
 * @change_cipher_spec: 1 if one was in it
 * @encrypted: 1 if an encrypted handshake record (Finished) was in it
 *
 * A flight of handshake messages (RFC 6347 section 4.2.4).
 */
typedef struct {
    SluiceDirection direction;
    int number;
    int retransmission;
    uint32_t datagrams;
    uint32_t bytes;
    uint32_t messages;
    int change_cipher_spec;
    int encrypted;
} SluiceFlight;

/**
 * sluice_flight_describe: (skip)
 * @flight: a flight
 * @text: (array length=cap): "ClientKeyExchange, CertificateVerify, ChangeCipherSpec, Finished"
 * @cap: bytes at @text; 256 suffice
 *
 * Returns: %SLUICE_OK, %SLUICE_NO_ROOM, %SLUICE_INVALID_ARGUMENT
 */
SLUICE_API SluiceStatus sluice_flight_describe(const SluiceFlight *flight, char *text, size_t cap);

/**
 * SluiceAlert: (skip)
 * @direction: which way
 * @level: 1 warning, 2 fatal
 * @number: the description (RFC 5246 section 7.2)
 * @authenticated: 1 if it came, or went, under the keys
 *
 * A TLS alert.
 */
typedef struct {
    SluiceDirection direction;
    int level;
    int number;
    int authenticated;
} SluiceAlert;

/**
 * sluice_alert_name:
 * @number: the number of an alert, 0..255
 *
 * Returns: (transfer none): "handshake_failure", ..., "unknown" for one that is not registered; static
 */
SLUICE_API const char *sluice_alert_name(int number);

/**
 * SluiceEventType:
 * @SLUICE_EVENT_STATE: the state changed; `state` says to what
 * @SLUICE_EVENT_FLIGHT: a flight was made, or one that arrived has been answered; `flight`
 * @SLUICE_EVENT_ALERT: an alert; `alert`
 * @SLUICE_EVENT_DATA_TOO_BIG: the network refused a datagram of application data; `size` is its length
 * @SLUICE_EVENT_GENERATION: the keys of a verified association are in force; `generation` says which
 * @SLUICE_EVENT_RESTART_FAILED: a restart that was announced has come to nothing, the live association goes on;
 *   `reason` says why
 *
 * Kinds of event.
 */
typedef enum {
    SLUICE_EVENT_STATE = 1,
    SLUICE_EVENT_FLIGHT = 2,
    SLUICE_EVENT_ALERT = 3,
    SLUICE_EVENT_DATA_TOO_BIG = 4,
    SLUICE_EVENT_GENERATION = 5,
    SLUICE_EVENT_RESTART_FAILED = 6
} SluiceEventType;

/**
 * SluiceEndReason:
 * @SLUICE_END_LOCAL_CLOSE: sluice_transport_close()
 * @SLUICE_END_CLOSE_NOTIFY: the peer closed in order
 * @SLUICE_END_ALERT_RECEIVED: the peer sent a fatal alert; `alert` is its number
 * @SLUICE_END_ALERT_SENT: we refused what the peer sent; `alert` is the number of our alert
 * @SLUICE_END_DEADLINE: the handshake was not finished in time
 * @SLUICE_END_UNVERIFIED_DEADLINE: finished, but no fingerprint came in time
 * @SLUICE_END_FINGERPRINT_MISMATCH: the peer's certificate is not the announced one
 * @SLUICE_END_NO_SRTP_PROFILE: no common SRTP profile, or the peer did not offer SRTP
 * @SLUICE_END_ROLE_CONFLICT: both ends were client
 * @SLUICE_END_WEAK_HANDSHAKE: the peer has no extended master secret (RFC 7627)
 * @SLUICE_END_PROTOCOL: OpenSSL gave up; `openssl_reason` says why
 * @SLUICE_END_NO_MEMORY: memory ran out
 * @SLUICE_END_TRUNCATED: the transport below a stream ended without close_notify: what was read may not be all
 * @SLUICE_END_CERTIFICATE: the peer's certificate was not accepted; `openssl_reason` says why
 *
 * Why a transport ended.
 */
typedef enum {
    SLUICE_END_LOCAL_CLOSE = 1,
    SLUICE_END_CLOSE_NOTIFY = 2,
    SLUICE_END_ALERT_RECEIVED = 3,
    SLUICE_END_ALERT_SENT = 4,
    SLUICE_END_DEADLINE = 5,
    SLUICE_END_UNVERIFIED_DEADLINE = 6,
    SLUICE_END_FINGERPRINT_MISMATCH = 7,
    SLUICE_END_NO_SRTP_PROFILE = 8,
    SLUICE_END_ROLE_CONFLICT = 9,
    SLUICE_END_WEAK_HANDSHAKE = 10,
    SLUICE_END_PROTOCOL = 11,
    SLUICE_END_NO_MEMORY = 12,
    SLUICE_END_TRUNCATED = 13,
    SLUICE_END_CERTIFICATE = 14
} SluiceEndReason;

/**
 * SluiceGeneration: (skip)
 * @number: 1 for the first association of a transport, one more for each that takes its place
 * @role: our role in its handshake
 * @restarted: 1 if it has taken the place of another
 *
 * A generation of keys. Rollover counters and replay windows of SRTP begin anew with each.
 */
typedef struct {
    uint32_t number;
    SluiceRole role;
    int restarted;
} SluiceGeneration;

/**
 * SluiceEvent: (skip)
 * @type: which member of the union counts
 * @time: when it happened
 *
 * Something that happened to a transport.
 */
typedef struct {
    SluiceEventType type;
    SluiceTime time;
    union {
        SluiceState state;
        SluiceFlight flight;
        SluiceAlert alert;
        size_t size;
        SluiceGeneration generation;
        SluiceEndReason reason;
    } u;
} SluiceEvent;

/**
 * SluiceEnd: (skip)
 * @reason: why
 * @phase: the state it ended in
 * @role: our role
 * @stream: 1 if it is the end of a #SluiceStream: there are no flights to count
 * @alert: number of the alert that was received or sent last, -1 if none
 * @alert_received: 1 if that alert came from the peer
 * @last_flight_sent: number of our last flight (see #SluiceFlight), 0 if none
 * @last_flight_received: number of the peer's last flight that arrived, 0 if none
 * @retransmissions: how many times we sent a flight again
 * @openssl_reason: OpenSSL's words, "" if it had none
 *
 * The one reason of an end; a plain value.
 */
typedef struct {
    SluiceEndReason reason;
    SluiceState phase;
    SluiceRole role;
    int stream;
    int alert;
    int alert_received;
    int last_flight_sent;
    int last_flight_received;
    uint32_t retransmissions;
    char openssl_reason[80];
} SluiceEnd;

/**
 * sluice_end_reason_name:
 * @reason: a reason
 *
 * Returns: (transfer none): in lower case with hyphens ("fingerprint-mismatch"); static
 */
SLUICE_API const char *sluice_end_reason_name(SluiceEndReason reason);

/**
 * sluice_end_hint: (skip)
 * @end: an end
 *
 * Returns: (transfer none): one sentence: the next thing to try; static
 */
SLUICE_API const char *sluice_end_hint(const SluiceEnd *end);

/**
 * sluice_end_describe: (skip)
 * @end: an end
 * @text: (array length=cap): one or two sentences: reason, phase, alert, flights, OpenSSL's reason, hint
 * @cap: bytes at @text; 640 suffice
 *
 * Returns: %SLUICE_OK, %SLUICE_NO_ROOM, %SLUICE_INVALID_ARGUMENT
 */
SLUICE_API SluiceStatus sluice_end_describe(const SluiceEnd *end, char *text, size_t cap);

SLUICE_END_DECLS

#endif
