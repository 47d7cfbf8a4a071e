/* SPDX-License-Identifier: BSD-3-Clause */
#include "stream-bio.h"

#include <openssl/bio.h>

#include <pthread.h>
#include <string.h>

static BIO_METHOD *method;
static pthread_mutex_t method_lock = PTHREAD_MUTEX_INITIALIZER;

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

static int bio_create(BIO *bio)
{
    BIO_set_init(bio, 1);
    return 1;
}

/* As in datagram-bio.c: the index is one of 127, taken once a process. */
static BIO_METHOD *make_method(void)
{
    static int type;
    BIO_METHOD *made;

    if (type == 0)
        type = BIO_get_new_index();
    if (type <= 0) {
        type = 0;
        return NULL;
    }
    made = BIO_meth_new(type | BIO_TYPE_SOURCE_SINK, "sluice stream");
    if (made && BIO_meth_set_write(made, bio_write) && BIO_meth_set_read(made, bio_read) &&
        BIO_meth_set_ctrl(made, bio_ctrl) && BIO_meth_set_create(made, bio_create))
        return made;
    BIO_meth_free(made);
    return NULL;
}

BIO *sl_stream_bio_new(SlStreamBio *state)
{
    BIO *bio;

    pthread_mutex_lock(&method_lock);
    if (!method)
        method = make_method();
    bio = method ? BIO_new(method) : NULL;
    pthread_mutex_unlock(&method_lock);
    if (bio)
        BIO_set_data(bio, state);
    return bio;
}
