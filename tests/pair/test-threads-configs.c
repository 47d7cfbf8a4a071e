/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: whatever is made once, in a process or of a config, may be made by several threads at once: libsrtp and the
 * engine that is put into it, kinds of BIO, the SSL_CTX of a config, for transports and for streams. For TSan. */

#include "threads.h"

#include <sluice/sluice.h>

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define THREADS 4
#define ROUNDS 18
#define PROCESSES 5

/* -- the first use in a process ----------------------------------------------------------------------------- */

static pthread_barrier_t start_line;

static void *use_everything(void *data)
{
    const char *number = data;
    SluiceCertificate *certificate;
    SluiceConfig *config;
    SluiceSrtpEngineInfo info;
    SluiceStream *stream = NULL;
    HandPair pair;

    pthread_barrier_wait(&start_line);
    if (*number == 3) /* looks on while the others put it in */
        for (int i = 0; i < 20000 && !(i && info.hmac_sha1); i++) {
            must_be(sluice_srtp_engine_get_info(&info, sizeof info), SLUICE_OK);
            sched_yield();
        }
    must_be(sluice_certificate_generate(SLUICE_KEY_ECDSA_P256, &certificate), SLUICE_OK);
    config = sluice_config_new(certificate);
    must(config != NULL);
    sluice_certificate_unref(certificate);
    hand_pair_open(&pair, config, config);
    if (*number == 0) { /* it is slow to make: the certificates that the system trusts are read */
        stream = sluice_stream_new(config, SLUICE_ROLE_CLIENT);
        must(stream != NULL);
    }
    must_be(sluice_srtp_engine_get_info(&info, sizeof info), SLUICE_OK);
    must(info.refused == 0);
    hand_pair_connect(&pair);
    for (uint16_t n = 0; n < 10; n++)
        for (int end = 0; end < 2; end++) {
            hand_pair_send_media(&pair, end, SLUICE_KIND_RTP, 1, n);
            hand_pair_send_media(&pair, end, SLUICE_KIND_RTCP, 1, n);
            hand_pair_send_data(&pair, end);
        }
    sluice_stream_free(stream);
    hand_pair_free(&pair);
    sluice_config_unref(config);
    return NULL;
}

/* A process has one first use, so each round has a process of its own. */
static void test_first_use(void **state)
{
    (void)state;
    for (int round = 0; round < PROCESSES; round++) {
        char numbers[THREADS] = {0, 1, 2, 3};
        int status = 0;
        pid_t child;

        fflush(NULL);
        child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            if (pthread_barrier_init(&start_line, NULL, THREADS) != 0)
                _exit(1);
            run_threads(THREADS, use_everything, numbers, 1);
            _exit(0);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
    }
}

/* -- a config frozen by several ----------------------------------------------------------------------------- */

typedef struct {
    SluiceConfig *shared[ROUNDS]; /* a reference each */
    unsigned number;
} Freezer;

/* In some rounds half of them begin with a stream. Takes over the reference. */
static void freeze(SluiceConfig *shared, unsigned number, int with_stream)
{
    SluiceCertificate *certificate = sluice_certificate_ref(sluice_config_get_certificate(shared));
    SluiceConfig *own = sluice_config_new(certificate);
    SluiceFingerprint fingerprint;
    SluiceStream *stream = NULL;
    HandPair pair;

    must(own != NULL);
    must_be(sluice_config_set_replay_window(own, 64 + number), SLUICE_OK);
    pthread_barrier_wait(&start_line);
    if (with_stream && number % 2) {
        stream = sluice_stream_new(shared, SLUICE_ROLE_SERVER);
        must(stream != NULL);
    }
    if (number / 2)
        hand_pair_open(&pair, shared, own);
    else
        hand_pair_open(&pair, own, shared);
    must_be(sluice_config_set_replay_window(shared, 128), SLUICE_INVALID_STATE);
    must_be(sluice_config_set_replay_window(own, 128), SLUICE_INVALID_STATE);
    hand_pair_connect(&pair);
    hand_pair_send_media(&pair, CLIENT, SLUICE_KIND_RTP, 1, 1);
    hand_pair_send_media(&pair, SERVER, SLUICE_KIND_RTP, 1, 1);
    sluice_stream_free(stream);
    hand_pair_free(&pair);
    sluice_config_unref(own);
    sluice_config_unref(shared);
    must_be(sluice_certificate_get_fingerprint(certificate, SLUICE_HASH_SHA256, &fingerprint),
            SLUICE_OK);
    sluice_certificate_unref(certificate);
}

static void *freeze_each(void *data)
{
    Freezer *self = data;

    for (int round = 0; round < ROUNDS; round++)
        freeze(self->shared[round], self->number, round % 6 == 0);
    return NULL;
}

static void test_frozen_by_several(void **state)
{
    Freezer *freezers = test_malloc(THREADS * sizeof *freezers);

    (void)state;
    assert_int_equal(pthread_barrier_init(&start_line, NULL, THREADS), 0);
    for (int round = 0; round < ROUNDS; round++) {
        SluiceCertificate *certificate;
        SluiceConfig *config;

        assert_status(sluice_certificate_generate(SLUICE_KEY_ECDSA_P256, &certificate), SLUICE_OK);
        config = sluice_config_new(certificate);
        assert_non_null(config);
        for (unsigned i = 0; i < THREADS; i++)
            freezers[i].shared[round] = sluice_config_ref(config);
        sluice_certificate_unref(certificate); /* the threads drop the last ones */
        sluice_config_unref(config);
    }
    for (unsigned i = 0; i < THREADS; i++)
        freezers[i].number = i;
    run_threads(THREADS, freeze_each, freezers, sizeof *freezers);
    pthread_barrier_destroy(&start_line);
    test_free(freezers);
}

/* -- configs that threads share ----------------------------------------------------------------------------- */

typedef struct {
    SluiceConfig *configs[2]; /* references of its own */
} Caller;

static void *call_often(void *data)
{
    Caller *self = data;

    for (int i = 0; i < 10; i++) {
        HandPair pair;

        hand_pair_open(&pair, self->configs[0], self->configs[1]);
        hand_pair_connect(&pair);
        hand_pair_free(&pair);
    }
    sluice_config_unref(self->configs[0]);
    sluice_config_unref(self->configs[1]);
    return NULL;
}

/* None is frozen when the threads begin: the first transport freezes it under their feet. */
static void test_shared_by_many_calls(void **state)
{
    SluiceConfig *configs[2] = {new_config(CLIENT), new_config(SERVER)};
    Caller callers[THREADS];

    (void)state;
    for (int i = 0; i < THREADS; i++)
        for (int side = 0; side < 2; side++)
            callers[i].configs[side] = sluice_config_ref(configs[side]);
    sluice_config_unref(configs[0]);
    sluice_config_unref(configs[1]);
    run_threads(THREADS, call_often, callers, sizeof callers[0]);
}

/* No alloc_init() and no certificate here before the first test: it is about what was never used. */
int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_use),
        cmocka_unit_test(test_frozen_by_several),
        cmocka_unit_test(test_shared_by_many_calls),
    };

    return cmocka_run_group_tests(tests, NULL, free_certificates);
}
