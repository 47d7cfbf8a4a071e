/* SPDX-License-Identifier: BSD-3-Clause */

/* The bug: a stream said of bytes that it had accepted them, and they were sent to nobody. It cut its records by its own
 * measure (16384 bytes, or the message limit) and took for granted that SSL_write_ex() takes a record whole. OpenSSL has
 * a measure of its own, and with SSL_MODE_ENABLE_PARTIAL_WRITE it writes one record by that and says how many bytes were
 * in it; nobody looked at the number. The two measures differed when
 *   - the peer had asked for small records by max_fragment_length (RFC 6066 section 4): any client can;
 *   - a message limit was set, then a higher one or none: OpenSSL kept the first. It has two numbers for this, and
 *     SSL_CTRL_SET_MAX_SEND_FRAGMENT lowers both and raises one.
 * And sluice_stream_writable(), which counts in records, promised more than was accepted, also where the answer to a peer
 * that asks for new keys (RFC 8446 section 4.6.3) goes first.
 *
 * Holds: accepted is what arrives, byte for byte, whatever the size of the records; no record is larger than the peer asked
 * for, no message larger than the limit set last; a limit that was raised counts. */

#include "bare.h"

#include <openssl/err.h>

#define TOTAL 60000
#define CHUNK 20000
#define EXPANSION 24 /* what TLS 1.2 adds to a record behind its header */
#define HEADER 5

/* How many bytes a record may have by each code of RFC 6066; 0: the client does not ask. */
static const size_t record_max[] = {16384, 512, 1024, 2048, 4096};

typedef struct {
    int from;     /* whose string our end writes */
    size_t limit; /* of messages, 0: none */
    size_t most;  /* bytes that a record may have */
    size_t largest;
    uint64_t accepted, got;
} Flow;

/* All that our end has to say, checked record by record, to the bare one. */
static void take(Bare *bare, Flow *flow)
{
    const uint8_t *data;
    size_t len;

    while (sluice_stream_peek_output(bare->stream, &data, &len)) {
        if (flow->limit)
            assert_true(len <= flow->limit);
        for (size_t at = 0; at + HEADER <= len;) {
            size_t record = (size_t)data[at + 3] << 8 | data[at + 4];

            assert_true(record <= flow->most + EXPANSION);
            assert_true(at + HEADER + record <= len); /* data comes in whole records */
            if (HEADER + record > flow->largest)
                flow->largest = HEADER + record;
            at += HEADER + record;
        }
        assert_int_equal(BIO_write(SSL_get_rbio(bare->ssl), data, (int)len), (int)len);
        assert_status(sluice_stream_pop_output(bare->stream, len), SLUICE_OK);
    }
}

/* What the bare end can read now, compared. */
static void read_all(Bare *bare, Flow *flow)
{
    uint8_t buffer[4096];
    size_t n;

    ERR_clear_error();
    while (SSL_read_ex(bare->ssl, buffer, sizeof buffer, &n))
        for (size_t i = 0; i < n; i++)
            assert_int_equal(buffer[i], duo_byte(flow->from, flow->got++));
    ERR_clear_error();
}

/* @total bytes from our end, all of which arrive. What is not accepted is offered again from there. */
static void transfer(Bare *bare, Flow *flow, size_t total)
{
    static uint8_t data[CHUNK];

    while (flow->accepted < total) {
        size_t accepted = 0, promised = sluice_stream_writable(bare->stream);
        SluiceStatus status;

        for (size_t i = 0; i < CHUNK; i++)
            data[i] = duo_byte(flow->from, flow->accepted + i);
        status = sluice_stream_write(bare->stream, data, CHUNK, &accepted);
        assert_true(accepted > 0 && accepted <= CHUNK);
        assert_status(status, accepted == CHUNK ? SLUICE_OK : SLUICE_WOULD_BLOCK);
        assert_true(accepted >= (promised < CHUNK ? promised : CHUNK));
        flow->accepted += accepted;
        take(bare, flow);
        read_all(bare, flow);
        assert_int_equal(flow->got, flow->accepted);
    }
}

/* Messages of the handshake may be pieces of records, which only a whole pass puts together. */
static void connect_quietly(Bare *bare)
{
    bare_connect(bare);
    bare_assert_talks(bare);
}

