# SPDX-License-Identifier: BSD-3-Clause
call_sources = \
	samples/call.c \
	samples/call-media.c \
	samples/call-media.h \
	samples/call-options.c \
	samples/call-options.h \
	samples/call-peer.c \
	samples/call-peer.h \
	samples/call-report.c \
	samples/call-report.h \
	samples/call-signalling.c \
	samples/call-signalling.h \
	samples/call-traffic.c \
	samples/call-traffic.h \
	samples/call-udp.c \
	samples/call-udp.h

noinst_PROGRAMS += samples/echo-poll
samples_echo_poll_CPPFLAGS = -D_GNU_SOURCE $(public_cppflags)
samples_echo_poll_LDFLAGS =
samples_echo_poll_LDADD = libsluice-1.0.la

if WITH_PROGRAMS
noinst_PROGRAMS += samples/call
samples_call_SOURCES = $(call_sources)
samples_call_CPPFLAGS = -D_GNU_SOURCE $(public_cppflags) $(GLIB_CFLAGS) $(NICE_CFLAGS) $(JSON_CFLAGS)
samples_call_LDFLAGS =
samples_call_LDADD = libsluice-glib-1.0.la libsluice-1.0.la $(NICE_LIBS) $(JSON_LIBS) $(GLIB_LIBS)
else
EXTRA_DIST += $(call_sources)
endif
