/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: what both ends agree on is what the server wants most of what the client offers (RFC 7301), the server learns
 * the name it was asked for (RFC 6066 section 3), versions meet or do not, and get_info() tells all of it. */

#include "bare.h"

#include <stdio.h>

#define NO_APPLICATION_PROTOCOL 120
#define PROTOCOL_VERSION 70
#define HANDSHAKE_FAILURE 40

typedef struct {
    const char *names[3];
    size_t n;
} List;

static void open_with(Duo *duo, unsigned version, const List *client, const List *server)
{
    SluiceConfig *a = client_config(version), *b = server_config(version, ID_SERVER);

    assert_status(sluice_config_set_stream_alpn(a, client->names, client->n), SLUICE_OK);
    assert_status(sluice_config_set_stream_alpn(b, server->names, server->n), SLUICE_OK);
    duo_open_host(duo, a, b);
}

static void test_alpn(void **state)
{
    static const struct {
        List client, server;
        const char *agreed; /* NULL: refused */
    } cases[] = {
        {{{"h2", "http/1.1"}, 2}, {{"http/1.1", "h2"}, 2}, "http/1.1"},
        {{{"h2", "http/1.1"}, 2}, {{"h2", "http/1.1"}, 2}, "h2"},
        {{{"h2", "http/1.1"}, 2}, {{"smtp", "http/1.1"}, 2}, "http/1.1"},
        {{{"h2"}, 1}, {{"h2c"}, 1}, NULL},
        {{{"h"}, 1}, {{"h2"}, 1}, NULL},
        {{{"h2"}, 1}, {{NULL}, 0}, ""},
        {{{NULL}, 0}, {{"h2"}, 1}, ""},
        {{{NULL}, 0}, {{NULL}, 0}, ""},
    };

    (void)state;
    for (int v = 0; v < 2; v++)
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            Duo duo;

            open_with(&duo, versions[v], &cases[i].client, &cases[i].server);
            if (cases[i].agreed) {
                duo_connect(&duo);
                assert_string_equal(duo_info(&duo, CLIENT).alpn, cases[i].agreed);
                assert_string_equal(duo_info(&duo, SERVER).alpn, cases[i].agreed);
                duo_assert_talks(&duo, 10);
            } else {
                duo_start(&duo);
                duo_settle(&duo);
                assert_reason(&duo, SERVER, SLUICE_END_ALERT_SENT);
                assert_reason(&duo, CLIENT, SLUICE_END_ALERT_RECEIVED);
                assert_int_equal(duo_reason(&duo, SERVER).alert, NO_APPLICATION_PROTOCOL);
                assert_int_equal(duo_reason(&duo, CLIENT).alert, NO_APPLICATION_PROTOCOL);
                assert_string_equal(duo_info(&duo, CLIENT).alpn, "");
            }
            duo_close(&duo);
        }
}

/* The longest name there is. */
static void test_a_long_name(void **state)
{
    char name[256];
    const List list = {{name}, 1};
    Duo duo;

    (void)state;
    memset(name, 'x', 255);
    name[255] = '\0';
    open_with(&duo, 0, &list, &list);
    duo_connect(&duo);
    assert_string_equal(duo_info(&duo, CLIENT).alpn, name);
    assert_string_equal(duo_info(&duo, SERVER).alpn, name);
    duo_close(&duo);
}

static void test_server_name(void **state)
{
    (void)state;
    for (int v = 0; v < 2; v++) {
        Duo duo;

        duo_open_host(&duo, client_config(versions[v]), server_config(versions[v], ID_SERVER));
        duo_connect(&duo);
        assert_string_equal(duo_info(&duo, CLIENT).server_name, HOST);
        assert_string_equal(duo_info(&duo, SERVER).server_name, HOST);
        duo_close(&duo);

        /* An address is none. */
        duo_open(&duo, client_config(versions[v]), server_config(versions[v], ID_ADDRESS));
        assert_status(sluice_stream_set_host(duo.end[CLIENT].stream, "192.0.2.7"), SLUICE_OK);
        duo_connect(&duo);
        assert_string_equal(duo_info(&duo, CLIENT).server_name, "");
        assert_string_equal(duo_info(&duo, SERVER).server_name, "");
        duo_close(&duo);
    }
}

static void test_versions_and_suites(void **state)
{
    (void)state;
    for (int v = 0; v < 2; v++) {
        Duo duo;

        duo_open_connected(&duo, versions[v]);
        for (int i = 0; i < 2; i++) {
            SluiceStreamInfo info = duo_info(&duo, i);

            assert_int_equal(info.version, versions[v]);
            assert_int_equal(strncmp(info.cipher, "TLS_", 4), 0);
            assert_string_equal(info.group, "x25519");
            assert_int_equal(info.resumed, 0);
        }
        duo_close(&duo);
    }
}

static void assert_nothing_agreed(const Duo *duo, int which)
{
    SluiceStreamInfo info = duo_info(duo, which);

    assert_int_equal(info.version, 0);
    assert_int_equal(info.resumed, 0);
    assert_string_equal(info.cipher, "");
    assert_string_equal(info.group, "");
    assert_string_equal(info.alpn, "");
}

