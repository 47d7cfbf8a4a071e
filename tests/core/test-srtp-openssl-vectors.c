/* SPDX-License-Identifier: BSD-3-Clause */

/* OpenSSL's ciphers behind libsrtp's interfaces, to the bit: key streams and key derivation of RFC 3711 B.2 and B.3 and
 * RFC 6188, packets of RFC 7714 sections 16 and 17, HMAC of RFC 2202; each with its forged twin, in pieces, at odd addresses,
 * one after another on one key, and after a refusal. */

#include "srtp-openssl.h"

#include <openssl/err.h>

#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

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

static srtp_cipher_t *new_cipher(SlSrtpAlgorithm which, const char *key, int tag_len)
{
    const srtp_cipher_type_t *type = sl_srtp_cipher_type(which, sl_srtp_vectors.ciphers[which]);
    uint8_t bytes[64] = {0};
    srtp_cipher_t *cipher;
    size_t len = unhex(key, bytes);

    assert_non_null(type);
    if (which == SL_SRTP_GCM_128 || which == SL_SRTP_GCM_256)
        len += 12; /* libsrtp counts the salt to the key */
    assert_int_equal(type->alloc(&cipher, (int)len, tag_len), srtp_err_status_ok);
    assert_ptr_equal(cipher->type, type);
    assert_int_equal(cipher->algorithm, type->id);
    assert_int_equal(cipher->key_len, len);
    assert_int_equal(type->init(cipher->state, bytes), srtp_err_status_ok);
    return cipher;
}

static void free_cipher(srtp_cipher_t *cipher)
{
    assert_int_equal(cipher->type->dealloc(cipher), srtp_err_status_ok);
}

/* -- AES-CM ------------------------------------------------------------------------------------------------- */

#define ICM_128_KEY "2b7e151628aed2a6abf7158809cf4f3cf0f1f2f3f4f5f6f7f8f9fafbfcfd"
#define ICM_256_KEY                                                                                \
    "57f82fe3613fd170a85ec93c40b1f0922ec4cb0dc025b58272147cc438944a98f0f1f2f3f4f5f6f7f8f9fafbfcfd"

/* The key stream of index 0 and no label, in pieces of @piece. */
static uint8_t *key_stream(srtp_cipher_t *cipher, size_t len, size_t piece)
{
    uint8_t *stream = calloc(1, len), iv[16] = {0};

    assert_non_null(stream);
    assert_int_equal(cipher->type->set_iv(cipher->state, iv, srtp_direction_encrypt), 0);
    for (size_t at = 0; at < len; at += piece) {
        unsigned n = (unsigned)(len - at < piece ? len - at : piece), was = n;

        assert_int_equal(cipher->type->encrypt(cipher->state, stream + at, &n), 0);
        assert_int_equal(n, was);
    }
    return stream;
}

static void expect_stream(SlSrtpAlgorithm which, const char *key, const char *first,
                          const char *last)
{
    static const size_t pieces[] = {0xff02 * 16, 16, 1000, 7};
    srtp_cipher_t *cipher = new_cipher(which, key, 0);

    for (size_t i = 0; i < 4; i++) {
        uint8_t *stream = key_stream(cipher, 0xff02 * 16, pieces[i]);

        expect_hex(stream, 48, first);
        expect_hex(stream + 0xfeff * 16, 48, last);
        free(stream);
    }
    free_cipher(cipher);
}

static void test_key_streams(void **state)
{
    (void)state;
    expect_stream(SL_SRTP_ICM_128, ICM_128_KEY, /* RFC 3711 B.2 */
                  "e03ead0935c95e80e166b16dd92b4eb4d23513162b02d0f72a43a2fe4a5f97ab"
                  "41e95b3bb0a2e8dd477901e4fca894c0",
                  "ec8cdf7398607cb0f2d21675ea9ea1e4362b7c3c6773516318a077d7fc5073ae"
                  "6a2cc3787889374fbeb4c81b17ba6c44");
    expect_stream(SL_SRTP_ICM_256, ICM_256_KEY, /* RFC 6188 section 7.1 */
                  "92bdd28a93c3f52511c677d08b5515a49da71b2378a854f67050756ded165bac"
                  "63c4868b7096d88421b563b8c94c9a31",
                  "cea518c90fd91ced9cbb18c078a547113dbc4814f4da5f00a08772b63c6a046d"
                  "6eb246913062a16891433e97dd01a57f");
}

