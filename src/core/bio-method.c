/* SPDX-License-Identifier: BSD-3-Clause */
#include "bio-method.h"

#include <pthread.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static int bio_create(BIO *bio)
{
    BIO_set_init(bio, 1);
    return 1;
}

/* Once a process, and not again after that: there are only 127 indices. If memory ran out the next call tries anew. */
static void make(SlBioMethod *self)
{
    BIO_METHOD *made;

    if (self->type == 0)
        self->type = BIO_get_new_index();
    if (self->type <= 0) {
        self->type = 0;
        return;
    }
    made = BIO_meth_new(self->type | BIO_TYPE_SOURCE_SINK, self->name);
    if (made && BIO_meth_set_write(made, self->write) && BIO_meth_set_read(made, self->read) &&
        BIO_meth_set_ctrl(made, self->ctrl) && BIO_meth_set_create(made, bio_create)) {
        self->made = made;
        return;
    }
    BIO_meth_free(made);
}

BIO *sl_bio_new(SlBioMethod *method, void *state)
{
    BIO *bio;

    pthread_mutex_lock(&lock);
    if (!method->made)
        make(method);
    bio = method->made ? BIO_new(method->made) : NULL;
    pthread_mutex_unlock(&lock);
    if (bio)
        BIO_set_data(bio, state);
    return bio;
}
