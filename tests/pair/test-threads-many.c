/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: transports of one config are made, connected, used and closed at random by four threads; each pair belongs to one
 * thread at a time and is handed on through a queue with a lock, after every step. References on the config and the
 * certificate come and go meanwhile, and whichever thread drops the last one frees them. For TSan. */

#include "threads.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define THREADS 4
#define PAIRS 500

typedef enum { UNMADE, CONNECTING, IN_USE, LEAVING, GONE } Stage;

typedef struct Call {
    struct Call *next; /* in a queue */
    HandPair pair;
    Stage stage;
    Rng rng;
    SluiceConfig *config; /* a reference of its own */
    SluiceCertificate *certificate;
    unsigned uses;
    uint16_t sequence;
} Call;

/* -- one step in the life of a call ------------------------------------------------------------------------- */

static int lose(void *rng) { return rng_below(rng, 12) == 0; }

static int both_are(const Call *self, SluiceState state)
{
    return sluice_transport_get_state(self->pair.end[0]) == state &&
           sluice_transport_get_state(self->pair.end[1]) == state;
}

/* Nothing is on its way: the earlier timer of the two. */
static void expire(Call *self)
{
    SluiceTime due = SLUICE_TIME_NEVER;

    for (int end = 0; end < 2; end++)
        if (sluice_transport_next_timeout(self->pair.end[end]) < due)
            due = sluice_transport_next_timeout(self->pair.end[end]);
    must(due != SLUICE_TIME_NEVER);
    vclock_advance_to(due);
    self->pair.now = vclock_now();
    for (int end = 0; end < 2; end++)
        must_be(sluice_transport_handle_timeout(self->pair.end[end], self->pair.now), SLUICE_OK);
}

static void connect_further(Call *self)
{
    int from = (int)rng_below(&self->rng, 2);

    if (hand_pair_carry(&self->pair, from, lose, &self->rng) +
            hand_pair_carry(&self->pair, !from, lose, &self->rng) ==
        0)
        expire(self);
    if (both_are(self, SLUICE_STATE_CONNECTED))
        self->stage = IN_USE;
    else if (rng_below(&self->rng, 100) == 0)
        self->stage = LEAVING; /* in the middle of the handshake */
}

static void use(Call *self)
{
    for (int end = 0; end < 2; end++) {
        SluiceStats stats;

        hand_pair_send_media(&self->pair, end, SLUICE_KIND_RTP, 7, self->sequence);
        hand_pair_send_media(&self->pair, end, SLUICE_KIND_RTCP, 7, self->sequence);
        hand_pair_send_data(&self->pair, end);
        must_be(sluice_transport_get_stats(self->pair.end[end], &stats, sizeof stats), SLUICE_OK);
        must(stats.rtp_protected == self->uses + 1);
    }
    self->sequence++;
    self->uses++;
    if (rng_below(&self->rng, 4) == 0)
        self->stage = LEAVING;
}

/* In order, or by being freed alone. */
static void leave(Call *self)
{
    if (rng_below(&self->rng, 3) != 0) {
        int first = (int)rng_below(&self->rng, 2),
            connected = both_are(self, SLUICE_STATE_CONNECTED);

        must_be(sluice_transport_close(self->pair.end[first], self->pair.now), SLUICE_OK);
        hand_pair_carry(&self->pair, first, NULL, NULL);
        must(!connected || both_are(self, SLUICE_STATE_CLOSED));
    }
    hand_pair_free(&self->pair);
    sluice_certificate_unref(self->certificate);
    sluice_config_unref(self->config);
    self->stage = GONE;
}

static void touch_what_is_shared(Call *self)
{
    SluiceFingerprint fingerprint;
    SluiceConfig *config = sluice_config_ref(self->config);
    SluiceCertificate *certificate = sluice_certificate_ref(self->certificate);

    must(sluice_config_get_certificate(config) == certificate);
    must_be(sluice_certificate_get_fingerprint(certificate, SLUICE_HASH_SHA256, &fingerprint),
            SLUICE_OK);
    must_be(sluice_config_set_replay_window(config, 128), SLUICE_INVALID_STATE);
    sluice_certificate_unref(certificate);
    sluice_config_unref(config);
}

static void step(Call *self)
{
    vclock_enter(self->pair.now); /* libssl reads the clock of the thread it is in */
    touch_what_is_shared(self);
    switch (self->stage) {
    case UNMADE:
        hand_pair_open(&self->pair, self->config, self->config);
        self->stage = CONNECTING;
        break;
    case CONNECTING:
        connect_further(self);
        break;
    case IN_USE:
        use(self);
        break;
    case LEAVING:
    case GONE:
        leave(self);
        break;
    }
}

