/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: whatever comes in whatever order (packets, replays, forgeries, removals, silence), an inbound direction answers as
 * a plain model does that keeps every index for ever: no packet twice, nothing at or below the last one after a removal, and
 * nothing that is honest and new refused. Outbound, a receiver that forgets nothing never sees an index again. And indexes
 * are guessed as libsrtp guesses them. */

#include "srtp-ends.h"

#include "rng.h"

#include <string.h>

#define SSRCS 40
#define LIMIT 16
#define STEPS 12000
#define KEPT 6 /* sealed packets of each SSRC, for replays */
#define STEP (1200 * SLUICE_MILLISECOND)

typedef enum { UNKNOWN, LIVE, GONE } Where;

typedef struct {
    uint64_t next; /* index that the sender uses next */
    uint32_t rtcp_next;
    SrtpPacket kept[2][KEPT]; /* RTCP, RTP */
    uint64_t kept_index[2][KEPT];
    int n_kept[2];

    Where where;
    int back;                    /* it has gone, and no RTP came since */
    int64_t rtp_last, rtcp_last; /* delivered; -1: none */
    SluiceTime seen;
} Source;

typedef struct {
    SrtpEnds ends;
    Rng rng;
    Source sources[SSRCS];
    uint64_t evicted, delivered, refused;
} Model;

static uint32_t ssrc_of(const Model *self, const Source *source)
{
    return 1000u + (uint32_t)(source - self->sources) * 17u;
}

static uint32_t count(const Model *self, Where where)
{
    uint32_t n = 0;

    for (int i = 0; i < SSRCS; i++)
        n += self->sources[i].where == where;
    return n;
}

/* What becomes of an authentic packet of @source if it is not live: 1: it is live now. */
static int admit(Model *self, Source *source)
{
    Source *oldest = NULL;

    if (source->where == LIVE)
        return 1;
    for (int i = 0; i < SSRCS; i++)
        if (self->sources[i].where == LIVE && (!oldest || self->sources[i].seen < oldest->seen))
            oldest = &self->sources[i];
    if (count(self, LIVE) == LIMIT) {
        if (self->ends.now - oldest->seen < SL_SRTP_IDLE)
            return 0;
        oldest->where = GONE;
        oldest->back = 1;
        self->evicted++;
    }
    source->where = LIVE;
    return 1;
}

/* Can the receiver know the ROC of @index? RFC 3711 appendix A, or the lowest above the last one. */
static int roc_is_known(const Source *source, uint64_t index)
{
    int64_t ahead = (int64_t)index - source->rtp_last;

    if (source->rtp_last < 0)
        return index < 65536;
    if (source->back)
        return ahead <= 65536;
    if (source->rtp_last <= 32768) /* there is no ROC but 0 to think of */
        return index < 65536;
    return ahead < 32768 || (ahead == 32768 && (source->rtp_last & 65535) < 32768);
}

static void keep(Model *self, Source *source, const SrtpPacket *packet, uint64_t index)
{
    int rtp = packet->kind == SLUICE_KIND_RTP;
    int place =
        source->n_kept[rtp] < KEPT ? source->n_kept[rtp]++ : (int)rng_below(&self->rng, KEPT);

    source->kept[rtp][place] = *packet;
    source->kept_index[rtp][place] = index;
}

static void new_packet(Model *self, Source *source)
{
    int rtp = rng_below(&self->rng, 3) != 0, deliver = rng_below(&self->rng, 5) != 0;
    uint64_t index = rtp ? source->next : source->rtcp_next;
    SluiceStatus status, expected = SLUICE_OK;
    SrtpPacket packet = srtp_seal(&self->ends, rtp ? SLUICE_KIND_RTP : SLUICE_KIND_RTCP,
                                  ssrc_of(self, source), (uint16_t)source->next);

    if (rtp)
        source->next += 1 + (rng_below(&self->rng, 3) ? 0 : rng_below(&self->rng, 20000));
    else
        assert_int_equal(source->rtcp_next++, srtp_rtcp_index(&self->ends, &packet));
    keep(self, source, &packet, index);
    if (!deliver)
        return;
    if (rtp && !roc_is_known(source, index))
        expected = SLUICE_DROPPED_UNAUTHENTIC;
    else if (!admit(self, source))
        expected = SLUICE_DROPPED_FULL;
    status = srtp_give(&self->ends, &packet);
    if (expected == SLUICE_DROPPED_UNAUTHENTIC)
        assert_true(sluice_status_is_dropped(status));
    else
        assert_status(status, expected);
    if (status != SLUICE_OK)
        return;
    self->delivered++;
    source->seen = self->ends.now;
    *(rtp ? &source->rtp_last : &source->rtcp_last) = (int64_t)index;
    if (rtp)
        source->back = 0;
}

