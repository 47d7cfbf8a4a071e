/* SPDX-License-Identifier: BSD-3-Clause */
#include "sctp.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <usrsctp.h>

#define TICK_MS 10             /* usrsctp does not say when its timers are due */
#define SEND_BUFFER 1048576    /* takes the largest message */
#define KEPT_MARK (256 * 1024) /* bytes kept, above which nothing is read */

typedef struct {
    guint stream;
    guint32 ppid;
    WhipReliability reliability;
    GBytes *data;
} Kept;

struct WhipSctp {
    guint id; /* usrsctp knows it by this: a timer of its own may come after the end */
    struct socket *socket;
    const WhipSctpFuncs *funcs;
    gpointer user_data;
    gboolean ready; /* usrsctp has called: look at the socket */
    gboolean busy, ended;
    GByteArray *partial;
    GQueue kept; /* of Kept */
    gsize kept_bytes;
    GArray *to_reset; /* of guint16: streams to close our way */
};

/* One for the process. */
static GHashTable *associations; /* by id */
static guint last_id;
static guint tick;
static gint64 ticked;

static void run(WhipSctp *self);

static WhipSctp *find(void *address) { return g_hash_table_lookup(associations, address); }

/* usrsctp is in the middle of something and must not be called from here. What is not sent, SCTP sends again. */
static int send_packet(void *address, void *packet, size_t len, uint8_t tos, uint8_t df)
{
    WhipSctp *self = find(address);

    (void)tos, (void)df;
    if (self == NULL)
        return EINVAL;
    self->funcs->output(packet, len, self->user_data);
    return 0;
}

static void on_upcall(struct socket *socket, void *address, int flags)
{
    WhipSctp *self = find(address);

    (void)socket, (void)flags;
    if (self != NULL)
        self->ready = TRUE;
}

static gboolean on_tick(gpointer user_data)
{
    gint64 now = g_get_monotonic_time() / 1000;
    g_autoptr(GList) all = NULL;

    (void)user_data;
    usrsctp_handle_timers((uint32_t)(now - ticked));
    ticked = now;
    all = g_hash_table_get_keys(associations);
    for (GList *item = all; item != NULL; item = item->next) {
        WhipSctp *self = find(item->data); /* an earlier one may have freed it */
        if (self != NULL && self->ready)
            run(self);
    }
    return G_SOURCE_CONTINUE;
}

static void begin(void)
{
    if (associations == NULL) {
        usrsctp_init_nothreads(0, send_packet, NULL);
        usrsctp_sysctl_set_sctp_ecn_enable(0);
        usrsctp_sysctl_set_sctp_asconf_enable(0);
        usrsctp_sysctl_set_sctp_auth_enable(0);
        usrsctp_sysctl_set_sctp_blackhole(2); /* no ABORT for what belongs to nobody */
        usrsctp_sysctl_set_sctp_nr_outgoing_streams_default(WHIP_SCTP_STREAMS);
        associations = g_hash_table_new(NULL, NULL);
    }
    if (tick == 0) {
        ticked = g_get_monotonic_time() / 1000;
        tick = g_timeout_add(TICK_MS, on_tick, NULL);
    }
}

void whip_sctp_finish(void)
{
    if (associations == NULL || usrsctp_finish() != 0)
        return;
    g_clear_pointer(&associations, g_hash_table_unref);
}

/* ---- life ---- */

static gboolean set_option(struct socket *s, int level, int name, const void *value, gsize len)
{
    return usrsctp_setsockopt(s, level, name, value, (socklen_t)len) == 0;
}

static gboolean subscribe(struct socket *s)
{
    const uint16_t types[] = {SCTP_ASSOC_CHANGE, SCTP_STREAM_RESET_EVENT};
    gboolean ok = TRUE;

    for (gsize i = 0; i < G_N_ELEMENTS(types); i++) {
        struct sctp_event event = {.se_assoc_id = SCTP_ALL_ASSOC, .se_type = types[i], .se_on = 1};
        ok &= set_option(s, IPPROTO_SCTP, SCTP_EVENT, &event, sizeof event);
    }
    return ok;
}

