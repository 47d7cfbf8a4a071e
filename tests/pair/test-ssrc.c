/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: SSRCs as an application sees them: they come by themselves, are removed, counted and limited, and their ROCs can be
 * read and named; before the keys and after the end the calls say so. */

#include "common.h"

#include <sluice/media.h>

#include <stdlib.h>

#define IN SLUICE_RECEIVED
#define OUT SLUICE_SENT_OUT

typedef struct {
    size_t len;
    _Alignas(4) uint8_t data[100 + SLUICE_PROTECT_ROOM];
} Packet;

static SluiceStatus try_seal(Pair *pair, SluiceKind kind, uint32_t ssrc, uint16_t seq, Packet *out)
{
    out->len = pair_make_media(out->data, kind, ssrc, seq, 0x11, 40);
    return sluice_transport_protect(pair->end[CLIENT].transport, kind, out->data, &out->len,
                                    sizeof out->data);
}

static Packet seal(Pair *pair, SluiceKind kind, uint32_t ssrc, uint16_t seq)
{
    Packet packet;

    assert_status(try_seal(pair, kind, ssrc, seq, &packet), SLUICE_OK);
    return packet;
}

static SluiceStatus give(Pair *pair, const Packet *packet)
{
    Packet copy = *packet;
    SluiceKind kind;

    return sluice_transport_receive(pair->end[SERVER].transport, vclock_now(), copy.data, &copy.len,
                                    &kind);
}

static void transfer(Pair *pair, SluiceKind kind, uint32_t ssrc, uint16_t seq)
{
    Packet packet = seal(pair, kind, ssrc, seq);

    assert_status(give(pair, &packet), SLUICE_OK);
}

static SluiceTransport *client(const Pair *pair) { return pair->end[CLIENT].transport; }

static SluiceTransport *server(const Pair *pair) { return pair->end[SERVER].transport; }

static void test_removed_and_back(void **state)
{
    Packet rtp, rtcp;
    uint32_t roc;
    Pair pair;

    (void)state;
    open_connected(&pair);
    transfer(&pair, SLUICE_KIND_RTP, 1, 65535);
    rtp = seal(&pair, SLUICE_KIND_RTP, 1, 0);
    rtcp = seal(&pair, SLUICE_KIND_RTCP, 1, 0);
    assert_status(give(&pair, &rtp), SLUICE_OK);
    assert_status(give(&pair, &rtcp), SLUICE_OK);
    assert_int_equal(pair_stats(&pair, SERVER).ssrcs_received, 1);
    assert_int_equal(pair_stats(&pair, SERVER).ssrcs_sent, 0);
    assert_int_equal(pair_stats(&pair, CLIENT).ssrcs_sent, 1);
    assert_int_equal(pair_stats(&pair, CLIENT).ssrcs_received, 0);
    assert_status(sluice_transport_get_roc(server(&pair), IN, 1, &roc), SLUICE_OK);
    assert_int_equal(roc, 1);
    assert_status(sluice_transport_get_roc(client(&pair), OUT, 1, &roc), SLUICE_OK);
    assert_int_equal(roc, 1);

    assert_status(sluice_transport_remove_ssrc(server(&pair), IN, 1), SLUICE_OK);
    assert_status(sluice_transport_remove_ssrc(server(&pair), IN, 1), SLUICE_INVALID_ARGUMENT);
    assert_int_equal(pair_stats(&pair, SERVER).ssrcs_received, 0);
    assert_status(give(&pair, &rtp), SLUICE_DROPPED_REPLAYED);
    assert_status(give(&pair, &rtcp), SLUICE_DROPPED_REPLAYED);
    assert_int_equal(pair_stats(&pair, SERVER).ssrcs_received, 0);
    assert_int_equal(pair_stats(&pair, SERVER).dropped_replayed, 2);

    assert_status(sluice_transport_remove_ssrc(client(&pair), OUT, 1), SLUICE_OK);
    assert_int_equal(pair_stats(&pair, CLIENT).ssrcs_sent, 0);
    assert_status(try_seal(&pair, SLUICE_KIND_RTP, 1, 0, &rtp), SLUICE_KEY_EXHAUSTED);
    transfer(&pair, SLUICE_KIND_RTP, 1, 1);
    transfer(&pair, SLUICE_KIND_RTCP, 1, 0);
    assert_status(sluice_transport_get_roc(server(&pair), IN, 1, &roc), SLUICE_OK);
    assert_int_equal(roc, 1);
    assert_int_equal(pair_stats(&pair, SERVER).ssrcs_received, 1);
    pair_close(&pair);
}

