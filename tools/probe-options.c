/* SPDX-License-Identifier: BSD-3-Clause */

/* The command line: what GOption reads is checked here once, so that nothing behind it has to. */

#include "probe.h"
#ifdef HAVE_WHIP
#include "probe-whip.h"
#endif

#include <openssl/crypto.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT_MAX 100000

/* What GOption fills, before it is checked. */
typedef struct {
    char **fingerprints, **sends, **rest;
    char *profiles, *role, *export, *bind;
    gboolean version;
} Raw;

static const char summary[] =
    "Commands:\n"
    "  connect udp:HOST:PORT     Connect to a DTLS-SRTP peer over plain UDP\n"
    "  listen udp:HOST:PORT      Wait for one peer; port 0 takes a free one and says which\n"
    "  certificate               Make a key and a certificate and print its fingerprints\n"
    "  whip URL                  Connect to a server of WHIP (RFC 9725) with ICE";

static const char exit_codes[] =
    "The peer is verified by --fingerprint. Without it rtcprobe shows the peer's certificate and "
    "stops\n"
    "(exit code 5), unless --insecure says that any peer will do.\n"
    "\n"
    "Exit codes:\n"
    "  0  connected, verified and closed (certificate: made)\n"
    "  2  wrong usage\n"
    "  3  timeout: the handshake was not finished in time\n"
    "  4  fingerprint mismatch: the peer is somebody else\n"
    "  5  not verified: no fingerprint was given\n"
    "  6  no common SRTP profile\n"
    "  7  an alert, ours or the peer's, ended it\n"
    "  8  any other failure\n"
    "  9  with --require-replies: not everything sent by --send came back";

G_GNUC_PRINTF(2, 3)
static gboolean fail(GError **error, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    char *message = g_strdup_vprintf(format, args);
    va_end(args);
    g_set_error_literal(error, g_quark_from_static_string("rtcprobe"), PROBE_EXIT_USAGE, message);
    g_free(message);
    return FALSE;
}

static gboolean parse_address(const char *text, guint min_port, ProbeAddress *out, GError **error)
{
    const char *host = text + 4, *colon, *end;
    guint64 port = 0;

    if (!g_str_has_prefix(text, "udp:"))
        return fail(error, "'%s' is no address: udp:HOST:PORT is expected", text);
    colon = strrchr(host, ':');
    if (colon == NULL || colon == host)
        return fail(error, "'%s' has no port: udp:HOST:PORT is expected", text);
    end = colon;
    if (host[0] == '[' && end[-1] == ']') {
        host++;
        end--;
    } else if (memchr(host, ':', (size_t)(end - host)) != NULL) {
        return fail(error, "'%s': an IPv6 address goes in brackets, udp:[::1]:5000", text);
    }
    if (end <= host || !g_ascii_string_to_unsigned(colon + 1, 10, min_port, 65535, &port, NULL))
        return fail(error, "'%s': the port is a number from %u to 65535", text, min_port);
    out->host = g_strndup(host, (gsize)(end - host));
    out->port = (guint16)port;
    return TRUE;
}

static gboolean parse_fingerprints(ProbeOptions *options, char **texts, GError **error)
{
    for (size_t i = 0; texts != NULL && texts[i] != NULL; i++) {
        SluiceStatus status;

        if (i == SLUICE_FINGERPRINTS_MAX)
            return fail(error, "more than %d fingerprints", SLUICE_FINGERPRINTS_MAX);
        status = sluice_fingerprint_parse(texts[i], strlen(texts[i]), &options->fingerprints[i]);
        if (status == SLUICE_UNSUPPORTED)
            return fail(error, "fingerprint '%s': unknown hash function", texts[i]);
        if (status != SLUICE_OK)
            return fail(error, "'%s' is no fingerprint: 'sha-256 AB:CD:...' is expected", texts[i]);
        if (options->fingerprints[i].hash == SLUICE_HASH_SHA1)
            return fail(error, "a sha-1 fingerprint verifies nobody (RFC 8122 section 5)");
        options->n_fingerprints = i + 1;
    }
    return TRUE;
}

