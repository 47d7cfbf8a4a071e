/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: what is not authentic makes no stream, no session and no entry, evicts nobody and costs no memory, whichever SSRC
 * it names; streams are spread over sessions as their number grows; memory that runs out leaves everything as it was.
 * Looks at both directions from inside. */

/* Before cmocka.h, which has a macro test_malloc. */
#include "alloc.h"

#include "srtp-ends.h"

#include <sluice/srtp-engine.h>

#include <string.h>

#define LIMIT 16
#define LARGE 2000

typedef struct {
    SluiceSrtpProfile profile;
    SlSrtpStreams in, out;
    SluiceStats stats;
    SluiceTime now;
} Streams;

static void open_streams(Streams *self, SluiceSrtpProfile profile, unsigned limit)
{
    uint8_t key[SL_SRTP_KEY_MAX];
    size_t key_len, salt_len;

    memset(self, 0, sizeof *self);
    self->profile = profile;
    self->now = SLUICE_SECOND;
    for (size_t i = 0; i < sizeof key; i++)
        key[i] = (uint8_t)(i + 9);
    assert_true(sl_srtp_prepare(NULL, 0));
    assert_true(sl_srtp_key_lengths(profile, &key_len, &salt_len));
    assert_status(sl_srtp_streams_init(&self->in, (srtp_profile_t)profile, ssrc_any_inbound, WINDOW,
                                       limit, key, key_len + salt_len),
                  SLUICE_OK);
    assert_status(sl_srtp_streams_init(&self->out, (srtp_profile_t)profile, ssrc_any_outbound,
                                       WINDOW, LARGE, key, key_len + salt_len),
                  SLUICE_OK);
    self->in.stats = &self->stats;
}

static void close_streams(Streams *self)
{
    sl_srtp_streams_cleanup(&self->in);
    sl_srtp_streams_cleanup(&self->out);
}

static SluiceStatus seal(Streams *self, SrtpPacket *packet, SluiceKind kind, uint32_t ssrc,
                         uint16_t seq)
{
    *packet = srtp_plain(kind, ssrc, seq);
    return sl_srtp_outbound_protect(&self->out, kind, packet->data, &packet->len);
}

static SluiceStatus give(Streams *self, SrtpPacket packet)
{
    return sl_srtp_inbound_unprotect(&self->in, packet.kind, packet.data, &packet.len, self->now);
}

static SrtpPacket transfer(Streams *self, SluiceKind kind, uint32_t ssrc, uint16_t seq)
{
    SrtpPacket packet;

    assert_status(seal(self, &packet, kind, ssrc, seq), SLUICE_OK);
    assert_status(give(self, packet), SLUICE_OK);
    return packet;
}

static void refuse(Streams *self, SrtpPacket packet)
{
    SluiceStatus status = give(self, packet);

    assert_true(sluice_status_is_dropped(status) && status != SLUICE_DROPPED_FULL);
}

/* What there is in @self: each stream that libsrtp has is one that we know of. */
static void assert_consistent(SlSrtpStreams *self)
{
    uint32_t streams = 0, of_session[SL_SRTP_SESSIONS_MAX] = {0};

    for (int list = 0; list < 2; list++)
        for (uint32_t i = self->table.newest[list]; i != SL_SSRC_NONE;
             i = self->table.places[i].older) {
            const SlSsrc *entry = &self->table.places[i];
            uint32_t found = 0;

            for (unsigned s = 0; s < self->sessions.n; s++)
                found += (uint32_t)sl_srtp_sessions_has(&self->sessions, s, entry->ssrc);
            assert_int_equal(found, entry->streamed);
            assert_true(!entry->synced || (entry->streamed && list == SL_SSRC_LIVE));
            if (entry->streamed) {
                assert_true(sl_srtp_sessions_has(&self->sessions, entry->session, entry->ssrc));
                of_session[entry->session]++;
                streams++;
            }
        }
    assert_int_equal(self->sessions.streams, streams);
    for (unsigned s = 0; s < self->sessions.n; s++) {
        assert_int_equal(self->sessions.list[s].streams, of_session[s]);
        assert_true(of_session[self->sessions.fewest] <= of_session[s]);
    }
    assert_true(self->table.count[SL_SSRC_LIVE] <= self->limit);
}

