/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds that every end says why, where and what to try next, that the buffers named in event.h
 * suffice, and that a smaller one is refused and not written past. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <sluice/event.h>

#include <stdio.h>
#include <string.h>

static void expect_flight(SluiceFlight flight, const char *want)
{
    char text[256];
    assert_int_equal(sluice_flight_describe(&flight, text, sizeof text), SLUICE_OK);
    assert_string_equal(text, want);
}

static void flights(void **state)
{
    (void)state;
    expect_flight((SluiceFlight){.messages = 1u << 1}, "ClientHello");
    expect_flight(
        (SluiceFlight){.messages = 1u << 2 | 1u << 11 | 1u << 12 | 1u << 13 | 1u << 14},
        "ServerHello, Certificate, ServerKeyExchange, CertificateRequest, ServerHelloDone");
    expect_flight((SluiceFlight){.messages = 1u << 11 | 1u << 16 | 1u << 15,
                                 .change_cipher_spec = 1,
                                 .encrypted = 1},
                  "Certificate, ClientKeyExchange, CertificateVerify, ChangeCipherSpec, Finished");
    expect_flight((SluiceFlight){.messages = 1u << 20}, "Finished");
    expect_flight((SluiceFlight){.messages = 1u << 31 | 1u << 30}, "others");
    expect_flight((SluiceFlight){0}, "nothing");
}

/* Every buffer size: whole or refused, and nothing behind its end is touched. */
static void flight_room(void **state)
{
    (void)state;
    SluiceFlight all = {.messages = UINT32_MAX, .change_cipher_spec = 1, .encrypted = 1};
    char text[300];
    assert_int_equal(sluice_flight_describe(&all, text, 256), SLUICE_OK);
    size_t need = strlen(text) + 1;
    for (size_t cap = 0; cap < 256; cap++) {
        memset(text, '#', sizeof text);
        SluiceStatus s = sluice_flight_describe(&all, text, cap);
        assert_int_equal(s, cap >= need ? SLUICE_OK : SLUICE_NO_ROOM);
        assert_int_equal(text[cap], '#');
        if (cap > 0 && s != SLUICE_OK)
            assert_int_equal(text[0], '\0');
    }
}

static SluiceEnd worst(SluiceEndReason reason, int alert)
{
    SluiceEnd end = {.reason = reason,
                     .phase = SLUICE_STATE_UNVERIFIED,
                     .role = SLUICE_ROLE_CLIENT,
                     .alert = alert,
                     .alert_received = 1,
                     .last_flight_sent = 5,
                     .last_flight_received = 4,
                     .retransmissions = UINT32_MAX};
    memset(end.openssl_reason, 'x', sizeof end.openssl_reason); /* not even terminated */
    return end;
}

static void ends(void **state)
{
    (void)state;
    char text[640], other[640];
    for (int reason = 0; reason <= 13; reason++) {
        for (int alert = -1; alert < 256; alert++) {
            SluiceEnd end = worst((SluiceEndReason)reason, alert);
            assert_int_equal(sluice_end_describe(&end, text, sizeof text), SLUICE_OK);
            assert_non_null(strstr(text, sluice_end_reason_name(end.reason)));
            assert_non_null(strstr(text, sluice_end_hint(&end)));
            assert_non_null(strstr(text, "in state unverified"));
            char name[64];
            snprintf(name, sizeof name, "alert %d %s received", alert, sluice_alert_name(alert));
            assert_int_equal(strstr(text, name) != NULL, alert >= 0);
        }
        for (int before = 0; before < reason; before++)
            assert_true(reason == 13 || strcmp(sluice_end_reason_name((SluiceEndReason)reason),
                                               sluice_end_reason_name((SluiceEndReason)before)));
    }
    SluiceEnd end = worst(SLUICE_END_PROTOCOL, 40);
    assert_int_equal(sluice_end_describe(&end, text, sizeof text), SLUICE_OK);
    size_t need = strlen(text) + 1;
    for (size_t cap = 0; cap < sizeof other; cap++) {
        memset(other, '#', sizeof other);
        assert_int_equal(sluice_end_describe(&end, other, cap),
                         cap >= need ? SLUICE_OK : SLUICE_NO_ROOM);
        assert_int_equal(other[cap], '#');
    }
}

static void one_text(void **state)
{
    (void)state;
    char text[640];
    SluiceEnd end = {.reason = SLUICE_END_DEADLINE,
                     .phase = SLUICE_STATE_CONNECTING,
                     .role = SLUICE_ROLE_CLIENT,
                     .alert = -1,
                     .last_flight_sent = 1,
                     .retransmissions = 12};
    assert_int_equal(sluice_end_describe(&end, text, sizeof text), SLUICE_OK);
    assert_string_equal(
        text, "The handshake was not finished in time (deadline, in state connecting, role "
              "client; flight 1 sent; 12 retransmissions). Nothing came back: check that "
              "datagrams arrive on this path, and that the peer takes the server role "
              "(a=setup:passive).");
}

