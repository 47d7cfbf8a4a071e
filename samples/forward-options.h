/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FORWARD_OPTIONS_H
#define FORWARD_OPTIONS_H

#include <glib.h>

#include <sluice/sluice.h>

/* Who may come. */
typedef struct {
    gboolean anyone;
    GArray *fingerprints; /* of SluiceFingerprint */
} ForwardTrust;

typedef struct {
    char *bind;
    int publisher_port, subscriber_port;
    ForwardTrust publisher, subscribers;
    char *certificate_file, *key_file;
    uint8_t payload_types[128]; /* what each becomes */
    int max_peers;
    int idle; /* seconds */
    gboolean no_gso;
    gboolean json;
} ForwardOptions;

/* FALSE: what was wrong has been said. */
gboolean forward_options_parse(ForwardOptions *options, int argc, char **argv);
void forward_options_clear(ForwardOptions *options);

/* The certificate that the options name, or a new one. */
SluiceCertificate *forward_options_certificate(const ForwardOptions *options, GError **error);

#endif
