/* SPDX-License-Identifier: BSD-3-Clause */

#include "probe-socket.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void set_error(GError **error, const char *what, const ProbeAddress *address,
                      const char *why)
{
    g_set_error(error, g_quark_from_static_string("rtcprobe"), PROBE_EXIT_FAILURE,
                "cannot %s udp:%s:%u: %s", what, address->host, address->port, why);
}

static struct addrinfo *resolve(const ProbeAddress *address, int family, gboolean passive,
                                GError **error)
{
    struct addrinfo hints = {0}, *found = NULL;
    char port[8];
    int result;

    hints.ai_family = family;
    hints.ai_socktype = SOCK_DGRAM;
    hints.ai_flags = AI_NUMERICSERV | (passive ? AI_PASSIVE : 0);
    snprintf(port, sizeof port, "%u", address->port);
    result = getaddrinfo(address->host, port, &hints, &found);
    if (result == 0)
        return found;
    set_error(error, "find", address, gai_strerror(result));
    return NULL;
}

/* DTLS sets "don't fragment" (RFC 6347 section 4.1.1.1), so that a datagram the path cannot take is
 * refused here with EMSGSIZE and the flight is made again smaller, not lost in pieces on the way.
 */
static void refuse_fragments(int fd, int family)
{
    int value = IP_PMTUDISC_DO, value6 = IPV6_PMTUDISC_DO;

    /* No harm where the system cannot: then it fragments. */
    if (family == AF_INET6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &value6, sizeof value6);
    else
        (void)setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &value, sizeof value);
}

static gboolean bind_to(int fd, const ProbeAddress *address, int family, GError **error)
{
    struct addrinfo *own = resolve(address, family, TRUE, error);
    gboolean ok = own != NULL && bind(fd, own->ai_addr, own->ai_addrlen) == 0;

    if (own != NULL && !ok)
        set_error(error, "bind", address, g_strerror(errno));
    if (own != NULL)
        freeaddrinfo(own);
    return ok;
}

int probe_socket_open(const ProbeOptions *options, GError **error)
{
    const ProbeAddress *address = &options->address;
    struct addrinfo *found = resolve(address, AF_UNSPEC, options->command == PROBE_LISTEN, error);
    gboolean ok;
    int fd;

    if (found == NULL)
        return -1;
    fd = socket(found->ai_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    ok = fd >= 0;
    if (!ok) {
        set_error(error, "open a socket for", address, g_strerror(errno));
    } else if (options->command == PROBE_LISTEN) {
        ok = bind(fd, found->ai_addr, found->ai_addrlen) == 0;
        if (!ok)
            set_error(error, "bind", address, g_strerror(errno));
    } else {
        ok = options->bind.host == NULL || bind_to(fd, &options->bind, found->ai_family, error);
        if (ok && connect(fd, found->ai_addr, found->ai_addrlen) != 0) {
            set_error(error, "send to", address, g_strerror(errno));
            ok = FALSE;
        }
    }
    if (ok)
        refuse_fragments(fd, found->ai_family);
    else if (fd >= 0)
        close(fd);
    freeaddrinfo(found);
    return ok ? fd : -1;
}

gboolean probe_socket_fix(int fd, const ProbePeer *peer)
{
    return connect(fd, (const struct sockaddr *)&peer->storage, peer->len) == 0;
}

guint16 probe_peer_text(const ProbePeer *peer, char **host)
{
    char name[NI_MAXHOST], port[NI_MAXSERV];

    if (getnameinfo((const struct sockaddr *)&peer->storage, peer->len, name, sizeof name, port,
                    sizeof port, NI_NUMERICHOST | NI_NUMERICSERV | NI_DGRAM) != 0) {
        *host = g_strdup("?");
        return 0;
    }
    *host = g_strdup(name);
    return (guint16)g_ascii_strtoull(port, NULL, 10);
}

gboolean probe_socket_own(int fd, ProbePeer *out)
{
    out->len = sizeof out->storage;
    return getsockname(fd, (struct sockaddr *)&out->storage, &out->len) == 0;
}

gboolean probe_socket_peer(int fd, ProbePeer *out)
{
    out->len = sizeof out->storage;
    return getpeername(fd, (struct sockaddr *)&out->storage, &out->len) == 0;
}

gboolean probe_peer_equal(const ProbePeer *a, const ProbePeer *b)
{
    if (a->storage.ss_family != b->storage.ss_family)
        return FALSE;
    if (a->storage.ss_family == AF_INET6) {
        const struct sockaddr_in6 *x = (const struct sockaddr_in6 *)&a->storage;
        const struct sockaddr_in6 *y = (const struct sockaddr_in6 *)&b->storage;
        return x->sin6_port == y->sin6_port && x->sin6_scope_id == y->sin6_scope_id &&
               memcmp(&x->sin6_addr, &y->sin6_addr, sizeof x->sin6_addr) == 0;
    }
    const struct sockaddr_in *x = (const struct sockaddr_in *)&a->storage;
    const struct sockaddr_in *y = (const struct sockaddr_in *)&b->storage;
    return x->sin_port == y->sin_port && x->sin_addr.s_addr == y->sin_addr.s_addr;
}
