/* SPDX-License-Identifier: BSD-3-Clause */
#include "peers-client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#define WAIT_MS 10000
#define LOST (SLUICE_SECOND / 2)
#define NAP_US 50
#define TICK_MS 20
#define WINDOW_MAX 64

static gboolean on_time_up(gpointer user_data)
{
    *(gboolean *)user_data = TRUE;
    return G_SOURCE_REMOVE;
}

gboolean run_until(gboolean (*done)(gpointer data), gpointer data, guint ms)
{
    gboolean time_up = FALSE;
    guint timer = g_timeout_add(ms, on_time_up, &time_up);

    while (!time_up && !(done && done(data)))
        g_main_context_iteration(NULL, TRUE);
    if (!time_up)
        g_source_remove(timer);
    return !time_up;
}

/* -- the call ----------------------------------------------------------------------------------------------- */

static void note_freed(Ice *ice) { ((Client *)ice->user_data)->freed = TRUE; }

static gboolean is_freed(gpointer data) { return ((Client *)data)->freed; }

static gboolean is_gathered(gpointer data) { return ((Client *)data)->ice.gathered; }

static void send_output(Client *self)
{
    const uint8_t *data;
    size_t len;

    while (sluice_transport_peek_output(self->transport, &data, &len)) {
        nice_agent_send(self->ice.agent, self->ice.stream, ICE_COMPONENT, (guint)len,
                        (const char *)data);
        sluice_transport_pop_output(self->transport, call_now(), SLUICE_SENT);
    }
}

static void take(Client *self, uint8_t *data, size_t len)
{
    SluiceKind kind;

    if (sluice_transport_receive(self->transport, call_now(), data, &len, &kind) == SLUICE_OK)
        self->returned += kind == SLUICE_KIND_RTP;
}

static void on_datagram(G_GNUC_UNUSED NiceAgent *agent, G_GNUC_UNUSED guint stream,
                        G_GNUC_UNUSED guint component, guint len, char *data, gpointer user_data)
{
    take(user_data, (uint8_t *)data, len);
    send_output(user_data);
}

static void on_ice_state(G_GNUC_UNUSED NiceAgent *agent, G_GNUC_UNUSED guint stream,
                         G_GNUC_UNUSED guint component, guint state, gpointer user_data)
{
    Client *self = user_data;

    if (state != NICE_COMPONENT_STATE_CONNECTED && state != NICE_COMPONENT_STATE_READY)
        return;
    self->path_found = TRUE;
    sluice_transport_set_path_validated(self->transport, call_now(), 1);
    send_output(self);
}

static gint64 ask_for_id(Api *server, const char *what, gint64 session)
{
    JsonObject *answer = api_request(server, what, session, 0, NULL);
    gint64 id = answer ? api_id(answer) : 0;

    if (!id)
        die(server->name);
    json_object_unref(answer);
    return id;
}

static char *own_fingerprint(SluiceConfig *config)
{
    SluiceFingerprint fingerprint;
    char text[SLUICE_FINGERPRINT_TEXT_MAX];

    require_ok(sluice_certificate_get_fingerprint(sluice_config_get_certificate(config),
                                                  SLUICE_HASH_SHA256, &fingerprint),
               "fingerprint");
    require_ok(sluice_fingerprint_format(&fingerprint, text, sizeof text), "fingerprint");
    return g_strdup(text);
}

static void introduce(Client *self, const char *answer)
{
    g_autofree char *text = answer ? ice_introduce(&self->ice, answer) : NULL;
    SluiceFingerprint fingerprint;

    if (!text)
        die(self->server->name);
    if (self->ice.without_dtls)
        return;
    require_ok(sluice_fingerprint_parse(text, strlen(text), &fingerprint), "fingerprint");
    require_ok(
        sluice_transport_set_remote_fingerprints(self->transport, call_now(), &fingerprint, 1),
        "fingerprint");
    require_ok(sluice_transport_start(self->transport, call_now(), SLUICE_ROLE_SERVER), "start");
}

