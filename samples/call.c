/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * call: two peers connect by ICE, shake hands, send media and messages both ways and close in
 * order.
 *
 *   cc -o call call*.c $(pkg-config --cflags --libs sluice-glib-1.0 json-glib-1.0 gio-unix-2.0)
 *   ./call                      both peers in this process
 *   ./call --help               everything else
 *
 * What to copy is call-peer.c: one end of a call, on libnice and libsluice. This file makes two of
 * them and introduces them to each other; call-signalling.c is the description that they exchange,
 * call-traffic.c and call-media.c what they send, call-udp.c the way to other programs,
 * call-report.c what you see.
 */
#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "call-options.h"
#include "call-peer.h"
#include "call-report.h"
#include "call-traffic.h"

#define CONNECT_LIMIT_S 40 /* libnice gives up by itself, the handshake after 30 s */
#define CLOSE_LIMIT_S 5
#define SRTP_TAG 16 /* what the largest profile adds to a packet */

typedef struct Call Call;

/* One side that runs in this process. */
typedef struct {
    Call *call;
    CallSide side;
    CallPeer *peer;
    CallUdp *input, *output;
    CallTraffic *traffic;
    CallDescription *description;
    gboolean ice_connected, connected, ended;
} End;

struct Call {
    CallOptions options;
    GMainLoop *loop;
    CallReport report;
    End ends[2];             /* A, which offers and at the end closes, and B */
    CallDescription *remote; /* what came by standard input */
    GCancellable *reading;
    int keylog;
    gint64 introduced_at, closed_at;
    guint seconds, limit, clock, unfreed;
    gboolean over;
};

static End *other_end(const End *end)
{
    return end == &end->call->ends[0] ? &end->call->ends[1] : &end->call->ends[0];
}

static gboolean in_one_process(const Call *call)
{
    return call->ends[0].side.here && call->ends[1].side.here;
}

static void finish(Call *call)
{
    if (call->over)
        return;
    call->over = TRUE;
    g_main_loop_quit(call->loop);
}

/* Something that makes the call pointless. */
static void give_up(End *end, const char *problem)
{
    if (end->side.problem == NULL)
        end->side.problem = g_strdup(problem);
    finish(end->call);
}

static End *first_end(Call *call) { return &call->ends[call->ends[0].side.here ? 0 : 1]; }

/* Time is up for what was to happen next. */
static gboolean on_limit(gpointer user_data)
{
    Call *call = user_data;

    call->limit = 0;
    give_up(first_end(call), call->report.connect_us < 0
                                 ? "the call was not connected in time"
                                 : "the other side said goodbye, but did not close");
    return G_SOURCE_REMOVE;
}

static void set_limit(Call *call, guint seconds)
{
    if (call->limit != 0)
        g_source_remove(call->limit);
    call->limit = seconds > 0 ? g_timeout_add_seconds(seconds, on_limit, call) : 0;
}

static void refresh(Call *call)
{
    for (guint i = 0; i < 2; i++) {
        End *end = &call->ends[i];
        SluiceIceCounters counters;

        /* After the end they stay as they are: the other side's last words would count as drops. */
        if (end->peer == NULL || end->ended)
            continue;
        sluice_ice_transport_read_stats(call_peer_get_transport(end->peer), &end->side.stats,
                                        &counters);
        end->side.media_blocked = counters.media_refused;
        end->side.state = end->side.stats.dtls_state;
    }
}

/* Signalling. In one process the descriptions go straight across. */

static void introduce(End *end, const CallDescription *remote)
{
    g_autoptr(GError) error = NULL;

    end->call->introduced_at = g_get_monotonic_time();
    set_limit(end->call, CONNECT_LIMIT_S);
    if (!call_peer_set_remote(end->peer, remote, &error))
        give_up(end, error->message);
}

static void on_remote_description(CallDescription *remote, const GError *error, gpointer user_data);