static void open_with_limit(Pair *pair, unsigned of_client, unsigned of_server)
{
    SluiceConfig *a = new_config(CLIENT), *b = new_config(SERVER);

    assert_status(sluice_config_set_ssrc_limit(a, of_client), SLUICE_OK);
    assert_status(sluice_config_set_ssrc_limit(b, of_server), SLUICE_OK);
    open_with(pair, a, b);
    assert_status(sluice_config_set_ssrc_limit(a, of_client), SLUICE_INVALID_STATE);
    connect_within(pair, 100 * MS);
}

static void test_the_limit(void **state)
{
    SluiceStats stats;
    Packet packet;
    Pair pair;

    (void)state;
    open_with_limit(&pair, 20, 16);
    for (uint32_t i = 0; i < 20; i++) {
        packet = seal(&pair, i & 1 ? SLUICE_KIND_RTCP : SLUICE_KIND_RTP, i, 1);
        assert_status(give(&pair, &packet), i < 16 ? SLUICE_OK : SLUICE_DROPPED_FULL);
    }
    stats = pair_stats(&pair, SERVER);
    assert_int_equal(stats.ssrcs_received, 16);
    assert_int_equal(stats.dropped_ssrc_limit, 4);
    assert_int_equal(stats.dropped_malformed + stats.dropped_unauthentic, 0);
    assert_status(try_seal(&pair, SLUICE_KIND_RTP, 20, 1, &packet), SLUICE_WOULD_BLOCK);
    stats = pair_stats(&pair, CLIENT);
    assert_int_equal(stats.ssrcs_sent, 20);
    assert_int_equal(stats.protect_failed, 1);
    assert_status(sluice_transport_remove_ssrc(client(&pair), OUT, 0), SLUICE_OK);
    packet = seal(&pair, SLUICE_KIND_RTP, 20, 1);
    assert_status(give(&pair, &packet), SLUICE_DROPPED_FULL);
    pair_run(&pair, 10 * SECOND);
    packet.data[packet.len - 1] ^= 1;
    assert_status(give(&pair, &packet), SLUICE_DROPPED_UNAUTHENTIC);
    assert_int_equal(pair_stats(&pair, SERVER).ssrcs_evicted, 0);
    packet.data[packet.len - 1] ^= 1;
    assert_status(give(&pair, &packet), SLUICE_OK);
    stats = pair_stats(&pair, SERVER);
    assert_int_equal(stats.ssrcs_evicted, 1);
    assert_int_equal(stats.ssrcs_received, 16);
    assert_int_equal(stats.dropped_ssrc_limit, 5);
    assert_status(sluice_transport_close(server(&pair), vclock_now()), SLUICE_OK);
    stats = pair_stats(&pair, SERVER);
    assert_int_equal(stats.ssrcs_received, 0);
    assert_int_equal(stats.ssrcs_evicted, 1); /* counters never fall */
    pair_close(&pair);
}

static void test_forgotten_ones_are_counted(void **state)
{
    Pair pair;

    (void)state;
    open_with_limit(&pair, 1000, 16);
    for (uint32_t i = 0; i < 64 + 10; i++) {
        transfer(&pair, SLUICE_KIND_RTP, i, 1);
        assert_status(sluice_transport_remove_ssrc(server(&pair), IN, i), SLUICE_OK);
    }
    assert_int_equal(pair_stats(&pair, SERVER).ssrcs_forgotten, 10);
    pair_close(&pair);
}

