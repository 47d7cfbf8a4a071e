/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SLUICE_GLIB_ICE_DRIVER_H
#define SLUICE_GLIB_ICE_DRIVER_H

#include <sluice-glib/types.h>

G_BEGIN_DECLS

#define SLUICE_TYPE_ICE_DRIVER (sluice_ice_driver_get_type())

/**
 * SluiceIceDriver:
 *
 * Runs thousands of #NiceAgent on a few threads.
 *
 * A #GMainContext looks at all of its sources and polls all of its descriptors for each packet: a
 * thousand agents that share one make a packet eighty times as expensive. With a driver each agent
 * has a context of its own, and one epoll a thread chooses which of them to turn; an idle context
 * costs nothing.
 *
 * |[<!-- language="C" -->
 * static void make_call(GMainContext *context, gpointer call) // on a thread of the driver
 * {
 *     NiceAgent *agent = nice_agent_new(context, NICE_COMPATIBILITY_RFC5245);
 *     ...
 *     sluice_ice_transport_new(agent, stream, 1, config, context, &error);
 * }
 *
 * driver = sluice_ice_driver_new(2, &error);
 * context = sluice_ice_driver_add_context(driver, &error);
 * sluice_ice_driver_invoke(driver, context, make_call, call, NULL);
 * g_main_context_unref(context); // the driver keeps it until it is removed
 * ]|
 *
 * # Threads
 *
 * Every source of a context (callbacks, timers, idle sources, what libnice attaches) and every
 * function that was invoked in it run on the one thread that it was given, with the context owned
 * and thread-default; contexts of the same thread take turns, one iteration each. The functions
 * below may be called by any thread that holds a reference, in callbacks too, but for
 * sluice_ice_driver_iterate().
 *
 * What belongs to a context is made, used and taken down in it: inside sluice_ice_driver_invoke() or
 * a callback. Nobody else iterates it while the driver has it. A callback that blocks, and a loop
 * of its own inside a callback, hold up the other contexts of that thread. So does libnice while it
 * reads a socket until that is empty.
 *
 * # The end
 *
 * To end a call, in its context: close the transport and drop it, nice_agent_remove_stream(),
 * nice_agent_close_async(), and in the callback of that drop the agent and call
 * sluice_ice_driver_remove_context(). When the last reference on the driver is dropped, its threads
 * end, and have ended when that returns; only on one of these threads it does not wait. Contexts
 * that the driver still has then are given up as they are: nobody turns them any more.
 */
SLUICE_API
G_DECLARE_FINAL_TYPE(SluiceIceDriver, sluice_ice_driver, SLUICE, ICE_DRIVER, GObject)

/**
 * SLUICE_ICE_DRIVER_MAX_THREADS:
 *
 * The largest number of threads of a driver.
 */
#define SLUICE_ICE_DRIVER_MAX_THREADS 256

/**
 * SluiceIceDriverFunc:
 * @context: a context of the driver, owned by this thread and thread-default
 * @user_data: as given
 *
 * A function that is called in a context.
 */
typedef void (*SluiceIceDriverFunc)(GMainContext *context, gpointer user_data);

/**
 * SluiceIceDriverStats: (skip)
 * @contexts: contexts that the driver has
 * @unwatched: of these, the ones with a descriptor that epoll refuses: they are looked at every
 *   10 ms
 * @wakeups: times that a thread woke up
 * @turns: times that a context was turned
 * @rearmed: descriptors that were closed and opened again under the same number
 *
 * The figures of all threads of a driver together.
 */
typedef struct {
    guint64 contexts;
    guint64 unwatched;
    guint64 wakeups;
    guint64 turns;
    guint64 rearmed;
} SluiceIceDriverStats;

/**
 * sluice_ice_driver_new:
 * @n_threads: threads to start, at most %SLUICE_ICE_DRIVER_MAX_THREADS; 0 for none: the caller's own
 *   loop calls sluice_ice_driver_iterate()
 * @error: return location for an error
 *
 * Makes a driver. Signals are blocked in its threads.
 *
 * Returns: (transfer full): the driver, or %NULL with @error set: %SLUICE_ERROR_NO_MEMORY: no memory,
 *   descriptor or thread is left; %SLUICE_ERROR_INVALID_ARGUMENT; %SLUICE_ERROR_UNSUPPORTED: the
 *   system has no epoll
 */