static void open_asking(Bare *bare, unsigned version, int code)
{
    bare_open(bare, 0, version, ID_CLIENT);
    assert_int_equal(SSL_CTX_set_tlsext_max_fragment_length(bare->ctx, (uint8_t)code), 1);
}

/* -- a peer that asks ----------------------------------------------------------------------------- */

static void test_a_peer_that_asks_for_small_records(void **state)
{
    (void)state;
    for (int v = 0; v < 2; v++)
        for (int code = 0; code <= 4; code++) {
            Flow flow = {.from = SERVER, .most = record_max[code]};
            Bare bare;

            open_asking(&bare, versions[v], code);
            connect_quietly(&bare);
            transfer(&bare, &flow, TOTAL);
            /* They are not smaller than they have to be either. */
            assert_true(flow.largest > HEADER + record_max[code]);
            bare_close(&bare);
        }
}

/* What was agreed lives as long as the session (RFC 6066 section 4). */
static void test_a_peer_that_comes_back(void **state)
{
    (void)state;
    for (int v = 0; v < 2; v++) {
        Flow first_flow = {.from = SERVER, .most = record_max[1]}, flow = first_flow;
        SSL_SESSION *session;
        Bare first, second;

        open_asking(&first, versions[v], 1);
        connect_quietly(&first);
        transfer(&first, &first_flow, CHUNK);
        session = SSL_get1_session(first.ssl);
        assert_non_null(session);

        bare_open_with(&second, 0, versions[v], ID_CLIENT, sluice_config_ref(first.config));
        assert_int_equal(SSL_CTX_set_tlsext_max_fragment_length(second.ctx, 1), 1);
        bare_start(&second);
        assert_int_equal(SSL_set_session(second.ssl, session), 1);
        bare_pass(&second);
        assert_int_equal(SSL_session_reused(second.ssl), 1);
        bare_assert_talks(&second);
        transfer(&second, &flow, TOTAL);
        SSL_SESSION_free(session);
        bare_close(&second);
        bare_close(&first);
    }
}

/* The smaller of two wishes counts. */
static void test_with_a_message_limit(void **state)
{
    static const size_t limits[] = {64, 541, 1000, 4125, 5000, 16413, 20000};

    (void)state;
    for (int v = 0; v < 2; v++)
        for (int code = 0; code <= 4; code++)
            for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
                Flow flow = {.from = SERVER, .limit = limits[i], .most = record_max[code]};
                Bare bare;

                open_asking(&bare, versions[v], code);
                assert_status(sluice_stream_set_message_limit(bare.stream, limits[i]), SLUICE_OK);
                connect_quietly(&bare);
                transfer(&bare, &flow, CHUNK);
                bare_close(&bare);
            }
}

/* -- a limit that changed its mind ---------------------------------------------------------------- */

static void change_limits(unsigned version, int server, size_t first, size_t second)
{
    const size_t whole = 16384 + 29;
    const size_t most = second && second < whole ? second : whole;
    Flow flow = {.from = server ? CLIENT : SERVER, .limit = second, .most = record_max[0]};
    Bare bare;

    bare_open(&bare, server, version, ID_SERVER);
    assert_status(sluice_stream_set_message_limit(bare.stream, first), SLUICE_OK);
    assert_status(sluice_stream_set_message_limit(bare.stream, second), SLUICE_OK);
    connect_quietly(&bare);
    transfer(&bare, &flow, TOTAL);
    /* As large as the limit that counts lets them be, but for what this suite does not need of the allowance. */
    assert_true(flow.largest <= most);
    assert_true(flow.largest + 8 > most);
    bare_close(&bare);
}

static const size_t pairs[][2] = {
    {1000, 0},     {1000, 20000},  {64, 0},    {64, 16777216}, {541, 5000},
    {1000, 16413}, {5000, 16412},  {600, 601}, {16777216, 64}, {0, 1000},
    {20000, 541},  {16413, 16412}, {0, 0},     {1000, 1000},
};
#define PAIRS (sizeof pairs / sizeof *pairs)

