/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CALL_SIGNALLING_H
#define CALL_SIGNALLING_H

/*
 * What two peers must tell each other before a call, and one way to write it: a line of JSON. A
 * real application has SDP here (the fields have the names of its attributes) and a server that
 * both trust.
 */
#include <gio/gio.h>

typedef struct {
    gboolean is_offer;
    char *ufrag, *pwd; /* ICE (RFC 8839) */
    char **candidates; /* "candidate:..." */
    char *fingerprint; /* "sha-256 12:AB:..." (RFC 8122) */
    char *setup;       /* "actpass" in an offer, "active" or "passive" in an answer (RFC 5763) */
} CallDescription;

void call_description_free(CallDescription *description);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CallDescription, call_description_free)

char *call_description_to_line(const CallDescription *description);
CallDescription *call_description_from_line(const char *line, GError **error);

/* Reads standard input until a description comes; other lines are passed over. */
typedef void (*CallDescriptionFunc)(CallDescription *description, const GError *error,
                                    gpointer user_data);
void call_signalling_read(GCancellable *cancellable, CallDescriptionFunc func, gpointer user_data);
/* Writes it as a line to standard output. */
void call_signalling_write(const CallDescription *description);

#endif
