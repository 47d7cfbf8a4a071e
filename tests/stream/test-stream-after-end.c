/* SPDX-License-Identifier: BSD-3-Clause */

/* The bug, in three places: a stream that has ended was taken for one that had got further.
 *   - "At least connected" was asked of the state by its number, and CLOSED and FAILED have higher ones. After a shutdown
 *     in the middle of a handshake sluice_stream_export() gave keys: in TLS 1.2 before any secret was agreed, made of
 *     the two randoms alone, which everybody on the wire can compute. A session and the certificate of a peer that had proved
 *     nothing came out the same way, and information that nobody had confirmed; and sluice_stream_get_info() of a server
 *     that had ended before its ClientHello came was a crash: OpenSSL looks for the group in a session that is not there.
 *   - An end that had finished the handshake but not judged its peer went without a word, by shutdown and by deadline: the
 *     peer, for whom the connection stood, could not tell that from an attack (RFC 8446 section 6.1).
 *   - OpenSSL answers a peer's wish for new keys also behind its own close_notify (RFC 8446 section 6.1: nothing
 *     follows it), in the midst of whatever comes next on the transport.
 *
 * Holds: what counts is how far the stream had come when it ended. */

#include "bare.h"

#include <openssl/err.h>

#define HANDSHAKE_TIME (7 * SECOND)
#define UNVERIFIED_TIME (11 * SECOND)
#define SESSION_MAX 8192
#define KEY_LEN 32

/* -- what an ended stream gives ------------------------------------------------------------------- */

static SluiceStatus export_key(const Duo *duo, int which, uint8_t *key)
{
    return sluice_stream_export(duo->end[which].stream, "EXPORTER-x", NULL, 0, key, KEY_LEN);
}

static SluiceStatus get_session(const Duo *duo, int which)
{
    static uint8_t session[SESSION_MAX];
    size_t len = sizeof session;

    return sluice_stream_get_session(duo->end[which].stream, session, &len);
}

static SluiceStatus get_certificate(const Duo *duo, int which)
{
    const uint8_t *der;
    size_t len;

    return sluice_stream_get_peer_certificate(duo->end[which].stream, 0, &der, &len);
}

/* Neither keys nor a session. */
static void assert_no_secrets(const Duo *duo, int which)
{
    static const uint8_t nothing[KEY_LEN];
    uint8_t key[KEY_LEN] = {0};
    SluiceStatus status = export_key(duo, which, key);

    assert_status(status,
                  duo_state(duo, which) == SLUICE_STATE_FAILED ? SLUICE_ENDED : SLUICE_NOT_READY);
    assert_memory_equal(key, nothing, sizeof key);
    assert_status(get_session(duo, which),
                  which == CLIENT ? SLUICE_NOT_READY : SLUICE_INVALID_ARGUMENT);
}

static void assert_nothing_known(const Duo *duo, int which)
{
    SluiceStreamInfo info = duo_info(duo, which);

    assert_no_secrets(duo, which);
    assert_status(get_certificate(duo, which), SLUICE_NOT_READY);
    assert_int_equal(info.version, 0);
    assert_int_equal(info.resumed, 0);
    assert_string_equal(info.cipher, "");
    assert_string_equal(info.group, "");
    assert_string_equal(info.alpn, "");
    assert_string_equal(info.server_name, "");
}

/* Both show certificates and speak ALPN: there is something to know. */
static void open_mutual(Duo *duo, unsigned version)
{
    static const char *const protocols[] = {"h2"};
    SluiceConfig *configs[2] = {client_config(version), server_config(version, ID_SERVER)};

    for (int i = 0; i < 2; i++) {
        assert_status(sluice_config_set_stream_alpn(configs[i], protocols, 1), SLUICE_OK);
        assert_status(sluice_config_set_deadlines(configs[i], HANDSHAKE_TIME, UNVERIFIED_TIME),
                      SLUICE_OK);
    }
    sluice_config_set_stream_present_certificate(configs[CLIENT], 1);
    sluice_config_set_stream_client_auth(configs[SERVER], SLUICE_CLIENT_AUTH_REQUIRE);
    duo_open_host(duo, configs[CLIENT], configs[SERVER]);
}

