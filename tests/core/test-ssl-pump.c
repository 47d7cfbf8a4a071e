/* SPDX-License-Identifier: BSD-3-Clause */

/* Rules 5 and 6: a stale error of somebody else's does not change what a call came to, the first error is kept in
 * words, and the queue is clean afterwards. */

#include "ssl-pump.h"

#include "datagram-bio.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void on_write(void *context, const uint8_t *data, size_t len)
{
    (void)data;
    *(size_t *)context += len;
}

typedef struct {
    SSL_CTX *ctx;
    SSL *ssl;
    SlDatagramBio bio;
    size_t written;
} End;

static void open_end(End *end, int client)
{
    BIO *bio;

    memset(end, 0, sizeof *end);
    end->bio.mtu = 1200;
    end->bio.write = on_write;
    end->bio.context = &end->written;
    end->ctx = SSL_CTX_new(DTLS_method());
    assert_non_null(end->ctx);
    SSL_CTX_set_options(end->ctx, SSL_OP_NO_QUERY_MTU);
    end->ssl = SSL_new(end->ctx);
    bio = sl_datagram_bio_new(&end->bio);
    assert_non_null(bio);
    SSL_set_bio(end->ssl, bio, bio);
    SSL_set_mtu(end->ssl, 1200);
    if (client)
        SSL_set_connect_state(end->ssl);
    else
        SSL_set_accept_state(end->ssl);
}

static void close_end(End *end)
{
    SSL_free(end->ssl);
    SSL_CTX_free(end->ctx);
}

/* Up to OpenSSL 3.x SSL_get_error() looks at the thread's queue first: what another library left there turned
 * "wait" into "fatal". */
static void test_a_stale_error_changes_nothing(void **state)
{
    End end;
    SlPumpError error;
    uint8_t buffer[100];
    size_t n;

    (void)state;
    open_end(&end, 1);
    ERR_raise(ERR_LIB_USER, ERR_R_INTERNAL_ERROR);
    assert_int_equal(sl_pump_read(end.ssl, buffer, sizeof buffer, &n, &error), SL_PUMP_WAIT);
    assert_int_equal(n, 0);
    assert_true(end.written > 100); /* the ClientHello */
    assert_int_equal(ERR_peek_error(), 0);
    ERR_raise(ERR_LIB_USER, ERR_R_INTERNAL_ERROR);
    assert_int_equal(sl_pump_timeout(end.ssl, &error), SL_PUMP_WAIT);
    assert_int_equal(ERR_peek_error(), 0);
    close_end(&end);
}

static void test_the_first_error_is_kept_and_the_queue_left_clean(void **state)
{
    /* a plaintext fatal alert: handshake_failure */
    static const uint8_t alert[] = {21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 5, 0, 2, 2, 40};
    End end;
    SlPumpError error = {.no_memory = 7};
    uint8_t buffer[100];
    size_t n;

    (void)state;
    open_end(&end, 1);
    assert_int_equal(sl_pump_read(end.ssl, buffer, sizeof buffer, &n, &error), SL_PUMP_WAIT);
    assert_int_equal(error.no_memory, 7); /* written for a fatal end only */
    end.bio.in = alert;
    end.bio.in_len = sizeof alert;
    assert_int_equal(sl_pump_read(end.ssl, buffer, sizeof buffer, &n, &error), SL_PUMP_FATAL);
    assert_non_null(strstr(error.reason, "handshake failure"));
    assert_int_equal(error.no_memory, 0);
    assert_int_equal(ERR_peek_error(), 0);
    close_end(&end);
}

static void test_shutdown_before_the_handshake_is_an_error_and_no_more(void **state)
{
    End end;
    SlPumpError error;
    uint8_t buffer[100];
    size_t n;

    (void)state;
    open_end(&end, 1);
    assert_int_equal(sl_pump_read(end.ssl, buffer, sizeof buffer, &n, &error), SL_PUMP_WAIT);
    assert_int_equal(sl_pump_shutdown(end.ssl, &error), SL_PUMP_FATAL);
    assert_int_equal(ERR_peek_error(), 0);
    close_end(&end);
}

static void test_writing_before_the_handshake_waits(void **state)
{
    End end;
    SlPumpError error;

    (void)state;
    open_end(&end, 1);
    assert_int_equal(sl_pump_write(end.ssl, "early", 5, &error), SL_PUMP_WAIT);
    close_end(&end);
}

static int no_cookie(SSL *ssl, const unsigned char *cookie, unsigned int len)
{
    (void)ssl;
    (void)cookie;
    (void)len;
    return 0;
}

static int make_cookie(SSL *ssl, unsigned char *cookie, unsigned int *len)
{
    (void)ssl;
    memset(cookie, 1, 16);
    *len = 16;
    return 1;
}

/* DTLSv1_listen() leaves errors of fragments in the queue, and dies of a NULL address. */
static void test_listening_without_a_client_hello_waits(void **state)
{
    End end;
    SlPumpError error;

    (void)state;
    open_end(&end, 0);
    SSL_CTX_set_cookie_verify_cb(end.ctx, no_cookie);
    SSL_CTX_set_cookie_generate_cb(end.ctx, make_cookie);
    assert_int_equal(sl_pump_listen(end.ssl, &error), SL_PUMP_WAIT);
    assert_int_equal(ERR_peek_error(), 0);
    close_end(&end);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_stale_error_changes_nothing),
        cmocka_unit_test(test_the_first_error_is_kept_and_the_queue_left_clean),
        cmocka_unit_test(test_shutdown_before_the_handshake_is_an_error_and_no_more),
        cmocka_unit_test(test_writing_before_the_handshake_waits),
        cmocka_unit_test(test_listening_without_a_client_hello_waits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
