/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SLUICE_TYPES_H
#define SLUICE_TYPES_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define SLUICE_BEGIN_DECLS extern "C" {
#define SLUICE_END_DECLS }
#else
#define SLUICE_BEGIN_DECLS
#define SLUICE_END_DECLS
#endif

/* Everything else is hidden: what carries this mark is the whole ABI. */
#if defined(__GNUC__)
#define SLUICE_API __attribute__((visibility("default")))
#else
#define SLUICE_API
#endif

SLUICE_BEGIN_DECLS

/*
 * Conventions of every function in these headers, so that a comment only states the exceptions.
 *
 * - Pointers passed in are borrowed for the length of the call; what is kept is copied.
 * - Objects come from _new() and go with _free(), or are reference counted with _ref()/_unref().
 * - NULL is accepted by _free() and _unref() and by parameters marked "nullable"; elsewhere it is
 *   answered with SLUICE_INVALID_ARGUMENT.
 * - Lengths are bytes, counts are elements, times are SluiceTime.
 * - No function calls back into the application, but for the log, key-log and capture hooks of a config.
 */

/**
 * SluiceTime:
 *
 * Nanoseconds on a monotonic clock of the caller's choice, the same one for every call on an object;
 * it must not go backwards. The library never asks the operating system for the time.
 */
typedef int64_t SluiceTime;

/**
 * SLUICE_TIME_NEVER:
 *
 * No time at all: what a `next_timeout` function returns when no timer runs.
 */
#define SLUICE_TIME_NEVER INT64_MAX

/**
 * SLUICE_MILLISECOND:
 *
 * One millisecond as a #SluiceTime.
 */
#define SLUICE_MILLISECOND ((SluiceTime)1000000)

/**
 * SLUICE_SECOND:
 *
 * One second as a #SluiceTime.
 */
#define SLUICE_SECOND ((SluiceTime)1000000000)

/**
 * SluiceStatus:
 * @SLUICE_OK: done
 * @SLUICE_WOULD_BLOCK: refused, nothing changed: a queue is full. Drain it (output or messages) and
 *   make the same call again
 * @SLUICE_TOO_LARGE: refused, nothing changed: the message is larger than the path takes in one
 *   datagram; sluice_transport_max_data_size() names the limit
 * @SLUICE_NOT_READY: refused, nothing changed: no verified keys yet. Wait for the event
 * @SLUICE_END_OF_STREAM: refused, nothing changed: the peer has closed its direction of a stream in order;
 *   nothing more comes
 * @SLUICE_DROPPED_MALFORMED: the datagram was dropped: its structure cannot be right
 * @SLUICE_DROPPED_UNEXPECTED: the datagram was dropped: not acceptable in this state
 * @SLUICE_DROPPED_UNVALIDATED: the datagram was dropped: DTLS from a path that nobody has validated
 * @SLUICE_DROPPED_FULL: the datagram was dropped: early media or early DTLS beyond the bound
 * @SLUICE_DROPPED_UNAUTHENTIC: the packet was dropped: its authentication tag is wrong
 * @SLUICE_DROPPED_REPLAYED: the packet was dropped: seen before, or too old to tell
 * @SLUICE_INVALID_ARGUMENT: misuse: an argument is out of range, or text could not be parsed
 * @SLUICE_INVALID_STATE: misuse: the call does not fit the state (documented at each function)
 * @SLUICE_NO_ROOM: misuse: the caller's buffer is too small for the result
 * @SLUICE_KEY_EXHAUSTED: misuse: this SSRC or index was used up or used before; sending it again would
 *   reuse a key stream
 * @SLUICE_UNSUPPORTED: misuse: the key, certificate or option is of a kind not supported
 * @SLUICE_ENDED: dead: the transport has closed or failed; sluice_transport_get_end() says why
 * @SLUICE_NO_MEMORY: dead: memory ran out; free the object
 * @SLUICE_INTERNAL: dead: OpenSSL or libsrtp refused something that should not be refused
 *
 * What a call came to. Negative values fall in three classes, each with a predicate: carry on
 * (sluice_status_is_dropped()), fix the program (sluice_status_is_misuse()), free the object
 * (sluice_status_is_dead()).
 */
typedef enum {
    SLUICE_OK = 0,

    SLUICE_WOULD_BLOCK = -1,
    SLUICE_TOO_LARGE = -2,
    SLUICE_NOT_READY = -3,
    SLUICE_END_OF_STREAM = -4,
    SLUICE_DROPPED_MALFORMED = -10,
    SLUICE_DROPPED_UNEXPECTED = -11,
    SLUICE_DROPPED_UNVALIDATED = -12,
    SLUICE_DROPPED_FULL = -13,
    SLUICE_DROPPED_UNAUTHENTIC = -14,
    SLUICE_DROPPED_REPLAYED = -15,

    SLUICE_INVALID_ARGUMENT = -100,
    SLUICE_INVALID_STATE = -101,
    SLUICE_NO_ROOM = -102,
    SLUICE_KEY_EXHAUSTED = -103,
    SLUICE_UNSUPPORTED = -104,

    SLUICE_ENDED = -200,
    SLUICE_NO_MEMORY = -201,
    SLUICE_INTERNAL = -202
} SluiceStatus;

/**
 * sluice_status_is_dropped:
 * @status: a status
 *
 * Returns: 1 if a datagram, packet or message was refused and the object is as it was: carry on
 */
