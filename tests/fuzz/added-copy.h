/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef ADDED_COPY_H
#define ADDED_COPY_H

#include <stddef.h>
#include <stdint.h>

/* One input. @victim: 0 the client, 1 the server. */
void added_copy(int victim, const uint8_t *data, size_t size);

#endif
