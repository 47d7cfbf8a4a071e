/* SPDX-License-Identifier: BSD-3-Clause */

/* What one thread of a driver does: wait, do what other threads posted, turn the contexts that have something to do. */

#include "ice-driver-private.h"

#include <errno.h>

/* Something for a seat that another thread, or a callback, wants to be done. */
typedef struct {
    SlIcePostedKind kind;
    SlIceSeat *seat;
    SlIceCall *call;
} SlIcePosted;

SlIceLoop *sl_ice_loop_new(void)
{
    SlIceLoop *self = g_new0(SlIceLoop, 1);

    self->watches = sl_ice_watches_new();
    if (self->watches == NULL) {
        g_free(self);
        return NULL;
    }
    self->timers = sluice_timers_new();
    if (self->timers == NULL) {
        sl_ice_watches_free(self->watches);
        g_free(self);
        errno = ENOMEM;
        return NULL;
    }
    g_queue_init(&self->seats);
    g_queue_init(&self->ready);
    g_queue_init(&self->posted);
    pthread_mutex_init(&self->lock, NULL);
    atomic_init(&self->refs, 1);
    return self;
}

SlIceLoop *sl_ice_loop_ref(SlIceLoop *self)
{
    atomic_fetch_add(&self->refs, 1);
    return self;
}

static SlIcePosted *take_posted(SlIceLoop *self)
{
    pthread_mutex_lock(&self->lock);
    SlIcePosted *posted = g_queue_pop_head(&self->posted);
    pthread_mutex_unlock(&self->lock);
    return posted;
}

/* Nobody runs it, or will. */
static void clear(SlIceLoop *self)
{
    SlIcePosted *posted;

    while ((posted = take_posted(self)) != NULL) {
        if (posted->kind == SL_ICE_POSTED_ADD)
            g_queue_push_tail_link(&self->seats, &posted->seat->in_loop);
        else if (posted->call != NULL)
            sl_ice_call_free(posted->call);
        g_free(posted);
    }
    while (!g_queue_is_empty(&self->seats))
        sl_ice_seat_free(g_queue_peek_head(&self->seats));
}

void sl_ice_loop_unref(SlIceLoop *self)
{
    if (self == NULL || atomic_fetch_sub(&self->refs, 1) > 1)
        return;
    clear(self);
    sluice_timers_free(self->timers);
    sl_ice_watches_free(self->watches);
    pthread_mutex_destroy(&self->lock);
    g_free(self);
}

/* ---- from any thread ---- */

void sl_ice_loop_post(SlIceLoop *self, SlIcePostedKind kind, SlIceSeat *seat, SlIceCall *call)
{
    SlIcePosted *posted = g_new(SlIcePosted, 1);

    *posted = (SlIcePosted){kind, seat, call};
    pthread_mutex_lock(&self->lock);
    gboolean first = g_queue_is_empty(&self->posted);
    g_queue_push_tail(&self->posted, posted);
    pthread_mutex_unlock(&self->lock);
    if (first)
        sl_ice_watches_wake(self->watches);
}

void sl_ice_loop_quit(SlIceLoop *self)
{
    atomic_store(&self->quit, 1);
    sl_ice_watches_wake(self->watches);
}

/* ---- the loop ---- */

void sl_ice_loop_make_ready(SlIceLoop *self, SlIceSeat *seat)
{
    if (seat->is_ready)
        return;
    seat->is_ready = TRUE;
    g_queue_push_tail_link(&self->ready, &seat->in_ready);
}

gint sl_ice_loop_timeout(SlIceLoop *self)
{
    SluiceTime next = sluice_timers_next(self->timers);

    if (!g_queue_is_empty(&self->ready))
        return 0;
    if (next == SLUICE_TIME_NEVER)
        return -1;
    SluiceTime now = sl_ice_now();
    /* Rounded up: a wait that ends too early finds nothing due. */
    return next <= now ? 0 : (gint)MIN((next - now + 999999) / 1000000, G_MAXINT);
}

static void do_posted(SlIceLoop *self)
{
    SlIcePosted *posted;

    while ((posted = take_posted(self)) != NULL) {
        SlIceSeat *seat = posted->seat;

        if (posted->kind == SL_ICE_POSTED_ADD)
            g_queue_push_tail_link(&self->seats, &seat->in_loop);
        else if (posted->kind == SL_ICE_POSTED_CALL)
            g_queue_push_tail(&seat->calls, posted->call);
        else
            seat->removed = TRUE;
        sl_ice_loop_make_ready(self, seat);
        g_free(posted);
    }
}

guint sl_ice_loop_turn(SlIceLoop *self, gint timeout)
{
    SluiceTimer *timer;
    gint own = sl_ice_loop_timeout(self);

    if (timeout < 0 || (own >= 0 && own < timeout))
        timeout = own;
    (void)sl_ice_watches_wait(self->watches, timeout);
    do_posted(
        self); /* whatever has woken us: its own wake-up may be behind the events of one wait */
    SluiceTime now = sl_ice_now();
    while ((timer = sluice_timers_pop(self->timers, now)) != NULL)
        sl_ice_loop_make_ready(self, timer->user_data);

    /* Those that have more to do wait until the others, and new events, have had their turn. */
    guint turns = g_queue_get_length(&self->ready);
    for (guint n = turns; n > 0 && !atomic_load(&self->quit); n--) {
        do_posted(self); /* the callback before may have removed one of these */
        SlIceSeat *seat = g_queue_pop_head_link(&self->ready)->data;
        seat->is_ready = FALSE;
        sl_ice_seat_turn(seat);
    }
    atomic_fetch_add(&self->wakeups, 1);
    atomic_fetch_add(&self->turns, turns);
    return turns;
}

void sl_ice_loop_run(SlIceLoop *self)
{
    while (!atomic_load(&self->quit))
        sl_ice_loop_turn(self, -1);
}