/* One that was delivered, or overtaken. Overtaken ones of a live SSRC may still be welcome: they are left out. */
static void old_packet(Model *self, Source *source)
{
    int rtp = rng_below(&self->rng, 2) == 0, which;
    SluiceStatus status;

    if (source->n_kept[rtp] == 0)
        return;
    which = (int)rng_below(&self->rng, (uint64_t)source->n_kept[rtp]);
    if ((int64_t)source->kept_index[rtp][which] > (rtp ? source->rtp_last : source->rtcp_last))
        return;
    if (source->where == LIVE &&
        (int64_t)source->kept_index[rtp][which] != (rtp ? source->rtp_last : source->rtcp_last))
        return;
    status = srtp_give(&self->ends, &source->kept[rtp][which]);
    assert_true(sluice_status_is_dropped(status) && status != SLUICE_DROPPED_FULL);
    self->refused++;
}

static void forged_packet(Model *self, Source *source)
{
    int rtp = rng_below(&self->rng, 2) == 0;
    SrtpPacket packet;
    SluiceStatus status;

    if (source->n_kept[rtp] == 0)
        return;
    packet = srtp_forged(source->kept[rtp][rng_below(&self->rng, (uint64_t)source->n_kept[rtp])]);
    if (rtp) {
        packet.data[2] = (uint8_t)rng_below(&self->rng, 256);
        packet.data[3] = (uint8_t)rng_below(&self->rng, 256);
    }
    status = srtp_give(&self->ends, &packet);
    assert_true(sluice_status_is_dropped(status) && status != SLUICE_DROPPED_FULL);
    self->refused++;
}

static void remove_source(Model *self, Source *source)
{
    SluiceStatus status =
        sl_srtp_remove_ssrc(self->ends.receiver, SLUICE_RECEIVED, ssrc_of(self, source));

    assert_status(status, source->where == LIVE ? SLUICE_OK : SLUICE_INVALID_ARGUMENT);
    if (source->where == LIVE) {
        source->where = GONE;
        source->back = 1;
    }
}

static void compare(Model *self)
{
    assert_int_equal(sl_srtp_count_ssrcs(self->ends.receiver, SLUICE_RECEIVED), count(self, LIVE));
    assert_int_equal(self->ends.stats.ssrcs_evicted, self->evicted);
    assert_int_equal(self->ends.stats.ssrcs_forgotten, 0);
    for (int i = 0; i < SSRCS; i++) {
        const Source *source = &self->sources[i];
        uint32_t roc;
        SluiceStatus status =
            sl_srtp_get_roc(self->ends.receiver, SLUICE_RECEIVED, ssrc_of(self, source), &roc);

        assert_status(status, source->where == UNKNOWN ? SLUICE_INVALID_ARGUMENT : SLUICE_OK);
        if (status == SLUICE_OK)
            assert_int_equal(roc, source->rtp_last < 0 ? 0 : source->rtp_last >> 16);
    }
}

static void test_inbound(void **state)
{
    static Model self;

    (void)state;
    rng_init(&self.rng, rng_test_seed(21));
    for (size_t p = 0; p < PROFILES; p++) {
        Rng rng = self.rng;
        SrtpEnds more;

        memset(&self, 0, sizeof self);
        self.rng = rng;
        srtp_ends_open(&self.ends, srtp_profiles[p], LIMIT);
        srtp_ends_open(&more, srtp_profiles[p], SSRCS); /* its sender may have all of them */
        sl_srtp_free(self.ends.sender);
        self.ends.sender = more.sender;
        for (int i = 0; i < SSRCS; i++) {
            self.sources[i].rtp_last = self.sources[i].rtcp_last = -1;
            self.sources[i].rtcp_next = 1;
            self.sources[i].next = rng_below(&self.rng, 65536);
        }
        for (int step = 0; step < STEPS; step++) {
            /* Some are heard of much more often than others. */
            uint64_t bound = 1 + rng_below(&self.rng, SSRCS);
            Source *source = &self.sources[rng_below(&self.rng, bound)];
            uint64_t what = rng_below(&self.rng, 20);

            self.ends.now += STEP;
            if (what < 12)
                new_packet(&self, source);
            else if (what < 15)
                old_packet(&self, source);
            else if (what < 19)
                forged_packet(&self, source);
            else
                remove_source(&self, source);
            if (step % 16 == 0)
                compare(&self);
        }
        assert_true(self.evicted > 50 && self.delivered > 2000 && self.refused > 1000);
        sl_srtp_free(self.ends.receiver);
        srtp_ends_close(&more);
    }
}

/* -- outbound ----------------------------------------------------------------------------------------------- */

typedef struct {
    int64_t last;
    uint32_t rtcp_last;
    int live;
} Sent;