static void on_described(G_GNUC_UNUSED CallPeer *peer, CallDescription *description,
                         gpointer user_data)
{
    End *end = user_data;
    Call *call = end->call;

    end->description = description;
    if (in_one_process(call)) {
        End *other = other_end(end);

        if (other->description != NULL) {
            introduce(other, end->description);
            introduce(end, other->description);
        }
        return;
    }
    call_signalling_write(description);
    if (description->is_offer) {
        call_report_note(&call->report, "Offer", "sent; waiting for the answer on standard input");
        call_signalling_read(call->reading, on_remote_description, call);
    } else {
        call_report_note(&call->report, "Answer", "sent");
        introduce(end, call->remote);
    }
}

/* The phases of the call. */

static void on_ice_connected(G_GNUC_UNUSED CallPeer *peer, gpointer user_data)
{
    End *end = user_data;
    Call *call = end->call;
    g_autofree char *local = NULL, *remote = NULL;

    if (end->ice_connected)
        return;
    end->ice_connected = TRUE;
    if (in_one_process(call) && !other_end(end)->ice_connected)
        return;
    call->report.ice_us = g_get_monotonic_time() - call->introduced_at;
    if (call_peer_get_path(first_end(call)->peer, &local, &remote))
        call_report_ice(&call->report, local, remote);
}

static gboolean on_time_is_up(gpointer user_data)
{
    Call *call = user_data;

    call->clock = 0;
    if (call->ends[0].traffic != NULL)
        call_traffic_say_bye(call->ends[0].traffic);
    return G_SOURCE_REMOVE;
}

static gboolean on_progress(gpointer user_data)
{
    Call *call = user_data;

    if (call->report.connect_us >= 0 && !call->over) {
        refresh(call);
        call_report_progress(&call->report, (guint)((g_get_monotonic_time() - call->introduced_at -
                                                     call->report.connect_us + 100000) /
                                                    G_USEC_PER_SEC));
    }
    return G_SOURCE_CONTINUE;
}

static void on_connected(End *end)
{
    Call *call = end->call;
    gsize packet = (gsize)call->options.mtu - SRTP_TAG;

    end->connected = TRUE;
    call_traffic_start(end->traffic, end->side.stats.srtp_cipher != SLUICE_SRTP_NONE, packet);
    if (in_one_process(call) && !other_end(end)->connected)
        return;
    call->report.connect_us = g_get_monotonic_time() - call->introduced_at;
    set_limit(call, 0);
    call_report_connected(&call->report);
    g_timeout_add(call->report.live ? 200 : 1000, on_progress, call);
    if (call->options.seconds > 0)
        call->clock = g_timeout_add((guint)call->options.seconds * 1000, on_time_is_up, call);
}

static void on_state(G_GNUC_UNUSED CallPeer *peer, SluiceState state, gpointer user_data)
{
    End *end = user_data;

    refresh(end->call);
    end->side.state = state;
    if (state == SLUICE_STATE_CONNECTED && !end->connected)
        on_connected(end);
}

static void on_packet(G_GNUC_UNUSED CallPeer *peer, SluiceKind kind, const guint8 *data, gsize len,
                      gpointer user_data)
{
    End *end = user_data;

    call_traffic_take(end->traffic, kind, data, len);
}

/* Both sides have everything, or have waited for it long enough. */
static void on_traffic_done(G_GNUC_UNUSED CallTraffic *traffic, gpointer user_data)
{
    End *end = user_data;

    set_limit(end->call, CLOSE_LIMIT_S);
    if (end->side.name == 'A') {
        end->call->closed_at = g_get_monotonic_time();
        call_peer_close(end->peer);
    }
}