static gboolean set_options(struct socket *s)
{
    const int on = 1, buffer = SEND_BUFFER;
    const struct linger at_once = {.l_onoff = 1};
    const struct sctp_initmsg init = {.sinit_num_ostreams = WHIP_SCTP_STREAMS,
                                      .sinit_max_instreams = WHIP_SCTP_STREAMS};
    const struct sctp_assoc_value reset = {.assoc_id = SCTP_ALL_ASSOC,
                                           .assoc_value = SCTP_ENABLE_RESET_STREAM_REQ |
                                                          SCTP_ENABLE_CHANGE_ASSOC_REQ};

    return usrsctp_set_non_blocking(s, 1) == 0 &&
           set_option(s, IPPROTO_SCTP, SCTP_NODELAY, &on, sizeof on) &&
           set_option(s, IPPROTO_SCTP, SCTP_RECVRCVINFO, &on, sizeof on) &&
           set_option(s, IPPROTO_SCTP, SCTP_INITMSG, &init, sizeof init) &&
           set_option(s, IPPROTO_SCTP, SCTP_ENABLE_STREAM_RESET, &reset, sizeof reset) &&
           set_option(s, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer) &&
           set_option(s, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once) && subscribe(s);
}

/* Both ends connect; the two associations become one (RFC 8831 section 6.2, RFC 9260 section 5.2.1). */
static gboolean open_association(WhipSctp *self, guint local_port, guint remote_port,
                                 gsize max_packet)
{
    struct sockaddr_conn address = {.sconn_family = AF_CONN,
                                    .sconn_port = htons((uint16_t)local_port),
                                    .sconn_addr = GUINT_TO_POINTER(self->id)};
    struct sctp_paddrparams path = {.spp_flags = SPP_PMTUD_DISABLE | SPP_HB_DISABLE};

    if (!set_options(self->socket) ||
        usrsctp_bind(self->socket, (struct sockaddr *)&address, sizeof address) != 0)
        return FALSE;
    address.sconn_port = htons((uint16_t)remote_port);
    if (usrsctp_connect(self->socket, (struct sockaddr *)&address, sizeof address) != 0 &&
        errno != EINPROGRESS)
        return FALSE;
    memcpy(&path.spp_address, &address, sizeof address);
    /* usrsctp does not count the common header; chunks end at a word. */
    path.spp_pathmtu = (uint32_t)(max_packet - sizeof(struct sctp_common_header)) & ~3u;
    return set_option(self->socket, IPPROTO_SCTP, SCTP_PEER_ADDR_PARAMS, &path, sizeof path);
}

WhipSctp *whip_sctp_new(guint local_port, guint remote_port, gsize max_packet,
                        const WhipSctpFuncs *funcs, gpointer user_data)
{
    WhipSctp *self = g_new0(WhipSctp, 1);

    begin();
    while (++last_id == 0 || find(GUINT_TO_POINTER(last_id)) != NULL)
        ;
    self->id = last_id;
    self->funcs = funcs;
    self->user_data = user_data;
    self->partial = g_byte_array_new();
    self->to_reset = g_array_new(FALSE, FALSE, sizeof(guint16));
    g_queue_init(&self->kept);
    g_hash_table_insert(associations, GUINT_TO_POINTER(self->id), self);
    usrsctp_register_address(GUINT_TO_POINTER(self->id));
    self->socket = usrsctp_socket(AF_CONN, SOCK_STREAM, IPPROTO_SCTP, NULL, NULL, 0, NULL);
    if (self->socket != NULL)
        usrsctp_set_upcall(self->socket, on_upcall, GUINT_TO_POINTER(self->id));
    if (self->socket == NULL || !open_association(self, local_port, remote_port, max_packet)) {
        whip_sctp_free(self);
        return NULL;
    }
    return self;
}

static void free_kept(gpointer data)
{
    Kept *kept = data;

    g_bytes_unref(kept->data);
    g_free(kept);
}

