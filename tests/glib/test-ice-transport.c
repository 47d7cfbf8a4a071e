/* SPDX-License-Identifier: BSD-3-Clause */

/* SluiceIceTransport over real agents: the roles, media and data both ways, when the fingerprint
 * comes late or never matches, how it ends, and what is refused. */

#include "ice-pair.h"

#include <string.h>

/* What follows is sent by @from and awaited at @to. */
typedef struct {
    End *end;
    guint rtp, rtcp, data;
} Wanted;

static gboolean has_wanted(gpointer data)
{
    Wanted *wanted = data;

    return wanted->end->rtp >= wanted->rtp && wanted->end->rtcp >= wanted->rtcp &&
           wanted->end->data >= wanted->data;
}

static void exchange(Pair *pair, End *from, End *to, guint16 seq)
{
    Wanted wanted = {to, to->rtp + 1, to->rtcp + 1, to->data + 1};
    guint8 packet[200];
    GError *error = NULL;

    /* From an odd address: the caller's packet may lie anywhere. */
    pair_rtp(packet + 1, 100, seq, 0x11223344);
    CALL(pair,
         g_assert_true(sluice_ice_transport_send_rtp(from->transport, packet + 1, 100, &error)));
    g_assert_no_error(error);
    pair_rtcp(packet, 28, 0x11223344);
    CALL(pair, g_assert_true(sluice_ice_transport_send_rtcp(from->transport, packet, 28, &error)));
    g_assert_no_error(error);
    memcpy(packet, "message", 8);
    CALL(pair, g_assert_true(sluice_ice_transport_send_data(from->transport, packet, 8, &error)));
    g_assert_no_error(error);
    g_assert_true(pair_run_until(pair, has_wanted, &wanted));
    GBytes *message = g_bytes_new_static("message", 8);
    g_assert_true(g_bytes_equal(to->last, message));
    g_bytes_unref(message);
}

static gboolean both_closed(gpointer data)
{
    Pair *pair = data;

    return pair->a.end[0].closed > 0 && pair->b.end[0].closed > 0;
}

static void close_and_check(Pair *pair, End *first, End *second)
{
    CALL(pair, sluice_ice_transport_close(first->transport));
    CALL(pair, sluice_ice_transport_close(first->transport)); /* twice is harmless */
    g_assert_true(pair_run_until(pair, both_closed, pair));
    pair_run_for(pair, 50);
    g_assert_error(first->error, SLUICE_ERROR, SLUICE_ERROR_LOCAL_CLOSE);
    g_assert_error(second->error, SLUICE_ERROR, SLUICE_ERROR_CLOSE_NOTIFY);
    g_assert_cmpuint(first->closed, ==, 1);
    g_assert_cmpuint(second->closed, ==, 1);
    g_assert_cmpstr(strrchr(first->states->str, ' '), ==, " closed");
    g_assert_cmpstr(strrchr(second->states->str, ' '), ==, " closed");
}

static void check_properties(End *end, End *peer)
{
    SluiceRole role;
    SluiceSrtpProfile profile;
    GBytes *certificate;
    GError *last_error;
    GBytes *theirs = sluice_certificate_dup_der(
        sluice_config_get_certificate(sluice_ice_transport_get_config(peer->transport)));

    g_object_get(end->transport, "role", &role, "selected-profile", &profile, "remote-certificate",
                 &certificate, "last-error", &last_error, NULL);
    g_assert_true(role == SLUICE_ROLE_CLIENT || role == SLUICE_ROLE_SERVER);
    g_assert_true(role != sluice_ice_transport_get_role(peer->transport));
    g_assert_cmpint((int)profile, ==, SLUICE_SRTP_AEAD_AES_128_GCM);
    g_assert_true(g_bytes_equal(certificate, theirs));
    g_assert_null(last_error);
    g_assert_cmpuint(end->notified[0], ==, 1);
    g_assert_cmpuint(end->notified[1], ==, 1);
    g_assert_cmpuint(end->notified[2], ==, 1);
    g_assert_cmpuint(end->notified[4], ==, 1); /* remote-fingerprint */
    g_bytes_unref(certificate);
    g_bytes_unref(theirs);
}

