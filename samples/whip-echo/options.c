/* SPDX-License-Identifier: BSD-3-Clause */
#include "options.h"

#include <sluice-glib/sluice-glib.h>

#include <gio/gio.h>
#include <locale.h>
#include <string.h>

/* SCTP cannot make its packets smaller than 524 bytes; DTLS adds 37. */
#define SCTP_DATAGRAM ((gsize)600)

static const char about[] =
    "Sends a browser back to itself: audio, video and data channels, over ICE and DTLS-SRTP.\n"
    "It serves a page at / to try it with, and WHIP (RFC 9725) at /whip for any other client.";

static const char more[] =
    "The page and the signalling are plain HTTP, which browsers trust on this machine alone: bind "
    "another\n"
    "address only behind something that speaks HTTPS.\n"
    "\n"
    "  POST /whip         an offer (application/sdp); 201, the answer, Location and ETag\n"
    "  PATCH Location     candidates, or an ICE restart (application/trickle-ice-sdpfrag)\n"
    "  POST /offer        the other way round: 201 and an offer; PATCH Location with the answer\n"
    "  DELETE Location    the end\n"
    "  GET /stats         figures of all sessions; GET /stats/ID of one\n"
    "\n"
    "Exit status: 0 after Ctrl-C, 1 when it could not begin, 2 for wrong usage.";

static gboolean fail(const char *program, const char *problem)
{
    g_printerr("%s: %s (see --help)\n", program, problem);
    return FALSE;
}

static gboolean parse_profiles(WhipOptions *o, const char *program)
{
    g_auto(GStrv) names = g_strsplit(o->profiles != NULL ? o->profiles : "", ",", -1);

    for (char **name = names; *name != NULL; name++) {
        SluiceSrtpProfile profile;
        if (o->n_profiles == G_N_ELEMENTS(o->profile_list) ||
            sluice_srtp_profile_parse(g_strstrip(*name), &profile) != SLUICE_OK)
            return fail(program, "--profiles must be a list of AEAD_AES_128_GCM, AEAD_AES_256_GCM, "
                                 "AES128_CM_SHA1_80, AES128_CM_SHA1_32");
        for (gsize i = 0; i < o->n_profiles; i++)
            if (o->profile_list[i] == profile)
                return fail(program, "--profiles names one twice");
        o->profile_list[o->n_profiles++] = profile;
    }
    return TRUE;
}

static gboolean parse_role(WhipOptions *o, const char *program)
{
    if (o->role == NULL || g_str_equal(o->role, "auto"))
        o->dtls_role = SLUICE_ROLE_AUTO;
    else if (g_str_equal(o->role, "active"))
        o->dtls_role = SLUICE_ROLE_CLIENT;
    else if (g_str_equal(o->role, "passive"))
        o->dtls_role = SLUICE_ROLE_SERVER;
    else
        return fail(program, "--role must be active, passive or auto");
    return TRUE;
}

static gboolean check(WhipOptions *o, const char *program)
{
    g_autoptr(GInetAddress) bind = g_inet_address_new_from_string(o->bind);
    g_autoptr(GInetAddress) ice = g_inet_address_new_from_string(o->ice_bind ? o->ice_bind : "::1");

    if (bind == NULL)
        return fail(program, "--bind needs an IP address");
    if (ice == NULL)
        return fail(program, "--ice-bind needs an IP address");
    if (o->port < 0 || o->port > 65535)
        return fail(program, "--port must be 0 to 65535");
    if (o->mtu < 256 || o->mtu > 4096)
        return fail(program, "--mtu must be 256 to 4096");
    if (o->max_sessions < 1 || o->max_sessions > 100000)
        return fail(program, "--max-sessions must be 1 to 100000");
    o->loopback = g_inet_address_get_is_loopback(bind);
    return parse_role(o, program) && parse_profiles(o, program);
}

