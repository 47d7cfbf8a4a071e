/* SPDX-License-Identifier: BSD-3-Clause */

/* What nobody has authenticated is believed when no attempt got further for the grace time, and forgotten when one did.
 * Its forged twin is each time the same evidence with progress behind it. */

#include "evidence.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define MS SLUICE_MILLISECOND
#define BEGUN (7 * SLUICE_SECOND)

static const SluiceAlert alert = {.level = 2, .number = 40};
static const SluiceEnd reason = {.reason = SLUICE_END_ALERT_SENT, .alert = 40};
static const uint8_t words[] = {21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 2, 40};

static SlEvidence begun(void)
{
    SlEvidence evidence;

    sl_evidence_begin(&evidence, BEGUN);
    assert_true(sl_evidence_due(&evidence) == SLUICE_TIME_NEVER);
    return evidence;
}

static void note_broken(SlEvidence *evidence, SluiceTime now, int stage, SluiceTime rtt)
{
    sl_evidence_note_broken(evidence, now, stage, 1, rtt, &reason, &alert, words, sizeof words);
}

static void test_alerts_that_would_end_a_handshake(void **state)
{
    static const struct {
        SlRecord record;
        int is;
    } cases[] = {
        {{.type = SL_ALERT, .len = 2, .body = (const uint8_t *)"\2\50"}, 1},
        {{.type = SL_ALERT, .len = 2, .body = (const uint8_t *)"\1\0"}, 1},
        {{.type = SL_ALERT, .len = 2, .body = (const uint8_t *)"\1\132"}, 0}, /* user_canceled */
        {{.type = SL_ALERT, .len = 3, .body = (const uint8_t *)"\2\50\0"}, 0},
        {{.type = SL_ALERT, .len = 2, .epoch = 1, .body = (const uint8_t *)"\2\50"}, 0},
        {{.type = SL_HANDSHAKE, .len = 2, .body = (const uint8_t *)"\2\50"}, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        SluiceAlert out = {.number = -1};

        assert_int_equal(sl_alert_of(&cases[i].record, &out), cases[i].is);
        assert_int_equal(out.number, cases[i].is ? cases[i].record.body[1] : -1);
    }
}

static void test_grace_of_a_broken_attempt(void **state)
{
    SlEvidence evidence = begun();

    (void)state;
    note_broken(&evidence, BEGUN + 10 * MS, 3, 0);
    assert_true(sl_evidence_due(&evidence) == BEGUN + 10 * MS + SL_GRACE);
    assert_int_equal(evidence.end.reason, SLUICE_END_ALERT_SENT);
    assert_memory_equal(evidence.last_words, words, sizeof words);
    /* On a long path eight round trips. */
    evidence = begun();
    note_broken(&evidence, BEGUN, 3, 700 * MS);
    assert_true(sl_evidence_due(&evidence) == BEGUN + 5600 * MS);
}

/* The same place once more is no progress; beyond it is. */
static void test_progress_forgets(void **state)
{
    SlEvidence evidence = begun();

    (void)state;
    note_broken(&evidence, BEGUN, 3, 0);
    for (int stage = 0; stage <= 3; stage++)
        sl_evidence_reached(&evidence, BEGUN + MS, stage);
    assert_true(sl_evidence_due(&evidence) == BEGUN + SL_GRACE);
    sl_evidence_reached(&evidence, BEGUN + 2 * MS, 4);
    assert_true(sl_evidence_due(&evidence) == SLUICE_TIME_NEVER);
}

/* What comes later may be an answer to our own trying again; and a storm puts nothing off. */
static void test_first_counts(void **state)
{
    static const SluiceAlert other = {.level = 2, .number = 80};
    static const SluiceEnd why = {.reason = SLUICE_END_ALERT_RECEIVED, .alert = 80};
    SlEvidence evidence = begun();

    (void)state;
    note_broken(&evidence, BEGUN, 3, 0);
    for (SluiceTime at = 0; at < SL_GRACE; at += 10 * MS) {
        sl_evidence_note_alert(&evidence, BEGUN + at, 3, 0, &why, &other);
        sl_evidence_note_broken(&evidence, BEGUN + at, 1, 1, 0, &why, &other, words, sizeof words);
    }
    assert_true(sl_evidence_due(&evidence) == BEGUN + SL_GRACE);
    assert_int_equal(evidence.alert.number, 40);
}

/* Counted from when they last got any further, at any stage that was not reached before; but never at once. */
static void test_grace_of_an_alert(void **state)
{
    static const struct {
        SluiceTime moved, came, rtt, due;
    } cases[] = {
        {0, 10 * MS, 0, 2000 * MS},        {500 * MS, 510 * MS, 0, 2500 * MS},
        {0, 5000 * MS, 0, 5250 * MS},      {0, 5000 * MS, 600 * MS, 5600 * MS},
        {0, 10 * MS, 600 * MS, 4800 * MS},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        SlEvidence evidence = begun();

        sl_evidence_reached(&evidence, BEGUN + cases[i].moved, 2);
        sl_evidence_reached(&evidence, BEGUN + cases[i].came, 2); /* an attempt that came as far */
        sl_evidence_note_alert(&evidence, BEGUN + cases[i].came, 2, cases[i].rtt, &reason, &alert);
        assert_true(sl_evidence_due(&evidence) == BEGUN + cases[i].due);
        assert_int_equal(evidence.last_words_len, 0);
    }
}

/* Without a cookie it waits for one that has it, and then the grace time is counted from the first; from the second, if
 * that comes long after. */
static void test_unconfirmed(void **state)
{
    static const SluiceTime later[][2] = {
        {MS, SL_GRACE}, {1999 * MS, SL_GRACE}, {2000 * MS, 2 * SL_GRACE}, {9000 * MS, 11000 * MS}};
    static const SluiceAlert other = {.level = 2, .number = 80};

    (void)state;
    for (size_t i = 0; i < sizeof later / sizeof later[0]; i++) {
        SlEvidence evidence = begun();

        for (SluiceTime at = 0; at <= later[i][0]; at += MS / 2)
            sl_evidence_note_broken(&evidence, BEGUN + at, 1, 0, 0, &reason, &alert, words,
                                    sizeof words);
        assert_true(evidence.stands);
        assert_true(sl_evidence_due(&evidence) == SLUICE_TIME_NEVER);
        sl_evidence_note_broken(&evidence, BEGUN + later[i][0], 1, 1, 0, &reason, &other, words,
                                sizeof words);
        assert_true(sl_evidence_due(&evidence) == BEGUN + later[i][1]);
        assert_int_equal(evidence.alert.number, 80);
    }
}

/* Eleven in a quarter of a second are none; of twelve none of it is believed. A quarter of a second after it counts. */
static void test_noise(void **state)
{
    (void)state;
    for (unsigned n = 11; n <= 12; n++) {
        SlEvidence evidence = begun();

        note_broken(&evidence, BEGUN, 3, 0);
        for (unsigned i = 0; i < 5 * n; i++)
            sl_evidence_note_noise(&evidence, BEGUN + i / n * SLUICE_SECOND + i % n * 20 * MS);
        assert_int_equal(evidence.stands, n == 11);
        note_broken(&evidence, BEGUN + 4 * SLUICE_SECOND + 220 * MS + 249 * MS, 3, 0);
        assert_int_equal(evidence.stands, n == 11);
        note_broken(&evidence, BEGUN + 4 * SLUICE_SECOND + 220 * MS + 250 * MS, 3, 0);
        assert_int_equal(evidence.stands, 1);
    }
}

static void test_long_last_words_are_left_out(void **state)
{
    uint8_t many[SL_LAST_WORDS + 1] = {0};
    SlEvidence evidence = begun();

    (void)state;
    sl_evidence_note_broken(&evidence, BEGUN, 1, 1, 0, &reason, &alert, many, sizeof many);
    assert_int_equal(evidence.last_words_len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alerts_that_would_end_a_handshake),
        cmocka_unit_test(test_grace_of_a_broken_attempt),
        cmocka_unit_test(test_progress_forgets),
        cmocka_unit_test(test_first_counts),
        cmocka_unit_test(test_grace_of_an_alert),
        cmocka_unit_test(test_unconfirmed),
        cmocka_unit_test(test_noise),
        cmocka_unit_test(test_long_last_words_are_left_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
