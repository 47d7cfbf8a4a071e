/* SPDX-License-Identifier: BSD-3-Clause */

/* SluiceIceDriver and what a GMainContext promises: it is kept although an epoll of the driver decides when a context is
 * turned. Agents in contexts: test-ice-driver-agents.c. */

#include <sluice-glib/sluice-glib.h>

#include <errno.h>
#include <glib-unix.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define PATIENCE_MS 30000

static SluiceIceDriver *driver_new(guint n_threads)
{
    GError *error = NULL;
    SluiceIceDriver *driver = sluice_ice_driver_new(n_threads, &error);

    g_assert_no_error(error);
    return driver;
}

static GMainContext *add(SluiceIceDriver *driver)
{
    GError *error = NULL;
    GMainContext *context = sluice_ice_driver_add_context(driver, &error);

    g_assert_no_error(error);
    return context;
}

static void wait_for(atomic_uint *count, guint wanted)
{
    for (guint i = 0; atomic_load(count) < wanted && i < PATIENCE_MS * 2; i++)
        g_usleep(500);
    g_assert_cmpuint(atomic_load(count), >=, wanted);
}

static SluiceIceDriverStats stats_of(SluiceIceDriver *driver)
{
    SluiceIceDriverStats stats;

    sluice_ice_driver_read_stats(driver, &stats, sizeof stats);
    return stats;
}

typedef struct {
    SluiceIceDriverFunc func;
    gpointer data;
    atomic_uint done;
} Wait;

static void call_waited(GMainContext *context, gpointer data)
{
    ((Wait *)data)->func(context, ((Wait *)data)->data);
}

static void waited(gpointer data) { atomic_store(&((Wait *)data)->done, 1); }

/* Calls it in the context and waits for it. */
static void in_context(SluiceIceDriver *driver, GMainContext *context, SluiceIceDriverFunc func,
                       gpointer data)
{
    Wait wait = {func, data, 0};

    g_assert_true(sluice_ice_driver_invoke(driver, context, call_waited, &wait, waited));
    wait_for(&wait.done, 1);
}

static void nothing(GMainContext *context, gpointer data) { (void)context, (void)data; }

/* ---- threads ---- */

typedef struct {
    GThread *thread;
    atomic_uint calls, wrong;
} Seen;

static void see(GMainContext *context, Seen *seen)
{
    if (seen->thread == NULL)
        seen->thread = g_thread_self();
    if (seen->thread != g_thread_self() || !g_main_context_is_owner(context) ||
        g_main_context_get_thread_default() != context)
        atomic_fetch_add(&seen->wrong, 1);
    atomic_fetch_add(&seen->calls, 1);
}

static gboolean source_sees(gpointer data)
{
    see(g_main_context_get_thread_default(), data);
    return G_SOURCE_REMOVE;
}

static void call_sees(GMainContext *context, gpointer data) { see(context, data); }

static void attach(GMainContext *context, GSource *source, GSourceFunc func, gpointer data)
{
    g_source_set_callback(source, func, data, NULL);
    g_source_attach(source, context);
    g_source_unref(source);
}

static void attach_sources(GMainContext *context, gpointer data)
{
    attach(context, g_idle_source_new(), source_sees, data);
    attach(context, g_timeout_source_new(0), source_sees, data);
    attach(context, g_timeout_source_new(15), source_sees, data);
}

/* Idle sources, timers and calls, all on the one thread of their context; and the threads share the contexts. */
static void test_threads(void)
{
    enum { CONTEXTS = 6, THREADS = 3 };
    SluiceIceDriver *driver = driver_new(THREADS);
    Seen seen[CONTEXTS] = {0};
    GMainContext *contexts[CONTEXTS];
    GHashTable *threads = g_hash_table_new(NULL, NULL);

    g_assert_cmpuint(sluice_ice_driver_get_n_threads(driver), ==, THREADS);
    for (guint i = 0; i < CONTEXTS; i++) {
        contexts[i] = add(driver);
        in_context(driver, contexts[i], call_sees, &seen[i]);
        in_context(driver, contexts[i], attach_sources, &seen[i]);
    }
    g_assert_cmpuint(stats_of(driver).contexts, ==, CONTEXTS);
    for (guint i = 0; i < CONTEXTS; i++) {
        wait_for(&seen[i].calls, 4);
        g_assert_cmpuint(atomic_load(&seen[i].wrong), ==, 0);
        g_assert_true(seen[i].thread != g_thread_self());
        g_hash_table_add(threads, seen[i].thread);
        g_main_context_unref(contexts[i]);
    }
    g_assert_cmpuint(g_hash_table_size(threads), ==, THREADS);
    g_hash_table_unref(threads);
    g_object_unref(driver);
}