/* -- the threads -------------------------------------------------------------------------------------------- */

typedef struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    Call *queue[THREADS];
    size_t left; /* calls that are not gone */
    uint64_t steps, handed_over;
} Exchange;

typedef struct {
    Exchange *exchange;
    size_t number;
    Rng rng;
} Worker;

/* NULL: there is nothing left to do. */
static Call *take(Worker *self)
{
    Exchange *exchange = self->exchange;
    Call *call;

    pthread_mutex_lock(&exchange->lock);
    while (!exchange->queue[self->number] && exchange->left)
        pthread_cond_wait(&exchange->changed, &exchange->lock);
    call = exchange->queue[self->number];
    if (call)
        exchange->queue[self->number] = call->next;
    pthread_mutex_unlock(&exchange->lock);
    return call;
}

static void hand_over(Worker *self, Call *call)
{
    Exchange *exchange = self->exchange;
    size_t to = rng_below(&self->rng, THREADS);

    pthread_mutex_lock(&exchange->lock);
    exchange->steps++;
    if (call->stage == GONE) {
        exchange->left--;
    } else {
        exchange->handed_over += to != self->number;
        call->next = exchange->queue[to];
        exchange->queue[to] = call;
    }
    pthread_cond_broadcast(&exchange->changed);
    pthread_mutex_unlock(&exchange->lock);
}

static void *work(void *data)
{
    Worker *self = data;
    Call *call;

    while ((call = take(self)) != NULL) {
        step(call);
        hand_over(self, call);
    }
    return NULL;
}

/* Fewer for slow machines and valgrind: SLUICE_TEST_PAIRS. */
static size_t how_many(void)
{
    const char *text = getenv("SLUICE_TEST_PAIRS");
    size_t n = text ? strtoul(text, NULL, 10) : 0;

    return n ? n : PAIRS;
}

/* The hook of all, in whichever thread is inside the library. */
typedef struct {
    atomic_uint lines;
    int gone;
} Log;

static void count_line(SluiceLogLevel level, uint64_t id, const char *message, void *log)
{
    (void)level;
    (void)id;
    (void)message;
    atomic_fetch_add(&((Log *)log)->lines, 1);
}

/* Plain: it comes from the thread that dropped the last reference, after all that the others did with theirs. */
static void log_is_gone(void *log) { ((Log *)log)->gone++; }

static void test_many(void **state)
{
    size_t n = how_many();
    Call *calls = test_malloc(n * sizeof *calls);
    Exchange exchange = {.left = n};
    SluiceCertificate *certificate;
    SluiceConfig *config;
    Worker workers[THREADS];
    Log log = {0};
    Rng rng;

    (void)state;
    rng_init(&rng, rng_test_seed(1));
    assert_status(sluice_certificate_generate(SLUICE_KEY_ECDSA_P256, &certificate), SLUICE_OK);
    config = sluice_config_new(certificate);
    assert_non_null(config);
    assert_status(sluice_config_set_log(config, count_line, &log, log_is_gone), SLUICE_OK);
    sluice_transport_free(sluice_transport_new(config)); /* freezes it */
    memset(calls, 0, n * sizeof *calls);
    pthread_mutex_init(&exchange.lock, NULL);
    pthread_cond_init(&exchange.changed, NULL);
    for (size_t i = 0; i < n; i++) {
        rng_init(&calls[i].rng, rng_next(&rng));
        calls[i].pair.now = vclock_now();
        calls[i].config = sluice_config_ref(config);
        calls[i].certificate = sluice_certificate_ref(certificate);
        calls[i].next = exchange.queue[i % THREADS];
        exchange.queue[i % THREADS] = &calls[i];
    }
    for (size_t i = 0; i < THREADS; i++) {
        workers[i] = (Worker){.exchange = &exchange, .number = i};
        rng_init(&workers[i].rng, rng_next(&rng));
    }
    sluice_certificate_unref(certificate); /* the calls drop the last ones */
    sluice_config_unref(config);
    run_threads(THREADS, work, workers, sizeof workers[0]);
    print_message("# %d transports, %d threads, %d steps, %d handed over\n", (int)(2 * n), THREADS,
                  (int)exchange.steps, (int)exchange.handed_over);
    assert_int_equal(log.gone, 1);
    assert_true(log.lines >= 2 * n);
    pthread_cond_destroy(&exchange.changed);
    pthread_mutex_destroy(&exchange.lock);
    test_free(calls);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_many)};

    alloc_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