/* -- in the middle of the handshake --------------------------------------------------------------- */

typedef enum { SHUTDOWN, DEADLINE, TRANSPORT_END, FORGED, WAYS } Way;

static void end_in_the_middle(Duo *duo, int which, Way way)
{
    DuoEnd *other = &duo->end[!which];

    switch (way) {
    case SHUTDOWN:
        assert_status(sluice_stream_shutdown(duo->end[which].stream), SLUICE_OK);
        break;
    case DEADLINE:
        assert_status(
            sluice_stream_handle_timeout(duo->end[which].stream, duo->now + HANDSHAKE_TIME),
            SLUICE_ENDED);
        break;
    case TRANSPORT_END:
        assert_status(sluice_stream_receive_end(duo->end[which].stream), SLUICE_ENDED);
        break;
    case FORGED: /* the rest is turned over, and more than any record needs comes behind it */
    case WAYS:
    default:
        for (size_t i = 0; i < other->wire_len; i++)
            other->wire[i] ^= 0xff;
        while (duo_state(duo, which) == SLUICE_STATE_CONNECTING) {
            static const uint8_t noise[1000] = {0xff, 0xff};

            if (duo_bring(duo, which, ALL) == 0)
                duo_inject(duo, which, noise, sizeof noise);
        }
        break;
    }
}

/* The handshake comes as far as @bytes to @which take it, and ends there. Returns 0 if it was over before. */
static int end_behind(unsigned version, int which, size_t bytes, Way way)
{
    size_t moved;
    int inside;
    Duo duo;

    open_mutual(&duo, version);
    duo.unchecked = 1;
    duo_start(&duo);
    do {
        size_t left = bytes - (size_t)duo.end[which].given;

        moved = duo_send(&duo, which, ALL) + duo_bring(&duo, !which, ALL);
        moved += duo_send(&duo, !which, ALL) + duo_bring(&duo, which, left);
    } while (moved);
    inside = duo_state(&duo, which) == SLUICE_STATE_CONNECTING;
    if (inside) {
        assert_nothing_known(&duo, which);
        end_in_the_middle(&duo, which, way);
        assert_state(&duo, which, way == SHUTDOWN ? SLUICE_STATE_CLOSED : SLUICE_STATE_FAILED);
        assert_int_equal(duo_reason(&duo, which).phase, SLUICE_STATE_CONNECTING);
        assert_nothing_known(&duo, which);
        assert_int_equal(duo_info(&duo, which).write_closed, 0);
    }
    duo_close(&duo);
    return inside;
}

static void test_nothing_comes_of_half_a_handshake(void **state)
{
    (void)state;
    for (int v = 0; v < 2; v++)
        for (int which = 0; which < 2; which++)
            for (Way way = SHUTDOWN; way < WAYS; way++) {
                size_t bytes = 0;

                while (end_behind(versions[v], which, bytes, way))
                    bytes += 19;
                assert_true(bytes > 500);
            }
}

/* -- before the peer was judged ------------------------------------------------------------------- */

typedef enum { UNJUDGED_SHUTDOWN, UNJUDGED_DEADLINE, UNJUDGED_REFUSED, UNJUDGED_WAYS } Unjudged;

static void end_unjudged(Duo *duo, int which, Unjudged way)
{
    SluiceStream *stream = duo->end[which].stream;

    switch (way) {
    case UNJUDGED_SHUTDOWN:
        assert_status(sluice_stream_shutdown(stream), SLUICE_OK);
        assert_state(duo, which, SLUICE_STATE_CLOSED);
        assert_reason(duo, which, SLUICE_END_LOCAL_CLOSE);
        break;
    case UNJUDGED_DEADLINE:
        assert_status(sluice_stream_handle_timeout(
                          stream, sluice_stream_next_timeout(duo->end[which].stream)),
                      SLUICE_ENDED);
        assert_reason(duo, which, SLUICE_END_UNVERIFIED_DEADLINE);
        break;
    case UNJUDGED_REFUSED:
    case UNJUDGED_WAYS:
    default:
        assert_status(sluice_stream_accept_peer(stream, 0), SLUICE_OK);
        assert_reason(duo, which, SLUICE_END_CERTIFICATE);
        break;
    }
}

