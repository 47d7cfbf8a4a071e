/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: protect() may be called by any number of threads while the owner's thread runs the
 * transport, through the change from no keys to keys and from keys to the end. For TSan, and for what
 * comes out: every packet that was protected opens once. Its other forms: test-threads-media.c. */

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

/* A restart swaps the keys under the senders: all that was protected opens once, under either generation. */
static void test_senders_meet_a_restart(void **state)
{
    (void)state;
    for (int role = 0; role < 2; role++) {
        SluiceFingerprint peers[2];
        Sender *senders[SENDERS];
        pthread_t threads[SENDERS];
        atomic_int stop = 0;
        uint64_t of[3] = {0};
        Pair pair;

        open_connected(&pair);
        for (int end = 0; end < 2; end++)
            peers[end] = fingerprint_of(certificate_of(!end), SLUICE_HASH_SHA256);
        start_senders(&pair, senders, threads, &stop);
        for (int end = 0; end < 2; end++) {
            sluice_transport_restart(pair.end[end].transport, vclock_now(),
                                     end == role ? SLUICE_ROLE_CLIENT : SLUICE_ROLE_SERVER,
                                     &peers[end], 1);
            pair_drain(&pair, end);
        }
        pair_run(&pair, 200 * MS);
        join_senders(senders, threads);
        pair_run(&pair, 900 * MS);
        assert_int_equal(pair_stats(&pair, CLIENT).generation, 2);
        assert_int_equal(pair_stats(&pair, SERVER).generation, 2);
        for (int i = 0; i < SENDERS; i++) {
            for (unsigned n = 0; n < senders[i]->n; n++) {
                size_t len = senders[i]->lens[n];
                SluiceKind kind;

                assert_status(sluice_transport_receive(pair.end[SERVER].transport, vclock_now(),
                                                       senders[i]->packets[n], &len, &kind),
                              SLUICE_OK);
                of[sluice_transport_get_media_generation(pair.end[SERVER].transport)]++;
            }
            test_free(senders[i]);
        }
        assert_int_equal(of[1] + of[2], pair_stats(&pair, CLIENT).rtp_protected);
        pair_close(&pair);
    }
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_senders_from_before_the_handshake),
        cmocka_unit_test(test_senders_meet_a_restart),
        cmocka_unit_test(test_senders_meet_the_end),
    };

    alloc_init();
    return cmocka_run_group_tests(tests, NULL, free_certificates);
}
