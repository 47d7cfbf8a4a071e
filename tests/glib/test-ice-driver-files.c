/* SPDX-License-Identifier: BSD-3-Clause */

/* SluiceIceDriver and the descriptors of contexts: what an epoll does otherwise than the poll of a GMainContext. All on a
 * driver without threads, turn by turn.
 *
 * Bug held here: a descriptor that is closed drops out of the epoll without a word. A socket that libnice opens next has
 * the same number, the context asks for the same as before, and nobody watches it: the call is deaf. */

#include <sluice-glib/sluice-glib.h>

#include <fcntl.h>
#include <glib-unix.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct {
    SluiceIceDriver *driver;
    GMainContext *context[2];
} Files;

typedef struct {
    GSource *source;
    int fd, peer; /* a pair of datagram sockets */
    guint read;   /* datagrams */
} File;

static void files_init(Files *self)
{
    GError *error = NULL;

    self->driver = sluice_ice_driver_new(0, &error);
    g_assert_no_error(error);
    for (guint i = 0; i < 2; i++) {
        self->context[i] = sluice_ice_driver_add_context(self->driver, &error);
        g_assert_no_error(error);
    }
}

static void files_clear(Files *self)
{
    for (guint i = 0; i < 2; i++)
        g_main_context_unref(self->context[i]);
    g_object_unref(self->driver);
}

/* Until nothing is left to do. Returns how often a context was turned. */
static guint64 turn_all(Files *self)
{
    SluiceIceDriverStats before, after;

    sluice_ice_driver_read_stats(self->driver, &before, sizeof before);
    for (guint i = 0; i < 100 && sluice_ice_driver_iterate(self->driver, 0); i++)
        ;
    sluice_ice_driver_read_stats(self->driver, &after, sizeof after);
    return after.turns - before.turns;
}

/* What is verified a little later only. */
static void turn_for_long(Files *self)
{
    for (gint64 end = g_get_monotonic_time() + 30000; g_get_monotonic_time() < end;)
        sluice_ice_driver_iterate(self->driver, 1);
}

static gboolean on_file(gint fd, GIOCondition condition, gpointer data)
{
    File *file = data;
    char byte;

    g_assert_cmpint(fd, ==, file->fd);
    if ((condition & G_IO_IN) && recv(fd, &byte, 1, MSG_DONTWAIT) == 1) /* one a turn */
        file->read++;
    return G_SOURCE_CONTINUE;
}

static void watch(File *file, GMainContext *context)
{
    file->source = g_unix_fd_source_new(file->fd, G_IO_IN);
    g_source_set_callback(file->source, G_SOURCE_FUNC((GUnixFDSourceFunc)on_file), file, NULL);
    g_source_attach(file->source, context);
}

static void file_open(File *file, GMainContext *context)
{
    int pair[2];

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair), ==, 0);
    *file = (File){.fd = pair[0], .peer = pair[1]};
    watch(file, context);
}

static void file_unwatch(File *file)
{
    g_source_destroy(file->source);
    g_source_unref(file->source);
}

static void file_close(File *file)
{
    file_unwatch(file);
    g_assert_cmpint(close(file->fd), ==, 0);
    g_assert_cmpint(close(file->peer), ==, 0);
}

static void say(const File *file) { g_assert_cmpint(send(file->peer, "x", 1, 0), ==, 1); }

static void expect(Files *files, File *file, guint read)
{
    turn_all(files);
    g_assert_cmpuint(file->read, ==, read);
}

/* ---- the same number again ---- */

/* Another pair of sockets, @fd's number again. */
static void reopen(File *file, GMainContext *context, int number)
{
    int pair[2];

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair), ==, 0);
    *file = (File){.fd = number, .peer = pair[1]};
    if (pair[0] != number) {
        g_assert_cmpint(dup3(pair[0], number, O_CLOEXEC), ==, number);
        close(pair[0]);
    }
    watch(file, context);
}

