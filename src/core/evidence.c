/* SPDX-License-Identifier: BSD-3-Clause */
#include "evidence.h"

#include <string.h>

#define FATAL 2
#define CLOSE_NOTIFY 0
#define ROUND_TRIPS 8

/* After an alert, however long nothing has moved: what it contradicts may be under way. */
#define SHORT_GRACE (250 * SLUICE_MILLISECOND)

/* What is of no use: so much in so short a time is 48 a second. A flight that comes in vain, cut into small datagrams, is
 * less. */
#define NOISE 12
#define NOISE_WINDOW (250 * SLUICE_MILLISECOND)

static SluiceTime longer(SluiceTime a, SluiceTime b) { return a > b ? a : b; }

int sl_alert_of(const SlRecord *record, SluiceAlert *out)
{
    if (record->type != SL_ALERT || record->epoch != 0 || record->len != 2 ||
        (record->body[0] != FATAL && record->body[1] != CLOSE_NOTIFY))
        return 0;
    out->direction = SLUICE_RECEIVED;
    out->level = record->body[0];
    out->number = record->body[1];
    out->authenticated = 0;
    return 1;
}

void sl_evidence_begin(SlEvidence *self, SluiceTime now)
{
    memset(self, 0, sizeof *self);
    self->furthest_at = now;
    self->noisy_until = now;
}

void sl_evidence_reached(SlEvidence *self, SluiceTime now, int stage)
{
    if (stage > self->furthest) {
        self->furthest = stage;
        self->furthest_at = now;
    }
    if (stage > self->stage)
        self->stands = 0;
}

void sl_evidence_note_noise(SlEvidence *self, SluiceTime now)
{
    if (self->noise == 0 || now - self->noise_since >= NOISE_WINDOW) {
        self->noise_since = now;
        self->noise = 0;
    }
    if (++self->noise < NOISE)
        return;
    self->noisy_until = now + NOISE_WINDOW;
    self->stands = 0;
}

static int counts(const SlEvidence *self, SluiceTime now, int confirmed)
{
    return now >= self->noisy_until && (!self->stands || (self->unconfirmed && confirmed));
}

static void note(SlEvidence *self, int stage, SluiceTime until, const SluiceEnd *end,
                 const SluiceAlert *alert)
{
    self->stands = 1;
    self->unconfirmed = 0;
    self->stage = stage;
    self->until = until;
    self->end = *end;
    self->alert = *alert;
    self->last_words_len = 0;
}

void sl_evidence_note_broken(SlEvidence *self, SluiceTime now, int stage, int confirmed,
                             SluiceTime rtt, const SluiceEnd *end, const SluiceAlert *alert,
                             const uint8_t *last_words, size_t len)
{
    SluiceTime until = now + longer(SL_GRACE, ROUND_TRIPS * rtt);

    if (!counts(self, now, confirmed))
        return;
    if (self->stands && self->until > now) /* since the same broke without a cookie */
        until = self->until;
    note(self, stage, until, end, alert);
    self->unconfirmed = !confirmed;
    if (len > 0 && len <= sizeof self->last_words) {
        memcpy(self->last_words, last_words, len);
        self->last_words_len = len;
    }
}

void sl_evidence_note_alert(SlEvidence *self, SluiceTime now, int stage, SluiceTime rtt,
                            const SluiceEnd *end, const SluiceAlert *alert)
{
    if (!counts(self, now, 1))
        return;
    note(self, stage,
         longer(now + longer(SHORT_GRACE, rtt),
                self->furthest_at + longer(SL_GRACE, ROUND_TRIPS * rtt)),
         end, alert);
}

SluiceTime sl_evidence_due(const SlEvidence *self)
{
    return self->stands && !self->unconfirmed ? self->until : SLUICE_TIME_NEVER;
}
