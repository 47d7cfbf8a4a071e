/* SPDX-License-Identifier: BSD-3-Clause */

/* One context in its loop: g_main_context_iteration() in pieces, with the epoll of the loop instead of a poll of its own.
 *
 * Between turns nobody owns the context: a source that is attached or made ready then, by whatever thread, writes to the
 * context's descriptor (G_MAIN_CONTEXT_FLAGS_OWNERLESS_POLLING). If the loop kept it, a callback of one context that
 * touches another of the same thread would wake nobody, since GLib takes the owner to be awake. */

#include "ice-driver-private.h"

/* For how long a descriptor that had no event may go unverified (ice-driver-watches.c), in microseconds: an agent with many
 * sockets would else pay for all of them with each packet on one. */
#define SL_VERIFY_USEC 5000
/* How often a context is turned that has a descriptor which epoll refuses. */
#define SL_BLIND_USEC 10000
/* When to try again if another thread has the context. */
#define SL_BUSY_USEC 1000

void sl_ice_call_free(SlIceCall *call)
{
    if (call->destroy != NULL)
        call->destroy(call->user_data);
    g_free(call);
}

/* All of the context's descriptors, into @fresh. */
static gint query(SlIceSeat *self, gint *timeout)
{
    gint n;

    while ((n = g_main_context_query(self->context, G_MAXINT, timeout, self->fresh, self->room)) >
           self->room) {
        self->room = n;
        self->fresh = g_renew(GPollFD, self->fresh, (gsize)n);
        self->fds = g_renew(GPollFD, self->fds, (gsize)n);
    }
    return n;
}

SlIceSeat *sl_ice_seat_new(SlIceLoop *loop)
{
    SlIceSeat *self = g_new0(SlIceSeat, 1);
    gint timeout;

    self->loop = loop;
    self->context = g_main_context_new_with_flags(G_MAIN_CONTEXT_FLAGS_OWNERLESS_POLLING);
    self->room = 4;
    self->fds = g_new(GPollFD, self->room);
    self->fresh = g_new(GPollFD, self->room);
    self->timer.user_data = self;
    self->in_loop.data = self->in_ready.data = self;
    g_queue_init(&self->calls);
    /* It has no source, so the one descriptor there is is its own. */
    self->wakeup_fd = query(self, &timeout) == 1 ? self->fresh[0].fd : -1;
    return self;
}

static void watch(SlIceSeat *self, const GPollFD *poll)
{
    if (poll->fd >= 0 && !sl_ice_watches_add(self->loop->watches, self, poll->fd, poll->events,
                                             poll->fd == self->wakeup_fd))
        self->blind = TRUE;
}

static void unwatch(SlIceSeat *self, const GPollFD *poll)
{
    if (poll->fd >= 0)
        sl_ice_watches_remove(self->loop->watches, self, poll->fd);
}

/* One that was there before. Returns FALSE if it was left for later. */
static gboolean keep(SlIceSeat *self, const GPollFD *poll, gboolean verify)
{
    if (poll->fd < 0 || poll->fd == self->wakeup_fd)
        return TRUE;
    if (!verify && poll->revents == 0)
        return FALSE;
    if (!sl_ice_watches_rearm(self->loop->watches, poll->fd))
        self->blind = TRUE;
    return TRUE;
}

/* What the context polls from here on, instead of what it polled before. Both are sorted. Returns FALSE if some descriptor was
 * not verified. */
static gboolean take_fresh(SlIceSeat *self, gint n, gboolean verify)
{
    gint old = 0;
    gboolean all = TRUE;

    for (gint i = 0; i < n; i++) {
        const GPollFD *fresh = &self->fresh[i];

        while (old < self->n_fds && self->fds[old].fd < fresh->fd)
            unwatch(self, &self->fds[old++]);
        if (old < self->n_fds && self->fds[old].fd == fresh->fd) {
            const GPollFD *had = &self->fds[old++];
            if (had->events == fresh->events) {
                all &= keep(self, had, verify);
                continue;
            }
            unwatch(self, had);
        }
        watch(self, fresh);
    }
    while (old < self->n_fds)
        unwatch(self, &self->fds[old++]);

    GPollFD *swap = self->fds;
    self->fds = self->fresh;
    self->fresh = swap;
    self->n_fds = n;
    return all;
}

