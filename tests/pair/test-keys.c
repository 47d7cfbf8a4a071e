/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: both ends export the same keying material (RFC 5705) for the caller's own labels, SRTP
 * keys mirror each other and are what the exporter gives (RFC 5764 section 4.2, rule 18), and
 * neither is to be had before the peer is verified (H1). */

#include "common.h"

typedef struct {
    const char *label;
    const uint8_t *context;
    size_t context_len;
} Question;

static SluiceStatus ask(Pair *pair, int end, const Question *question, uint8_t *out, size_t len)
{
    return sluice_transport_export(pair->end[end].transport, question->label, question->context,
                                   question->context_len, out, len);
}

static void test_exporter(void **state)
{
    static const uint8_t context[] = {1, 2, 3}, other[] = {1, 2, 4};
    static const Question questions[] = {
        {"EXPORTER-one", NULL, 0},    {"EXPORTER-two", NULL, 0},  {"EXPORTER-one", context, 0},
        {"EXPORTER-one", context, 3}, {"EXPORTER-one", other, 3}, {"EXPORTER-two", context, 3},
    };
    enum { N = sizeof questions / sizeof questions[0] };
    uint8_t client[N][64], server[64], zero[64] = {0};
    Pair pair;

    (void)state;
    open_connected(&pair);
    for (size_t i = 0; i < N; i++) {
        assert_status(ask(&pair, CLIENT, &questions[i], client[i], 64), SLUICE_OK);
        assert_status(ask(&pair, SERVER, &questions[i], server, 64), SLUICE_OK);
        assert_memory_equal(client[i], server, 64);
        assert_memory_not_equal(client[i], zero, 64);
        for (size_t k = 0; k < i; k++) /* no context is not an empty context */
            assert_memory_not_equal(client[i], client[k], 64);
    }
    pair_close(&pair);
}

static void test_exporter_lengths(void **state)
{
    static uint8_t client[8193], server[8193];
    static const Question question = {"EXPORTER-x", NULL, 0};
    static const size_t lens[] = {1, 32, 60, 8192};
    Pair pair;

    (void)state;
    open_connected(&pair);
    for (size_t i = 0; i < 4; i++) {
        assert_status(ask(&pair, CLIENT, &question, client, lens[i]), SLUICE_OK);
        assert_status(ask(&pair, SERVER, &question, server, lens[i]), SLUICE_OK);
        assert_memory_equal(client, server, lens[i]);
    }
    assert_status(ask(&pair, CLIENT, &question, client, 0), SLUICE_INVALID_ARGUMENT);
    assert_status(ask(&pair, CLIENT, &question, client, 8193), SLUICE_INVALID_ARGUMENT);
    pair_close(&pair);
}

static void test_srtp_keys_mirror(void **state)
{
    static const struct {
        SluiceSrtpProfile profile;
        size_t key, salt;
    } cases[] = {{SLUICE_SRTP_AEAD_AES_128_GCM, 16, 12},
                 {SLUICE_SRTP_AEAD_AES_256_GCM, 32, 12},
                 {SLUICE_SRTP_AES128_CM_SHA1_80, 16, 14},
                 {SLUICE_SRTP_AES128_CM_SHA1_32, 16, 14}};
    static const Question extractor = {"EXTRACTOR-dtls_srtp", NULL, 0};

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        SluiceConfig *a = new_config(CLIENT), *b = new_config(SERVER);
        SluiceSrtpKeys client, server;
        uint8_t material[92];
        size_t key = cases[i].key, salt = cases[i].salt;
        Pair pair;

        sluice_config_set_srtp_profiles(a, &cases[i].profile, 1);
        sluice_config_set_srtp_profiles(b, &cases[i].profile, 1);
        open_with(&pair, a, b);
        connect_within(&pair, 100 * MS);
        assert_status(sluice_transport_get_srtp_keys(pair.end[CLIENT].transport, &client),
                      SLUICE_OK);
        assert_status(sluice_transport_get_srtp_keys(pair.end[SERVER].transport, &server),
                      SLUICE_OK);
        assert_int_equal(client.profile, cases[i].profile);
        assert_int_equal(server.profile, cases[i].profile);
        assert_int_equal(client.generation, 1);
        assert_int_equal(client.key_len, key);
        assert_int_equal(client.salt_len, salt);
        assert_memory_equal(client.local_key, server.remote_key, key);
        assert_memory_equal(client.remote_key, server.local_key, key);
        assert_memory_equal(client.local_salt, server.remote_salt, salt);
        assert_memory_equal(client.remote_salt, server.local_salt, salt);
        assert_memory_not_equal(client.local_key, client.remote_key, key);
        /* client key, server key, client salt, server salt */
        assert_status(ask(&pair, CLIENT, &extractor, material, 2 * (key + salt)), SLUICE_OK);
        assert_memory_equal(material, client.local_key, key);
        assert_memory_equal(material + key, client.remote_key, key);
        assert_memory_equal(material + 2 * key, client.local_salt, salt);
        assert_memory_equal(material + 2 * key + salt, client.remote_salt, salt);
        pair_close(&pair);
    }
}

/* At every moment before "connected" it is refused, and the output is not touched. */
static void test_refused_before(void **state)
{
    static const Question question = {"EXPORTER-x", NULL, 0};
    Pair pair;

    (void)state;
    open_default(&pair);
    for (int step = -1; step < 8; step++) {
        if (step == 0)
            pair_start_both(&pair);
        if (step > 0)
            pair_run(&pair, 5 * MS);
        for (int end = 0; end < 2; end++) {
            uint8_t out[32], untouched[32];
            SluiceSrtpKeys keys;
            int connected = pair_state(&pair, end) == SLUICE_STATE_CONNECTED;

            memset(out, 0xaa, sizeof out);
            memset(untouched, 0xaa, sizeof untouched);
            assert_status(ask(&pair, end, &question, out, sizeof out),
                          connected ? SLUICE_OK : SLUICE_NOT_READY);
            assert_status(sluice_transport_get_srtp_keys(pair.end[end].transport, &keys),
                          connected ? SLUICE_OK : SLUICE_NOT_READY);
            if (!connected)
                assert_memory_equal(out, untouched, sizeof out);
        }
    }
    pair_close(&pair);
}

/* Two calls of the same configs share nothing. */
static void test_calls_differ(void **state)
{
    static const Question question = {"EXPORTER-x", NULL, 0};
    uint8_t first[32], second[32];
    SluiceSrtpKeys one, two;
    Pair pair;

    (void)state;
    open_connected(&pair);
    assert_status(ask(&pair, CLIENT, &question, first, 32), SLUICE_OK);
    sluice_transport_get_srtp_keys(pair.end[CLIENT].transport, &one);
    pair_close(&pair);
    open_connected(&pair);
    assert_status(ask(&pair, CLIENT, &question, second, 32), SLUICE_OK);
    sluice_transport_get_srtp_keys(pair.end[CLIENT].transport, &two);
    pair_close(&pair);
    assert_memory_not_equal(first, second, 32);
    assert_memory_not_equal(one.local_key, two.local_key, 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exporter),         cmocka_unit_test(test_exporter_lengths),
        cmocka_unit_test(test_srtp_keys_mirror), cmocka_unit_test(test_refused_before),
        cmocka_unit_test(test_calls_differ),
    };

    alloc_init();
    return cmocka_run_group_tests(tests, NULL, free_certificates);
}
