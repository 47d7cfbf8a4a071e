/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: no memory that the library or OpenSSL gives back holds a key still (ID-05): not the SRTP keys and what they are cut
 * from, not the master secret, as bytes or as a line of the key log, not the private key of a certificate that was made here; whether a transport is closed or just
 * freed, when a restart brings other keys, when DTLS is given up. libsrtp's own memory is not looked at. */

#include "restarts.h"

#include "certificate.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>

#include <stdio.h>
#include <stdlib.h>

static unsigned digit(char c) { return c <= '9' ? (unsigned)(c - '0') : (unsigned)(c - 'a' + 10); }

/* CLIENT_RANDOM, the random, the secret. Both ends log the same one. */
static void watch_line(const char *line, void *user_data)
{
    const char *hex = line + 14 + 64 + 1;
    uint8_t secret[48];
    unsigned *lines = user_data;

    if (strncmp(line, "CLIENT_RANDOM ", 14) != 0 || strlen(line) < 14 + 64 + 1 + 96 ||
        (*lines)++ > 0)
        return;
    for (size_t i = 0; i < sizeof secret; i++)
        secret[i] = (uint8_t)(digit(hex[2 * i]) << 4 | digit(hex[2 * i + 1]));
    alloc_watch(secret, sizeof secret);
    alloc_watch(hex, 96);
}

static void watch_srtp_keys(Pair *pair)
{
    uint8_t material[2 * (32 + 14)];
    SluiceSrtpKeys keys;

    assert_status(sluice_transport_get_srtp_keys(pair->end[CLIENT].transport, &keys), SLUICE_OK);
    alloc_watch(keys.local_key, keys.key_len);
    alloc_watch(keys.remote_key, keys.key_len);
    assert_status(sluice_transport_export(pair->end[CLIENT].transport, "EXTRACTOR-dtls_srtp", NULL,
                                          0, material, 2 * (keys.key_len + keys.salt_len)),
                  SLUICE_OK);
    alloc_watch(material, 2 * (keys.key_len + keys.salt_len));
}

typedef void (*Ending)(Pair *pair);

static void by_closing(Pair *pair)
{
    sluice_transport_close(pair->end[CLIENT].transport, vclock_now());
    pair_drain(pair, CLIENT);
    pair_run(pair, SECOND);
}

static void by_freeing(Pair *pair) { (void)pair; }

static void by_restart(Pair *pair)
{
    SluiceFingerprint client = fingerprint_of(certificate_of(CLIENT), SLUICE_HASH_SHA256),
                      server = fingerprint_of(certificate_of(SERVER), SLUICE_HASH_SHA256);

    assert_status(sluice_transport_restart(pair->end[SERVER].transport, vclock_now(),
                                           SLUICE_ROLE_SERVER, &client, 1),
                  SLUICE_OK);
    assert_status(sluice_transport_restart(pair->end[CLIENT].transport, vclock_now(),
                                           SLUICE_ROLE_CLIENT, &server, 1),
                  SLUICE_OK);
    pair_drain(pair, CLIENT);
    pair_run(pair, 10 * SECOND);
    assert_int_equal(pair_stats(pair, CLIENT).generation, 2);
    assert_int_equal(pair_stats(pair, SERVER).generation, 2);
}

static void by_giving_up_dtls(Pair *pair)
{
    for (int end = 0; end < 2; end++)
        assert_status(sluice_transport_end_dtls(pair->end[end].transport, vclock_now()), SLUICE_OK);
    pair_run(pair, 10 * SECOND);
}

static void end_call(SluiceSrtpProfile profile, Ending ending)
{
    SluiceConfig *configs[2];
    unsigned lines = 0;
    Pair pair;

    for (int end = 0; end < 2; end++) {
        configs[end] = new_config(end);
        sluice_config_set_keylog(configs[end], watch_line, &lines, NULL);
        sluice_config_set_srtp_profiles(configs[end], &profile, 1);
    }
    alloc_watch_none();
    open_with(&pair, configs[CLIENT], configs[SERVER]);
    connect_within(&pair, SECOND);
    assert_int_equal(lines, 2);
    watch_srtp_keys(&pair);
    assert_talks(&pair);
    ending(&pair);
    assert_int_equal(alloc_seen(), 0);
    pair_close(&pair);
    assert_int_equal(alloc_seen(), 0);
    alloc_watch_none();
}

static void test_keys_of_a_call(void **state)
{
    static const Ending endings[] = {by_closing, by_freeing, by_restart, by_giving_up_dtls};
    static const SluiceSrtpProfile profiles[] = {
        SLUICE_SRTP_AEAD_AES_128_GCM, SLUICE_SRTP_AEAD_AES_256_GCM, SLUICE_SRTP_AES128_CM_SHA1_80};

    (void)state;
    for (size_t p = 0; p < sizeof profiles / sizeof *profiles; p++)
        for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
            end_call(profiles[p], endings[i]);
}

/* Made, used for a handshake, freed. Not as PEM: what OpenSSL reads and writes that with leaves copies behind. */
static void test_private_key(void **state)
{
    SluiceCertificate *certificate = NULL;
    BIGNUM *number = NULL;
    uint8_t scalar[32], turned[32];
    SluiceConfig *config;
    Pair pair;

    (void)state;
    alloc_watch_none();
    assert_status(sluice_certificate_generate(SLUICE_KEY_ECDSA_P256, &certificate), SLUICE_OK);
    assert_int_equal(
        EVP_PKEY_get_bn_param(sl_certificate_key(certificate), OSSL_PKEY_PARAM_PRIV_KEY, &number),
        1);
    assert_int_equal(BN_bn2binpad(number, scalar, sizeof scalar), 32);
    BN_clear_free(number);
    for (size_t i = 0; i < sizeof scalar; i++) /* as a BIGNUM has it */
        turned[i] = scalar[31 - i];
    alloc_watch(scalar, sizeof scalar);
    alloc_watch(turned, sizeof turned);
    config = sluice_config_new(certificate);
    sluice_certificate_unref(certificate);
    open_with(&pair, config, new_config(SERVER));
    connect_within(&pair, SECOND);
    pair_close(&pair);
    assert_int_equal(alloc_seen(), 0);
    alloc_watch_none();
}

/* It does see one. */
static void test_watching(void **state)
{
    static const uint8_t secret[] = "not to be told";
    volatile uint8_t *bytes = malloc(100); /* what is written last counts, though nobody reads it */
    void *copy;

    (void)state;
    assert_non_null(bytes);
    alloc_watch_none();
    alloc_watch(secret, sizeof secret);
    for (size_t i = 0; i < 100; i++)
        bytes[i] = i < 31 || i - 31 >= sizeof secret ? 0 : secret[i - 31];
    free((void *)(uintptr_t)bytes);
    assert_int_equal(alloc_seen(), 1);
    copy = OPENSSL_zalloc(100);
    assert_non_null(copy);
    memcpy(copy, secret, sizeof secret);
    OPENSSL_free(copy);
    assert_int_equal(alloc_seen(), 2);
    alloc_watch_none();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_watching),
        cmocka_unit_test(test_keys_of_a_call),
        cmocka_unit_test(test_private_key),
    };

    alloc_init();
    return cmocka_run_group_tests(tests, NULL, free_certificates);
}