void whip_sctp_free(WhipSctp *self)
{
    g_assert(!self->busy);
    if (self->socket != NULL) {
        usrsctp_set_upcall(self->socket, NULL, NULL);
        usrsctp_close(self->socket);
    }
    usrsctp_deregister_address(GUINT_TO_POINTER(self->id));
    g_hash_table_remove(associations, GUINT_TO_POINTER(self->id));
    g_byte_array_unref(self->partial);
    g_array_unref(self->to_reset);
    g_queue_clear_full(&self->kept, free_kept);
    g_free(self);
    if (g_hash_table_size(associations) == 0) {
        g_source_remove(tick);
        tick = 0;
    }
}

/* ---- out ---- */

static gboolean send_now(WhipSctp *self, const Kept *k)
{
    const struct sctp_sendv_spa info = {
        .sendv_flags = SCTP_SEND_SNDINFO_VALID | SCTP_SEND_PRINFO_VALID,
        .sendv_sndinfo = {.snd_sid = (uint16_t)k->stream,
                          .snd_flags = k->reliability.unordered ? SCTP_UNORDERED : 0,
                          .snd_ppid = htonl(k->ppid)},
        .sendv_prinfo = {.pr_policy =
                             k->reliability.policy == WHIP_SCTP_RETRANSMITS ? SCTP_PR_SCTP_RTX
                             : k->reliability.policy == WHIP_SCTP_LIFETIME  ? SCTP_PR_SCTP_TTL
                                                                            : SCTP_PR_SCTP_NONE,
                         .pr_value = k->reliability.limit}};
    gsize len;
    const void *data = g_bytes_get_data(k->data, &len);

    if (usrsctp_sendv(self->socket, data, len, NULL, 0, (void *)&info, sizeof info, SCTP_SENDV_SPA,
                      0) >= 0)
        return TRUE;
    return errno != EWOULDBLOCK; /* other errors will not pass: the stream has gone, say */
}

static void send_kept(WhipSctp *self)
{
    Kept *kept;

    while ((kept = g_queue_peek_head(&self->kept)) != NULL && send_now(self, kept)) {
        self->kept_bytes -= g_bytes_get_size(kept->data);
        free_kept(g_queue_pop_head(&self->kept));
    }
}

gboolean whip_sctp_send(WhipSctp *self, guint stream, guint32 ppid,
                        const WhipReliability *reliability, const guint8 *data, gsize len)
{
    if (self->ended || len == 0 || len > SEND_BUFFER / 2)
        return FALSE;
    Kept *kept = g_new0(Kept, 1);
    kept->stream = stream;
    kept->ppid = ppid;
    kept->reliability = *reliability;
    kept->data = g_bytes_new(data, len);
    self->kept_bytes += len;
    g_queue_push_tail(&self->kept, kept);
    send_kept(self);
    return TRUE;
}

/* RFC 8831 section 6.7: a channel is closed by resetting its stream both ways. One request at a time is on its way. */
static void reset_streams(WhipSctp *self)
{
    while (self->to_reset->len > 0) {
        gsize size = sizeof(struct sctp_reset_streams) + sizeof(uint16_t);
        g_autofree struct sctp_reset_streams *reset = g_malloc0(size);

        reset->srs_assoc_id = SCTP_ALL_ASSOC;
        reset->srs_flags = SCTP_STREAM_RESET_OUTGOING;
        reset->srs_number_streams = 1;
        reset->srs_stream_list[0] = g_array_index(self->to_reset, guint16, 0);
        if (!set_option(self->socket, IPPROTO_SCTP, SCTP_RESET_STREAMS, reset, size) &&
            (errno == EALREADY || errno == EAGAIN))
            return; /* the event that ends that one brings us back */
        g_array_remove_index(self->to_reset, 0);
    }
}

/* ---- in ---- */

static void end(WhipSctp *self, const char *why)
{
    if (self->ended)
        return;
    self->ended = TRUE;
    self->funcs->closed(why, self->user_data);
}