/* Before it is agreed there is nothing to tell, also not when it never will be. */
static void test_nothing_is_told_too_early(void **state)
{
    (void)state;
    for (int how = 0; how < 3; how++)
        for (int which = 0; which < 2; which++) {
            Duo duo;

            duo_open_host(&duo, client_config(0), server_config(0, ID_SERVER));
            assert_nothing_agreed(&duo, which);
            duo_start(&duo);
            assert_nothing_agreed(&duo, which);
            if (how == 0)
                (void)sluice_stream_handle_timeout(duo.end[which].stream, duo.now + 1000 * SECOND);
            else if (how == 1)
                (void)sluice_stream_shutdown(duo.end[which].stream);
            else
                duo_inject(&duo, which, (const uint8_t *)"GET / HTTP/1.0\r\n\r\n", 18);
            assert_true(duo_state(&duo, which) >= SLUICE_STATE_CLOSED);
            assert_nothing_agreed(&duo, which);
            duo_close(&duo);
        }
}

static void test_no_common_version(void **state)
{
    (void)state;
    for (int v = 0; v < 2; v++) {
        Duo duo;

        duo_open_host(&duo, client_config(versions[v]), server_config(versions[!v], ID_SERVER));
        duo_start(&duo);
        duo_settle(&duo);
        assert_state(&duo, CLIENT, SLUICE_STATE_FAILED);
        assert_reason(&duo, SERVER, SLUICE_END_ALERT_SENT);
        assert_int_equal(duo_reason(&duo, SERVER).alert, PROTOCOL_VERSION);
        assert_reason(&duo, CLIENT, SLUICE_END_ALERT_RECEIVED);
        assert_int_equal(duo_reason(&duo, CLIENT).alert, PROTOCOL_VERSION);
        duo_close(&duo);
    }
}

/* -- old peers ------------------------------------------------------------------------------------ */

static void assert_refused(Bare *bare, int alert)
{
    SluiceEnd end;

    bare_start(bare);
    bare_pass(bare);
    assert_string_equal(sluice_state_name(sluice_stream_get_state(bare->stream)), "failed");
    assert_status(sluice_stream_get_end(bare->stream, &end), SLUICE_OK);
    assert_int_equal(end.reason, SLUICE_END_ALERT_SENT);
    assert_int_equal(end.alert, alert);
    assert_false(SSL_is_init_finished(bare->ssl));
}

static void test_tls_1_1(void **state)
{
    (void)state;
    for (int server = 0; server < 2; server++) {
        Bare bare;

        bare_open(&bare, server, TLS1_1_VERSION, ID_SERVER);
        SSL_CTX_set_security_level(bare.ctx, 0);
        assert_int_equal(SSL_CTX_set_cipher_list(bare.ctx, "ALL:@SECLEVEL=0"), 1);
        if (server) {
            SluiceEnd end;

            bare_start(&bare);
            bare_pass(&bare);
            assert_status(sluice_stream_get_end(bare.stream, &end), SLUICE_OK);
            assert_int_equal(end.alert, PROTOCOL_VERSION);
        } else {
            assert_refused(&bare, PROTOCOL_VERSION);
        }
        bare_close(&bare);
    }
}

static void test_suites_that_are_not_taken(void **state)
{
    static const char *const lists[] = {"ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES128-SHA256",
                                        "ECDHE-ECDSA-AES128-CCM",
                                        "ADH-AES128-GCM-SHA256:@SECLEVEL=0", "AES128-GCM-SHA256"};

    (void)state;
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        Bare bare;

        bare_open(&bare, 0, SLUICE_TLS_1_2, ID_CLIENT);
        assert_int_equal(SSL_CTX_set_cipher_list(bare.ctx, lists[i]), 1);
        assert_refused(&bare, HANDSHAKE_FAILURE);
        bare_close(&bare);
    }
}

/* Each that is taken, by itself. */
static void test_suites_that_are_taken(void **state)
{
    static const char *const old[] = {"ECDHE-ECDSA-AES128-GCM-SHA256",
                                      "ECDHE-ECDSA-AES256-GCM-SHA384",
                                      "ECDHE-ECDSA-CHACHA20-POLY1305"};
    static const char *const new[] = {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384",
                                      "TLS_CHACHA20_POLY1305_SHA256"};

    (void)state;
    for (int server = 0; server < 2; server++)
        for (int i = 0; i < 6; i++) {
            Bare bare;

            bare_open(&bare, server, i < 3 ? SLUICE_TLS_1_2 : SLUICE_TLS_1_3, ID_SERVER);
            if (i < 3)
                assert_int_equal(SSL_CTX_set_cipher_list(bare.ctx, old[i]), 1);
            else
                assert_int_equal(SSL_CTX_set_ciphersuites(bare.ctx, new[i - 3]), 1);
            bare_connect(&bare);
            bare_assert_talks(&bare);
            bare_close(&bare);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alpn),
        cmocka_unit_test(test_a_long_name),
        cmocka_unit_test(test_server_name),
        cmocka_unit_test(test_versions_and_suites),
        cmocka_unit_test(test_nothing_is_told_too_early),
        cmocka_unit_test(test_no_common_version),
        cmocka_unit_test(test_tls_1_1),
        cmocka_unit_test(test_suites_that_are_not_taken),
        cmocka_unit_test(test_suites_that_are_taken),
    };

    alloc_init();
    return cmocka_run_group_tests(tests, NULL, free_identities);
}