static gboolean parse_profiles(ProbeOptions *options, const char *text, GError **error)
{
    char **names;
    gboolean ok = TRUE;

    if (text == NULL)
        return TRUE;
    options->profiles_given = TRUE;
    if (g_ascii_strcasecmp(text, "none") == 0)
        return TRUE;
    names = g_strsplit(text, ",", -1);
    if (names[0] == NULL)
        ok = fail(error, "--profiles needs names, or none for data only");
    for (size_t i = 0; ok && names[i] != NULL; i++) {
        SluiceSrtpProfile profile = SLUICE_SRTP_NONE;

        if (sluice_srtp_profile_parse(names[i], &profile) != SLUICE_OK ||
            profile == SLUICE_SRTP_NONE)
            ok = fail(error,
                      "unknown SRTP profile '%s': AEAD_AES_128_GCM, AEAD_AES_256_GCM, "
                      "AES128_CM_SHA1_80 and AES128_CM_SHA1_32 are known",
                      names[i]);
        for (size_t k = 0; ok && k < options->n_profiles; k++) {
            if (options->profiles[k] == profile)
                ok = fail(error, "SRTP profile '%s' is there twice", names[i]);
        }
        if (ok)
            options->profiles[options->n_profiles++] = profile;
    }
    g_strfreev(names);
    return ok;
}

static gboolean parse_sends(ProbeOptions *options, char **texts, GError **error)
{
    for (size_t i = 0; texts != NULL && texts[i] != NULL; i++) {
        const char *colon = strchr(texts[i], ':');
        guint64 count = 0;

        if (colon == NULL || !g_ascii_string_to_unsigned(colon + 1, 10, 1, COUNT_MAX, &count, NULL))
            return fail(error, "--send %s: data:COUNT or rtp:COUNT, 1 to %d", texts[i], COUNT_MAX);
        if (g_str_has_prefix(texts[i], "data:"))
            options->send_data = (guint)count;
        else if (g_str_has_prefix(texts[i], "rtp:"))
            options->send_rtp = (guint)count;
        else
            return fail(error, "--send %s: data:COUNT or rtp:COUNT is expected", texts[i]);
    }
    return TRUE;
}

static gboolean parse_export(ProbeOptions *options, const char *text, GError **error)
{
    const char *colon = text != NULL ? strrchr(text, ':') : NULL;
    guint64 length = 0;

    if (text == NULL)
        return TRUE;
    if (colon == NULL || colon == text ||
        !g_ascii_string_to_unsigned(colon + 1, 10, 1, 8192, &length, NULL))
        return fail(error, "--export %s: LABEL:LENGTH is expected, a length of 1 to 8192", text);
    options->export_label = g_strndup(text, (gsize)(colon - text));
    options->export_length = (size_t)length;
    return TRUE;
}

static gboolean parse_role(ProbeOptions *options, const char *text, GError **error)
{
    if (text == NULL)
        options->role = options->command == PROBE_LISTEN ? SLUICE_ROLE_SERVER
                        : options->command == PROBE_WHIP ? SLUICE_ROLE_AUTO
                                                         : SLUICE_ROLE_CLIENT;
    else if (strcmp(text, "client") == 0)
        options->role = SLUICE_ROLE_CLIENT;
    else if (strcmp(text, "server") == 0)
        options->role = SLUICE_ROLE_SERVER;
    else if (strcmp(text, "auto") == 0)
        options->role = SLUICE_ROLE_AUTO;
    else
        return fail(error, "--role %s: client, server or auto is expected", text);
    return TRUE;
}

static gboolean check_range(const char *name, int value, int min, int max, GError **error)
{
    if (value == -1 || (value >= min && value <= max))
        return TRUE;
    return fail(error, "%s %d: %d to %d is expected", name, value, min, max);
}

static gboolean check_together(const ProbeOptions *options, GError **error)
{
    if (options->key_file != NULL && options->certificate_file == NULL)
        return fail(error, "--key needs --certificate");
    if (options->insecure && options->n_fingerprints > 0)
        return fail(error, "--insecure and --fingerprint exclude each other");
    if (options->show_keys && options->export_label == NULL)
        return fail(error, "--show-keys needs --export");
    if (options->send_rtp > 0 && options->profiles_given && options->n_profiles == 0)
        return fail(error, "--send rtp needs an SRTP profile");
    if (options->require_replies && options->send_data == 0 && options->send_rtp == 0)
        return fail(error, "--require-replies needs --send");
    return TRUE;
}

