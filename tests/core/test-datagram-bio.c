/* SPDX-License-Identifier: BSD-3-Clause */

/* Rules 1 to 4: datagram boundaries both ways, safe answers to OpenSSL's questions, "retry" when empty. */

#include "datagram-bio.h"

#include <openssl/bio.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

typedef struct {
    unsigned count;
    size_t len[8];
    uint8_t bytes[8][64];
} Written;

static void on_write(void *context, const uint8_t *data, size_t len)
{
    Written *written = context;

    memcpy(written->bytes[written->count], data, len);
    written->len[written->count++] = len;
}

static void test_one_write_is_one_datagram(void **state)
{
    Written written = {0};
    SlDatagramBio bio_state = {.mtu = 1200, .write = on_write, .context = &written};
    BIO *bio = sl_datagram_bio_new(&bio_state);

    (void)state;
    assert_non_null(bio);
    assert_int_equal(BIO_write(bio, "first", 5), 5);
    assert_int_equal(BIO_write(bio, "two", 3), 3);
    assert_int_equal(written.count, 2);
    assert_int_equal(written.len[0], 5);
    assert_memory_equal(written.bytes[1], "two", 3);
    BIO_free(bio);
}

static void test_one_datagram_is_read_once_and_then_it_says_retry(void **state)
{
    Written written = {0};
    SlDatagramBio bio_state = {.mtu = 1200, .write = on_write, .context = &written};
    BIO *bio = sl_datagram_bio_new(&bio_state);
    char buffer[16];

    (void)state;
    assert_int_equal(BIO_read(bio, buffer, sizeof buffer), -1);
    assert_true(BIO_should_retry(bio));
    bio_state.in = (const uint8_t *)"datagram";
    bio_state.in_len = 8;
    assert_int_equal(BIO_read(bio, buffer, 5), 5); /* the rest is cut, never glued to the next */
    assert_int_equal(BIO_read(bio, buffer, sizeof buffer), -1);
    assert_true(BIO_should_retry(bio));
    BIO_free(bio);
}

static void test_questions_are_answered_safely(void **state)
{
    Written written = {0};
    SlDatagramBio bio_state = {.mtu = 1200, .write = on_write, .context = &written};
    BIO *bio = sl_datagram_bio_new(&bio_state);

    (void)state;
    assert_int_equal(BIO_flush(bio), 1);
    assert_int_equal(BIO_ctrl(bio, BIO_CTRL_DGRAM_QUERY_MTU, 0, NULL), 1200);
    assert_int_equal(BIO_ctrl(bio, BIO_CTRL_DGRAM_SET_MTU, 576, NULL), 576);
    assert_int_equal(BIO_ctrl(bio, BIO_CTRL_DGRAM_GET_FALLBACK_MTU, 0, NULL), 576);
    assert_int_equal(BIO_ctrl(bio, BIO_CTRL_DGRAM_GET_MTU_OVERHEAD, 0, NULL), 0);
    assert_int_equal(BIO_wpending(bio), 0);
    assert_int_equal(BIO_ctrl(bio, BIO_CTRL_EOF, 0, NULL), 0);
    /* A default of 1 crashes libssl 3.0: it takes it for kernel TLS. */
    for (int command = 60; command < 90; command++)
        if (command != BIO_CTRL_DGRAM_QUERY_MTU && command != BIO_CTRL_DGRAM_SET_MTU &&
            command != BIO_CTRL_DGRAM_GET_FALLBACK_MTU)
            assert_int_equal(BIO_ctrl(bio, command, 0, NULL), 0);
    /* 24 is SCTP, which would switch off replay checks and timers. */
    assert_int_not_equal(BIO_method_type(bio) & 0xff, 24);
    BIO_free(bio);
}

/* BIO_get_new_index() may be called only 127 times in a process. */
static void test_any_number_of_bios(void **state)
{
    SlDatagramBio bio_state = {.mtu = 1200, .write = on_write};

    (void)state;
    for (int i = 0; i < 300; i++) {
        BIO *bio = sl_datagram_bio_new(&bio_state);

        assert_non_null(bio);
        BIO_free(bio);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_write_is_one_datagram),
        cmocka_unit_test(test_one_datagram_is_read_once_and_then_it_says_retry),
        cmocka_unit_test(test_questions_are_answered_safely),
        cmocka_unit_test(test_any_number_of_bios),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
