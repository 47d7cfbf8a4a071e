/* SPDX-License-Identifier: BSD-3-Clause */

/* A client that gets more than its peer has sent: see added-copy.c. */

#include "added-copy.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    added_copy(0, data, size);
    return 0;
}
