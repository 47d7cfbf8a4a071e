/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef WHIP_LISTEN_H
#define WHIP_LISTEN_H

/* The port of HTTP, for hundreds of clients at a time. */

#include <libsoup/soup.h>

/* @url: where it listens. Stop it before @http goes. */
GSocketService *whip_listen(SoupServer *http, GSocketAddress *address, char **url, GError **error);

#endif