static void test_same_number(void)
{
    Files files;
    File file, busy;

    files_init(&files);
    file_open(&file, files.context[0]);
    file_open(&busy, files.context[0]);
    for (guint i = 0; i < 10; i++) {
        say(&file);
        expect(&files, &file, 1);
        say(&busy); /* the context is just being turned for something else, and verified a moment ago */
        turn_all(&files);
        file_close(&file);
        reopen(&file, files.context[0], file.fd);
        turn_all(&files);
        turn_for_long(&files);
        say(&file);
        expect(&files, &file, 1);
        file.read = 0;
    }
    file_close(&file);
    file_close(&busy);
    files_clear(&files);
}

typedef struct {
    Files *files;
    File *file;
    guint done;
} Reopening;

static gboolean reopen_inside(gpointer data)
{
    Reopening *reopening = data;

    file_close(reopening->file);
    reopen(reopening->file, reopening->files->context[0], reopening->file->fd);
    reopening->done++;
    return G_SOURCE_REMOVE;
}

/* As libnice does it: inside a dispatch, so that nothing is seen of it from outside. */
static void test_same_number_inside(void)
{
    Files files;
    File file;
    Reopening reopening = {&files, &file, 0};

    files_init(&files);
    file_open(&file, files.context[0]);
    for (guint i = 1; i <= 10; i++) {
        turn_all(&files);
        GSource *idle = g_idle_source_new();
        g_source_set_callback(idle, reopen_inside, &reopening, NULL);
        g_source_attach(idle, files.context[0]);
        g_source_unref(idle);
        turn_all(&files);
        g_assert_cmpuint(reopening.done, ==, i);
        turn_for_long(&files);
        say(&file);
        expect(&files, &file, 1);
    }
    SluiceIceDriverStats stats;
    sluice_ice_driver_read_stats(files.driver, &stats, sizeof stats);
    g_assert_cmpuint(stats.rearmed, ==, 10);
    file_close(&file);
    files_clear(&files);
}

/* The number moves to the other context, in either order of their turns; the first one's farewell to it must not take the
 * second one's registration along. */
static void test_number_moves(void)
{
    Files files;
    File file;

    files_init(&files);
    for (guint i = 0; i < 4; i++) {
        GMainContext *to = files.context[(i + 1) % 2];

        file_open(&file, files.context[i % 2]);
        say(&file);
        expect(&files, &file, 1);
        file_close(&file);
        reopen(&file, to, file.fd);
        if (i < 2)
            g_main_context_wakeup(to);
        turn_all(&files);
        say(&file);
        expect(&files, &file, 1);
        say(&file);
        expect(&files, &file, 2);
        file_close(&file);
        turn_all(&files);
    }
    files_clear(&files);
}

/* A file outlives its descriptor: a forked child, here a duplicate, has it too. The epoll then goes on with it, and nobody
 * can take it out. */
static void test_file_lives_on(void)
{
    Files files;
    File file, old;

    files_init(&files);
    file_open(&old, files.context[0]);
    int child = dup(old.fd);
    turn_all(&files);
    file_unwatch(&old);
    close(old.fd);
    reopen(&file, files.context[0], old.fd);
    turn_for_long(&files);
    for (guint i = 0; i < 20; i++) {
        say(&old);
        g_assert_cmpuint(turn_all(&files), ==, 0);
    }
    /* Nor does it keep the thread awake. */
    GPollFD poll = {sluice_ice_driver_get_fd(files.driver), G_IO_IN, 0};
    g_assert_cmpint(g_poll(&poll, 1, 0), ==, 0);
    g_assert_cmpuint(file.read, ==, 0);
    say(&file);
    expect(&files, &file, 1);
    close(child);
    close(old.peer);
    file_close(&file);
    files_clear(&files);
}

/* ---- other files ---- */

/* What is left unread comes again: a context polls by level. */
static void test_level(void)
{
    Files files;
    File file;

    files_init(&files);
    file_open(&file, files.context[0]);
    for (guint i = 0; i < 7; i++)
        say(&file);
    expect(&files, &file, 7);
    /* And one datagram is one turn, although GLib wakes the context while it dispatches. */
    turn_for_long(&files);
    say(&file);
    g_assert_cmpuint(turn_all(&files), ==, 1);
    file_close(&file);
    files_clear(&files);
}

