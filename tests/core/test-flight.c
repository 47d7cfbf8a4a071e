/* SPDX-License-Identifier: BSD-3-Clause */

/* Cutting a flight into datagrams: tight, never above the MTU, every byte of every message once, numbers unique. */

#include "flight.h"
#include "record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static size_t make_record(uint8_t *out, uint8_t type, uint16_t epoch, uint64_t number,
                          const uint8_t *body, size_t len)
{
    out[0] = type;
    sl_put16(out + 1, 0xfefd);
    sl_put16(out + 3, epoch);
    sl_put48(out + 5, number);
    sl_put16(out + 11, (uint16_t)len);
    memcpy(out + 13, body, len);
    return 13 + len;
}

static void add_message(SlFlight *flight, uint8_t type, uint16_t seq, size_t len)
{
    uint8_t body[3000], record[3100];

    body[0] = type;
    sl_put24(body + 1, (uint32_t)len);
    sl_put16(body + 4, seq);
    sl_put24(body + 6, 0);
    sl_put24(body + 9, (uint32_t)len);
    for (size_t i = 0; i < len; i++)
        body[12 + i] = (uint8_t)(seq * 7 + i);
    assert_int_equal(sl_flight_add(flight, record,
                                   make_record(record, SL_HANDSHAKE, 0, 77, body, 12 + len)),
                     SLUICE_OK);
}

static void add_plain(SlFlight *flight, uint8_t type, uint16_t epoch, size_t len)
{
    uint8_t body[200] = {1}, record[220];

    assert_int_equal(
        sl_flight_add(flight, record, make_record(record, type, epoch, 9, body, len)), SLUICE_OK);
}

/* Takes all output apart: sizes, numbers, and which bytes of message @seq came. Returns the datagrams. */
static unsigned take(SlOutput *output, size_t mtu, uint64_t *next_number, size_t *covered)
{
    SlOutputKind kind;
    const uint8_t *data;
    size_t len;
    unsigned datagrams = 0;

    while (sl_output_peek(output, &kind, &data, &len)) {
        size_t offset = 0, at;
        SlRecord record;
        SlFragment fragment;

        assert_int_equal(kind, SL_OUTPUT_FLIGHT);
        assert_true(len <= mtu);
        while (sl_record_next(data, len, &offset, &record) == 1) {
            if (record.epoch == 0)
                assert_int_equal(record.number, (*next_number)++);
            at = 0;
            while (record.type == SL_HANDSHAKE && record.epoch == 0 &&
                   sl_fragment_next(record.body, record.len, &at, &fragment) == 1) {
                for (size_t i = 0; i < fragment.len; i++)
                    assert_int_equal(fragment.body[i],
                                     (uint8_t)(fragment.message_seq * 7u +
                                               fragment.fragment_offset + i));
                covered[fragment.message_seq] += fragment.len;
            }
        }
        assert_int_equal(offset, len);
        datagrams++;
        sl_output_pop(output);
    }
    return datagrams;
}

static void test_a_retransmission_is_packed(void **state)
{
    SlFlight flight = {0};
    SlOutput output;
    uint64_t number = 0;
    size_t covered[8] = {0};

    (void)state;
    sl_output_init(&output, 8, 16384);
    sl_flight_begin(&flight);
    add_message(&flight, SL_CERTIFICATE, 1, 295);
    add_message(&flight, SL_CLIENT_KEY_EXCHANGE, 2, 33);
    add_message(&flight, SL_CERTIFICATE_VERIFY, 3, 75);
    add_plain(&flight, SL_CHANGE_CIPHER_SPEC, 0, 1);
    add_plain(&flight, SL_HANDSHAKE, 1, 48);
    assert_int_equal(sl_flight_emit(&flight, 1200, &output), SLUICE_OK);
    assert_int_equal(take(&output, 1200, &number, covered), 1);
    assert_int_equal(flight.note.datagrams, 1);
    assert_int_equal(covered[1], 295);
    assert_int_equal(covered[3], 75);
    sl_flight_cleanup(&flight);
    sl_output_cleanup(&output);
}

