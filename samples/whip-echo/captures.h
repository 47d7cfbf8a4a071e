/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef WHIP_CAPTURES_H
#define WHIP_CAPTURES_H

/* What is written down for Wireshark: the secrets of DTLS (--keylog), or whole calls (--pcapng). */

#include "options.h"

#include <gio/gio.h>

typedef struct WhipCaptures WhipCaptures;

/* NULL with @error set: a file cannot be opened. */
WhipCaptures *whip_captures_open(const WhipOptions *options, GError **error);
/* Has to outlive the config and its transports. */
void whip_captures_attach(WhipCaptures *self, SluiceConfig *config);
/* FALSE with @error set: not all of it could be written. */
gboolean whip_captures_close(WhipCaptures *self, GError **error);

#endif
