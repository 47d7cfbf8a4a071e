/* SPDX-License-Identifier: BSD-3-Clause */

/* SRTP to the bit. Published vectors of RFC 3711 (B.2, B.3) and RFC 7714 (16.1.1) give session keys, which libsrtp
 * does not take; so they hold a second implementation, of sixty lines on OpenSSL, and that one holds ours: the same
 * master keys must give the same packets. One vector with a master key is published with libsrtp itself. */

#include "srtp.h"

#include <openssl/evp.h>
#include <openssl/params.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct {
    SluiceSrtpProfile profile;
    size_t key_len, salt_len;
    uint8_t key[32], salt[14], auth[20];
} SessionKeys;

static size_t unhex(const char *text, uint8_t *out)
{
    size_t n = 0;

    for (; *text; text += 2) {
        char byte[3] = {text[0], text[1], 0};

        out[n++] = (uint8_t)strtoul(byte, NULL, 16);
    }
    return n;
}

static void expect_hex(const uint8_t *data, size_t len, const char *text)
{
    uint8_t expected[256];

    assert_int_equal(len, unhex(text, expected));
    assert_memory_equal(data, expected, len);
}

/* -- the second implementation ------------------------------------------------------------------------------ */

static void ctr(const uint8_t *key, size_t key_len, const uint8_t iv[16], uint8_t *data, size_t len)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int n;

    assert_non_null(ctx);
    assert_int_equal(EVP_EncryptInit_ex(ctx, key_len == 16 ? EVP_aes_128_ctr() : EVP_aes_256_ctr(),
                                        NULL, key, iv),
                     1);
    assert_int_equal(EVP_EncryptUpdate(ctx, data, &n, data, (int)len), 1);
    EVP_CIPHER_CTX_free(ctx);
}

/* The tag goes behind the ciphertext. */
static void gcm(const SessionKeys *keys, const uint8_t iv[12], const uint8_t *aad, size_t aad_len,
                uint8_t *data, size_t len)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int n;

    assert_non_null(ctx);
    assert_int_equal(EVP_EncryptInit_ex(ctx,
                                        keys->key_len == 16 ? EVP_aes_128_gcm() : EVP_aes_256_gcm(),
                                        NULL, keys->key, iv),
                     1);
    assert_int_equal(EVP_EncryptUpdate(ctx, NULL, &n, aad, (int)aad_len), 1);
    assert_int_equal(EVP_EncryptUpdate(ctx, data, &n, data, (int)len), 1);
    assert_int_equal(EVP_EncryptFinal_ex(ctx, data + n, &n), 1);
    assert_int_equal(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, 16, data + len), 1);
    EVP_CIPHER_CTX_free(ctx);
}

/* RFC 3711 section 4.3.3: the label meets the eighth byte of the salt. */
static void derive(const uint8_t *key, size_t key_len, const uint8_t *salt, size_t salt_len,
                   uint8_t label, uint8_t *out, size_t len)
{
    uint8_t iv[16] = {0};

    memcpy(iv, salt, salt_len);
    iv[7] ^= label;
    memset(out, 0, len);
    ctr(key, key_len, iv, out, len);
}

static SessionKeys derive_all(SluiceSrtpProfile profile, SluiceKind kind, const uint8_t *key,
                              const uint8_t *salt)
{
    uint8_t first = kind == SLUICE_KIND_RTP ? 0 : 3;
    SessionKeys keys = {.profile = profile};

    assert_true(sl_srtp_key_lengths(profile, &keys.key_len, &keys.salt_len));
    derive(key, keys.key_len, salt, keys.salt_len, first, keys.key, keys.key_len);
    derive(key, keys.key_len, salt, keys.salt_len, (uint8_t)(first + 1), keys.auth, 20);
    derive(key, keys.key_len, salt, keys.salt_len, (uint8_t)(first + 2), keys.salt, keys.salt_len);
    return keys;
}

static void hmac(const SessionKeys *keys, const uint8_t *data, size_t len, uint8_t tag[20])
{
    size_t n;

    assert_non_null(
        EVP_Q_mac(NULL, "HMAC", NULL, "SHA1", NULL, keys->auth, 20, data, len, tag, 20, &n));
}

static void put32(uint8_t *p, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(value >> (24 - 8 * i));
}

static int is_aead(const SessionKeys *keys) { return keys->salt_len == 12; }

