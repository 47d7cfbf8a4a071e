/* SPDX-License-Identifier: BSD-3-Clause */

/* The core knows no GObject: its types are registered here, in the binding. */

#include "ice-transport-private.h"

/* By hand: the macro of GLib is not ISO C. */
/* G_DEFINE_BOXED_TYPE() is not ISO C (a union as argument). Each use ends like a declaration, which it is at its end. */
#define DEFINE_BOXED(TypeName, type_name)                                                          \
    static gpointer type_name##_copy(gpointer self) { return type_name##_ref(self); }              \
    static void type_name##_free(gpointer self) { type_name##_unref(self); }                       \
    GType type_name##_get_type(void)                                                               \
    {                                                                                              \
        static gsize type;                                                                         \
        if (g_once_init_enter(&type))                                                              \
            g_once_init_leave(&type, g_boxed_type_register_static(#TypeName, type_name##_copy,     \
                                                                  type_name##_free));              \
        return type;                                                                               \
    }                                                                                              \
    GType type_name##_get_type(void)

DEFINE_BOXED(SluiceCertificate, sluice_certificate);
DEFINE_BOXED(SluiceConfig, sluice_config);

#define V(value, nick)                                                                             \
    {                                                                                              \
        (gint)(value), #value, nick                                                                \
    }
#define DEFINE_ENUM(TypeName, type_name, ...)                                                      \
    GType type_name##_get_type(void)                                                               \
    {                                                                                              \
        static const GEnumValue values[] = {__VA_ARGS__, {0, NULL, NULL}};                         \
        static gsize type;                                                                         \
        if (g_once_init_enter(&type))                                                              \
            g_once_init_leave(&type, g_enum_register_static(#TypeName, values));                   \
        return type;                                                                               \
    }                                                                                              \
    GType type_name##_get_type(void)

DEFINE_ENUM(
    SluiceStatus, sluice_status, V(SLUICE_OK, "ok"), V(SLUICE_WOULD_BLOCK, "would-block"),
    V(SLUICE_TOO_LARGE, "too-large"), V(SLUICE_NOT_READY, "not-ready"),
    V(SLUICE_END_OF_STREAM, "end-of-stream"), V(SLUICE_DROPPED_MALFORMED, "dropped-malformed"),
    V(SLUICE_DROPPED_UNEXPECTED, "dropped-unexpected"),
    V(SLUICE_DROPPED_UNVALIDATED, "dropped-unvalidated"), V(SLUICE_DROPPED_FULL, "dropped-full"),
    V(SLUICE_DROPPED_UNAUTHENTIC, "dropped-unauthentic"),
    V(SLUICE_DROPPED_REPLAYED, "dropped-replayed"), V(SLUICE_INVALID_ARGUMENT, "invalid-argument"),
    V(SLUICE_INVALID_STATE, "invalid-state"), V(SLUICE_NO_ROOM, "no-room"),
    V(SLUICE_KEY_EXHAUSTED, "key-exhausted"), V(SLUICE_UNSUPPORTED, "unsupported"),
    V(SLUICE_ENDED, "ended"), V(SLUICE_NO_MEMORY, "no-memory"), V(SLUICE_INTERNAL, "internal"));

DEFINE_ENUM(SluiceRole, sluice_role, V(SLUICE_ROLE_AUTO, "auto"), V(SLUICE_ROLE_CLIENT, "client"),
            V(SLUICE_ROLE_SERVER, "server"));

DEFINE_ENUM(SluiceState, sluice_state, V(SLUICE_STATE_NEW, "new"),
            V(SLUICE_STATE_LISTENING, "listening"), V(SLUICE_STATE_CONNECTING, "connecting"),
            V(SLUICE_STATE_UNVERIFIED, "unverified"), V(SLUICE_STATE_CONNECTED, "connected"),
            V(SLUICE_STATE_MEDIA_ONLY, "media-only"), V(SLUICE_STATE_CLOSED, "closed"),
            V(SLUICE_STATE_FAILED, "failed"));

DEFINE_ENUM(SluiceSrtpProfile, sluice_srtp_profile, V(SLUICE_SRTP_NONE, "none"),
            V(SLUICE_SRTP_AES128_CM_SHA1_80, "aes128-cm-sha1-80"),
            V(SLUICE_SRTP_AES128_CM_SHA1_32, "aes128-cm-sha1-32"),
            V(SLUICE_SRTP_AEAD_AES_128_GCM, "aead-aes-128-gcm"),
            V(SLUICE_SRTP_AEAD_AES_256_GCM, "aead-aes-256-gcm"));

DEFINE_ENUM(SluiceKind, sluice_kind, V(SLUICE_KIND_UNKNOWN, "unknown"), V(SLUICE_KIND_STUN, "stun"),
            V(SLUICE_KIND_ZRTP, "zrtp"), V(SLUICE_KIND_DTLS, "dtls"), V(SLUICE_KIND_TURN, "turn"),
            V(SLUICE_KIND_QUIC, "quic"), V(SLUICE_KIND_RTP, "rtp"), V(SLUICE_KIND_RTCP, "rtcp"),
            V(SLUICE_KIND_DATA, "data"), V(SLUICE_KIND_HELD, "held"));

DEFINE_ENUM(SluiceHash, sluice_hash, V(SLUICE_HASH_SHA1, "sha1"), V(SLUICE_HASH_SHA256, "sha256"),
            V(SLUICE_HASH_SHA384, "sha384"), V(SLUICE_HASH_SHA512, "sha512"));

DEFINE_ENUM(SluiceKeyType, sluice_key_type, V(SLUICE_KEY_ECDSA_P256, "ecdsa-p256"),
            V(SLUICE_KEY_RSA_2048, "rsa-2048"));

DEFINE_ENUM(SluiceEndReason, sluice_end_reason, V(SLUICE_END_LOCAL_CLOSE, "local-close"),
            V(SLUICE_END_CLOSE_NOTIFY, "close-notify"),
            V(SLUICE_END_ALERT_RECEIVED, "alert-received"), V(SLUICE_END_ALERT_SENT, "alert-sent"),
            V(SLUICE_END_DEADLINE, "deadline"),
            V(SLUICE_END_UNVERIFIED_DEADLINE, "unverified-deadline"),
            V(SLUICE_END_FINGERPRINT_MISMATCH, "fingerprint-mismatch"),
            V(SLUICE_END_NO_SRTP_PROFILE, "no-srtp-profile"),
            V(SLUICE_END_ROLE_CONFLICT, "role-conflict"),
            V(SLUICE_END_WEAK_HANDSHAKE, "weak-handshake"), V(SLUICE_END_PROTOCOL, "protocol"),
            V(SLUICE_END_NO_MEMORY, "no-memory"), V(SLUICE_END_TRUNCATED, "truncated"),
            V(SLUICE_END_CERTIFICATE, "certificate"));

DEFINE_ENUM(SluiceLogLevel, sluice_log_level, V(SLUICE_LOG_ERROR, "error"),
            V(SLUICE_LOG_INFO, "info"), V(SLUICE_LOG_DEBUG, "debug"));

DEFINE_ENUM(SluiceError, sluice_error, V(SLUICE_ERROR_LOCAL_CLOSE, "local-close"),
            V(SLUICE_ERROR_CLOSE_NOTIFY, "close-notify"),
            V(SLUICE_ERROR_ALERT_RECEIVED, "alert-received"),
            V(SLUICE_ERROR_ALERT_SENT, "alert-sent"), V(SLUICE_ERROR_DEADLINE, "deadline"),
            V(SLUICE_ERROR_UNVERIFIED_DEADLINE, "unverified-deadline"),
            V(SLUICE_ERROR_FINGERPRINT_MISMATCH, "fingerprint-mismatch"),
            V(SLUICE_ERROR_NO_SRTP_PROFILE, "no-srtp-profile"),
            V(SLUICE_ERROR_ROLE_CONFLICT, "role-conflict"),
            V(SLUICE_ERROR_WEAK_HANDSHAKE, "weak-handshake"), V(SLUICE_ERROR_PROTOCOL, "protocol"),
            V(SLUICE_ERROR_NO_MEMORY, "no-memory"), V(SLUICE_ERROR_WOULD_BLOCK, "would-block"),
            V(SLUICE_ERROR_TOO_LARGE, "too-large"), V(SLUICE_ERROR_NOT_READY, "not-ready"),
            V(SLUICE_ERROR_INVALID_ARGUMENT, "invalid-argument"),
            V(SLUICE_ERROR_INVALID_STATE, "invalid-state"),
            V(SLUICE_ERROR_KEY_EXHAUSTED, "key-exhausted"),
            V(SLUICE_ERROR_UNSUPPORTED, "unsupported"), V(SLUICE_ERROR_ENDED, "ended"),
            V(SLUICE_ERROR_ICE, "ice"), V(SLUICE_ERROR_INTERNAL, "internal"));

SluiceCertificate *sluice_certificate_new(SluiceKeyType type, GError **error)
{
    SluiceCertificate *certificate = NULL;

    return sl_error_take_status(error, sluice_certificate_generate(type, &certificate))
               ? certificate
               : NULL;
}

SluiceCertificate *sluice_certificate_new_from_pem(const char *certificate, const char *key,
                                                   GError **error)
{
    SluiceCertificate *made = NULL;

    g_return_val_if_fail(certificate != NULL && key != NULL, NULL);
    return sl_error_take_status(error, sluice_certificate_from_pem(certificate, strlen(certificate),
                                                                   key, strlen(key), &made))
               ? made
               : NULL;
}

char *sluice_certificate_dup_fingerprint(SluiceCertificate *self, SluiceHash hash)
{
    SluiceFingerprint fingerprint;
    char text[SLUICE_FINGERPRINT_TEXT_MAX];

    if (sluice_certificate_get_fingerprint(self, hash, &fingerprint) != SLUICE_OK ||
        sluice_fingerprint_format(&fingerprint, text, sizeof text) != SLUICE_OK)
        return NULL;
    return g_strdup(text);
}

GBytes *sluice_certificate_dup_der(SluiceCertificate *self)
{
    const uint8_t *der = NULL;
    size_t len = 0;

    g_return_val_if_fail(self != NULL, NULL);
    sluice_certificate_get_der(self, &der, &len);
    return g_bytes_new(der, len);
}
