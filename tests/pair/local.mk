# SPDX-License-Identifier: BSD-3-Clause
# Two transports on an emulated link in virtual time. A new program needs only its name here.
pair_tests =
simulate_tests = tests/pair/simulate-anything.sh tests/pair/simulate-spread.sh
if HAVE_CMOCKA
pair_tests += \
	tests/pair/test-alerts \
	tests/pair/test-allocations \
	tests/pair/test-asked-to-renegotiate \
	tests/pair/test-authentic-alerts \
	tests/pair/test-bad-paths \
	tests/pair/test-bare-peers \
	tests/pair/test-batch \
	tests/pair/test-buffers \
	tests/pair/test-capture \
	tests/pair/test-capture-file \
	tests/pair/test-close \
	tests/pair/test-connect \
	tests/pair/test-cookie \
	tests/pair/test-cut-flights \
	tests/pair/test-cut-hello \
	tests/pair/test-cve-2023-49786 \
	tests/pair/test-cve-2023-51275 \
	tests/pair/test-cve-2023-51443 \
	tests/pair/test-data \
	tests/pair/test-deadline \
	tests/pair/test-early-packets \
	tests/pair/test-end-dtls \
	tests/pair/test-exporter-label \
	tests/pair/test-fan-out \
	tests/pair/test-fingerprints \
	tests/pair/test-flood \
	tests/pair/test-foreign-attempts \
	tests/pair/test-forged-alerts \
	tests/pair/test-forged-cookie \
	tests/pair/test-forged-parts \
	tests/pair/test-forged-records \
	tests/pair/test-forged-storm \
	tests/pair/test-fresh-attempts \
	tests/pair/test-half-open \
	tests/pair/test-half-open-memory \
	tests/pair/test-hello-request \
	tests/pair/test-hooks \
	tests/pair/test-interrupted-cookie \
	tests/pair/test-kept-memory \
	tests/pair/test-keys \
	tests/pair/test-large-hello \
	tests/pair/test-late-clock \
	tests/pair/test-late-fingerprint \
	tests/pair/test-loss \
	tests/pair/test-media \
	tests/pair/test-misuse \
	tests/pair/test-mtu \
	tests/pair/test-odd-certificates \
	tests/pair/test-out-of-memory \
	tests/pair/test-output \
	tests/pair/test-overtaken-flight \
	tests/pair/test-refusals \
	tests/pair/test-reordered-flights \
	tests/pair/test-refused \
	tests/pair/test-restart \
	tests/pair/test-restart-hellos \
	tests/pair/test-restart-limits \
	tests/pair/test-restart-media \
	tests/pair/test-restart-newcomers \
	tests/pair/test-restart-order \
	tests/pair/test-restart-farewell \
	tests/pair/test-restart-time \
	tests/pair/test-restart-unfinished \
	tests/pair/test-rtt \
	tests/pair/test-short-records \
	tests/pair/test-ssrc \
	tests/pair/test-stats \
	tests/pair/test-stolen-certificate \
	tests/pair/test-strays \
	tests/pair/test-threads \
	tests/pair/test-threads-configs \
	tests/pair/test-threads-many \
	tests/pair/test-threads-media \
	tests/pair/test-told-flights \
	tests/pair/test-two-cookies \
	tests/pair/test-unverified-inbox \
	tests/pair/test-wall-clock \
	tests/pair/test-weak-peers \
	tests/pair/test-wiped-keys
if HAVE_GNUTLS
pair_tests += tests/pair/test-foreign-mki
endif
check_PROGRAMS += $(pair_tests)
house_tests += tests/pair/odd-settings.sh
support_sources += \
	tests/pair/advisory.c \
	tests/pair/advisory.h \
	tests/pair/common.c \
	tests/pair/common.h \
	tests/pair/cutting.c \
	tests/pair/cutting.h \
	tests/pair/foreign.c \
	tests/pair/foreign.h \
	tests/pair/foreign-sluice.c \
	tests/pair/forged.c \
	tests/pair/forged.h \
	tests/pair/restarts.c \
	tests/pair/restarts.h \
	tests/pair/sealed.c \
	tests/pair/sealed.h \
	tests/pair/threads.c \
	tests/pair/threads.h

check_PROGRAMS += tests/pair/simulate
endif

tests_pair_test_foreign_attempts_SOURCES = tests/pair/test-foreign-attempts.c
tests_pair_test_foreign_attempts_LDADD = $(LDADD)
if HAVE_GNUTLS
tests_pair_test_foreign_attempts_SOURCES += tests/pair/foreign-gnutls.c
tests_pair_test_foreign_attempts_CPPFLAGS = $(AM_CPPFLAGS) $(GNUTLS_CFLAGS) -DHAVE_GNUTLS=1
tests_pair_test_foreign_attempts_LDADD += $(GNUTLS_LIBS)
endif
tests_pair_test_foreign_mki_SOURCES = tests/pair/test-foreign-mki.c tests/pair/foreign-gnutls.c
tests_pair_test_foreign_mki_CPPFLAGS = $(tests_pair_test_foreign_attempts_CPPFLAGS)
tests_pair_test_foreign_mki_LDADD = $(tests_pair_test_foreign_attempts_LDADD)
EXTRA_DIST += tests/pair/foreign-gnutls.c

tests_pair_simulate_SOURCES = \
	tests/pair/simulate-api-media.c \
	tests/pair/simulate-api.c \
	tests/pair/simulate-call.c \
	tests/pair/simulate-cast.c \
	tests/pair/simulate-faults.c \
	tests/pair/simulate-faults.h \
	tests/pair/simulate-finale.c \
	tests/pair/simulate-invariants.c \
	tests/pair/simulate-media.c \
	tests/pair/simulate-peer.c \
	tests/pair/simulate-trace.c \
	tests/pair/simulate-trace.h \
	tests/pair/simulate-wire.c \
	tests/pair/simulate-world.c \
	tests/pair/simulate-world.h \
	tests/pair/simulate.c \
	tests/pair/simulate.h \
	tests/fuzz/fixed-random.c \
	tests/fuzz/fixed-random.h \
	tests/fuzz/fuzz.h \
	$(heap_sources)
EXTRA_DIST += $(simulate_tests)
