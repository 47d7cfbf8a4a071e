/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef WHIP_EVENTS_H
#define WHIP_EVENTS_H

/* What happens, told on standard output: a line of JSON each, or a line of words. */

#include <json-glib/json-glib.h>

/* TRUE: JSON. */
void whip_events_init(gboolean json);

/* An event is an object: begin it, add members, end it, which prints it. @session may be NULL. */
JsonBuilder *whip_event_begin(const char *name, const char *session);
void whip_event_end(JsonBuilder *event);

/* Members of any object; a NULL string is left out. */
void whip_json_string(JsonBuilder *builder, const char *name, const char *value);
void whip_json_int(JsonBuilder *builder, const char *name, gint64 value);
void whip_json_bool(JsonBuilder *builder, const char *name, gboolean value);
/* Microseconds as milliseconds; negative ones are left out. */
void whip_json_ms(JsonBuilder *builder, const char *name, gint64 microseconds);
/* The whole of it, which is freed. */
char *whip_json_finish(JsonBuilder *builder);

#endif
