/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PAIR_COMMON_H
#define PAIR_COMMON_H

/* What the pair tests share. */

#include "alloc.h"
#include "pair.h"
#include "vclock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define MS SLUICE_MILLISECOND
#define SECOND SLUICE_SECOND

enum { CLIENT = 0, SERVER = 1 }; /* the ends of a pair as pair_start_both() starts them */

#define assert_status(status, expected)                                                            \
    assert_string_equal(sluice_status_text(status), sluice_status_text(expected))
#define assert_state(pair, end, expected)                                                          \
    assert_string_equal(sluice_state_name(pair_state(pair, end)), sluice_state_name(expected))
#define assert_reason(pair, end, expected)                                                         \
    assert_string_equal(reason_name(pair, end), sluice_end_reason_name(expected))

/* A config of default settings with the certificate of side 0 or 1, each made once in a process. */
SluiceConfig *new_config(int side);
SluiceCertificate *certificate_of(int side);
int free_certificates(void **state);

/* The fingerprint that @certificate announces. */
SluiceFingerprint fingerprint_of(SluiceCertificate *certificate, SluiceHash hash);

/* A pair over a path of 10 ms one way with default configs, or those given (whose references are
 * taken over). */
void open_default(Pair *pair);
void open_with(Pair *pair, SluiceConfig *client, SluiceConfig *server);

/* Starts both and runs until both are connected; fails the test if that takes longer than @limit.
 */
void connect_within(Pair *pair, SluiceTime limit);
void open_connected(Pair *pair);

const char *reason_name(const Pair *pair, int end);

/* A message each way, RTP and RTCP each way: all arrive. */
void assert_talks(Pair *pair);

/* 1 if some event of @end is this one. */
int has_state_event(const Pair *pair, int end, SluiceState state);
/* The first alert event of @end in that direction, or NULL. */
const SluiceAlert *alert_event(const Pair *pair, int end, SluiceDirection direction);

/* A link filter that loses the datagrams of a bit mask, bit 0 being the first. context: uint64_t *.
 */
int lose_by_mask(void *context, uint64_t number, SluiceTime now, uint8_t *data, size_t len);
/* Loses everything while now < *context (SluiceTime *). */
int lose_until(void *context, uint64_t number, SluiceTime now, uint8_t *data, size_t len);

/* Adds records to the outcome of an end: largest datagram of its output so far. */
size_t largest_sent(const Pair *pair, int end);

#endif
