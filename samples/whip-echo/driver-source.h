/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef WHIP_DRIVER_SOURCE_H
#define WHIP_DRIVER_SOURCE_H

/* A SluiceIceDriver without threads in a GLib main loop: HTTP and all sessions share one thread, and need no locks. */

#include <sluice-glib/sluice-glib.h>

/* Attached to the default context. Destroy it before the driver goes. */
GSource *whip_driver_source_new(SluiceIceDriver *driver);

#endif
