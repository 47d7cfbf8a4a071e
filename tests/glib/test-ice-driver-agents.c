/* SPDX-License-Identifier: BSD-3-Clause */

/* SluiceIceDriver with real agents on 127.0.0.1: a context each, on two threads. */

#include "ice-call.h"

#include <string.h>

#define PAIRS 100
#define PACKETS 10
#define PATIENCE_MS 120000

#ifdef __SANITIZE_THREAD__
/* Two threads make agents at the same time, inside libraries that ThreadSanitizer did not build: their malloc and memcpy
 * it sees, the locks around these it does not. Our own code it looks at as ever. */
const char *__tsan_default_options(void);
const char *__tsan_default_options(void) { return "ignore_noninstrumented_modules=1"; }
#endif

typedef struct {
    SluiceIceDriver *driver;
    Caller end[2];
} Call;

static SluiceConfig *configs[2];

/* They go when the threads have ended: that ThreadSanitizer sees, GLib's count it does not. */
static GPtrArray *contexts;

/* ---- in the contexts ---- */

static void make(GMainContext *context, gpointer caller)
{
    (void)context;
    caller_make(caller);
}

static void gather(GMainContext *context, gpointer caller)
{
    (void)context;
    caller_gather(caller);
}

typedef struct {
    Caller *to;
    Description *description;
} Delivery;

static void deliver(GMainContext *context, gpointer data)
{
    Delivery *delivery = data;

    (void)context;
    if (delivery->to->transport != NULL) /* not closed meanwhile */
        caller_accept(delivery->to, delivery->description);
}

static void delivery_free(gpointer data)
{
    Delivery *delivery = data;

    description_free(delivery->description);
    g_free(delivery);
}

/* Signalling, from the context of one to that of the other. */
static void on_gathered(Caller *self)
{
    Call *call = self->user_data;
    Delivery *delivery = g_new(Delivery, 1);

    *delivery = (Delivery){self->other, caller_describe(self)};
    /* The other one may be gone: then it is freed. */
    sluice_ice_driver_invoke(call->driver, self->other->context, deliver, delivery, delivery_free);
}

static gboolean send_next(gpointer data)
{
    Caller *self = data;

    return self->transport != NULL && caller_send(self) && self->seq < PACKETS ? G_SOURCE_CONTINUE
                                                                               : G_SOURCE_REMOVE;
}

static void start_sending(GMainContext *context, gpointer caller)
{
    GSource *source = g_timeout_source_new(5);

    g_source_set_callback(source, send_next, caller, NULL);
    g_source_attach(source, context);
    g_source_unref(source);
}

static void close_caller(GMainContext *context, gpointer caller)
{
    (void)context;
    caller_close(caller);
}

static void on_closed(Caller *self)
{
    Call *call = self->user_data;

    g_assert_true(sluice_ice_driver_remove_context(call->driver, self->context));
}

/* ---- from the test's thread ---- */

static void call_start(Call *call, SluiceIceDriver *driver)
{
    memset(call, 0, sizeof *call);
    call->driver = driver;
    for (guint i = 0; i < 2; i++) {
        Caller *end = &call->end[i];
        GError *error = NULL;

        end->context = sluice_ice_driver_add_context(driver, &error);
        g_assert_no_error(error);
        g_ptr_array_add(contexts, end->context);
        end->config = configs[i];
        end->controlling = i == 0;
        end->options = NICE_AGENT_OPTION_CONSENT_FRESHNESS;
        end->other = &call->end[1 - i];
        end->on_gathered = on_gathered;
        end->on_closed = on_closed;
        end->user_data = call;
    }
    for (guint i = 0; i < 4; i++)
        g_assert_true(sluice_ice_driver_invoke(driver, call->end[i % 2].context,
                                               i < 2 ? make : gather, &call->end[i % 2], NULL));
}

static void both(Call *call, SluiceIceDriverFunc func)
{
    for (guint i = 0; i < 2; i++)
        g_assert_true(sluice_ice_driver_invoke(call->driver, call->end[i].context, func,
                                               &call->end[i], NULL));
}

static void wait_for(atomic_uint *count, guint wanted)
{
    for (guint i = 0; atomic_load(count) < wanted && i < PATIENCE_MS; i++)
        g_usleep(1000);
    g_assert_cmpuint(atomic_load(count), >=, wanted);
}

static void wait_connected(Call *call)
{
    for (guint i = 0; i < 2; i++)
        wait_for(&call->end[i].connected, 1);
}

