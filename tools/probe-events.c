/* SPDX-License-Identifier: BSD-3-Clause */

/* What the transport reports, what is said of it, and what follows of it. */

#include "probe-session.h"

#include <openssl/crypto.h>

#define SETTLE                                                                                     \
    (250 * SLUICE_MILLISECOND) /* a connection that has nothing to do is held so long   \
                                           */

static SluiceState state_of(const Session *s)
{
    return s->transport != NULL ? sluice_transport_get_state(s->transport) : SLUICE_STATE_NEW;
}

gboolean session_has_ended(const Session *s)
{
    SluiceState state = state_of(s);

    return state == SLUICE_STATE_CLOSED || state == SLUICE_STATE_FAILED;
}

void session_close(Session *s, ProbeExit verdict)
{
    if (session_has_ended(s))
        return;
    if (s->verdict == PROBE_EXIT_OK)
        s->verdict = verdict;
    (void)sluice_transport_close(s->transport, probe_now());
}

static void show_certificate(Session *s)
{
    const guint8 *der;
    size_t len;
    SluiceEnd end;
    ProbeMatch match = PROBE_MATCH_UNKNOWN;

    if (s->certificate_shown ||
        sluice_transport_get_remote_certificate(s->transport, &der, &len) != SLUICE_OK)
        return;
    s->certificate_shown = TRUE;
    if (sluice_transport_get_end(s->transport, &end) == SLUICE_OK &&
        end.reason == SLUICE_END_FINGERPRINT_MISMATCH)
        match = PROBE_MATCH_NO;
    else if (s->options->n_fingerprints > 0)
        match = PROBE_MATCH_YES; /* no other way past the handshake */
    probe_report_certificate(s->report, "remote", der, len, match);
}

/* What the handshake has come to so far, each once, before the line of the state that it led to. What was chosen is
 * told when it counts: of a connection, or at the end. */
static void show_handshake(Session *s)
{
    SluicePeerOffer offer;
    SluiceStats stats;

    if (!s->offer_shown && sluice_transport_get_offer(s->transport, &offer) == SLUICE_OK) {
        s->offer_shown = TRUE;
        probe_report_offer(s->report, &offer);
    }
    if (!s->selection_shown && state_of(s) >= SLUICE_STATE_CONNECTED &&
        sluice_transport_get_stats(s->transport, &stats, sizeof stats) == SLUICE_OK &&
        stats.finished_at != SLUICE_TIME_NEVER) {
        s->selection_shown = TRUE;
        probe_report_selected(s->report, &stats);
    }
    show_certificate(s);
}

void session_fix_peer(Session *s)
{
    char *host;
    guint16 port;

    if (s->fixed)
        return;
    s->fixed = TRUE;
    port = probe_peer_text(&s->peer, &host);
    probe_report_address(s->report, "peer", host, port);
    g_free(host);
    if (!probe_socket_fix(s->fd, &s->peer))
        probe_report_warning(s->report, "socket", "the socket cannot be bound to the peer");
}

static void export_keys(Session *s)
{
    const ProbeOptions *o = s->options;
    guint8 *keys;
    char *sha256;
    SluiceStatus status;

    if (o->export_label == NULL)
        return;
    keys = g_malloc(o->export_length);
    status =
        sluice_transport_export(s->transport, o->export_label, NULL, 0, keys, o->export_length);
    if (status == SLUICE_OK) {
        GString *hex = g_string_sized_new(2 * o->export_length + 1);
        for (size_t i = 0; o->show_keys && i < o->export_length; i++)
            g_string_append_printf(hex, "%02x", keys[i]);
        sha256 = g_compute_checksum_for_data(G_CHECKSUM_SHA256, keys, o->export_length);
        probe_report_export(s->report, o->export_label, o->export_length, sha256,
                            o->show_keys ? hex->str : NULL);
        OPENSSL_cleanse(hex->str, hex->allocated_len);
        g_string_free(hex, TRUE);
        g_free(sha256);
    } else {
        probe_report_warning(s->report, "export", sluice_status_text(status));
    }
    OPENSSL_cleanse(keys, o->export_length);
    g_free(keys);
}

static void on_unverified(Session *s)
{
    const guint8 *der;
    size_t len;
    SluiceFingerprint fingerprint;

    if (s->options->n_fingerprints > 0 || session_has_ended(s))
        return;
    if (s->options->insecure &&
        sluice_transport_get_remote_certificate(s->transport, &der, &len) == SLUICE_OK &&
        sluice_fingerprint_of_der(SLUICE_HASH_SHA256, der, len, &fingerprint) == SLUICE_OK) {
        probe_report_warning(s->report, "insecure", "PEER NOT VERIFIED: --insecure takes any peer");
        (void)sluice_transport_set_remote_fingerprints(s->transport, probe_now(), &fingerprint, 1);
        return;
    }
    probe_report_error(s->report, "unverified", PROBE_EXIT_UNVERIFIED,
                       "PEER NOT VERIFIED: give its fingerprint with --fingerprint, or accept "
                       "any peer with --insecure");
    session_close(s, PROBE_EXIT_UNVERIFIED);
}

