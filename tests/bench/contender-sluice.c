/* SPDX-License-Identifier: BSD-3-Clause */

/* SluiceStream, driven by the loop that sluice/stream.h shows. */

#include "bench.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define RECORD 16384
#define CHUNK 65536 /* what a recv() asks for */

typedef struct {
    PollEnd poll; /* first: go_on() finds us by it */
    SluiceStream *stream;
    Load load;
    uint64_t done; /* messages sent, bytes received */
    size_t sent;   /* of the message under way */
    int gathers;   /* sends when there is no room for more, not after each message */
    uint8_t *plain, *cipher;
} End;

typedef struct {
    End sender, receiver;
} Pair;

/* 0: the socket is full. */
static int flush(End *self)
{
    const uint8_t *data;
    size_t len;
    ssize_t n;

    while (sluice_stream_peek_output(self->stream, &data, &len)) {
        n = send(self->poll.fd, data, len, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN)
            return 0;
        if (n < 0)
            die("send");
        sluice_stream_pop_output(self->stream, (size_t)n);
    }
    return 1;
}

/* One recv() with all that it brings; @got: plaintext bytes. 0: the socket is empty. */
static int fill(End *self, uint64_t *got)
{
    ssize_t n = recv(self->poll.fd, self->cipher, CHUNK, 0);
    size_t len = (size_t)n, at = 0, taken, read;

    if (n < 0 && errno == EAGAIN)
        return 0;
    if (n <= 0)
        die("recv");
    do {
        if (sluice_status_is_dead(
                sluice_stream_receive(self->stream, self->cipher + at, len - at, &taken)))
            die("the stream has failed");
        at += taken;
        while (sluice_stream_read(self->stream, self->plain, RECORD, &read) == SLUICE_OK)
            *got += read;
    } while (at < len);
    return 1;
}

static short handshake(PollEnd *poll)
{
    End *self = (End *)poll;
    uint64_t got = 0;

    while (sluice_stream_get_state(self->stream) == SLUICE_STATE_CONNECTING) {
        if (!flush(self))
            return POLLOUT;
        if (!fill(self, &got))
            return POLLIN;
    }
    return flush(self) ? 0 : POLLOUT;
}

static short send_on(PollEnd *poll)
{
    End *self = (End *)poll;
    SluiceStatus status;
    size_t n;

    while (flush(self)) {
        if (self->done == self->load.messages)
            return 0;
        do {
            status = sluice_stream_write(self->stream, self->plain + self->sent,
                                         self->load.message - self->sent, &n);
            if (status != SLUICE_OK && status != SLUICE_WOULD_BLOCK)
                die("sluice_stream_write");
            self->sent += n;
            if (self->sent == self->load.message) {
                self->sent = 0;
                self->done++;
            }
        } while (self->gathers && status == SLUICE_OK && self->done < self->load.messages);
    }
    return POLLOUT;
}

static short receive_on(PollEnd *poll)
{
    End *self = (End *)poll;

    while (self->done < self->load.messages * self->load.message)
        if (!fill(self, &self->done))
            return POLLIN;
    return 0;
}

static void open_end(End *self, const Material *material, SluiceRole role, int fd, int gathers)
{
    self->stream = sluice_stream_new(material->config, role);
    self->plain = calloc(1, RECORD);
    self->cipher = calloc(1, CHUNK);
    self->poll.fd = fd;
    self->poll.go_on = handshake;
    self->gathers = gathers;
    if (!self->stream || !self->plain || !self->cipher)
        die("memory");
    if ((role == SLUICE_ROLE_CLIENT &&
         sluice_stream_set_host(self->stream, BENCH_HOST) != SLUICE_OK) ||
        sluice_stream_start(self->stream, 0) != SLUICE_OK)
        die("cannot start a stream");
}

static Pair *open_pair(const Material *material, int sender, int receiver, int gathers)
{
    Pair *self = calloc(1, sizeof *self);
    SluiceStreamInfo info;

    if (!self)
        die("memory");
    open_end(&self->sender, material, SLUICE_ROLE_SERVER, sender, gathers);
    open_end(&self->receiver, material, SLUICE_ROLE_CLIENT, receiver, gathers);
    poll_run(&self->sender.poll, &self->receiver.poll, BOTH);
    sluice_stream_get_info(self->sender.stream, &info, sizeof info);
    require_cipher(info.cipher);
    self->sender.poll.go_on = send_on;
    self->receiver.poll.go_on = receive_on;
    return self;
}

static void *sluice_open(const Material *material, int sender, int receiver, int threads)
{
    (void)threads;
    return open_pair(material, sender, receiver, 0);
}

static void *gathering_open(const Material *material, int sender, int receiver, int threads)
{
    (void)threads;
    return open_pair(material, sender, receiver, 1);
}

static void sluice_run(void *pair, const Load *load, Side side)
{
    Pair *self = pair;

    if (side & SENDER) {
        self->sender.load = *load;
        self->sender.done = 0;
    }
    if (side & RECEIVER) {
        self->receiver.load = *load;
        self->receiver.done = 0;
    }
    poll_run(&self->sender.poll, &self->receiver.poll, side);
    if (side & RECEIVER && self->receiver.done != load->messages * load->message)
        die("SluiceStream: another number of bytes has come");
}

static void close_end(End *self)
{
    sluice_stream_free(self->stream);
    free(self->plain);
    free(self->cipher);
}

static void sluice_close(void *pair)
{
    Pair *self = pair;

    close_end(&self->sender);
    close_end(&self->receiver);
    free(self);
}

const Contender contender_sluice = {
    .name = "SluiceStream",
    .open = sluice_open,
    .run = sluice_run,
    .close = sluice_close,
};

const Contender contender_sluice_gathering = {
    .name = "SluiceStream, gathering",
    .is_variant = 1,
    .open = gathering_open,
    .run = sluice_run,
    .close = sluice_close,
};
