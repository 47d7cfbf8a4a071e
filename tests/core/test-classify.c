/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds rule 27: a datagram is sorted by its first byte as RFC 9443 section 2 draws it, RTCP by its
 * second byte as RFC 5761 section 4 says, and nothing shorter than its protocol's header is taken
 * for it. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <sluice/classify.h>

#include <stdlib.h>
#include <string.h>

/* One letter for each eight first bytes, read off the figure of RFC 9443, so that a range that ends
 * one byte off in classify.c does not end there too here. The first three groups are not of one
 * kind and stand below. */
static const char groups[] = "???DDDDDTTQQQQQQRRRRRRRRQQQQQQQQ";
static const char first_24[] = "SSSS????????????ZZZZDDDD";

static SluiceKind expected_kind(unsigned first, unsigned second, size_t len)
{
    char c = first < 24 ? first_24[first] : groups[first / 8];
    switch (c) {
    case 'S':
        return len < 20 ? SLUICE_KIND_UNKNOWN : SLUICE_KIND_STUN;
    case 'Z':
        return len < 12 ? SLUICE_KIND_UNKNOWN : SLUICE_KIND_ZRTP;
    case 'D':
        return len < (first & 0x20 ? 18u : 13u) ? SLUICE_KIND_UNKNOWN : SLUICE_KIND_DTLS;
    case 'T':
        return len < 4 ? SLUICE_KIND_UNKNOWN : SLUICE_KIND_TURN;
    case 'Q':
        return SLUICE_KIND_QUIC;
    case 'R':
        if (len >= 2 && second / 32 == 6)
            return len < 8 ? SLUICE_KIND_UNKNOWN : SLUICE_KIND_RTCP;
        return len < 12 ? SLUICE_KIND_UNKNOWN : SLUICE_KIND_RTP;
    default:
        return SLUICE_KIND_UNKNOWN;
    }
}

/* Each length has a block of its own: the address sanitizer sees a read behind it. */
static void sweep(void **state)
{
    (void)state;
    for (size_t len = 0; len <= 40; len++) {
        uint8_t *data = malloc(len > 0 ? len : 1);
        assert_non_null(data);
        memset(data, 0, len > 0 ? len : 1);
        for (unsigned first = 0; first < 256; first++) {
            for (unsigned second = 0; second < 256; second++) {
                if (len > 0)
                    data[0] = (uint8_t)first;
                if (len > 1)
                    data[1] = (uint8_t)second;
                SluiceKind want =
                    len == 0 ? SLUICE_KIND_UNKNOWN : expected_kind(first, second, len);
                if (sluice_classify(data, len) != want)
                    fail_msg("first %u second %u length %zu", first, second, len);
            }
        }
        free(data);
    }
}

static SluiceKind kind_of(uint8_t first, uint8_t second, size_t len)
{
    uint8_t data[64] = {first, second};
    return sluice_classify(data, len);
}

/* The borders of RFC 9443 by number, each with the byte beyond it. */
static void borders(void **state)
{
    (void)state;
    static const struct {
        uint8_t inside, outside;
        SluiceKind kind;
    } rows[] = {
        {3, 4, SLUICE_KIND_STUN},    {16, 15, SLUICE_KIND_ZRTP},  {19, 20, SLUICE_KIND_ZRTP},
        {20, 19, SLUICE_KIND_DTLS},  {63, 64, SLUICE_KIND_DTLS},  {64, 63, SLUICE_KIND_TURN},
        {79, 80, SLUICE_KIND_TURN},  {80, 79, SLUICE_KIND_QUIC},  {127, 128, SLUICE_KIND_QUIC},
        {128, 127, SLUICE_KIND_RTP}, {191, 192, SLUICE_KIND_RTP}, {192, 191, SLUICE_KIND_QUIC},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(kind_of(rows[i].inside, 96, 40), rows[i].kind);
        assert_int_not_equal(kind_of(rows[i].outside, 96, 40), rows[i].kind);
    }
    assert_int_equal(kind_of(0, 0, 40), SLUICE_KIND_STUN);
    assert_int_equal(kind_of(4, 0, 40), SLUICE_KIND_UNKNOWN);
    assert_int_equal(kind_of(15, 0, 40), SLUICE_KIND_UNKNOWN);
    assert_int_equal(kind_of(255, 0, 40), SLUICE_KIND_QUIC);
}

/* The two rules for RTCP in use differ for the second bytes 64..95 only: they are RTP here. */
static void rtcp_rule(void **state)
{
    (void)state;
    for (unsigned second = 0; second < 256; second++) {
        int full = second >= 192 && second <= 223;
        int masked = (second & 0x7f) >= 64 && (second & 0x7f) <= 95;
        SluiceKind want = full ? SLUICE_KIND_RTCP : SLUICE_KIND_RTP;
        assert_int_equal(kind_of(0x80, (uint8_t)second, 40), want);
        assert_int_equal(full != masked, second >= 64 && second <= 95);
    }
    assert_int_equal(kind_of(0x80, 200, 8), SLUICE_KIND_RTCP);
    assert_int_equal(kind_of(0x80, 200, 7), SLUICE_KIND_UNKNOWN);
    assert_int_equal(kind_of(0x80, 96, 8), SLUICE_KIND_UNKNOWN);
}

static void nothing(void **state)
{
    (void)state;
    uint8_t byte = 22;
    assert_int_equal(sluice_classify(NULL, 0), SLUICE_KIND_UNKNOWN);
    assert_int_equal(sluice_classify(NULL, 100), SLUICE_KIND_UNKNOWN);
    assert_int_equal(sluice_classify(&byte, 0), SLUICE_KIND_UNKNOWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sweep),
        cmocka_unit_test(borders),
        cmocka_unit_test(rtcp_rule),
        cmocka_unit_test(nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