static void check_certificate(GVariant *stats, const char *key, const char *fingerprint)
{
    GVariant *certificate = g_variant_lookup_value(stats, key, G_VARIANT_TYPE_VARDICT);
    const char *algorithm, *value, *base64;
    char *text;

    g_assert_nonnull(certificate);
    g_assert_true(g_variant_lookup(certificate, "fingerprintAlgorithm", "&s", &algorithm));
    g_assert_true(g_variant_lookup(certificate, "fingerprint", "&s", &value));
    g_assert_true(g_variant_lookup(certificate, "base64Certificate", "&s", &base64));
    text = g_strconcat(algorithm, " ", value, NULL);
    g_assert_cmpstr(text, ==, fingerprint);
    g_assert_true(g_str_has_prefix(base64, "MII"));
    g_free(text);
    g_variant_unref(certificate);
}

/* In their order, and none is longer than the whole. */
static void check_phases(GVariant *stats)
{
    static const char *const phases[] = {"handshakeClientHello", "handshakeCertificate",
                                         "handshakeFinished", "handshakeKeys", "handshakeDuration"};
    double before = 0, now;

    for (gsize i = 0; i < G_N_ELEMENTS(phases); i++, before = now) {
        g_assert_true(g_variant_lookup(stats, phases[i], "d", &now));
        g_assert_cmpfloat(now, >=, before);
    }
}

static void check_stats(SluiceIceTransport *transport)
{
    GVariant *stats = sluice_ice_transport_get_stats(transport);
    char *local = sluice_ice_transport_get_local_fingerprint(transport);
    const char *text;
    guint64 count;

    check_phases(stats);
    check_certificate(stats, "localCertificate", local);
    check_certificate(stats, "remoteCertificate",
                      sluice_ice_transport_get_remote_fingerprint(transport));
    g_free(local);

    g_assert_true(g_variant_is_of_type(stats, G_VARIANT_TYPE_VARDICT));
    g_assert_false(g_variant_is_floating(stats));
    g_assert_true(g_variant_lookup(stats, "dtlsState", "&s", &text));
    g_assert_cmpstr(text, ==, "connected");
    g_assert_true(g_variant_lookup(stats, "tlsVersion", "&s", &text));
    g_assert_cmpstr(text, ==, "FEFD");
    g_assert_true(g_variant_lookup(stats, "srtpCipher", "&s", &text));
    g_assert_cmpstr(text, ==, "AEAD_AES_128_GCM");
    g_assert_true(g_variant_lookup(stats, "dtlsCipher", "&s", &text));
    g_assert_true(g_str_has_prefix(text, "TLS_ECDHE_ECDSA_WITH_"));
    g_assert_true(g_variant_lookup(stats, "dtlsRole", "&s", &text));
    g_assert_cmpstr(text, ==, sluice_role_name(sluice_ice_transport_get_role(transport)));
    g_assert_true(g_variant_lookup(stats, "packetsSent", "t", &count));
    g_assert_cmpuint(count, >, 3);
    g_assert_true(g_variant_lookup(stats, "rtpDelivered", "t", &count));
    g_assert_cmpuint(count, ==, 1);
    g_variant_unref(stats);
}

typedef struct {
    SluiceRole a, b;
} Roles;

static void test_connect(gconstpointer data)
{
    const Roles *roles = data;
    Pair *pair = pair_new(1, NULL, NULL);
    End *a = &pair->a.end[0], *b = &pair->b.end[0];

    /* Started first: both wait for ICE, nothing is sent into the void (rules 16 and 17). */
    pair_start(pair, a, roles->a);
    pair_start(pair, b, roles->b);
    pair_signal_all(pair);
    g_assert_true(pair_run_until(pair, pair_connected, pair));
    g_assert_true(g_str_has_suffix(a->states->str, "connecting unverified connected") ||
                  g_str_has_suffix(a->states->str, "connecting connected"));
    exchange(pair, a, b, 1);
    exchange(pair, b, a, 2);
    check_properties(a, b);
    check_properties(b, a);
    check_stats(a->transport);
    check_stats(b->transport);
    close_and_check(pair, roles->a == SLUICE_ROLE_CLIENT ? a : b,
                    roles->a == SLUICE_ROLE_CLIENT ? b : a);
    pair_free(pair);
}