static void on_connected(Session *s)
{
    const ProbeOptions *o = s->options;
    SluiceTime now = probe_now();

    if (s->connected)
        return;
    s->connected = TRUE;
    export_keys(s);
    probe_traffic_start(&s->traffic, now);
    if (o->seconds >= 0)
        s->close_at = now + o->seconds * SLUICE_SECOND;
    else if (o->command == PROBE_CONNECT && !o->echo && probe_traffic_all_sent(&s->traffic))
        s->close_at = now + SETTLE;
}

static void on_state(Session *s, SluiceState state)
{
    if (state == SLUICE_STATE_UNVERIFIED)
        on_unverified(s);
    else if (state == SLUICE_STATE_CONNECTED)
        on_connected(s);
    else if (state == SLUICE_STATE_MEDIA_ONLY && s->options->seconds < 0)
        session_close(s, PROBE_EXIT_ALERT);
}

void session_handle_event(Session *s, const SluiceEvent *event)
{
    SluicePeerOffer offer;

    s->report->when = event->time;
    if (event->type == SLUICE_EVENT_STATE && event->u.state >= SLUICE_STATE_UNVERIFIED) {
        /* One that gave up before the cookie came back was nobody yet: the listener goes on. */
        if (sluice_transport_get_offer(s->transport, &offer) == SLUICE_OK)
            session_fix_peer(s);
        show_handshake(s);
    }
    probe_report_event(s->report, event);
    if (event->type == SLUICE_EVENT_FLIGHT && event->u.flight.direction == SLUICE_RECEIVED &&
        event->u.flight.number >= 3) {
        session_fix_peer(s); /* a ClientHello with our cookie */
        show_handshake(s);
    }
    if (event->type == SLUICE_EVENT_STATE)
        on_state(s, event->u.state);
    s->report->when = SLUICE_TIME_NEVER;
}

ProbeExit probe_exit_of_end(const SluiceEnd *end)
{
    switch (end->reason) {
    case SLUICE_END_ALERT_RECEIVED:
    case SLUICE_END_ALERT_SENT:
        return PROBE_EXIT_ALERT;
    case SLUICE_END_DEADLINE:
        return PROBE_EXIT_TIMEOUT;
    case SLUICE_END_UNVERIFIED_DEADLINE:
        return PROBE_EXIT_UNVERIFIED;
    case SLUICE_END_FINGERPRINT_MISMATCH:
        return PROBE_EXIT_FINGERPRINT;
    case SLUICE_END_NO_SRTP_PROFILE:
        return PROBE_EXIT_NO_PROFILE;
    default:
        return PROBE_EXIT_FAILURE;
    }
}

static ProbeExit meaning(const Session *s, const SluiceEnd *end)
{
    if (end->reason == SLUICE_END_LOCAL_CLOSE)
        return s->verdict;
    if (end->reason == SLUICE_END_CLOSE_NOTIFY)
        return s->connected ? PROBE_EXIT_OK : PROBE_EXIT_FAILURE;
    return probe_exit_of_end(end);
}

ProbeExit session_conclude(Session *s)
{
    SluiceEnd end;
    SluiceStats stats;
    ProbeExit status;
    char text[1024];

    if (s->transport == NULL || sluice_transport_get_end(s->transport, &end) != SLUICE_OK) {
        probe_report_error(s->report, "interrupted", PROBE_EXIT_FAILURE, "no peer came");
        return PROBE_EXIT_FAILURE;
    }
    show_handshake(s);
    probe_report_end(s->report, &end);
    status = meaning(s, &end);
    if (status == PROBE_EXIT_OK && s->options->require_replies &&
        !probe_traffic_all_back(&s->traffic)) {
        status = PROBE_EXIT_REPLIES;
        probe_report_error(s->report, "replies", status, "not everything that was sent came back");
    } else if (status != PROBE_EXIT_OK && status != PROBE_EXIT_UNVERIFIED) {
        if (sluice_end_describe(&end, text, sizeof text) != SLUICE_OK)
            g_strlcpy(text, sluice_end_reason_name(end.reason), sizeof text);
        probe_report_error(s->report, sluice_end_reason_name(end.reason), status, text);
    }
    probe_traffic_report(&s->traffic, s->report);
    if (sluice_transport_get_stats(s->transport, &stats, sizeof stats) == SLUICE_OK)
        probe_report_stats(s->report, &stats);
    return status;
}
