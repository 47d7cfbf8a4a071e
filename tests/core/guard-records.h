/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TEST_GUARD_RECORDS_H
#define TEST_GUARD_RECORDS_H

/* Records made by hand, and the guard called on blocks that the address sanitizer watches. */

#include "record-guard.h"

/* @out gets the copy; its length is returned. @report is cleared first. */
size_t guard_filter(const SlGuardState *state, const uint8_t *in, size_t len, uint8_t *out,
                    SlGuardReport *report);

/* A record with number 9. Returns its length. */
size_t put_record(uint8_t *p, uint8_t type, uint16_t version, uint16_t epoch, const uint8_t *body,
                  size_t len);

/* A plaintext handshake record with one fragment of @part bytes (zeros, 4000 at most) of a message
 * of @length. */
size_t put_fragment(uint8_t *p, uint8_t type, uint32_t length, uint32_t offset, size_t part);

#endif
