/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: protect() may be called by any number of threads while the owner's thread runs the
 * transport, through the change from no keys to keys and from keys to the end; configs and
 * certificates are shared by all. For TSan, and for what comes out: every packet that was protected
 * opens once. */

#include "common.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define SENDERS 4
#define PACKETS 400

typedef struct {
    SluiceTransport *transport;
    uint32_t ssrc;
    atomic_int *stop;
    unsigned not_ready, ended, n;
    size_t lens[PACKETS];
    _Alignas(8) uint8_t packets[PACKETS][64 + 12 + SLUICE_PROTECT_ROOM];
} Sender;

/* Until it is told to stop, or until the transport has ended. */
static void *send_media(void *data)
{
    Sender *self = data;

    while (!atomic_load(self->stop)) {
        uint8_t *packet = self->packets[self->n];
        size_t len = pair_make_media(packet, SLUICE_KIND_RTP, self->ssrc, (uint16_t)(self->n + 1),
                                     (uint8_t)self->n, 64);
        SluiceStatus status = sluice_transport_protect(self->transport, SLUICE_KIND_RTP, packet,
                                                       &len, sizeof self->packets[0]);

        if (status == SLUICE_ENDED) {
            self->ended++;
            break;
        }
        if (status == SLUICE_NOT_READY) {
            self->not_ready++;
            continue;
        }
        if (status != SLUICE_OK)
            abort();
        self->lens[self->n++] = len;
        if (self->n == PACKETS)
            break;
    }
    return NULL;
}

static void start_senders(Pair *pair, Sender **senders, pthread_t *threads, atomic_int *stop)
{
    for (uint32_t i = 0; i < SENDERS; i++) {
        senders[i] = test_malloc(sizeof *senders[i]);
        memset(senders[i], 0, sizeof *senders[i]);
        senders[i]->transport = pair->end[CLIENT].transport;
        senders[i]->ssrc = 100 + i;
        senders[i]->stop = stop;
        assert_int_equal(pthread_create(&threads[i], NULL, send_media, senders[i]), 0);
    }
}

