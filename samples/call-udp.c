/* SPDX-License-Identifier: BSD-3-Clause */
#include "call-udp.h"

#include <gio/gnetworking.h>

#define PACKET_MAX 2048
#define AT_ONCE 16 /* packets taken before the other sources of the main loop have their turn */
#define MOST_WAITING 4096 /* a sender that never stops must not keep us here */

struct CallUdp {
    GSocket *socket;
    GSocketAddress *to;
    GSource *source;
    CallUdpFunc func;
    gpointer user_data;
};

static CallUdp *new_socket(GError **error)
{
    g_autoptr(GSocket) socket =
        g_socket_new(G_SOCKET_FAMILY_IPV4, G_SOCKET_TYPE_DATAGRAM, G_SOCKET_PROTOCOL_UDP, error);
    if (socket == NULL)
        return NULL;
    CallUdp *udp = g_new0(CallUdp, 1);
    udp->socket = g_steal_pointer(&socket);
    g_socket_set_blocking(udp->socket, FALSE);
    return udp;
}

void call_udp_free(CallUdp *udp)
{
    if (udp == NULL)
        return;
    if (udp->source != NULL) {
        g_source_destroy(udp->source);
        g_source_unref(udp->source);
    }
    g_clear_object(&udp->to);
    g_object_unref(udp->socket);
    g_free(udp);
}

CallUdp *call_udp_new_input(guint16 port, GError **error)
{
    CallUdp *udp = new_socket(error);
    g_autoptr(GSocketAddress) address = g_inet_socket_address_new_from_string("127.0.0.1", port);

    if (udp == NULL)
        return NULL;
    /* A key frame is a burst; the kernel's own bound on this is as far as one can go. */
    g_socket_set_option(udp->socket, SOL_SOCKET, SO_RCVBUF, 4 << 20, NULL);
    if (!g_socket_bind(udp->socket, address, FALSE, error)) {
        call_udp_free(udp);
        return NULL;
    }
    return udp;
}

static gboolean take(CallUdp *udp)
{
    guint8 packet[PACKET_MAX];
    gssize len = g_socket_receive(udp->socket, (char *)packet, sizeof packet, NULL, NULL);

    if (len > 0)
        udp->func(packet, (gsize)len, udp->user_data);
    return len >= 0;
}

static gboolean on_readable(G_GNUC_UNUSED GSocket *socket, G_GNUC_UNUSED GIOCondition condition,
                            gpointer user_data)
{
    for (guint i = 0; i < AT_ONCE && take(user_data); i++)
        ;
    return G_SOURCE_CONTINUE;
}

void call_udp_start(CallUdp *udp, CallUdpFunc func, gpointer user_data)
{
    udp->func = func;
    udp->user_data = user_data;
    udp->source = g_socket_create_source(udp->socket, G_IO_IN, NULL);
    g_source_set_callback(udp->source, G_SOURCE_FUNC(on_readable), udp, NULL);
    g_source_attach(udp->source, NULL);
}

void call_udp_stop(CallUdp *udp)
{
    if (udp->source == NULL)
        return;
    for (guint i = 0; i < MOST_WAITING && take(udp); i++)
        ;
    g_source_destroy(udp->source);
    g_clear_pointer(&udp->source, g_source_unref);
}

CallUdp *call_udp_new_output(guint16 port, GError **error)
{
    CallUdp *udp = new_socket(error);

    if (udp != NULL)
        udp->to = g_inet_socket_address_new_from_string("127.0.0.1", port);
    return udp;
}

/* Where nobody listens the packet is lost, as UDP's are; that is not the call's business. */
void call_udp_send(CallUdp *udp, const guint8 *packet, gsize len)
{
    g_socket_send_to(udp->socket, udp->to, (const char *)packet, len, NULL, NULL);
}
