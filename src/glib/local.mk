# SPDX-License-Identifier: BSD-3-Clause
glib_sources = \
	src/glib/error.c \
	src/glib/ice-driver-loop.c \
	src/glib/ice-driver-private.h \
	src/glib/ice-driver-seat.c \
	src/glib/ice-driver-watches.c \
	src/glib/ice-driver.c \
	src/glib/ice-transport-calls.c \
	src/glib/ice-transport-io.c \
	src/glib/ice-transport-private.h \
	src/glib/ice-transport-source.c \
	src/glib/ice-transport-stats.c \
	src/glib/ice-transport.c \
	src/glib/types.c
glib_map = src/glib/libsluice-glib.map
EXTRA_DIST += $(glib_map)

if WITH_GLIB
noinst_LTLIBRARIES += libsluice-glib-core.la
libsluice_glib_core_la_SOURCES = $(glib_sources)
libsluice_glib_core_la_CPPFLAGS = -D_GNU_SOURCE $(glib_cppflags)
libsluice_glib_core_la_CFLAGS = $(AM_CFLAGS) $(VISIBILITY_CFLAGS)

lib_LTLIBRARIES += libsluice-glib-1.0.la
libsluice_glib_1_0_la_SOURCES =
# Named here, not by the convenience library: that would hand on what the core itself is linked with.
libsluice_glib_1_0_la_LIBADD = libsluice-glib-core.la libsluice-1.0.la $(NICE_LIBS) $(GLIB_LIBS)
libsluice_glib_1_0_la_LDFLAGS = $(library_ldflags)
libsluice_glib_1_0_la_DEPENDENCIES = libsluice-glib-core.la libsluice-1.0.la $(glib_map)
if HAVE_VERSION_SCRIPT
libsluice_glib_1_0_la_LDFLAGS += -Wl,--version-script=$(srcdir)/$(glib_map)
endif

pkgconfig_DATA += src/glib/sluice-glib-1.0.pc
else
EXTRA_DIST += $(glib_sources)
endif

if ENABLE_INTROSPECTION
gir_headers = $(filter-out include/sluice/openssl.h,$(core_headers)) $(glib_headers)
gir_sources = $(gir_headers) $(filter %.c,$(glib_sources))

Sluice-1.0.gir: libsluice-1.0.la libsluice-glib-1.0.la $(gir_sources) include/sluice/version.h
	$(AM_V_GEN)CC='$(CC)' CFLAGS='$(CFLAGS)' LDFLAGS='$(LDFLAGS)' \
	$(G_IR_SCANNER) --quiet --warn-all --libtool='$(LIBTOOL)' \
	  --namespace=Sluice --nsversion=1.0 --identifier-prefix=Sluice --symbol-prefix=sluice \
	  --include=GObject-2.0 --include=Gio-2.0 --include=Nice-0.1 \
	  --pkg-export=sluice-glib-1.0 --c-include=sluice-glib/sluice-glib.h \
	  --library=libsluice-glib-1.0.la --library=libsluice-1.0.la \
	  $(public_cppflags) $(GIR_CFLAGS) \
	  --output=$@ $(addprefix $(srcdir)/,$(gir_sources)) include/sluice/version.h

Sluice-1.0.typelib: Sluice-1.0.gir
	$(AM_V_GEN)$(G_IR_COMPILER) --output=$@ Sluice-1.0.gir

gir_DATA = Sluice-1.0.gir
typelib_DATA = Sluice-1.0.typelib
CLEANFILES += $(gir_DATA) $(typelib_DATA)
endif
