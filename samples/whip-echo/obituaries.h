/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef WHIP_OBITUARIES_H
#define WHIP_OBITUARIES_H

/* Why sessions have ended, kept for a while for the client that asks. */

#include "session.h"

#define WHIP_OBITUARIES 256 /* the last ones */

typedef struct WhipObituaries WhipObituaries;

WhipObituaries *whip_obituaries_new(void);
void whip_obituaries_free(WhipObituaries *self);

void whip_obituaries_note(WhipObituaries *self, const WhipSession *session);
/* Adds an object of it. FALSE: nothing is known (any more). */
gboolean whip_obituaries_add(const WhipObituaries *self, const char *id, JsonBuilder *builder);

#endif
