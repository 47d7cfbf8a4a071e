/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench.h"

#include <errno.h>
#include <poll.h>

#define ENDS_MAX 2

void poll_until_done(PollEnd *const *ends, size_t n)
{
    struct pollfd polled[ENDS_MAX];
    size_t running = 0;

    for (size_t i = 0; i < n; i++)
        running += (ends[i]->events = ends[i]->go_on(ends[i])) != 0;
    while (running) {
        for (size_t i = 0; i < n; i++) {
            polled[i].fd = ends[i]->events ? ends[i]->fd : -1;
            polled[i].events = ends[i]->events;
            polled[i].revents = 0;
        }
        if (poll(polled, (nfds_t)n, -1) < 0 && errno != EINTR)
            die("poll");
        for (size_t i = 0; i < n; i++)
            if (polled[i].revents)
                running -= (ends[i]->events = ends[i]->go_on(ends[i])) == 0;
    }
}

void poll_run(PollEnd *sender, PollEnd *receiver, Side side)
{
    PollEnd *ends[ENDS_MAX];
    size_t n = 0;

    if (side & SENDER)
        ends[n++] = sender;
    if (side & RECEIVER)
        ends[n++] = receiver;
    poll_until_done(ends, n);
}
