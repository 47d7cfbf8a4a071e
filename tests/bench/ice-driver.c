/* SPDX-License-Identifier: BSD-3-Clause */

/* What sessions on libnice cost, with a context each on a SluiceIceDriver: Y7, a packet beside idle sessions; Y6b, idle
 * sessions; Y5b, memory. Each on 127.0.0.1, both ends here, all on one thread; each part in a process of its own, so that
 * one does not inherit the other's memory. */

#include "bench.h"
#include "ice-call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define IDLE 1000       /* sessions, both ends of half as many calls */
#define SHARED_MAX 1000 /* more do not connect in one GMainContext, within any patience */
#define PACKETS 200     /* a round */
#define BATCH 50        /* calls that connect at the same time */
#define WARM_UP 8.0     /* seconds; libnice goes on checking for some after it is connected */
#define WINDOW 25.0     /* the time between two keepalives of libnice */

static SluiceConfig *configs[2];

/* Sessions that one loop runs. */
typedef struct {
    SluiceIceDriver *driver; /* or NULL: */
    GMainContext *shared;    /* one context for all */
    GPtrArray *callers;
} Crowd;

static double now(void) { return seconds_of_wall(); }

/* ---- a crowd ---- */

static void crowd_init(Crowd *self, gboolean shared)
{
    self->callers = g_ptr_array_new();
    self->driver = NULL;
    self->shared = NULL;
    if (shared)
        self->shared = g_main_context_new();
    else if ((self->driver = sluice_ice_driver_new(0, NULL)) == NULL)
        die("sluice_ice_driver_new");
}

/* FALSE: there was nothing to do. */
static gboolean crowd_turn(Crowd *self)
{
    return self->driver != NULL ? sluice_ice_driver_iterate(self->driver, 0)
                                : g_main_context_iteration(self->shared, FALSE);
}

static gboolean stop(gpointer data)
{
    *(gboolean *)data = TRUE;
    return G_SOURCE_REMOVE;
}

/* As a thread that has nothing else to do. */
static void crowd_run(Crowd *self, double seconds)
{
    double end = now() + seconds;

    if (self->driver != NULL) {
        for (double left; (left = end - now()) > 0;)
            sluice_ice_driver_iterate(self->driver, (gint)(left * 1000) + 1);
        return;
    }
    gboolean stopped = FALSE;
    GSource *source = g_timeout_source_new((guint)(seconds * 1000));
    g_source_set_callback(source, stop, &stopped, NULL);
    g_source_attach(source, self->shared);
    g_source_unref(source);
    while (!stopped)
        g_main_context_iteration(self->shared, TRUE);
}

typedef enum { WITHOUT_TRANSPORT = 1, WITH_CONSENT = 2 } Kind;

static Caller *add_caller(Crowd *self, gboolean controlling, Kind kind)
{
    Caller *caller = g_new0(Caller, 1);
    GError *error = NULL;

    caller->context = self->shared != NULL ? g_main_context_ref(self->shared)
                                           : sluice_ice_driver_add_context(self->driver, &error);
    if (caller->context == NULL)
        die(error->message);
    caller->config = kind & WITHOUT_TRANSPORT ? NULL : configs[controlling];
    caller->options = kind & WITH_CONSENT ? NICE_AGENT_OPTION_CONSENT_FRESHNESS : 0;
    caller->controlling = controlling;
    caller_make(caller);
    caller_gather(caller);
    g_ptr_array_add(self->callers, caller);
    return caller;
}

static void wait_for(Crowd *self, atomic_uint *flag)
{
    double end = now() + 60;

    while (!atomic_load(flag)) {
        crowd_turn(self);
        if (now() > end)
            die("a session does not connect");
    }
}

static void give(const Caller *from, Caller *to)
{
    Description *description = caller_describe((Caller *)from);

    caller_accept(to, description);
    description_free(description);
}

/* @n calls more, connected. */
static void crowd_add(Crowd *self, guint n, Kind kind)
{
    for (guint done = 0; done < n;) {
        guint first = self->callers->len;
        for (guint i = 0; i < BATCH && done < n; i++, done++) {
            Caller *a = add_caller(self, TRUE, kind), *b = add_caller(self, FALSE, kind);
            wait_for(self, &a->gathered);
            wait_for(self, &b->gathered);
            give(a, b);
            give(b, a);
        }
        for (guint i = first; i < self->callers->len; i++) {
            Caller *caller = g_ptr_array_index(self->callers, i);
            wait_for(self, kind & WITHOUT_TRANSPORT ? &caller->ready : &caller->connected);
        }
    }
}

/* ---- Y7 ---- */

/* What the loop needs from a datagram in a socket until there is nothing left to do, the median of a round. */
static double packet_cost(Crowd *self)
{
    Caller *a = g_ptr_array_index(self->callers, 0), *b = g_ptr_array_index(self->callers, 1);
    double costs[PACKETS];

    crowd_run(self, 0.02); /* what was late by now */
    for (guint i = 0; i < PACKETS; i++) {
        guint before = atomic_load(&b->rtp);

        if (!caller_send(a))
            die("a packet was refused");
        double start = now();
        while (crowd_turn(self) || atomic_load(&b->rtp) == before)
            ;
        costs[i] = now() - start;
    }
    return median(costs, PACKETS) * 1e9;
}

/* ---- the parts, each in a process ---- */

typedef struct {
    size_t rounds;
    guint idle, shared; /* sessions on a driver, and in one GMainContext */
    double idle_cost[2];
    double memory[2];
} Plan;

