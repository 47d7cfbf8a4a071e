/* SPDX-License-Identifier: BSD-3-Clause */

/* The bug: TLS 1.3 has messages after the handshake (RFC 8446 section 4.6), which a peer may send in several records. While
 * one is half read OpenSSL is "in init" again: SSL_write() and SSL_shutdown() first want the rest of it, and SSL_key_update()
 * refuses. The stream did not know this state, and in it
 *   - sluice_stream_update_keys() took the refusal for the end, and a healthy connection failed;
 *   - a close_notify in there (against RFC 8446 section 5.1) came back as SSL_ERROR_ZERO_RETURN, for which the pump had filled in
 *     no error: the stream ended for reasons that lay on the stack, say for want of memory;
 *   - sluice_stream_read() took it for the peer's end, and then no close_notify of ours and no end of the transport could
 *     ever end the stream;
 *   - sluice_stream_shutdown() took the same result for success: it had said close_notify, but the output was empty;
 *   - sluice_stream_writable() promised room, and the write accepted nothing.
 *
 * Holds: in the middle of a message all calls wait, none ends the stream, none claims what was not done, and when the rest has
 * come everything goes on. How a record is split over the transport does not matter here: only whole ones are opened.
 * The peer is OpenSSL, whose keys are logged, so that any record can be made in its name. */

#include "bare.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include <stdio.h>

#define HANDSHAKE 22
#define ALERT 21
#define DATA 23
#define SECRET_LEN 32

typedef struct {
    Bare bare;
    int server;
    uint8_t secret[SECRET_LEN], key[16], iv[12];
    uint64_t sequence;
} Peer;

/* -- records in the peer's name ------------------------------------------------------------------- */

/* HKDF-Expand-Label of RFC 8446 section 7.1. */
static void expand(const uint8_t *secret, const char *label, uint8_t *out, size_t len)
{
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "TLS13-KDF", NULL);
    EVP_KDF_CTX *context = EVP_KDF_CTX_new(kdf);
    char digest[] = "SHA256", prefix[] = "tls13 ", name[16];
    uint8_t key[SECRET_LEN];
    int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, key, sizeof key),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_PREFIX, prefix, 6),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_LABEL, name, strlen(label)),
        OSSL_PARAM_construct_end(),
    };

    memcpy(key, secret, sizeof key);
    memcpy(name, label, strlen(label));
    assert_int_equal(EVP_KDF_derive(context, out, len, params), 1);
    EVP_KDF_CTX_free(context);
    EVP_KDF_free(kdf);
}

static void use_secret(Peer *self)
{
    expand(self->secret, "key", self->key, sizeof self->key);
    expand(self->secret, "iv", self->iv, sizeof self->iv);
    self->sequence = 0;
}

/* What a KeyUpdate brings, RFC 8446 section 7.2. */
static void next_secret(Peer *self)
{
    uint8_t next[SECRET_LEN];

    expand(self->secret, "traffic upd", next, sizeof next);
    memcpy(self->secret, next, sizeof next);
    use_secret(self);
}

static void on_keylog(const SSL *ssl, const char *line)
{
    Peer *self = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    const char *wanted = self->server ? "SERVER_TRAFFIC_SECRET_0 " : "CLIENT_TRAFFIC_SECRET_0 ";
    size_t len = 0;

    if (strncmp(line, wanted, strlen(wanted)) != 0)
        return;
    assert_int_equal(
        OPENSSL_hexstr2buf_ex(self->secret, SECRET_LEN, &len, strrchr(line, ' ') + 1, '\0'), 1);
    assert_int_equal(len, SECRET_LEN);
    use_secret(self);
}

/* A record of the peer arrives: RFC 8446 sections 5.2 and 5.3. */
static void say(Peer *self, uint8_t type, const void *data, size_t len)
{
    uint8_t record[256] = {DATA, 3, 3}, nonce[12];
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    size_t inner = len + 1, taken;
    int n;

    assert_true(5 + inner + 16 <= sizeof record);
    record[3] = (uint8_t)((inner + 16) >> 8);
    record[4] = (uint8_t)(inner + 16);
    memcpy(record + 5, data, len);
    record[5 + len] = type;
    memcpy(nonce, self->iv, sizeof nonce);
    for (int i = 0; i < 8; i++)
        nonce[11 - i] ^= (uint8_t)(self->sequence >> (8 * i));
    self->sequence++;
    assert_int_equal(EVP_EncryptInit_ex(cipher, EVP_aes_128_gcm(), NULL, self->key, nonce), 1);
    assert_int_equal(EVP_EncryptUpdate(cipher, NULL, &n, record, 5), 1);
    assert_int_equal(EVP_EncryptUpdate(cipher, record + 5, &n, record + 5, (int)inner), 1);
    assert_int_equal(EVP_EncryptFinal_ex(cipher, record + 5 + n, &n), 1);
    assert_int_equal(EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_GCM_GET_TAG, 16, record + 5 + inner), 1);
    EVP_CIPHER_CTX_free(cipher);
    assert_status(sluice_stream_receive(self->bare.stream, record, 5 + inner + 16, &taken),
                  SLUICE_OK);
}

