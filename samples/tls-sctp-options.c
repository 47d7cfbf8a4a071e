/* SPDX-License-Identifier: BSD-3-Clause */
#include "tls-sctp-options.h"

#include <err.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

/* clang-format off */
enum { SEND, RECEIVE, ECHO_ALL, CERTIFICATE, KEY, CA, HOST, FINGERPRINT, INSECURE, TLS, SNDBUF, OPTIONS };
static const struct option options[] = {
    {"send", 1, NULL, 0}, {"receive", 1, NULL, 0}, {"echo", 0, NULL, 0},
    {"certificate", 1, NULL, 0}, {"key", 1, NULL, 0}, {"ca", 1, NULL, 0}, {"host", 1, NULL, 0},
    {"fingerprint", 1, NULL, 0}, {"insecure", 0, NULL, 0}, {"tls", 1, NULL, 0},
    {"sndbuf", 1, NULL, 0}, {NULL, 0, NULL, 0}};
/* clang-format on */
static const char *opt[OPTIONS]; /* as given, NULL if not */

static size_t load(const char *path, char *text, size_t room)
{
    FILE *file = fopen(path, "r");
    size_t len = file ? fread(text, 1, room, file) : 0;
    if (len == 0)
        err(2, "%s", path);
    fclose(file);
    return len;
}

static SluiceConfig *make_config(int server)
{
    static char pem[1 << 20], key[1 << 16];
    SluiceCertificate *own = NULL;
    unsigned tls = opt[TLS] && strcmp(opt[TLS], "1.2") == 0 ? SLUICE_TLS_1_2 : SLUICE_TLS_1_3;
    if (opt[CERTIFICATE] && opt[KEY] &&
        sluice_certificate_from_pem(pem, load(opt[CERTIFICATE], pem, sizeof pem), key,
                                    load(opt[KEY], key, sizeof key), &own) != SLUICE_OK)
        errx(2, "%s, %s: no certificate with its key", opt[CERTIFICATE], opt[KEY]);
    SluiceConfig *config = sluice_config_new(own); /* NULL: makes one */
    if (opt[TLS])
        sluice_config_set_stream_versions(config, tls, tls);
    if (opt[CA] &&
        sluice_config_add_stream_ca_pem(config, pem, load(opt[CA], pem, sizeof pem)) != SLUICE_OK)
        errx(2, "%s: no certificate", opt[CA]);
    if (server && opt[CA])
        sluice_config_set_stream_client_auth(config, SLUICE_CLIENT_AUTH_REQUIRE);
    sluice_config_set_stream_present_certificate(config, own != NULL);
    sluice_certificate_unref(own);
    return config;
}

static SluiceStream *make_stream(Options *self)
{
    SluiceConfig *config = make_config(self->server);
    SluiceRole role = self->server ? SLUICE_ROLE_SERVER : SLUICE_ROLE_CLIENT;
    SluiceStream *stream = sluice_stream_new(config, role);
    SluiceFingerprint fp;
    const char *host = opt[HOST] ? opt[HOST] : self->host, *theirs = opt[FINGERPRINT];
    sluice_certificate_get_fingerprint(sluice_config_get_certificate(config), SLUICE_HASH_SHA256,
                                       &fp);
    sluice_fingerprint_format(&fp, self->fingerprint, sizeof self->fingerprint);
    sluice_config_unref(config);
    if (!self->server && sluice_stream_set_host(stream, host) != SLUICE_OK)
        errx(2, "%s: no host", host);
    if (self->insecure)
        sluice_stream_set_verify(stream, SLUICE_VERIFY_ASK);
    if (theirs && (sluice_fingerprint_parse(theirs, strlen(theirs), &fp) != SLUICE_OK ||
                   sluice_stream_set_verify(stream, SLUICE_VERIFY_FINGERPRINT) != SLUICE_OK ||
                   sluice_stream_set_remote_fingerprints(stream, &fp, 1) != SLUICE_OK))
        errx(2, "%s: no fingerprint", theirs);
    return stream;
}

SluiceStream *parse_options(Options *self, int argc, char **argv)
{
    int c, i;
    while ((c = getopt_long(argc, argv, "", options, &i)) == 0)
        opt[i] = optarg ? optarg : "";
    char *colon = argc - optind == 2 ? strrchr(argv[optind + 1], ':') : NULL;
    *self = (Options){.server = colon && strcmp(argv[optind], "listen") == 0,
                      .echo = opt[ECHO_ALL] != NULL,
                      .insecure = opt[INSECURE] != NULL && opt[FINGERPRINT] == NULL,
                      .source = -1,
                      .send_buffer = opt[SNDBUF] ? atoi(opt[SNDBUF]) : 262144};
    if (c != -1 || !colon || (!self->server && strcmp(argv[optind], "connect") != 0) ||
        (opt[TLS] && strcmp(opt[TLS], "1.2") != 0 && strcmp(opt[TLS], "1.3") != 0) ||
        (self->echo && (opt[SEND] || opt[RECEIVE])) || self->send_buffer < 4096)
        errx(2,
             "usage: %s [--send FILE] [--receive FILE] [--echo] [--certificate FILE --key FILE] "
             "[--ca FILE] [--host NAME] [--fingerprint 'sha-256 ...'] [--insecure] [--tls 1.2|1.3] "
             "[--sndbuf BYTES] listen|connect HOST:PORT",
             *argv);
    *colon = '\0';
    self->host = argv[optind + 1];
    self->port = colon + 1;
    if (opt[SEND])
        self->source = strcmp(opt[SEND], "-") ? open(opt[SEND], O_RDONLY) : 0;
    if (opt[RECEIVE])
        self->sink = strcmp(opt[RECEIVE], "-") ? fopen(opt[RECEIVE], "w") : stdout;
    if ((opt[SEND] && self->source < 0) || (opt[RECEIVE] && !self->sink))
        err(2, "%s", opt[SEND] && self->source < 0 ? opt[SEND] : opt[RECEIVE]);
    if (self->sink)
        setvbuf(self->sink, NULL, _IONBF, 0);
    return make_stream(self);
}