/* The same reason has another next step when more is known. */
static void hints_differ(void **state)
{
    (void)state;
    SluiceEnd client = {.reason = SLUICE_END_DEADLINE, .role = SLUICE_ROLE_CLIENT, .alert = -1};
    SluiceEnd server = {.reason = SLUICE_END_DEADLINE, .role = SLUICE_ROLE_SERVER, .alert = -1};
    SluiceEnd half = client;
    half.last_flight_received = 4;
    assert_string_not_equal(sluice_end_hint(&client), sluice_end_hint(&server));
    assert_string_not_equal(sluice_end_hint(&client), sluice_end_hint(&half));
    SluiceEnd bad_certificate = {.reason = SLUICE_END_ALERT_RECEIVED, .alert = 42};
    SluiceEnd no_cipher = {.reason = SLUICE_END_ALERT_RECEIVED, .alert = 40};
    assert_string_not_equal(sluice_end_hint(&bad_certificate), sluice_end_hint(&no_cipher));
}

static SluiceEnd of_stream(SluiceEndReason reason, int alert)
{
    return (SluiceEnd){.reason = reason,
                       .phase = SLUICE_STATE_CONNECTING,
                       .role = SLUICE_ROLE_CLIENT,
                       .stream = 1,
                       .alert = alert,
                       .alert_received = alert >= 0};
}

/* A stream has other peers and other mistakes than a transport. */
static void hints_of_streams(void **state)
{
    static const int alerts[] = {40, 42, 48, 70, 112, 116, 120};
    SluiceEnd end, of_transport;

    (void)state;
    for (size_t i = 0; i < sizeof alerts / sizeof alerts[0]; i++) {
        end = of_stream(SLUICE_END_ALERT_RECEIVED, alerts[i]);
        of_transport = end;
        of_transport.stream = 0;
        assert_true(strlen(sluice_end_hint(&end)) > 20);
        assert_string_not_equal(sluice_end_hint(&end), sluice_end_hint(&of_transport));
        for (size_t before = 0; before < i; before++) {
            SluiceEnd other = of_stream(SLUICE_END_ALERT_RECEIVED, alerts[before]);

            if (alerts[i] != 48 || alerts[before] != 42) /* both of the certificate */
                assert_string_not_equal(sluice_end_hint(&end), sluice_end_hint(&other));
        }
    }
    assert_non_null(strstr(sluice_end_hint(&(SluiceEnd){.reason = SLUICE_END_ALERT_RECEIVED,
                                                        .stream = 1,
                                                        .alert = 112}),
                           "host"));
    end = of_stream(SLUICE_END_DEADLINE, -1);
    assert_non_null(strstr(sluice_end_hint(&end), "TLS"));
    end = of_stream(SLUICE_END_CLOSE_NOTIFY, -1); /* before it stood */
    assert_non_null(strstr(sluice_end_hint(&end), "hung up"));
    end.phase = SLUICE_STATE_CONNECTED;
    assert_null(strstr(sluice_end_hint(&end), "hung up"));
    end = of_stream(SLUICE_END_LOCAL_CLOSE, -1);
    of_transport = end;
    of_transport.phase = SLUICE_STATE_CONNECTED;
    assert_string_not_equal(sluice_end_hint(&end), sluice_end_hint(&of_transport));
}

/* What a peer that speaks HTTP, SMTP and the like makes of OpenSSL, and its twin. */
static void hints_of_other_protocols(void **state)
{
    static const char *const reasons[] = {"wrong version number", "http request"};
    SluiceEnd end = of_stream(SLUICE_END_PROTOCOL, -1);

    (void)state;
    snprintf(end.openssl_reason, sizeof end.openssl_reason, "%s", "bad record type");
    assert_null(strstr(sluice_end_hint(&end), "does not speak TLS"));
    for (size_t i = 0; i < 2; i++) {
        snprintf(end.openssl_reason, sizeof end.openssl_reason, "%s", reasons[i]);
        end.stream = 1;
        assert_non_null(strstr(sluice_end_hint(&end), "does not speak TLS"));
        end.stream = 0;
        assert_null(strstr(sluice_end_hint(&end), "does not speak TLS"));
    }
}

static void nulls(void **state)
{
    (void)state;
    char text[640];
    SluiceFlight flight = {0};
    SluiceEnd end = {.reason = SLUICE_END_DEADLINE, .alert = -1};
    assert_int_equal(sluice_flight_describe(NULL, text, sizeof text), SLUICE_INVALID_ARGUMENT);
    assert_int_equal(sluice_flight_describe(&flight, NULL, 0), SLUICE_INVALID_ARGUMENT);
    assert_int_equal(sluice_end_describe(NULL, text, sizeof text), SLUICE_INVALID_ARGUMENT);
    assert_int_equal(sluice_end_describe(&end, NULL, 0), SLUICE_INVALID_ARGUMENT);
    assert_non_null(sluice_end_hint(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flights),  cmocka_unit_test(flight_room),  cmocka_unit_test(ends),
        cmocka_unit_test(one_text), cmocka_unit_test(hints_differ), cmocka_unit_test(nulls),
        cmocka_unit_test(hints_of_streams), cmocka_unit_test(hints_of_other_protocols),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