static void open_peer(Peer *self, int server)
{
    memset(self, 0, sizeof *self);
    self->server = server;
    bare_open(&self->bare, server, SLUICE_TLS_1_3, ID_SERVER);
    SSL_CTX_set_app_data(self->bare.ctx, self);
    SSL_CTX_set_keylog_callback(self->bare.ctx, on_keylog);
    SSL_CTX_set_num_tickets(self->bare.ctx, 0); /* their records would count */
    assert_int_equal(SSL_CTX_set_ciphersuites(self->bare.ctx, "TLS_AES_128_GCM_SHA256"), 1);
    bare_connect(&self->bare);
}

/* -- our end -------------------------------------------------------------------------------------- */

static void assert_alive(Peer *self)
{
    SluiceState state = sluice_stream_get_state(self->bare.stream);

    assert_string_equal(sluice_state_name(state), sluice_state_name(SLUICE_STATE_CONNECTED));
}

static SluiceStreamInfo info_of(Peer *self)
{
    SluiceStreamInfo info;

    assert_status(sluice_stream_get_info(self->bare.stream, &info, sizeof info), SLUICE_OK);
    return info;
}

static void assert_failed(Peer *self, SluiceEndReason reason, const char *words)
{
    SluiceEnd end;

    assert_status(sluice_stream_get_end(self->bare.stream, &end), SLUICE_OK);
    assert_string_equal(sluice_end_reason_name(end.reason), sluice_end_reason_name(reason));
    if (words)
        assert_string_equal(end.openssl_reason, words);
    assert_int_equal(info_of(self).write_closed, 0);
}

static SluiceStatus read_one(Peer *self)
{
    uint8_t byte;
    size_t n;

    return sluice_stream_read(self->bare.stream, &byte, 1, &n);
}

/* Not less than was promised. Returns whether it was accepted. */
static int write_text(Peer *self, const char *text)
{
    size_t len = strlen(text), accepted, promised = sluice_stream_writable(self->bare.stream);
    SluiceStatus status =
        sluice_stream_write(self->bare.stream, (const uint8_t *)text, len, &accepted);

    assert_status(status, accepted == len ? SLUICE_OK : SLUICE_WOULD_BLOCK);
    assert_true(accepted == 0 || accepted == len);
    assert_true(accepted >= (promised < len ? promised : len));
    return accepted > 0;
}

/* All that we have said is this, and with @closed a close_notify. */
static void assert_heard(Peer *self, const char *text, int closed)
{
    char buffer[256];
    size_t sum = 0, n;

    bare_from_stream(&self->bare, ALL);
    ERR_clear_error();
    while (sum < sizeof buffer &&
           SSL_read_ex(self->bare.ssl, buffer + sum, sizeof buffer - sum, &n))
        sum += n;
    ERR_clear_error();
    assert_int_equal(sum, strlen(text));
    assert_memory_equal(buffer, text, sum);
    assert_int_equal((SSL_get_shutdown(self->bare.ssl) & SSL_RECEIVED_SHUTDOWN) != 0, closed);
    assert_int_equal(info_of(self).write_closed, closed);
}

/* -- messages in two records ---------------------------------------------------------------------- */

typedef struct {
    const char *name;
    uint8_t bytes[24];
    size_t len;
    int for_client, updates;
} Message;

static const Message messages[] = {
    {"KeyUpdate", {24, 0, 0, 1, 0}, 5, 0, 1},
    {"KeyUpdate that asks for ours", {24, 0, 0, 1, 1}, 5, 0, 1},
    {"NewSessionTicket", {4, 0, 0, 18, 0, 0, 28, 32, [16] = 't', [12] = 1, [15] = 4}, 22, 1, 0},
};

/* Returns how many of the two calls had to wait. */
static int cut_message(int server, const Message *message, size_t at, int request)
{
    int waited = 0, early;
    SluiceStatus status;
    char heard[32];
    Peer peer;

    open_peer(&peer, server);
    say(&peer, HANDSHAKE, message->bytes, at);
    assert_status(read_one(&peer), SLUICE_WOULD_BLOCK);
    early = write_text(&peer, "early ");
    waited += !early;
    status = sluice_stream_update_keys(peer.bare.stream, request);
    assert_true(status == SLUICE_OK || status == SLUICE_WOULD_BLOCK);
    waited += status != SLUICE_OK;
    assert_alive(&peer);

    say(&peer, HANDSHAKE, message->bytes + at, message->len - at);
    if (message->updates)
        next_secret(&peer);
    assert_status(read_one(&peer), SLUICE_WOULD_BLOCK);
    assert_true(sluice_stream_writable(peer.bare.stream) > 1000);
    assert_true(write_text(&peer, "late "));
    assert_status(sluice_stream_update_keys(peer.bare.stream, request), SLUICE_OK);
    assert_true(write_text(&peer, "later"));
    snprintf(heard, sizeof heard, "%slate later", early ? "early " : "");
    assert_heard(&peer, heard, 0);
    say(&peer, DATA, "data", 4);
    bare_assert_reads(&peer.bare, "data");
    assert_alive(&peer);
    bare_close(&peer.bare);
    return waited;
}

