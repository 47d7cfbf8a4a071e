/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PAIR_SEALED_H
#define PAIR_SEALED_H

/* Records under the keys of an association as no OpenSSL sends them: the write keys are derived from the key log. Of one
 * association at a time, with AES-256-GCM. */

#include "common.h"

/* Forgets what was seen of another association. */
void sealed_reset(void);

/* A SluiceKeylogFunc, for the config of one end. */
void sealed_keylog(const char *line, void *user_data);

/* A filter for the server's link: looks for its ServerHello, and alters nothing. */
int sealed_watch(void *context, uint64_t number, SluiceTime now, uint8_t *data, size_t len);
int sealed_is_ready(void);

/* A record of epoch 1 as @from would send it, with less than 200 bytes in it. Returns its length. */
size_t sealed_record(int from, uint8_t *out, uint8_t type, uint16_t number, const uint8_t *body,
                     size_t len);

#endif