static void derive(srtp_cipher_t *cipher, uint8_t label, const char *expected)
{
    uint8_t iv[16] = {[7] = label}, out[94] = {0};
    unsigned len = (unsigned)strlen(expected) / 2;

    assert_int_equal(cipher->type->set_iv(cipher->state, iv, srtp_direction_encrypt), 0);
    assert_int_equal(cipher->type->encrypt(cipher->state, out, &len), 0);
    expect_hex(out, len, expected);
}

static void test_key_derivation_of_rfc_3711(void **state)
{
    srtp_cipher_t *cipher = new_cipher(
        SL_SRTP_ICM_128, "e1f97a0d3e018be0d64fa32c06de41390ec675ad498afeebb6960b3aabe6", 0);

    (void)state;
    derive(cipher, 0, "c61e7a93744f39ee10734afe3ff7a087");
    derive(cipher, 2, "30cbbc08863d8c85d49db34a9ae1");
    derive(cipher, 1,
           "cebe321f6ff7716b6fd4ab49af256a156d38baa48f0a0acf3c34e2359e6cdbcee049646c43d9327a"
           "d175578ef72270986371c10c9a369ac2f94a8c5fbcdddc256d6e919a48b610ef17c2041e47403576"
           "6b68642c59bbfc2f34db60dbdfb2");
    free_cipher(cipher);
}

/* Another index, another key stream; the same one again, the same; at any address, any length. */
static void test_icm_indices_and_addresses(void **state)
{
    srtp_cipher_t *cipher = new_cipher(SL_SRTP_ICM_128, ICM_128_KEY, 0);
    uint8_t *stream = key_stream(cipher, 200, 200), buffer[256];

    (void)state;
    for (unsigned len = 0; len <= 100; len++)
        for (unsigned at = 0; at < 8; at++) {
            uint8_t iv[16] = {[13] = 1};
            unsigned n = len;

            memset(buffer, 0, sizeof buffer);
            assert_int_equal(cipher->type->set_iv(cipher->state, iv, srtp_direction_decrypt), 0);
            assert_int_equal(cipher->type->decrypt(cipher->state, buffer + at, &n), 0);
            assert_int_equal(n, len);
            if (len > 15)
                assert_memory_not_equal(buffer + at, stream, len);
            iv[13] = 0;
            memset(buffer, 0, sizeof buffer);
            assert_int_equal(cipher->type->set_iv(cipher->state, iv, srtp_direction_decrypt), 0);
            assert_int_equal(cipher->type->decrypt(cipher->state, buffer + at, &n), 0);
            assert_memory_equal(buffer + at, stream, len);
            assert_int_equal(buffer[at + len], 0);
        }
    free(stream);
    free_cipher(cipher);
}

/* -- AES-GCM ------------------------------------------------------------------------------------------------ */

#define GCM_128_KEY "000102030405060708090a0b0c0d0e0f"
#define GCM_256_KEY GCM_128_KEY "101112131415161718191a1b1c1d1e1f"
#define RTP_IV "51753c6580c2726f20718414"
#define RTP_HEADER "8040f17b8041f8d35501a0b2"
#define RTP_PAYLOAD "47616c6c696120657374206f6d6e69732064697669736120696e207061727465732074726573"
#define RTCP_IV "517524055203726f207170bb"
#define RTCP_HEADER "81c8000d4d617273"
#define RTCP_BODY                                                                                  \
    "4e5450314e545032525450200000042a0000e9304c756e61deadbeefdeadbeefdeadbeefdeadbeefdeadbeef"

/* The second piece of additional data is the index of SRTCP, which libsrtp gives apart. */
typedef struct {
    SlSrtpAlgorithm which;
    const char *key, *iv, *aad, *more_aad, *plain, *sealed;
} Gcm;

