/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FORWARD_QUEUE_H
#define FORWARD_QUEUE_H

/* Media that waits to be sent with one call: the queue behind forward_socket_queue(). */

#include <glib.h>

typedef struct ForwardQueue ForwardQueue;

ForwardQueue *forward_queue_new(void);
void forward_queue_free(ForwardQueue *self);

#endif
