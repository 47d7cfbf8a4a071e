# SPDX-License-Identifier: BSD-3-Clause
# Each target is one function. With --enable-fuzz it is linked to libFuzzer, and `make check-fuzz` runs all of them for
# FUZZ_SECONDS each; without, to a main program that replays the seeds, one test for each file.
fuzz_programs = \
	tests/fuzz/fuzz-api \
	tests/fuzz/fuzz-demux \
	tests/fuzz/fuzz-dtls \
	tests/fuzz/fuzz-fingerprint \
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
EXTRA_DIST += tests/fuzz/corpus tests/fuzz/corpus.sh

fuzz_common = tests/fuzz/fuzz.h $(fuzz_main)
fuzz_ends = \
	tests/fuzz/ends.c \
	tests/fuzz/ends.h \
	tests/fuzz/fixed-keys.h \
	tests/fuzz/fixed-random.c \
	tests/fuzz/fixed-random.h
# libssl takes gettimeofday() from the program, which must export it.
fuzz_ldflags = -export-dynamic $(FUZZ_LDFLAGS)
fuzz_ldadd = libsluice-core.la $(OPENSSL_LIBS) $(SRTP_LIBS)

tests_fuzz_fuzz_api_SOURCES = tests/fuzz/fuzz-api.c $(fuzz_ends) $(fuzz_common)
tests_fuzz_fuzz_api_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_api_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_demux_SOURCES = tests/fuzz/fuzz-demux.c $(fuzz_common)
tests_fuzz_fuzz_demux_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_demux_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_dtls_SOURCES = tests/fuzz/fuzz-dtls.c $(fuzz_ends) $(fuzz_common)
tests_fuzz_fuzz_dtls_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_dtls_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_fingerprint_SOURCES = \
	tests/fuzz/fuzz-fingerprint.c tests/fuzz/fixed-keys.h $(fuzz_common)
tests_fuzz_fuzz_fingerprint_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_fingerprint_LDADD = $(fuzz_ldadd)
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

# What is found stays in the build tree: fuzz-found/<target>/ grows, a crash-* file is a finding. It is replayed by
# giving the file to the target, in either build.
FUZZ_SECONDS = 60
check-fuzz: $(fuzz_programs)
	@for target in $(fuzz_programs); do \
	  name=$${target##*/}; mkdir -p fuzz-found/$$name && \
	  echo "$$name for $(FUZZ_SECONDS) s" && \
	  ./$$target -max_total_time=$(FUZZ_SECONDS) -max_len=4096 -timeout=20 -verbosity=0 \
	    -artifact_prefix=fuzz-found/ fuzz-found/$$name \
	    $(srcdir)/tests/fuzz/corpus/$${name#fuzz-} || exit 1; \
	done
clean-local-fuzz:
	-rm -rf fuzz-found
.PHONY: check-fuzz clean-local-fuzz