SLUICE_API SluiceIceDriver *sluice_ice_driver_new(guint n_threads, GError **error);

/**
 * sluice_ice_driver_get_n_threads:
 * @self: a driver
 *
 * Returns: its threads
 */
SLUICE_API guint sluice_ice_driver_get_n_threads(SluiceIceDriver *self);

/**
 * sluice_ice_driver_add_context:
 * @self: a driver
 * @error: return location for an error
 *
 * Makes a context and gives it to the thread that has the fewest. Use one for each agent, or for the few
 * agents of one call. The driver holds a reference of its own until the context is removed.
 *
 * Returns: (transfer full): the context, or %NULL with @error set: %SLUICE_ERROR_NO_MEMORY: no
 *   descriptor is left
 */
SLUICE_API GMainContext *sluice_ice_driver_add_context(SluiceIceDriver *self, GError **error);

/**
 * sluice_ice_driver_remove_context:
 * @self: a driver
 * @context: a context that it made
 *
 * Gives a context up, without waiting. Functions that were invoked before are still called. On the
 * context's own thread nothing else of it runs once the callback that called this has returned, but
 * for sources that were due in the same turn; for another thread it may take a little longer. What
 * is still attached then is the business of those who hold the context.
 *
 * Returns: %FALSE if the driver does not have it (any more)
 */
SLUICE_API gboolean sluice_ice_driver_remove_context(SluiceIceDriver *self, GMainContext *context);

/**
 * sluice_ice_driver_invoke:
 * @self: a driver
 * @context: a context that it made
 * @func: (scope notified) (closure user_data) (destroy destroy): the function
 * @user_data: for @func
 * @destroy: (nullable): frees @user_data after the call, or when it cannot take place any more
 *
 * Calls a function in a context: on its thread, soon, in the order of the calls of this one, and never
 * before this returns to the caller on that thread.
 *
 * Returns: %FALSE if the driver does not have the context (any more): @func is not called
 */
SLUICE_API gboolean sluice_ice_driver_invoke(SluiceIceDriver *self, GMainContext *context,
                                             SluiceIceDriverFunc func, gpointer user_data,
                                             GDestroyNotify destroy);

/**
 * sluice_ice_driver_read_stats: (skip)
 * @self: a driver
 * @stats: (out caller-allocates): the figures
 * @size: `sizeof *stats`
 *
 * The figures for C.
 */
SLUICE_API void sluice_ice_driver_read_stats(SluiceIceDriver *self, SluiceIceDriverStats *stats,
                                             gsize size);

/**
 * sluice_ice_driver_get_fd:
 * @self: a driver without threads
 *
 * The descriptor for the caller's own loop. It stays the driver's.
 *
 * Returns: a descriptor that is readable when sluice_ice_driver_iterate() has something to do; -1 if
 *   the driver has threads
 */
SLUICE_API gint sluice_ice_driver_get_fd(SluiceIceDriver *self);

/**
 * sluice_ice_driver_get_timeout:
 * @self: a driver without threads
 *
 * Tells how long the caller's loop may wait for the descriptor. Ask again after each
 * sluice_ice_driver_iterate(), on the thread that calls that.
 *
 * Returns: milliseconds until sluice_ice_driver_iterate() is to be called in any case, -1: none
 */
SLUICE_API gint sluice_ice_driver_get_timeout(SluiceIceDriver *self);

/**
 * sluice_ice_driver_iterate:
 * @self: a driver without threads
 * @timeout: milliseconds to wait for something to do; 0: not at all, -1: without end
 *
 * Turns each context that has something to do, once. By one thread at a time, and not in a callback;
 * the thread that calls this is the one that callbacks come on.
 *
 * Returns: %TRUE if a context was turned
 */
SLUICE_API gboolean sluice_ice_driver_iterate(SluiceIceDriver *self, gint timeout);

G_END_DECLS

#endif
