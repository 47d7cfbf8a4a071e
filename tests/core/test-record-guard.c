/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds rule 26: of each record, header, type, direction, size and body are judged; each row that
 * passes stands beside its forged twin. What the guard is worth against OpenSSL is in
 * test-record-guard-openssl.c. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "guard-records.h"
#include "record-guard.h"
#include "record.h"

#include <string.h>

static const SlGuardState client = {.role = SLUICE_ROLE_CLIENT};
static const SlGuardState server = {.role = SLUICE_ROLE_SERVER};
static const SlGuardState client_done = {.role = SLUICE_ROLE_CLIENT, .finished = 1};
static const SlGuardState server_done = {.role = SLUICE_ROLE_SERVER, .finished = 1};

typedef enum { PASS, MALFORMED, UNEXPECTED } Verdict;

static void expect(const SlGuardState *state, const uint8_t *in, size_t len, Verdict verdict)
{
    uint8_t out[70000];
    SlGuardReport report;
    size_t n = guard_filter(state, in, len, out, &report);
    assert_int_equal(report.passed, verdict == PASS);
    assert_int_equal(report.malformed, verdict == MALFORMED);
    assert_int_equal(report.unexpected, verdict == UNEXPECTED);
    assert_int_equal(n, verdict == PASS ? len : 0);
}

static void expect_record(const SlGuardState *state, uint8_t type, uint16_t version, uint16_t epoch,
                          const char *body, size_t len, Verdict verdict)
{
    uint8_t record[70000];
    expect(state, record, put_record(record, type, version, epoch, (const uint8_t *)body, len),
           verdict);
}