static gboolean parse_url(ProbeOptions *options, char **rest, guint n, GError **error)
{
#ifdef HAVE_WHIP
    if (n != 2)
        return fail(error, "whip takes one argument, the URL of the server");
    options->url = g_strdup(rest[1]);
    return TRUE;
#else
    (void)options, (void)rest, (void)n;
    return fail(error, "this rtcprobe was built without whip: it needs libsoup 3, GStreamer's SDP "
                       "library and usrsctp");
#endif
}

static gboolean parse_command(ProbeOptions *options, char **rest, GError **error)
{
    guint n = rest != NULL ? g_strv_length(rest) : 0;

    if (n == 0)
        return fail(error, "a command is needed: connect, listen, certificate or whip");
    if (strcmp(rest[0], "connect") == 0)
        options->command = PROBE_CONNECT;
    else if (strcmp(rest[0], "listen") == 0)
        options->command = PROBE_LISTEN;
    else if (strcmp(rest[0], "certificate") == 0)
        options->command = PROBE_CERTIFICATE;
    else if (strcmp(rest[0], "whip") == 0)
        options->command = PROBE_WHIP;
    else
        return fail(error, "unknown command '%s': connect, listen, certificate or whip", rest[0]);
    if (options->command == PROBE_WHIP)
        return parse_url(options, rest, n, error);
    if (options->command == PROBE_CERTIFICATE) {
        if (n > 1)
            return fail(error, "certificate takes no argument");
        return TRUE;
    }
    if (n != 2)
        return fail(error, "%s takes one argument, udp:HOST:PORT", rest[0]);
    return parse_address(rest[1], options->command == PROBE_LISTEN ? 0 : 1, &options->address,
                         error);
}

static gboolean check_whip(ProbeOptions *options, GError **error)
{
#ifdef HAVE_WHIP
    return options->command != PROBE_WHIP || probe_whip_check(options, error);
#else
    (void)options, (void)error;
    return TRUE;
#endif
}

static gboolean check(ProbeOptions *options, const Raw *raw, GError **error)
{
    if (!parse_command(options, raw->rest, error) ||
        !parse_fingerprints(options, raw->fingerprints, error) ||
        !parse_profiles(options, raw->profiles, error) ||
        !parse_sends(options, raw->sends, error) || !parse_export(options, raw->export, error) ||
        !parse_role(options, raw->role, error))
        return FALSE;
    if (raw->bind != NULL) {
        if (options->command != PROBE_CONNECT)
            return fail(error, "--bind is for connect");
        if (!parse_address(raw->bind, 0, &options->bind, error))
            return FALSE;
    }
    return check_range("--mtu", options->mtu, 256, 4096, error) &&
           check_range("--first-timeout", options->first_timeout, 20, 10000, error) &&
           check_range("--deadline", options->deadline, 100, 600000, error) &&
           check_range("--seconds", options->seconds, 0, 86400, error) &&
           check_together(options, error) && check_whip(options, error);
}

