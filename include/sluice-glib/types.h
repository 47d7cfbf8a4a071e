/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SLUICE_GLIB_TYPES_H
#define SLUICE_GLIB_TYPES_H

#include <glib-object.h>
#include <sluice-glib/error.h>
#include <sluice/sluice.h>

G_BEGIN_DECLS

/* The core's types for GObject and its bindings. */

#define SLUICE_TYPE_CERTIFICATE (sluice_certificate_get_type())
SLUICE_API GType sluice_certificate_get_type(void) G_GNUC_CONST;

#define SLUICE_TYPE_CONFIG (sluice_config_get_type())
SLUICE_API GType sluice_config_get_type(void) G_GNUC_CONST;

#define SLUICE_TYPE_STATUS (sluice_status_get_type())
SLUICE_API GType sluice_status_get_type(void) G_GNUC_CONST;

#define SLUICE_TYPE_ROLE (sluice_role_get_type())
SLUICE_API GType sluice_role_get_type(void) G_GNUC_CONST;

#define SLUICE_TYPE_STATE (sluice_state_get_type())
SLUICE_API GType sluice_state_get_type(void) G_GNUC_CONST;

#define SLUICE_TYPE_SRTP_PROFILE (sluice_srtp_profile_get_type())
SLUICE_API GType sluice_srtp_profile_get_type(void) G_GNUC_CONST;

#define SLUICE_TYPE_KIND (sluice_kind_get_type())
SLUICE_API GType sluice_kind_get_type(void) G_GNUC_CONST;

#define SLUICE_TYPE_HASH (sluice_hash_get_type())
SLUICE_API GType sluice_hash_get_type(void) G_GNUC_CONST;

#define SLUICE_TYPE_KEY_TYPE (sluice_key_type_get_type())
SLUICE_API GType sluice_key_type_get_type(void) G_GNUC_CONST;

#define SLUICE_TYPE_END_REASON (sluice_end_reason_get_type())
SLUICE_API GType sluice_end_reason_get_type(void) G_GNUC_CONST;

#define SLUICE_TYPE_LOG_LEVEL (sluice_log_level_get_type())
SLUICE_API GType sluice_log_level_get_type(void) G_GNUC_CONST;

#define SLUICE_TYPE_ERROR (sluice_error_get_type())
SLUICE_API GType sluice_error_get_type(void) G_GNUC_CONST;

/**
 * sluice_certificate_new:
 * @type: the kind of key
 * @error: return location for an error
 *
 * Makes a key and a self-signed certificate: sluice_certificate_generate() for bindings.
 *
 * Returns: (transfer full): the certificate, or %NULL with @error set
 */
SLUICE_API SluiceCertificate *sluice_certificate_new(SluiceKeyType type, GError **error);

/**
 * sluice_certificate_new_from_pem:
 * @certificate: PEM text; the first certificate in it is taken
 * @key: PEM text with the unencrypted private key; may be the same text
 * @error: return location for an error
 *
 * sluice_certificate_from_pem() for bindings.
 *
 * Returns: (transfer full): the certificate, or %NULL with @error set
 */
SLUICE_API SluiceCertificate *sluice_certificate_new_from_pem(const char *certificate,
                                                              const char *key, GError **error);

/**
 * sluice_certificate_dup_fingerprint:
 * @self: a certificate
 * @hash: the hash function
 *
 * sluice_certificate_get_fingerprint() and sluice_fingerprint_format() for bindings.
 *
 * Returns: (transfer full) (nullable): "sha-256 12:AB:..." as SDP's fingerprint attribute has it;
 *   %NULL when @hash is none
 */
SLUICE_API char *sluice_certificate_dup_fingerprint(SluiceCertificate *self, SluiceHash hash);

/**
 * sluice_certificate_dup_der:
 * @self: a certificate
 *
 * sluice_certificate_get_der() for bindings.
 *
 * Returns: (transfer full): the certificate in DER form
 */
SLUICE_API GBytes *sluice_certificate_dup_der(SluiceCertificate *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(SluiceCertificate, sluice_certificate_unref)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SluiceConfig, sluice_config_unref)

G_END_DECLS

#endif