static void join_senders(Sender **senders, pthread_t *threads)
{
    (void)senders;
    for (int i = 0; i < SENDERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
}

/* All that was protected arrives, and its content is its sender's. */
static void test_senders_from_before_the_handshake(void **state)
{
    Sender *senders[SENDERS];
    pthread_t threads[SENDERS];
    atomic_int stop = 0;
    SluiceStats stats;
    Pair pair;

    (void)state;
    open_default(&pair);
    start_senders(&pair, senders, threads, &stop);
    pair_start_both(&pair);
    assert_true(pair_run_until(&pair, pair_both_connected, pair.begun + SECOND));
    for (int i = 0; i < 200; i++) { /* the owner's thread goes on with its own work */
        pair_send_data(&pair, CLIENT, "x", 1);
        pair_send_data(&pair, SERVER, "y", 1);
        pair_run(&pair, MS);
        (void)pair_stats(&pair, CLIENT);
    }
    join_senders(senders, threads);
    for (int i = 0; i < SENDERS; i++) {
        assert_int_equal(senders[i]->n, PACKETS);
        for (unsigned n = 0; n < PACKETS; n++) {
            size_t len = senders[i]->lens[n];
            SluiceKind kind;

            assert_status(sluice_transport_receive(pair.end[SERVER].transport, vclock_now(),
                                                   senders[i]->packets[n], &len, &kind),
                          SLUICE_OK);
            assert_int_equal(kind, SLUICE_KIND_RTP);
            assert_int_equal(senders[i]->packets[n][12], (uint8_t)n);
        }
        test_free(senders[i]);
    }
    stats = pair_stats(&pair, CLIENT);
    assert_int_equal(stats.rtp_protected, SENDERS * PACKETS);
    assert_int_equal(pair_stats(&pair, SERVER).rtp_delivered, SENDERS * PACKETS);
    pair_close(&pair);
}

/* close() takes the same lock: each sender is told, none crashes, none sends under keys that are
 * gone. */
static void test_senders_meet_the_end(void **state)
{
    (void)state;
    for (int round = 0; round < 5; round++) {
        Sender *senders[SENDERS];
        pthread_t threads[SENDERS];
        atomic_int stop = 0;
        uint64_t sent = 0;
        Pair pair;

        open_connected(&pair);
        start_senders(&pair, senders, threads, &stop);
        if (round % 2)
            sluice_transport_close(pair.end[CLIENT].transport, vclock_now());
        else {
            sluice_transport_close(pair.end[SERVER].transport, vclock_now());
            pair_drain(&pair, SERVER);
            pair_run(&pair, SECOND);
        }
        join_senders(senders, threads);
        assert_state(&pair, CLIENT, SLUICE_STATE_CLOSED);
        for (int i = 0; i < SENDERS; i++) {
            assert_true(senders[i]->ended || senders[i]->n == PACKETS);
            sent += senders[i]->n;
            test_free(senders[i]);
        }
        assert_int_equal(pair_stats(&pair, CLIENT).rtp_protected, sent);
        pair_close(&pair);
    }
}

typedef struct {
    SluiceConfig *configs[2];
    int connected;
} Caller;

/* Transports of the same configs in several threads, each thread with pairs of its own: by hand,
 * since virtual time is everybody's. */
static void shuttle(SluiceTransport *from, SluiceTransport *to)
{
    const uint8_t *data;
    uint8_t copy[2000];
    size_t len;
    SluiceKind kind;

    while (sluice_transport_peek_output(from, &data, &len)) {
        memcpy(copy, data, len);
        sluice_transport_pop_output(from, vclock_now(), SLUICE_SENT);
        (void)sluice_transport_receive(to, vclock_now(), copy, &len, &kind);
    }
}

static void *call_often(void *data)
{
    Caller *self = data;

    for (int i = 0; i < 10; i++) {
        SluiceTransport *ends[2];

        for (int end = 0; end < 2; end++) {
            SluiceFingerprint peer;

            ends[end] = sluice_transport_new(self->configs[end]);
            if (!ends[end])
                abort();
            sluice_certificate_get_fingerprint(sluice_config_get_certificate(self->configs[!end]),
                                               SLUICE_HASH_SHA256, &peer);
            sluice_transport_set_remote_fingerprints(ends[end], vclock_now(), &peer, 1);
            sluice_transport_set_path_validated(ends[end], vclock_now(), 1);
        }
        sluice_transport_start(ends[0], vclock_now(), SLUICE_ROLE_CLIENT);
        sluice_transport_start(ends[1], vclock_now(), SLUICE_ROLE_SERVER);
        for (int round = 0; round < 4; round++) {
            shuttle(ends[0], ends[1]);
            shuttle(ends[1], ends[0]);
        }
        self->connected += sluice_transport_get_state(ends[0]) == SLUICE_STATE_CONNECTED &&
                           sluice_transport_get_state(ends[1]) == SLUICE_STATE_CONNECTED;
        sluice_transport_free(ends[0]);
        sluice_transport_free(ends[1]);
    }
    return NULL;
}

/* None is frozen when the threads begin: the first transport freezes it under their feet. */
static void test_shared_configs(void **state)
{
    SluiceConfig *configs[2] = {new_config(CLIENT), new_config(SERVER)};
    Caller callers[SENDERS];
    pthread_t threads[SENDERS];

    (void)state;
    for (int i = 0; i < SENDERS; i++) {
        callers[i].configs[0] = sluice_config_ref(configs[0]);
        callers[i].configs[1] = sluice_config_ref(configs[1]);
        callers[i].connected = 0;
        assert_int_equal(pthread_create(&threads[i], NULL, call_often, &callers[i]), 0);
    }
    sluice_config_unref(configs[0]);
    sluice_config_unref(configs[1]);
    for (int i = 0; i < SENDERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(callers[i].connected, 10);
        sluice_config_unref(callers[i].configs[0]);
        sluice_config_unref(callers[i].configs[1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_senders_from_before_the_handshake),
        cmocka_unit_test(test_senders_meet_the_end),
        cmocka_unit_test(test_shared_configs),
    };

    alloc_init();
    return cmocka_run_group_tests(tests, NULL, free_certificates);
}