/* ---- one context wakes another of the same thread ---- */

typedef struct {
    GMainContext *other;
    Seen seen;
} Neighbour;

static void attach_to_other(GMainContext *context, gpointer data)
{
    Neighbour *neighbour = data;

    (void)context;
    attach(neighbour->other, g_idle_source_new(), source_sees, &neighbour->seen);
}

/* GLib wakes no context that is owned by the thread which attaches to it: it takes that for awake. A driver that owned its
 * contexts all the time would leave the other one asleep. */
static void test_neighbour(void)
{
    SluiceIceDriver *driver = driver_new(1);
    GMainContext *context = add(driver);
    Neighbour neighbour = {.other = add(driver)};

    in_context(driver, neighbour.other, nothing, NULL);
    for (guint i = 1; i <= 20; i++) {
        in_context(driver, context, attach_to_other, &neighbour);
        wait_for(&neighbour.seen.calls, i);
    }
    g_assert_cmpuint(atomic_load(&neighbour.seen.wrong), ==, 0);
    g_main_context_unref(context);
    g_main_context_unref(neighbour.other);
    g_object_unref(driver);
}

/* A source that is always ready takes turns with the other contexts of its thread, and with what is more urgent. */
static gboolean never_tired(gpointer data)
{
    atomic_fetch_add((atomic_uint *)data, 1);
    return G_SOURCE_CONTINUE;
}

static void attach_spinner(GMainContext *context, gpointer data)
{
    attach(context, g_idle_source_new(), never_tired, data);
}

static void test_fair(void)
{
    SluiceIceDriver *driver = driver_new(1);
    GMainContext *busy = add(driver), *other = add(driver);
    atomic_uint spins = 0;
    Seen seen = {0};

    in_context(driver, busy, attach_spinner, &spins);
    wait_for(&spins, 1);
    in_context(driver, other, call_sees, &seen);
    in_context(driver, other, attach_sources, &seen);
    wait_for(&seen.calls, 4);
    seen.thread = NULL;
    in_context(driver, busy, attach_sources, &seen);
    wait_for(&seen.calls, 7);
    g_assert_cmpuint(atomic_load(&seen.wrong), ==, 0);
    g_main_context_unref(busy);
    g_main_context_unref(other);
    g_object_unref(driver);
}

/* ---- removal ---- */

typedef struct {
    SluiceIceDriver *driver;
    GMainContext *context;
    atomic_uint calls, refused, freed;
    atomic_uint *gate; /* may be NULL; 1: somebody waits at it, 2: open, 3: he has passed */
} Removal;

static void count_free(gpointer data) { atomic_fetch_add(&((Removal *)data)->freed, 1); }

static void count_call(GMainContext *context, gpointer data)
{
    (void)context;
    atomic_fetch_add(&((Removal *)data)->calls, 1);
}

static gboolean remove_own(gpointer data)
{
    Removal *removal = data;

    g_assert_true(sluice_ice_driver_invoke(removal->driver, removal->context, count_call, removal,
                                           count_free));
    g_assert_true(sluice_ice_driver_remove_context(removal->driver, removal->context));
    g_assert_false(sluice_ice_driver_remove_context(removal->driver, removal->context));
    if (!sluice_ice_driver_invoke(removal->driver, removal->context, count_call, removal,
                                  count_free))
        atomic_fetch_add(&removal->refused, 1);
    /* What was invoked before is called, but no source any more. */
    attach(removal->context, g_idle_source_new(), remove_own, removal);
    return G_SOURCE_REMOVE;
}

static void attach_idle_removal(GMainContext *context, gpointer data)
{
    attach(context, g_idle_source_new(), remove_own, data);
}

static void attach_timed_removal(GMainContext *context, gpointer data)
{
    attach(context, g_timeout_source_new(1), remove_own, data);
}

