/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: a ClientHello that is larger than a datagram, as a post-quantum key share makes it, is answered, with and without a
 * cookie, in whatever order its fragments come (MTU-05; signalwire/freeswitch#2966, algesten/dimpl#88). The peer is OpenSSL
 * itself, with an extension of that size that nobody knows. */

#include "foreign.h"

#include <stdio.h>

#define UNKNOWN_EXTENSION 65000

static size_t extension_size;
static int backwards;

static int add(SSL *ssl, unsigned type, unsigned context, const unsigned char **out, size_t *len,
               X509 *certificate, size_t chain, int *alert, void *arg)
{
    static const unsigned char share[4096];

    (void)ssl;
    (void)type;
    (void)context;
    (void)certificate;
    (void)chain;
    (void)alert;
    (void)arg;
    *out = share;
    *len = extension_size;
    return 1;
}

static int parse(SSL *ssl, unsigned type, unsigned context, const unsigned char *in, size_t len,
                 X509 *certificate, size_t chain, int *alert, void *arg)
{
    (void)ssl;
    (void)type;
    (void)context;
    (void)in;
    (void)len;
    (void)certificate;
    (void)chain;
    (void)alert;
    (void)arg;
    return 1;
}

static void enlarge(SSL_CTX *ctx)
{
    assert_int_equal(SSL_CTX_add_custom_ext(ctx, UNKNOWN_EXTENSION, SSL_EXT_CLIENT_HELLO, add, NULL,
                                            NULL, parse, NULL),
                     1);
}

static void allow_unvalidated(SluiceConfig *config)
{
    sluice_config_set_allow_unvalidated(config, 1);
}

/* A link filter. The head of a message goes behind its other fragments. */
static int head_last(void *context, uint64_t number, SluiceTime now, uint8_t *data, size_t len)
{
    Link *link = context;

    (void)number;
    if (!backwards || data[0] != 22 || data[13] != 1 || data[19] || data[20] || data[21])
        return 1;
    link_inject(link, now + 15 * MS, data, len);
    return 0;
}

static void try(size_t size, int cookie)
{
    Foreign foreign;
    SluicePeerOffer offer;
    SluiceStats stats;

    extension_size = size;
    foreign_openssl_prepare = enlarge;
    foreign_prepare = cookie ? allow_unvalidated : NULL;
    foreign_open(&foreign, &foreign_openssl, SLUICE_ROLE_SERVER);
    if (cookie)
        sluice_transport_set_path_validated(foreign.transport, vclock_now(), 0);
    foreign.to_us.filter = head_last;
    foreign.to_us.filter_context = &foreign.to_us;
    foreign_run(&foreign, SECOND);
    if (!foreign_both_connected(&foreign))
        fail_msg("%d bytes, cookie %d, backwards %d", (int)size, cookie, backwards);
    sluice_transport_get_stats(foreign.transport, &stats, sizeof stats);
    assert_int_equal(stats.hello_verify_requests > 0, cookie);
    assert_int_equal(stats.retransmissions, 0);
    assert_status(sluice_transport_get_offer(foreign.transport, &offer), SLUICE_OK);
    assert_true(offer.fragments > (int)(size / 1200));
    foreign_close(&foreign);
    foreign_openssl_prepare = NULL;
    foreign_prepare = NULL;
}

static void test_any_order(void **state)
{
    static const size_t sizes[] = {1000, 1184 + 32, 2400, 4000};

    (void)state;
    for (backwards = 0; backwards < 2; backwards++)
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
            for (int cookie = 0; cookie < 2; cookie++)
                try(sizes[i], cookie);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_order),
    };

    alloc_init();
    return cmocka_run_group_tests(tests, NULL, free_certificates);
}
