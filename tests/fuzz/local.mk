# SPDX-License-Identifier: BSD-3-Clause
# Each target is one function. With --enable-fuzz it is linked to libFuzzer (or AFL++'s driver), and `make fuzz` runs all of
# them for FUZZ_SECONDS each; without, to a main program that replays the seeds, one test for each file.
fuzz_programs = \
	tests/fuzz/fuzz-api \
	tests/fuzz/fuzz-client-hello \
	tests/fuzz/fuzz-demux \
	tests/fuzz/fuzz-dtls \
	tests/fuzz/fuzz-fingerprint \
	tests/fuzz/fuzz-receive-client \
	tests/fuzz/fuzz-receive-server \
	tests/fuzz/fuzz-srtp-in \
	tests/fuzz/fuzz-stream
check_PROGRAMS += $(fuzz_programs)
if ENABLE_FUZZ
fuzz_tests = tests/fuzz/corpus.sh
fuzz_main =
else
fuzz_tests = $(fuzz_programs)
fuzz_main = tests/fuzz/replay.c
endif
EXTRA_DIST += tests/fuzz/corpus tests/fuzz/corpus.sh tests/fuzz/run.sh tests/fuzz/run-afl.sh

fuzz_common = tests/fuzz/fuzz.h $(fuzz_main)
fuzz_ends = \
	tests/fuzz/ends.c \
	tests/fuzz/ends.h \
	tests/fuzz/fixed-keys.h \
	tests/fuzz/fixed-random.c \
	tests/fuzz/fixed-random.h
fuzz_edits = $(fuzz_ends) tests/fuzz/edits.c tests/fuzz/edits.h
fuzz_added_copy = $(fuzz_edits) tests/fuzz/added-copy.c tests/fuzz/added-copy.h
# libssl takes gettimeofday() from the program, which must export it.
fuzz_ldflags = -export-dynamic $(FUZZ_LDFLAGS)
fuzz_ldadd = libsluice-core.la $(OPENSSL_LIBS) $(SRTP_LIBS)

tests_fuzz_fuzz_api_SOURCES = tests/fuzz/fuzz-api.c $(fuzz_ends) $(fuzz_common)
tests_fuzz_fuzz_api_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_api_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_client_hello_SOURCES = tests/fuzz/fuzz-client-hello.c $(fuzz_common)
tests_fuzz_fuzz_client_hello_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_client_hello_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_demux_SOURCES = tests/fuzz/fuzz-demux.c $(fuzz_common)
tests_fuzz_fuzz_demux_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_demux_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_dtls_SOURCES = tests/fuzz/fuzz-dtls.c $(fuzz_edits) $(fuzz_common)
tests_fuzz_fuzz_dtls_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_dtls_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_fingerprint_SOURCES = \
	tests/fuzz/fuzz-fingerprint.c tests/fuzz/fixed-keys.h $(fuzz_common)
tests_fuzz_fuzz_fingerprint_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_fingerprint_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_receive_client_SOURCES = tests/fuzz/fuzz-receive-client.c $(fuzz_added_copy) $(fuzz_common)
tests_fuzz_fuzz_receive_client_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_receive_client_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_receive_server_SOURCES = tests/fuzz/fuzz-receive-server.c $(fuzz_added_copy) $(fuzz_common)
tests_fuzz_fuzz_receive_server_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_receive_server_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_srtp_in_SOURCES = tests/fuzz/fuzz-srtp-in.c $(fuzz_common)
tests_fuzz_fuzz_srtp_in_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_srtp_in_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_stream_SOURCES = \
	tests/fuzz/fuzz-stream.c \
	tests/fuzz/fixed-keys.h \
	tests/fuzz/fixed-random.c \
	tests/fuzz/fixed-random.h \
	$(fuzz_common)
tests_fuzz_fuzz_stream_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_stream_LDADD = $(fuzz_ldadd)

# Builds of their own below this one. What is found stays there: found/TARGET/ grows, found/TARGET-crash-* is a finding, and
# is replayed by giving the file to the target, in any build.
FUZZ_SECONDS = 60
FUZZ_JOBS = 1
FUZZ_TARGETS = $(fuzz_programs)
fuzz_flags = --enable-fuzz --without-glib --disable-static
fuzz-programs: $(fuzz_programs)
fuzz-run: $(fuzz_programs)
	FUZZ_SECONDS=$(FUZZ_SECONDS) FUZZ_JOBS=$(FUZZ_JOBS) bash $(abs_srcdir)/tests/fuzz/run.sh $(FUZZ_TARGETS)
fuzz:
	$(MKDIR_P) fuzz
	cd fuzz && { test -f Makefile || $(abs_srcdir)/configure $(fuzz_flags) CC=clang CXX=clang++; }
	cd fuzz && $(MAKE) fuzz-programs
	cd fuzz && $(MAKE) fuzz-run
fuzz-afl:
	$(MKDIR_P) fuzz-afl
	cd fuzz-afl && { test -f Makefile || \
	  $(abs_srcdir)/configure $(fuzz_flags) CC=afl-clang-fast CXX=afl-clang-fast++; }
	cd fuzz-afl && $(MAKE) fuzz-programs
	cd fuzz-afl && $(MAKE) fuzz-afl-run
fuzz-afl-run: $(fuzz_programs)
	FUZZ_SECONDS=$(FUZZ_SECONDS) bash $(abs_srcdir)/tests/fuzz/run-afl.sh $(FUZZ_TARGETS)
clean-local-fuzz:
	-rm -rf fuzz fuzz-afl
.PHONY: fuzz fuzz-afl fuzz-afl-run fuzz-programs fuzz-run clean-local-fuzz