static void versions(void **state)
{
    (void)state;
    static const struct {
        uint16_t version;
        Verdict verdict;
    } rows[] = {{0xfefd, PASS},      {0xfeff, PASS},      {0xfefc, MALFORMED}, {0xfefe, MALFORMED},
                {0xff00, MALFORMED}, {0x0303, MALFORMED}, {0x0100, MALFORMED}, {0x0000, MALFORMED}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        expect_record(&server, SL_CHANGE_CIPHER_SPEC, rows[i].version, 0, "\1", 1, rows[i].verdict);
    /* Under the tag the version is 1.2 and nothing else. */
    char junk[32] = {0};
    expect_record(&server, SL_HANDSHAKE, 0xfefd, 1, junk, 32, PASS);
    expect_record(&server, SL_HANDSHAKE, 0xfeff, 1, junk, 32, MALFORMED);
}

static void plaintext_types(void **state)
{
    (void)state;
    const SlGuardState *all[] = {&client, &server, &client_done, &server_done};
    for (size_t s = 0; s < 4; s++) {
        expect_record(all[s], SL_CHANGE_CIPHER_SPEC, 0xfefd, 0, "\1", 1, PASS);
        expect_record(all[s], SL_CHANGE_CIPHER_SPEC, 0xfefd, 0, "\2", 1, MALFORMED);
        expect_record(all[s], SL_CHANGE_CIPHER_SPEC, 0xfefd, 0, "\1\1", 2, MALFORMED);
        expect_record(all[s], SL_CHANGE_CIPHER_SPEC, 0xfefd, 0, "", 0, MALFORMED);
        expect_record(all[s], SL_HANDSHAKE, 0xfefd, 0, "", 0, MALFORMED);
        expect_record(all[s], SL_APPLICATION_DATA, 0xfefd, 0, "hello", 5, UNEXPECTED);
        expect_record(all[s], SL_ACK, 0xfefd, 0, "\0\0", 2, UNEXPECTED);
        expect_record(all[s], 25, 0xfefd, 0, "\0\0", 2, MALFORMED);
        for (unsigned type = 0; type < 256; type++) {
            if ((type >= 20 && type <= 23) || type == 25 || (type >= 32 && type <= 63))
                continue;
            expect_record(all[s], (uint8_t)type, 0xfefd, 0, "\1\2", 2, UNEXPECTED);
            expect_record(all[s], (uint8_t)type, 0xfefd, 1, "0123456789abcdef0123456789", 26,
                          UNEXPECTED);
        }
    }
}

/* While the handshake runs a plaintext alert may be the peer's true refusal; once it is over it is
 * forged. */
static void plaintext_alerts(void **state)
{
    (void)state;
    expect_record(&client, SL_ALERT, 0xfefd, 0, "\2\50", 2, PASS);
    expect_record(&server, SL_ALERT, 0xfeff, 0, "\1\0", 2, PASS);
    expect_record(&client_done, SL_ALERT, 0xfefd, 0, "\2\50", 2, UNEXPECTED);
    expect_record(&server_done, SL_ALERT, 0xfefd, 0, "\1\0", 2, UNEXPECTED);
    expect_record(&client, SL_ALERT, 0xfefd, 0, "\0\50", 2, MALFORMED);
    expect_record(&client, SL_ALERT, 0xfefd, 0, "\3\50", 2, MALFORMED);
    expect_record(&client, SL_ALERT, 0xfefd, 0, "\2", 1, MALFORMED);
    expect_record(&client, SL_ALERT, 0xfefd, 0, "\2\50\2\50", 4, MALFORMED);
    expect_record(&client, SL_ALERT, 0xfefd, 0, "", 0, MALFORMED);
}

/* Who receives which message: bit 0 a client, bit 1 a server. */
static void directions(void **state)
{
    (void)state;
    static const uint8_t receivers[256] = {
        [SL_CLIENT_HELLO] = 2,      [SL_SERVER_HELLO] = 1,        [SL_HELLO_VERIFY_REQUEST] = 1,
        [SL_CERTIFICATE] = 3,       [SL_SERVER_KEY_EXCHANGE] = 1, [SL_CERTIFICATE_REQUEST] = 1,
        [SL_SERVER_HELLO_DONE] = 1, [SL_CERTIFICATE_VERIFY] = 2,  [SL_CLIENT_KEY_EXCHANGE] = 2,
    };
    uint8_t record[4096];
    for (unsigned type = 0; type < 256; type++) {
        size_t length = type == SL_SERVER_HELLO_DONE ? 0 : 100;
        size_t len = put_fragment(record, (uint8_t)type, (uint32_t)length, 0, length);
        expect(&client, record, len, receivers[type] & 1 ? PASS : UNEXPECTED);
        expect(&client_done, record, len, receivers[type] & 1 ? PASS : UNEXPECTED);
        expect(&server, record, len, receivers[type] & 2 ? PASS : UNEXPECTED);
        expect(&server_done, record, len, receivers[type] & 2 ? PASS : UNEXPECTED);
    }
}

static void client_hello_at_client(void **state)
{
    (void)state;
    uint8_t record[4096], out[4096];
    SlGuardReport report;
    size_t len = put_fragment(record, SL_CLIENT_HELLO, 100, 0, 100);
    assert_int_equal(guard_filter(&client, record, len, out, &report), 0);
    assert_true(report.client_hello_at_client);
    assert_int_equal(report.unexpected, 1);
    assert_int_equal(guard_filter(&server, record, len, out, &report), len);
    assert_false(report.client_hello_at_client);
    len = put_fragment(record, SL_SERVER_HELLO, 100, 0, 100);
    guard_filter(&client, record, len, out, &report);
    assert_false(report.client_hello_at_client);
}

static void message_sizes(void **state)
{
    (void)state;
    static const struct {
        uint8_t type;
        uint32_t min, max;
        const SlGuardState *to;
    } rows[] = {
        {SL_CLIENT_HELLO, 42, 16384, &server},       {SL_SERVER_HELLO, 38, 16384, &client},
        {SL_HELLO_VERIFY_REQUEST, 3, 258, &client},  {SL_CERTIFICATE, 3, 16384, &server},
        {SL_SERVER_KEY_EXCHANGE, 4, 16384, &client}, {SL_CERTIFICATE_REQUEST, 4, 16384, &client},
        {SL_CERTIFICATE_VERIFY, 4, 16384, &server},  {SL_CLIENT_KEY_EXCHANGE, 2, 2048, &server},
        {SL_SERVER_HELLO_DONE, 0, 0, &client},
    };
    uint8_t record[4096];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t part = rows[i].max > 0 ? 1 : 0;
        size_t len = put_fragment(record, rows[i].type, rows[i].min, 0, part);
        expect(rows[i].to, record, len, PASS);
        len = put_fragment(record, rows[i].type, rows[i].max, 0, part);
        expect(rows[i].to, record, len, PASS);
        len = put_fragment(record, rows[i].type, rows[i].max + 1, 0, part);
        expect(rows[i].to, record, len, UNEXPECTED);
        len = put_fragment(record, rows[i].type, 0xffffff, 0, 1);
        expect(rows[i].to, record, len, UNEXPECTED);
        if (rows[i].min > 1) {
            len = put_fragment(record, rows[i].type, rows[i].min - 1, 0, 1);
            expect(rows[i].to, record, len, UNEXPECTED);
        }
    }
}

