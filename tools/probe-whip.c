/* SPDX-License-Identifier: BSD-3-Clause */

/* The subcommand whip, as far as it can be read without the libraries that it needs. */

#include "probe-capture.h"
#include "probe-whip.h"

#include <string.h>

#define COUNT_MAX 10000

static gboolean fail(GError **error, const char *message)
{
    g_set_error_literal(error, g_quark_from_static_string("rtcprobe"), PROBE_EXIT_USAGE, message);
    return FALSE;
}

/* The words of the command line, until they are checked. */
static char *media;

void probe_whip_add_options(GOptionContext *context, ProbeOptions *o)
{
    const GOptionEntry entries[] = {
        {"count", 0, 0, G_OPTION_ARG_INT, &o->count, "So many clients at a time, 1-10000 (1)", "N"},
        {"rate", 0, 0, G_OPTION_ARG_DOUBLE, &o->rate, "Begin so many of them a second (20)", "R"},
        {"duration", 0, 0, G_OPTION_ARG_INT, &o->seconds,
         "Send for so long once connected, then end (2)", "SECONDS"},
        {"together", 0, 0, G_OPTION_ARG_NONE, &o->together,
         "Count the duration from when the last of them is connected", NULL},
        {"interval", 0, 0, G_OPTION_ARG_INT, &o->interval,
         "Send one RTP packet of each kind in so long, 5-10000 (20)", "MS"},
        {"media", 0, 0, G_OPTION_ARG_STRING, &media, "What is offered (audio,video,data)",
         "KIND,KIND"},
        {"ice-bind", 0, 0, G_OPTION_ARG_STRING, &o->ice_bind,
         "The one address for ICE (all; for a server on loopback, that one)", "ADDRESS"},
        {"stun", 0, 0, G_OPTION_ARG_STRING, &o->stun, "STUN server", "HOST[:PORT]"},
        {"token", 0, 0, G_OPTION_ARG_STRING, &o->token, "Bearer token for the server", "TOKEN"},
        {NULL, 0, 0, G_OPTION_ARG_NONE, NULL, NULL, NULL}};
    GOptionGroup *group =
        g_option_group_new("whip", "Options of whip:", "Show the options of whip", NULL, NULL);

    o->count = 1;
    o->rate = 20;
    o->interval = 20;
    g_option_group_add_entries(group, entries);
    g_option_context_add_group(context, group);
}

/* 1 << WhipLine */
static gboolean parse_media(ProbeOptions *o, GError **error)
{
    static const char *const kinds[] = {"audio", "video", "data"};
    char **names = g_strsplit(media != NULL ? media : "audio,video,data", ",", -1);

    g_clear_pointer(&media, g_free);
    o->lines = 0;
    for (char **name = names; *name != NULL; name++) {
        guint i = 0;

        while (i < G_N_ELEMENTS(kinds) && strcmp(*name, kinds[i]) != 0)
            i++;
        if (i == G_N_ELEMENTS(kinds)) {
            g_strfreev(names);
            return fail(error, "--media: audio, video and data are known");
        }
        o->lines |= 1u << i;
    }
    g_strfreev(names);
    return o->lines != 0 || fail(error, "--media needs at least one kind");
}

/* A server on loopback is reached from there. */
static void choose_address(ProbeOptions *o, GUri *url)
{
    const char *host = g_uri_get_host(url);
    GInetAddress *address = g_inet_address_new_from_string(host);

    if (o->ice_bind == NULL && address != NULL && g_inet_address_get_is_loopback(address))
        o->ice_bind = g_strdup(host);
    else if (o->ice_bind == NULL && g_ascii_strcasecmp(host, "localhost") == 0)
        o->ice_bind = g_strdup("127.0.0.1");
    g_clear_object(&address);
}

static gboolean check_url(ProbeOptions *o, GError **error)
{
    GUri *url = g_uri_parse(o->url, G_URI_FLAGS_NONE, NULL);
    const char *scheme = url != NULL ? g_uri_get_scheme(url) : "";
    gboolean ok = (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0) &&
                  g_uri_get_host(url) != NULL && g_uri_get_host(url)[0] != '\0';

    if (ok)
        choose_address(o, url);
    else
        fail(error, "whip takes one argument, http://HOST[:PORT]/PATH or https://...");
    g_clear_pointer(&url, g_uri_unref);
    return ok;
}

static gboolean check_address(const ProbeOptions *o, GError **error)
{
    GInetAddress *address =
        o->ice_bind != NULL ? g_inet_address_new_from_string(o->ice_bind) : NULL;
    gboolean ok = o->ice_bind == NULL || address != NULL;

    g_clear_object(&address);
    return ok || fail(error, "--ice-bind takes an IP address");
}

gboolean probe_whip_check(ProbeOptions *o, GError **error)
{
    if (o->echo || o->export_label != NULL || o->n_fingerprints > 0 || o->insecure || o->no_cookie)
        return fail(error, "--echo, --export, --fingerprint, --insecure and --no-cookie are not "
                           "for whip: its peer is verified by the answer's fingerprint");
    if (o->count < 1 || o->count > COUNT_MAX)
        return fail(error, "--count: 1 to 10000 is expected");
    if (!(o->rate > 0 && o->rate <= COUNT_MAX))
        return fail(error, "--rate: more than 0, up to 10000, is expected");
    if (o->together && (o->send_rtp > 0 || o->send_data > 0))
        return fail(error, "--together is for --duration, not for --send");
    if (o->interval < 5 || o->interval > 10000)
        return fail(error, "--interval: 5 to 10000 is expected");
    return check_url(o, error) && check_address(o, error) && parse_media(o, error);
}

ProbeExit probe_whip_run(const ProbeOptions *options, ProbeReport *report)
{
    ProbeExit status = PROBE_EXIT_FAILURE;
    SluiceConfig *config;
    ProbeCapture *capture;

    whip_report_begin(report, options);
    config = probe_config_new(options, report);
    if (config == NULL)
        return PROBE_EXIT_FAILURE;
    capture = probe_capture_new(options, report, config);
    if (capture != NULL)
        status = whip_run(options, report, config);
    sluice_config_unref(config);
    probe_capture_free(capture);
    return status;
}
