/* SPDX-License-Identifier: BSD-3-Clause */

/* The descriptors of all contexts of a loop, in one epoll.
 *
 * An epoll knows a descriptor by its number and by the file behind it, and forgets it when the file is closed, without a
 * word. libnice closes and opens sockets as it likes, and a new one is soon given the number of an old one: then what a
 * context asks for has not changed, and yet nothing watches it. So each registration fires once (EPOLLONESHOT) and is
 * armed anew after each turn of its context, a call that fails when it is another file by then. That also means that a
 * file which lives on after its close (a child that was forked has it too) is heard of once and never again: nothing
 * could take it out of the epoll. */

#include "ice-driver-private.h"

#include <errno.h>
#include <unistd.h>

#if defined __linux__
#include <sys/epoll.h>
#include <sys/eventfd.h>

#define SL_EVENTS_AT_ONCE 128
#define SL_WAKE_TAG UINT64_MAX

typedef struct SlIceWatcher SlIceWatcher;
struct SlIceWatcher {
    SlIceWatcher *next;
    SlIceSeat *seat;
    gushort events;
};

/* A number, and which contexts watch it: nearly always one. Two when they share a file, and when one has not been turned
 * since another thread closed its descriptor and somebody else got the number. */
typedef struct {
    SlIceWatcher *watchers;
    guint32 generation; /* an event of an older one is of a file that has gone */
    guint32 flags;
    gboolean registered;
} SlIceEntry;

struct SlIceWatches {
    int epoll, wake;
    GArray *entries; /* of SlIceEntry, by number */
    _Atomic guint64 rearmed;
};

static gboolean watch_wake(SlIceWatches *self)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = SL_WAKE_TAG};

    return epoll_ctl(self->epoll, EPOLL_CTL_ADD, self->wake, &event) == 0;
}

SlIceWatches *sl_ice_watches_new(void)
{
    SlIceWatches *self = g_new0(SlIceWatches, 1);

    self->entries = g_array_new(FALSE, TRUE, sizeof(SlIceEntry));
    self->wake = -1;
    self->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (self->epoll >= 0)
        self->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (self->wake >= 0 && watch_wake(self))
        return self;
    int saved = errno;
    sl_ice_watches_free(self);
    errno = saved;
    return NULL;
}

void sl_ice_watches_free(SlIceWatches *self)
{
    if (self == NULL)
        return;
    if (self->epoll >= 0)
        close(self->epoll);
    if (self->wake >= 0)
        close(self->wake);
    g_array_unref(self->entries);
    g_free(self);
}

gint sl_ice_watches_fd(const SlIceWatches *self) { return self->epoll; }

guint64 sl_ice_watches_rearmed(SlIceWatches *self) { return atomic_load(&self->rearmed); }

void sl_ice_watches_wake(SlIceWatches *self)
{
    /* It cannot fail but by a full counter, and then the wait ends already. */
    eventfd_write(self->wake, 1);
}

void sl_ice_watches_drain(gint wakeup_fd)
{
    eventfd_t count;

    eventfd_read(wakeup_fd, &count); /* GLib's do not block */
}

static SlIceEntry *entry_of(SlIceWatches *self, gint fd)
{
    if ((guint)fd >= self->entries->len)
        g_array_set_size(self->entries, (guint)fd + 1);
    return &g_array_index(self->entries, SlIceEntry, fd);
}

static gboolean control(SlIceWatches *self, int operation, gint fd, const SlIceEntry *entry)
{
    struct epoll_event event = {.events = entry->flags,
                                .data.u64 = (guint64)entry->generation << 32 | (guint32)fd};

    for (const SlIceWatcher *watcher = entry->watchers; watcher != NULL; watcher = watcher->next)
        event.events |= watcher->events;
    return epoll_ctl(self->epoll, operation, fd, &event) == 0;
}

