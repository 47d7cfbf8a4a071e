/* SPDX-License-Identifier: BSD-3-Clause */

/* Y6: what established sessions cost while nothing happens: CPU of a loop that wakes up a hundred times a second, as that of
 * a media server does, and keeps its timers in a SluiceTimers. Two kinds of it: sessions that have no timer, which is
 * what next_timeout says of them; and sessions for which the program itself has something to do every 5 seconds. Each
 * loop has a thread of its own, and all run at once. */

#include "call.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#define SESSIONS 10000
#define FEW 1000
#define TICK_MS 10
#define KEEP_ALIVE (5 * SLUICE_SECOND)

typedef struct {
    SluiceTimer timer;
    SluiceTransport *transport;
} Session;

typedef struct {
    SluiceTransport **transports;
    size_t n;
    int keep_alive;
    double seconds; /* how long */

    SluiceTimers *timers;
    Session *sessions;
    double spent; /* CPU, ns in 10 s */
    uint64_t woken;
    pthread_t thread;
} Loop;

static void set(Loop *self, Session *session, SluiceTime now)
{
    SluiceTime due = sluice_transport_next_timeout(session->transport);

    if (self->keep_alive && due > now + KEEP_ALIVE)
        due = now + KEEP_ALIVE;
    require_ok(sluice_timers_set(self->timers, &session->timer, due), "timer");
}

static void open_loop(Loop *self)
{
    SluiceTime now = call_now();

    self->timers = sluice_timers_new();
    self->sessions = calloc(self->n + 1, sizeof *self->sessions);
    if (!self->timers || !self->sessions)
        die("calloc");
    for (size_t i = 0; i < self->n; i++) {
        Session *session = &self->sessions[i];

        session->timer.user_data = session;
        session->transport = self->transports[i];
        /* As if they had come one after the other. */
        set(self, session, now - (SluiceTime)(random_next() % KEEP_ALIVE));
    }
}

static void *run(void *loop)
{
    Loop *self = loop;
    int epoll = epoll_create1(0);
    double end = seconds_of_wall() + self->seconds, start;

    if (epoll < 0)
        die("epoll");
    start = seconds_of_thread();
    while (seconds_of_wall() < end) {
        struct epoll_event event;
        SluiceTimer *timer;
        SluiceTime now;

        (void)epoll_wait(epoll, &event, 1, TICK_MS);
        now = call_now();
        while ((timer = sluice_timers_pop(self->timers, now)) != NULL) {
            Session *session = timer->user_data;

            require_ok(sluice_transport_handle_timeout(session->transport, now), "timeout");
            set(self, session, now);
            self->woken++;
        }
    }
    self->spent = (seconds_of_thread() - start) * 1e9 * 10 / self->seconds;
    close(epoll);
    return NULL;
}

int main(int argc, char **argv)
{
    enum { NONE, IDLE_FEW, IDLE, BUSY_FEW, BUSY, LOOPS };
    static Loop loops[LOOPS];
    SluiceTransport **transports;
    SluiceConfig *config;
    size_t rounds = 1;
    unsigned percent = 100;

    read_options(argc, argv, &rounds, &percent);
    config = call_config(&profile_gcm128);
    transports = calls_open(config, 2 * (SESSIONS + FEW));
    loops[IDLE_FEW] = (Loop){.transports = transports, .n = FEW};
    loops[IDLE] = (Loop){.transports = transports + FEW, .n = SESSIONS};
    loops[BUSY_FEW] = (Loop){.transports = transports + FEW + SESSIONS, .n = FEW, .keep_alive = 1};
    loops[BUSY] =
        (Loop){.transports = transports + 2 * FEW + SESSIONS, .n = SESSIONS, .keep_alive = 1};
    for (int i = 0; i < LOOPS; i++) {
        loops[i].seconds = 0.1 * percent;
        open_loop(&loops[i]);
    }
    for (int i = 0; i < LOOPS; i++)
        if (pthread_create(&loops[i].thread, NULL, run, &loops[i]) != 0)
            die("pthread_create");
    for (int i = 0; i < LOOPS; i++)
        pthread_join(loops[i].thread, NULL);
    report_counts("Y6", "CPU of 10 s, 10000 idle sessions, vs 1000", "ns", loops[IDLE].spent,
                  loops[IDLE_FEW].spent);
    report_counts("Y6", "CPU of 10 s, 10000 idle sessions, vs a loop that has none", "ns",
                  loops[IDLE].spent, loops[NONE].spent);
    report_counts("Y6", "CPU of 10 s, 10000 sessions woken every 5 s, vs 1000", "ns",
                  loops[BUSY].spent, loops[BUSY_FEW].spent);
    report_counts("Y6", "CPU of 10 s, 10000 sessions woken every 5 s, vs 10 s of a core", "ns",
                  loops[BUSY].spent, 10e9);
    for (int i = 0; i < LOOPS; i++) {
        sluice_timers_free(loops[i].timers);
        free(loops[i].sessions);
    }
    calls_close(transports, 2 * (SESSIONS + FEW));
    sluice_config_unref(config);
    return 0;
}