/* Two contexts, one descriptor. */
static void test_shared(void)
{
    Files files;
    File a, b;

    files_init(&files);
    file_open(&a, files.context[0]);
    b = a;
    b.read = 0;
    watch(&b, files.context[1]);
    turn_all(&files);
    for (guint i = 1; i <= 10; i++) {
        say(&a);
        say(&a);
        turn_all(&files);
        g_assert_cmpuint(a.read + b.read, ==, 2 * i);
    }
    g_assert_cmpuint(a.read, ==, b.read); /* they take turns */
    file_unwatch(&a);
    turn_all(&files);
    guint before = b.read;
    say(&b);
    expect(&files, &b, before + 1);
    file_unwatch(&b);
    turn_all(&files);
    say(&b);
    g_assert_cmpuint(turn_all(&files), ==, 0);
    close(a.fd);
    close(a.peer);
    files_clear(&files);
}

/* A context is given up with all that is attached to it, and its next owner finds that. */
static void test_removed(void)
{
    Files files;
    File file, other;

    files_init(&files);
    file_open(&file, files.context[0]);
    file_open(&other, files.context[1]);
    turn_all(&files);
    say(&file);
    g_assert_true(sluice_ice_driver_remove_context(files.driver, files.context[0]));
    turn_all(&files);
    guint before = file.read;
    say(&file);
    g_assert_cmpuint(turn_all(&files), ==, 0);
    say(&other);
    expect(&files, &other, 1);
    g_assert_cmpuint(file.read, ==, before);
    while (g_main_context_iteration(files.context[0], FALSE))
        ;
    g_assert_cmpuint(file.read, ==, 2);
    file_close(&file);
    file_close(&other);
    files_clear(&files);
}

static gboolean on_regular(gint fd, GIOCondition condition, gpointer data)
{
    (void)fd, (void)condition;
    ++*(guint *)data;
    return G_SOURCE_CONTINUE;
}

/* A regular file is always ready to poll, and epoll refuses it: the context is looked at now and then, the others as ever. */
static void test_refused(void)
{
    Files files;
    File file;
    SluiceIceDriverStats stats;
    guint calls = 0;
    gchar *name = NULL;
    int fd = g_file_open_tmp(NULL, &name, NULL);

    files_init(&files);
    GSource *source = g_unix_fd_source_new(fd, G_IO_IN);
    g_source_set_callback(source, G_SOURCE_FUNC((GUnixFDSourceFunc)on_regular), &calls, NULL);
    g_source_attach(source, files.context[0]);
    file_open(&file, files.context[1]);
    turn_all(&files);
    say(&file);
    expect(&files, &file, 1);
    turn_for_long(&files);
    g_assert_cmpuint(calls, >=, 1);
    sluice_ice_driver_read_stats(files.driver, &stats, sizeof stats);
    g_assert_cmpuint(stats.unwatched, ==, 1);
    g_source_destroy(source);
    g_source_unref(source);
    turn_for_long(&files);
    sluice_ice_driver_read_stats(files.driver, &stats, sizeof stats);
    g_assert_cmpuint(stats.unwatched, ==, 0);
    g_assert_cmpuint(turn_all(&files), ==, 0);
    close(fd);
    unlink(name);
    g_free(name);
    file_close(&file);
    files_clear(&files);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/ice-driver-files/same-number/outside", test_same_number);
    g_test_add_func("/ice-driver-files/same-number/inside", test_same_number_inside);
    g_test_add_func("/ice-driver-files/number-moves", test_number_moves);
    g_test_add_func("/ice-driver-files/file-lives-on", test_file_lives_on);
    g_test_add_func("/ice-driver-files/level", test_level);
    g_test_add_func("/ice-driver-files/shared", test_shared);
    g_test_add_func("/ice-driver-files/removed", test_removed);
    g_test_add_func("/ice-driver-files/refused", test_refused);
    return g_test_run();
}