static gboolean arm(SlIceWatches *self, gint fd, SlIceEntry *entry)
{
    if (entry->registered) {
        if (control(self, EPOLL_CTL_MOD, fd, entry))
            return TRUE;
        atomic_fetch_add(&self->rearmed, 1);
    }
    entry->generation++;
    entry->registered = control(self, EPOLL_CTL_ADD, fd, entry);
    return entry->registered;
}

gboolean sl_ice_watches_add(SlIceWatches *self, SlIceSeat *seat, gint fd, gushort events,
                            gboolean own)
{
    SlIceEntry *entry = entry_of(self, fd);
    SlIceWatcher *watcher = g_new(SlIceWatcher, 1);

    *watcher = (SlIceWatcher){entry->watchers, seat, events};
    entry->watchers = watcher;
    /* The context reads its own descriptor, and writes to it each time: edges do, and need no arming. */
    entry->flags = own ? EPOLLET : EPOLLONESHOT;
    return arm(self, fd, entry);
}

void sl_ice_watches_remove(SlIceWatches *self, SlIceSeat *seat, gint fd)
{
    SlIceEntry *entry = entry_of(self, fd);

    for (SlIceWatcher **link = &entry->watchers; *link != NULL; link = &(*link)->next)
        if ((*link)->seat == seat) {
            SlIceWatcher *found = *link;
            *link = found->next;
            g_free(found);
            break;
        }
    if (entry->watchers != NULL) {
        arm(self, fd, entry);
    } else if (entry->registered) {
        /* It fails when the file has been closed; the number may be anybody's by now, but not a watched one. */
        control(self, EPOLL_CTL_DEL, fd, entry);
        entry->registered = FALSE;
    }
}

gboolean sl_ice_watches_rearm(SlIceWatches *self, gint fd)
{
    return arm(self, fd, entry_of(self, fd));
}

static void tell(SlIceWatches *self, const struct epoll_event *event)
{
    gint fd = (gint)(guint32)event->data.u64;
    const SlIceEntry *entry = entry_of(self, fd);

    if (entry->generation != (guint32)(event->data.u64 >> 32))
        return;
    for (const SlIceWatcher *watcher = entry->watchers; watcher != NULL; watcher = watcher->next)
        sl_ice_seat_mark(watcher->seat, fd, event->events);
}

gboolean sl_ice_watches_wait(SlIceWatches *self, gint timeout)
{
    struct epoll_event events[SL_EVENTS_AT_ONCE];
    gboolean woken = FALSE;
    int n = epoll_wait(self->epoll, events, SL_EVENTS_AT_ONCE, timeout);

    for (int i = 0; i < n; i++)
        if (events[i].data.u64 == SL_WAKE_TAG)
            woken = TRUE;
        else
            tell(self, &events[i]);
    if (woken) {
        eventfd_t count;
        eventfd_read(self->wake, &count);
    }
    return woken;
}

#else

SlIceWatches *sl_ice_watches_new(void)
{
    errno = ENOSYS;
    return NULL;
}
void sl_ice_watches_free(SlIceWatches *self) { (void)self; }
gint sl_ice_watches_fd(const SlIceWatches *self) { return (void)self, -1; }
void sl_ice_watches_wake(SlIceWatches *self) { (void)self; }
void sl_ice_watches_drain(gint wakeup_fd) { (void)wakeup_fd; }
gboolean sl_ice_watches_add(SlIceWatches *self, SlIceSeat *seat, gint fd, gushort events,
                            gboolean own)
{
    return (void)self, (void)seat, (void)fd, (void)events, (void)own, FALSE;
}
void sl_ice_watches_remove(SlIceWatches *self, SlIceSeat *seat, gint fd)
{
    (void)self, (void)seat, (void)fd;
}
gboolean sl_ice_watches_rearm(SlIceWatches *self, gint fd) { return (void)self, (void)fd, FALSE; }
gboolean sl_ice_watches_wait(SlIceWatches *self, gint timeout)
{
    return (void)self, (void)timeout, FALSE;
}
guint64 sl_ice_watches_rearmed(SlIceWatches *self) { return (void)self, 0; }

#endif
