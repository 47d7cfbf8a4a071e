/* SPDX-License-Identifier: BSD-3-Clause */
#include "forward-socket.h"

#include <errno.h>
#include <gio/gio.h>
#include <netdb.h>
#include <netinet/udp.h>
#include <string.h>
#include <unistd.h>

#include "forward-queue.h"

#define READS 32      /* messages a call */
#define LARGEST 65536 /* no UDP payload, and no run that GRO has joined, is longer */
#define SPLIT 64      /* packets given at a time */
#define BUFFER_BYTES (4 * 1024 * 1024)

/* Both sockets read into the same memory: what is there is used up before the next read. */
static _Alignas(8) uint8_t buffers[READS][LARGEST];

static gboolean fail(GError **error, const char *what, const char *host, guint16 port, int number)
{
    g_set_error(error, G_IO_ERROR, (int)g_io_error_from_errno(number), "cannot %s udp:%s:%u: %s",
                what, host, port, g_strerror(number));
    return FALSE;
}

static void set_up(ForwardSocket *self, int family)
{
    int on = 1, bytes = BUFFER_BYTES;
    /* "Don't fragment" (RFC 6347 section 4.1.1.1): what is too large is refused here and not lost on the way. */
    int never4 = IP_PMTUDISC_DO, never6 = IPV6_PMTUDISC_DO;

    (void)(family == AF_INET6
               ? setsockopt(self->fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &never6, sizeof never6)
               : setsockopt(self->fd, IPPROTO_IP, IP_MTU_DISCOVER, &never4, sizeof never4));
    /* A burst to a hundred peers has to fit. The system's limit may be lower: then some of it is lost, and counted. */
    (void)setsockopt(self->fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    (void)setsockopt(self->fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
    self->gro = setsockopt(self->fd, SOL_UDP, UDP_GRO, &on, sizeof on) == 0;
}

gboolean forward_socket_open(ForwardSocket *self, const char *host, guint16 port, gboolean gso,
                             ForwardFigures *count, GError **error)
{
    struct addrinfo hints = {.ai_socktype = SOCK_DGRAM, .ai_flags = AI_NUMERICHOST | AI_PASSIVE};
    struct addrinfo *found = NULL;
    char service[8];
    int result;

    g_snprintf(service, sizeof service, "%u", port);
    result = getaddrinfo(host, service, &hints, &found);
    if (result != 0) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "%s is no IP address: %s", host,
                    gai_strerror(result));
        return FALSE;
    }
    self->fd = socket(found->ai_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    result = self->fd < 0 || bind(self->fd, found->ai_addr, found->ai_addrlen) != 0 ? errno : 0;
    if (result == 0) {
        self->gso = gso;
        self->count = count;
        self->queue = forward_queue_new();
        set_up(self, found->ai_family);
    }
    freeaddrinfo(found);
    return result == 0 || fail(error, self->fd < 0 ? "open" : "bind", host, port, result);
}

void forward_socket_close(ForwardSocket *self)
{
    if (self->fd >= 0)
        close(self->fd);
    self->fd = -1;
    g_clear_pointer(&self->queue, forward_queue_free);
}

guint16 forward_socket_port(const ForwardSocket *self)
{
    ForwardAddress own = {.len = sizeof own.storage};

    if (getsockname(self->fd, (struct sockaddr *)&own.storage, &own.len) != 0)
        return 0;
    return ntohs(own.storage.ss_family == AF_INET6
                     ? ((const struct sockaddr_in6 *)&own.storage)->sin6_port
                     : ((const struct sockaddr_in *)&own.storage)->sin_port);
}

/* How long the datagrams are that the kernel has joined in this one; the last may be shorter. 0: it is one. */
static size_t size_of_segments(struct msghdr *message)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL; c = CMSG_NXTHDR(message, c)) {
        int size = 0;

        if (c->cmsg_level != SOL_UDP || c->cmsg_type != UDP_GRO)
            continue;
        memcpy(&size, CMSG_DATA(c), sizeof size);
        return size > 0 ? (size_t)size : 0;
    }
    return 0;
}

static void give(ForwardSocket *self, const ForwardAddress *from, uint8_t *data, size_t len,
                 size_t segment, ForwardTake take, void *user_data)
{
    SluicePacket packets[SPLIT];
    size_t n = 0, step = segment > 0 ? segment : len;

    if (step < len)
        self->count->runs_in++;
    for (size_t at = 0; at < len; at += step) {
        packets[n++] = (SluicePacket){.data = data + at, .len = MIN(step, len - at)};
        self->count->datagrams_in++;
        if (n == SPLIT || at + step >= len) {
            take(user_data, from, packets, n);
            n = 0;
        }
    }
}

void forward_socket_receive(ForwardSocket *self, ForwardTake take, void *user_data)
{
    ForwardAddress from[READS];
    struct iovec iov[READS];
    struct mmsghdr messages[READS];
    _Alignas(struct cmsghdr) char control[READS][CMSG_SPACE(sizeof(int))];
    int n;

    memset(from, 0, sizeof from);
    memset(messages, 0, sizeof messages);
    for (size_t i = 0; i < READS; i++) {
        iov[i] = (struct iovec){.iov_base = buffers[i], .iov_len = LARGEST};
        messages[i].msg_hdr = (struct msghdr){.msg_name = &from[i].storage,
                                              .msg_namelen = sizeof from[i].storage,
                                              .msg_iov = &iov[i],
                                              .msg_iovlen = 1,
                                              .msg_control = control[i],
                                              .msg_controllen = sizeof control[i]};
    }
    n = recvmmsg(self->fd, messages, READS, MSG_DONTWAIT, NULL);
    for (int i = 0; i < n; i++) {
        from[i].len = messages[i].msg_hdr.msg_namelen;
        give(self, &from[i], buffers[i], messages[i].msg_len,
             size_of_segments(&messages[i].msg_hdr), take, user_data);
    }
}

int forward_socket_send(ForwardSocket *self, const ForwardAddress *to, const void *data, size_t len)
{
    ssize_t sent;

    do
        sent = sendto(self->fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL,
                      (const struct sockaddr *)&to->storage, to->len);
    while (sent < 0 && errno == EINTR);
    if (sent >= 0)
        return 0;
    return errno == EWOULDBLOCK ? EAGAIN : errno;
}

char *forward_address_text(const ForwardAddress *address)
{
    char host[NI_MAXHOST], service[NI_MAXSERV];

    if (getnameinfo((const struct sockaddr *)&address->storage, address->len, host, sizeof host,
                    service, sizeof service, NI_NUMERICHOST | NI_NUMERICSERV | NI_DGRAM) != 0)
        return g_strdup("?");
    return g_strdup_printf(strchr(host, ':') ? "[%s]:%s" : "%s:%s", host, service);
}

/* FNV-1a. The table it is for is bounded, so a sender who picks his addresses gains nothing. */
guint forward_address_hash(gconstpointer address)
{
    const ForwardAddress *self = address;
    const uint8_t *bytes = (const uint8_t *)&self->storage;
    guint hash = 2166136261u;

    for (socklen_t i = 0; i < self->len; i++)
        hash = (hash ^ bytes[i]) * 16777619u;
    return hash;
}

gboolean forward_address_equal(gconstpointer a, gconstpointer b)
{
    const ForwardAddress *x = a, *y = b;

    return x->len == y->len && memcmp(&x->storage, &y->storage, x->len) == 0;
}
