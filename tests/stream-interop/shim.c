/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Stands between a program and the C library (LD_PRELOAD).
 *
 *   SHIM_REFUSE=1    every other send on a TCP socket is refused (EAGAIN), the others are cut to 1 to 7 bytes
 *   SHIM_HASTE=N     the monotonic clock runs N times as fast
 */
#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* Which sends are refused is always the same. */
static unsigned long sends, refused, cut;
static unsigned noise = 1;

/* The function of that name behind this one; as a union, for ISO C knows no way from an object to a function. */
typedef union {
    void *found;
    ssize_t (*write)(int, const void *, size_t);
    ssize_t (*send)(int, const void *, size_t, int);
    int (*clock)(clockid_t, struct timespec *);
    int (*poll)(struct pollfd *, nfds_t, int);
    int (*epoll)(int, struct epoll_event *, int, int, const sigset_t *);
} Real;

static int refuse(int fd, size_t *n)
{
    int family = 0;
    socklen_t len = sizeof family;
    if (!getenv("SHIM_REFUSE") || getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &len) != 0 ||
        (family != AF_INET && family != AF_INET6))
        return 0;
    noise = noise * 1103515245 + 12345;
    sends++;
    if (noise >> 16 & 1) {
        refused++;
        errno = EAGAIN;
        return 1;
    }
    size_t most = 1 + (noise >> 17) % 7;
    cut += *n > most;
    *n = *n > most ? most : *n;
    return 0;
}

ssize_t write(int fd, const void *data, size_t n)
{
    Real real = {dlsym(RTLD_NEXT, "write")};
    return refuse(fd, &n) ? -1 : real.write(fd, data, n);
}

ssize_t send(int fd, const void *data, size_t n, int flags)
{
    Real real = {dlsym(RTLD_NEXT, "send")};
    return refuse(fd, &n) ? -1 : real.send(fd, data, n, flags);
}

/* SHIM_HASTE: the clock runs that many times as fast. */
static int haste(void)
{
    const char *text = getenv("SHIM_HASTE");
    return text ? atoi(text) : 1;
}

int clock_gettime(clockid_t id, struct timespec *ts)
{
    Real real = {dlsym(RTLD_NEXT, "clock_gettime")};
    int result = real.clock(id, ts);
    if (id == CLOCK_MONOTONIC || id == CLOCK_MONOTONIC_COARSE) {
        int64_t ns = ((int64_t)ts->tv_sec * 1000000000 + ts->tv_nsec) * haste();
        ts->tv_sec = (time_t)(ns / 1000000000);
        ts->tv_nsec = (long)(ns % 1000000000);
    }
    return result;
}

int poll(struct pollfd *fds, nfds_t n, int ms)
{
    Real real = {dlsym(RTLD_NEXT, "poll")};
    return real.poll(fds, n, ms > 0 ? ms / haste() + 1 : ms);
}

int epoll_pwait(int fd, struct epoll_event *events, int n, int ms, const sigset_t *mask)
{
    Real real = {dlsym(RTLD_NEXT, "epoll_pwait")};
    return real.epoll(fd, events, n, ms > 0 ? ms / haste() + 1 : ms, mask);
}

int epoll_wait(int fd, struct epoll_event *events, int n, int ms)
{
    return epoll_pwait(fd, events, n, ms, NULL);
}

__attribute__((destructor)) static void tell(void)
{
    if (sends)
        fprintf(stderr, "shim: %lu refused, %lu cut\n", refused, cut);
}
