/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SL_EVIDENCE_H
#define SL_EVIDENCE_H

/* What speaks against a handshake that nobody has authenticated: a plaintext alert, or that an attempt has broken on what
 * came. It is no end. Attempts go on; when one of them gets further than the one it was about, somebody else has said
 * that, and it is forgotten. When none does for the grace time, it is believed.
 *
 * Two things are no evidence. What breaks a server at the ClientHello, when that brought no cookie: its sender may hear
 * nothing of us. He is asked for one from then on, and one who brings it and breaks it again confirms that. And what comes
 * while much else comes that is of no use: an honest peer does not send that. */

#include <sluice/event.h>

#include "record.h"

#include <stddef.h>
#include <stdint.h>

#define SL_LAST_WORDS 64

/* Of a path of up to a quarter of a second; eight round trips of a longer one. A genuine refusal is told within 3 s. */
#define SL_GRACE (2 * SLUICE_SECOND)

typedef struct {
    int furthest; /* the stage that any attempt has reached */
    SluiceTime furthest_at;

    int stands;
    int unconfirmed;  /* it waits for one with a cookie */
    int stage;        /* of the attempt that it is about */
    SluiceTime until; /* when it is believed */
    SluiceEnd end;    /* what is told then */
    SluiceAlert alert;
    /* Our own alert, as a record, which is held back until then. */
    uint8_t last_words[SL_LAST_WORDS];
    size_t last_words_len;

    SluiceTime noise_since, noisy_until;
    unsigned noise; /* since then */
} SlEvidence;

/* 1 if a record is an alert in plaintext that would end a handshake: a fatal one, or close_notify. */
int sl_alert_of(const SlRecord *record, SluiceAlert *out);

/* The attempts begin. */
void sl_evidence_begin(SlEvidence *self, SluiceTime now);

/* An attempt has got as far as @stage. */
void sl_evidence_reached(SlEvidence *self, SluiceTime now, int stage);

/* Something came that was of no use to an attempt. */
void sl_evidence_note_noise(SlEvidence *self, SluiceTime now);

/* An attempt at @stage has broken. The first evidence that stands counts, of those that are confirmed. @rtt is 0 when it is
 * not known. */
void sl_evidence_note_broken(SlEvidence *self, SluiceTime now, int stage, int confirmed,
                             SluiceTime rtt, const SluiceEnd *end, const SluiceAlert *alert,
                             const uint8_t *last_words, size_t len);

/* A plaintext alert came to one. The time is counted from when the attempts last got any further: an honest peer says it
 * when its own grace time is over. */
void sl_evidence_note_alert(SlEvidence *self, SluiceTime now, int stage, SluiceTime rtt,
                            const SluiceEnd *end, const SluiceAlert *alert);

/* When it is believed, or NEVER: there is none. */
SluiceTime sl_evidence_due(const SlEvidence *self);

#endif
