/* SPDX-License-Identifier: BSD-3-Clause */

/* The GObject, its threads, and which context is whose. */

#include "ice-driver-private.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

struct _SluiceIceDriver {
    GObject parent_instance;

    guint n_threads;
    guint n_loops;      /* one a thread, or the caller's */
    SlIceLoop **loops;  /* from init to finalize, as the threads */
    pthread_t *threads; /* no GThread: ThreadSanitizer sees these */
    guint n_started;
    gboolean iterating;

    pthread_mutex_t lock; /* holds what follows; taken before that of a loop */
    GHashTable *seats; /* GMainContext -> SlIceSeat; what is not in it is posted nothing any more */
};

static void initable_iface_init(GInitableIface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE(SluiceIceDriver, sluice_ice_driver, G_TYPE_OBJECT,
                              G_IMPLEMENT_INTERFACE(G_TYPE_INITABLE, initable_iface_init))

enum { SL_PROP_N_THREADS = 1, SL_N_DRIVER_PROPS };
static GParamSpec *properties[SL_N_DRIVER_PROPS];

/* ---- life ---- */

static gboolean refuse(GError **error, int code, const char *what)
{
    g_set_error(error, SLUICE_ERROR,
                (gint)(code == ENOSYS ? SLUICE_ERROR_UNSUPPORTED : SLUICE_ERROR_NO_MEMORY),
                "%s: %s", what, g_strerror(code));
    return FALSE;
}

static void *run_thread(void *loop)
{
#if defined __linux__
    pthread_setname_np(pthread_self(), "sluice-ice");
#endif
    sl_ice_loop_run(loop);
    sl_ice_loop_unref(loop);
    return NULL;
}

/* Handlers of signals are the application's, and so are the threads that they interrupt. */
static gboolean start_thread(SluiceIceDriver *self, guint number, GError **error)
{
    sigset_t all, before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int code = pthread_create(&self->threads[number], NULL, run_thread,
                              sl_ice_loop_ref(self->loops[number]));
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (code != 0) {
        sl_ice_loop_unref(self->loops[number]);
        return refuse(error, code, "No thread for a driver");
    }
    self->n_started++;
    return TRUE;
}

static gboolean start(SluiceIceDriver *self, GError **error)
{
    for (guint i = 0; i < self->n_loops; i++) {
        self->loops[i] = sl_ice_loop_new();
        if (self->loops[i] == NULL)
            return refuse(error, errno, "No loop for a driver");
    }
    for (guint i = 0; i < self->n_threads; i++)
        if (!start_thread(self, i, error))
            return FALSE;
    return TRUE;
}

static gboolean initable_init(GInitable *initable, GCancellable *cancellable, GError **error)
{
    SluiceIceDriver *self = SLUICE_ICE_DRIVER(initable);

    (void)cancellable;
    if (self->loops != NULL)
        return TRUE;
    self->n_loops = MAX(self->n_threads, 1);
    self->loops = g_new0(SlIceLoop *, self->n_loops);
    self->threads = g_new0(pthread_t, self->n_loops);
    return start(self, error);
}

static void initable_iface_init(GInitableIface *iface) { iface->init = initable_init; }

static void sluice_ice_driver_init(SluiceIceDriver *self)
{
    pthread_mutex_init(&self->lock, NULL);
    self->seats = g_hash_table_new(NULL, NULL);
}

static gboolean is_own_thread(SluiceIceDriver *self)
{
    for (guint i = 0; i < self->n_started; i++)
        if (pthread_equal(self->threads[i], pthread_self()))
            return TRUE;
    return FALSE;
}

/* The last reference may go in a callback: its own thread cannot wait for itself, and must not for the others, which may
 * wait for it. */
static void end_threads(SluiceIceDriver *self)
{
    gboolean own = is_own_thread(self);

    for (guint i = 0; i < self->n_loops; i++)
        if (self->loops[i] != NULL)
            sl_ice_loop_quit(self->loops[i]);
    for (guint i = 0; i < self->n_started; i++)
        if (own)
            pthread_detach(self->threads[i]);
        else
            pthread_join(self->threads[i], NULL);
}

static void finalize(GObject *object)
{
    SluiceIceDriver *self = SLUICE_ICE_DRIVER(object);

    SL_ICE_LAST_REFERENCE(object);
    end_threads(self);
    for (guint i = 0; i < self->n_loops; i++)
        sl_ice_loop_unref(self->loops[i]);
    g_free(self->loops);
    g_free(self->threads);
    g_hash_table_unref(self->seats);
    pthread_mutex_destroy(&self->lock);
    G_OBJECT_CLASS(sluice_ice_driver_parent_class)->finalize(object);
}

/* ---- properties ---- */

static void set_property(GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
    if (id == SL_PROP_N_THREADS)
        SLUICE_ICE_DRIVER(object)->n_threads = g_value_get_uint(value);
    else
        G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
}

static void get_property(GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
    if (id == SL_PROP_N_THREADS)
        g_value_set_uint(value, SLUICE_ICE_DRIVER(object)->n_threads);
    else
        G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
}

static void sluice_ice_driver_class_init(SluiceIceDriverClass *klass)
{
    GObjectClass *object_class = G_OBJECT_CLASS(klass);

    object_class->set_property = set_property;
    object_class->get_property = get_property;
    object_class->finalize = finalize;
    /**
     * SluiceIceDriver:n-threads: (getter get_n_threads)
     *
     * The threads; 0: the caller's own loop runs it.
     */
    properties[SL_PROP_N_THREADS] = g_param_spec_uint(
        "n-threads", NULL, NULL, 0, SLUICE_ICE_DRIVER_MAX_THREADS, 1,
        (GParamFlags)(G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS));
    g_object_class_install_properties(object_class, SL_N_DRIVER_PROPS, properties);
}

SluiceIceDriver *sluice_ice_driver_new(guint n_threads, GError **error)
{
    if (n_threads > SLUICE_ICE_DRIVER_MAX_THREADS) {
        sl_error_take_status(error, SLUICE_INVALID_ARGUMENT);
        return NULL;
    }
    return g_initable_new(SLUICE_TYPE_ICE_DRIVER, NULL, error, "n-threads", n_threads, NULL);
}

guint sluice_ice_driver_get_n_threads(SluiceIceDriver *self)
{
    g_return_val_if_fail(SLUICE_IS_ICE_DRIVER(self), 0);
    return self->n_threads;
}

/* ---- contexts ---- */

/* GLib ends the process when it finds no descriptor for a context. */
static gboolean has_descriptor(SluiceIceDriver *self, GError **error)
{
    int fd = fcntl(sl_ice_watches_fd(self->loops[0]->watches), F_DUPFD_CLOEXEC, 0);

    if (fd < 0)
        return refuse(error, errno, "No descriptor for a context");
    close(fd);
    return TRUE;
}

static SlIceLoop *least_loaded(SluiceIceDriver *self)
{
    SlIceLoop *best = self->loops[0];

    for (guint i = 1; i < self->n_loops; i++)
        if (self->loops[i]->places < best->places)
            best = self->loops[i];
    return best;
}

GMainContext *sluice_ice_driver_add_context(SluiceIceDriver *self, GError **error)
{
    g_return_val_if_fail(SLUICE_IS_ICE_DRIVER(self) && self->loops != NULL, NULL);
    pthread_mutex_lock(&self->lock);
    if (!has_descriptor(self, error)) {
        pthread_mutex_unlock(&self->lock);
        return NULL;
    }
    SlIceLoop *loop = least_loaded(self);
    SlIceSeat *seat = sl_ice_seat_new(loop);
    GMainContext *context = g_main_context_ref(seat->context);
    loop->places++;
    g_hash_table_insert(self->seats, context, seat);
    sl_ice_loop_post(loop, SL_ICE_POSTED_ADD, seat, NULL);
    pthread_mutex_unlock(&self->lock);
    return context;
}

gboolean sluice_ice_driver_remove_context(SluiceIceDriver *self, GMainContext *context)
{
    g_return_val_if_fail(SLUICE_IS_ICE_DRIVER(self), FALSE);
    pthread_mutex_lock(&self->lock);
    SlIceSeat *seat = g_hash_table_lookup(self->seats, context);
    if (seat != NULL) {
        g_hash_table_remove(self->seats, context);
        seat->loop->places--;
        sl_ice_loop_post(seat->loop, SL_ICE_POSTED_REMOVE, seat, NULL);
    }
    pthread_mutex_unlock(&self->lock);
    return seat != NULL;
}

gboolean sluice_ice_driver_invoke(SluiceIceDriver *self, GMainContext *context,
                                  SluiceIceDriverFunc func, gpointer user_data,
                                  GDestroyNotify destroy)
{
    g_return_val_if_fail(SLUICE_IS_ICE_DRIVER(self) && func != NULL, FALSE);
    SlIceCall *call = g_new(SlIceCall, 1);

    *call = (SlIceCall){func, user_data, destroy};
    pthread_mutex_lock(&self->lock);
    SlIceSeat *seat = g_hash_table_lookup(self->seats, context);
    if (seat != NULL)
        sl_ice_loop_post(seat->loop, SL_ICE_POSTED_CALL, seat, call);
    pthread_mutex_unlock(&self->lock);
    if (seat == NULL)
        sl_ice_call_free(call);
    return seat != NULL;
}

void sluice_ice_driver_read_stats(SluiceIceDriver *self, SluiceIceDriverStats *stats, gsize size)
{
    SluiceIceDriverStats all = {0};

    g_return_if_fail(SLUICE_IS_ICE_DRIVER(self) && stats != NULL);
    pthread_mutex_lock(&self->lock);
    all.contexts = g_hash_table_size(self->seats);
    pthread_mutex_unlock(&self->lock);
    for (guint i = 0; i < self->n_loops && self->loops != NULL; i++) {
        SlIceLoop *loop = self->loops[i];
        all.unwatched += atomic_load(&loop->unwatched);
        all.wakeups += atomic_load(&loop->wakeups);
        all.turns += atomic_load(&loop->turns);
        all.rearmed += sl_ice_watches_rearmed(loop->watches);
    }
    /* A program built with a later header knows more of them: zero. */
    memset(stats, 0, size);
    memcpy(stats, &all, MIN(size, sizeof all));
}

/* ---- without threads ---- */

static gboolean is_callers(SluiceIceDriver *self)
{
    return self->n_threads == 0 && self->loops != NULL;
}

gint sluice_ice_driver_get_fd(SluiceIceDriver *self)
{
    g_return_val_if_fail(SLUICE_IS_ICE_DRIVER(self), -1);
    return is_callers(self) ? sl_ice_watches_fd(self->loops[0]->watches) : -1;
}

gint sluice_ice_driver_get_timeout(SluiceIceDriver *self)
{
    g_return_val_if_fail(SLUICE_IS_ICE_DRIVER(self) && is_callers(self), -1);
    return sl_ice_loop_timeout(self->loops[0]);
}

gboolean sluice_ice_driver_iterate(SluiceIceDriver *self, gint timeout)
{
    g_return_val_if_fail(SLUICE_IS_ICE_DRIVER(self) && is_callers(self) && !self->iterating, FALSE);
    /* A callback may drop the last reference but this one. */
    g_object_ref(self);
    self->iterating = TRUE;
    gboolean turned = sl_ice_loop_turn(self->loops[0], timeout) > 0;
    self->iterating = FALSE;
    g_object_unref(self);
    return turned;
}