/* The handshake is over: who the peer claims to be may be looked at, and what was agreed; it may not be used. The peer
 * finds a close_notify, though the transport ends right behind it. */
static void test_the_peer_is_told(void **state)
{
    (void)state;
    for (int v = 0; v < 2; v++)
        for (int which = 0; which < 2; which++)
            for (Unjudged way = 0; way < UNJUDGED_WAYS; way++) {
                Duo duo;

                open_mutual(&duo, versions[v]);
                assert_status(sluice_stream_set_verify(duo.end[which].stream, SLUICE_VERIFY_ASK),
                              SLUICE_OK);
                duo_start(&duo);
                duo_pass(&duo);
                assert_state(&duo, which, SLUICE_STATE_UNVERIFIED);
                assert_state(&duo, !which, SLUICE_STATE_CONNECTED);
                duo_write(&duo, !which, 1000);
                duo_pass(&duo);
                end_unjudged(&duo, which, way);
                assert_no_secrets(&duo, which);
                assert_status(get_certificate(&duo, which), SLUICE_OK);
                assert_int_equal(duo_info(&duo, which).version, versions[v]);
                assert_string_equal(duo_info(&duo, which).alpn, "h2");
                assert_int_equal(duo_info(&duo, which).write_closed, 1);

                duo_end_wire(&duo, which);
                duo_settle(&duo);
                assert_true(duo.end[!which].read_end);
                assert_int_equal(duo.end[which].got, 0);
                assert_status(sluice_stream_shutdown(duo.end[!which].stream), SLUICE_OK);
                assert_state(&duo, !which, SLUICE_STATE_CLOSED);
                assert_reason(&duo, !which, SLUICE_END_CLOSE_NOTIFY);
                duo_close(&duo);
            }
}

/* -- a connection that stood ---------------------------------------------------------------------- */

/* A clean end takes nothing away: keys and session are what they were. */
static void test_what_a_clean_end_leaves(void **state)
{
    (void)state;
    for (int v = 0; v < 2; v++) {
        uint8_t before[2][KEY_LEN], after[2][KEY_LEN];
        Duo duo;

        open_mutual(&duo, versions[v]);
        duo_connect(&duo);
        for (int i = 0; i < 2; i++)
            assert_status(export_key(&duo, i, before[i]), SLUICE_OK);
        for (int i = 0; i < 2; i++)
            assert_status(sluice_stream_shutdown(duo.end[i].stream), SLUICE_OK);
        duo_settle(&duo);
        for (int i = 0; i < 2; i++) {
            assert_state(&duo, i, SLUICE_STATE_CLOSED);
            assert_status(export_key(&duo, i, after[i]), SLUICE_OK);
            assert_status(get_certificate(&duo, i), SLUICE_OK);
            assert_string_equal(duo_info(&duo, i).alpn, "h2");
            assert_int_equal(duo_info(&duo, i).version, versions[v]);
        }
        assert_status(get_session(&duo, CLIENT), SLUICE_OK);
        assert_memory_equal(before, after, sizeof before);
        assert_memory_equal(before[CLIENT], before[SERVER], KEY_LEN);
        duo_close(&duo);
    }
}

/* -- nothing follows close_notify ----------------------------------------------------------------- */

static size_t output_of(const Bare *bare)
{
    const uint8_t *data;
    size_t len = 0;

    return sluice_stream_peek_output(bare->stream, &data, &len) ? len : 0;
}

