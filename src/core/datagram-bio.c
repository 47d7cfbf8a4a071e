/* SPDX-License-Identifier: BSD-3-Clause */
#include "datagram-bio.h"

#include <openssl/bio.h>

#include <limits.h>
#include <pthread.h>
#include <string.h>

static BIO_METHOD *method;
static pthread_mutex_t method_lock = PTHREAD_MUTEX_INITIALIZER;

static int bio_write(BIO *bio, const char *data, int len)
{
    SlDatagramBio *self = BIO_get_data(bio);

    BIO_clear_retry_flags(bio);
    if (len <= 0)
        return 0;
    self->write(self->context, (const uint8_t *)data, (size_t)len);
    return len;
}

static int bio_read(BIO *bio, char *buffer, int capacity)
{
    SlDatagramBio *self = BIO_get_data(bio);
    size_t n;

    BIO_clear_retry_flags(bio);
    if (!self->in || capacity <= 0) {
        /* Anything but "retry" would be taken for the end of the connection. */
        BIO_set_retry_read(bio);
        return -1;
    }
    n = self->in_len < (size_t)capacity ? self->in_len : (size_t)capacity;
    memcpy(buffer, self->in, n);
    self->in = NULL;
    return (int)n;
}

static long bio_ctrl(BIO *bio, int command, long number, void *pointer)
{
    SlDatagramBio *self = BIO_get_data(bio);

    (void)pointer;
    switch (command) {
    case BIO_CTRL_FLUSH:
        return 1;
    case BIO_CTRL_DGRAM_QUERY_MTU:
    case BIO_CTRL_DGRAM_GET_FALLBACK_MTU:
        return (long)self->mtu;
    case BIO_CTRL_DGRAM_SET_MTU:
        self->mtu = (size_t)number;
        return number;
    default:
        /* 0 is the only safe answer to what we do not know: 1 to a kernel-TLS question crashes libssl 3.0. */
        return 0;
    }
}

static int bio_create(BIO *bio)
{
    BIO_set_init(bio, 1);
    return 1;
}

/* Made once a process, and not again after that: the index is one of 127. If memory ran out the next call tries
 * anew. */
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
    made = BIO_meth_new(type | BIO_TYPE_SOURCE_SINK, "sluice datagram");
    if (made && BIO_meth_set_write(made, bio_write) && BIO_meth_set_read(made, bio_read) &&
        BIO_meth_set_ctrl(made, bio_ctrl) && BIO_meth_set_create(made, bio_create))
        return made;
    BIO_meth_free(made);
    return NULL;
}

BIO *sl_datagram_bio_new(SlDatagramBio *state)
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
