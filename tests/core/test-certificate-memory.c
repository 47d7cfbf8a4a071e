/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds that a certificate is made, loaded and written whole or not at all when memory runs out at
 * one allocation: no crash, no leak, a status that says no, nothing written. */

/* Before cmocka.h, which has a macro test_malloc. */
#include "alloc.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <sluice/certificate.h>

#include <openssl/err.h>

#include <string.h>

static SluiceCertificate *kept;
static char pem[4096];
static size_t pem_len;

static SluiceStatus make(SluiceCertificate **out)
{
    return sluice_certificate_generate(SLUICE_KEY_ECDSA_P256, out);
}

static SluiceStatus load(SluiceCertificate **out)
{
    return sluice_certificate_from_pem(pem, pem_len, pem, pem_len, out);
}

static SluiceStatus load_der(SluiceCertificate **out)
{
    const uint8_t *der;
    size_t len;
    assert_int_equal(sluice_certificate_get_der(kept, &der, &len), SLUICE_OK);
    return sluice_certificate_from_der(der, len, der, len, out);
}

static SluiceStatus write_pem(SluiceCertificate **out)
{
    static char text[4096];
    size_t len = sizeof text;
    (void)out;
    return sluice_certificate_to_pem(kept, 1, text, &len);
}

static SluiceStatus digest(SluiceCertificate **out)
{
    SluiceFingerprint f;
    (void)out;
    return sluice_certificate_get_fingerprint(kept, SLUICE_HASH_SHA256, &f);
}

/* The first calls fill OpenSSL's caches, so that afterwards what is not given back is a leak. */
static int warm_up(void **state)
{
    (void)state;
    pem_len = sizeof pem;
    if (make(&kept) != SLUICE_OK || sluice_certificate_to_pem(kept, 1, pem, &pem_len) != SLUICE_OK)
        return -1;
    pem_len--;
    SluiceCertificate *again = NULL;
    if (load(&again) != SLUICE_OK || digest(NULL) != SLUICE_OK || load_der(&again) == SLUICE_OK)
        return -1;
    sluice_certificate_unref(again);
    ERR_clear_error();
    return 0;
}

static int cool_down(void **state)
{
    (void)state;
    sluice_certificate_unref(kept);
    return 0;
}

/* OpenSSL's error queue keeps the texts of errors that were popped, at most 162 bytes a call where
 * this was measured. The least that we could leak is a certificate's DER form of 270. */
#define ERROR_TEXTS 200

static int64_t live_bytes(void) { return alloc_count().openssl_bytes + alloc_count().own_bytes; }

/* @call with one allocation failing in its turn: the first 100 each, then every @stride-th (a
 * decoder makes thousands of its own). @final is what it comes to with all the memory it wants.
 * Returns the number of the last. */
static uint64_t starve(SluiceStatus (*call)(SluiceCertificate **), SluiceStatus final,
                       uint64_t stride)
{
    uint64_t n = 0;
    int failed;
    do {
        SluiceCertificate *out = NULL;
        int64_t before = live_bytes();
        n += n < 100 ? 1 : stride;
        alloc_fail_at(n, 0);
        SluiceStatus status = call(&out);
        failed = alloc_has_failed();
        alloc_fail_at(0, 0);
        /* OpenSSL itself carries on after some failures: a cache it could not fill. */
        assert_true(failed || status == final);
        assert_true(status != SLUICE_OK || final == SLUICE_OK);
        if (status != SLUICE_OK)
            assert_null(out);
        sluice_certificate_unref(out);
        assert_true(ERR_peek_error() == 0);
        /* The caches that were emptied are full again after a call that is not starved. */
        out = NULL;
        assert_int_equal(call(&out), final);
        sluice_certificate_unref(out);
        if (live_bytes() > before + ERROR_TEXTS)
            fail_msg("allocation %d: %d bytes stay", (int)n, (int)(live_bytes() - before));
    } while (failed);
    return n;
}

static void making(void **state)
{
    (void)state;
    assert_true(starve(make, SLUICE_OK, 3) > 50);
}

static void loading(void **state)
{
    (void)state;
    assert_true(starve(load, SLUICE_OK, 41) > 50);
    assert_true(starve(load_der, SLUICE_INVALID_ARGUMENT, 41) > 10);
}

static void writing(void **state)
{
    (void)state;
    assert_true(starve(write_pem, SLUICE_OK, 3) > 5);
    assert_true(starve(digest, SLUICE_OK, 1) > 0);
}

int main(void)
{
    if (!alloc_init())
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(making),
        cmocka_unit_test(loading),
        cmocka_unit_test(writing),
    };
    return cmocka_run_group_tests(tests, warm_up, cool_down);
}