static void test_calls_wait_for_the_rest(void **state)
{
    (void)state;
    for (int server = 0; server < 2; server++)
        for (size_t m = 0; m < sizeof messages / sizeof *messages; m++) {
            int waited = 0;

            if (messages[m].for_client && !server)
                continue;
            for (size_t at = 1; at < messages[m].len; at++)
                for (int request = 0; request < 2; request++)
                    waited += cut_message(server, &messages[m], at, request);
            if (waited == 0)
                fail_msg("%s was never half read", messages[m].name);
        }
}

/* -- the end in the middle ------------------------------------------------------------------------ */

static const uint8_t close_notify[] = {1, 0}, internal_error[] = {2, 80};

typedef enum { WRITE, SHUTDOWN, UPDATE, READ, CALLS } Call;

static SluiceStatus call(Peer *self, Call what)
{
    size_t n;

    switch (what) {
    case WRITE:
        return sluice_stream_write(self->bare.stream, (const uint8_t *)"x", 1, &n);
    case SHUTDOWN:
        return sluice_stream_shutdown(self->bare.stream);
    case UPDATE:
        return sluice_stream_update_keys(self->bare.stream, 0);
    case READ:
    case CALLS:
    default:
        return read_one(self);
    }
}

/* What a call that forgets to fill something in will find there. */
__attribute__((noinline)) static void soil_the_stack(void)
{
    volatile uint8_t dirt[16384];

    for (size_t i = 0; i < sizeof dirt; i++)
        dirt[i] = 0xa5;
}

static void half_a_message(Peer *self, int server)
{
    open_peer(self, server);
    say(self, HANDSHAKE, messages[0].bytes, 4); /* the rest, one byte, says whether it asks */
    assert_status(read_one(self), SLUICE_WOULD_BLOCK);
}

/* Whoever comes upon it, also who only reads: a stream that took it for an end would wait for the rest of the message for
 * ever, before it says its own close_notify. */
static void alert_inside(const uint8_t *alert, SluiceEndReason reason, const char *words)
{
    for (int server = 0; server < 2; server++)
        for (Call what = 0; what < CALLS; what++) {
            const uint8_t *data;
            size_t len;
            Peer peer;

            half_a_message(&peer, server);
            say(&peer, ALERT, alert, 2);
            soil_the_stack();
            assert_status(call(&peer, what), SLUICE_ENDED);
            assert_failed(&peer, reason, words);
            assert_int_equal(sluice_stream_peek_output(peer.bare.stream, &data, &len), 0);
            bare_close(&peer.bare);
        }
}

static void test_close_notify_inside_a_message(void **state)
{
    (void)state;
    alert_inside(close_notify, SLUICE_END_PROTOCOL, "");
}

/* A fatal one has a name. */
static void test_an_alert_inside_a_message(void **state)
{
    (void)state;
    alert_inside(internal_error, SLUICE_END_ALERT_RECEIVED, NULL);
}

/* The same, behind the whole message: an end like any other. */
static void test_close_notify_behind_a_message(void **state)
{
    (void)state;
    for (int server = 0; server < 2; server++)
        for (int i = 0; i < CALLS * 2; i++) {
            Call what = (Call)(i / 2);
            Peer peer;

            half_a_message(&peer, server);
            say(&peer, HANDSHAKE, messages[i % 2].bytes + 4, 1);
            next_secret(&peer);
            say(&peer, ALERT, close_notify, 2);
            soil_the_stack();
            assert_status(call(&peer, what), what == READ ? SLUICE_END_OF_STREAM : SLUICE_OK);
            assert_status(read_one(&peer), SLUICE_END_OF_STREAM);
            assert_status(sluice_stream_shutdown(peer.bare.stream), SLUICE_OK);
            assert_heard(&peer, what == WRITE ? "x" : "", 1);
            bare_close(&peer.bare);
        }
}