/* The side that offered actpass listens; it becomes server by itself, or is told so, or is told
 * to be client. */
static void test_auto_then_told(void)
{
    Pair *pair = pair_new(1, NULL, NULL);
    End *a = &pair->a.end[0], *b = &pair->b.end[0];

    pair_start(pair, a, SLUICE_ROLE_AUTO);
    pair_signal_all(pair);
    pair_run_for(pair, 100);
    g_assert_cmpstr(a->states->str, ==, "listening");
    pair_start(pair, b, SLUICE_ROLE_SERVER);
    pair_start(pair, a, SLUICE_ROLE_CLIENT);
    g_assert_true(pair_run_until(pair, pair_connected, pair));
    exchange(pair, a, b, 1);
    exchange(pair, b, a, 1);
    pair_free(pair);
}

/* a knows who b is, b does not know who a is. */
static gboolean half_verified(gpointer data)
{
    Pair *pair = data;

    return sluice_ice_transport_get_state(pair->a.end[0].transport) == SLUICE_STATE_CONNECTED &&
           sluice_ice_transport_get_state(pair->b.end[0].transport) == SLUICE_STATE_UNVERIFIED;
}

static void test_late_fingerprint(void)
{
    Pair *pair = pair_new(1, NULL, NULL);
    End *a = &pair->a.end[0], *b = &pair->b.end[0];
    guint8 packet[100];
    GError *error = NULL;

    pair_signal(pair, &pair->a, &pair->b);
    pair_signal(pair, &pair->b, &pair->a);
    pair_give_fingerprint(pair, 1, &pair->b, &pair->a);
    pair_start(pair, a, SLUICE_ROLE_CLIENT);
    pair_start(pair, b, SLUICE_ROLE_SERVER);
    g_assert_true(pair_run_until(pair, half_verified, pair));
    g_assert_nonnull(sluice_ice_transport_get_remote_certificate(b->transport));

    /* What comes before the verdict waits, what would go out is refused. */
    pair_rtp(packet, sizeof packet, 1, 7);
    g_assert_true(sluice_ice_transport_send_rtp(a->transport, packet, sizeof packet, NULL));
    g_assert_true(sluice_ice_transport_send_data(a->transport, packet, 10, NULL));
    pair_run_for(pair, 50);
    g_assert_cmpuint(b->rtp + b->data, ==, 0);
    g_assert_false(sluice_ice_transport_send_rtp(b->transport, packet, sizeof packet, &error));
    g_assert_error(error, SLUICE_ERROR, SLUICE_ERROR_NOT_READY);
    g_clear_error(&error);
    g_assert_false(sluice_ice_transport_send_data(b->transport, packet, 10, &error));
    g_assert_error(error, SLUICE_ERROR, SLUICE_ERROR_NOT_READY);
    g_clear_error(&error);

    pair_give_fingerprint(pair, 1, &pair->a, &pair->b);
    g_assert_cmpuint(b->rtp + b->data, ==, 0); /* not from inside the setter */
    Wanted wanted = {b, 1, 0, 1};
    g_assert_true(pair_run_until(pair, has_wanted, &wanted));
    g_assert_cmpstr(b->states->str, ==, "connecting unverified connected");
    pair_free(pair);
}