gboolean whip_options_parse(WhipOptions *o, int argc, char **argv)
{
    const GOptionEntry entries[] = {
        {"port", 'p', 0, G_OPTION_ARG_INT, &o->port,
         "TCP port of HTTP, 8080 by default; 0: any that is free", "PORT"},
        {"bind", 0, 0, G_OPTION_ARG_STRING, &o->bind, "Address of HTTP, 127.0.0.1 by default",
         "ADDRESS"},
        {"ice-bind", 0, 0, G_OPTION_ARG_STRING, &o->ice_bind,
         "The one address for media; by default every one of this machine", "ADDRESS"},
        {"stun", 0, 0, G_OPTION_ARG_STRING, &o->stun,
         "STUN server that tells our address beyond a NAT", "HOST[:PORT]"},
        {"certificate", 0, 0, G_OPTION_ARG_FILENAME, &o->certificate,
         "Certificate and key (PEM, one file); by default a new one each time", "FILE"},
        {"profiles", 0, 0, G_OPTION_ARG_STRING, &o->profiles,
         "SRTP profiles, the most wanted first", "LIST"},
        {"mtu", 0, 0, G_OPTION_ARG_INT, &o->mtu,
         "Largest datagram of the handshake and of data, 1200 by default", "BYTES"},
        {"lite", 0, 0, G_OPTION_ARG_NONE, &o->lite, "ICE-lite: answer checks, make none", NULL},
        {"role", 0, 0, G_OPTION_ARG_STRING, &o->role,
         "DTLS role where the offer leaves a choice; auto (default) is passive",
         "active|passive|auto"},
        {"keylog", 0, 0, G_OPTION_ARG_FILENAME, &o->keylog,
         "Add the DTLS secrets to a file, for Wireshark. Who has it can read the calls", "FILE"},
        {"pcapng", 0, 0, G_OPTION_ARG_FILENAME, &o->pcapng,
         "Write all calls to a file that Wireshark opens decrypted. Who has it can hear and see "
         "them",
         "FILE"},
        {"max-sessions", 0, 0, G_OPTION_ARG_INT, &o->max_sessions,
         "How many at a time, 64 by default", "N"},
        {"json", 0, 0, G_OPTION_ARG_NONE, &o->json, "Print each event as a line of JSON", NULL},
        G_OPTION_ENTRY_NULL};
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);
    g_autoptr(GError) error = NULL;

    setlocale(LC_CTYPE, ""); /* for the help text; numbers stay as they are */
    o->port = 8080;
    o->mtu = 1200;
    o->max_sessions = 64;
    g_option_context_add_main_entries(context, entries, NULL);
    g_option_context_set_summary(context, about);
    g_option_context_set_description(context, more);
    if (!g_option_context_parse(context, &argc, &argv, &error))
        return fail(argv[0], error->message);
    if (argc > 1)
        return fail(argv[0], "there is an argument too many");
    if (o->bind == NULL)
        o->bind = g_strdup("127.0.0.1");
    return check(o, argv[0]);
}

void whip_options_clear(WhipOptions *o)
{
    g_free(o->bind);
    g_free(o->ice_bind);
    g_free(o->stun);
    g_free(o->certificate);
    g_free(o->profiles);
    g_free(o->role);
    g_free(o->keylog);
    g_free(o->pcapng);
}

/* ---- the config ---- */

static SluiceCertificate *load_certificate(const char *path, GError **error)
{
    g_autofree char *pem = NULL;
    gsize len;

    if (!g_file_get_contents(path, &pem, &len, error))
        return NULL;
    SluiceCertificate *certificate = sluice_certificate_new_from_pem(pem, pem, error);
    memset(pem, 0, len); /* the key is in it; what the allocator does with it later is not ours */
    if (certificate == NULL)
        g_prefix_error(error, "%s: ", path);
    return certificate;
}

static SluiceConfig *make_config(const WhipOptions *o, SluiceCertificate *certificate,
                                 gboolean with_srtp)
{
    SluiceConfig *config = sluice_config_new(certificate);

    if (config == NULL)
        g_error("out of memory");
    if (o->n_profiles > 0 || !with_srtp)
        sluice_config_set_srtp_profiles(config, o->profile_list, with_srtp ? o->n_profiles : 0);
    sluice_config_set_handshake_mtu(config, (gsize)o->mtu);
    sluice_config_set_datagram_limit(config, MAX((gsize)o->mtu, SCTP_DATAGRAM));
    return config;
}

gboolean whip_options_make_configs(const WhipOptions *o, SluiceConfig **config,
                                   SluiceConfig **data_config, GError **error)
{
    g_autoptr(SluiceCertificate) certificate =
        o->certificate != NULL ? load_certificate(o->certificate, error)
                               : sluice_certificate_new(SLUICE_KEY_ECDSA_P256, error);

    if (certificate == NULL)
        return FALSE;
    *config = make_config(o, certificate, TRUE);
    *data_config = make_config(o, certificate, FALSE);
    return TRUE;
}
