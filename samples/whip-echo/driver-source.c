/* SPDX-License-Identifier: BSD-3-Clause */
#include "driver-source.h"

typedef struct {
    GSource source;
    SluiceIceDriver *driver; /* not owned */
    gpointer fd;
} DriverSource;

static gboolean prepare(GSource *source, gint *timeout)
{
    *timeout = sluice_ice_driver_get_timeout(((DriverSource *)source)->driver);
    return *timeout == 0;
}

static gboolean check(GSource *source)
{
    DriverSource *self = (DriverSource *)source;

    return g_source_query_unix_fd(source, self->fd) != 0 ||
           sluice_ice_driver_get_timeout(self->driver) == 0;
}

static gboolean dispatch(GSource *source, GSourceFunc callback, gpointer user_data)
{
    (void)callback, (void)user_data;
    /* Once: HTTP takes its turn between two of these. */
    sluice_ice_driver_iterate(((DriverSource *)source)->driver, 0);
    return G_SOURCE_CONTINUE;
}

static GSourceFuncs funcs = {.prepare = prepare, .check = check, .dispatch = dispatch};

GSource *whip_driver_source_new(SluiceIceDriver *driver)
{
    GSource *source = g_source_new(&funcs, sizeof(DriverSource));
    DriverSource *self = (DriverSource *)source;

    self->driver = driver;
    self->fd = g_source_add_unix_fd(source, sluice_ice_driver_get_fd(driver), G_IO_IN);
    g_source_set_static_name(source, "SluiceIceDriver");
    g_source_attach(source, NULL);
    return source;
}
