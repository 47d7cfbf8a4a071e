# SPDX-License-Identifier: BSD-3-Clause
# What it costs, against what others need for the same. Built and run by `make bench` alone, which prints a line of JSON for
# each case; nothing is ever asserted of a time. BENCH_FLAGS='--rounds 41' for more of it.
bench_programs = \
	tests/bench/stream-throughput \
	tests/bench/stream-memory
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

# The lines of make itself go elsewhere: `make bench >file` is JSON alone.
BENCH_FLAGS =
bench:
	@$(MAKE) $(bench_programs) >&2
	@for program in $(bench_programs); do ./$$program $(BENCH_FLAGS) || exit 1; done
.PHONY: bench
