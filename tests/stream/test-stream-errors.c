/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: OpenSSL's error queue belongs to the thread. A call that goes into OpenSSL empties it first (rule 5), and leaves nothing of
 * its own there, also when it fails; what others left in it makes no call of ours fail (SSL_get_error() looks at it). */

#include "common.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#define THEIRS 777

static void leave_one(void)
{
    ERR_clear_error();
    ERR_raise(ERR_LIB_USER, THEIRS);
}

/* Theirs alone, or nothing at all. */
static void check_queue(void)
{
    unsigned long code = ERR_get_error();

    if (code) {
        assert_int_equal(ERR_GET_LIB(code), ERR_LIB_USER);
        assert_int_equal(ERR_GET_REASON(code), THEIRS);
    }
    assert_int_equal(ERR_peek_error(), 0);
    leave_one();
}

#define CLEAN(call)                                                                                \
    do {                                                                                           \
        (void)(call);                                                                              \
        check_queue();                                                                             \
    } while (0)

static SluiceConfig *make_config(void)
{
    static const char *const protocols[] = {"h2"};
    const char *pem = authority_pem(AUTHORITY);
    SluiceConfig *config;

    CLEAN(config = sluice_config_new(identity(ID_SERVER)));
    CLEAN(sluice_config_add_stream_ca_pem(config, pem, strlen(pem)));
    CLEAN(sluice_config_add_stream_ca_pem(config, "nothing", 7));
    CLEAN(sluice_config_add_stream_chain_pem(config, "-----BEGIN CERTIFICATE-----\nAA==\n", 32));
    CLEAN(sluice_config_set_stream_alpn(config, protocols, 1));
    return config;
}

static void move_all(SluiceStream *const *streams)
{
    const uint8_t *out;
    size_t len, taken;

    for (int i = 0; i < 20; i++)
        while (sluice_stream_peek_output(streams[i % 2], &out, &len)) {
            CLEAN(sluice_stream_receive(streams[!(i % 2)], out, len, &taken));
            CLEAN(sluice_stream_pop_output(streams[i % 2], len));
        }
}

/* All calls of a life that goes well, in all directions. */
static void test_a_life(void **state)
{
    (void)state;
    identity(ID_SERVER);
    authority_pem(AUTHORITY);
    for (int resumed = 0; resumed < 2; resumed++) {
        static uint8_t session[8192];
        static size_t session_len;
        uint8_t buffer[100];
        const uint8_t *der;
        SluiceStream *s[2];
        SluiceConfig *config;
        SluiceStreamInfo info;
        size_t n;

        leave_one();
        config = make_config();
        for (int i = 0; i < 2; i++)
            CLEAN(s[i] = sluice_stream_new(config, i ? SLUICE_ROLE_SERVER : SLUICE_ROLE_CLIENT));
        CLEAN(sluice_stream_set_host(s[0], HOST));
        CLEAN(sluice_stream_set_session(s[0], (const uint8_t *)"garbage", 7));
        if (resumed)
            CLEAN(sluice_stream_set_session(s[0], session, session_len));
        for (int i = 0; i < 2; i++)
            CLEAN(sluice_stream_start(s[i], vclock_now()));
        move_all(s);
        for (int i = 0; i < 2; i++) {
            CLEAN(sluice_stream_write(s[i], buffer, sizeof buffer, &n));
            assert_int_equal(n, sizeof buffer);
        }
        move_all(s);
        for (int i = 0; i < 2; i++) {
            CLEAN(sluice_stream_read(s[i], buffer, sizeof buffer, &n));
            assert_int_equal(n, sizeof buffer);
            CLEAN(sluice_stream_read(s[i], buffer, sizeof buffer, &n));
            CLEAN(sluice_stream_update_keys(s[i], 1));
            CLEAN(sluice_stream_get_info(s[i], &info, sizeof info));
            CLEAN(sluice_stream_get_peer_certificate(s[i], 0, &der, &n));
            CLEAN(sluice_stream_get_verify_text(s[i]));
            CLEAN(sluice_stream_export(s[i], "EXPORTER-x", NULL, 0, buffer, 16));
            CLEAN(sluice_stream_release_buffers(s[i]));
        }
        session_len = sizeof session;
        CLEAN(assert_status(sluice_stream_get_session(s[0], session, &session_len), SLUICE_OK));
        move_all(s);
        for (int i = 0; i < 2; i++)
            CLEAN(sluice_stream_shutdown(s[i]));
        move_all(s);
        for (int i = 0; i < 2; i++) {
            CLEAN(sluice_stream_read(s[i], buffer, sizeof buffer, &n));
            CLEAN(sluice_stream_receive_end(s[i]));
            assert_int_equal(sluice_stream_get_state(s[i]), SLUICE_STATE_CLOSED);
            CLEAN(sluice_stream_free(s[i]));
        }
        CLEAN(sluice_config_unref(config));
        ERR_clear_error();
    }
}

