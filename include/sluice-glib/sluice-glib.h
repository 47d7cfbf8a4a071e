/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SLUICE_GLIB_H
#define SLUICE_GLIB_H

/* The whole binding for libnice and GLib's main loop. */

#include <sluice-glib/error.h>
#include <sluice-glib/ice-driver.h>
#include <sluice-glib/ice-transport.h>
#include <sluice-glib/types.h>

#endif