static void assert_no_stream_of(const SlSrtpStreams *self, uint32_t ssrc)
{
    for (unsigned s = 0; s < self->sessions.n; s++)
        assert_false(sl_srtp_sessions_has(&self->sessions, s, ssrc));
}

/* -- forged ------------------------------------------------------------------------------------------------- */

static void test_forged_packets_of_unknown_ssrcs(void **state)
{
    (void)state;
    for (size_t p = 0; p < PROFILES; p++) {
        Streams streams;
        AllocCount before;

        open_streams(&streams, srtp_profiles[p], LIMIT);
        for (uint32_t i = 0; i < LIMIT; i++)
            transfer(&streams, SLUICE_KIND_RTP, i, 1);
        streams.now += 3600 * SLUICE_SECOND; /* all of them could be evicted */
        before = alloc_count();
        for (uint32_t i = 0; i < 2000; i++) {
            SluiceKind kind = i & 1 ? SLUICE_KIND_RTP : SLUICE_KIND_RTCP;
            SrtpPacket packet = srtp_plain(kind, 0x10000 + i, (uint16_t)i);

            packet.data[packet.len++] = 0x80; /* the E bit of some */
            packet.len += 15;
            refuse(&streams, packet);
            assert_no_stream_of(&streams.in, 0x10000 + i);
        }
        assert_int_equal(alloc_count().own_calls, before.own_calls);
        assert_int_equal(streams.in.table.n, LIMIT);
        assert_int_equal(streams.in.sessions.streams, LIMIT);
        assert_int_equal(streams.stats.ssrcs_evicted + streams.stats.ssrcs_forgotten, 0);
        assert_consistent(&streams.in);
        close_streams(&streams);
    }
}

#define GONE 40

/* They roll over, and go. */
static void let_them_go(Streams *streams, SrtpPacket last[GONE])
{
    for (uint32_t i = 0; i < GONE; i++) {
        transfer(streams, SLUICE_KIND_RTP, i, 65535);
        last[i] = transfer(streams, SLUICE_KIND_RTP, i, 3);
        assert_status(sl_srtp_inbound_remove(&streams->in, i), SLUICE_OK);
    }
    assert_int_equal(streams->in.sessions.streams, 0);
}

/* For these a stream has to be made before the packet can be looked at. */
static void test_forged_packets_of_remembered_ssrcs(void **state)
{
    (void)state;
    for (size_t p = 0; p < PROFILES; p++) {
        SrtpPacket last[GONE], next;
        Streams streams;
        SlSsrc *before;
        AllocCount count;

        open_streams(&streams, srtp_profiles[p], LIMIT);
        let_them_go(&streams, last);
        before = test_malloc(streams.in.table.room * sizeof *before);
        memcpy(before, streams.in.table.places, streams.in.table.room * sizeof *before);
        for (uint32_t i = 0; i < 20 * GONE; i++) {
            uint32_t ssrc = i < 10 * GONE ? i % GONE : 7; /* all in turn, then one alone */

            assert_status(seal(&streams, &next, SLUICE_KIND_RTP, ssrc, (uint16_t)(4 + i)),
                          SLUICE_OK);
            refuse(&streams, srtp_forged(next));
            refuse(&streams, last[ssrc]);
            assert_true(streams.in.sessions.streams <= SL_SRTP_UNPROVEN_MAX);
            if (i == 0)
                count = alloc_count(); /* the session that mints is made once */
        }
        assert_int_equal(alloc_count().own_calls, count.own_calls);
        assert_int_equal(streams.in.sessions.n, 1);
        assert_int_equal(streams.in.table.count[SL_SSRC_LIVE], 0);
        assert_consistent(&streams.in);
        for (uint32_t i = 0; i < GONE; i++) {
            SlSsrc *now = &streams.in.table.places[i];

            now->streamed = before[i].streamed; /* all that may differ, for eight of them */
            now->session = before[i].session;
            now->srtp = before[i].srtp;
            assert_memory_equal(now, &before[i], sizeof *now);
        }
        test_free(before);
        close_streams(&streams);
    }
}