void client_call(Client *self, Api *server, SluiceConfig *config, const char *address,
                 gboolean with_dtls)
{
    g_autofree char *fingerprint = own_fingerprint(config), *offer = NULL;
    JsonObject *answer;
    gint64 handle;

    *self = (Client){.server = server,
                     .ice = {.without_dtls = !with_dtls, .freed = note_freed, .user_data = self}};
    self->session = ask_for_id(server, "create", 0);
    handle = ask_for_id(server, "attach", self->session);
    self->transport = sluice_transport_new(config);
    if (!self->transport)
        die("cannot make a transport");
    ice_init(&self->ice, TRUE, address, g_main_context_default());
    g_signal_connect(self->ice.agent, "component-state-changed", G_CALLBACK(on_ice_state), self);
    nice_agent_attach_recv(self->ice.agent, self->ice.stream, ICE_COMPONENT,
                           g_main_context_default(), on_datagram, self);
    ice_gather(&self->ice);
    if (!run_until(is_gathered, self, WAIT_MS))
        die("no candidates");
    offer = ice_describe(&self->ice, fingerprint);
    answer = api_request(server, "message", self->session, handle, offer);
    introduce(self, answer ? api_sdp(answer) : NULL);
    json_object_unref(answer);
}

static gboolean is_connected(gpointer data)
{
    const Client *self = data;

    return self->ice.without_dtls
               ? self->path_found
               : sluice_transport_get_state(self->transport) == SLUICE_STATE_CONNECTED;
}

/* Where its packets go, past libnice. */
static void find_path(Client *self)
{
    GSocket *socket =
        nice_agent_get_selected_socket(self->ice.agent, self->ice.stream, ICE_COMPONENT);
    NiceCandidate *local = NULL, *remote = NULL;

    if (!socket || !nice_agent_get_selected_pair(self->ice.agent, self->ice.stream, ICE_COMPONENT,
                                                 &local, &remote))
        die("no path");
    self->fd = g_socket_get_fd(socket);
    nice_address_copy_to_sockaddr(&remote->addr, (struct sockaddr *)&self->remote);
}

void client_wait_until_connected(Client *self)
{
    for (int waited = 0; !run_until(is_connected, self, TICK_MS); waited += TICK_MS) {
        if (waited > WAIT_MS)
            die(self->server->name);
        sluice_transport_handle_timeout(self->transport, call_now());
        send_output(self);
    }
    find_path(self);
}

void client_hang_up(Client *self)
{
    JsonObject *answer = api_request(self->server, "destroy", self->session, 0, NULL);

    if (!answer)
        die(self->server->name);
    json_object_unref(answer);
    g_signal_handlers_disconnect_by_data(self->ice.agent, self);
    nice_agent_attach_recv(self->ice.agent, self->ice.stream, ICE_COMPONENT,
                           g_main_context_default(), NULL, NULL);
    sluice_transport_free(self->transport);
    ice_clear(&self->ice);
    if (!run_until(is_freed, self, WAIT_MS))
        die("an agent does not close");
}

/* -- packets ------------------------------------------------------------------------------------------------ */

typedef struct {
    struct mmsghdr headers[WINDOW_MAX];
    struct iovec parts[WINDOW_MAX];
    uint8_t *slots;
} Batch;

static Batch *batch(struct sockaddr_storage *address)
{
    static Batch self;

    if (!self.slots)
        self.slots = slots_new(WINDOW_MAX);
    for (size_t i = 0; i < WINDOW_MAX; i++) {
        self.parts[i] = (struct iovec){.iov_base = self.slots + i * SLOT, .iov_len = SLOT};
        self.headers[i] =
            (struct mmsghdr){.msg_hdr = {.msg_iov = &self.parts[i],
                                         .msg_iovlen = 1,
                                         .msg_name = address,
                                         .msg_namelen = address ? sizeof(struct sockaddr_in) : 0}};
    }
    return &self;
}