static gboolean read_command_line(ProbeOptions *o, Raw *raw, int argc, char **argv, GError **error)
{
    const GOptionEntry entries[] = {
        {"json", 0, 0, G_OPTION_ARG_NONE, &o->json, "Print one JSON object a line and event", NULL},
        {"fingerprint", 0, 0, G_OPTION_ARG_STRING_ARRAY, &raw->fingerprints,
         "The peer's fingerprint; repeatable, one must match", "'sha-256 AB:CD...'"},
        {"insecure", 0, 0, G_OPTION_ARG_NONE, &o->insecure,
         "Accept any peer, without a fingerprint", NULL},
        {"certificate", 0, 0, G_OPTION_ARG_FILENAME, &o->certificate_file,
         "Our certificate, PEM (default: a new one)", "FILE"},
        {"key", 0, 0, G_OPTION_ARG_FILENAME, &o->key_file,
         "Its private key, PEM (default: in the same file)", "FILE"},
        {"rsa", 0, 0, G_OPTION_ARG_NONE, &o->rsa, "Make an RSA key of 2048 bits, not P-256", NULL},
        {"role", 0, 0, G_OPTION_ARG_STRING, &raw->role,
         "DTLS role (connect: client, listen: server)", "client|server|auto"},
        {"bind", 0, 0, G_OPTION_ARG_STRING, &raw->bind, "connect: our own address",
         "udp:HOST:PORT"},
        {"profiles", 0, 0, G_OPTION_ARG_STRING, &raw->profiles,
         "SRTP profiles by preference, or none", "NAME,NAME"},
        {"mtu", 0, 0, G_OPTION_ARG_INT, &o->mtu, "Largest DTLS datagram, 256-4096 (1200)", "BYTES"},
        {"first-timeout", 0, 0, G_OPTION_ARG_INT, &o->first_timeout,
         "First retransmission after so long, 20-10000 (100)", "MS"},
        {"deadline", 0, 0, G_OPTION_ARG_INT, &o->deadline,
         "Give the handshake up after so long, 100-600000 (30000)", "MS"},
        {"no-cookie", 0, 0, G_OPTION_ARG_NONE, &o->no_cookie,
         "As server take the peer's address as valid", NULL},
        {"echo", 0, 0, G_OPTION_ARG_NONE, &o->echo, "Send RTP, RTCP and data back to the sender",
         NULL},
        {"send", 0, 0, G_OPTION_ARG_STRING_ARRAY, &raw->sends,
         "Send so many once connected and count what comes back", "data:COUNT|rtp:COUNT"},
        {"require-replies", 0, 0, G_OPTION_ARG_NONE, &o->require_replies,
         "Exit code 9 unless all of it comes back", NULL},
        {"seconds", 0, 0, G_OPTION_ARG_INT, &o->seconds,
         "Close so long after the connection stands", "N"},
        {"export", 0, 0, G_OPTION_ARG_STRING, &raw->export,
         "Export keying material (RFC 5705), print its SHA-256", "LABEL:LENGTH"},
        {"show-keys", 0, 0, G_OPTION_ARG_NONE, &o->show_keys, "Print its bytes too", NULL},
        {"keylog", 0, 0, G_OPTION_ARG_FILENAME, &o->keylog_file,
         "Append the secrets, for Wireshark", "FILE"},
        {"pcapng", 0, 0, G_OPTION_ARG_FILENAME, &o->pcapng_file,
         "Write what is sent and received, and in clear, for Wireshark", "FILE"},
        {"version", 0, 0, G_OPTION_ARG_NONE, &raw->version, "Print the version", NULL},
        {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_STRING_ARRAY, &raw->rest, NULL, NULL},
        {NULL, 0, 0, G_OPTION_ARG_NONE, NULL, NULL, NULL}};
    GOptionContext *context = g_option_context_new("COMMAND [udp:HOST:PORT|URL]");
    gboolean ok;

    g_option_context_set_summary(context, summary);
    g_option_context_set_description(context, exit_codes);
    g_option_context_add_main_entries(context, entries, NULL);
#ifdef HAVE_WHIP
    probe_whip_add_options(context, o);
#endif
    ok = g_option_context_parse(context, &argc, &argv, error);
    g_option_context_free(context);
    return ok;
}

gboolean probe_options_parse(ProbeOptions *options, int argc, char **argv, GError **error)
{
    Raw raw = {0};
    gboolean ok;

    memset(options, 0, sizeof *options);
    options->mtu = options->first_timeout = options->deadline = options->seconds = -1;
    ok = read_command_line(options, &raw, argc, argv, error);
    if (ok && raw.version) {
        printf("rtcprobe %d.%d.%d (libsluice %s, %s)\n", SLUICE_VERSION_MAJOR, SLUICE_VERSION_MINOR,
               SLUICE_VERSION_MICRO, sluice_version_string(), OpenSSL_version(OPENSSL_VERSION));
        exit(PROBE_EXIT_OK);
    }
    ok = ok && check(options, &raw, error);
    g_strfreev(raw.fingerprints);
    g_strfreev(raw.sends);
    g_strfreev(raw.rest);
    g_free(raw.profiles);
    g_free(raw.role);
    g_free(raw.export);
    g_free(raw.bind);
    return ok;
}

void probe_options_clear(ProbeOptions *options)
{
    g_free(options->address.host);
    g_free(options->bind.host);
    g_free(options->certificate_file);
    g_free(options->key_file);
    g_free(options->keylog_file);
    g_free(options->pcapng_file);
    g_free(options->url);
    g_free(options->ice_bind);
    g_free(options->stun);
    g_free(options->token);
    g_free(options->export_label);
    memset(options, 0, sizeof *options);
}
