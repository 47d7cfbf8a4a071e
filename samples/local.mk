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

forward_sources = \
	samples/forward.c \
	samples/forward.h \
	samples/forward-media.c \
	samples/forward-media.h \
	samples/forward-options.c \
	samples/forward-options.h \
	samples/forward-peer.c \
	samples/forward-peers.h \
	samples/forward-queue.c \
	samples/forward-queue.h \
	samples/forward-report.c \
	samples/forward-report.h \
	samples/forward-rtcp.c \
	samples/forward-rtcp.h \
	samples/forward-side.c \
	samples/forward-socket.c \
	samples/forward-socket.h \
	samples/forward-stream.h

noinst_PROGRAMS += samples/echo-poll
samples_echo_poll_CPPFLAGS = -D_GNU_SOURCE $(public_cppflags)
samples_echo_poll_LDFLAGS =
samples_echo_poll_LDADD = libsluice-1.0.la

noinst_PROGRAMS += samples/tls-poll
samples_tls_poll_CPPFLAGS = -D_GNU_SOURCE $(public_cppflags)
samples_tls_poll_LDFLAGS =
samples_tls_poll_LDADD = libsluice-1.0.la

https_sources = samples/https-get.c samples/https-get.h
tls_libuv_sources = samples/tls-libuv.c samples/https-options.c
tls_glib_sources = samples/tls-glib.c samples/https-options-glib.c
tls_sctp_sources = samples/tls-sctp.c samples/tls-sctp-options.c samples/tls-sctp-options.h \
	samples/sctp-udp.c samples/sctp-udp.h
EXTRA_DIST += $(https_sources) $(tls_libuv_sources) $(tls_glib_sources) $(tls_sctp_sources)

if HAVE_UV
noinst_PROGRAMS += samples/tls-libuv
samples_tls_libuv_SOURCES = $(tls_libuv_sources) $(https_sources)
samples_tls_libuv_CPPFLAGS = -D_GNU_SOURCE $(public_cppflags) $(UV_CFLAGS)
samples_tls_libuv_LDFLAGS =
samples_tls_libuv_LDADD = libsluice-1.0.la $(UV_LIBS)
endif

if WITH_GLIB
noinst_PROGRAMS += samples/tls-glib
samples_tls_glib_SOURCES = $(tls_glib_sources) $(https_sources)
samples_tls_glib_CPPFLAGS = -D_GNU_SOURCE $(public_cppflags) $(GLIB_CFLAGS)
samples_tls_glib_LDFLAGS =
samples_tls_glib_LDADD = libsluice-1.0.la $(GLIB_LIBS)
endif

if HAVE_USRSCTP
noinst_PROGRAMS += samples/tls-sctp
samples_tls_sctp_SOURCES = $(tls_sctp_sources)
samples_tls_sctp_CPPFLAGS = -D_GNU_SOURCE $(public_cppflags) $(USRSCTP_CFLAGS)
samples_tls_sctp_LDFLAGS =
samples_tls_sctp_LDADD = libsluice-1.0.la $(USRSCTP_LIBS)
endif

if WITH_PROGRAMS
noinst_PROGRAMS += samples/call
samples_call_SOURCES = $(call_sources)
samples_call_CPPFLAGS = -D_GNU_SOURCE $(public_cppflags) $(GLIB_CFLAGS) $(NICE_CFLAGS) $(JSON_CFLAGS)
samples_call_LDFLAGS =
samples_call_LDADD = libsluice-glib-1.0.la libsluice-1.0.la $(NICE_LIBS) $(JSON_LIBS) $(GLIB_LIBS)

noinst_PROGRAMS += samples/forward
samples_forward_SOURCES = $(forward_sources)
samples_forward_CPPFLAGS = -D_GNU_SOURCE $(public_cppflags) $(GLIB_CFLAGS) $(JSON_CFLAGS)
samples_forward_LDFLAGS =
samples_forward_LDADD = libsluice-1.0.la $(JSON_LIBS) $(GLIB_LIBS)
else
EXTRA_DIST += $(call_sources) $(forward_sources)
endif
