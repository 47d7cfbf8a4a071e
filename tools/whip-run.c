/* SPDX-License-Identifier: BSD-3-Clause */

/* `rtcprobe whip`: so many clients at such a rate, until the last of them has gone. */

#include "whip-probe.h"

#include "driver-source.h"
#include "sctp.h"

#include <glib-unix.h>
#include <string.h>
#include <sys/resource.h>

typedef struct {
    WhipCommon common;
    GMainLoop *loop;
    GPtrArray *clients; /* not owned: those that have not gone */
    WhipTotals *totals;
    guint begun, waiting;
    gint64 first_at, together_at;
    gboolean stopping;
    ProbeExit status;
} Run;

/* A client has two or three descriptors. */
static void raise_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

static gboolean is_over(const Run *run)
{
    return run->clients->len == 0 &&
           (run->stopping || run->begun >= (guint)run->common.options->count);
}

static void on_ended(WhipClient *client, const WhipOutcome *outcome, gpointer user_data)
{
    Run *run = user_data;
    ProbeReport *report = run->common.report;

    g_ptr_array_remove_fast(run->clients, client);
    if (run->common.quiet) {
        whip_totals_add(run->totals, report, outcome);
    } else {
        whip_report_outcome(report, outcome);
        run->status = outcome->status;
    }
    if (run->common.options->require_replies && outcome->status == PROBE_EXIT_OK &&
        !outcome->all_back && run->status == PROBE_EXIT_OK) {
        run->status = PROBE_EXIT_REPLIES;
        probe_report_error(report, "replies", run->status,
                           "not everything that was sent came back");
    }
    if (is_over(run))
        g_main_loop_quit(run->loop);
}

static void stop_client(gpointer client, gpointer user_data)
{
    (void)user_data;
    whip_client_stop(client);
}

static gboolean begin_one(Run *run)
{
    GError *error = NULL;
    WhipClient *client = whip_client_new(&run->common, on_ended, run, &error);

    run->begun++;
    if (client != NULL) {
        g_ptr_array_add(run->clients, client);
        return TRUE;
    }
    probe_report_error(run->common.report, "client", PROBE_EXIT_FAILURE, error->message);
    g_error_free(error);
    run->status = PROBE_EXIT_FAILURE;
    run->stopping = TRUE;
    g_ptr_array_foreach(run->clients, stop_client, NULL);
    return FALSE;
}

/* As many as are due by now. */
static gboolean on_rate(gpointer user_data)
{
    Run *run = user_data;
    const ProbeOptions *o = run->common.options;
    double seconds = (double)(g_get_monotonic_time() - run->first_at) / G_USEC_PER_SEC;
    guint due = (guint)MIN((double)o->count, 1 + seconds * o->rate);

    while (!run->stopping && run->begun < due)
        if (!begin_one(run))
            break;
    if (is_over(run))
        g_main_loop_quit(run->loop);
    return !run->stopping && run->begun < (guint)o->count;
}

/* The first time in order, the second time at once. */
static gboolean on_signal(gpointer user_data)
{
    Run *run = user_data;

    if (run->stopping || run->clients->len == 0)
        g_main_loop_quit(run->loop);
    run->stopping = TRUE;
    g_ptr_array_foreach(run->clients, stop_client, NULL);
    return G_SOURCE_CONTINUE;
}

static void turn(Run *run)
{
    GSource *source = whip_driver_source_new(run->common.driver);
    guint signals[] = {g_unix_signal_add(SIGINT, on_signal, run),
                       g_unix_signal_add(SIGTERM, on_signal, run)};
    guint rate = g_timeout_add(10, on_rate, run);

    run->first_at = g_get_monotonic_time();
    if (on_rate(run) || run->clients->len > 0)
        g_main_loop_run(run->loop);
    if (g_main_context_find_source_by_id(NULL, rate) != NULL)
        g_source_remove(rate);
    for (gsize i = 0; i < G_N_ELEMENTS(signals); i++)
        g_source_remove(signals[i]);
    g_source_destroy(source);
    g_source_unref(source);
    whip_sctp_finish();
}

ProbeExit whip_run(const ProbeOptions *options, ProbeReport *report, SluiceConfig *config)
{
    Run run = {
        .common = {
            .options = options, .report = report, .config = config, .quiet = options->count > 1}};
    GError *error = NULL;

    run.waiting = (guint)options->count;
    run.together_at = G_MAXINT64;
    run.common.waiting = &run.waiting;
    run.common.together_at = &run.together_at;
    raise_limit();
    run.common.driver = sluice_ice_driver_new(0, &error);
    if (run.common.driver == NULL || sluice_config_prepare(config) != SLUICE_OK) {
        probe_report_error(report, "driver", PROBE_EXIT_FAILURE,
                           error != NULL ? error->message : "no transport could be made");
        g_clear_error(&error);
        g_clear_object(&run.common.driver);
        return PROBE_EXIT_FAILURE;
    }
    run.common.http = whip_http_new(options);
    run.loop = g_main_loop_new(NULL, FALSE);
    run.clients = g_ptr_array_new();
    run.totals = whip_totals_new();
    turn(&run);
    if (run.common.quiet) {
        ProbeExit status = whip_totals_conclude(run.totals, report);
        run.status = status != PROBE_EXIT_OK ? status : run.status;
    }
    whip_totals_free(run.totals);
    whip_http_free(run.common.http);
    g_ptr_array_unref(run.clients);
    g_main_loop_unref(run.loop);
    g_object_unref(run.common.driver);
    return run.status;
}
