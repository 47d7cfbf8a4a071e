/* SPDX-License-Identifier: BSD-3-Clause */
#include "refusal.h"

#include <string.h>

#define QUOTE_MAX 60

G_DEFINE_QUARK(whip - refusal, whip_refusal)

gboolean whip_refuse(GError **error, guint status, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    if (error != NULL)
        *error = g_error_new_valist(WHIP_REFUSAL, (gint)status, format, arguments);
    va_end(arguments);
    return FALSE;
}

char *whip_quote(const char *text)
{
    g_autofree char *cut = g_strndup(text, QUOTE_MAX);
    g_autofree char *valid = g_utf8_make_valid(cut, -1);

    for (char *c = valid; *c != '\0'; c++)
        if (g_ascii_iscntrl(*c))
            *c = '?';
    return g_strdup_printf("\"%s\"%s", valid, strlen(text) > QUOTE_MAX ? "..." : "");
}