static void fragments(void **state)
{
    (void)state;
    uint8_t record[4096];
    expect(&server, record, put_fragment(record, SL_CERTIFICATE, 1000, 300, 500), PASS);
    expect(&server, record, put_fragment(record, SL_CERTIFICATE, 1000, 999, 1), PASS);
    expect(&server, record, put_fragment(record, SL_CERTIFICATE, 1000, 999, 2), MALFORMED);
    expect(&server, record, put_fragment(record, SL_CERTIFICATE, 1000, 1000, 0), MALFORMED);
    expect(&server, record, put_fragment(record, SL_CERTIFICATE, 200, 0, 0), MALFORMED);
    /* The fragment says more, or less, than its record holds. */
    size_t len = put_fragment(record, SL_CERTIFICATE, 1000, 0, 500);
    sl_put24(record + 22, 501);
    expect(&server, record, len, MALFORMED);
    sl_put24(record + 22, 499);
    expect(&server, record, len, MALFORMED);
    /* A header cut short. */
    for (size_t body = 1; body < SL_HANDSHAKE_HEADER; body++)
        expect_record(&server, SL_HANDSHAKE, 0xfefd, 0, "\13\0\0\1\0\0\0\0\0\0\0\1", body,
                      MALFORMED);
}

/* Two messages in one record pass together; one bad one takes the other with it. */
static void several_messages(void **state)
{
    (void)state;
    uint8_t record[4096], second[4096];
    size_t len = put_fragment(record, SL_SERVER_KEY_EXCHANGE, 40, 0, 40);
    size_t more = put_fragment(second, SL_SERVER_HELLO_DONE, 0, 0, 0) - SL_RECORD_HEADER;
    memcpy(record + len, second + SL_RECORD_HEADER, more);
    sl_put16(record + 11, (uint16_t)(len + more - SL_RECORD_HEADER));
    expect(&client, record, len + more, PASS);
    record[len] = SL_FINISHED;
    expect(&client, record, len + more, UNEXPECTED);
}

static void ciphertext(void **state)
{
    (void)state;
    static char body[20000];
    const SlGuardState *all[] = {&client, &server, &client_done, &server_done};
    for (size_t s = 0; s < 4; s++) {
        for (uint8_t type = 21; type <= 23; type++) {
            expect_record(all[s], type, 0xfefd, 1, body, 25, PASS);
            expect_record(all[s], type, 0xfefd, 1, body, 24, MALFORMED);
            expect_record(all[s], type, 0xfefd, 1, body, 0, MALFORMED);
            expect_record(all[s], type, 0xfefd, 1, body, 16384 + 256, PASS);
            expect_record(all[s], type, 0xfefd, 1, body, 16384 + 257, MALFORMED);
            expect_record(all[s], type, 0xfefd, 2, body, 40, UNEXPECTED);
            expect_record(all[s], type, 0xfefd, 0xffff, body, 40, UNEXPECTED);
        }
        expect_record(all[s], SL_CHANGE_CIPHER_SPEC, 0xfefd, 1, body, 40, UNEXPECTED);
    }
    /* ChaCha20-Poly1305 adds less than the longest, which holds while the cipher is not known. */
    const SlGuardState chacha = {.role = SLUICE_ROLE_SERVER, .expansion = 16};
    expect_record(&chacha, SL_APPLICATION_DATA, 0xfefd, 1, body, 17, PASS);
    expect_record(&chacha, SL_APPLICATION_DATA, 0xfefd, 1, body, 16, MALFORMED);
    uint8_t record[64], out[64];
    SlGuardReport report;
    size_t len = put_record(record, SL_APPLICATION_DATA, 0xfefd, 1, (uint8_t *)body, 30);
    guard_filter(&server, record, len, out, &report);
    assert_true(report.has_application_data);
    sl_put16(record + 3, 0);
    guard_filter(&server, record, len, out, &report);
    assert_false(report.has_application_data);
    sl_put16(record + 3, 1);
    record[0] = SL_ALERT;
    guard_filter(&server, record, len, out, &report);
    assert_false(report.has_application_data);
}

