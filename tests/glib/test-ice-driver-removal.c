/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: once the callback that has removed a context of its own thread has returned, nothing of that context runs.
 *
 * Bug: it did, and used what the callback had freed. Mechanism: a removal was looked at after the next wait alone, and there
 * only when the driver's wake-up was among the events of that wait. */

#include <sluice-glib/sluice-glib.h>

#include <glib-unix.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define BUSY 300 /* descriptors, more than the events of one wait */
#define ROUNDS 50

typedef struct {
    SluiceIceDriver *driver;
    GMainContext *other, *victim;
    int fds[BUSY];
    guint n_fds;
    gboolean removed;
    guint ran, ran_after;
} Scene;

static void scene_open(Scene *self)
{
    GError *error = NULL;

    *self = (Scene){.driver = sluice_ice_driver_new(0, &error)};
    g_assert_no_error(error);
    self->other = sluice_ice_driver_add_context(self->driver, &error);
    g_assert_no_error(error);
    self->victim = sluice_ice_driver_add_context(self->driver, &error);
    g_assert_no_error(error);
}

static void turn(Scene *self)
{
    for (guint i = 0; i < ROUNDS; i++)
        sluice_ice_driver_iterate(self->driver, 0);
}

static void scene_close(Scene *self)
{
    g_assert_true(self->removed);
    g_assert_cmpuint(self->ran_after, ==, 0);
    g_main_context_unref(self->other);
    g_main_context_unref(self->victim);
    g_object_unref(self->driver);
    for (guint i = 0; i < self->n_fds; i++)
        close(self->fds[i]);
}

static gboolean work(gpointer data)
{
    Scene *self = data;

    self->ran++;
    if (self->removed)
        self->ran_after++;
    return G_SOURCE_CONTINUE;
}

static gboolean remove_victim(gpointer data)
{
    Scene *self = data;

    g_assert_true(sluice_ice_driver_remove_context(self->driver, self->victim));
    self->removed = TRUE;
    return G_SOURCE_REMOVE;
}

static gboolean stay_readable(gint fd, GIOCondition condition, gpointer data)
{
    (void)fd;
    (void)condition;
    (void)data;
    return G_SOURCE_CONTINUE;
}

static void add_idle(Scene *self, GMainContext *context, GSourceFunc func, int priority)
{
    GSource *source = g_idle_source_new();

    g_source_set_callback(source, func, self, NULL);
    g_source_set_priority(source, priority);
    g_source_attach(source, context);
    g_source_unref(source);
}

/* The context itself, while the neighbour has more to read than one wait tells. */
static void test_under_load(void)
{
    Scene scene;

    scene_open(&scene);
    while (scene.n_fds < BUSY) {
        int fd = scene.fds[scene.n_fds] = eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC);
        GSource *source;

        g_assert_cmpint(fd, >=, 0);
        scene.n_fds++;
        source = g_unix_fd_source_new(fd, G_IO_IN);
        g_source_set_callback(source, G_SOURCE_FUNC(stay_readable), NULL, NULL);
        g_source_attach(source, scene.other);
        g_source_unref(source);
    }
    turn(&scene);
    add_idle(&scene, scene.victim, work, G_PRIORITY_DEFAULT_IDLE);
    add_idle(&scene, scene.victim, remove_victim, G_PRIORITY_DEFAULT);
    turn(&scene);
    scene_close(&scene);
}

/* Another context, that has its turn later in the same round. */
static void test_neighbour(void)
{
    Scene scene;

    scene_open(&scene);
    turn(&scene);
    add_idle(&scene, scene.other, remove_victim, G_PRIORITY_DEFAULT);
    add_idle(&scene, scene.victim, work, G_PRIORITY_DEFAULT);
    turn(&scene);
    scene_close(&scene);
}

/* The twin: without a removal it runs. */
static void test_runs(void)
{
    Scene scene;

    scene_open(&scene);
    add_idle(&scene, scene.victim, work, G_PRIORITY_DEFAULT);
    turn(&scene);
    g_assert_cmpuint(scene.ran, >, 1);
    scene.ran = 0;
    remove_victim(&scene);
    turn(&scene);
    g_assert_cmpuint(scene.ran, ==, 0);
    scene_close(&scene);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/ice-driver-removal/under-load", test_under_load);
    g_test_add_func("/ice-driver-removal/neighbour", test_neighbour);
    g_test_add_func("/ice-driver-removal/runs", test_runs);
    return g_test_run();
}
