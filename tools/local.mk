# SPDX-License-Identifier: BSD-3-Clause
rtcprobe_sources = \
	tools/probe-capture.c \
	tools/probe-capture.h \
	tools/probe-certificate.c \
	tools/probe-config.c \
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

# What the subcommand whip takes besides, and the files that it shares with samples/whip-echo.
rtcprobe_whip_sources = \
	tools/probe-whip.c \
	tools/probe-whip.h \
	tools/whip-channel.c \
	tools/whip-client.c \
	tools/whip-client.h \
	tools/whip-connection.c \
	tools/whip-http.c \
	tools/whip-probe.h \
	tools/whip-report.c \
	tools/whip-run.c \
	tools/whip-sdp.c \
	tools/whip-traffic.c
rtcprobe_shared_sources = \
	samples/whip-echo/candidate.c \
	samples/whip-echo/driver-source.c \
	samples/whip-echo/ice.c \
	samples/whip-echo/offer-media.c \
	samples/whip-echo/offer-transport.c \
	samples/whip-echo/offer.c \
	samples/whip-echo/refusal.c \
	samples/whip-echo/sctp.c \
	samples/whip-echo/sdp-text.c

if WITH_PROGRAMS
bin_PROGRAMS += tools/rtcprobe
tools_rtcprobe_SOURCES = $(rtcprobe_sources)
tools_rtcprobe_CPPFLAGS = -D_GNU_SOURCE $(public_cppflags) $(OPENSSL_API_FLAGS) $(OPENSSL_CFLAGS) \
	$(GLIB_CFLAGS) $(JSON_CFLAGS)
# libssl knows the names of all cipher suites, libcrypto reads the certificate's subject.
tools_rtcprobe_LDFLAGS =
tools_rtcprobe_LDADD = libsluice-1.0.la $(OPENSSL_LIBS) $(JSON_LIBS) $(GLIB_LIBS)
if WITH_WHIP
tools_rtcprobe_SOURCES += $(rtcprobe_whip_sources) $(rtcprobe_shared_sources)
tools_rtcprobe_CPPFLAGS += -DHAVE_WHIP=1 -I$(srcdir)/samples/whip-echo $(NICE_CFLAGS) $(WHIP_CFLAGS) $(USRSCTP_CFLAGS)
tools_rtcprobe_LDADD += libsluice-glib-1.0.la $(WHIP_LIBS) $(USRSCTP_LIBS) $(NICE_LIBS)
endif
dist_man1_MANS += tools/rtcprobe.1
else
EXTRA_DIST += $(rtcprobe_sources) tools/rtcprobe.1
endif
EXTRA_DIST += $(rtcprobe_whip_sources)
