/* SPDX-License-Identifier: BSD-3-Clause */

/* Every name and sentence but those about an end (end.c). No switch has a default: the compiler
 * says when a value has no text. */

#include <sluice/classify.h>
#include <sluice/event.h>
#include <sluice/types.h>
#include <sluice/version.h>

#include <string.h>

#define STRING(x) #x
#define VERSION(major, minor, micro) STRING(major) "." STRING(minor) "." STRING(micro)

const char *sluice_version_string(void)
{
    return VERSION(SLUICE_VERSION_MAJOR, SLUICE_VERSION_MINOR, SLUICE_VERSION_MICRO);
}

/* The classes are ranges, so that a status of a newer library still falls in the right one. */
int sluice_status_is_dropped(SluiceStatus status) { return (int)status < 0 && (int)status > -100; }

int sluice_status_is_misuse(SluiceStatus status)
{
    return (int)status <= -100 && (int)status > -200;
}

int sluice_status_is_dead(SluiceStatus status) { return (int)status <= -200; }

const char *sluice_status_text(SluiceStatus status)
{
    switch (status) {
    case SLUICE_OK:
        return "Done.";
    case SLUICE_WOULD_BLOCK:
        return "A queue is full: drain it and make the same call again.";
    case SLUICE_TOO_LARGE:
        return "The message is larger than one datagram may be.";
    case SLUICE_NOT_READY:
        return "There are no verified keys yet: wait for the event.";
    case SLUICE_END_OF_STREAM:
        return "The peer has closed its direction: nothing more comes.";
    case SLUICE_DROPPED_MALFORMED:
        return "The datagram was dropped: its structure cannot be right.";
    case SLUICE_DROPPED_UNEXPECTED:
        return "The datagram was dropped: it does not fit the state.";
    case SLUICE_DROPPED_UNVALIDATED:
        return "The datagram was dropped: its path has not been validated.";
    case SLUICE_DROPPED_FULL:
        return "The datagram was dropped: too much came early.";
    case SLUICE_DROPPED_UNAUTHENTIC:
        return "The packet was dropped: its authentication tag is wrong.";
    case SLUICE_DROPPED_REPLAYED:
        return "The packet was dropped: it was seen before or is too old to tell.";
    case SLUICE_INVALID_ARGUMENT:
        return "An argument is out of range or a text could not be parsed.";
    case SLUICE_INVALID_STATE:
        return "The call does not fit the state of the object.";
    case SLUICE_NO_ROOM:
        return "The buffer is too small for the result.";
    case SLUICE_KEY_EXHAUSTED:
        return "This packet index was used up or used before: sending it would reuse a key stream.";
    case SLUICE_UNSUPPORTED:
        return "The key, certificate or option is of a kind that is not supported.";
    case SLUICE_ENDED:
        return "The transport has closed or failed.";
    case SLUICE_NO_MEMORY:
        return "Memory ran out.";
    case SLUICE_INTERNAL:
        return "OpenSSL or libsrtp refused something that it should not refuse.";
    }
    return "Unknown status.";
}

const char *sluice_role_name(SluiceRole role)
{
    switch (role) {
    case SLUICE_ROLE_AUTO:
        return "auto";
    case SLUICE_ROLE_CLIENT:
        return "client";
    case SLUICE_ROLE_SERVER:
        return "server";
    }
    return "unknown";
}

const char *sluice_state_name(SluiceState state)
{
    switch (state) {
    case SLUICE_STATE_NEW:
        return "new";
    case SLUICE_STATE_LISTENING:
        return "listening";
    case SLUICE_STATE_CONNECTING:
        return "connecting";
    case SLUICE_STATE_UNVERIFIED:
        return "unverified";
    case SLUICE_STATE_CONNECTED:
        return "connected";
    case SLUICE_STATE_MEDIA_ONLY:
        return "media-only";
    case SLUICE_STATE_CLOSED:
        return "closed";
    case SLUICE_STATE_FAILED:
        return "failed";
    }
    return "unknown";
}

const char *sluice_kind_name(SluiceKind kind)
{
    switch (kind) {
    case SLUICE_KIND_UNKNOWN:
        return "unknown";
    case SLUICE_KIND_STUN:
        return "stun";
    case SLUICE_KIND_ZRTP:
        return "zrtp";
    case SLUICE_KIND_DTLS:
        return "dtls";
    case SLUICE_KIND_TURN:
        return "turn";
    case SLUICE_KIND_QUIC:
        return "quic";
    case SLUICE_KIND_RTP:
        return "rtp";
    case SLUICE_KIND_RTCP:
        return "rtcp";
    case SLUICE_KIND_DATA:
        return "data";
    case SLUICE_KIND_HELD:
        return "held";
    }
    return "unknown";
}