static void test_mismatch(gconstpointer data)
{
    gboolean late = GPOINTER_TO_INT(data);
    Pair *pair = pair_new(1, NULL, NULL);
    End *a = &pair->a.end[0], *b = &pair->b.end[0];
    char *wrong =
        sluice_ice_transport_get_local_fingerprint(b->transport); /* its own, not the peer's */
    guint8 packet[100];

    pair_signal(pair, &pair->a, &pair->b);
    pair_signal(pair, &pair->b, &pair->a);
    pair_give_fingerprint(pair, 1, &pair->b, &pair->a);
    if (!late)
        g_assert_true(sluice_ice_transport_set_remote_fingerprint(b->transport, wrong, NULL));
    pair_start(pair, a, SLUICE_ROLE_CLIENT);
    pair_start(pair, b, SLUICE_ROLE_SERVER);
    if (late) {
        g_assert_true(pair_run_until(pair, half_verified, pair));
        pair_rtp(packet, sizeof packet, 1, 7);
        g_assert_true(sluice_ice_transport_send_rtp(a->transport, packet, sizeof packet, NULL));
        pair_run_for(pair, 50);
        CALL(pair,
             g_assert_true(sluice_ice_transport_set_remote_fingerprint(b->transport, wrong, NULL)));
        g_assert_cmpuint(b->closed, ==, 0);
    }
    g_assert_true(pair_run_until(pair, both_closed, pair));
    g_assert_error(b->error, SLUICE_ERROR, SLUICE_ERROR_FINGERPRINT_MISMATCH);
    g_assert_cmpstr(strrchr(b->states->str, ' '), ==, " failed");
    g_assert_cmpuint(strlen(b->error->message), >, 20);
    g_assert_cmpuint(b->rtp + b->rtcp + b->data, ==, 0);
    g_assert_cmpuint(b->closed, ==, 1);
    g_free(wrong);
    pair_free(pair);
}

static void test_fingerprint_text(void)
{
    Pair *pair = pair_new(1, NULL, NULL);
    SluiceIceTransport *t = pair->a.end[0].transport;
    static const char *const bad[] = {"", "\r\n  \n", "sha-256 12", "md5 AA:BB", "rubbish", NULL};
    GError *error = NULL;
    char *text = sluice_ice_transport_get_local_fingerprint(pair->b.end[0].transport);

    for (guint i = 0; bad[i] != NULL; i++) {
        g_assert_false(sluice_ice_transport_set_remote_fingerprint(t, bad[i], &error));
        g_assert_error(error, SLUICE_ERROR, SLUICE_ERROR_INVALID_ARGUMENT);
        g_clear_error(&error);
    }
    g_assert_null(sluice_ice_transport_get_remote_fingerprint(t));
    char *lines = g_strdup_printf("md5 00:11\r\n\r\na=fingerprint:%s\r\n", text);
    g_assert_true(sluice_ice_transport_set_remote_fingerprint(t, lines, &error));
    g_assert_no_error(error);
    g_assert_cmpstr(sluice_ice_transport_get_remote_fingerprint(t), ==, lines);
    g_assert_true(sluice_ice_transport_set_remote_fingerprint(t, text, &error));
    g_free(lines);
    g_free(text);

    text = sluice_ice_transport_get_local_fingerprint(t);
    g_assert_false(sluice_ice_transport_set_remote_fingerprint(t, text, &error));
    g_assert_error(error, SLUICE_ERROR, SLUICE_ERROR_INVALID_STATE);
    g_clear_error(&error);
    g_free(text);
    pair_free(pair);
}