SLUICE_API int sluice_status_is_dropped(SluiceStatus status);

/**
 * sluice_status_is_misuse:
 * @status: a status
 *
 * Returns: 1 if the call broke the contract: fix the program; the object is as it was
 */
SLUICE_API int sluice_status_is_misuse(SluiceStatus status);

/**
 * sluice_status_is_dead:
 * @status: a status
 *
 * Returns: 1 if the object is of no further use: send what output is left, read why, free it
 */
SLUICE_API int sluice_status_is_dead(SluiceStatus status);

/**
 * sluice_status_text:
 * @status: a status
 *
 * Returns: (transfer none): one sentence in English, static
 */
SLUICE_API const char *sluice_status_text(SluiceStatus status);

/**
 * SluiceRole:
 * @SLUICE_ROLE_AUTO: not yet decided; a ClientHello that arrives makes us the server (RFC 5763
 *   section 5, `a=setup:actpass`)
 * @SLUICE_ROLE_CLIENT: sends the ClientHello (`a=setup:active`)
 * @SLUICE_ROLE_SERVER: waits for it (`a=setup:passive`)
 *
 * The DTLS role.
 */
typedef enum { SLUICE_ROLE_AUTO = 0, SLUICE_ROLE_CLIENT = 1, SLUICE_ROLE_SERVER = 2 } SluiceRole;

/**
 * SluiceState:
 * @SLUICE_STATE_NEW: not started; DTLS from a validated path is held
 * @SLUICE_STATE_LISTENING: started as %SLUICE_ROLE_AUTO, no ClientHello yet
 * @SLUICE_STATE_CONNECTING: the handshake runs
 * @SLUICE_STATE_UNVERIFIED: the handshake is finished, the peer's fingerprint is not known yet; nothing
 *   goes in or out
 * @SLUICE_STATE_CONNECTED: finished and verified
 * @SLUICE_STATE_MEDIA_ONLY: connected, but DTLS was ended by an authenticated warning alert or by
 *   sluice_transport_end_dtls(), and media goes on; or by the peer while a restart is announced, and media comes in alone
 * @SLUICE_STATE_CLOSED: ended in order, by us or by the peer's close_notify
 * @SLUICE_STATE_FAILED: ended by an error
 *
 * The life of a transport. `dtlsState` of W3C webrtc-stats is `new` for the first two, `connecting` for
 * the next two, then `connected` (twice), `closed` and `failed`.
 */
typedef enum {
    SLUICE_STATE_NEW = 0,
    SLUICE_STATE_LISTENING = 1,
    SLUICE_STATE_CONNECTING = 2,
    SLUICE_STATE_UNVERIFIED = 3,
    SLUICE_STATE_CONNECTED = 4,
    SLUICE_STATE_MEDIA_ONLY = 5,
    SLUICE_STATE_CLOSED = 6,
    SLUICE_STATE_FAILED = 7
} SluiceState;

/**
 * SluiceSrtpProfile:
 * @SLUICE_SRTP_NONE: no SRTP: a data-only transport
 * @SLUICE_SRTP_AES128_CM_SHA1_80: SRTP_AES128_CM_HMAC_SHA1_80 (RFC 5764)
 * @SLUICE_SRTP_AES128_CM_SHA1_32: SRTP_AES128_CM_HMAC_SHA1_32 (RFC 5764), only when asked for
 * @SLUICE_SRTP_AEAD_AES_128_GCM: SRTP_AEAD_AES_128_GCM (RFC 7714)
 * @SLUICE_SRTP_AEAD_AES_256_GCM: SRTP_AEAD_AES_256_GCM (RFC 7714)
 *
 * SRTP protection profiles; the values are those of the IANA registry.
 */
typedef enum {
    SLUICE_SRTP_NONE = 0,
    SLUICE_SRTP_AES128_CM_SHA1_80 = 1,
    SLUICE_SRTP_AES128_CM_SHA1_32 = 2,
    SLUICE_SRTP_AEAD_AES_128_GCM = 7,
    SLUICE_SRTP_AEAD_AES_256_GCM = 8
} SluiceSrtpProfile;

/**
 * sluice_role_name:
 * @role: a role
 *
 * Returns: (transfer none): "auto", "client" or "server", as W3C's `dtlsRole`; static
 */
SLUICE_API const char *sluice_role_name(SluiceRole role);

/**
 * sluice_state_name:
 * @state: a state
 *
 * Returns: (transfer none): the state in lower case with hyphens ("media-only"); static
 */
SLUICE_API const char *sluice_state_name(SluiceState state);

/**
 * sluice_srtp_profile_name:
 * @profile: a profile
 *
 * Returns: (transfer none): "AEAD_AES_128_GCM", "AES128_CM_SHA1_80", ... or "none"; static
 */
SLUICE_API const char *sluice_srtp_profile_name(SluiceSrtpProfile profile);

/**
 * sluice_srtp_profile_parse:
 * @name: a name as sluice_srtp_profile_name() gives it; the prefix `SRTP_` and the form
 *   `AES128_CM_HMAC_SHA1_80` are understood too, letter case does not matter
 * @out: (out): the profile
 *
 * Returns: %SLUICE_OK, or %SLUICE_INVALID_ARGUMENT for an unknown name
 */
SLUICE_API SluiceStatus sluice_srtp_profile_parse(const char *name, SluiceSrtpProfile *out);

SLUICE_END_DECLS

#endif
