/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef WHIP_REFUSAL_H
#define WHIP_REFUSAL_H

/* Why a request is refused: the code of the error is the HTTP status, the message a sentence for the client. */

#include <glib.h>

#define WHIP_REFUSAL (whip_refusal_quark())
GQuark whip_refusal_quark(void);

/* Sets @error. Returns FALSE. What the client wrote goes through whip_quote() first. */
gboolean whip_refuse(GError **error, guint status, const char *format, ...) G_GNUC_PRINTF(3, 4);

/* A piece of what the client wrote, fit for a sentence: cut short, without control characters. */
char *whip_quote(const char *text);

#endif