static void send_packets(Client *self, size_t payload, size_t n)
{
    Batch *out = batch(&self->remote);

    for (size_t i = 0; i < n; i++) {
        uint8_t *packet = out->slots + i * SLOT;
        size_t len = packet_write(packet, payload, SSRC, (uint16_t)++self->sent);

        packet[1] = PAYLOAD_TYPE;
        packet[5] = (uint8_t)(self->sent >> 16); /* time goes on */
        packet[6] = (uint8_t)(self->sent >> 8);
        packet[7] = (uint8_t)self->sent;
        require_ok(sluice_transport_protect(self->transport, SLUICE_KIND_RTP, packet, &len, SLOT),
                   "protect");
        out->parts[i].iov_len = len;
    }
    for (size_t done = 0; done < n;) {
        int sent = sendmmsg(self->fd, out->headers + done, (unsigned)(n - done), 0);

        if (sent < 0 && errno != EAGAIN && errno != EINTR)
            die("sendmmsg");
        done += sent > 0 ? (size_t)sent : 0;
    }
}

/* Takes what has come by now. */
static gboolean receive_packets(Client *self)
{
    Batch *in = batch(NULL);
    int n = recvmmsg(self->fd, in->headers, WINDOW_MAX, MSG_DONTWAIT, NULL);

    for (int i = 0; i < n; i++)
        take(self, in->slots + (size_t)i * SLOT, in->headers[i].msg_len);
    return n > 0;
}

/* It never sleeps on its socket: a server on a network does not pay for waking up who receives, and here it would. */
void client_echo(Client *self, size_t payload, size_t n, size_t window)
{
    uint64_t last = self->sent + n;
    SluiceTime since = call_now();

    while (self->returned < last) {
        uint64_t away = self->sent - self->returned;

        /* In parts of half a window, so that the server finds several packets at a time. */
        if (self->sent < last && away <= window / 2)
            send_packets(self, payload, MIN(window - away, last - self->sent));
        g_usleep(NAP_US);
        if (receive_packets(self)) {
            since = call_now();
        } else if (call_now() - since > LOST) {
            self->lost += self->sent - self->returned;
            self->returned = self->sent;
            since = call_now();
        }
    }
}

static size_t take_returns(Client *clients, size_t n_clients, size_t first, size_t n)
{
    size_t away = 0;

    for (size_t i = first; i < first + n; i++) {
        Client *client = &clients[i % n_clients];

        if (client->returned < client->sent)
            (void)receive_packets(client);
        away += client->sent - client->returned;
    }
    return away;
}

void clients_echo(Client *clients, size_t n_clients, size_t payload, size_t n, size_t window)
{
    for (size_t first = 0; first < n; first += window) {
        SluiceTime since = call_now();

        for (size_t i = first; i < first + window; i++)
            send_packets(&clients[i % n_clients], payload, 1);
        do
            g_usleep(NAP_US);
        while (take_returns(clients, n_clients, first, window) > 0 && call_now() - since < LOST);
        for (size_t i = 0; i < n_clients; i++) {
            clients[i].lost += clients[i].sent - clients[i].returned;
            clients[i].returned = clients[i].sent;
        }
    }
}

double kernel_cost(const char *address, size_t payload, size_t n)
{
    struct sockaddr_in to = {.sin_family = AF_INET};
    socklen_t len = sizeof to;
    int from = socket(AF_INET, SOCK_DGRAM, 0), at = socket(AF_INET, SOCK_DGRAM, 0);
    static uint8_t packet[SLOT];
    double start;

    if (inet_pton(AF_INET, address, &to.sin_addr) != 1 ||
        bind(at, (struct sockaddr *)&to, len) < 0 ||
        getsockname(at, (struct sockaddr *)&to, &len) < 0)
        die("cannot open a socket");
    start = cpu_of_process(getpid());
    for (size_t done = 0; done < n; done += WINDOW_MAX) {
        for (size_t i = 0; i < WINDOW_MAX; i++)
            (void)!sendto(from, packet, RTP_HEADER + payload + 16, 0, (struct sockaddr *)&to, len);
        for (size_t i = 0; i < WINDOW_MAX; i++)
            (void)!recvfrom(at, packet, sizeof packet, MSG_DONTWAIT, NULL, NULL);
    }
    start = cpu_of_process(getpid()) - start;
    close(from);
    close(at);
    return start / (double)n;
}