/* Roll-over counter 0, header of 12 bytes. */
static size_t seal_rtp(const SessionKeys *keys, uint8_t *packet, size_t len)
{
    uint8_t iv[16] = {0}, tag[20];

    if (is_aead(keys)) { /* RFC 7714 section 8.1 */
        memcpy(iv + 2, packet + 8, 4);
        memcpy(iv + 10, packet + 2, 2);
        for (size_t i = 0; i < 12; i++)
            iv[i] ^= keys->salt[i];
        gcm(keys, iv, packet, 12, packet + 12, len - 12);
        return len + 16;
    }
    memcpy(iv + 4, packet + 8, 4); /* RFC 3711 section 4.1.1 */
    memcpy(iv + 12, packet + 2, 2);
    for (size_t i = 0; i < 14; i++)
        iv[i] ^= keys->salt[i];
    ctr(keys->key, keys->key_len, iv, packet + 12, len - 12);
    put32(packet + len, 0);
    hmac(keys, packet, len + 4, tag);
    memcpy(packet + len, tag, 10);
    return len + (keys->profile == SLUICE_SRTP_AES128_CM_SHA1_32 ? 4 : 10);
}

static size_t seal_rtcp(const SessionKeys *keys, uint8_t *packet, size_t len, uint32_t index)
{
    uint8_t iv[16] = {0}, aad[12], tag[20];

    if (is_aead(keys)) { /* RFC 7714 section 9.1 */
        memcpy(iv + 2, packet + 4, 4);
        put32(iv + 8, index);
        for (size_t i = 0; i < 12; i++)
            iv[i] ^= keys->salt[i];
        memcpy(aad, packet, 8);
        put32(aad + 8, index | 0x80000000u);
        gcm(keys, iv, aad, 12, packet + 8, len - 8);
        memcpy(packet + len + 16, aad + 8, 4);
        return len + 20;
    }
    memcpy(iv + 4, packet + 4, 4);
    put32(iv + 10, index);
    for (size_t i = 0; i < 14; i++)
        iv[i] ^= keys->salt[i];
    ctr(keys->key, keys->key_len, iv, packet + 8, len - 8);
    put32(packet + len, index | 0x80000000u);
    hmac(keys, packet, len + 4, tag);
    memcpy(packet + len + 4, tag, 10);
    return len + 14;
}

/* -- the second implementation against the RFCs ------------------------------------------------------------- */

static const char master_key[] = "e1f97a0d3e018be0d64fa32c06de4139";
static const char master_salt[] = "0ec675ad498afeebb6960b3aabe6";

static void test_key_derivation_of_rfc_3711(void **state)
{
    uint8_t key[16], salt[14], out[94];

    (void)state;
    unhex(master_key, key);
    unhex(master_salt, salt);
    derive(key, 16, salt, 14, 0, out, 16);
    expect_hex(out, 16, "c61e7a93744f39ee10734afe3ff7a087");
    derive(key, 16, salt, 14, 2, out, 14);
    expect_hex(out, 14, "30cbbc08863d8c85d49db34a9ae1");
    derive(key, 16, salt, 14, 1, out, 94);
    expect_hex(out, 94,
               "cebe321f6ff7716b6fd4ab49af256a156d38baa48f0a0acf3c34e2359e6cdbcee049646c43d9327a"
               "d175578ef72270986371c10c9a369ac2f94a8c5fbcdddc256d6e919a48b610ef17c2041e47403576"
               "6b68642c59bbfc2f34db60dbdfb2");
}

static void test_key_stream_of_rfc_3711(void **state)
{
    uint8_t key[16], iv[16] = {0}, out[48] = {0};

    (void)state;
    unhex("2b7e151628aed2a6abf7158809cf4f3c", key);
    unhex("f0f1f2f3f4f5f6f7f8f9fafbfcfd", iv);
    ctr(key, 16, iv, out, sizeof out);
    expect_hex(out, sizeof out,
               "e03ead0935c95e80e166b16dd92b4eb4d23513162b02d0f72a43a2fe4a5f97ab"
               "41e95b3bb0a2e8dd477901e4fca894c0");
}

/* "Gallia est omnis divisa in partes tres", AEAD_AES_128_GCM */
static void test_srtp_of_rfc_7714(void **state)
{
    SessionKeys keys = {.key_len = 16, .salt_len = 12};
    uint8_t packet[128];
    size_t len;

    (void)state;
    unhex("000102030405060708090a0b0c0d0e0f", keys.key);
    unhex("517569642070726f2071756f", keys.salt);
    len = unhex("8040f17b8041f8d35501a0b2"
                "47616c6c696120657374206f6d6e697320646976697361"
                "20696e207061727465732074726573",
                packet);
    len = seal_rtp(&keys, packet, len);
    expect_hex(packet, len,
               "8040f17b8041f8d35501a0b2"
               "f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b36de3adf8833"
               "899d7f27beb16a9152cf765ee4390cce");
}

