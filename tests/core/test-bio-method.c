/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: a kind of BIO is made once; one that could not be made for want of memory is made the next time, and takes no
 * second one of OpenSSL's 127 indices. */

#include "alloc.h"
#include "bio-method.h"

#include <openssl/err.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static int take_all(BIO *bio, const char *data, int len)
{
    (void)data;
    ++*(int *)BIO_get_data(bio);
    return len;
}

static int give_none(BIO *bio, char *buffer, int capacity)
{
    (void)bio;
    (void)buffer;
    (void)capacity;
    return -1;
}

static long control(BIO *bio, int command, long number, void *pointer)
{
    (void)bio;
    (void)number;
    (void)pointer;
    return command == BIO_CTRL_FLUSH;
}

static void use(BIO *bio, const int *writes)
{
    int before = *writes;

    assert_non_null(bio);
    assert_int_equal(BIO_write(bio, "four", 4), 4);
    assert_int_equal(*writes, before + 1);
    assert_int_equal(BIO_flush(bio), 1);
    BIO_free(bio);
}

static void test_made_once(void **state)
{
    SlBioMethod kind = {.name = "kind", .write = take_all, .read = give_none, .ctrl = control};
    int writes = 0, type;
    BIO_METHOD *made;

    (void)state;
    use(sl_bio_new(&kind, &writes), &writes);
    type = kind.type;
    made = kind.made;
    assert_non_null(made);
    use(sl_bio_new(&kind, &writes), &writes);
    assert_ptr_equal(kind.made, made);
    assert_int_equal(kind.type, type);
    BIO_meth_free(made);
}

/* Each allocation fails in turn; what is left then is good enough for the next call. */
static void test_no_memory(void **state)
{
    int failures = 0, failed = 1;

    (void)state;
    for (uint64_t n = 1; failed; n++) {
        SlBioMethod kind = {.name = "kind", .write = take_all, .read = give_none, .ctrl = control};
        int writes = 0, type;
        BIO *bio;

        alloc_fail_at(n, 1);
        bio = sl_bio_new(&kind, &writes);
        failed = alloc_has_failed();
        alloc_fail_at(0, 0);
        ERR_clear_error();
        type = kind.type;
        assert_true(failed == (bio == NULL));
        failures += failed;
        if (failed)
            bio = sl_bio_new(&kind, &writes);
        use(bio, &writes);
        assert_true(type == 0 || kind.type == type);
        BIO_meth_free(kind.made);
    }
    assert_true(failures >= 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_made_once),
        cmocka_unit_test(test_no_memory),
    };

    alloc_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
