/* SPDX-License-Identifier: BSD-3-Clause */
#include "evidence.h"

#include <string.h>

#define FATAL 2
#define CLOSE_NOTIFY 0
#define ROUND_TRIPS 4

/* After an alert, however long nothing has moved: what it contradicts may be under way. */
#define SHORT_GRACE (250 * SLUICE_MILLISECOND)

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

static void note(SlEvidence *self, int stage, SluiceTime until, const SluiceEnd *end,
                 const SluiceAlert *alert)
{
    self->stands = 1;
    self->stage = stage;
    self->until = until;
    self->end = *end;
    self->alert = *alert;
    self->last_words_len = 0;
}

void sl_evidence_note_broken(SlEvidence *self, SluiceTime now, int stage, SluiceTime rtt,
                             const SluiceEnd *end, const SluiceAlert *alert,
                             const uint8_t *last_words, size_t len)
{
    if (self->stands)
        return;
    note(self, stage, now + longer(SL_GRACE, ROUND_TRIPS * rtt), end, alert);
    if (len > 0 && len <= sizeof self->last_words) {
        memcpy(self->last_words, last_words, len);
        self->last_words_len = len;
    }
}

void sl_evidence_note_alert(SlEvidence *self, SluiceTime now, int stage, SluiceTime rtt,
                            const SluiceEnd *end, const SluiceAlert *alert)
{
    if (self->stands)
        return;
    note(self, stage,
         longer(now + longer(SHORT_GRACE, rtt),
                self->furthest_at + longer(SL_GRACE, ROUND_TRIPS * rtt)),
         end, alert);
}

SluiceTime sl_evidence_due(const SlEvidence *self)
{
    return self->stands ? self->until : SLUICE_TIME_NEVER;
}