/* A bare end that has read all of ours; with @shut our close_notify has been taken, and kept from it. */
static void open_bare(Bare *bare, int server, unsigned version, int shut)
{
    bare_open(bare, server, version, ID_SERVER);
    bare_connect(bare);
    bare_assert_talks(bare);
    if (!shut)
        return;
    assert_status(sluice_stream_shutdown(bare->stream), SLUICE_OK);
    assert_true(output_of(bare) > 0);
    assert_status(sluice_stream_pop_output(bare->stream, output_of(bare)), SLUICE_OK);
}

static SluiceStatus bare_brings(Bare *bare)
{
    uint8_t byte;
    size_t n;

    assert_true(bare_to_stream(bare, ALL) > 0);
    return sluice_stream_read(bare->stream, &byte, 1, &n);
}

static void test_no_answer_to_key_updates(void **state)
{
    (void)state;
    for (int server = 0; server < 2; server++)
        for (int shut = 0; shut < 2; shut++) {
            Bare bare;

            open_bare(&bare, server, SLUICE_TLS_1_3, shut);
            for (int i = 0; i < 4; i++) {
                assert_int_equal(SSL_key_update(bare.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
                assert_int_equal(SSL_do_handshake(bare.ssl), 1);
                assert_status(bare_brings(&bare), SLUICE_WOULD_BLOCK);
                assert_int_equal(SSL_write(bare.ssl, "still here", 10), 10);
                bare_to_stream(&bare, ALL);
                bare_assert_reads(&bare, "still here");
                if (shut)
                    assert_int_equal(output_of(&bare), 0);
            }
            assert_int_equal(output_of(&bare) > 0, !shut); /* who is open answers */
            assert_int_equal(SSL_shutdown(bare.ssl), 0);
            assert_status(bare_brings(&bare), SLUICE_END_OF_STREAM);
            if (shut) {
                assert_int_equal(output_of(&bare), 0);
                assert_int_equal(sluice_stream_get_state(bare.stream), SLUICE_STATE_CLOSED);
            }
            bare_close(&bare);
        }
}

/* TLS 1.2 refuses a renegotiation by a warning (RFC 5746 section 4.5): an open end does, a closed one is silent. */
static void test_no_answer_to_renegotiation(void **state)
{
    (void)state;
    for (int server = 0; server < 2; server++)
        for (int shut = 0; shut < 2; shut++) {
            Bare bare;

            open_bare(&bare, server, SLUICE_TLS_1_2, shut);
            assert_int_equal(SSL_renegotiate(bare.ssl), 1);
            (void)SSL_do_handshake(bare.ssl);
            ERR_clear_error();
            assert_status(bare_brings(&bare), SLUICE_WOULD_BLOCK);
            assert_int_equal(output_of(&bare) > 0, !shut);
            bare_close(&bare);
        }
}

/* Nor an alert: who is open says what is wrong. */
static void test_no_alert(void **state)
{
    (void)state;
    for (int v = 0; v < 2; v++)
        for (int server = 0; server < 2; server++)
            for (int shut = 0; shut < 2; shut++) {
                uint8_t record[] = {23, 3, 3, 0, 32, [36] = 0x5a}, byte;
                size_t n;
                Bare bare;

                open_bare(&bare, server, versions[v], shut);
                assert_status(sluice_stream_receive(bare.stream, record, sizeof record, &n),
                              SLUICE_OK);
                assert_status(sluice_stream_read(bare.stream, &byte, 1, &n), SLUICE_ENDED);
                assert_int_equal(output_of(&bare) > 0, !shut);
                bare_close(&bare);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_comes_of_half_a_handshake),
        cmocka_unit_test(test_the_peer_is_told),
        cmocka_unit_test(test_what_a_clean_end_leaves),
        cmocka_unit_test(test_no_answer_to_key_updates),
        cmocka_unit_test(test_no_answer_to_renegotiation),
        cmocka_unit_test(test_no_alert),
    };

    alloc_init();
    return cmocka_run_group_tests(tests, NULL, free_identities);
}
