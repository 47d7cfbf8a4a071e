/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef OPENSSL_VERSION_H
#define OPENSSL_VERSION_H

/* Where the OpenSSL that a test runs with decides what is right. docs/compatibility.md lists the places. */

#include <openssl/crypto.h>

static inline int openssl_since(unsigned major, unsigned minor)
{
    return OPENSSL_version_major() > major ||
           (OPENSSL_version_major() == major && OPENSSL_version_minor() >= minor);
}

#endif