/* And of failures, whose reason is ours to keep. */
static void test_failures(void **state)
{
    static const Identity servers[] = {ID_STRANGER, ID_OTHER_HOST, ID_EXPIRED, ID_SERVER};

    (void)state;
    for (size_t which = 0; which < 4; which++) {
        uint8_t byte;
        size_t n;
        Duo duo;

        duo_open_host(&duo, client_config(0), server_config(0, servers[which]));
        leave_one();
        CLEAN(duo_start(&duo));
        CLEAN(duo_pass(&duo));
        if (which == 3)
            CLEAN(duo_inject(&duo, CLIENT, (const uint8_t *)"GET / HTTP/1.0\r\n\r\n", 18));
        for (int i = 0; i < 2; i++) {
            CLEAN(sluice_stream_read(duo.end[i].stream, &byte, 1, &n));
            CLEAN(sluice_stream_write(duo.end[i].stream, &byte, 1, &n));
            CLEAN(sluice_stream_shutdown(duo.end[i].stream));
            CLEAN(sluice_stream_receive_end(duo.end[i].stream));
        }
        assert_state(&duo, CLIENT, SLUICE_STATE_FAILED);
        assert_true(duo_reason(&duo, CLIENT).openssl_reason[0] != '\0');
        assert_string_not_equal(duo_reason(&duo, CLIENT).openssl_reason, "777");
        CLEAN(duo_close(&duo));
        ERR_clear_error();
    }
}

/* A queue that has been left full of everything, before each step: all goes as if it were empty. */
static void test_leftovers(void **state)
{
    (void)state;
    for (int v = 0; v < 2; v++) {
        Duo duo;

        duo_open_host(&duo, client_config(versions[v]), server_config(versions[v], ID_SERVER));
        duo_start(&duo);
        for (int i = 0; i < 400; i++) {
            for (int j = 0; j < 20; j++) /* more than it holds */
                ERR_raise(ERR_LIB_SSL, j % 2 ? SSL_R_BAD_LENGTH : ERR_R_MALLOC_FAILURE);
            if (i > 40) {
                if (duo.end[i % 2].accepted < 5000)
                    duo_write(&duo, i % 2, 50);
                duo_read(&duo, i % 2, 40);
            }
            duo_send(&duo, i % 2, ALL);
            duo_bring(&duo, !(i % 2), ALL);
        }
        duo_settle(&duo);
        duo_assert_complete(&duo);
        assert_int_equal(duo.end[0].got, 5000);
        for (int i = 0; i < 2; i++) {
            ERR_raise(ERR_LIB_SSL, ERR_R_MALLOC_FAILURE);
            assert_status(sluice_stream_shutdown(duo.end[i].stream), SLUICE_OK);
        }
        duo_settle(&duo);
        assert_state(&duo, CLIENT, SLUICE_STATE_CLOSED);
        duo_close(&duo);
        ERR_clear_error();
    }
}

/* Without leftovers there are none afterwards. */
static void test_nothing_is_left(void **state)
{
    (void)state;
    for (size_t bit = 0; bit < 2; bit++) {
        Duo duo;

        duo_open_connected(&duo, 0);
        ERR_clear_error();
        duo_write(&duo, CLIENT, 10);
        duo_send(&duo, CLIENT, ALL);
        duo.end[CLIENT].wire[10] ^= (uint8_t)bit;
        duo_settle(&duo);
        assert_int_equal(ERR_peek_error(), 0);
        duo_close(&duo);
        assert_int_equal(ERR_peek_error(), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_life),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_leftovers),
        cmocka_unit_test(test_nothing_is_left),
    };

    alloc_init();
    return cmocka_run_group_tests(tests, NULL, free_identities);
}
