/* SPDX-License-Identifier: BSD-3-Clause */
#include "sdp-text.h"
#include "refusal.h"

#include <string.h>

#define MAX_LINE 4096

/* ---- before the parser ---- */

/* m=<media> <port>[/<ports>] <proto> <fmt> ...: the parser takes a missing or a huge port for some other one. */
static gboolean check_m_line(const char *line, guint number, GError **error)
{
    g_auto(GStrv) words = g_strsplit(line + 2, " ", 5);
    guint n = g_strv_length(words);
    guint64 port;

    if (n < 4)
        return whip_refuse(error, 400,
                           "Line %u: an m-line needs media, port, protocol and formats.", number);
    g_auto(GStrv) ports = g_strsplit(words[1], "/", 2);
    if (ports[0] == NULL || !whip_sdp_number(ports[0], 65535, &port)) {
        g_autofree char *quoted = whip_quote(words[1]);
        return whip_refuse(error, 400, "Line %u: %s is no port.", number, quoted);
    }
    if (ports[1] != NULL && !g_str_equal(ports[1], "1"))
        return whip_refuse(error, 400, "Line %u: an m-line of WebRTC has one port, not several.",
                           number);
    return TRUE;
}

/* The lines that must be there, in their order (RFC 8866 section 5): v, o, s, ..., t, ..., m. */
typedef struct {
    guint number, n_media;
    gboolean has_time;
} Progress;

static gboolean check_order(Progress *p, const char *line, GError **error)
{
    const char *const first[] = {"v=0", "o=", "s="};

    if (p->number <= G_N_ELEMENTS(first) && !g_str_has_prefix(line, first[p->number - 1]))
        return whip_refuse(error, 400, "Line %u must begin with %s.", p->number,
                           first[p->number - 1]);
    if (p->number == 1 && line[3] != '\0')
        return whip_refuse(error, 400, "The version of SDP must be 0.");
    if (line[0] == 't')
        p->has_time = TRUE;
    if (line[0] == 'm' && !p->has_time)
        return whip_refuse(error, 400, "There is no t-line before the first m-line.");
    return TRUE;
}

static gboolean check_line(Progress *p, const char *line, gboolean fragment, GError **error)
{
    p->number++;
    if (strlen(line) > MAX_LINE)
        return whip_refuse(error, 400, "Line %u is longer than %d bytes.", p->number, MAX_LINE);
    if (!g_ascii_islower(line[0]) || line[1] != '=') {
        g_autofree char *quoted = whip_quote(line);
        return whip_refuse(error, 400, "Line %u is not of the form x=...: %s.", p->number, quoted);
    }
    for (const char *c = line; *c != '\0'; c++)
        if (g_ascii_iscntrl(*c) && *c != '\t')
            return whip_refuse(error, 400, "Line %u has a control character in it.", p->number);
    if (!fragment && !check_order(p, line, error))
        return FALSE;
    if (line[0] != 'm')
        return TRUE;
    if (++p->n_media > WHIP_SDP_MAX_MEDIA)
        return whip_refuse(error, 400, "There are more than %d m-lines.", WHIP_SDP_MAX_MEDIA);
    return check_m_line(line, p->number, error);
}

static gboolean check_text(const char *text, gsize len, gboolean fragment, GError **error)
{
    Progress progress = {0};

    if (len == 0)
        return whip_refuse(error, 400, "The body is empty.");
    if (memchr(text, '\0', len) != NULL || !g_utf8_validate(text, (gssize)len, NULL))
        return whip_refuse(error, 400, "The body is no UTF-8 text.");
    g_autofree char *copy = g_strndup(text, len);
    g_auto(GStrv) lines = g_strsplit(copy, "\n", WHIP_SDP_MAX_LINES + 1);
    if (g_strv_length(lines) > WHIP_SDP_MAX_LINES)
        return whip_refuse(error, 400, "There are more than %d lines.", WHIP_SDP_MAX_LINES);
    for (char **line = lines; *line != NULL; line++) {
        gsize n = strlen(*line);
        if (n > 0 && (*line)[n - 1] == '\r')
            (*line)[--n] = '\0';
        if (n == 0 && line[1] == NULL)
            break; /* behind the last line's end */
        if (!check_line(&progress, *line, fragment, error))
            return FALSE;
    }
    if (!fragment && progress.n_media == 0)
        return whip_refuse(error, 400, "There is no m-line: nothing is offered.");
    return TRUE;
}

GstSDPMessage *whip_sdp_parse(const char *text, gsize len, gboolean fragment, GError **error)
{
    GstSDPMessage *sdp;

    if (!check_text(text, len, fragment, error))
        return NULL;
    if (gst_sdp_message_new(&sdp) != GST_SDP_OK)
        g_error("out of memory");
    if (gst_sdp_message_parse_buffer((const guint8 *)text, (guint)len, sdp) != GST_SDP_OK) {
        gst_sdp_message_free(sdp);
        whip_refuse(error, 400, "The body cannot be parsed as SDP.");
        return NULL;
    }
    return sdp;
}

/* ---- behind it ---- */

gboolean whip_sdp_number(const char *text, guint64 max, guint64 *out)
{
    /* No sign, no white space: what strtoull() would take. */
    return text != NULL && g_ascii_string_to_unsigned(text, 10, 0, max, out, NULL);
}

gboolean whip_sdp_token(const char *text, gsize max)
{
    gsize n = text != NULL ? strlen(text) : 0;

    if (n == 0 || n > max)
        return FALSE;
    for (const char *c = text; *c != '\0'; c++)
        if (!g_ascii_isalnum(*c) && strchr("!#$%&'*+-.^_`{|}~", *c) == NULL)
            return FALSE;
    return TRUE;
}

static gboolean ice_chars(const char *text, gsize min, gsize max)
{
    gsize n = text != NULL ? strlen(text) : 0;

    if (n < min || n > max)
        return FALSE;
    for (const char *c = text; *c != '\0'; c++)
        if (!g_ascii_isalnum(*c) && *c != '+' && *c != '/')
            return FALSE;
    return TRUE;
}

gboolean whip_sdp_ufrag(const char *text) { return ice_chars(text, 4, 256); }

gboolean whip_sdp_pwd(const char *text) { return ice_chars(text, 22, 256); }

const char *whip_sdp_value(const GstSDPMessage *sdp, const GstSDPMedia *media, const char *name)
{
    const char *value = media != NULL ? gst_sdp_media_get_attribute_val(media, name) : NULL;

    return value != NULL ? value : gst_sdp_message_get_attribute_val(sdp, name);
}

gboolean whip_sdp_has(const GstSDPMedia *media, const char *name)
{
    for (guint i = 0; i < gst_sdp_media_attributes_len(media); i++)
        if (g_strcmp0(gst_sdp_media_get_attribute(media, i)->key, name) == 0)
            return TRUE;
    return FALSE;
}
