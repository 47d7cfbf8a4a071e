/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BENCH_PEERS_H
#define BENCH_PEERS_H

/* What the programs of `make bench-peers` share. */

#include "call.h"

#include <sys/types.h>

/* -- peers-measure.c */

/* CPU time, in ns, of all threads of a process since it began, in user space and in the kernel. */
double cpu_of_process(pid_t pid);

/* Prints one line: @ours and @peer hold what it cost in each of @rounds rounds. The ratio is the peer's cost for one of
 * ours: 2 means that the peer needs twice the CPU. */
void report_peer(const char *yardstick, const char *what, const char *unit, const double *ours,
                 const double *peer, size_t rounds);

/* -- peers-worker.c: contenders in processes of their own
 *
 * The first transport of a process gives its libsrtp2 other ciphers, which GStreamer's elements would then use too: nobody is
 * measured in the process of another. */

typedef enum {
    JOB_PACKETS, /* protect and unprotect @count packets; the cost is for one packet through both */
    JOB_HANDSHAKES, /* @count handshakes, from nothing to SRTP that has its keys; the cost is for one end */
    JOB_PLAIN_DTLS,  /* the same without SRTP */
    JOB_NO_HANDSHAKE /* the same without the handshake */
} JobKind;

typedef struct {
    JobKind kind;
    const Profile *profile;
    size_t payload;
    size_t count;
    int with_end;            /* of a handshake: what unmaking the ends costs counts too */
    int default_certificate; /* 1: the one that the peer makes when nobody gives it any */
} Job;

/* Does a job and returns its cost in ns of CPU time of the process. */
typedef double (*JobFunc)(const Job *job);

typedef struct {
    const char *name;
    pid_t pid;
    int fd;
} Worker;

/* Before anything else is done in this process. */
void worker_start(Worker *self, const char *name, JobFunc run);
double worker_run(const Worker *self, const Job *job);
void worker_stop(Worker *self);

/* -- the contenders of peers-gstreamer.c */

double gstreamer_run(const Job *job);
double sluice_run(const Job *job);

#endif