/* And the honest twin: after all that they come back. */
static void test_remembered_ssrcs_come_back(void **state)
{
    (void)state;
    for (size_t p = 0; p < PROFILES; p++) {
        SrtpPacket last[GONE], next;
        Streams streams;

        open_streams(&streams, srtp_profiles[p], LIMIT);
        let_them_go(&streams, last);
        for (uint32_t i = 0; i < GONE; i++) {
            assert_status(seal(&streams, &next, SLUICE_KIND_RTP, i, 100), SLUICE_OK);
            refuse(&streams, srtp_forged(next));
            assert_status(give(&streams, next), i < LIMIT ? SLUICE_OK : SLUICE_DROPPED_FULL);
            assert_int_equal(streams.in.table.count[SL_SSRC_LIVE], i < LIMIT ? i + 1 : LIMIT);
            assert_true(streams.in.sessions.streams <= LIMIT + SL_SRTP_UNPROVEN_MAX);
            assert_consistent(&streams.in);
        }
        streams.now += SL_SRTP_IDLE;
        for (uint32_t i = LIMIT; i < 2 * LIMIT; i++) {
            assert_status(seal(&streams, &next, SLUICE_KIND_RTP, i, 101), SLUICE_OK);
            assert_status(give(&streams, next), SLUICE_OK);
            assert_consistent(&streams.in);
        }
        assert_int_equal(streams.stats.ssrcs_evicted, LIMIT);
        close_streams(&streams);
    }
}

/* An authentic packet that has no place leaves no stream. */
static void test_nothing_stays_of_a_refused_ssrc(void **state)
{
    SrtpPacket packet;
    Streams streams;

    (void)state;
    open_streams(&streams, SLUICE_SRTP_AEAD_AES_128_GCM, LIMIT);
    for (uint32_t i = 0; i < LIMIT; i++)
        transfer(&streams, SLUICE_KIND_RTCP, i, 1);
    for (uint32_t i = 100; i < 200; i++) {
        assert_status(seal(&streams, &packet, i & 1 ? SLUICE_KIND_RTP : SLUICE_KIND_RTCP, i, 1),
                      SLUICE_OK);
        assert_status(give(&streams, packet), SLUICE_DROPPED_FULL);
        assert_no_stream_of(&streams.in, i);
        assert_int_equal(streams.in.sessions.streams, LIMIT);
    }
    assert_consistent(&streams.in);
    close_streams(&streams);
}

/* One that has no place is forgotten by libsrtp too, though it was authentic: else its window would stand beyond what we
 * know of, and an older packet that is still wanted could not come any more. */
static void test_refused_and_back(void **state)
{
    (void)state;
    for (size_t p = 0; p < PROFILES; p++) {
        SrtpPacket late, packet;
        Streams streams;

        open_streams(&streams, srtp_profiles[p], LIMIT);
        transfer(&streams, SLUICE_KIND_RTP, 99, 40000);
        assert_status(sl_srtp_inbound_remove(&streams.in, 99), SLUICE_OK);
        for (uint32_t i = 0; i < LIMIT; i++)
            transfer(&streams, SLUICE_KIND_RTP, i, 1);
        assert_status(seal(&streams, &late, SLUICE_KIND_RTP, 99, 40010), SLUICE_OK);
        assert_status(seal(&streams, &packet, SLUICE_KIND_RTP, 99, 100), SLUICE_OK);
        assert_status(give(&streams, packet), SLUICE_DROPPED_FULL);
        assert_consistent(&streams.in);
        streams.now += SL_SRTP_IDLE;
        assert_status(give(&streams, late), SLUICE_OK);
        assert_status(give(&streams, packet), SLUICE_OK);
        close_streams(&streams);
    }
}

/* -- sessions ----------------------------------------------------------------------------------------------- */

static void test_streams_are_spread_over_sessions(void **state)
{
    Streams streams;

    (void)state;
    open_streams(&streams, SLUICE_SRTP_AEAD_AES_128_GCM, LARGE);
    for (uint32_t i = 0; i < LARGE; i++) {
        transfer(&streams, SLUICE_KIND_RTP, i * 7919, 1);
        if (i == 14)
            assert_int_equal(streams.in.sessions.n, 1);
        if (i == 99)
            assert_int_equal(streams.in.sessions.n, 7);
    }
    assert_int_equal(streams.in.sessions.n, SL_SRTP_SESSIONS_MAX);
    assert_int_equal(streams.out.sessions.n, SL_SRTP_SESSIONS_MAX);
    for (unsigned s = 0; s < SL_SRTP_SESSIONS_MAX; s++)
        assert_in_range(streams.in.sessions.list[s].streams, LARGE / SL_SRTP_SESSIONS_MAX,
                        LARGE / SL_SRTP_SESSIONS_MAX + 1);
    assert_consistent(&streams.in);
    for (uint32_t i = 0; i < LARGE; i++)
        transfer(&streams, SLUICE_KIND_RTCP, i * 7919, 2);
    for (uint32_t i = 0; i < LARGE; i++)
        assert_status(sl_srtp_inbound_remove(&streams.in, i * 7919), SLUICE_OK);
    assert_int_equal(streams.in.sessions.streams, 0);
    assert_consistent(&streams.in);
    close_streams(&streams);
}