static const Gcm gcm_cases[] = {
    {SL_SRTP_GCM_128, GCM_128_KEY, RTP_IV, RTP_HEADER, "", RTP_PAYLOAD, /* 16.1.1 */
     "f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b36de3adf8833"
     "899d7f27beb16a9152cf765ee4390cce"},
    {SL_SRTP_GCM_128, GCM_128_KEY, RTP_IV, RTP_HEADER RTP_PAYLOAD, "", "", /* 16.1.3 */
     "22493f82d2bce397e9d79e3b19aa4216"},
    {SL_SRTP_GCM_256, GCM_256_KEY, RTP_IV, RTP_HEADER, "", RTP_PAYLOAD, /* 16.2.1 */
     "32b1de78a822fe12ef9f78fa332e33aab18012389a58e2f3b50b2a0276ffae0f1ba63799b87b"
     "7aa3db36dfffd6b0f9bb7878d7a76c13"},
    {SL_SRTP_GCM_256, GCM_256_KEY, RTP_IV, RTP_HEADER RTP_PAYLOAD, "", "", /* 16.2.3 */
     "a866d5910f887463067ceefec45215d4"},
    {SL_SRTP_GCM_128, GCM_128_KEY, RTCP_IV, RTCP_HEADER, "800005d4", RTCP_BODY, /* 17.1 */
     "63e94885dcdab67ca727d7662f6b7e997ff5c0f76c06f32dc676a5f1730d6fda4ce09b4686303ded0bb9275b"
     "c84aa45896cf4d2fc5abf87245d9eade"},
    {SL_SRTP_GCM_256, GCM_256_KEY, RTCP_IV, RTCP_HEADER, "800005d4", RTCP_BODY, /* 17.2 */
     "d50ae4d1f5ce5d304ba297e47d470c282c3ece5dbffe0a50a2eaa5c1110555be8415f658c61de0476f1b6fad"
     "1d1eb30c4446839f57ff6f6cb26ac3be"},
    {SL_SRTP_GCM_128, GCM_128_KEY, RTCP_IV, RTCP_HEADER RTCP_BODY, "000005d4", "", /* 17.3 */
     "841dd9683dd78ec92ae58790125f62b3"},
    {SL_SRTP_GCM_256, GCM_256_KEY, RTCP_IV, RTCP_HEADER RTCP_BODY, "000005d4", "", /* 17.4 */
     "91db4afbfeee5a978fab4393ed2615fe"},
};
#define GCM_CASES (sizeof gcm_cases / sizeof *gcm_cases)

/* @forged: bit to flip in IV, additional data (or none: -1). */
static void begin(srtp_cipher_t *cipher, const Gcm *this, srtp_cipher_direction_t direction,
                  int forged)
{
    uint8_t iv[12], aad[2][64];
    size_t len[2] = {unhex(this->aad, aad[0]), unhex(this->more_aad, aad[1])};

    unhex(this->iv, iv);
    if (forged >= 0 && forged < 96)
        iv[forged / 8] ^= (uint8_t)(1 << forged % 8);
    else if (forged >= 0 && (size_t)forged - 96 < 8 * len[0])
        aad[0][(forged - 96) / 8] ^= (uint8_t)(1 << forged % 8);
    else if (forged >= 0)
        aad[1][(size_t)(forged - 96) / 8 - len[0]] ^= (uint8_t)(1 << forged % 8);
    assert_int_equal(cipher->type->set_iv(cipher->state, iv, direction), 0);
    for (int i = 0; i < 2; i++)
        if (len[i])
            assert_int_equal(cipher->type->set_aad(cipher->state, aad[i], (uint32_t)len[i]), 0);
}

static size_t seal(srtp_cipher_t *cipher, const Gcm *this, uint8_t *out)
{
    unsigned len = (unsigned)unhex(this->plain, out), was = len;
    uint32_t tag_len = 0;

    begin(cipher, this, srtp_direction_encrypt, -1);
    assert_int_equal(cipher->type->encrypt(cipher->state, len ? out : NULL, &len), 0);
    assert_int_equal(len, was);
    assert_int_equal(cipher->type->get_tag(cipher->state, out + len, &tag_len), 0);
    return len + tag_len;
}

static srtp_err_status_t open_sealed(srtp_cipher_t *cipher, const Gcm *this, uint8_t *data,
                                     unsigned *len, int forged)
{
    begin(cipher, this, srtp_direction_decrypt, forged);
    return cipher->type->decrypt(cipher->state, data, len);
}

static void test_packets_of_rfc_7714(void **state)
{
    (void)state;
    for (size_t i = 0; i < GCM_CASES; i++) {
        srtp_cipher_t *cipher = new_cipher(gcm_cases[i].which, gcm_cases[i].key, 16);
        uint8_t buffer[128];

        for (size_t at = 0; at < 8; at++) { /* one key for all of them; odd addresses */
            unsigned len = (unsigned)seal(cipher, &gcm_cases[i], buffer + at);

            expect_hex(buffer + at, len, gcm_cases[i].sealed);
            assert_int_equal(open_sealed(cipher, &gcm_cases[i], buffer + at, &len, -1), 0);
            expect_hex(buffer + at, len, gcm_cases[i].plain);
        }
        free_cipher(cipher);
    }
}