static void test_remove_in_callback(void)
{
    for (guint i = 0; i < 50; i++) {
        SluiceIceDriver *driver = driver_new(1);
        Removal removal = {.driver = driver, .context = add(driver)};
        GMainContext *other = add(driver);

        in_context(driver, removal.context, i % 2 ? attach_idle_removal : attach_timed_removal,
                   &removal);
        wait_for(&removal.freed, 2);
        in_context(driver, other, nothing, NULL);
        g_assert_cmpuint(atomic_load(&removal.calls), ==, 1);
        g_assert_cmpuint(atomic_load(&removal.freed), ==, 2);
        g_assert_cmpuint(stats_of(driver).contexts, ==, 1);
        g_object_unref(driver);
        /* It is the caller's now. */
        g_assert_true(g_main_context_acquire(removal.context));
        g_main_context_release(removal.context);
        g_main_context_unref(removal.context);
        g_main_context_unref(other);
    }
}

/* What was invoked before a removal is called, and freed on the way. */
static void test_remove_from_outside(void)
{
    SluiceIceDriver *driver = driver_new(2);

    for (guint i = 0; i < 200; i++) {
        Removal removal = {.driver = driver, .context = add(driver)};

        g_main_context_unref(removal.context); /* the driver has it */
        for (guint n = 0; n < 3; n++)
            g_assert_true(sluice_ice_driver_invoke(driver, removal.context, count_call, &removal,
                                                   count_free));
        g_assert_true(sluice_ice_driver_remove_context(driver, removal.context));
        g_assert_false(sluice_ice_driver_remove_context(driver, removal.context));
        wait_for(&removal.freed, 3);
        g_assert_cmpuint(atomic_load(&removal.calls), ==, 3);
    }
    g_assert_cmpuint(stats_of(driver).contexts, ==, 0);
    g_object_unref(driver);
}

static void block(GMainContext *context, gpointer gate)
{
    (void)context;
    atomic_store((atomic_uint *)gate, 1); /* inside */
    while (atomic_load((atomic_uint *)gate) < 2)
        g_usleep(200);
    g_usleep(5000);
    atomic_store((atomic_uint *)gate, 3);
}

static gpointer open_gate(gpointer gate)
{
    g_usleep(20000);
    atomic_store((atomic_uint *)gate, 2);
    return NULL;
}

/* The driver goes while contexts have sources and calls: the calls that did not take place are freed. */
static void test_free_with_contexts(void)
{
    SluiceIceDriver *driver = driver_new(1);
    Removal removal = {.driver = driver, .context = add(driver)};
    atomic_uint gate = 0;

    g_assert_true(sluice_ice_driver_invoke(driver, removal.context, block, &gate, NULL));
    attach(removal.context, g_timeout_source_new(1000000), remove_own, &removal);
    for (guint i = 0; i < 10; i++)
        g_assert_true(
            sluice_ice_driver_invoke(driver, removal.context, count_call, &removal, count_free));
    GThread *opener = g_thread_new("opener", open_gate, &gate);
    wait_for(&gate, 1);
    g_object_unref(driver);
    g_assert_cmpuint(atomic_load(&gate), ==, 3); /* it waited for the callback */
    g_assert_cmpuint(atomic_load(&removal.freed), ==, 10);
    g_thread_join(opener);
    g_main_context_unref(removal.context);
}

static void drop_driver(GMainContext *context, gpointer data)
{
    Removal *removal = data;

    (void)context;
    g_object_unref(removal->driver);
    atomic_store(&removal->calls, 1);
    if (removal->gate != NULL)
        atomic_store(removal->gate, 2);
}

/* The last reference goes in a callback of the driver: its thread cannot wait for itself, nor for another one whose
 * callback waits for this. */
static void test_free_in_callback(void)
{
    for (guint i = 0; i < 20; i++) {
        SluiceIceDriver *driver = driver_new(2);
        atomic_uint gate = 0;
        Removal removal = {.driver = driver, .context = add(driver), .gate = &gate};
        GMainContext *other = add(driver);

        g_assert_true(sluice_ice_driver_invoke(driver, other, block, &gate, NULL));
        wait_for(&gate, 1);
        g_main_context_unref(other);
        g_main_context_unref(removal.context);
        g_object_ref(driver);
        g_assert_true(
            sluice_ice_driver_invoke(driver, removal.context, drop_driver, &removal, count_free));
        g_object_unref(driver);
        wait_for(&removal.freed, 1);
        g_assert_cmpuint(atomic_load(&removal.calls), ==, 1);
        wait_for(&gate, 3);
    }
}