static void test_refused(void)
{
    Pair *pair = pair_new(1, NULL, NULL);
    End *a = &pair->a.end[0];
    static guint8 large[SLUICE_ICE_TRANSPORT_MAX_PACKET + 1];
    GError *error = NULL;
    struct {
        gsize len;
        gint code;
    } rtp[] = {{100, SLUICE_ERROR_NOT_READY}, {sizeof large, SLUICE_ERROR_TOO_LARGE}};

    pair_rtp(large, sizeof large, 1, 7);
    for (guint i = 0; i < G_N_ELEMENTS(rtp); i++) {
        g_assert_false(sluice_ice_transport_send_rtp(a->transport, large, rtp[i].len, &error));
        g_assert_error(error, SLUICE_ERROR, rtp[i].code);
        g_clear_error(&error);
    }
    pair_start(pair, a, SLUICE_ROLE_CLIENT);
    g_assert_false(sluice_ice_transport_start(a->transport, SLUICE_ROLE_CLIENT, &error));
    g_assert_error(error, SLUICE_ERROR, SLUICE_ERROR_INVALID_STATE);
    g_clear_error(&error);
    pair_start(pair, &pair->b.end[0], SLUICE_ROLE_SERVER);
    pair_signal_all(pair);
    g_assert_true(pair_run_until(pair, pair_connected, pair));
    gsize max = sluice_ice_transport_get_max_data_size(a->transport);
    g_assert_cmpuint(max, >, 1000);
    g_assert_false(sluice_ice_transport_send_data(a->transport, large, max + 1, &error));
    g_assert_error(error, SLUICE_ERROR, SLUICE_ERROR_TOO_LARGE);
    g_clear_error(&error);
    g_assert_false(sluice_ice_transport_send_data(a->transport, large, 0, &error));
    g_assert_error(error, SLUICE_ERROR, SLUICE_ERROR_INVALID_ARGUMENT);
    g_clear_error(&error);
    g_assert_false(sluice_ice_transport_send_rtp(a->transport, (const guint8 *)"short", 5, &error));
    g_assert_error(error, SLUICE_ERROR, SLUICE_ERROR_INVALID_ARGUMENT);
    g_clear_error(&error);
    sluice_ice_transport_close(a->transport);
    g_assert_false(sluice_ice_transport_send_rtp(a->transport, large, 100, &error));
    g_assert_error(error, SLUICE_ERROR, SLUICE_ERROR_ENDED);
    g_clear_error(&error);
    pair_free(pair);
}

static gboolean both_media_alone(gpointer data)
{
    Pair *pair = data;

    return sluice_ice_transport_get_state(pair->a.end[0].transport) == SLUICE_STATE_MEDIA_ONLY &&
           sluice_ice_transport_get_state(pair->b.end[0].transport) == SLUICE_STATE_MEDIA_ONLY &&
           pair->a.end[0].rtp > 0 && pair->b.end[0].rtp > 0;
}

/* DTLS is given up, media goes on; data is refused, from this thread and any other. */
static void test_end_dtls(void)
{
    Pair *pair = pair_new(1, NULL, NULL);
    End *ends[] = {&pair->a.end[0], &pair->b.end[0]};
    guint8 packet[100];
    GError *error = NULL;

    g_assert_false(sluice_ice_transport_end_dtls(ends[0]->transport, &error));
    g_assert_error(error, SLUICE_ERROR, SLUICE_ERROR_NOT_READY);
    g_clear_error(&error);
    pair_connect(pair);
    pair_rtp(packet, sizeof packet, 1, 7);
    for (guint i = 0; i < 2; i++) {
        CALL(pair, g_assert_true(sluice_ice_transport_end_dtls(ends[i]->transport, NULL)));
        g_assert_true(
            sluice_ice_transport_send_rtp(ends[i]->transport, packet, sizeof packet, NULL));
    }
    g_assert_true(pair_run_until(pair, both_media_alone, pair));
    g_assert_false(
        sluice_ice_transport_send_data(ends[0]->transport, (const guint8 *)"x", 1, &error));
    g_assert_error(error, SLUICE_ERROR, SLUICE_ERROR_INVALID_STATE);
    g_clear_error(&error);
    CALL(pair, sluice_ice_transport_close(ends[0]->transport));
    g_assert_false(sluice_ice_transport_end_dtls(ends[0]->transport, &error));
    g_assert_error(error, SLUICE_ERROR, SLUICE_ERROR_ENDED);
    g_clear_error(&error);
    pair_free(pair);
}

static gpointer post_one(gpointer transport)
{
    g_assert_true(sluice_ice_transport_send_data(transport, (const guint8 *)"last", 4, NULL));
    return NULL;
}