static void on_assoc_change(WhipSctp *self, const struct sctp_assoc_change *change)
{
    if (change->sac_state == SCTP_COMM_UP)
        self->funcs->connected(change->sac_outbound_streams, self->user_data);
    else if (change->sac_state == SCTP_COMM_LOST)
        end(self, "the client has aborted SCTP, or does not answer any more");
    else if (change->sac_state == SCTP_SHUTDOWN_COMP)
        end(self, "the client has shut SCTP down");
    else if (change->sac_state == SCTP_CANT_STR_ASSOC)
        end(self, "SCTP could not begin");
}

static void on_reset(WhipSctp *self, const struct sctp_stream_reset_event *event)
{
    gsize n = event->strreset_length >= sizeof *event
                  ? (event->strreset_length - sizeof *event) / sizeof(uint16_t)
                  : 0;

    if ((event->strreset_flags & SCTP_STREAM_RESET_INCOMING_SSN) &&
        !(event->strreset_flags & (SCTP_STREAM_RESET_DENIED | SCTP_STREAM_RESET_FAILED)))
        for (gsize i = 0; i < n && self->to_reset->len < WHIP_SCTP_STREAMS; i++) {
            g_array_append_val(self->to_reset, event->strreset_stream_list[i]);
            self->funcs->stream_closed(event->strreset_stream_list[i], self->user_data);
        }
    reset_streams(self);
}

static void on_notification(WhipSctp *self, const guint8 *data, gsize len)
{
    const union sctp_notification *n = (const union sctp_notification *)data;

    if (len < sizeof n->sn_header || n->sn_header.sn_length > len)
        return;
    if (n->sn_header.sn_type == SCTP_ASSOC_CHANGE && len >= sizeof n->sn_assoc_change)
        on_assoc_change(self, &n->sn_assoc_change);
    else if (n->sn_header.sn_type == SCTP_STREAM_RESET_EVENT && len >= sizeof n->sn_strreset_event)
        on_reset(self, &n->sn_strreset_event);
}

/* One part of a message, or an event. FALSE: there is nothing more. */
static gboolean read_some(WhipSctp *self)
{
    static union {
        guint8 data[65536];
        union sctp_notification aligned;
    } buffer;
    struct sctp_rcvinfo info = {0};
    socklen_t from_len = 0, info_len = sizeof info;
    unsigned info_type = 0;
    int flags = 0;
    ssize_t n = usrsctp_recvv(self->socket, buffer.data, sizeof buffer.data, NULL, &from_len, &info,
                              &info_len, &info_type, &flags);

    if (n <= 0) {
        if (n == 0 || errno != EWOULDBLOCK)
            end(self, "SCTP has ended");
        return FALSE;
    }
    if (flags & MSG_NOTIFICATION) {
        on_notification(self, buffer.data, (gsize)n);
        return TRUE;
    }
    if (self->partial->len + (gsize)n > WHIP_SCTP_MAX_MESSAGE) {
        end(self, "the client has sent a larger message than was allowed");
        return FALSE;
    }
    g_byte_array_append(self->partial, buffer.data, (guint)n);
    if (flags & MSG_EOR) {
        self->funcs->message(info.rcv_sid, ntohl(info.rcv_ppid), self->partial->data,
                             self->partial->len, self->user_data);
        g_byte_array_set_size(self->partial, 0);
    }
    return TRUE;
}

/* Until nothing moves any more. */
static void run(WhipSctp *self)
{
    if (self->busy)
        return;
    self->busy = TRUE;
    do {
        self->ready = FALSE;
        send_kept(self);
        reset_streams(self);
        while (!self->ended && self->kept_bytes <= KEPT_MARK && read_some(self))
            ;
    } while (self->ready && !self->ended && self->kept_bytes <= KEPT_MARK);
    self->busy = FALSE;
}

void whip_sctp_receive(WhipSctp *self, const guint8 *packet, gsize len)
{
    usrsctp_conninput(GUINT_TO_POINTER(self->id), packet, len, 0);
    run(self);
}
