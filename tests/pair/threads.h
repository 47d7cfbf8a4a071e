/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PAIR_THREADS_H
#define PAIR_THREADS_H

/* What the tests with threads share. pair.h moves one virtual time for all, so here each pair is carried by hand and has
 * a time of its own. */

#include "common.h"

/* For any thread: cmocka's assertions jump, which only the main thread may. */
#define must(condition)                                                                            \
    do {                                                                                           \
        if (!(condition))                                                                          \
            must_have_held(__FILE__, __LINE__, #condition);                                        \
    } while (0)
#define must_be(status, expected) must_have_been(__FILE__, __LINE__, #status, (status), (expected))

_Noreturn void must_have_held(const char *file, int line, const char *condition);
void must_have_been(const char *file, int line, const char *call, SluiceStatus status,
                    SluiceStatus expected);

/* Runs @body in @n threads, with the elements of @arguments, and waits for all of them. */
void run_threads(size_t n, void *(*body)(void *), void *arguments, size_t size);

typedef struct {
    SluiceTransport *end[2]; /* CLIENT and SERVER */
    SluiceTime now;
} HandPair;

/* Two transports that know each other and are started; nothing is carried yet. */
void hand_pair_open(HandPair *self, SluiceConfig *client, SluiceConfig *server);

/* Gives what @from has to send to the other end, and empties that one's queues but for messages. Each datagram that
 * @lose, if there is one, answers with 1 vanishes. Returns how many there were. */
unsigned hand_pair_carry(HandPair *self, int from, int (*lose)(void *context), void *context);

/* Carries until both are connected, which without loss needs no timer. */
void hand_pair_connect(HandPair *self);

/* Packet @sequence of @ssrc from one end to the other. */
void hand_pair_send_media(HandPair *self, int from, SluiceKind kind, uint32_t ssrc,
                          uint16_t sequence);

/* A message from one end to the other. */
void hand_pair_send_data(HandPair *self, int from);

void hand_pair_free(HandPair *self);

#endif
