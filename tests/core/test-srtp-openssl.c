/* SPDX-License-Identifier: BSD-3-Clause */

/* When OpenSSL's ciphers are put into libsrtp, and when not: by default; never where a config or the environment says so;
 * never one that gives a wrong answer or that OpenSSL has not, which is counted, logged once and costs nothing else. The
 * state is the process's, so each case has a process of its own. */

/* Before cmocka.h, which has a macro test_malloc. */
#include "alloc.h"

#include "srtp-openssl.h"
#include "srtp.h"

#include <openssl/evp.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* cmocka's assertions would go on with the next test, in the child. */
#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                        \
            _exit(1);                                                                              \
        }                                                                                          \
    } while (0)

static void in_child(void (*func)(int argument), int argument)
{
    int status = 0;
    pid_t child;

    fflush(NULL);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        func(argument);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static SluiceSrtpEngineInfo info_now(void)
{
    SluiceSrtpEngineInfo info;

    CHECK(sluice_srtp_engine_get_info(&info, sizeof info) == SLUICE_OK);
    return info;
}

/* Bit n: algorithm n of SlSrtpAlgorithm is OpenSSL's. */
static int in_place(void)
{
    SluiceSrtpEngineInfo info = info_now();

    return info.aes_icm_128 << SL_SRTP_ICM_128 | info.aes_icm_256 << SL_SRTP_ICM_256 |
           info.aes_gcm_128 << SL_SRTP_GCM_128 | info.aes_gcm_256 << SL_SRTP_GCM_256 |
           info.hmac_sha1 << SL_SRTP_HMAC_SHA1;
}

#define ALL ((1 << SL_SRTP_ALGORITHMS) - 1)

/* A packet each way, and its forged twin, in every profile this libsrtp has. */
static void check_sessions_work(void)
{
    static const SluiceSrtpProfile profiles[] = {
        SLUICE_SRTP_AES128_CM_SHA1_80, SLUICE_SRTP_AES128_CM_SHA1_32, SLUICE_SRTP_AEAD_AES_128_GCM,
        SLUICE_SRTP_AEAD_AES_256_GCM};

    for (int i = 0; i < 4; i++) {
        SluiceSrtpKeys keys = {.profile = profiles[i], .local_key = {1}, .remote_key = {1}};
        SlSrtp *srtp;

        CHECK(sl_srtp_key_lengths(profiles[i], &keys.key_len, &keys.salt_len));
        if (sl_srtp_new(&keys, 1024, 1024, NULL, &srtp) != SLUICE_OK) {
            CHECK(i >= 2); /* a libsrtp without AES-GCM */
            continue;
        }
        for (int forged = 0; forged < 2; forged++) {
            _Alignas(4)
                uint8_t packet[112 + SLUICE_PROTECT_ROOM] = {0x80, 96, 0, (uint8_t)(1 + forged)};
            size_t len = 112;

            CHECK(sl_srtp_protect(srtp, SLUICE_KIND_RTP, packet, &len, sizeof packet) == SLUICE_OK);
            packet[50] ^= (uint8_t)forged;
            CHECK(sl_srtp_unprotect(srtp, 0, SLUICE_KIND_RTP, packet, &len) ==
                  (forged ? SLUICE_DROPPED_UNAUTHENTIC : SLUICE_OK));
            CHECK(forged || (len == 112 && packet[50] == 0));
        }
        sl_srtp_free(srtp);
    }
}

typedef struct {
    int lines;
    char last[512];
} Log;

static void on_log(SluiceLogLevel level, uint64_t id, const char *message, void *user_data)
{
    Log *log = user_data;

    CHECK(level == SLUICE_LOG_INFO && id == 7);
    log->lines++;
    snprintf(log->last, sizeof log->last, "%s", message);
}

static SluiceConfig *new_config(int stock, Log *log)
{
    SluiceConfig *config = sluice_config_new(NULL);

    CHECK(config);
    CHECK(sluice_config_set_stock_srtp_ciphers(config, stock) == SLUICE_OK);
    if (log)
        CHECK(sluice_config_set_log(config, on_log, log, NULL) == SLUICE_OK);
    return config;
}

/* -- wanted or not ------------------------------------------------------------------------------------------ */

static void by_default(int unused)
{
    Log log = {0};
    SluiceConfig *config = new_config(0, &log);

    (void)unused;
    CHECK(in_place() == 0);
    CHECK(strncmp(info_now().libsrtp, "libsrtp2", 8) == 0);
    CHECK(sl_srtp_prepare(NULL, 0));
    CHECK(in_place() == ALL && info_now().refused == 0);
    sl_srtp_openssl_put_in(config, 7);
    CHECK(in_place() == ALL && info_now().refused == 0 && log.lines == 0);
    check_sessions_work();
    sluice_config_unref(config);
}

static void where_a_config_says_no(int unused)
{
    SluiceConfig *stock = new_config(1, NULL), *other = new_config(0, NULL);

    (void)unused;
    CHECK(srtp_init() == srtp_err_status_ok);
    sl_srtp_openssl_put_in(stock, 7);
    CHECK(sl_srtp_prepare(NULL, 0)); /* as sl_srtp_new() does, long afterwards */
    check_sessions_work();
    CHECK(in_place() == 0 && info_now().refused == 0);
    sl_srtp_openssl_put_in(other, 7); /* but one that does not say so puts them in */
    CHECK(in_place() == ALL);
    check_sessions_work();
    sl_srtp_openssl_put_in(stock, 7); /* and nothing takes them out */
    CHECK(in_place() == ALL);
    sluice_config_unref(stock);
    sluice_config_unref(other);
}

static void where_the_environment_says_no(int one)
{
    SluiceConfig *config = new_config(0, NULL);

    CHECK(srtp_init() == srtp_err_status_ok);
    CHECK(setenv("SLUICE_STOCK_SRTP_CIPHERS", one ? "1" : "0", 1) == 0);
    sl_srtp_openssl_put_in(config, 7);
    CHECK(in_place() == (one ? 0 : ALL) && info_now().refused == 0);
    CHECK(setenv("SLUICE_STOCK_SRTP_CIPHERS", one ? "0" : "1", 1) == 0); /* read once */
    sl_srtp_openssl_put_in(config, 7);
    CHECK(in_place() == (one ? 0 : ALL));
    check_sessions_work();
    sluice_config_unref(config);
}

/* What an application does. */
static void through_a_transport(int stock)
{
    SluiceConfig *config = new_config(stock, NULL);
    SluiceTransport *transport = sluice_transport_new(config);

    CHECK(transport);
    CHECK(in_place() == (stock ? 0 : ALL));
    check_sessions_work();
    CHECK(in_place() == (stock ? 0 : ALL));
    sluice_transport_free(transport);
    sluice_config_unref(config);
}

static void test_wanted(void **state)
{
    (void)state;
    in_child(through_a_transport, 1);
    in_child(through_a_transport, 0);
    in_child(by_default, 0);
    in_child(where_a_config_says_no, 0);
    in_child(where_the_environment_says_no, 1);
    in_child(where_the_environment_says_no, 0);
}

static void test_setter(void **state)
{
    SluiceConfig *config = sluice_config_new(NULL);

    (void)state;
    assert_int_equal(sluice_config_set_stock_srtp_ciphers(NULL, 1), SLUICE_INVALID_ARGUMENT);
    assert_int_equal(sluice_config_set_stock_srtp_ciphers(config, 1), SLUICE_OK);
    assert_int_equal(sluice_config_set_stock_srtp_ciphers(config, 0), SLUICE_OK);
    atomic_store(&config->frozen, 1);
    assert_int_equal(sluice_config_set_stock_srtp_ciphers(config, 1), SLUICE_INVALID_STATE);
    sluice_config_unref(config);
}

static void test_info_of_other_sizes(void **state)
{
    struct {
        SluiceSrtpEngineInfo info;
        uint8_t more[8];
    } larger;
    SluiceSrtpEngineInfo info;

    (void)state;
    assert_int_equal(sluice_srtp_engine_get_info(NULL, sizeof info), SLUICE_INVALID_ARGUMENT);
    assert_int_equal(sluice_srtp_engine_get_info(&info, 0), SLUICE_INVALID_ARGUMENT);
    memset(&larger, 0x55, sizeof larger);
    assert_int_equal(sluice_srtp_engine_get_info(&larger.info, sizeof larger), SLUICE_OK);
    assert_memory_equal(larger.more, ((const uint8_t[8]){0}), 8);
    memset(&info, 0x55, sizeof info);
    assert_int_equal(sluice_srtp_engine_get_info(&info, sizeof info.aes_icm_128), SLUICE_OK);
    assert_int_equal(info.aes_icm_256, 0x55555555);
}

/* -- refused ------------------------------------------------------------------------------------------------ */

/* One bit of the answer is another. */
static void spoil(SlSrtpVectors *vectors, int which, srtp_cipher_test_case_t *cipher,
                  srtp_auth_test_case_t *hmac, uint8_t *answer)
{
    if (which == SL_SRTP_HMAC_SHA1) {
        *hmac = *vectors->hmac_sha1;
        memcpy(answer, hmac->tag, (size_t)hmac->tag_length_octets);
        hmac->tag = answer;
        vectors->hmac_sha1 = hmac;
    } else {
        *cipher = *vectors->ciphers[which];
        memcpy(answer, cipher->ciphertext, cipher->ciphertext_length_octets);
        cipher->ciphertext = answer;
        vectors->ciphers[which] = cipher;
    }
    answer[7] ^= 1;
}

static void one_answer_wrong(int which)
{
    static const char *const names[] = {"AES-CM-128", "AES-CM-256", "AES-GCM-128", "AES-GCM-256",
                                        "HMAC-SHA1"};
    SlSrtpVectors vectors = sl_srtp_vectors;
    srtp_cipher_test_case_t cipher;
    srtp_auth_test_case_t hmac;
    uint8_t answer[128];
    Log log = {0};
    SluiceConfig *silent = new_config(0, NULL), *config = new_config(0, &log);

    CHECK(srtp_init() == srtp_err_status_ok);
    spoil(&vectors, which, &cipher, &hmac, answer);
    sl_srtp_openssl_put_in_with(&vectors, silent, 7);
    CHECK(in_place() == (ALL & ~(1 << which)));
    CHECK(info_now().refused == 1);
    check_sessions_work();
    for (int i = 0; i < 3; i++) /* it stays as it is; the first log there is hears of it once */
        sl_srtp_openssl_put_in(config, 7);
    CHECK(in_place() == (ALL & ~(1 << which)));
    CHECK(info_now().refused == 1);
    CHECK(log.lines == 1);
    for (int i = 0; i < SL_SRTP_ALGORITHMS; i++)
        CHECK((strstr(log.last, names[i]) != NULL) == (i == which));
    sluice_config_unref(silent);
    sluice_config_unref(config);
}

static void test_wrong_answers_are_refused(void **state)
{
    (void)state;
    for (int which = 0; which < SL_SRTP_ALGORITHMS; which++)
        in_child(one_answer_wrong, which);
}

/* As with a provider that has none of them. */
static void openssl_has_none(int unused)
{
    Log log = {0};
    SluiceConfig *config = new_config(0, &log);

    (void)unused;
    CHECK(srtp_init() == srtp_err_status_ok);
    CHECK(EVP_set_default_properties(NULL, "provider=nowhere") == 1);
    sl_srtp_openssl_put_in(config, 7);
    CHECK(EVP_set_default_properties(NULL, "") == 1);
    CHECK(in_place() == 0 && info_now().refused == SL_SRTP_ALGORITHMS && log.lines == 1);
    check_sessions_work();
    sluice_config_unref(config);
}

static void memory_ran_out(int n)
{
    SluiceConfig *config = new_config(0, NULL);

    CHECK(srtp_init() == srtp_err_status_ok);
    alloc_fail_at((uint64_t)n, 0);
    sl_srtp_openssl_put_in(config, 7);
    CHECK(alloc_has_failed());
    alloc_fail_at(0, 0);
    CHECK(in_place() != ALL && info_now().refused == 1);
    sl_srtp_openssl_put_in(config, 7);
    CHECK(in_place() == ALL && info_now().refused == 1);
    check_sessions_work();
    sluice_config_unref(config);
}

static void test_what_openssl_lacks_stays(void **state)
{
    (void)state;
    in_child(openssl_has_none, 0);
    for (int n = 1; n <= 10; n++) /* libsrtp's tests make a cipher of each kind several times */
        in_child(memory_ran_out, n);
}

/* -- threads ------------------------------------------------------------------------------------------------ */

static void *use_it(void *config)
{
    CHECK(sl_srtp_prepare(NULL, 0));
    sl_srtp_openssl_put_in(config, 7);
    CHECK(in_place() == ALL);
    check_sessions_work();
    return NULL;
}

static void many_at_once(int unused)
{
    SluiceConfig *config = new_config(0, NULL);
    pthread_t threads[8];

    (void)unused;
    for (int i = 0; i < 8; i++)
        CHECK(pthread_create(&threads[i], NULL, use_it, config) == 0);
    for (int i = 0; i < 8; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    CHECK(info_now().refused == 0);
    sluice_config_unref(config);
}

static void test_threads(void **state)
{
    (void)state;
    in_child(many_at_once, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wanted),
        cmocka_unit_test(test_setter),
        cmocka_unit_test(test_info_of_other_sizes),
        cmocka_unit_test(test_wrong_answers_are_refused),
        cmocka_unit_test(test_what_openssl_lacks_stays),
        cmocka_unit_test(test_threads),
    };

    unsetenv("SLUICE_STOCK_SRTP_CIPHERS");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
