/* SPDX-License-Identifier: BSD-3-Clause */

/* Bytes and messages a second through a stream over a pair of sockets, against others that do the same.
 *
 * What counts is the CPU time of the thread that has both ends; or, with a thread for each end, that of the busier of
 * the two, which bounds the speed on a machine of one's own: neighbours hardly show in it. Time on the wall is reported
 * beside it. Each round makes new connections, so that no luck with the layout of memory lasts, and the contenders
 * take turns in it. */

#include "bench.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

/* First what is compared, then with what. */
static const Contender *const contenders[] = {
    &contender_sluice,  &contender_sluice_gathering,
    &contender_openssl, &contender_openssl_read_ahead,
#ifdef HAVE_ASIO
    &contender_asio,    &contender_asio_blocking,
#endif
};
enum { OURS = 2, CONTENDERS = sizeof contenders / sizeof *contenders };

typedef struct {
    const char *text;
    int family, threads;
} Path;

typedef struct {
    const char *text, *yardstick, *unit;
    double a_message; /* in that unit */
    size_t message;
    uint64_t messages, warm_up;
} Traffic;

typedef struct {
    const Contender *contender;
    void *pair;
    const Load *load;
    Side side;
    double seconds; /* of CPU time */
} Worker;

typedef struct {
    double cpu, wall;
} Seconds;

static double cpu_rates[CONTENDERS][ROUNDS_MAX], wall_rates[CONTENDERS][ROUNDS_MAX];

/* -- sockets ------------------------------------------------------------------------------------------------ */

static void tcp_pair(int fds[2])
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t len = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0), on = 1;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    fds[0] = socket(AF_INET, SOCK_STREAM, 0);
    if (listener < 0 || fds[0] < 0 || bind(listener, (struct sockaddr *)&address, len) < 0 ||
        listen(listener, 1) < 0 || getsockname(listener, (struct sockaddr *)&address, &len) < 0 ||
        connect(fds[0], (struct sockaddr *)&address, len) < 0 ||
        (fds[1] = accept(listener, NULL, NULL)) < 0)
        die("a pair of TCP sockets");
    close(listener);
    for (int i = 0; i < 2; i++)
        if (setsockopt(fds[i], IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0)
            die("TCP_NODELAY");
}

static void open_sockets(int family, int fds[2])
{
    if (family == AF_INET)
        tcp_pair(fds);
    else if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) < 0)
        die("socketpair");
    for (int i = 0; i < 2; i++)
        if (fcntl(fds[i], F_SETFL, O_NONBLOCK) < 0)
            die("fcntl");
}

/* -- one transfer ------------------------------------------------------------------------------------------- */

/* Sender and receiver have a processor each, if there are two; who runs alone has the first. */
static void pin(int place)
{
    cpu_set_t allowed, one;
    int seen = 0;

    if (sched_getaffinity(getpid(), sizeof allowed, &allowed) < 0)
        return;
    for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, &allowed) && seen++ == place) {
            CPU_ZERO(&one);
            CPU_SET(cpu, &one);
            (void)pthread_setaffinity_np(pthread_self(), sizeof one, &one);
        }
}

static void *work(void *context)
{
    Worker *self = context;
    double start = seconds_of_thread();

    self->contender->run(self->pair, self->load, self->side);
    self->seconds = seconds_of_thread() - start;
    return NULL;
}

static void *work_on_its_own(void *context)
{
    const Worker *self = context;

    pin(self->side == RECEIVER);
    return work(context);
}

static Seconds run_it(const Contender *contender, void *pair, const Load *load, int threads)
{
    Worker sender = {contender, pair, load, threads == 1 ? BOTH : SENDER, 0},
           receiver = {contender, pair, load, RECEIVER, 0};
    Seconds seconds = {0, seconds_of_wall()};
    pthread_t thread[2];

    if (threads == 1) {
        work(&sender);
    } else {
        if (pthread_create(&thread[0], NULL, work_on_its_own, &sender) != 0 ||
            pthread_create(&thread[1], NULL, work_on_its_own, &receiver) != 0)
            die("a thread");
        pthread_join(thread[0], NULL);
        pthread_join(thread[1], NULL);
    }
    seconds.wall = seconds_of_wall() - seconds.wall;
    seconds.cpu = sender.seconds > receiver.seconds ? sender.seconds : receiver.seconds;
    return seconds;
}

