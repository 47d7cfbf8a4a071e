/* SPDX-License-Identifier: BSD-3-Clause */

/* What a session needs before its loop can run. */

#include "probe-session.h"

gboolean session_make_config(Session *s)
{
    s->config = probe_config_new(s->options, s->report);
    if (s->config == NULL)
        return FALSE;
    s->capture = probe_capture_new(s->options, s->report, s->config);
    return s->capture != NULL;
}

void session_note_path(Session *s)
{
    ProbePeer own, peer = s->peer;

    if (probe_socket_own(s->fd, &own) &&
        (s->options->command == PROBE_LISTEN || probe_socket_peer(s->fd, &peer)))
        probe_capture_set_path(s->capture, &own, &peer);
}

gboolean session_make_transport(Session *s)
{
    const ProbeOptions *o = s->options;
    SluiceTime now = probe_now();
    SluiceStatus status = SLUICE_OK;

    sluice_transport_free(s->transport);
    session_note_path(s);
    s->transport = sluice_transport_new(s->config);
    s->waiting = 0;
    if (s->transport == NULL)
        status = SLUICE_NO_MEMORY;
    if (status == SLUICE_OK && o->n_fingerprints > 0)
        status = sluice_transport_set_remote_fingerprints(s->transport, now, o->fingerprints,
                                                          o->n_fingerprints);
    if (status == SLUICE_OK && o->no_cookie)
        status = sluice_transport_set_path_validated(s->transport, now, 1);
    if (status == SLUICE_OK)
        /* Nobody will tell one that connects another role: it waits as a server, with a deadline. */
        status = sluice_transport_start(s->transport, now,
                                        o->role == SLUICE_ROLE_AUTO && o->command == PROBE_CONNECT
                                            ? SLUICE_ROLE_SERVER
                                            : o->role);
    if (status != SLUICE_OK)
        probe_report_error(s->report, "start", PROBE_EXIT_FAILURE, sluice_status_text(status));
    return status == SLUICE_OK;
}

gboolean session_open_socket(Session *s)
{
    GError *error = NULL;

    s->fd = probe_socket_open(s->options, &error);
    if (s->fd >= 0)
        return TRUE;
    probe_report_error(s->report, "socket", PROBE_EXIT_FAILURE, error->message);
    g_error_free(error);
    return FALSE;
}

gboolean session_begin(Session *s)
{
    ProbePeer own;
    char *host;
    guint16 port;

    if (s->options->command == PROBE_CONNECT) {
        s->fixed = TRUE;
        return session_make_transport(s);
    }
    if (probe_socket_own(s->fd, &own)) {
        port = probe_peer_text(&own, &host);
        probe_report_address(s->report, "listening", host, port);
        g_free(host);
    }
    return TRUE;
}