const char *sluice_srtp_profile_name(SluiceSrtpProfile profile)
{
    switch (profile) {
    case SLUICE_SRTP_NONE:
        return "none";
    case SLUICE_SRTP_AES128_CM_SHA1_80:
        return "AES128_CM_SHA1_80";
    case SLUICE_SRTP_AES128_CM_SHA1_32:
        return "AES128_CM_SHA1_32";
    case SLUICE_SRTP_AEAD_AES_128_GCM:
        return "AEAD_AES_128_GCM";
    case SLUICE_SRTP_AEAD_AES_256_GCM:
        return "AEAD_AES_256_GCM";
    }
    return "unknown";
}

/* Equal but for the case of ASCII letters, whatever the locale. */
static int equal_ignoring_case(const char *a, const char *b)
{
    for (;; a++, b++) {
        char x = *a >= 'a' && *a <= 'z' ? (char)(*a - 'a' + 'A') : *a;
        char y = *b >= 'a' && *b <= 'z' ? (char)(*b - 'a' + 'A') : *b;
        if (x != y)
            return 0;
        if (x == '\0')
            return 1;
    }
}

SluiceStatus sluice_srtp_profile_parse(const char *name, SluiceSrtpProfile *out)
{
    static const struct {
        const char *name;
        SluiceSrtpProfile profile;
    } names[] = {
        {"none", SLUICE_SRTP_NONE},
        {"AES128_CM_SHA1_80", SLUICE_SRTP_AES128_CM_SHA1_80},
        {"AES128_CM_SHA1_32", SLUICE_SRTP_AES128_CM_SHA1_32},
        {"AEAD_AES_128_GCM", SLUICE_SRTP_AEAD_AES_128_GCM},
        {"AEAD_AES_256_GCM", SLUICE_SRTP_AEAD_AES_256_GCM},
        {"SRTP_AES128_CM_SHA1_80", SLUICE_SRTP_AES128_CM_SHA1_80},
        {"SRTP_AES128_CM_SHA1_32", SLUICE_SRTP_AES128_CM_SHA1_32},
        {"SRTP_AEAD_AES_128_GCM", SLUICE_SRTP_AEAD_AES_128_GCM},
        {"SRTP_AEAD_AES_256_GCM", SLUICE_SRTP_AEAD_AES_256_GCM},
        {"AES128_CM_HMAC_SHA1_80", SLUICE_SRTP_AES128_CM_SHA1_80},
        {"AES128_CM_HMAC_SHA1_32", SLUICE_SRTP_AES128_CM_SHA1_32},
        {"SRTP_AES128_CM_HMAC_SHA1_80", SLUICE_SRTP_AES128_CM_SHA1_80},
        {"SRTP_AES128_CM_HMAC_SHA1_32", SLUICE_SRTP_AES128_CM_SHA1_32},
    };

    if (!name || !out)
        return SLUICE_INVALID_ARGUMENT;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (equal_ignoring_case(name, names[i].name)) {
            *out = names[i].profile;
            return SLUICE_OK;
        }
    }
    return SLUICE_INVALID_ARGUMENT;
}

/* The registry "TLS Alerts" of IANA, without its mark "_RESERVED". */
const char *sluice_alert_name(int number)
{
    static const struct {
        int number;
        const char *name;
    } alerts[] = {
        {0, "close_notify"},
        {10, "unexpected_message"},
        {20, "bad_record_mac"},
        {21, "decryption_failed"},
        {22, "record_overflow"},
        {30, "decompression_failure"},
        {40, "handshake_failure"},
        {41, "no_certificate"},
        {42, "bad_certificate"},
        {43, "unsupported_certificate"},
        {44, "certificate_revoked"},
        {45, "certificate_expired"},
        {46, "certificate_unknown"},
        {47, "illegal_parameter"},
        {48, "unknown_ca"},
        {49, "access_denied"},
        {50, "decode_error"},
        {51, "decrypt_error"},
        {52, "too_many_cids_requested"},
        {60, "export_restriction"},
        {70, "protocol_version"},
        {71, "insufficient_security"},
        {80, "internal_error"},
        {86, "inappropriate_fallback"},
        {90, "user_canceled"},
        {100, "no_renegotiation"},
        {109, "missing_extension"},
        {110, "unsupported_extension"},
        {111, "certificate_unobtainable"},
        {112, "unrecognized_name"},
        {113, "bad_certificate_status_response"},
        {114, "bad_certificate_hash_value"},
        {115, "unknown_psk_identity"},
        {116, "certificate_required"},
        {117, "general_error"},
        {120, "no_application_protocol"},
        {121, "ech_required"},
    };

    for (size_t i = 0; i < sizeof alerts / sizeof alerts[0]; i++)
        if (alerts[i].number == number)
            return alerts[i].name;
    return "unknown";
}
