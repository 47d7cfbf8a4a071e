/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: a media packet costs no allocation of our own, in or out, whatever the profile. The
 * linker's --wrap shows the calls of the library alone; what libsrtp2 and OpenSSL do beneath it is
 * theirs. And a call gives back all it took. */

#include "common.h"

#include <openssl/crypto.h>

#define PACKETS 500

static uint64_t allocations_of_media(Pair *pair, SluiceKind kind)
{
    SluiceTransport *from = pair->end[CLIENT].transport, *to = pair->end[SERVER].transport;
    uint64_t before = alloc_count().own_calls;

    for (uint16_t i = 1; i <= PACKETS; i++) {
        _Alignas(8) uint8_t packet[1000 + SLUICE_PROTECT_ROOM];
        size_t len = pair_make_media(packet, kind, 0x1234, i, (uint8_t)i, 900);
        SluiceKind got;

        assert_status(sluice_transport_protect(from, kind, packet, &len, sizeof packet), SLUICE_OK);
        assert_status(sluice_transport_receive(to, vclock_now(), packet, &len, &got), SLUICE_OK);
        assert_int_equal(got, kind);
    }
    return alloc_count().own_calls - before;
}

static void test_none_per_packet(void **state)
{
    static const SluiceSrtpProfile profiles[] = {
        SLUICE_SRTP_AEAD_AES_128_GCM, SLUICE_SRTP_AEAD_AES_256_GCM, SLUICE_SRTP_AES128_CM_SHA1_80,
        SLUICE_SRTP_AES128_CM_SHA1_32};

    (void)state;
    for (int i = 0; i < 4; i++) {
        SluiceConfig *a = new_config(CLIENT), *b = new_config(SERVER);
        Pair pair;

        sluice_config_set_srtp_profiles(a, &profiles[i], 1);
        sluice_config_set_srtp_profiles(b, &profiles[i], 1);
        open_with(&pair, a, b);
        connect_within(&pair, 100 * MS);
        assert_int_equal(allocations_of_media(&pair, SLUICE_KIND_RTP), 0);
        assert_int_equal(allocations_of_media(&pair, SLUICE_KIND_RTCP), 0);
        pair_close(&pair);
    }
}

/* Nor do refused packets. A first packet of a new source does now and then: what there is of them doubles. */
static void test_none_per_refused_packet(void **state)
{
    _Alignas(8) uint8_t packet[300];
    uint64_t before, sources = 0;
    Pair pair;

    (void)state;
    open_connected(&pair);
    for (uint32_t i = 1; i <= PACKETS; i++) {
        size_t len = pair_make_media(packet, SLUICE_KIND_RTP, i, 1, 0, 100);
        SluiceKind kind;

        before = alloc_count().own_calls;
        assert_status(
            sluice_transport_receive(pair.end[SERVER].transport, vclock_now(), packet, &len, &kind),
            SLUICE_DROPPED_UNAUTHENTIC);
        assert_int_equal(alloc_count().own_calls, before);
        len = pair_make_media(packet, SLUICE_KIND_RTP, i, 1, 0, 100);
        assert_status(sluice_transport_protect(pair.end[CLIENT].transport, SLUICE_KIND_RTP, packet,
                                               &len, sizeof packet),
                      SLUICE_OK);
        sources += alloc_count().own_calls - before;
    }
    assert_in_range(sources, 1,
                    2 * 7 + 2 + 5 * (PACKETS / 16)); /* the table, sessions, their ciphers */
    pair_close(&pair);
}

/* The counter counts: data does cost a copy each way. */
static void test_data_is_seen(void **state)
{
    uint64_t before;
    Pair pair;

    (void)state;
    open_connected(&pair);
    before = alloc_count().own_calls;
    pair_send_data(&pair, CLIENT, "x", 1);
    pair_run(&pair, 20 * MS);
    assert_int_equal(pair.end[SERVER].n_messages, 1);
    assert_true(alloc_count().own_calls - before >= 1);
    pair_close(&pair);
}

static void one_call(SluiceConfig *a, SluiceConfig *b, int how)
{
    Pair pair;

    open_with(&pair, sluice_config_ref(a), sluice_config_ref(b));
    if (how == 0) {
        connect_within(&pair, 100 * MS);
        assert_talks(&pair);
    } else if (how < 10) { /* thrown away in the middle */
        pair_start_both(&pair);
        pair_run(&pair, how * 5 * MS);
    } else {
        pair.end[SERVER].link.settings.loss = 1;
        pair_start_both(&pair);
        pair_run(&pair, 31 * SECOND);
    }
    pair_close(&pair);
}

static void test_nothing_stays(void **state)
{
    SluiceConfig *a = new_config(CLIENT), *b = new_config(SERVER);
    AllocCount before, after;

    (void)state;
    for (int how = 0; how <= 10; how++)
        one_call(a, b, how);
    OPENSSL_thread_stop();
    before = alloc_count();
    for (int i = 0; i < 5; i++)
        for (int how = 0; how <= 10; how++)
            one_call(a, b, how);
    OPENSSL_thread_stop();
    after = alloc_count();
    assert_int_equal(after.own_bytes - before.own_bytes, 0);
    assert_int_equal(after.openssl_bytes - before.openssl_bytes, 0);
    sluice_config_unref(a);
    sluice_config_unref(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_none_per_packet),
        cmocka_unit_test(test_none_per_refused_packet),
        cmocka_unit_test(test_data_is_seen),
        cmocka_unit_test(test_nothing_stays),
    };

    alloc_init();
    return cmocka_run_group_tests(tests, NULL, free_certificates);
}
