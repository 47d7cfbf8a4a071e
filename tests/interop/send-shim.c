/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Stands between a program and the C library (LD_PRELOAD) and refuses what it sends, as a kernel or a device may:
 *
 *   SHIM_RUNS=ERRNO   messages that are runs (UDP_SEGMENT) are refused with this number
 *   SHIM_BUSY=N       of N calls that send a flight one succeeds, the others find the socket full (EAGAIN); every fourth
 *                     call that sends media does. Cookies are so short that they always pass
 */
#include <dlfcn.h>
#include <errno.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <sys/socket.h>

/* The function of that name behind this one; as a union, for ISO C knows no way from an object to a function. */
typedef union {
    void *found;
    int (*sendmmsg)(int, struct mmsghdr *, unsigned, int);
    ssize_t (*sendto)(int, const void *, size_t, int, const struct sockaddr *, socklen_t);
} Real;

static int number_of(const char *name)
{
    const char *text = getenv(name);

    return text ? atoi(text) : 0;
}

static int is_run(struct msghdr *message)
{
    struct cmsghdr *c = CMSG_FIRSTHDR(message);

    return c && c->cmsg_level == SOL_UDP && c->cmsg_type == UDP_SEGMENT;
}

int sendmmsg(int fd, struct mmsghdr *messages, unsigned n, int flags)
{
    static unsigned calls;
    Real real = {dlsym(RTLD_NEXT, "sendmmsg")};
    unsigned first = 0;

    if (number_of("SHIM_BUSY") && ++calls % 4 == 0) {
        errno = EAGAIN;
        return -1;
    }
    /* As the kernel does: those before the one at fault go, and the error is the next call's. */
    while (number_of("SHIM_RUNS") && first < n && !is_run(&messages[first].msg_hdr))
        first++;
    if (number_of("SHIM_RUNS") && first == 0) {
        errno = number_of("SHIM_RUNS");
        return -1;
    }
    return real.sendmmsg(fd, messages, number_of("SHIM_RUNS") ? first : n, flags);
}

ssize_t sendto(int fd, const void *data, size_t len, int flags, const struct sockaddr *to,
               socklen_t to_len)
{
    static int calls;
    Real real = {dlsym(RTLD_NEXT, "sendto")};

    if (number_of("SHIM_BUSY") && len > 100 && ++calls % number_of("SHIM_BUSY") != 0) {
        errno = EAGAIN;
        return -1;
    }
    return real.sendto(fd, data, len, flags, to, to_len);
}