/* Asked for in the middle, said when the rest has come, and not claimed before. */
static void test_shutdown_waits_for_the_rest(void **state)
{
    (void)state;
    for (int server = 0; server < 2; server++) {
        Peer peer;

        half_a_message(&peer, server);
        assert_status(sluice_stream_shutdown(peer.bare.stream), SLUICE_OK);
        assert_heard(&peer, "", 0);
        assert_int_equal(sluice_stream_writable(peer.bare.stream), 0);
        say(&peer, HANDSHAKE, messages[0].bytes + 4, 1);
        next_secret(&peer);
        assert_heard(&peer, "", 1);
        say(&peer, DATA, "data", 4);
        bare_assert_reads(&peer.bare, "data");
        say(&peer, ALERT, close_notify, 2);
        assert_status(read_one(&peer), SLUICE_END_OF_STREAM);
        assert_int_equal(sluice_stream_get_state(peer.bare.stream), SLUICE_STATE_CLOSED);
        bare_close(&peer.bare);
    }
}

/* The rest never comes. */
static void test_the_transport_ends_inside_a_message(void **state)
{
    (void)state;
    for (int server = 0; server < 2; server++)
        for (int shut = 0; shut < 2; shut++) {
            Peer peer;

            half_a_message(&peer, server);
            if (shut)
                assert_status(sluice_stream_shutdown(peer.bare.stream), SLUICE_OK);
            (void)sluice_stream_receive_end(peer.bare.stream);
            assert_status(read_one(&peer), SLUICE_ENDED);
            assert_failed(&peer, SLUICE_END_TRUNCATED, NULL);
            bare_close(&peer.bare);
        }
}

/* -- a peer that does it in earnest --------------------------------------------------------------- */

#define TICKET_DATA 3000

static int fill_ticket(SSL *ssl, void *context)
{
    static const uint8_t much[TICKET_DATA];

    (void)context;
    return SSL_SESSION_set1_ticket_appdata(SSL_get_session(ssl), much, sizeof much);
}

static SSL_TICKET_RETURN open_ticket(SSL *ssl, SSL_SESSION *session, const unsigned char *name,
                                     size_t name_len, SSL_TICKET_STATUS status, void *context)
{
    (void)ssl;
    (void)session;
    (void)name;
    (void)name_len;
    (void)status;
    (void)context;
    return SSL_TICKET_RETURN_IGNORE_RENEW;
}

/* The next record that waits at the bare end, 0: none. */
static size_t next_record(Bare *bare)
{
    char *data;
    long len = BIO_get_mem_data(SSL_get_wbio(bare->ssl), &data);

    return len < 5 ? 0 : 5 + ((size_t)(uint8_t)data[3] << 8 | (uint8_t)data[4]);
}

/* OpenSSL with small records and large tickets sends each ticket in several of them; behind every one our end wants to
 * write. All that it accepts arrives. */
static void test_tickets_in_many_records(void **state)
{
    char expected[256] = "";
    int waited = 0, written = 0;
    size_t record;
    Peer peer = {.server = 1};
    Bare *bare = &peer.bare;

    (void)state;
    bare_open(bare, 1, SLUICE_TLS_1_3, ID_SERVER);
    assert_int_equal(SSL_CTX_set_max_send_fragment(bare->ctx, 512), 1);
    SSL_CTX_set_session_ticket_cb(bare->ctx, fill_ticket, open_ticket, NULL);
    bare_start(bare);
    do {
        (void)bare_from_stream(bare, ALL);
        ERR_clear_error();
        (void)SSL_do_handshake(bare->ssl);
        while (sluice_stream_get_state(bare->stream) == SLUICE_STATE_CONNECTING &&
               (record = next_record(bare)) > 0)
            assert_int_equal(bare_to_stream(bare, record), record);
    } while (!SSL_is_init_finished(bare->ssl));
    assert_alive(&peer);
    while ((record = next_record(bare)) > 0) {
        assert_int_equal(bare_to_stream(bare, record), record);
        assert_status(read_one(&peer), SLUICE_WOULD_BLOCK);
        if (write_text(&peer, "more ")) {
            strcat(expected, "more ");
            written++;
        } else {
            waited++;
        }
        assert_alive(&peer);
    }
    assert_true(waited >= 2 && written >= 2); /* two tickets, each whole in the end */
    assert_heard(&peer, expected, 0);
    assert_status(sluice_stream_get_session(bare->stream, NULL, &(size_t){0}), SLUICE_NO_ROOM);
    bare_assert_talks(bare);
    bare_close(bare);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calls_wait_for_the_rest),
        cmocka_unit_test(test_close_notify_inside_a_message),
        cmocka_unit_test(test_close_notify_behind_a_message),
        cmocka_unit_test(test_an_alert_inside_a_message),
        cmocka_unit_test(test_shutdown_waits_for_the_rest),
        cmocka_unit_test(test_the_transport_ends_inside_a_message),
        cmocka_unit_test(test_tickets_in_many_records),
    };

    alloc_init();
    return cmocka_run_group_tests(tests, NULL, free_identities);
}
