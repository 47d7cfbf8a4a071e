/* SPDX-License-Identifier: BSD-3-Clause */
#include "forward-queue.h"

#include <errno.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/uio.h>

#include "forward-socket.h"

#define PIECES 1024     /* the kernel takes no more messages at a call */
#define RUN 64          /* nor more datagrams in one (UDP_MAX_SEGMENTS) */
#define RUN_BYTES 65000 /* all of them together are one IP packet until they leave the machine */

/* With room for the size of the datagrams, in front of which stands a struct cmsghdr. */
typedef struct {
    _Alignas(struct cmsghdr) char bytes[CMSG_SPACE(sizeof(uint16_t))];
} Control;

struct ForwardQueue {
    size_t n;
    const ForwardAddress *to[PIECES];
    struct iovec pieces[PIECES];
    struct mmsghdr messages[PIECES];
    Control control[PIECES];
};

ForwardQueue *forward_queue_new(void) { return g_new0(ForwardQueue, 1); }

void forward_queue_free(ForwardQueue *self) { g_free(self); }

/* How many pieces from @first on may go as one: to one peer, of one size, only the last may be shorter. */
static size_t length_of_run(const ForwardQueue *self, size_t first)
{
    size_t size = self->pieces[first].iov_len, bytes = size, n = 1;

    while (n < RUN && first + n < self->n && self->to[first + n] == self->to[first] &&
           self->pieces[first + n].iov_len <= size &&
           bytes + self->pieces[first + n].iov_len <= RUN_BYTES) {
        bytes += self->pieces[first + n].iov_len;
        if (self->pieces[first + n++].iov_len < size)
            break;
    }
    return n;
}

static void fill_message(ForwardQueue *self, struct msghdr *message, Control *control, size_t first,
                         size_t n)
{
    uint16_t size = (uint16_t)self->pieces[first].iov_len;
    struct cmsghdr *c;

    *message = (struct msghdr){.msg_name = (void *)(uintptr_t)&self->to[first]->storage,
                               .msg_namelen = self->to[first]->len,
                               .msg_iov = &self->pieces[first],
                               .msg_iovlen = n};
    if (n == 1)
        return;
    message->msg_control = control;
    message->msg_controllen = sizeof *control;
    c = CMSG_FIRSTHDR(message);
    c->cmsg_level = SOL_UDP;
    c->cmsg_type = UDP_SEGMENT;
    c->cmsg_len = CMSG_LEN(sizeof size);
    memcpy(CMSG_DATA(c), &size, sizeof size);
}

static size_t make_messages(ForwardQueue *self, gboolean gso)
{
    size_t messages = 0;

    for (size_t first = 0, n; first < self->n; first += n) {
        n = gso ? length_of_run(self, first) : 1;
        fill_message(self, &self->messages[messages].msg_hdr, &self->control[messages], first, n);
        messages++;
    }
    return messages;
}

static void count_sent(ForwardFigures *count, const struct mmsghdr *messages, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t pieces = messages[i].msg_hdr.msg_iovlen;

        count->packets_out += pieces;
        count->runs_out += pieces > 1;
        count->packets_run += pieces > 1 ? pieces : 0;
    }
}

/* A run was refused: its datagrams go one by one. EIO is the answer of a device that cannot make checksums of runs;
 * EINVAL and EMSGSIZE may come of their size too, which the datagrams by themselves will show. */
static void send_singly(ForwardSocket *self, const struct msghdr *run, int refusal)
{
    for (size_t i = 0; i < run->msg_iovlen; i++) {
        struct msghdr one = {.msg_name = run->msg_name,
                             .msg_namelen = run->msg_namelen,
                             .msg_iov = run->msg_iov + i,
                             .msg_iovlen = 1};

        self->count->calls_out++;
        if (sendmsg(self->fd, &one, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) {
            self->count->packets_out++;
            if (i == 0 && refusal != EMSGSIZE && self->gso) { /* so their size was not the reason */
                self->gso = FALSE;
                self->gso_refused = TRUE;
            }
        } else if (errno == EAGAIN || errno == ENOBUFS) {
            self->count->busy++;
        } else {
            self->count->failed++;
        }
    }
}

static size_t count_pieces(const struct mmsghdr *messages, size_t n)
{
    size_t pieces = 0;

    for (size_t i = 0; i < n; i++)
        pieces += messages[i].msg_hdr.msg_iovlen;
    return pieces;
}

/* Of the messages the first is at fault. Returns: how many to leave out. */
static size_t refused(ForwardSocket *self, struct mmsghdr *messages, size_t n, int problem)
{
    size_t pieces = messages[0].msg_hdr.msg_iovlen;

    if (problem == EINTR)
        return 0;
    if (problem == EAGAIN || problem == EWOULDBLOCK) {
        self->count->busy += count_pieces(messages, n);
        return n;
    }
    if (pieces > 1 && (problem == EIO || problem == EINVAL || problem == EMSGSIZE))
        send_singly(self, &messages[0].msg_hdr, problem);
    else if (problem == ENOBUFS)
        self->count->busy += pieces;
    else
        self->count->failed += pieces;
    return 1;
}

void forward_socket_flush(ForwardSocket *self)
{
    ForwardQueue *queue = self->queue;
    size_t n = make_messages(queue, self->gso), done = 0;

    while (done < n) {
        int sent = sendmmsg(self->fd, queue->messages + done, (unsigned)(n - done),
                            MSG_DONTWAIT | MSG_NOSIGNAL);

        self->count->calls_out++;
        if (sent > 0) {
            count_sent(self->count, queue->messages + done, (size_t)sent);
            done += (size_t)sent;
        } else {
            done += refused(self, queue->messages + done, n - done, errno);
        }
    }
    queue->n = 0;
}

void forward_socket_queue(ForwardSocket *self, const ForwardAddress *to, void *data, size_t len)
{
    ForwardQueue *queue = self->queue;

    if (queue->n == PIECES)
        forward_socket_flush(self);
    queue->to[queue->n] = to;
    queue->pieces[queue->n++] = (struct iovec){.iov_base = data, .iov_len = len};
}
