/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef STREAM_LARGE_CHAIN_H
#define STREAM_LARGE_CHAIN_H

/* A server for HOST with a large chain: RSA all the way, and each certificate with a long comment, so that it has 90 KB
 * to say in the handshake: more than the 8192 + 65536 bytes that its output has room for, and nearly as much as OpenSSL
 * takes. */

#include <sluice/sluice.h>

/* cmocka's set-up and tear-down of a group; the latter frees the identities too. */
int make_large_chain(void **state);
int free_large_chain(void **state);

/* @which: SERVER, or a CLIENT that trusts it. The reference is the caller's. */
SluiceConfig *large_chain_config(int which, unsigned version);

#endif