/* Every bit of IV, additional data, ciphertext and tag; and the true one passes after each. */
static void test_forged_twins(void **state)
{
    uint8_t sealed[128], buffer[128];

    (void)state;
    ERR_clear_error();
    for (size_t i = 0; i < GCM_CASES; i++) {
        const Gcm *this = &gcm_cases[i];
        srtp_cipher_t *cipher = new_cipher(this->which, this->key, 16);
        unsigned len, n = (unsigned)unhex(this->sealed, sealed);
        int outside = 96 + 4 * (int)(strlen(this->aad) + strlen(this->more_aad));

        for (int bit = -1; bit < outside + 8 * (int)n; bit++) {
            int inside = bit - outside;

            len = n;
            memcpy(buffer, sealed, n);
            if (inside >= 0)
                buffer[inside / 8] ^= (uint8_t)(1 << inside % 8);
            assert_int_equal(open_sealed(cipher, this, buffer, &len, inside >= 0 ? -1 : bit),
                             bit < 0 ? srtp_err_status_ok : srtp_err_status_auth_fail);
            assert_int_equal(ERR_peek_error(), 0);
        }
        for (unsigned cut = 1; cut <= n; cut++) {
            len = n - cut;
            memcpy(buffer, sealed, n);
            assert_int_not_equal(open_sealed(cipher, this, buffer, &len, -1), 0);
        }
        assert_int_equal(ERR_peek_error(), 0);
        free_cipher(cipher);
    }
}

/* The short tags that libsrtp offers for AES-GCM are the beginning of the long ones. */
static void test_tags_of_eight_bytes(void **state)
{
    (void)state;
    for (size_t i = 0; i < GCM_CASES; i++) {
        srtp_cipher_t *cipher = new_cipher(gcm_cases[i].which, gcm_cases[i].key, 8);
        uint8_t sealed[128], buffer[128];
        unsigned len = (unsigned)seal(cipher, &gcm_cases[i], buffer), n = len;

        assert_int_equal(len + 8, unhex(gcm_cases[i].sealed, sealed));
        assert_memory_equal(buffer, sealed, len);
        assert_int_equal(open_sealed(cipher, &gcm_cases[i], buffer, &n, -1), 0);
        memcpy(buffer, sealed, len);
        buffer[len - 1] ^= 1;
        n = len;
        assert_int_equal(open_sealed(cipher, &gcm_cases[i], buffer, &n, -1),
                         srtp_err_status_auth_fail);
        free_cipher(cipher);
    }
}

static void test_what_is_no_cipher(void **state)
{
    (void)state;
    for (SlSrtpAlgorithm which = 0; which < SL_SRTP_CIPHERS; which++) {
        int gcm = which >= SL_SRTP_GCM_128;
        const srtp_cipher_type_t *type = sl_srtp_cipher_type(which, sl_srtp_vectors.ciphers[which]);
        srtp_cipher_t *cipher = NULL;

        assert_non_null(type);
        for (int key_len = -1; key_len < 64; key_len++)
            for (int tag_len = -1; tag_len < 20; tag_len++) {
                int good = gcm ? (key_len == 28 || key_len == 44) && (tag_len == 8 || tag_len == 16)
                               : key_len == 30 || key_len == 46;

                assert_int_equal(type->alloc(&cipher, key_len, tag_len),
                                 good ? srtp_err_status_ok : srtp_err_status_bad_param);
                if (good)
                    free_cipher(cipher);
            }
    }
}

static void test_gcm_out_of_order(void **state)
{
    srtp_cipher_t *cipher = new_cipher(SL_SRTP_GCM_128, GCM_128_KEY, 16);
    const srtp_cipher_type_t *type = cipher->type;
    uint8_t data[64] = {0};
    unsigned len = 32;
    uint32_t tag_len;

    (void)state;
    ERR_clear_error();
    assert_int_not_equal(type->set_aad(cipher->state, data, 12), 0); /* no IV yet */
    assert_int_not_equal(type->encrypt(cipher->state, data, &len), 0);
    assert_int_not_equal(type->decrypt(cipher->state, data, &len), 0);
    assert_int_not_equal(type->get_tag(cipher->state, data, &tag_len), 0);
    assert_int_equal(type->set_iv(cipher->state, data, srtp_direction_any),
                     srtp_err_status_bad_param);
    assert_int_equal(type->set_iv(cipher->state, data, srtp_direction_decrypt), 0);
    assert_int_not_equal(type->encrypt(cipher->state, data, &len), 0);
    assert_int_not_equal(type->get_tag(cipher->state, data, &tag_len), 0);
    assert_int_equal(type->set_iv(cipher->state, data, srtp_direction_encrypt), 0);
    assert_int_not_equal(type->decrypt(cipher->state, data, &len), 0);
    assert_int_equal(ERR_peek_error(), 0);
    free_cipher(cipher);
}

/* -- HMAC-SHA1 ---------------------------------------------------------------------------------------------- */

