/* SPDX-License-Identifier: BSD-3-Clause */
#include "captures.h"

#include <sluice/pcapng.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

struct WhipCaptures {
    FILE *keylog;         /* NULL: none is wanted */
    SluicePcapng *pcapng; /* NULL: none is wanted */
    char *pcapng_name;
};

/* ---- hooks ---- */

static void on_secret(const char *line, void *user_data)
{
    WhipCaptures *self = user_data;

    if (self->keylog != NULL) {
        fprintf(self->keylog, "%s\n", line);
        fflush(self->keylog);
    }
    if (self->pcapng != NULL)
        sluice_pcapng_key_line(line, self->pcapng);
}

/* That of the binding's transports. */
static SluiceTime now(G_GNUC_UNUSED void *user_data) { return g_get_monotonic_time() * 1000; }

/* ---- life ---- */

static gboolean fail(GError **error, const char *path, int code)
{
    g_set_error(error, G_FILE_ERROR, (gint)g_file_error_from_errno(code), "%s: %s", path,
                g_strerror(code));
    return FALSE;
}

static gboolean open_keylog(WhipCaptures *self, const char *path, GError **error)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

    self->keylog = fd >= 0 ? fdopen(fd, "a") : NULL;
    return self->keylog != NULL || fail(error, path, errno);
}

static gboolean open_pcapng(WhipCaptures *self, const char *path, GError **error)
{
    self->pcapng = sluice_pcapng_open(path);
    if (self->pcapng == NULL)
        return fail(error, path, errno);
    self->pcapng_name = g_strdup(path);
    sluice_pcapng_set_clock(self->pcapng, now, NULL, g_get_real_time() * 1000 - now(NULL));
    return TRUE;
}

WhipCaptures *whip_captures_open(const WhipOptions *options, GError **error)
{
    WhipCaptures *self = g_new0(WhipCaptures, 1);

    if ((options->keylog == NULL || open_keylog(self, options->keylog, error)) &&
        (options->pcapng == NULL || open_pcapng(self, options->pcapng, error)))
        return self;
    whip_captures_close(self, NULL);
    return NULL;
}

void whip_captures_attach(WhipCaptures *self, SluiceConfig *config)
{
    if (self->keylog != NULL || self->pcapng != NULL)
        sluice_config_set_keylog(config, on_secret, self, NULL);
    if (self->pcapng != NULL)
        sluice_config_set_capture(config, sluice_pcapng_capture, self->pcapng, NULL);
}

gboolean whip_captures_close(WhipCaptures *self, GError **error)
{
    int code = self->pcapng != NULL ? sluice_pcapng_get_error(self->pcapng) : 0;

    if (code != 0)
        fail(error, self->pcapng_name, code);
    if (self->keylog != NULL)
        fclose(self->keylog);
    sluice_pcapng_free(self->pcapng);
    g_free(self->pcapng_name);
    g_free(self);
    return code == 0;
}