/* One who joins a stream that has rolled over. */
static void test_named_rocs(void **state)
{
    Packet packet;
    uint32_t roc;
    Pair pair;

    (void)state;
    open_connected(&pair);
    assert_status(sluice_transport_set_roc(client(&pair), OUT, 9, 70000), SLUICE_OK);
    packet = seal(&pair, SLUICE_KIND_RTP, 9, 1234);
    assert_status(give(&pair, &packet), SLUICE_DROPPED_UNAUTHENTIC);
    assert_status(sluice_transport_get_roc(server(&pair), IN, 9, &roc), SLUICE_INVALID_ARGUMENT);
    assert_status(sluice_transport_set_roc(server(&pair), IN, 9, 70000), SLUICE_OK);
    assert_int_equal(pair_stats(&pair, SERVER).ssrcs_received, 1);
    assert_status(give(&pair, &packet), SLUICE_OK);
    assert_status(give(&pair, &packet), SLUICE_DROPPED_REPLAYED);
    assert_status(sluice_transport_set_roc(server(&pair), IN, 9, 69999), SLUICE_INVALID_ARGUMENT);
    assert_status(sluice_transport_set_roc(client(&pair), OUT, 9, 69999), SLUICE_KEY_EXHAUSTED);
    pair_close(&pair);
}

static void test_before_and_after(void **state)
{
    const SluiceDirection wrong = (SluiceDirection)7;
    uint32_t roc;
    Pair pair;

    (void)state;
    open_default(&pair);
    for (int i = 0; i < 2; i++) {
        SluiceDirection direction = i ? IN : OUT;

        assert_status(sluice_transport_remove_ssrc(client(&pair), direction, 1), SLUICE_NOT_READY);
        assert_status(sluice_transport_get_roc(client(&pair), direction, 1, &roc),
                      SLUICE_NOT_READY);
        assert_status(sluice_transport_set_roc(client(&pair), direction, 1, 1), SLUICE_NOT_READY);
        assert_status(sluice_transport_remove_ssrc(NULL, direction, 1), SLUICE_INVALID_ARGUMENT);
        assert_status(sluice_transport_get_roc(NULL, direction, 1, &roc), SLUICE_INVALID_ARGUMENT);
        assert_status(sluice_transport_set_roc(NULL, direction, 1, 1), SLUICE_INVALID_ARGUMENT);
        assert_status(sluice_transport_get_roc(client(&pair), direction, 1, NULL),
                      SLUICE_INVALID_ARGUMENT);
    }
    connect_within(&pair, 100 * MS);
    assert_status(sluice_transport_remove_ssrc(client(&pair), wrong, 1), SLUICE_INVALID_ARGUMENT);
    assert_status(sluice_transport_get_roc(client(&pair), wrong, 1, &roc), SLUICE_INVALID_ARGUMENT);
    assert_status(sluice_transport_set_roc(client(&pair), wrong, 1, 1), SLUICE_INVALID_ARGUMENT);
    assert_status(sluice_transport_close(client(&pair), vclock_now()), SLUICE_OK);
    for (int i = 0; i < 2; i++) {
        SluiceDirection direction = i ? IN : OUT;

        assert_status(sluice_transport_remove_ssrc(client(&pair), direction, 1), SLUICE_ENDED);
        assert_status(sluice_transport_get_roc(client(&pair), direction, 1, &roc), SLUICE_ENDED);
        assert_status(sluice_transport_set_roc(client(&pair), direction, 1, 1), SLUICE_ENDED);
    }
    pair_close(&pair);
}

static void test_limits_of_the_limit(void **state)
{
    SluiceConfig *config = new_config(CLIENT);

    (void)state;
    assert_status(sluice_config_set_ssrc_limit(NULL, 100), SLUICE_INVALID_ARGUMENT);
    assert_status(sluice_config_set_ssrc_limit(config, 15), SLUICE_INVALID_ARGUMENT);
    assert_status(sluice_config_set_ssrc_limit(config, 65537), SLUICE_INVALID_ARGUMENT);
    assert_status(sluice_config_set_ssrc_limit(config, 16), SLUICE_OK);
    assert_status(sluice_config_set_ssrc_limit(config, 65536), SLUICE_OK);
    sluice_config_unref(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_removed_and_back),
        cmocka_unit_test(test_the_limit),
        cmocka_unit_test(test_forgotten_ones_are_counted),
        cmocka_unit_test(test_named_rocs),
        cmocka_unit_test(test_before_and_after),
        cmocka_unit_test(test_limits_of_the_limit),
    };

    alloc_init();
    return cmocka_run_group_tests(tests, NULL, free_certificates);
}
