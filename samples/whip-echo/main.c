/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * whip-echo: sends a browser back to itself. HTTP is libsoup's, ICE libnice's, SCTP usrsctp's, SDP GStreamer's; DTLS and SRTP
 * are libsluice's.
 *
 *   ./whip-echo          prints one URL: open it
 */
#include "captures.h"
#include "driver-source.h"
#include "events.h"
#include "options.h"
#include "sctp.h"
#include "server.h"

#include <glib-unix.h>
#include <nice/agent.h>

typedef struct {
    GMainLoop *loop;
    WhipServer *server;
    gboolean stopping;
} Program;

static void on_stopped(G_GNUC_UNUSED gpointer server, gpointer user_data)
{
    g_main_loop_quit(((Program *)user_data)->loop);
}

/* The first time in order, the second time at once. */
static gboolean on_signal(gpointer user_data)
{
    Program *program = user_data;

    if (program->stopping) {
        g_main_loop_quit(program->loop);
    } else {
        program->stopping = TRUE;
        whip_server_stop(program->server, on_stopped, program);
    }
    return G_SOURCE_CONTINUE;
}

/* What is done once a process, and would make the first caller wait. */
static gboolean prepare(const WhipEnvironment *environment, GError **error)
{
    NiceAgent *agent = nice_agent_new(NULL, NICE_COMPATIBILITY_RFC5245);

    nice_agent_add_stream(agent, 1);
    g_object_unref(agent);
    if (sluice_config_prepare(environment->config) == SLUICE_OK &&
        sluice_config_prepare(environment->data_config) == SLUICE_OK)
        return TRUE;
    g_set_error_literal(error, SLUICE_ERROR, SLUICE_ERROR_INTERNAL,
                        "OpenSSL or libsrtp refuses these settings");
    return FALSE;
}

static void serve(Program *program, const WhipEnvironment *environment)
{
    g_autofree char *url = whip_server_get_url(program->server);
    JsonBuilder *event = whip_event_begin("listening", NULL);
    GSource *source = whip_driver_source_new(environment->driver);

    whip_json_string(event, "url", url);
    whip_event_end(event);
    program->loop = g_main_loop_new(NULL, FALSE);
    g_unix_signal_add(SIGINT, on_signal, program);
    g_unix_signal_add(SIGTERM, on_signal, program);
    g_main_loop_run(program->loop);
    g_main_loop_unref(program->loop);
    g_source_destroy(source);
    g_source_unref(source);
}

static int run(const WhipOptions *options)
{
    WhipEnvironment environment = {.options = options};
    Program program = {0};
    GError *error = NULL;
    int status = 1;
    WhipCaptures *captures = whip_captures_open(options, &error);

    if (captures != NULL &&
        whip_options_make_configs(options, &environment.config, &environment.data_config, &error)) {
        whip_captures_attach(captures, environment.config);
        whip_captures_attach(captures, environment.data_config);
    }
    if (error == NULL && prepare(&environment, &error) &&
        (environment.driver = sluice_ice_driver_new(0, &error)) != NULL &&
        (program.server = whip_server_new(&environment, &error)) != NULL) {
        serve(&program, &environment);
        whip_server_free(program.server);
        whip_sctp_finish();
        status = 0;
    }
    g_clear_object(&environment.driver);
    sluice_config_unref(environment.config);
    sluice_config_unref(environment.data_config);
    if (captures != NULL && !whip_captures_close(captures, error == NULL ? &error : NULL))
        status = 1;
    if (error != NULL)
        g_printerr("whip-echo: %s\n", error->message);
    g_clear_error(&error);
    return status;
}

int main(int argc, char **argv)
{
    WhipOptions options = {0};
    int status = 2;

    if (whip_options_parse(&options, argc, argv)) {
        whip_events_init(options.json);
        status = run(&options);
    }
    whip_options_clear(&options);
    return status;
}