/* -- ours against the second one ---------------------------------------------------------------------------- */

static SlSrtp *open_with(SluiceSrtpProfile profile, const uint8_t *key, const uint8_t *salt)
{
    SluiceSrtpKeys keys = {.profile = profile};
    SlSrtp *srtp;

    assert_true(sl_srtp_key_lengths(profile, &keys.key_len, &keys.salt_len));
    memcpy(keys.local_key, key, keys.key_len);
    memcpy(keys.local_salt, salt, keys.salt_len);
    memcpy(keys.remote_key, key, keys.key_len);
    memcpy(keys.remote_salt, salt, keys.salt_len);
    assert_int_equal(sl_srtp_new(&keys, 128, 1024, NULL, &srtp), SLUICE_OK);
    return srtp;
}

static void compare(SluiceSrtpProfile profile, SluiceKind kind, size_t payload)
{
    static const uint8_t rtp[12] = {0x80, 0x6f, 0x12, 0x34, 0xde, 0xca,
                                    0xfb, 0xad, 0xca, 0xfe, 0xba, 0xbe};
    static const uint8_t rtcp[8] = {0x81, 0xc8, 0, 1, 0xca, 0xfe, 0xba, 0xbe};
    _Alignas(4) uint8_t ours[2048] = {0};
    uint8_t key[32], salt[14], theirs[2048];
    size_t header = kind == SLUICE_KIND_RTP ? 12 : 8, len = header + payload, sealed;
    SessionKeys keys;
    SlSrtp *srtp;

    for (uint8_t i = 0; i < 32; i++)
        key[i] = (uint8_t)(0x11 * i + payload);
    for (uint8_t i = 0; i < 14; i++)
        salt[i] = (uint8_t)(0xf0 - 3 * i);
    memcpy(ours, kind == SLUICE_KIND_RTP ? rtp : rtcp, header);
    memset(ours + header, 0x5a, payload);
    memcpy(theirs, ours, sizeof theirs);
    keys = derive_all(profile, kind, key, salt);
    sealed =
        kind == SLUICE_KIND_RTP ? seal_rtp(&keys, theirs, len) : seal_rtcp(&keys, theirs, len, 1);
    srtp = open_with(profile, key, salt);
    assert_int_equal(sl_srtp_protect(srtp, kind, ours, &len, sizeof ours), SLUICE_OK);
    assert_int_equal(len, sealed);
    assert_memory_equal(ours, theirs, len);
    assert_int_equal(sl_srtp_unprotect(srtp, 0, kind, ours, &len), SLUICE_OK);
    assert_int_equal(len, header + payload);
    sl_srtp_free(srtp);
}

static void test_every_profile_agrees(void **state)
{
    static const SluiceSrtpProfile profiles[] = {
        SLUICE_SRTP_AES128_CM_SHA1_80, SLUICE_SRTP_AES128_CM_SHA1_32, SLUICE_SRTP_AEAD_AES_128_GCM,
        SLUICE_SRTP_AEAD_AES_256_GCM};

    (void)state;
    for (size_t p = 0; p < 4; p++) {
        for (size_t payload = 0; payload <= 40; payload += 4) {
            compare(profiles[p], SLUICE_KIND_RTP, payload + 1);
            compare(profiles[p], SLUICE_KIND_RTCP, payload);
        }
        compare(profiles[p], SLUICE_KIND_RTP, 1400);
    }
}

/* srtp_validate() of libsrtp's test/srtp_driver.c; the master key is that of RFC 3711 B.3. */
static void test_vector_of_libsrtp(void **state)
{
    uint8_t key[16], salt[14];
    _Alignas(4) uint8_t packet[256];
    size_t len;
    SlSrtp *srtp;

    (void)state;
    unhex(master_key, key);
    unhex(master_salt, salt);
    srtp = open_with(SLUICE_SRTP_AES128_CM_SHA1_80, key, salt);
    len = unhex("800f1234decafbadcafebabeabababababababababababababababab", packet);
    assert_int_equal(sl_srtp_protect(srtp, SLUICE_KIND_RTP, packet, &len, sizeof packet),
                     SLUICE_OK);
    expect_hex(packet, len,
               "800f1234decafbadcafebabe4e55dc4ce79978d88ca4d215949d2402b78d6acc99ea179b8dbb");
    sl_srtp_free(srtp);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_key_derivation_of_rfc_3711),
        cmocka_unit_test(test_key_stream_of_rfc_3711),
        cmocka_unit_test(test_srtp_of_rfc_7714),
        cmocka_unit_test(test_every_profile_agrees),
        cmocka_unit_test(test_vector_of_libsrtp),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