static void on_closed(G_GNUC_UNUSED CallPeer *peer, const GError *error, gpointer user_data)
{
    End *end = user_data;
    Call *call = end->call;
    gboolean by_dtls = error->domain == SLUICE_ERROR && error->code <= SLUICE_ERROR_NO_MEMORY;

    if (end->ended)
        return;
    refresh(call);
    end->ended = TRUE;
    call_traffic_stop(end->traffic);
    end->side.closed_by = by_dtls ? sluice_end_reason_name((SluiceEndReason)error->code) : "ice";
    if (!g_error_matches(error, SLUICE_ERROR, SLUICE_ERROR_LOCAL_CLOSE) &&
        !g_error_matches(error, SLUICE_ERROR, SLUICE_ERROR_CLOSE_NOTIFY)) {
        give_up(end, error->message);
        return;
    }
    if (end->side.name == 'B' && call->closed_at != 0)
        call->report.close_us = g_get_monotonic_time() - call->closed_at;
    if (!in_one_process(call) || other_end(end)->ended)
        finish(call);
}

static gboolean on_interrupt(gpointer user_data)
{
    Call *call = user_data;

    if (call->report.connect_us >= 0 && call->ends[0].side.here && !call->ends[0].ended)
        call_traffic_say_bye(call->ends[0].traffic);
    else
        give_up(first_end(call), "interrupted");
    return G_SOURCE_CONTINUE;
}

/* Making and unmaking. */

static void on_keylog(const char *line, void *user_data)
{
    const Call *call = user_data;
    g_autofree char *text = g_strconcat(line, "\n", NULL);

    /* One write for a line, so that processes may share the file. */
    if (write(call->keylog, text, strlen(text)) < 0)
        g_printerr("key log: %s\n", g_strerror(errno));
}

/* Each peer has a certificate of its own, as it would have in a process of its own. */
static SluiceConfig *make_config(Call *call, const End *end)
{
    SluiceConfig *config = sluice_config_new(NULL);
    const CallOptions *options = &call->options;

    if (options->profile != NULL)
        sluice_config_set_srtp_profiles(config, &options->srtp_profile,
                                        options->srtp_profile == SLUICE_SRTP_NONE ? 0 : 1);
    sluice_config_set_handshake_mtu(config, (gsize)options->mtu);
    sluice_config_set_datagram_limit(config, (gsize)options->mtu);
    /* Both ends of one handshake log the same line. */
    if (call->keylog >= 0 && end == first_end(call))
        sluice_config_set_keylog(config, on_keylog, call, NULL);
    return config;
}

static gboolean make_end(End *end, GError **error)
{
    static const CallPeerFuncs funcs = {on_described, on_ice_connected, on_state, on_packet,
                                        on_closed};
    Call *call = end->call;
    SluiceConfig *config = make_config(call, end);

    end->peer =
        call_peer_new(end->side.name == 'A', config, call->options.bind, &funcs, end, error);
    sluice_config_unref(config);
    if (end->peer == NULL)
        return FALSE;
    call->unfreed++;
    end->traffic = call_traffic_new(end->peer, &end->side, &other_end(end)->side, end->input,
                                    end->output, on_traffic_done, end);
    return TRUE;
}

static void on_remote_description(CallDescription *remote, const GError *error, gpointer user_data)
{
    Call *call = user_data;
    End *end = first_end(call);
    g_autoptr(GError) making = NULL;

    call->remote = remote;
    if (remote == NULL)
        give_up(end, error->message);
    else if (end->side.name == 'A')
        introduce(end, remote);
    else if (!make_end(end, &making) || !call_peer_describe(end->peer, &making))
        give_up(end, making->message);
}

static gboolean open_ports(Call *call, GError **error)
{
    const CallOptions *options = &call->options;
    End *in = first_end(call), *out = in_one_process(call) ? &call->ends[1] : in;

    if (options->rtp_in > 0) {
        in->input = call_udp_new_input((guint16)options->rtp_in, error);
        if (in->input == NULL)
            return FALSE;
        call_report_note(&call->report, "Input", "%c sends what comes to udp:127.0.0.1:%d",
                         in->side.name, options->rtp_in);
    }
    if (options->rtp_out > 0) {
        out->output = call_udp_new_output((guint16)options->rtp_out, error);
        if (out->output == NULL)
            return FALSE;
        call_report_note(&call->report, "Output", "%c gives what it receives to udp:127.0.0.1:%d",
                         out->side.name, options->rtp_out);
    }
    return TRUE;
}

