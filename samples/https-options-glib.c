/* SPDX-License-Identifier: BSD-3-Clause */
#include <gio/gio.h>

#include "https-get.h"

static gboolean parse_url(Https *https, const char *url, GError **error)
{
    const GUriFlags flags = G_URI_FLAGS_ENCODED | G_URI_FLAGS_SCHEME_NORMALIZE;
    g_autoptr(GUri) uri = g_uri_parse(url, flags, error);
    if (!uri)
        return FALSE;
    const char *query = g_uri_get_query(uri), *host = g_uri_get_host(uri);
    https->host = g_strdup(host);
    https->port = g_uri_get_port(uri);
    https->target = g_strconcat(g_uri_get_path(uri), query ? "?" : NULL, query, NULL);
    if (host && *host && https->port > 0 && !g_uri_get_userinfo(uri) &&
        g_str_equal(g_uri_get_scheme(uri), "https"))
        return TRUE;
    g_set_error(error, G_URI_ERROR, G_URI_ERROR_FAILED,
                "'%s' is not of the form https://host:port/path", url);
    return FALSE;
}

static gboolean parse(Https *https, int *argc, char ***argv, GError **error)
{
    const GOptionEntry entries[] = {
        {"ca", 0, 0, G_OPTION_ARG_FILENAME, &https->ca,
         "Who may have signed the server's certificate", "FILE"},
        {"fingerprint", 0, 0, G_OPTION_ARG_STRING, &https->fingerprint, "That of the certificate",
         "'sha-256 ...'"},
        {"insecure", 0, 0, G_OPTION_ARG_NONE, &https->insecure, "Believe any server", NULL},
        {"alpn", 0, 0, G_OPTION_ARG_STRING, &https->alpn, "The protocol to offer", "http/1.1"},
        {"repeat", 0, 0, G_OPTION_ARG_INT, &https->repeat, "N times, resuming the session", "N"},
        {"verbose", 'v', 0, G_OPTION_ARG_NONE, &https->verbose, "Tell of the connections", NULL},
        G_OPTION_ENTRY_NULL};
    g_autoptr(GOptionContext) context = g_option_context_new("https://HOST[:PORT]/PATH");
    g_option_context_add_main_entries(context, entries, NULL);
    if (!g_option_context_parse(context, argc, argv, error))
        return FALSE;
    if (*argc == 2 && https->repeat > 0)
        return parse_url(https, (*argv)[1], error);
    g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED, "one URL is wanted, at least once");
    return FALSE;
}

int https_options(Https *https, int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    if (parse(https, &argc, &argv, &error))
        return 0;
    g_printerr("%s: %s (see --help)\n", *argv, error->message);
    return 2;
}
