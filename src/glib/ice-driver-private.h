/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SL_ICE_DRIVER_PRIVATE_H
#define SL_ICE_DRIVER_PRIVATE_H

/* SluiceIceDriver inside: ice-driver.c is the GObject and its threads, -loop.c what one thread does, -seat.c a context
 * in its loop, -watches.c the descriptors of a loop in one epoll. */

#include "ice-transport-private.h"

#include <pthread.h>
#include <stdatomic.h>

typedef struct SlIceLoop SlIceLoop;
typedef struct SlIceSeat SlIceSeat;
typedef struct SlIceWatches SlIceWatches;

/* ---- ice-driver-watches.c ---- */

/* NULL with errno set. */
SlIceWatches *sl_ice_watches_new(void);
void sl_ice_watches_free(SlIceWatches *self);
/* Of the epoll. */
gint sl_ice_watches_fd(const SlIceWatches *self);
/* Makes the wait end. Any thread. */
void sl_ice_watches_wake(SlIceWatches *self);
/* A descriptor of a seat, which has it once. @own: it is never closed while it is watched. FALSE: epoll refuses it. */
gboolean sl_ice_watches_add(SlIceWatches *self, SlIceSeat *seat, gint fd, gushort events,
                            gboolean own);
void sl_ice_watches_remove(SlIceWatches *self, SlIceSeat *seat, gint fd);
/* Arms a descriptor after its event, and makes sure that it is still the file that is watched. */
gboolean sl_ice_watches_rearm(SlIceWatches *self, gint fd);
/* Takes back the wake-ups of a context that is about to be asked what it waits for anyway. GLib wakes it with each dispatch
 * of a source that has a descriptor, which it stops polling meanwhile: without this each packet would be two turns. */
void sl_ice_watches_drain(gint wakeup_fd);
/* Waits, at most @timeout ms, and marks the seats that have an event. TRUE if sl_ice_watches_wake() was called. */
gboolean sl_ice_watches_wait(SlIceWatches *self, gint timeout);
guint64 sl_ice_watches_rearmed(SlIceWatches *self);

/* ---- ice-driver-seat.c ---- */

/* A function that waits to be called in a context; with a destroy notify that runs in any case. */
typedef struct {
    SluiceIceDriverFunc func;
    gpointer user_data;
    GDestroyNotify destroy;
} SlIceCall;

void sl_ice_call_free(SlIceCall *call);

struct SlIceSeat {
    SlIceLoop *loop;
    GMainContext *context;
    gint wakeup_fd; /* of the context */
    gint priority;  /* of what prepare found ready */
    GPollFD *fds;   /* as check wants them: what prepare and query said, and what epoll found */
    gint n_fds, room;
    GPollFD *fresh; /* of the same size */
    gboolean blind; /* epoll refuses one of them */
    gboolean removed;
    gint64 verified; /* when all descriptors were last found to be the ones that are watched */
    GQueue calls;    /* of SlIceCall */
    SluiceTimer timer;
    GList in_loop; /* the loop's links */
    GList in_ready;
    gboolean is_ready;
};

/* A context, made for @loop. The thread that makes it need not be the loop's. */
SlIceSeat *sl_ice_seat_new(SlIceLoop *loop);
void sl_ice_seat_free(SlIceSeat *self);
/* What the epoll found. */
void sl_ice_seat_mark(SlIceSeat *self, gint fd, guint revents);
/* One iteration; it may free the seat. */
void sl_ice_seat_turn(SlIceSeat *self);

/* ---- ice-driver-loop.c ---- */

struct SlIceLoop {
    SlIceWatches *watches;
    SluiceTimers *timers; /* of all seats */
    GQueue seats, ready;
    guint places; /* seats given to it: the driver's, under its lock */

    pthread_mutex_t lock; /* holds what follows; no GMutex: ThreadSanitizer sees this one */
    GQueue posted;        /* of SlIcePosted */

    atomic_int quit;
    atomic_int refs;       /* the driver's and the thread's */
    atomic_uint unwatched; /* blind seats */
    _Atomic guint64 wakeups, turns;
};

typedef enum { SL_ICE_POSTED_ADD, SL_ICE_POSTED_CALL, SL_ICE_POSTED_REMOVE } SlIcePostedKind;

/* NULL with errno set. */
SlIceLoop *sl_ice_loop_new(void);
SlIceLoop *sl_ice_loop_ref(SlIceLoop *self);
void sl_ice_loop_unref(SlIceLoop *self);
/* Any thread; @call belongs to the loop from here on. */
void sl_ice_loop_post(SlIceLoop *self, SlIcePostedKind kind, SlIceSeat *seat, SlIceCall *call);
void sl_ice_loop_quit(SlIceLoop *self);
/* Milliseconds until there is something to do, -1: never. */
gint sl_ice_loop_timeout(SlIceLoop *self);
/* Waits, at most @timeout ms, and turns each seat that has something to do once. Returns how many. */
guint sl_ice_loop_turn(SlIceLoop *self, gint timeout);
/* Until it is told to quit. */
void sl_ice_loop_run(SlIceLoop *self);
/* The seat is turned in the next round. */
void sl_ice_loop_make_ready(SlIceLoop *self, SlIceSeat *seat);

#endif
