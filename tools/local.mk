# SPDX-License-Identifier: BSD-3-Clause
rtcprobe_sources = \
	tools/probe-capture.c \
	tools/probe-capture.h \
	tools/probe-certificate.c \
	tools/probe-events.c \
	tools/probe-names.c \
	tools/probe-options.c \
	tools/probe-report.c \
	tools/probe-session.c \
	tools/probe-session.h \
	tools/probe-setup.c \
	tools/probe-socket.c \
	tools/probe-socket.h \
	tools/probe-stats.c \
	tools/probe-traffic.c \
	tools/probe.h \
	tools/rtcprobe.c

if WITH_PROGRAMS
bin_PROGRAMS += tools/rtcprobe
tools_rtcprobe_SOURCES = $(rtcprobe_sources)
tools_rtcprobe_CPPFLAGS = -D_GNU_SOURCE $(public_cppflags) $(OPENSSL_API_FLAGS) $(OPENSSL_CFLAGS) \
	$(GLIB_CFLAGS) $(JSON_CFLAGS)
# libssl knows the names of all cipher suites, libcrypto reads the certificate's subject.
tools_rtcprobe_LDFLAGS =
tools_rtcprobe_LDADD = libsluice-1.0.la $(OPENSSL_LIBS) $(JSON_LIBS) $(GLIB_LIBS)
dist_man1_MANS += tools/rtcprobe.1
else
EXTRA_DIST += $(rtcprobe_sources) tools/rtcprobe.1
endif