static Seconds transfer(const Contender *contender, const Material *material, const Path *path,
                        const Load *warm_up, const Load *load)
{
    Seconds seconds;
    int fds[2];
    void *pair;

    open_sockets(path->family, fds);
    pair = contender->open(material, fds[0], fds[1], path->threads);
    (void)run_it(contender, pair, warm_up, path->threads);
    seconds = run_it(contender, pair, load, path->threads);
    contender->close(pair);
    close(fds[0]);
    close(fds[1]);
    return seconds;
}

/* -- all of them -------------------------------------------------------------------------------------------- */

static int takes_part(const Contender *contender, const Path *path)
{
    return path->threads == 2 || !contender->two_threads_only;
}

static void run_rounds(const Material *material, const Path *path, const Traffic *traffic,
                       size_t rounds, unsigned percent)
{
    const Load warm_up = {traffic->message, traffic->warm_up},
               load = {traffic->message, traffic->messages * percent / 100 + 1};
    const double units = (double)load.messages * traffic->a_message;

    /* The order goes round: who comes after whom is nobody's advantage. */
    for (size_t round = 0; round < rounds; round++)
        for (size_t i = 0; i < CONTENDERS; i++) {
            size_t who = (round + i) % CONTENDERS;
            Seconds seconds;

            if (!takes_part(contenders[who], path))
                continue;
            seconds = transfer(contenders[who], material, path, &warm_up, &load);
            cpu_rates[who][round] = units / seconds.cpu;
            wall_rates[who][round] = units / seconds.wall;
        }
}

static void report(const Path *path, const Traffic *traffic, const char *clock, size_t us,
                   size_t base, double figures[][ROUNDS_MAX], size_t rounds)
{
    char text[256];

    snprintf(text, sizeof text, "TLS1.3 AES128-GCM %s, %s, %s, %s vs %s", traffic->text, path->text,
             clock, contenders[us]->name, contenders[base]->name);
    report_rates(traffic->yardstick, text, traffic->unit, figures[us], figures[base], rounds);
}

static void report_all(const Path *path, const Traffic *traffic, size_t rounds)
{
    const char *cpu = path->threads == 2 ? "CPU of the busier" : "CPU";

    for (size_t us = 0; us < OURS; us++)
        for (size_t base = OURS; base < CONTENDERS; base++) {
            int variants = contenders[us]->is_variant + contenders[base]->is_variant;

            if (!takes_part(contenders[base], path) || variants == 2)
                continue;
            report(path, traffic, cpu, us, base, cpu_rates, rounds);
            if (path->threads == 2 && variants == 0)
                report(path, traffic, "wall", us, base, wall_rates, rounds);
        }
}

int main(int argc, char **argv)
{
    static const Path paths[] = {
        {"socketpair, one thread", AF_UNIX, 1},
        {"socketpair, two threads", AF_UNIX, 2},
        {"TCP loopback, one thread", AF_INET, 1},
        {"TCP loopback, two threads", AF_INET, 2},
    };
    static const Traffic traffics[] = {
        {"16 KiB", "stream-throughput", "MB/s", 16384e-6, 16384, 6144, 64},
        {"100 B", "stream-messages", "messages/s", 1, 100, 50000, 1000},
    };
    const size_t n_paths = sizeof paths / sizeof *paths,
                 n_traffics = sizeof traffics / sizeof *traffics;
    size_t rounds = 15;
    unsigned percent = 100;
    Material material;

    read_options(argc, argv, &rounds, &percent);
    material_init(&material);
    for (size_t i = 0; i < n_traffics; i++)
        for (size_t j = 0; j < n_paths; j++) {
            run_rounds(&material, &paths[j], &traffics[i], rounds, percent);
            report_all(&paths[j], &traffics[i], rounds);
        }
    material_cleanup(&material);
    return 0;
}
