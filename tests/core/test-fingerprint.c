/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds rule 21's share of text and bytes (RFC 8122 section 5): what SDP says is read strictly but
 * for case and white space, the strongest hash alone counts, sha-1 only when asked, and no input
 * however odd is read past its end. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "fingerprint.h"
#include "rng.h"

#include <openssl/err.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* From a block of its own size: no zero behind it, and the address sanitizer watches its end. */
static SluiceStatus parse(const char *text, size_t len, SluiceFingerprint *out)
{
    char *copy = malloc(len > 0 ? len : 1);
    assert_non_null(copy);
    memcpy(copy, text, len);
    SluiceStatus status = sluice_fingerprint_parse(copy, len, out);
    free(copy);
    return status;
}

static SluiceStatus parse_text(const char *text, SluiceFingerprint *out)
{
    return parse(text, strlen(text), out);
}

/* "name 00:01:...", @n bytes. */
static const char *text_of(const char *name, size_t n)
{
    static char text[400];
    int at = snprintf(text, sizeof text, "%s ", name);
    for (size_t i = 0; i < n; i++)
        at +=
            snprintf(text + at, sizeof text - (size_t)at, "%s%02X", i > 0 ? ":" : "", (unsigned)i);
    return text;
}

static const struct {
    const char *name;
    SluiceHash hash;
    size_t len;
} hashes[] = {{"sha-1", SLUICE_HASH_SHA1, 20},
              {"sha-256", SLUICE_HASH_SHA256, 32},
              {"sha-384", SLUICE_HASH_SHA384, 48},
              {"sha-512", SLUICE_HASH_SHA512, 64}};

static void lengths(void **state)
{
    (void)state;
    for (size_t h = 0; h < 4; h++) {
        for (size_t n = 0; n < 80; n++) {
            SluiceFingerprint f = {.len = 999};
            SluiceStatus s = parse_text(text_of(hashes[h].name, n), &f);
            if (n != hashes[h].len) {
                assert_int_equal(s, SLUICE_INVALID_ARGUMENT);
                assert_int_equal(f.len, 999);
                continue;
            }
            assert_int_equal(s, SLUICE_OK);
            assert_int_equal(f.hash, hashes[h].hash);
            assert_int_equal(f.len, n);
            for (size_t i = 0; i < n; i++)
                assert_int_equal(f.bytes[i], i);
        }
    }
}

#define HEX20 "00:01:02:03:04:05:06:07:08:09:0A:0b:0C:0d:0E:0f:10:11:12:13"

static void tolerated(void **state)
{
    (void)state;
    static const char *const good[] = {
        "sha-1 " HEX20,
        "SHA-1 " HEX20,
        "a=fingerprint:sha-1 " HEX20 "\r\n",
        "fingerprint:Sha-1 " HEX20,
        "A=Fingerprint: sha-1 " HEX20,
        " \t sha-1 \t " HEX20 " \n",
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        SluiceFingerprint f;
        assert_int_equal(parse_text(good[i], &f), SLUICE_OK);
        for (size_t b = 0; b < 20; b++)
            assert_int_equal(f.bytes[b], b);
    }
}

static void refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        " ",
        "\r\n",
        "a=",
        "a=fingerprint:",
        "fingerprint:",
        "sha-1",
        "sha-1 ",
        "sha-1 :",
        HEX20,
        " : ",
        "sha-1:" HEX20,
        "sha-1" HEX20,
        "sha-1 " HEX20 ":",
        "sha-1 " HEX20 ":1",
        "sha-1 " HEX20 " 14",
        "sha-1 " HEX20 ";",
        "sha-1 :" HEX20,
        "sha-1 x" HEX20,
        "sha-1 000102030405060708090A0B0C0D0E0F10111213",
        "sha-1 00-01-02-03-04-05-06-07-08-09-0A-0B-0C-0D-0E-0F-10-11-12-13",
        "sha-1 00 01 02 03 04 05 06 07 08 09 0A 0B 0C 0D 0E 0F 10 11 12 13",
        "sha-1 0:1:2:3:4:5:6:7:8:9:A:B:C:D:E:F:10:11:12:13",
        "sha-1 000:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:13",
        "sha-1 0G:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:13",
        "sha-1 -1:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:13",
        "sha-1 +1:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:13",
        "sha-1 0x:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:13",
        "sha\xff-1 " HEX20,
        "sha/1 " HEX20,
        "a=fingerprint:a=fingerprint:sha-1 " HEX20,
        "a=setup:active",
        "md5 hello",
        "sha-256 " HEX20,
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        SluiceFingerprint f = {.len = 999};
        assert_int_equal(parse_text(bad[i], &f), SLUICE_INVALID_ARGUMENT);
        assert_int_equal(f.len, 999);
    }
}