/* Outbound a stream that was removed is gone, but where its SRTCP index is too high. */
static void test_removed_streams_are_gone(void **state)
{
    Streams streams;

    (void)state;
    open_streams(&streams, SLUICE_SRTP_AEAD_AES_128_GCM, LIMIT);
    for (uint32_t i = 0; i < 2; i++) {
        SrtpPacket packet;

        for (uint32_t n = 0; n < SL_SRTP_WIND_MAX + i; n++)
            assert_status(seal(&streams, &packet, SLUICE_KIND_RTCP, i, 1), SLUICE_OK);
        assert_status(sl_srtp_outbound_remove(&streams.out, i), SLUICE_OK);
        assert_int_equal(streams.out.sessions.streams, i);
        assert_consistent(&streams.out);
    }
    close_streams(&streams);
}

/* -- ROCs that are named ------------------------------------------------------------------------------------ */

static SluiceStatus name(Streams *streams, uint32_t ssrc, uint32_t roc)
{
    return sl_srtp_inbound_set_roc(&streams->in, ssrc, roc, streams->now);
}

/* Who joins late hears nothing of a stream that has rolled over until somebody tells him how often. */
static void test_who_joins_late(void **state)
{
    (void)state;
    for (size_t p = 0; p < PROFILES; p++) {
        SrtpPacket packet;
        Streams streams;
        uint32_t roc;

        open_streams(&streams, srtp_profiles[p], LIMIT);
        assert_status(sl_srtp_outbound_set_roc(&streams.out, 1, 6), SLUICE_OK);
        assert_status(seal(&streams, &packet, SLUICE_KIND_RTP, 1, 500), SLUICE_OK);
        assert_status(give(&streams, packet), SLUICE_DROPPED_UNAUTHENTIC);
        assert_status(name(&streams, 1, 9), SLUICE_OK);
        assert_status(give(&streams, packet), SLUICE_DROPPED_UNAUTHENTIC);
        assert_status(name(&streams, 1, 6), SLUICE_OK); /* nothing came yet: it may be corrected */
        assert_int_equal(streams.in.table.count[SL_SSRC_LIVE], 1);
        assert_status(give(&streams, packet), SLUICE_OK);
        assert_status(sl_srtp_streams_get_roc(&streams.in, 1, &roc), SLUICE_OK);
        assert_int_equal(roc, 6);
        assert_status(name(&streams, 1, 5), SLUICE_INVALID_ARGUMENT);
        assert_status(name(&streams, 1, 6), SLUICE_OK);
        transfer(&streams, SLUICE_KIND_RTP, 1, 499 + 1000);
        assert_status(give(&streams, packet), SLUICE_DROPPED_REPLAYED);
        assert_consistent(&streams.in);
        for (uint32_t i = 2; i <= LIMIT; i++)
            assert_status(name(&streams, i, 0), SLUICE_OK);
        assert_status(name(&streams, 99, 0), SLUICE_WOULD_BLOCK);
        transfer(&streams, SLUICE_KIND_RTCP, 2, 0);
        transfer(&streams, SLUICE_KIND_RTP, 3, 0);
        assert_status(sl_srtp_inbound_remove(&streams.in, 4), SLUICE_OK);
        assert_status(sl_srtp_streams_get_roc(&streams.in, 4, &roc), SLUICE_INVALID_ARGUMENT);
        assert_consistent(&streams.in);
        close_streams(&streams);
    }
}

/* -- memory ------------------------------------------------------------------------------------------------- */

