# SPDX-License-Identifier: BSD-3-Clause
core_headers = \
	include/sluice/capture.h \
	include/sluice/certificate.h \
	include/sluice/classify.h \
	include/sluice/config.h \
	include/sluice/event.h \
	include/sluice/half-open.h \
	include/sluice/media.h \
	include/sluice/openssl.h \
	include/sluice/pcapng.h \
	include/sluice/sluice.h \
	include/sluice/srtp-engine.h \
	include/sluice/stats.h \
	include/sluice/stream-config.h \
	include/sluice/stream.h \
	include/sluice/timers.h \
	include/sluice/transport.h \
	include/sluice/types.h
glib_headers = \
	include/sluice-glib/error.h \
	include/sluice-glib/ice-driver.h \
	include/sluice-glib/ice-transport.h \
	include/sluice-glib/sluice-glib.h \
	include/sluice-glib/types.h

coreincludedir = $(pkgincludedir)/sluice
coreinclude_HEADERS = $(core_headers)
nodist_coreinclude_HEADERS = include/sluice/version.h

glibincludedir = $(pkgincludedir)/sluice-glib
if WITH_GLIB
glibinclude_HEADERS = $(glib_headers)
else
EXTRA_DIST += $(glib_headers)
endif
