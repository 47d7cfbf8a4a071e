# SPDX-License-Identifier: BSD-3-Clause
# What it costs, against what others need for the same. Built and run by `make bench` alone, which prints a line of JSON for
# each case; nothing is ever asserted of a time. BENCH_FLAGS='--rounds 41' for more of it.
bench_programs = \
	tests/bench/stream-throughput \
	tests/bench/stream-memory \
	tests/bench/media-receive \
	tests/bench/media-fan-out \
	tests/bench/media-ssrcs \
	tests/bench/media-flood \
	tests/bench/media-stock \
	tests/bench/media-latency \
	tests/bench/handshake-time \
	tests/bench/session-memory \
	tests/bench/session-idle
EXTRA_PROGRAMS += $(bench_programs)
CLEANFILES += $(bench_programs)

bench_common = tests/bench/bench.h tests/bench/material.c tests/bench/measure.c
bench_cppflags = -D_GNU_SOURCE $(public_cppflags) $(OPENSSL_CFLAGS)
bench_ldadd = libsluice-1.0.la $(OPENSSL_LIBS)

tests_bench_stream_throughput_SOURCES = \
	tests/bench/contender-openssl.c \
	tests/bench/contender-sluice.c \
	tests/bench/poll-loop.c \
	tests/bench/stream-throughput.c \
	$(bench_common)
tests_bench_stream_throughput_CPPFLAGS = $(bench_cppflags)
tests_bench_stream_throughput_CXXFLAGS = -std=c++17 -pthread -Wall -Wextra
tests_bench_stream_throughput_LDFLAGS =
tests_bench_stream_throughput_LDADD = $(bench_ldadd)
if HAVE_ASIO
tests_bench_stream_throughput_SOURCES += tests/bench/contender-asio.cc
tests_bench_stream_throughput_CPPFLAGS += -DHAVE_ASIO
endif

tests_bench_stream_memory_SOURCES = \
	tests/bench/ends.c \
	tests/bench/ends.h \
	tests/bench/stream-memory.c \
	$(bench_common)
tests_bench_stream_memory_CPPFLAGS = $(bench_cppflags)
tests_bench_stream_memory_LDFLAGS =
tests_bench_stream_memory_LDADD = $(bench_ldadd)

# Y1 to Y11 of docs/performance.md: transports against OpenSSL and libsrtp2 alone.
media_common = tests/bench/bench.h tests/bench/call.c tests/bench/call.h tests/bench/measure.c
media_cppflags = $(bench_cppflags) $(SRTP_CFLAGS)
media_ldadd = $(bench_ldadd) $(SRTP_LIBS)

tests_bench_media_receive_SOURCES = \
	tests/bench/evp-limit.c \
	tests/bench/evp-limit.h \
	tests/bench/media-receive.c \
	$(media_common)
tests_bench_media_receive_CPPFLAGS = $(media_cppflags)
tests_bench_media_receive_LDFLAGS =
tests_bench_media_receive_LDADD = $(media_ldadd)

tests_bench_media_fan_out_SOURCES = tests/bench/media-fan-out.c $(media_common)
tests_bench_media_fan_out_CPPFLAGS = $(media_cppflags)
tests_bench_media_fan_out_LDFLAGS =
tests_bench_media_fan_out_LDADD = $(media_ldadd)

tests_bench_media_ssrcs_SOURCES = tests/bench/media-ssrcs.c $(media_common)
tests_bench_media_ssrcs_CPPFLAGS = $(media_cppflags)
tests_bench_media_ssrcs_LDFLAGS =
tests_bench_media_ssrcs_LDADD = $(media_ldadd)

tests_bench_media_flood_SOURCES = tests/bench/media-flood.c $(media_common)
tests_bench_media_flood_CPPFLAGS = $(media_cppflags)
tests_bench_media_flood_LDFLAGS =
tests_bench_media_flood_LDADD = $(media_ldadd)

tests_bench_media_stock_SOURCES = tests/bench/media-stock.c $(media_common)
tests_bench_media_stock_CPPFLAGS = $(media_cppflags)
tests_bench_media_stock_LDFLAGS =
tests_bench_media_stock_LDADD = $(media_ldadd)

tests_bench_media_latency_SOURCES = tests/bench/media-latency.c $(media_common)
tests_bench_media_latency_CPPFLAGS = $(media_cppflags)
tests_bench_media_latency_LDFLAGS = -pthread
tests_bench_media_latency_LDADD = $(media_ldadd)

tests_bench_handshake_time_SOURCES = \
	tests/bench/bare-dtls.c \
	tests/bench/bare-dtls.h \
	tests/bench/handshake-time.c \
	$(media_common)
tests_bench_handshake_time_CPPFLAGS = $(media_cppflags)
tests_bench_handshake_time_LDFLAGS =
tests_bench_handshake_time_LDADD = $(media_ldadd)

# The core's objects themselves, whose allocations it tells from those of other libraries.
tests_bench_session_memory_SOURCES = \
	tests/bench/bare-dtls.c \
	tests/bench/bare-dtls.h \
	tests/bench/session-memory.c \
	$(heap_sources) \
	$(media_common)
tests_bench_session_memory_CPPFLAGS = $(media_cppflags) -I$(srcdir)/tests/support
tests_bench_session_memory_LDADD = libsluice-core.la $(OPENSSL_LIBS) $(SRTP_LIBS)

tests_bench_session_idle_SOURCES = tests/bench/session-idle.c $(media_common)
tests_bench_session_idle_CPPFLAGS = $(media_cppflags)
tests_bench_session_idle_LDFLAGS = -pthread
tests_bench_session_idle_LDADD = $(media_ldadd)

# Y5b, Y6b and Y7: sessions on libnice.
if WITH_GLIB
bench_programs += tests/bench/ice-driver
endif
tests_bench_ice_driver_SOURCES = \
	tests/bench/bench.h \
	tests/bench/ice-driver.c \
	tests/bench/measure.c \
	tests/glib/ice-call.c \
	tests/glib/ice-call.h \
	tests/glib/ice-pair.c \
	tests/glib/ice-pair.h
tests_bench_ice_driver_CPPFLAGS = $(bench_cppflags) $(glib_cppflags) -I$(srcdir)/tests/glib
tests_bench_ice_driver_LDFLAGS =
tests_bench_ice_driver_LDADD = libsluice-glib-1.0.la libsluice-1.0.la $(NICE_LIBS) $(GLIB_LIBS)

# The lines of make itself go elsewhere: `make bench >file` is JSON alone.
BENCH_FLAGS =
bench:
	@$(MAKE) $(bench_programs) >&2
	@for program in $(bench_programs); do ./$$program $(BENCH_FLAGS) || exit 1; done

# The pictures of docs/performance.md, of the run that BENCH_RESULTS holds.
BENCH_RESULTS = bench.json
bench-plot:
	gnuplot -e "bench='$(BENCH_RESULTS)'; out='$(srcdir)/docs'" $(srcdir)/tests/bench/plot.gp
EXTRA_DIST += tests/bench/plot.gp \
	docs/performance-fan-out.svg docs/performance-sessions.svg docs/performance-ssrcs.svg
.PHONY: bench bench-plot

include tests/bench/peers.mk
