# SPDX-License-Identifier: BSD-3-Clause
# `make bench-peers`: what GStreamer's elements and Janus need for the same work, a line of JSON for each case. Peers that are
# not installed are left out, and a line says so. On Debian 12 nobody is missing after
#   apt-get install libgstreamer1.0-dev gstreamer1.0-tools gstreamer1.0-plugins-bad janus openssl iproute2 util-linux python3
# (with RUNLEVEL=1 in its environment, or janus starts as a service, which is not wanted here).
peers_programs =
peers_common = \
	tests/bench/bench.h \
	tests/bench/call.c \
	tests/bench/call.h \
	tests/bench/measure.c \
	tests/bench/peers-measure.c \
	tests/bench/peers.h
peers_api = \
	tests/bench/peers-api.c \
	tests/bench/peers-api.h \
	tests/bench/peers-ice.c \
	tests/bench/peers-ice.h

# configure does not look for GStreamer, which nothing else needs: bench-peers does, and fills these in.
GSTREAMER_CFLAGS =
GSTREAMER_LIBS =
EXTRA_PROGRAMS += tests/bench/peers-gstreamer
CLEANFILES += tests/bench/peers-gstreamer
tests_bench_peers_gstreamer_SOURCES = \
	tests/bench/peers-gstreamer-elements.c \
	tests/bench/peers-gstreamer.c \
	tests/bench/peers-sluice.c \
	tests/bench/peers-worker.c \
	$(peers_common)
tests_bench_peers_gstreamer_CPPFLAGS = $(media_cppflags) $(GSTREAMER_CFLAGS)
tests_bench_peers_gstreamer_LDFLAGS =
tests_bench_peers_gstreamer_LDADD = $(media_ldadd) $(GSTREAMER_LIBS)

if WITH_PROGRAMS
peers_programs += tests/bench/peers-echo tests/bench/peers-janus
endif
EXTRA_PROGRAMS += $(peers_programs)
CLEANFILES += $(peers_programs)
tests_bench_peers_echo_SOURCES = tests/bench/peers-echo.c $(peers_api)
tests_bench_peers_echo_CPPFLAGS = -D_GNU_SOURCE $(public_cppflags) $(GLIB_CFLAGS) $(NICE_CFLAGS) $(JSON_CFLAGS)
tests_bench_peers_echo_LDFLAGS =
tests_bench_peers_echo_LDADD = libsluice-glib-1.0.la libsluice-1.0.la $(NICE_LIBS) $(JSON_LIBS) $(GLIB_LIBS)

tests_bench_peers_janus_SOURCES = \
	tests/bench/peers-client.c \
	tests/bench/peers-client.h \
	tests/bench/peers-janus.c \
	$(peers_api) \
	$(peers_common)
tests_bench_peers_janus_CPPFLAGS = $(media_cppflags) $(GLIB_CFLAGS) $(NICE_CFLAGS) $(JSON_CFLAGS)
tests_bench_peers_janus_LDFLAGS =
tests_bench_peers_janus_LDADD = $(media_ldadd) $(NICE_LIBS) $(JSON_LIBS) $(GLIB_LIBS)

EXTRA_DIST += docs/performance-peers.md tests/bench/peers.py

# What make itself says goes elsewhere: the output is JSON alone.
bench-peers:
	@programs='$(peers_programs)'; \
	if $(PKG_CONFIG) --exists gstreamer-1.0; then programs="$$programs tests/bench/peers-gstreamer"; fi; \
	if test -n "$$programs"; then \
		$(MAKE) $$programs GSTREAMER_CFLAGS="`$(PKG_CONFIG) --cflags gstreamer-1.0 2>/dev/null`" \
			GSTREAMER_LIBS="`$(PKG_CONFIG) --libs gstreamer-1.0 2>/dev/null`" >&2 || exit 1; \
	fi; \
	python3 $(srcdir)/tests/bench/peers.py $$programs $(BENCH_FLAGS)
.PHONY: bench-peers
