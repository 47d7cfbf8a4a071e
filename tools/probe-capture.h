/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PROBE_CAPTURE_H
#define PROBE_CAPTURE_H

/* What --keylog and --pcapng write. */

#include "probe-socket.h"

typedef struct ProbeCapture ProbeCapture;

/* Opens the files that the options name and puts the hooks into the config, which it has to outlive. NULL: it has been
 * reported. */
ProbeCapture *probe_capture_new(const ProbeOptions *options, ProbeReport *report,
                                SluiceConfig *config);
void probe_capture_free(ProbeCapture *self);
/* The addresses of the packets that follow. Until then, and where they are of no use, they are made up. */
void probe_capture_set_path(ProbeCapture *self, const ProbePeer *own, const ProbePeer *peer);

#endif
