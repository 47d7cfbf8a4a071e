/* SPDX-License-Identifier: BSD-3-Clause */
#include "dtls-clock.h"

#include <openssl/ssl.h>

#define MICROSECOND ((SluiceTime)1000)
#define CAP (4 * SLUICE_SECOND)
#define OPENSSL_EXPIRIES 13

static SluiceTime sum_of_expiries(SluiceTime first, SluiceTime cap)
{
    SluiceTime sum = 0, duration = first;

    for (int i = 0; i < OPENSSL_EXPIRIES; i++) {
        sum += duration;
        duration = duration * 2 < cap ? duration * 2 : cap;
    }
    return sum;
}

void sl_dtls_clock_init(SlDtlsClock *self, SluiceTime first, SluiceTime deadline)
{
    self->due = SLUICE_TIME_NEVER;
    self->duration = first;
    self->expiries = 0;
    self->restarted = 0;
    sl_dtls_clock_set_first(self, first, deadline);
}

void sl_dtls_clock_set_first(SlDtlsClock *self, SluiceTime first, SluiceTime deadline)
{
    self->first = first;
    self->cap = first > CAP ? first : CAP;
    while (sum_of_expiries(first, self->cap) <= deadline && self->cap < first * 4096)
        self->cap += SLUICE_SECOND / 2;
    /* Doubling alone may not reach a far deadline in 13 steps: then the last four share it. */
    self->tail = sum_of_expiries(first, self->cap) <= deadline ? deadline / 4 + 1 : 0;
}

SluiceTime sl_dtls_clock_first_of_rtt(SluiceTime rtt)
{
    if (rtt <= 25 * SLUICE_MILLISECOND)
        return 50 * SLUICE_MILLISECOND;
    return rtt >= SLUICE_SECOND / 2 ? SLUICE_SECOND : 2 * rtt;
}

static SluiceTime doubled(const SlDtlsClock *self, SluiceTime duration)
{
    duration = duration * 2 < self->cap ? duration * 2 : self->cap;
    if (self->expiries >= OPENSSL_EXPIRIES - 4 && duration < self->tail)
        duration = self->tail;
    return duration;
}

unsigned sl_dtls_clock_duration(SlDtlsClock *self, unsigned previous)
{
    if (previous == 0) {
        self->expiries = 0;
        self->duration = self->first;
    } else {
        self->expiries++;
        self->duration = doubled(self, (SluiceTime)previous * MICROSECOND);
    }
    self->restarted = 1;
    return (unsigned)(self->duration / MICROSECOND);
}

void sl_dtls_clock_expire(SlDtlsClock *self, SluiceTime now)
{
    self->expiries++;
    self->duration = doubled(self, self->duration);
    self->due = now + self->duration;
}

/* What OpenSSL's timer still has to run, or NEVER. */
static SluiceTime remaining(SSL *ssl)
{
    struct timeval left;

    if (!DTLSv1_get_timeout(ssl, &left))
        return SLUICE_TIME_NEVER;
    return (SluiceTime)left.tv_sec * SLUICE_SECOND + (SluiceTime)left.tv_usec * MICROSECOND;
}

int sl_dtls_clock_rearm(SlDtlsClock *self, SSL *ssl, SluiceTime now)
{
    SluiceTime rest = remaining(ssl);

    if (rest > self->duration)
        return 0;
    self->due = now + rest;
    self->restarted = 1; /* put off for once */
    return 1;
}

void sl_dtls_clock_read(SlDtlsClock *self, SSL *ssl, SluiceTime now)
{
    SluiceTime rest = remaining(ssl), due;

    if (rest == SLUICE_TIME_NEVER) {
        self->due = SLUICE_TIME_NEVER;
        return;
    }
    due = now + rest;
    /* A wall clock that was set back says "in an hour": never wait longer than was asked for, and, while the same
     * timer runs, never put off what is agreed already. */
    if (due > now + self->duration)
        due = now + self->duration;
    if (self->restarted || self->due == SLUICE_TIME_NEVER || due < self->due)
        self->due = due;
    self->restarted = 0;
}