#ifdef SRTP_CALLOC_CAN_FAIL
/* Each allocation of libsrtp in the first packet of an SSRC fails in turn. */
static void test_libsrtp_without_memory(void **state)
{
    uint32_t ssrc = 0, failed = 0;
    SluiceSrtpEngineInfo info;
    SrtpPacket packet;
    Streams streams;

    (void)state;
    assert_true(sl_srtp_prepare(NULL, 0));
    assert_status(sluice_srtp_engine_get_info(&info, sizeof info), SLUICE_OK);
    open_streams(&streams, SLUICE_SRTP_AEAD_AES_128_GCM, LARGE);
    srtp_fail_calloc_at(1);
    (void)seal(&streams, &packet, SLUICE_KIND_RTP, 999, 1);
    assert_true(srtp_calloc_has_failed());
    assert_true(info.aes_gcm_128); /* the stock cipher allocates for each packet */
    srtp_fail_calloc_at(0);
    transfer(&streams, SLUICE_KIND_RTP, 1000, 1);
    for (int way = 0; way < 4; way++)
        for (uint64_t n = 1;; n++) {
            SluiceKind kind = way & 1 ? SLUICE_KIND_RTP : SLUICE_KIND_RTCP;
            SrtpPacket sealed;
            SluiceStatus status;
            int last;

            sealed = packet = srtp_plain(kind, ++ssrc, 1);
            if (way & 2)
                assert_status(seal(&streams, &sealed, kind, ssrc, 1), SLUICE_OK);
            srtp_fail_calloc_at(n);
            status = way & 2
                         ? give(&streams, sealed)
                         : sl_srtp_outbound_protect(&streams.out, kind, packet.data, &packet.len);
            last = !srtp_calloc_has_failed();
            srtp_fail_calloc_at(0);
            if (last)
                break;
            failed++;
            assert_status(status, way & 2 ? SLUICE_DROPPED_FULL : SLUICE_NO_MEMORY);
            assert_null(sl_ssrc_table_find(way & 2 ? &streams.in.table : &streams.out.table, ssrc));
            assert_no_stream_of(way & 2 ? &streams.in : &streams.out, ssrc);
            if (way & 2)
                assert_status(give(&streams, sealed), SLUICE_OK);
            else
                transfer(&streams, kind, ssrc, 1);
        }
    assert_true(failed >= 4 * 3);
    assert_consistent(&streams.in);
    assert_consistent(&streams.out);
    close_streams(&streams);
}
#endif

/* Ours: the table has to grow with the fifth SSRC, the list of sessions with the sixteenth. */
static void test_no_memory_for_an_ssrc(void **state)
{
    SrtpPacket packet;
    Streams streams;

    (void)state;
    open_streams(&streams, SLUICE_SRTP_AES128_CM_SHA1_80, LARGE);
    for (uint32_t i = 0; i < 4; i++)
        transfer(&streams, SLUICE_KIND_RTP, i, 1);
    alloc_fail_at(1, 0);
    assert_status(seal(&streams, &packet, SLUICE_KIND_RTP, 4, 1), SLUICE_NO_MEMORY);
    alloc_fail_at(0, 0);
    assert_no_stream_of(&streams.out, 4);
    assert_status(seal(&streams, &packet, SLUICE_KIND_RTP, 4, 1), SLUICE_OK);
    alloc_fail_at(1, 0);
    assert_status(give(&streams, packet), SLUICE_DROPPED_FULL);
    alloc_fail_at(0, 0);
    assert_no_stream_of(&streams.in, 4);
    assert_status(give(&streams, packet), SLUICE_OK);
    for (uint32_t i = 5; i < 40; i++) {
        alloc_fail_at(i == 15 ? 1 : 0, 1);
        transfer(&streams, SLUICE_KIND_RTP, i, 1);
        alloc_fail_at(0, 0);
        assert_int_equal(streams.in.sessions.n, i < 16 ? 1 : i < 31 ? 2 : 3);
    }
    assert_consistent(&streams.in);
    assert_consistent(&streams.out);
    close_streams(&streams);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forged_packets_of_unknown_ssrcs),
        cmocka_unit_test(test_forged_packets_of_remembered_ssrcs),
        cmocka_unit_test(test_remembered_ssrcs_come_back),
        cmocka_unit_test(test_nothing_stays_of_a_refused_ssrc),
        cmocka_unit_test(test_refused_and_back),
        cmocka_unit_test(test_streams_are_spread_over_sessions),
        cmocka_unit_test(test_removed_streams_are_gone),
        cmocka_unit_test(test_who_joins_late),
#ifdef SRTP_CALLOC_CAN_FAIL
        cmocka_unit_test(test_libsrtp_without_memory),
#endif
        cmocka_unit_test(test_no_memory_for_an_ssrc),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