static void plaintext_length(void **state)
{
    (void)state;
    static uint8_t record[40000];
    uint8_t body[SL_HANDSHAKE_HEADER] = {SL_CERTIFICATE};
    sl_put24(body + 1, 16384);
    for (size_t len = 16384; len <= 16385; len++) {
        sl_put24(body + 9, (uint32_t)(len - SL_HANDSHAKE_HEADER));
        put_record(record, SL_HANDSHAKE, 0xfefd, 0, body, sizeof body);
        sl_put16(record + 11, (uint16_t)len);
        expect(&server, record, SL_RECORD_HEADER + len, len == 16384 ? PASS : MALFORMED);
    }
}

/* ---- whole datagrams ---- */

/* A good record, then @tail. */
static size_t after_good(uint8_t *p, const uint8_t *tail, size_t len)
{
    size_t n = put_record(p, SL_CHANGE_CIPHER_SPEC, 0xfefd, 0, (const uint8_t *)"\1", 1);
    memcpy(p + n, tail, len);
    return n + len;
}

static void datagrams(void **state)
{
    (void)state;
    uint8_t good[64], in[256], out[256];
    SlGuardReport report;
    size_t g = put_record(good, SL_CHANGE_CIPHER_SPEC, 0xfefd, 0, (const uint8_t *)"\1", 1);

    /* A bad tail costs only the tail, however short. */
    for (size_t cut = 1; cut < g; cut++) {
        assert_int_equal(guard_filter(&server, in, after_good(in, good, cut), out, &report), g);
        assert_int_equal(report.passed, 1);
        assert_int_equal(report.malformed, 1);
    }
    /* A bad first header costs all that is behind it. */
    memcpy(in, good, g);
    memcpy(in + g, good, g);
    in[1] = 3;
    assert_int_equal(guard_filter(&server, in, 2 * g, out, &report), 0);
    assert_int_equal(report.malformed, 1);
    assert_int_equal(report.passed, 0);
    /* A bad record with a good header costs itself. */
    in[1] = 0xfe;
    in[13] = 2;
    assert_int_equal(guard_filter(&server, in, 2 * g, out, &report), g);
    assert_memory_equal(out, good, g);
    assert_int_equal(report.malformed, 1);
    assert_int_equal(report.passed, 1);
    assert_int_equal(guard_filter(&server, in, 0, out, &report), 0);
    assert_int_equal(report.passed + report.malformed + report.unexpected, 0);
    /* The report is added to. */
    SlGuardReport sum = {.passed = 5, .malformed = 6, .unexpected = 7};
    sl_guard_filter(&server, in, 2 * g, out, &sum);
    assert_int_equal(sum.passed, 6);
    assert_int_equal(sum.malformed, 7);
    assert_int_equal(sum.unexpected, 7);
}

static void unified_header(void **state)
{
    (void)state;
    SlGuardState dtls13 = {.role = SLUICE_ROLE_SERVER, .dtls13 = 1};
    uint8_t tail[40], in[256], out[256];
    SlGuardReport report;
    for (unsigned first = 32; first < 64; first++) {
        memset(tail, 0xfe, sizeof tail);
        tail[0] = (uint8_t)first;
        expect(&dtls13, tail, sizeof tail, PASS);
        expect(&server, tail, sizeof tail, UNEXPECTED);
        expect(&client_done, tail, sizeof tail, UNEXPECTED);
        size_t len = after_good(in, tail, sizeof tail);
        assert_int_equal(guard_filter(&dtls13, in, len, out, &report), len);
        assert_memory_equal(out, in, len);
        assert_int_equal(guard_filter(&server, in, len, out, &report), len - sizeof tail);
        assert_int_equal(report.passed, 1);
        assert_int_equal(report.unexpected, 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(versions),
        cmocka_unit_test(plaintext_types),
        cmocka_unit_test(plaintext_alerts),
        cmocka_unit_test(directions),
        cmocka_unit_test(client_hello_at_client),
        cmocka_unit_test(message_sizes),
        cmocka_unit_test(fragments),
        cmocka_unit_test(several_messages),
        cmocka_unit_test(ciphertext),
        cmocka_unit_test(plaintext_length),
        cmocka_unit_test(datagrams),
        cmocka_unit_test(unified_header),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