static void measure_packets(Plan *plan, guint which)
{
    enum { ALONE, CROWDED, SHARED_ALONE, SHARED_CROWDED, CASES };
    static double costs[CASES][ROUNDS_MAX];
    const guint idle[CASES] = {0, plan->idle, 0, plan->shared};
    Crowd crowds[CASES];
    char what[100];

    (void)which;
    for (guint i = 0; i < CASES; i++) {
        crowd_init(&crowds[i], i >= SHARED_ALONE);
        crowd_add(&crowds[i], 1 + idle[i] / 2, 0);
    }
    for (size_t round = 0; round < plan->rounds; round++)
        for (guint i = 0; i < CASES; i++)
            costs[i][round] = packet_cost(&crowds[i]);
    snprintf(what, sizeof what, "RTP 160 B, %u idle sessions against none, driver", plan->idle);
    report_costs("Y7", what, "ns", costs[CROWDED], costs[ALONE], plan->rounds);
    snprintf(what, sizeof what, "RTP 160 B, %u idle sessions against none, one GMainContext",
             plan->shared);
    report_costs("Y7", what, "ns", costs[SHARED_CROWDED], costs[SHARED_ALONE], plan->rounds);
    snprintf(what, sizeof what, "RTP 160 B, %u idle on a driver against %u in one GMainContext",
             plan->idle, plan->shared);
    report_costs("Y7", what, "ns", costs[CROWDED], costs[SHARED_CROWDED], plan->rounds);
    report_costs("Y7", "RTP 160 B, none idle, a driver against one GMainContext", "ns",
                 costs[ALONE], costs[SHARED_ALONE], plan->rounds);
}

/* CPU of a session, microseconds a second. */
static void measure_idle(Plan *plan, guint which, Kind kind)
{
    Crowd crowd;

    crowd_init(&crowd, which == 1);
    crowd_add(&crowd, (which == 1 ? plan->shared : plan->idle) / 2, kind);
    crowd_run(&crowd, WARM_UP);
    double start = seconds_of_thread(), wall = now();
    crowd_run(&crowd, WINDOW);
    plan->idle_cost[which] =
        (seconds_of_thread() - start) / (now() - wall) / crowd.callers->len * 1e6;
}

static void measure_quiet(Plan *plan, guint which) { measure_idle(plan, which, 0); }

static void measure_consent(Plan *plan, guint which) { measure_idle(plan, which, WITH_CONSENT); }

static double resident(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    unsigned long pages = 0;

    if (file == NULL || fscanf(file, "%*u %lu", &pages) != 1)
        die("/proc/self/statm");
    fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

/* Resident bytes of a session, or of an agent alone. */
static void measure_memory(Plan *plan, guint which)
{
    Kind kind = which == 1 ? WITHOUT_TRANSPORT : 0;
    Crowd crowd;

    crowd_init(&crowd, FALSE);
    crowd_add(&crowd, BATCH, kind); /* what is there once */
    double before = resident();
    crowd_add(&crowd, plan->idle / 2, kind);
    crowd_run(&crowd, WARM_UP);
    plan->memory[which] = (resident() - before) / plan->idle;
}

static pid_t start(void (*work)(Plan *, guint), Plan *plan, guint which)
{
    pid_t child = fork();

    if (child < 0)
        die("fork");
    if (child > 0)
        return child;
    for (guint i = 0; i < 2; i++)
        configs[i] = sluice_config_new(NULL);
    work(plan, which);
    _exit(0);
}

static void finish(pid_t child)
{
    int status;

    if (waitpid(child, &status, 0) < 0 || status != 0)
        die("a part of it failed");
}

/* At the same time, so that both see the same machine. */
static void do_both(void (*work)(Plan *, guint), Plan *plan)
{
    pid_t ours = start(work, plan, 0), base = start(work, plan, 1);

    finish(ours);
    finish(base);
}

static void do_idle(Plan *plan, void (*work)(Plan *, guint), const char *consent)
{
    char what[100];

    do_both(work, plan);
    snprintf(what, sizeof what, "%u idle sessions, %s, on a driver against %u in one GMainContext",
             plan->idle, consent, plan->shared);
    report_costs("Y6b", what, "us of CPU a session a second", &plan->idle_cost[0],
                 &plan->idle_cost[1], 1);
}

/* A session has a socket, and its context and its component's own have a descriptor each. */
static void raise_limit(guint sessions)
{
    struct rlimit limit;
    rlim_t wanted = (rlim_t)sessions * 3 + 200;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        die("getrlimit");
    if (limit.rlim_cur >= wanted)
        return;
    limit.rlim_cur = wanted;
    if (limit.rlim_max < wanted)
        limit.rlim_max = wanted;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        die("no more descriptors: `ulimit -n`");
}

int main(int argc, char **argv)
{
    size_t rounds = 21;
    unsigned percent = 100;

    read_options(argc, argv, &rounds, &percent);
    Plan *plan =
        mmap(NULL, sizeof *plan, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (plan == MAP_FAILED)
        die("mmap");
    plan->rounds = rounds;
    plan->idle = MAX(IDLE * percent / 100, 2);
    plan->shared = MIN(plan->idle, SHARED_MAX);
    raise_limit(plan->idle + plan->shared);
    finish(start(measure_packets, plan, 0));
    do_idle(plan, measure_quiet, "no consent");
    do_idle(plan, measure_consent, "consent");
    do_both(measure_memory, plan);
    report_counts("Y5b", "resident, a session with its agent against the agent alone", "bytes",
                  plan->memory[0], plan->memory[1]);
    return 0;
}