static void test_every_mtu_is_kept_and_no_byte_is_lost(void **state)
{
    (void)state;
    for (size_t mtu = 256; mtu <= 1500; mtu += 13) {
        SlFlight flight = {0};
        SlOutput output;
        uint64_t number = 0;
        size_t covered[8] = {0};
        unsigned datagrams;

        sl_output_init(&output, 8, 16384);
        sl_flight_begin(&flight);
        add_message(&flight, SL_SERVER_HELLO, 0, 90);
        add_message(&flight, SL_CERTIFICATE, 1, 2500);
        add_message(&flight, SL_SERVER_KEY_EXCHANGE, 2, 300);
        add_message(&flight, SL_SERVER_HELLO_DONE, 3, 0);
        assert_int_equal(sl_flight_emit(&flight, mtu, &output), SLUICE_OK);
        datagrams = take(&output, mtu, &number, covered);
        assert_int_equal(covered[0], 90);
        assert_int_equal(covered[1], 2500);
        assert_int_equal(covered[2], 300);
        /* Not many more than the bytes need. */
        assert_true(datagrams <= 2990 / (mtu - 90) + 2);
        sl_flight_cleanup(&flight);
        sl_output_cleanup(&output);
    }
}

static void test_emitting_again_replaces_what_is_unsent_with_new_numbers(void **state)
{
    SlFlight flight = {0};
    SlOutput output;
    uint64_t number = 0;
    size_t covered[8] = {0};

    (void)state;
    sl_output_init(&output, 8, 16384);
    sl_flight_begin(&flight);
    add_message(&flight, SL_CLIENT_HELLO, 0, 200);
    assert_int_equal(sl_flight_emit(&flight, 1200, &output), SLUICE_OK);
    assert_int_equal(sl_flight_emit(&flight, 1200, &output), SLUICE_OK);
    assert_int_equal(output.datagrams, 1);
    number = 1; /* the first copy was never sent, its number is spent */
    assert_int_equal(take(&output, 1200, &number, covered), 1);
    sl_flight_cleanup(&flight);
    sl_output_cleanup(&output);
}

static void test_flights_are_told_by_their_messages(void **state)
{
    uint8_t datagram[600], body[40] = {0};
    SluiceFlight note = {0};
    size_t len;

    (void)state;
    body[0] = SL_CLIENT_HELLO;
    sl_put24(body + 1, 20);
    sl_put24(body + 9, 20);
    len = make_record(datagram, SL_HANDSHAKE, 0, 0, body, 32);
    sl_flight_note(&note, SLUICE_ROLE_CLIENT, datagram, len);
    assert_int_equal(note.number, 1);
    assert_int_equal(note.messages, 1u << SL_CLIENT_HELLO);
    memset(&note, 0, sizeof note);
    sl_put16(body + 4, 1); /* message 1: it brings the cookie */
    len = make_record(datagram, SL_HANDSHAKE, 0, 1, body, 32);
    sl_flight_note(&note, SLUICE_ROLE_CLIENT, datagram, len);
    assert_int_equal(note.number, 3);
    memset(&note, 0, sizeof note);
    body[0] = 1;
    len = make_record(datagram, SL_CHANGE_CIPHER_SPEC, 0, 5, body, 1);
    sl_flight_note(&note, SLUICE_ROLE_SERVER, datagram, len);
    assert_int_equal(note.number, 6);
    assert_int_equal(note.change_cipher_spec, 1);
    /* Application data is no flight. */
    memset(&note, 0, sizeof note);
    len = make_record(datagram, SL_APPLICATION_DATA, 1, 5, body, 40);
    sl_flight_note(&note, SLUICE_ROLE_SERVER, datagram, len);
    assert_int_equal(note.number, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_retransmission_is_packed),
        cmocka_unit_test(test_every_mtu_is_kept_and_no_byte_is_lost),
        cmocka_unit_test(test_emitting_again_replaces_what_is_unsent_with_new_numbers),
        cmocka_unit_test(test_flights_are_told_by_their_messages),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