/* A hash that is not known is told from a text that is no fingerprint: the first is skipped. */
static void unsupported(void **state)
{
    (void)state;
    static const char *const names[] = {"md2",    "md5",      "sha-224", "sha-3",
                                        "sha256", "sha-2566", "sha"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        SluiceFingerprint f = {.len = 999};
        assert_int_equal(parse_text(text_of(names[i], 16), &f), SLUICE_UNSUPPORTED);
        assert_int_equal(parse_text(text_of(names[i], 0), &f), SLUICE_INVALID_ARGUMENT);
        assert_int_equal(f.len, 999);
    }
}

static void embedded_zero(void **state)
{
    (void)state;
    char text[sizeof "sha-1 " HEX20] = "sha-1 " HEX20;
    SluiceFingerprint f;
    for (size_t i = 0; i < sizeof text - 1; i++) {
        char was = text[i];
        text[i] = '\0';
        assert_int_not_equal(parse(text, sizeof text - 1, &f), SLUICE_OK);
        text[i] = was;
    }
    /* The zero at the end of a string is no part of it. */
    assert_int_equal(parse(text, sizeof text, &f), SLUICE_INVALID_ARGUMENT);
    assert_int_equal(parse(text, sizeof text - 1, &f), SLUICE_OK);
}

static void truncations(void **state)
{
    (void)state;
    const char *text = "a=fingerprint:sha-1 " HEX20;
    SluiceFingerprint f;
    for (size_t len = 0; len < strlen(text); len++)
        assert_int_equal(parse(text, len, &f), SLUICE_INVALID_ARGUMENT);
    assert_int_equal(parse(text, strlen(text), &f), SLUICE_OK);
}

static void long_text(void **state)
{
    (void)state;
    char *text = malloc(10000);
    SluiceFingerprint f;
    assert_non_null(text);
    memset(text, 'a', 10000);
    assert_int_equal(parse(text, 10000, &f), SLUICE_INVALID_ARGUMENT);
    memset(text, ' ', 10000);
    assert_int_equal(parse(text, 10000, &f), SLUICE_INVALID_ARGUMENT);
    memcpy(text, "sha-256", 7);
    for (size_t i = 8; i + 2 < 10000; i += 3)
        memcpy(text + i, "ab:", 3);
    assert_int_equal(parse(text, 8 + 3 * 3000 - 1, &f), SLUICE_INVALID_ARGUMENT);
    assert_int_equal(parse(text, 8 + 3 * 32 - 1, &f), SLUICE_OK);
    free(text);
}

static void mutations(void **state)
{
    (void)state;
    Rng rng;
    rng_init(&rng, rng_test_seed(20240611));
    for (int round = 0; round < 20000; round++) {
        char text[256];
        size_t len =
            strlen(strcpy(text, text_of(hashes[rng_below(&rng, 4)].name, rng_below(&rng, 66))));
        for (uint64_t n = rng_below(&rng, 4); n > 0; n--)
            text[rng_below(&rng, len)] = (char)rng_below(&rng, 256);
        SluiceFingerprint f;
        memset(&f, 0x55, sizeof f);
        SluiceStatus s = parse(text, len, &f);
        assert_true(s == SLUICE_OK || s == SLUICE_INVALID_ARGUMENT || s == SLUICE_UNSUPPORTED);
        if (s == SLUICE_OK)
            assert_true(sl_fingerprint_valid(&f));
    }
}