static gboolean set_up(Call *call, GError **error)
{
    const CallOptions *options = &call->options;

    if (options->keylog != NULL) {
        call->keylog = open(options->keylog, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        if (call->keylog < 0) {
            g_set_error(error, G_FILE_ERROR, (int)g_file_error_from_errno(errno), "%s: %s",
                        options->keylog, g_strerror(errno));
            return FALSE;
        }
    }
    if (!open_ports(call, error))
        return FALSE;
    if (options->answer) {
        call_report_note(&call->report, "Offer", "waiting for it on standard input");
        call_signalling_read(call->reading, on_remote_description, call);
        return TRUE;
    }
    for (guint i = 0; i < (options->offer ? 1 : 2); i++)
        if (!make_end(&call->ends[i], error))
            return FALSE;
    for (guint i = 0; i < (options->offer ? 1 : 2); i++)
        if (!call_peer_describe(call->ends[i].peer, error))
            return FALSE;
    return TRUE;
}

static void on_freed(gpointer user_data)
{
    Call *call = user_data;

    call->unfreed--;
}

static void tear_down(Call *call)
{
    g_cancellable_cancel(call->reading);
    set_limit(call, 0);
    for (guint i = 0; i < 2; i++) {
        End *end = &call->ends[i];

        g_clear_pointer(&end->traffic, call_traffic_free);
        if (end->peer != NULL)
            call_peer_free(end->peer, on_freed, call);
        g_clear_pointer(&end->input, call_udp_free);
        g_clear_pointer(&end->output, call_udp_free);
        g_clear_pointer(&end->description, call_description_free);
        g_clear_pointer(&end->side.problem, g_free);
    }
    while (call->unfreed > 0)
        g_main_context_iteration(NULL, TRUE);
    if (call->keylog >= 0)
        close(call->keylog);
    g_clear_pointer(&call->remote, call_description_free);
    g_object_unref(call->reading);
    g_main_loop_unref(call->loop);
    call_options_clear(&call->options);
}

static void prepare(Call *call)
{
    gboolean alone = call->options.offer || call->options.answer;

    call->loop = g_main_loop_new(NULL, FALSE);
    call->reading = g_cancellable_new();
    call->keylog = -1;
    for (guint i = 0; i < 2; i++) {
        call->ends[i].call = call;
        call->ends[i].side.name = i == 0 ? 'A' : 'B';
        call->ends[i].side.here = !alone || call->options.offer == (i == 0);
        call->report.sides[i] = &call->ends[i].side;
    }
    /* Standard output carries the description where there is one, so the words go beside it. */
    call->report.out = call->options.json ? NULL : alone ? stderr : stdout;
    call->report.live = call->report.out != NULL && isatty(fileno(call->report.out));
    call->report.bind_address = call->options.bind;
}

int main(int argc, char **argv)
{
    Call call = {0};
    g_autoptr(GError) error = NULL;

    if (!call_options_parse(&call.options, argc, argv))
        return 2;
    prepare(&call);
    call_report_begin(&call.report);
    signal(SIGPIPE, SIG_IGN); /* the reader of our description may be gone before we are */
    g_unix_signal_add(SIGINT, on_interrupt, &call);
    g_unix_signal_add(SIGTERM, on_interrupt, &call);
    if (set_up(&call, &error))
        g_main_loop_run(call.loop);
    else
        give_up(first_end(&call), error->message);

    refresh(&call);
    call_report_closed(&call.report);
    GPtrArray *problems = call_report_verdict(&call.report);
    call_report_end(&call.report, problems);
    if (call.options.json)
        call_report_json(&call.report, problems);
    int status = problems->len == 0 ? 0 : 1;
    g_ptr_array_unref(problems);
    tear_down(&call);
    return status;
}
