/* SPDX-License-Identifier: BSD-3-Clause */

/* OpenSSL's transport of a stream: full is "write again", empty is "read again", neither is ever the end; a write is taken
 * whole or not at all. */

#include "stream-bio.h"

#include "alloc.h"

#include <openssl/bio.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

typedef struct {
    SlStreamBio state;
    BIO *bio;
} Fixture;

static void open_bio(Fixture *self, size_t out_max)
{
    memset(self, 0, sizeof *self);
    self->state.out_max = out_max;
    self->bio = sl_stream_bio_new(&self->state);
    assert_non_null(self->bio);
}

static void close_bio(Fixture *self)
{
    BIO_free(self->bio);
    sl_byte_queue_release(&self->state.in);
    sl_byte_queue_release(&self->state.out);
}

static void test_writes_are_whole(void **state)
{
    Fixture f;

    (void)state;
    open_bio(&f, 10);
    assert_int_equal(BIO_write(f.bio, "abcdef", 6), 6);
    assert_int_equal(f.state.blocked, 0);
    assert_int_equal(BIO_write(f.bio, "ghijk", 5), -1);
    assert_true(BIO_should_retry(f.bio) && BIO_should_write(f.bio));
    assert_false(BIO_should_read(f.bio));
    assert_int_equal(f.state.blocked, 1);
    assert_int_equal(sl_byte_queue_len(&f.state.out), 6);
    assert_int_equal(f.state.produced, 6);
    assert_int_equal(BIO_write(f.bio, "ghij", 4), 4);
    assert_false(BIO_should_retry(f.bio));
    assert_int_equal(f.state.blocked, 0);
    assert_int_equal(f.state.produced, 10);
    assert_memory_equal(sl_byte_queue_data(&f.state.out), "abcdefghij", 10);
    assert_int_equal(BIO_write(f.bio, "k", 1), -1);
    sl_byte_queue_consume(&f.state.out, 1);
    assert_int_equal(BIO_write(f.bio, "k", 1), 1);
    assert_memory_equal(sl_byte_queue_data(&f.state.out), "bcdefghijk", 10);
    close_bio(&f);
}

static void test_reads_as_far_as_there_is(void **state)
{
    char buffer[16];
    Fixture f;

    (void)state;
    open_bio(&f, 10);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(BIO_read(f.bio, buffer, sizeof buffer), -1);
        assert_true(BIO_should_retry(f.bio) && BIO_should_read(f.bio));
        assert_int_equal(sl_byte_queue_append(&f.state.in, (const uint8_t *)"abcdef", 6), 1);
        assert_int_equal(BIO_read(f.bio, buffer, 4), 4);
        assert_false(BIO_should_retry(f.bio));
        assert_memory_equal(buffer, "abcd", 4);
        assert_int_equal(BIO_read(f.bio, buffer, sizeof buffer), 2);
        assert_memory_equal(buffer, "ef", 2);
    }
    close_bio(&f);
}

/* What libssl asks of a BIO: unknown questions are answered by 0 (fact A9), and it is never at its end. */
static void test_questions(void **state)
{
    Fixture f;

    (void)state;
    open_bio(&f, 10);
    assert_int_equal(BIO_flush(f.bio), 1);
    assert_int_equal(BIO_eof(f.bio), 0);
    assert_int_equal(BIO_pending(f.bio), 0);
    assert_int_equal(BIO_wpending(f.bio), 0);
    for (int command = 60; command < 140; command++)
        if (command != BIO_CTRL_FLUSH)
            assert_int_equal(BIO_ctrl(f.bio, command, 0, NULL), 0);
    close_bio(&f);
}

static void test_out_of_memory(void **state)
{
    Fixture f;

    (void)state;
    open_bio(&f, 10);
    alloc_fail_at(1, 0);
    assert_int_equal(BIO_write(f.bio, "abc", 3), -1);
    alloc_fail_at(0, 0);
    assert_false(BIO_should_retry(f.bio));
    assert_int_equal(f.state.no_memory, 1);
    assert_int_equal(f.state.produced, 0);
    close_bio(&f);
    alloc_fail_at(1, 1);
    f.bio = sl_stream_bio_new(&f.state);
    alloc_fail_at(0, 0);
    assert_null(f.bio);
}

/* Made often: the type's number is one of 127 in a process. */
static void test_many(void **state)
{
    (void)state;
    for (int i = 0; i < 300; i++) {
        Fixture f;

        open_bio(&f, 10);
        assert_int_equal(BIO_write(f.bio, "a", 1), 1);
        close_bio(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_writes_are_whole),
        cmocka_unit_test(test_reads_as_far_as_there_is),
        cmocka_unit_test(test_questions),
        cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_many),
    };

    alloc_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
