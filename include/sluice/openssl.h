/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SLUICE_OPENSSL_H
#define SLUICE_OPENSSL_H

/* For programs that hold OpenSSL objects already. Its types are only declared here, so that no public
 * header needs OpenSSL's; sluice.h does not include this one. */

#include <sluice/certificate.h>

struct evp_pkey_st;
struct x509_st;

SLUICE_BEGIN_DECLS

/**
 * sluice_certificate_from_openssl: (skip)
 * @certificate: an X509 of OpenSSL's; a reference is taken, do not alter it afterwards
 * @key: its EVP_PKEY; a reference is taken. The key may live in a provider (a token)
 * @out: (out): the certificate
 *
 * Returns: as sluice_certificate_from_pem()
 */
SLUICE_API SluiceStatus sluice_certificate_from_openssl(struct x509_st *certificate,
                                                        struct evp_pkey_st *key,
                                                        SluiceCertificate **out);

SLUICE_END_DECLS

#endif
