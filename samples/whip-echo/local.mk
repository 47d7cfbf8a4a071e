# SPDX-License-Identifier: BSD-3-Clause
whip_sources = \
	samples/whip-echo/answer.c \
	samples/whip-echo/answer.h \
	samples/whip-echo/candidate.c \
	samples/whip-echo/candidate.h \
	samples/whip-echo/captures.c \
	samples/whip-echo/captures.h \
	samples/whip-echo/data-channels.c \
	samples/whip-echo/data-channels.h \
	samples/whip-echo/driver-source.c \
	samples/whip-echo/driver-source.h \
	samples/whip-echo/echo-media.c \
	samples/whip-echo/echo-media.h \
	samples/whip-echo/events.c \
	samples/whip-echo/events.h \
	samples/whip-echo/fragment.c \
	samples/whip-echo/fragment.h \
	samples/whip-echo/ice.c \
	samples/whip-echo/ice.h \
	samples/whip-echo/listen.c \
	samples/whip-echo/listen.h \
	samples/whip-echo/main.c \
	samples/whip-echo/obituaries.c \
	samples/whip-echo/obituaries.h \
	samples/whip-echo/offer.c \
	samples/whip-echo/offer.h \
	samples/whip-echo/offer-media.c \
	samples/whip-echo/offer-transport.c \
	samples/whip-echo/options.c \
	samples/whip-echo/options.h \
	samples/whip-echo/own-offer.c \
	samples/whip-echo/own-offer.h \
	samples/whip-echo/page.c \
	samples/whip-echo/page.h \
	samples/whip-echo/reception.c \
	samples/whip-echo/reception.h \
	samples/whip-echo/refusal.c \
	samples/whip-echo/refusal.h \
	samples/whip-echo/reply.c \
	samples/whip-echo/reply.h \
	samples/whip-echo/report.c \
	samples/whip-echo/report.h \
	samples/whip-echo/rtcp.c \
	samples/whip-echo/rtcp.h \
	samples/whip-echo/sctp.c \
	samples/whip-echo/sctp.h \
	samples/whip-echo/sdp-text.c \
	samples/whip-echo/sdp-text.h \
	samples/whip-echo/server.c \
	samples/whip-echo/server.h \
	samples/whip-echo/session.c \
	samples/whip-echo/session.h \
	samples/whip-echo/session-answer.c \
	samples/whip-echo/session-ice.c \
	samples/whip-echo/session-private.h \
	samples/whip-echo/session-stats.c \
	samples/whip-echo/ssrc-map.c \
	samples/whip-echo/ssrc-map.h \
	samples/whip-echo/transport.c \
	samples/whip-echo/transport.h

whip_page = \
	samples/whip-echo/page/connection.js \
	samples/whip-echo/page/figures.js \
	samples/whip-echo/page/graph.js \
	samples/whip-echo/page/icon.svg \
	samples/whip-echo/page/index.html \
	samples/whip-echo/page/page.js \
	samples/whip-echo/page/pictures.js \
	samples/whip-echo/page/style.css \
	samples/whip-echo/page/words.js
EXTRA_DIST += $(whip_sources) $(whip_page) samples/whip-echo/page.gresource.xml

if WITH_WHIP
noinst_PROGRAMS += samples/whip-echo/whip-echo
samples_whip_echo_whip_echo_SOURCES = $(whip_sources)
nodist_samples_whip_echo_whip_echo_SOURCES = samples/whip-echo/page-files.c
samples_whip_echo_whip_echo_CPPFLAGS = -D_GNU_SOURCE $(public_cppflags) $(GLIB_CFLAGS) $(NICE_CFLAGS) \
	$(JSON_CFLAGS) $(WHIP_CFLAGS) $(USRSCTP_CFLAGS)
# What glib-compile-resources writes is not made for these warnings.
samples_whip_echo_whip_echo_CFLAGS = $(AM_CFLAGS) -Wno-overlength-strings
samples_whip_echo_whip_echo_LDFLAGS =
samples_whip_echo_whip_echo_LDADD = libsluice-glib-1.0.la libsluice-1.0.la $(WHIP_LIBS) $(USRSCTP_LIBS) \
	$(NICE_LIBS) $(JSON_LIBS) $(GLIB_LIBS)

samples/whip-echo/page-files.c: samples/whip-echo/page.gresource.xml $(whip_page)
	$(AM_V_GEN)$(MKDIR_P) samples/whip-echo && $(GLIB_COMPILE_RESOURCES) --generate-source \
	  --sourcedir=$(srcdir)/samples/whip-echo/page --target=$@ $(srcdir)/samples/whip-echo/page.gresource.xml
CLEANFILES += samples/whip-echo/page-files.c
endif
