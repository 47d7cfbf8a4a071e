/* SPDX-License-Identifier: BSD-3-Clause */

/* --keylog and --pcapng: the files that let others see what happened. */

#include "probe-capture.h"

#include <openssl/crypto.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

struct ProbeCapture {
    ProbeReport *report;
    int keylog_fd;
    gboolean keylog_failed;
    SluicePcapng *pcapng;
    SluicePcapngPath path;
    gboolean has_path;
};

static SluiceTime clock_now(void *user_data)
{
    (void)user_data;
    return probe_now();
}

static void write_key_line(const char *line, ProbeCapture *self)
{
    size_t len = strlen(line);
    char *text = g_strconcat(line, "\n", NULL);

    /* One write a line, so that programs that share the file do not mix theirs. */
    if (write(self->keylog_fd, text, len + 1) != (ssize_t)(len + 1) && !self->keylog_failed) {
        self->keylog_failed = TRUE;
        probe_report_warning(self->report, "keylog", "the key log could not be written");
    }
    OPENSSL_cleanse(text, len);
    g_free(text);
}

static void on_key_line(const char *line, void *user_data)
{
    ProbeCapture *self = user_data;

    if (self->keylog_fd >= 0)
        write_key_line(line, self);
    if (self->pcapng != NULL)
        sluice_pcapng_key_line(line, self->pcapng);
}

static void on_packet(const SluiceCapture *capture, void *user_data)
{
    const ProbeCapture *self = user_data;

    (void)sluice_pcapng_write(self->pcapng, capture, self->has_path ? &self->path : NULL);
}

static gboolean open_files(ProbeCapture *self, const ProbeOptions *options, char **message)
{
    const char *path = options->keylog_file;

    if (path != NULL)
        self->keylog_fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (path == NULL || self->keylog_fd >= 0) {
        path = options->pcapng_file;
        if (path == NULL)
            return TRUE;
        self->pcapng = sluice_pcapng_open(path);
    }
    if (self->pcapng == NULL) {
        *message = g_strdup_printf("cannot open %s: %s", path, g_strerror(errno));
        return FALSE;
    }
    sluice_pcapng_set_clock(self->pcapng, clock_now, NULL, g_get_real_time() * 1000 - probe_now());
    return TRUE;
}

ProbeCapture *probe_capture_new(const ProbeOptions *options, ProbeReport *report,
                                SluiceConfig *config)
{
    ProbeCapture *self = g_new0(ProbeCapture, 1);
    SluiceStatus status = SLUICE_OK;
    char *message = NULL;

    self->report = report;
    self->keylog_fd = -1;
    if (open_files(self, options, &message)) {
        if (self->keylog_fd >= 0 || self->pcapng != NULL)
            status = sluice_config_set_keylog(config, on_key_line, self, NULL);
        if (self->pcapng != NULL && status == SLUICE_OK)
            status = sluice_config_set_capture(config, on_packet, self, NULL);
        if (status == SLUICE_OK)
            return self;
        message = g_strdup(sluice_status_text(status));
    }
    probe_report_error(report, "capture", PROBE_EXIT_FAILURE, message);
    g_free(message);
    probe_capture_free(self);
    return NULL;
}

void probe_capture_free(ProbeCapture *self)
{
    if (self == NULL)
        return;
    if (self->pcapng != NULL && sluice_pcapng_get_error(self->pcapng) != 0)
        probe_report_warning(self->report, "pcapng", "the capture could not be written to its end");
    sluice_pcapng_free(self->pcapng);
    if (self->keylog_fd >= 0)
        close(self->keylog_fd);
    g_free(self);
}

/* An IPv4 peer of an IPv6 socket is shown as what it is. */
static int take_address(const ProbePeer *peer, guint8 *address, guint16 *port)
{
    static const guint8 mapped[12] = {[10] = 0xff, [11] = 0xff};

    if (peer->storage.ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)&peer->storage;

        memcpy(address, &in->sin_addr, 4);
        *port = ntohs(in->sin_port);
        return 4;
    }
    if (peer->storage.ss_family == AF_INET6) {
        const struct sockaddr_in6 *in = (const struct sockaddr_in6 *)&peer->storage;

        *port = ntohs(in->sin6_port);
        if (memcmp(&in->sin6_addr, mapped, sizeof mapped) == 0) {
            memcpy(address, (const guint8 *)&in->sin6_addr + 12, 4);
            return 4;
        }
        memcpy(address, &in->sin6_addr, 16);
        return 6;
    }
    return 0;
}

void probe_capture_set_path(ProbeCapture *self, const ProbePeer *own, const ProbePeer *peer)
{
    SluicePcapngPath *path = &self->path;

    path->version = take_address(own, path->local, &path->local_port);
    self->has_path =
        path->version != 0 && take_address(peer, path->remote, &path->remote_port) == path->version;
}
