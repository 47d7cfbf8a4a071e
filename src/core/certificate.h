/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SL_CERTIFICATE_H
#define SL_CERTIFICATE_H

#include <sluice/certificate.h>

#include <openssl/types.h>

/* Borrowed; not to be altered. */
X509 *sl_certificate_x509(const SluiceCertificate *self);
EVP_PKEY *sl_certificate_key(const SluiceCertificate *self);

#endif