static void expect_tag(const uint8_t *key, int key_len, const uint8_t *data, int len,
                       const char *expected)
{
    const srtp_auth_type_t *type = sl_srtp_hmac_type(sl_srtp_vectors.hmac_sha1);
    uint8_t tag[20], whole[20];
    srtp_auth_t *auth;

    assert_non_null(type);
    unhex(expected, whole);
    for (int tag_len = 0; tag_len <= 20; tag_len += 2) {
        assert_int_equal(type->alloc(&auth, key_len, tag_len), 0);
        assert_int_equal(auth->key_len, key_len);
        assert_int_equal(auth->out_len, tag_len);
        assert_int_equal(auth->prefix_len, 0);
        assert_int_equal(type->init(auth->state, key, key_len), 0);
        for (int split = 0; split <= len; split++) { /* as a packet and its ROC */
            memset(tag, 0x55, sizeof tag);
            if (split % 3 == 0) { /* what was begun before is forgotten */
                assert_int_equal(type->start(auth->state), 0);
                assert_int_equal(type->update(auth->state, data, len), 0);
            }
            assert_int_equal(type->start(auth->state), 0);
            assert_int_equal(type->update(auth->state, data, split), 0);
            assert_int_equal(type->compute(auth->state, data + split, len - split, tag_len, tag),
                             0);
            assert_memory_equal(tag, whole, (size_t)tag_len);
            if (tag_len < 20)
                assert_int_equal(tag[tag_len], 0x55);
        }
        assert_int_equal(type->dealloc(auth), 0);
    }
}

/* Section 3. The keys of cases 6 and 7 are longer than a block, which SRTP does not have. */
static void test_hmac_of_rfc_2202(void **state)
{
    uint8_t key[25], data[50];

    (void)state;
    memset(key, 0x0b, 20);
    expect_tag(key, 20, (const uint8_t *)"Hi There", 8, "b617318655057264e28bc0b6fb378c8ef146be00");
    expect_tag((const uint8_t *)"Jefe", 4, (const uint8_t *)"what do ya want for nothing?", 28,
               "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
    memset(key, 0xaa, 20);
    memset(data, 0xdd, 50);
    expect_tag(key, 20, data, 50, "125d7342b9ac11cd91a39af48aa17b4f63f175d3");
    for (uint8_t i = 0; i < 25; i++)
        key[i] = (uint8_t)(i + 1);
    memset(data, 0xcd, 50);
    expect_tag(key, 25, data, 50, "4c9007f4026250c6bc8414f9bf50c86c2d7235da");
    memset(key, 0x0c, 20);
    expect_tag(key, 20, (const uint8_t *)"Test With Truncation", 20,
               "4c1a03424b55e07fe7f27be1d58bb9324a9a5a04");
}

static void test_what_is_no_hmac(void **state)
{
    const srtp_auth_type_t *type = sl_srtp_hmac_type(sl_srtp_vectors.hmac_sha1);
    uint8_t data[80] = {0};
    srtp_auth_t *auth;

    (void)state;
    assert_int_equal(type->alloc(&auth, 65, 10), srtp_err_status_bad_param);
    assert_int_equal(type->alloc(&auth, 20, 21), srtp_err_status_bad_param);
    assert_int_equal(type->alloc(&auth, -1, 10), srtp_err_status_bad_param);
    assert_int_equal(type->alloc(&auth, 20, -1), srtp_err_status_bad_param);
    assert_int_equal(type->alloc(&auth, 20, 10), srtp_err_status_ok);
    assert_int_equal(type->init(auth->state, data, 65), srtp_err_status_bad_param);
    assert_int_equal(type->init(auth->state, data, 20), srtp_err_status_ok);
    assert_int_equal(type->update(auth->state, data, -1), srtp_err_status_bad_param);
    assert_int_equal(type->compute(auth->state, data, 4, 21, data), srtp_err_status_bad_param);
    assert_int_equal(type->dealloc(auth), srtp_err_status_ok);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_key_streams),
        cmocka_unit_test(test_key_derivation_of_rfc_3711),
        cmocka_unit_test(test_icm_indices_and_addresses),
        cmocka_unit_test(test_packets_of_rfc_7714),
        cmocka_unit_test(test_forged_twins),
        cmocka_unit_test(test_tags_of_eight_bytes),
        cmocka_unit_test(test_what_is_no_cipher),
        cmocka_unit_test(test_gcm_out_of_order),
        cmocka_unit_test(test_hmac_of_rfc_2202),
        cmocka_unit_test(test_what_is_no_hmac),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
