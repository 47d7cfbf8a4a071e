/* SPDX-License-Identifier: BSD-3-Clause */
#include "stream-bio.h"

#include "bio-method.h"

#include <openssl/bio.h>

#include <string.h>

/* All or nothing: OpenSSL comes again with what was not taken, so a record is never torn. */
static int bio_write(BIO *bio, const char *data, int len)
{
    SlStreamBio *self = BIO_get_data(bio);

    BIO_clear_retry_flags(bio);
    if (len <= 0)
        return 0;
    if (self->closed)
        return len;
    self->blocked = sl_byte_queue_len(&self->out) + (size_t)len > self->out_max;
    if (self->blocked) {
        BIO_set_retry_write(bio);
        return -1;
    }
    if (!sl_byte_queue_append(&self->out, (const uint8_t *)data, (size_t)len)) {
        self->no_memory = 1;
        return -1;
    }
    self->produced += (uint64_t)len;
    return len;
}

static int bio_read(BIO *bio, char *buffer, int capacity)
{
    SlStreamBio *self = BIO_get_data(bio);
    size_t n = sl_byte_queue_len(&self->in);

    BIO_clear_retry_flags(bio);
    if (n == 0 || capacity <= 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    if (n > (size_t)capacity)
        n = (size_t)capacity;
    memcpy(buffer, sl_byte_queue_data(&self->in), n);
    sl_byte_queue_consume(&self->in, n);
    return (int)n;
}

static long bio_ctrl(BIO *bio, int command, long number, void *pointer)
{
    (void)bio, (void)number, (void)pointer;
    /* 0 is the only safe answer to what we do not know: see datagram-bio.c. */
    return command == BIO_CTRL_FLUSH ? 1 : 0;
}

static SlBioMethod method = {
    .name = "sluice stream", .write = bio_write, .read = bio_read, .ctrl = bio_ctrl};

BIO *sl_stream_bio_new(SlStreamBio *state) { return sl_bio_new(&method, state); }
