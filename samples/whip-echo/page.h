/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef WHIP_PAGE_H
#define WHIP_PAGE_H

/* The page, compiled in: every file of it by its path. */

#include <libsoup/soup.h>

/* FALSE: there is no such file; nothing was answered. */
gboolean whip_page_serve(SoupServerMessage *message, const char *path);

#endif