static void wait_media(Call *call)
{
    for (guint i = 0; i < 2; i++) {
        wait_for(&call->end[i].rtp, PACKETS);
        g_assert_cmpuint(atomic_load(&call->end[i].foreign), ==, 0);
    }
}

static void call_end(Call *call)
{
    both(call, close_caller);
    for (guint i = 0; i < 2; i++) {
        wait_for(&call->end[i].closed, 1);
        g_assert_cmpuint(atomic_load(&call->end[i].foreign), ==, 0);
    }
}

static guint count_descriptors(void)
{
    GDir *dir = g_dir_open("/proc/self/fd", 0, NULL);
    guint count = 0;

    if (dir == NULL)
        return 0;
    while (g_dir_read_name(dir) != NULL)
        count++;
    g_dir_close(dir);
    return count;
}

static SluiceIceDriver *driver_new(guint n_threads)
{
    GError *error = NULL;
    SluiceIceDriver *driver = sluice_ice_driver_new(n_threads, &error);

    g_assert_no_error(error);
    contexts = g_ptr_array_new_with_free_func((GDestroyNotify)g_main_context_unref);
    return driver;
}

static void driver_free(SluiceIceDriver *driver)
{
    g_object_unref(driver);
    g_ptr_array_unref(contexts);
}

/* ---- the tests ---- */

static void run_calls(guint n)
{
    SluiceIceDriver *driver = driver_new(2);
    Call *calls = g_new(Call, n);
    SluiceIceDriverStats stats;
    GThread *threads[2];

    for (guint i = 0; i < n; i++)
        call_start(&calls[i], driver);
    for (guint i = 0; i < n; i++)
        wait_connected(&calls[i]);
    sluice_ice_driver_read_stats(driver, &stats, sizeof stats);
    g_assert_cmpuint(stats.contexts, ==, 2 * n);
    g_assert_cmpuint(stats.unwatched, ==, 0);
    for (guint i = 0; i < n; i++)
        both(&calls[i], start_sending);
    for (guint i = 0; i < n; i++)
        wait_media(&calls[i]);
    for (guint i = 0; i < n; i++)
        call_end(&calls[i]);
    for (guint i = 0; i < 2; i++)
        threads[i] = calls[0].end[i].thread;
    for (guint i = 0; i < 2 * n; i++) {
        GThread *thread = calls[i / 2].end[i % 2].thread;
        g_assert_true(thread == threads[0] || thread == threads[1]);
        g_assert_true(thread != g_thread_self());
    }
    g_assert_true(threads[0] != threads[1]);
    sluice_ice_driver_read_stats(driver, &stats, sizeof stats);
    g_assert_cmpuint(stats.contexts, ==, 0);
    driver_free(driver);
    g_free(calls);
}

static void test_many(void)
{
    run_calls(1); /* GLib and libnice open what they keep open */
    guint before = count_descriptors();
    run_calls(PAIRS);
    g_assert_cmpuint(count_descriptors(), ==, before);
}

/* Calls come and go at random, in all stages, while others carry media. */
static void test_churn(void)
{
    enum { STEADY = 4, PASSING = 6, ROUNDS = 60 };
    SluiceIceDriver *driver = driver_new(2);
    Call steady[STEADY], passing[PASSING];
    gboolean up[PASSING] = {FALSE};

    for (guint i = 0; i < STEADY; i++)
        call_start(&steady[i], driver);
    for (guint i = 0; i < STEADY; i++)
        wait_connected(&steady[i]);
    for (guint round = 0; round < ROUNDS; round++) {
        guint i = (guint)g_test_rand_int_range(0, PASSING);

        if (up[i])
            call_end(&passing[i]);
        else
            call_start(&passing[i], driver);
        up[i] = !up[i];
        if (round % 10 == 0)
            for (guint n = 0; n < STEADY; n++)
                both(&steady[n], start_sending);
        g_usleep((gulong)g_test_rand_int_range(0, 20000));
    }
    for (guint i = 0; i < STEADY; i++) {
        wait_media(&steady[i]);
        call_end(&steady[i]);
    }
    for (guint i = 0; i < PASSING; i++)
        if (up[i])
            call_end(&passing[i]);
    driver_free(driver);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < 2; i++)
        configs[i] = sluice_config_new(NULL);
    g_test_add_func("/ice-driver-agents/many", test_many);
    g_test_add_func("/ice-driver-agents/churn", test_churn);
    int result = g_test_run();
    for (guint i = 0; i < 2; i++)
        sluice_config_unref(configs[i]);
    return result;
}