static void set_due(SlIceSeat *self, gint64 usec)
{
    SluiceTime due = usec < 0 ? SLUICE_TIME_NEVER : (SluiceTime)usec * 1000;

    if (sluice_timers_set(self->loop->timers, &self->timer, due) != SLUICE_OK)
        sl_ice_loop_make_ready(self->loop, self); /* no memory: it looks again and again */
}

static gint64 earlier(gint64 a, gint64 b) { return a < 0 || b < a ? b : a; }

/* Asks the context anew what it waits for. Owned. */
static void settle(SlIceSeat *self)
{
    gboolean was_blind = self->blind;
    gint timeout = -1;
    gboolean ready = g_main_context_prepare(self->context, &self->priority);
    gint n = query(self, &timeout);
    gint64 now = g_get_monotonic_time();
    gint64 due = timeout < 0 ? -1 : now + (gint64)timeout * 1000;
    gboolean verify = was_blind || now - self->verified >= SL_VERIFY_USEC;

    self->blind = FALSE;
    if (take_fresh(self, n, verify))
        self->verified = now;
    else
        due = earlier(due, self->verified + SL_VERIFY_USEC);
    if (self->blind)
        due = earlier(due, now + SL_BLIND_USEC);
    if (self->blind != was_blind)
        atomic_fetch_add(&self->loop->unwatched, self->blind ? 1u : UINT_MAX);
    if (ready)
        sl_ice_loop_make_ready(self->loop, self);
    set_due(self, due);
}

void sl_ice_seat_mark(SlIceSeat *self, gint fd, guint revents)
{
    for (gint i = 0; i < self->n_fds; i++)
        if (self->fds[i].fd == fd)
            self->fds[i].revents =
                (gushort)(revents & (self->fds[i].events | (guint)(G_IO_ERR | G_IO_HUP)));
    sl_ice_loop_make_ready(self->loop, self);
}

static void run_calls(SlIceSeat *self)
{
    /* Those that they cause are for the next turn. */
    for (guint n = g_queue_get_length(&self->calls); n > 0; n--) {
        SlIceCall *call = g_queue_pop_head(&self->calls);
        call->func(self->context, call->user_data);
        sl_ice_call_free(call);
    }
}

static void run(SlIceSeat *self)
{
    gboolean due;

    if (self->blind)
        g_poll(self->fds, (guint)self->n_fds, 0);
    due = !self->removed &&
          g_main_context_check(self->context, self->priority, self->fds, self->n_fds);
    if (!due && g_queue_is_empty(&self->calls))
        return;
    g_main_context_push_thread_default(self->context);
    if (due)
        g_main_context_dispatch(self->context);
    run_calls(self);
    g_main_context_pop_thread_default(self->context);
    sl_ice_watches_drain(self->wakeup_fd);
}

void sl_ice_seat_turn(SlIceSeat *self)
{
    if (!self->removed || !g_queue_is_empty(&self->calls)) {
        if (!g_main_context_acquire(self->context)) {
            set_due(self, g_get_monotonic_time() + SL_BUSY_USEC);
            return;
        }
        run(self);
        if (!self->removed)
            settle(self);
        g_main_context_release(self->context);
    }
    if (self->removed)
        sl_ice_seat_free(self);
}

void sl_ice_seat_free(SlIceSeat *self)
{
    for (gint i = 0; i < self->n_fds; i++)
        unwatch(self, &self->fds[i]);
    sluice_timers_set(self->loop->timers, &self->timer, SLUICE_TIME_NEVER);
    if (self->is_ready)
        g_queue_unlink(&self->loop->ready, &self->in_ready);
    g_queue_unlink(&self->loop->seats, &self->in_loop);
    if (self->blind)
        atomic_fetch_sub(&self->loop->unwatched, 1u);
    g_queue_clear_full(&self->calls, (GDestroyNotify)sl_ice_call_free);
    g_main_context_unref(self->context);
    g_free(self->fds);
    g_free(self->fresh);
    g_free(self);
}
