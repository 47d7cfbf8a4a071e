/* SPDX-License-Identifier: BSD-3-Clause */
#include "guard-records.h"

#include "record.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

size_t guard_filter(const SlGuardState *state, const uint8_t *in, size_t len, uint8_t *out,
                    SlGuardReport *report)
{
    uint8_t *from = malloc(len > 0 ? len : 1), *to = malloc(len > 0 ? len : 1);
    assert_non_null(from);
    assert_non_null(to);
    memcpy(from, in, len);
    memset(report, 0, sizeof *report);
    size_t n = sl_guard_filter(state, from, len, to, report);
    assert_in_range(n, 0, len);
    assert_memory_equal(from, in, len);
    memcpy(out, to, n);
    free(from);
    free(to);
    return n;
}

size_t put_record(uint8_t *p, uint8_t type, uint16_t version, uint16_t epoch, const uint8_t *body,
                  size_t len)
{
    p[0] = type;
    sl_put16(p + 1, version);
    sl_put16(p + 3, epoch);
    sl_put48(p + 5, 9);
    sl_put16(p + 11, (uint16_t)len);
    if (len > 0)
        memcpy(p + SL_RECORD_HEADER, body, len);
    return SL_RECORD_HEADER + len;
}

size_t put_fragment(uint8_t *p, uint8_t type, uint32_t length, uint32_t offset, size_t part)
{
    uint8_t body[4096] = {type};
    sl_put24(body + 1, length);
    sl_put24(body + 6, offset);
    sl_put24(body + 9, (uint32_t)part);
    return put_record(p, SL_HANDSHAKE, 0xfefd, 0, body, SL_HANDSHAKE_HEADER + part);
}