static void format(void **state)
{
    (void)state;
    for (size_t h = 0; h < 4; h++) {
        SluiceFingerprint f, again;
        char text[SLUICE_FINGERPRINT_TEXT_MAX + 1];
        const char *want = text_of(hashes[h].name, hashes[h].len);
        assert_int_equal(parse_text(want, &f), SLUICE_OK);
        for (size_t cap = 0; cap <= SLUICE_FINGERPRINT_TEXT_MAX; cap++) {
            memset(text, '#', sizeof text);
            SluiceStatus s = sluice_fingerprint_format(&f, text, cap);
            assert_int_equal(s, cap > strlen(want) ? SLUICE_OK : SLUICE_NO_ROOM);
            assert_int_equal(text[cap], '#');
            if (s == SLUICE_OK)
                assert_string_equal(text, want);
        }
        assert_int_equal(sluice_fingerprint_format(&f, text, sizeof text), SLUICE_OK);
        assert_int_equal(parse_text(text, &again), SLUICE_OK);
        assert_memory_equal(&again, &f, sizeof f);
        f.len--;
        assert_int_equal(sluice_fingerprint_format(&f, text, sizeof text), SLUICE_INVALID_ARGUMENT);
    }
}

/* The digests of "abc" (FIPS 180-4 examples), their first two bytes and the last. */
static void known_digests(void **state)
{
    (void)state;
    static const struct {
        SluiceHash hash;
        uint8_t first, second, last;
    } rows[] = {{SLUICE_HASH_SHA1, 0xa9, 0x99, 0x9d},
                {SLUICE_HASH_SHA256, 0xba, 0x78, 0xad},
                {SLUICE_HASH_SHA384, 0xcb, 0x00, 0xa7},
                {SLUICE_HASH_SHA512, 0xdd, 0xaf, 0x9f}};
    for (size_t i = 0; i < 4; i++) {
        SluiceFingerprint f;
        assert_int_equal(sluice_fingerprint_of_der(rows[i].hash, (const uint8_t *)"abc", 3, &f),
                         SLUICE_OK);
        assert_int_equal(f.hash, rows[i].hash);
        assert_int_equal(f.bytes[0], rows[i].first);
        assert_int_equal(f.bytes[1], rows[i].second);
        assert_int_equal(f.bytes[f.len - 1], rows[i].last);
    }
    assert_true(ERR_peek_error() == 0);
}

static const uint8_t der[] = "a certificate", other_der[] = "another certificate";

static SluiceFingerprint of(SluiceHash hash, const uint8_t *data, size_t len)
{
    SluiceFingerprint f;
    assert_int_equal(sluice_fingerprint_of_der(hash, data, len, &f), SLUICE_OK);
    return f;
}
#define GOOD(hash) of(hash, der, sizeof der)
#define FORGED(hash) of(hash, other_der, sizeof other_der)

static void strongest(void **state)
{
    (void)state;
    SluiceFingerprint list[] = {
        GOOD(SLUICE_HASH_SHA1),   FORGED(SLUICE_HASH_SHA512), GOOD(SLUICE_HASH_SHA256),
        GOOD(SLUICE_HASH_SHA384), GOOD(SLUICE_HASH_SHA512),   FORGED(SLUICE_HASH_SHA256),
    };
    assert_int_equal(sl_fingerprints_strongest(list, 6, 0), 2);
    assert_int_equal(list[0].hash, SLUICE_HASH_SHA512);
    assert_int_equal(list[1].hash, SLUICE_HASH_SHA512);
    assert_true(sl_fingerprints_match(list, 2, der, sizeof der));
    int seen[5] = {0};
    for (size_t i = 0; i < 6; i++)
        seen[list[i].hash]++;
    assert_true(seen[1] == 1 && seen[2] == 2 && seen[3] == 1 && seen[4] == 2);

    /* A right weak one does not help a wrong strong one. */
    SluiceFingerprint downgrade[] = {GOOD(SLUICE_HASH_SHA256), FORGED(SLUICE_HASH_SHA384)};
    size_t n = sl_fingerprints_strongest(downgrade, 2, 0);
    assert_int_equal(n, 1);
    assert_false(sl_fingerprints_match(downgrade, n, der, sizeof der));
}

static void sha1_and_invalid(void **state)
{
    (void)state;
    SluiceFingerprint list[] = {GOOD(SLUICE_HASH_SHA1)};
    assert_int_equal(sl_fingerprints_strongest(list, 1, 0), 0);
    assert_int_equal(sl_fingerprints_strongest(list, 1, 1), 1);
    assert_int_equal(sl_fingerprints_strongest(NULL, 0, 1), 0);
    /* One whose length is not its hash's counts for nothing, also not as the strongest. */
    SluiceFingerprint odd[] = {GOOD(SLUICE_HASH_SHA512), GOOD(SLUICE_HASH_SHA256)};
    odd[0].len = 32;
    assert_false(sl_fingerprint_valid(&odd[0]));
    assert_true(sl_fingerprint_valid(&odd[1]));
    assert_int_equal(sl_fingerprints_strongest(odd, 2, 0), 1);
    assert_int_equal(odd[0].hash, SLUICE_HASH_SHA256);
    odd[1].hash = (SluiceHash)77;
    assert_false(sl_fingerprint_valid(&odd[1]));
}

