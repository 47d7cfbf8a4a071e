/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SL_DTLS_CLOCK_H
#define SL_DTLS_CLOCK_H

/* OpenSSL's remaining time <-> the caller's monotonic time. OpenSSL keeps its timer by the wall clock, which may
 * be set; only durations cross this line. */

#include <sluice/types.h>

#include <openssl/types.h>

typedef struct {
    SluiceTime first;    /* first timeout of a flight */
    SluiceTime cap;      /* largest timeout */
    SluiceTime tail;     /* least timeout of the last expiries, 0: none */
    SluiceTime duration; /* the one that runs */
    SluiceTime due;      /* when it ends, or NEVER */
    unsigned expiries;   /* of the flight that waits */
    int restarted;       /* OpenSSL has started its timer since sl_dtls_clock_read() */
} SlDtlsClock;

/* @deadline bounds the whole handshake: the cap is at least 4 s, and large enough that OpenSSL's 13 expiries, the
 * last of which it treats as fatal, outlast it. */
void sl_dtls_clock_init(SlDtlsClock *self, SluiceTime first, SluiceTime deadline);

/* The first timeout that a round-trip time asks for: twice it, within 50 ms and 1 s. */
SluiceTime sl_dtls_clock_first_of_rtt(SluiceTime rtt);

/* Another first timeout, for the flights that follow. */
void sl_dtls_clock_set_first(SlDtlsClock *self, SluiceTime first, SluiceTime deadline);

/* OpenSSL's timer callback: @previous is 0 for a new flight, else the duration that has run out; microseconds. */
unsigned sl_dtls_clock_duration(SlDtlsClock *self, unsigned previous);

/* OpenSSL says that nothing is due although we think so. 1: its clock is a little behind (a late @now, a small step), the
 * rest is waited for. 0: the rest is longer than the whole timer: its clock was set back. */
int sl_dtls_clock_rearm(SlDtlsClock *self, SSL *ssl, SluiceTime now);

/* The timer of our own, for when OpenSSL's clock is behind: as if it had expired. */
void sl_dtls_clock_expire(SlDtlsClock *self, SluiceTime now);

/* Takes over what OpenSSL says now; to be called after every call into it. */
void sl_dtls_clock_read(SlDtlsClock *self, SSL *ssl, SluiceTime now);

#endif
