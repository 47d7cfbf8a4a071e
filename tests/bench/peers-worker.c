/* SPDX-License-Identifier: BSD-3-Clause */
#include "peers.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* Pointers in a job are good on both sides: the child is a copy of this program. */
static void serve(int fd, JobFunc run)
{
    Job job;

    while (recv(fd, &job, sizeof job, 0) == (ssize_t)sizeof job) {
        double cost = run(&job);

        if (send(fd, &cost, sizeof cost, MSG_NOSIGNAL) != (ssize_t)sizeof cost)
            break;
    }
    _exit(0);
}

void worker_start(Worker *self, const char *name, JobFunc run)
{
    int fds[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
        die("socketpair");
    fflush(stdout);
    self->name = name;
    self->fd = fds[0];
    self->pid = fork();
    if (self->pid < 0)
        die("fork");
    if (self->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(fds[0]);
        serve(fds[1], run);
    }
    close(fds[1]);
}

double worker_run(const Worker *self, const Job *job)
{
    double cost = 0;
    ssize_t got;

    if (send(self->fd, job, sizeof *job, MSG_NOSIGNAL) != (ssize_t)sizeof *job)
        die(self->name);
    do
        got = recv(self->fd, &cost, sizeof cost, 0);
    while (got < 0 && errno == EINTR);
    if (got != (ssize_t)sizeof cost)
        die(self->name);
    return cost;
}

void worker_stop(Worker *self)
{
    /* Workers that were started later hold a copy of the descriptor. */
    shutdown(self->fd, SHUT_RDWR);
    close(self->fd);
    while (waitpid(self->pid, NULL, 0) < 0 && errno == EINTR)
        ;
}