/* What another thread has sent before a close goes before the close_notify. */
static void test_post_then_close(void)
{
    Pair *pair = pair_new(1, NULL, NULL);
    End *a = &pair->a.end[0], *b = &pair->b.end[0];

    pair_connect(pair);
    g_thread_join(g_thread_new("poster", post_one, a->transport));
    CALL(pair, sluice_ice_transport_close(a->transport));
    g_assert_true(pair_run_until(pair, both_closed, pair));
    g_assert_cmpuint(b->data, ==, 1);
    pair_free(pair);
}

static void test_wrong_component(void)
{
    SluiceConfig *config = sluice_config_new(NULL);
    NiceAgent *agent = nice_agent_new(NULL, NICE_COMPATIBILITY_RFC5245);
    NiceAgent *reliable = nice_agent_new_reliable(NULL, NICE_COMPATIBILITY_RFC5245);
    GError *error = NULL;

    g_assert_null(sluice_ice_transport_new(agent, 1, 1, config, NULL, &error));
    g_assert_error(error, SLUICE_ERROR, SLUICE_ERROR_ICE);
    g_clear_error(&error);
    guint stream = nice_agent_add_stream(reliable, 1);
    g_assert_null(sluice_ice_transport_new(reliable, stream, 1, config, NULL, &error));
    g_assert_error(error, SLUICE_ERROR, SLUICE_ERROR_UNSUPPORTED);
    g_clear_error(&error);
    g_object_unref(agent);
    g_object_unref(reliable);
    sluice_config_unref(config);
}

static void test_export(void)
{
    Pair *pair = pair_new(1, NULL, NULL);
    SluiceIceTransport *a = pair->a.end[0].transport, *b = pair->b.end[0].transport;
    GError *error = NULL;

    g_assert_null(sluice_ice_transport_export(a, "EXPORTER-test", NULL, 32, &error));
    g_assert_error(error, SLUICE_ERROR, SLUICE_ERROR_NOT_READY);
    g_clear_error(&error);
    pair_connect(pair);
    GBytes *empty = g_bytes_new(NULL, 0);
    GBytes *x = sluice_ice_transport_export(a, "EXPORTER-test", NULL, 32, &error);
    GBytes *y = sluice_ice_transport_export(b, "EXPORTER-test", NULL, 32, &error);
    GBytes *z = sluice_ice_transport_export(b, "EXPORTER-test", empty, 32, &error);
    g_assert_no_error(error);
    g_assert_true(g_bytes_equal(x, y));
    g_assert_false(g_bytes_equal(x, z));
    g_bytes_unref(x);
    g_bytes_unref(y);
    g_bytes_unref(z);
    g_bytes_unref(empty);
    pair_free(pair);
}

int main(int argc, char **argv)
{
    static const Roles client_server = {SLUICE_ROLE_CLIENT, SLUICE_ROLE_SERVER};
    static const Roles server_client = {SLUICE_ROLE_SERVER, SLUICE_ROLE_CLIENT};
    static const Roles auto_client = {SLUICE_ROLE_AUTO, SLUICE_ROLE_CLIENT};

    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/ice-transport/connect/client-server", &client_server, test_connect);
    g_test_add_data_func("/ice-transport/connect/server-client", &server_client, test_connect);
    g_test_add_data_func("/ice-transport/connect/auto-client", &auto_client, test_connect);
    g_test_add_func("/ice-transport/connect/auto-then-told", test_auto_then_told);
    g_test_add_func("/ice-transport/fingerprint/late", test_late_fingerprint);
    g_test_add_data_func("/ice-transport/fingerprint/mismatch", GINT_TO_POINTER(0), test_mismatch);
    g_test_add_data_func("/ice-transport/fingerprint/mismatch-late", GINT_TO_POINTER(1),
                         test_mismatch);
    g_test_add_func("/ice-transport/fingerprint/text", test_fingerprint_text);
    g_test_add_func("/ice-transport/refused", test_refused);
    g_test_add_func("/ice-transport/end-dtls", test_end_dtls);
    g_test_add_func("/ice-transport/post-then-close", test_post_then_close);
    g_test_add_func("/ice-transport/wrong-component", test_wrong_component);
    g_test_add_func("/ice-transport/export", test_export);
    return g_test_run();
}