/* One bit at a time: every one of them counts. */
static void match(void **state)
{
    (void)state;
    for (size_t h = 0; h < 4; h++) {
        SluiceFingerprint f = GOOD(hashes[h].hash);
        assert_true(sl_fingerprints_match(&f, 1, der, sizeof der));
        assert_false(sl_fingerprints_match(&f, 1, other_der, sizeof other_der));
        assert_false(sl_fingerprints_match(&f, 1, der, sizeof der - 1));
        for (size_t bit = 0; bit < 8 * f.len; bit++) {
            f.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
            assert_false(sl_fingerprints_match(&f, 1, der, sizeof der));
            f.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
    }
    SluiceFingerprint two[] = {FORGED(SLUICE_HASH_SHA256), GOOD(SLUICE_HASH_SHA256)};
    assert_true(sl_fingerprints_match(two, 2, der, sizeof der));
    assert_false(sl_fingerprints_match(two, 1, der, sizeof der));
    assert_false(sl_fingerprints_match(two, 0, der, sizeof der));
    assert_false(sl_fingerprints_match(two, 2, NULL, 0));
}

static void equal(void **state)
{
    (void)state;
    SluiceFingerprint a[] = {GOOD(SLUICE_HASH_SHA256), FORGED(SLUICE_HASH_SHA384)};
    SluiceFingerprint b[] = {FORGED(SLUICE_HASH_SHA384), GOOD(SLUICE_HASH_SHA256)};
    assert_true(sl_fingerprints_equal(a, 2, b, 2));
    assert_true(sl_fingerprints_equal(a, 0, b, 0));
    assert_false(sl_fingerprints_equal(a, 2, b, 1));
    assert_false(sl_fingerprints_equal(a, 1, b, 2));
    assert_false(sl_fingerprints_equal(a, 0, b, 1));
    b[1].bytes[31] ^= 1;
    assert_false(sl_fingerprints_equal(a, 2, b, 2));
}

static void bad_arguments(void **state)
{
    (void)state;
    SluiceFingerprint f = GOOD(SLUICE_HASH_SHA256);
    char text[SLUICE_FINGERPRINT_TEXT_MAX];
    assert_int_equal(sluice_fingerprint_parse(NULL, 0, &f), SLUICE_INVALID_ARGUMENT);
    assert_int_equal(sluice_fingerprint_parse("x", 1, NULL), SLUICE_INVALID_ARGUMENT);
    assert_int_equal(sluice_fingerprint_format(NULL, text, sizeof text), SLUICE_INVALID_ARGUMENT);
    assert_int_equal(sluice_fingerprint_format(&f, NULL, 0), SLUICE_INVALID_ARGUMENT);
    assert_int_equal(sluice_fingerprint_of_der(SLUICE_HASH_SHA256, NULL, 1, &f),
                     SLUICE_INVALID_ARGUMENT);
    assert_int_equal(sluice_fingerprint_of_der(SLUICE_HASH_SHA256, der, 0, &f),
                     SLUICE_INVALID_ARGUMENT);
    assert_int_equal(sluice_fingerprint_of_der(SLUICE_HASH_SHA256, der, 1, NULL),
                     SLUICE_INVALID_ARGUMENT);
    assert_int_equal(sluice_fingerprint_of_der((SluiceHash)0, der, 1, &f), SLUICE_INVALID_ARGUMENT);
    assert_int_equal(sluice_fingerprint_of_der((SluiceHash)5, der, 1, &f), SLUICE_INVALID_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lengths),       cmocka_unit_test(tolerated),
        cmocka_unit_test(refused),       cmocka_unit_test(unsupported),
        cmocka_unit_test(embedded_zero), cmocka_unit_test(truncations),
        cmocka_unit_test(long_text),     cmocka_unit_test(mutations),
        cmocka_unit_test(format),        cmocka_unit_test(known_digests),
        cmocka_unit_test(strongest),     cmocka_unit_test(sha1_and_invalid),
        cmocka_unit_test(match),         cmocka_unit_test(equal),
        cmocka_unit_test(bad_arguments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