/* ---- without threads ---- */

static void test_own_loop(void)
{
    SluiceIceDriver *driver = driver_new(0);
    GMainContext *context = add(driver);
    GPollFD poll = {sluice_ice_driver_get_fd(driver), G_IO_IN, 0};
    Seen seen = {.thread = g_thread_self()};

    g_assert_cmpint(g_poll(&poll, 1, 0), ==, 1); /* the new context */
    g_assert_true(sluice_ice_driver_iterate(driver, 0));
    while (sluice_ice_driver_iterate(driver, 0))
        ;
    g_assert_cmpint(g_poll(&poll, 1, 0), ==, 0);
    g_assert_cmpint(sluice_ice_driver_get_timeout(driver), ==, -1);

    attach(context, g_timeout_source_new(15), source_sees, &seen);
    g_assert_cmpint(g_poll(&poll, 1, 0), ==, 1);
    g_assert_true(sluice_ice_driver_iterate(driver, 0));
    g_assert_cmpint(sluice_ice_driver_get_timeout(driver), <=, 15);
    while (atomic_load(&seen.calls) == 0)
        sluice_ice_driver_iterate(driver, -1);
    attach(context, g_idle_source_new(), source_sees, &seen);
    g_assert_true(sluice_ice_driver_invoke(driver, context, call_sees, &seen, NULL));
    g_assert_cmpuint(atomic_load(&seen.calls), ==, 1); /* never inside the call */
    while (sluice_ice_driver_iterate(driver, 0))
        ;
    g_assert_cmpuint(atomic_load(&seen.calls), ==, 3);
    g_assert_cmpuint(atomic_load(&seen.wrong), ==, 0);

    Removal removal = {.driver = driver, .context = context};
    g_assert_true(sluice_ice_driver_invoke(driver, context, drop_driver, &removal, count_free));
    g_assert_true(sluice_ice_driver_iterate(driver, -1));
    g_assert_cmpuint(atomic_load(&removal.freed), ==, 1);
    g_main_context_unref(context);
}

/* ---- what may run out ---- */

static void test_no_descriptor(void)
{
    SluiceIceDriver *driver = driver_new(0);
    GError *error = NULL;
    struct rlimit before, none;

    g_assert_cmpint(getrlimit(RLIMIT_NOFILE, &before), ==, 0);
    none = before;
    none.rlim_cur = 0;
    g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &none), ==, 0);
    GMainContext *context = sluice_ice_driver_add_context(driver, &error);
    SluiceIceDriver *second = sluice_ice_driver_new(1, error != NULL ? NULL : &error);
    g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &before), ==, 0);
    g_assert_null(context);
    g_assert_null(second);
    g_assert_error(error, SLUICE_ERROR, SLUICE_ERROR_NO_MEMORY);
    g_clear_error(&error);
    g_assert_null(sluice_ice_driver_new(SLUICE_ICE_DRIVER_MAX_THREADS + 1, &error));
    g_assert_error(error, SLUICE_ERROR, SLUICE_ERROR_INVALID_ARGUMENT);
    g_clear_error(&error);
    g_object_unref(driver);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/ice-driver/threads", test_threads);
    g_test_add_func("/ice-driver/neighbour", test_neighbour);
    g_test_add_func("/ice-driver/fair", test_fair);
    g_test_add_func("/ice-driver/remove/in-callback", test_remove_in_callback);
    g_test_add_func("/ice-driver/remove/from-outside", test_remove_from_outside);
    g_test_add_func("/ice-driver/free/with-contexts", test_free_with_contexts);
    g_test_add_func("/ice-driver/free/in-callback", test_free_in_callback);
    g_test_add_func("/ice-driver/own-loop", test_own_loop);
    g_test_add_func("/ice-driver/no-descriptor", test_no_descriptor);
    return g_test_run();
}
