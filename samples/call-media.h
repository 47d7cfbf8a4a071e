/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CALL_MEDIA_H
#define CALL_MEDIA_H

/*
 * Something to send: RTP, RTCP and messages that look like a call's, and the means to tell whether
 * they arrived whole. No network and no libsluice in here.
 */
#include <glib.h>

/* Called for each packet that is due. `packet` may be altered, it has `capacity` bytes in all. */
typedef void (*CallMediaFunc)(gboolean is_rtcp, guint8 *packet, gsize len, gpointer user_data);

/* Two streams: audio (160 bytes, 50 a second) and video (pictures of three packets, 30 a second),
 * and for each two sender reports a second. */
typedef struct CallMedia CallMedia;

/* Each side has two SSRCs of its own, which also say that the content is ours and can be checked.
 */
guint32 call_media_ssrc(char sender);
CallMedia *call_media_new(char sender, gsize largest_packet);
void call_media_free(CallMedia *media);
/* Gives every packet that is due at `now` (microseconds since the start). */
void call_media_run(CallMedia *media, gint64 now, CallMediaFunc func, gpointer user_data);

/* Messages number 1, 2, ... of assorted sizes; the content follows from number and sender. */
gsize call_message_make(char sender, guint number, guint8 *message, gsize capacity);
/* Is it whole, and newer than the last one? Then `last` becomes its number. */
gboolean call_message_check(char sender, const guint8 *message, gsize len, guint *last);

/* What arrived from `sender`: finds gaps in sequence numbers, and wrong bytes in what
 * call_media_run() made (media from elsewhere has other SSRCs). */
typedef struct {
    guint32 ssrc;
    guint16 first, highest;
    guint32 cycles;
    guint64 received;
} CallStream;

typedef struct {
    char sender;
    CallStream streams[16];
    guint n_streams;
    guint64 wrong;
} CallWatch;

void call_watch_rtp(CallWatch *watch, const guint8 *packet, gsize len);
void call_watch_rtcp(CallWatch *watch, const guint8 *packet, gsize len);
guint64 call_watch_lost(const CallWatch *watch);

#endif