static void test_limits_raised_and_lowered(void **state)
{
    (void)state;
    for (int v = 0; v < 2; v++)
        for (int server = 0; server < 2; server++)
            for (size_t i = 0; i < PAIRS; i++)
                change_limits(versions[v], server, pairs[i][0], pairs[i][1]);
}

/* -- what writable() promises --------------------------------------------------------------------- */

/* It counts in records, so it has to know how large they come out. */
static void assert_promise_kept(unsigned version, int code, const size_t *limits, size_t output)
{
    SluiceConfig *config = server_config(version, ID_SERVER);
    static uint8_t data[65536];
    size_t promised, accepted = 0;
    Bare bare;

    assert_status(sluice_config_set_stream_limits(config, output, 65536), SLUICE_OK);
    bare_open_with(&bare, 0, version, ID_CLIENT, config);
    assert_int_equal(SSL_CTX_set_tlsext_max_fragment_length(bare.ctx, (uint8_t)code), 1);
    for (int i = 0; i < 2; i++)
        assert_status(sluice_stream_set_message_limit(bare.stream, limits[i]), SLUICE_OK);
    connect_quietly(&bare);
    promised = sluice_stream_writable(bare.stream);
    assert_true(promised >= output / 2 || limits[1] == 64);
    assert_true(promised > 0 && promised <= output);
    (void)sluice_stream_write(bare.stream, data, promised, &accepted);
    assert_int_equal(accepted, promised);
    bare_close(&bare);
}

static void test_what_is_promised_is_accepted(void **state)
{
    (void)state;
    for (int v = 0; v < 2; v++)
        for (int code = 0; code <= 4; code++)
            for (size_t i = 0; i < PAIRS; i++) {
                assert_promise_kept(versions[v], code, pairs[i], 8192);
                assert_promise_kept(versions[v], code, pairs[i], 65536);
            }
}

/* The bare end asks for new keys; our end reads it, and owes an answer. */
static void ask_for_keys(Bare *bare)
{
    uint8_t byte;
    size_t n;

    ERR_clear_error();
    assert_int_equal(SSL_key_update(bare->ssl, SSL_KEY_UPDATE_REQUESTED), 1);
    assert_int_equal(SSL_do_handshake(bare->ssl), 1);
    assert_true(bare_to_stream(bare, ALL) > 0);
    assert_status(sluice_stream_read(bare->stream, &byte, 1, &n), SLUICE_WOULD_BLOCK);
}

/* It shows where the last of several records is as large as the room that is left. */
static void test_an_answer_to_key_updates_has_its_place(void **state)
{
    const size_t limit = 4000, output = 8192;
    static const uint8_t data[8192];

    (void)state;
    for (int server = 0; server < 2; server++) {
        SluiceConfig *config = server ? client_config(0) : server_config(0, ID_SERVER);
        Bare bare;

        assert_status(sluice_config_set_stream_limits(config, output, 65536), SLUICE_OK);
        bare_open_with(&bare, server, SLUICE_TLS_1_3, ID_SERVER, config);
        assert_status(sluice_stream_set_message_limit(bare.stream, limit), SLUICE_OK);
        connect_quietly(&bare);
        for (size_t filled = 1; filled < limit - 29; filled += 13) {
            size_t accepted, promised;

            while (bare_from_stream(&bare, ALL)) /* to where nobody reads it */
                ;
            (void)BIO_reset(SSL_get_rbio(bare.ssl));
            assert_status(sluice_stream_write(bare.stream, data, filled, &accepted), SLUICE_OK);
            ask_for_keys(&bare);
            promised = sluice_stream_writable(bare.stream);
            assert_true(promised >= output / 4 && promised < output);
            (void)sluice_stream_write(bare.stream, data, promised, &accepted);
            assert_int_equal(accepted, promised);
        }
        bare_close(&bare);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_peer_that_asks_for_small_records),
        cmocka_unit_test(test_a_peer_that_comes_back),
        cmocka_unit_test(test_with_a_message_limit),
        cmocka_unit_test(test_limits_raised_and_lowered),
        cmocka_unit_test(test_what_is_promised_is_accepted),
        cmocka_unit_test(test_an_answer_to_key_updates_has_its_place),
    };

    alloc_init();
    return cmocka_run_group_tests(tests, NULL, free_identities);
}