static void send_one(SrtpEnds *ends, Rng *rng, Sent *sent, uint32_t ssrc, int *live)
{
    int rtp = rng_below(rng, 3) != 0;
    int64_t ahead = rng_below(rng, 4) ? 1 : (int64_t)rng_below(rng, 30000) - 20;
    int64_t index = sent->last < 0 ? (int64_t)rng_below(rng, 65536) : sent->last + ahead;
    SrtpPacket packet;
    SluiceStatus status;

    if (index < 0)
        return;
    packet = srtp_plain(rtp ? SLUICE_KIND_RTP : SLUICE_KIND_RTCP, ssrc, (uint16_t)index);
    status = srtp_protect_one(ends->sender, &packet);

    if (rtp && index <= sent->last) {
        /* What was overtaken may still go, as long as it is within the window and no removal came between. */
        if (status == SLUICE_OK)
            assert_status(srtp_give(ends, &packet), SLUICE_OK);
        else if (sent->live || *live < LIMIT)
            assert_status(status, SLUICE_KEY_EXHAUSTED);
        return;
    }
    if (!sent->live && *live == LIMIT) {
        assert_status(status, SLUICE_WOULD_BLOCK);
        return;
    }
    assert_status(status, SLUICE_OK);
    *live += !sent->live;
    sent->live = 1;
    assert_status(srtp_give(ends, &packet), SLUICE_OK);
    assert_status(srtp_give(ends, &packet), SLUICE_DROPPED_REPLAYED);
    if (rtp) {
        sent->last = index;
    } else {
        assert_true(srtp_rtcp_index(ends, &packet) > sent->rtcp_last);
        sent->rtcp_last = srtp_rtcp_index(ends, &packet);
    }
}

static void test_outbound(void **state)
{
    Rng rng;

    (void)state;
    rng_init(&rng, rng_test_seed(22));
    for (size_t p = 0; p < PROFILES; p++) {
        Sent sent[SSRCS];
        SrtpEnds ends, more;
        int live = 0;

        srtp_ends_open(&ends, srtp_profiles[p], LIMIT);
        srtp_ends_open(&more, srtp_profiles[p], SSRCS);
        sl_srtp_free(ends.receiver);
        ends.receiver = more.receiver;
        for (int i = 0; i < SSRCS; i++)
            sent[i] = (Sent){-1, 0, 0};
        for (int step = 0; step < STEPS; step++) {
            uint32_t i = (uint32_t)rng_below(&rng, 1 + rng_below(&rng, SSRCS));

            if (rng_below(&rng, 6)) {
                send_one(&ends, &rng, &sent[i], 500 + i, &live);
            } else {
                assert_status(sl_srtp_remove_ssrc(ends.sender, SLUICE_SENT_OUT, 500 + i),
                              sent[i].live ? SLUICE_OK : SLUICE_INVALID_ARGUMENT);
                live -= sent[i].live;
                sent[i].live = 0;
            }
            assert_int_equal(sl_srtp_count_ssrcs(ends.sender, SLUICE_SENT_OUT), live);
        }
        sl_srtp_free(ends.sender);
        srtp_ends_close(&more);
    }
}

/* -- indexes ------------------------------------------------------------------------------------------------ */

/* RFC 3711 appendix A, as libsrtp has it. */
static uint64_t guess(uint64_t last, uint32_t seq)
{
    uint64_t roc = last >> 16;
    uint32_t local = (uint32_t)last & 0xffff;

    if (last <= 0x8000)
        return seq;
    if (local < 0x8000)
        return (seq > local + 0x8000 ? roc - 1 : roc) << 16 | seq;
    return (local - 0x8000 > seq ? roc + 1 : roc) << 16 | seq;
}

static void test_indexes_are_guessed_as_libsrtp_does(void **state)
{
    static const uint64_t rocs[] = {0, 1, 2, 0x7fffffff, 0x80000000, 0xffffffff};
    static const uint32_t edges[] = {0,      1,      2,      0x3fff, 0x7ffe, 0x7fff, 0x8000,
                                     0x8001, 0x8002, 0xbfff, 0xfffd, 0xfffe, 0xffff};

    (void)state;
    for (size_t r = 0; r < sizeof rocs / sizeof *rocs; r++)
        for (size_t e = 0; e < sizeof edges / sizeof *edges; e++) {
            uint64_t last = rocs[r] << 16 | edges[e];

            for (uint32_t seq = 0; seq < 65536; seq++)
                if (sl_rtp_index(last, seq) != guess(last, seq))
                    fail_msg("%llx, %x", (unsigned long long)last, seq);
            assert_int_equal(sl_rtp_index_from(last, edges[e]), last);
            assert_int_equal(sl_rtp_index_from(last, (edges[e] + 1) & 0xffff), last + 1);
            assert_int_equal(sl_rtp_index_from(last, (edges[e] - 1) & 0xffff), last + 65535);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_inbound),
        cmocka_unit_test(test_outbound),
        cmocka_unit_test(test_indexes_are_guessed_as_libsrtp_does),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
