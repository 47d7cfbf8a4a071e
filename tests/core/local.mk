# SPDX-License-Identifier: BSD-3-Clause
# One program for each source file of the core. A new one that needs no second file needs only its
# name here.
core_tests =
if HAVE_CMOCKA
core_tests += \
	tests/core/test-allowance \
	tests/core/test-bio-method \
	tests/core/test-byte-queue \
	tests/core/test-certificate \
	tests/core/test-certificate-load \
	tests/core/test-certificate-memory \
	tests/core/test-classify \
	tests/core/test-client-hello \
	tests/core/test-config \
	tests/core/test-datagram-bio \
	tests/core/test-dtls-clock \
	tests/core/test-end \
	tests/core/test-event-queue \
	tests/core/test-evidence \
	tests/core/test-fingerprint \
	tests/core/test-flight \
	tests/core/test-generation-hints \
	tests/core/test-half-open \
	tests/core/test-inbox \
	tests/core/test-lifecycle \
	tests/core/test-near \
	tests/core/test-output \
	tests/core/test-pcapng \
	tests/core/test-reassembly \
	tests/core/test-record \
	tests/core/test-record-guard \
	tests/core/test-record-guard-openssl \
	tests/core/test-srtp \
	tests/core/test-srtp-foreign-init \
	tests/core/test-srtp-inbound \
	tests/core/test-srtp-model \
	tests/core/test-srtp-named-roc \
	tests/core/test-srtp-openssl \
	tests/core/test-srtp-openssl-packets \
	tests/core/test-srtp-openssl-vectors \
	tests/core/test-srtp-outbound \
	tests/core/test-srtp-streams \
	tests/core/test-srtp-vectors \
	tests/core/test-ssl-pump \
	tests/core/test-ssrc-table \
	tests/core/test-stats \
	tests/core/test-stream-bio \
	tests/core/test-stream-config \
	tests/core/test-text \
	tests/core/test-timers
check_PROGRAMS += $(core_tests)
support_sources += tests/support/capture-file.c tests/support/capture-file.h
endif

# A bare OpenSSL at the other end.
ssl_peer = tests/core/ssl-peer.c tests/core/ssl-peer.h
tests_core_test_client_hello_SOURCES = tests/core/test-client-hello.c $(ssl_peer)

tests_core_test_srtp_openssl_packets_SOURCES = tests/core/test-srtp-openssl-packets.c $(ssl_peer) \
	$(heap_sources)

# Two ends of one SRTP key.
srtp_ends = tests/core/srtp-ends.c tests/core/srtp-ends.h
tests_core_test_near_SOURCES = tests/core/test-near.c $(srtp_ends)
tests_core_test_srtp_inbound_SOURCES = tests/core/test-srtp-inbound.c $(srtp_ends)
tests_core_test_srtp_model_SOURCES = tests/core/test-srtp-model.c $(srtp_ends)
tests_core_test_srtp_named_roc_SOURCES = tests/core/test-srtp-named-roc.c $(srtp_ends)
tests_core_test_srtp_outbound_SOURCES = tests/core/test-srtp-outbound.c $(srtp_ends)
tests_core_test_srtp_streams_SOURCES = tests/core/test-srtp-streams.c $(srtp_ends)

# Records made by hand, keys in every form.
guard_records = tests/core/guard-records.c tests/core/guard-records.h
certificate_forms = tests/core/certificate-forms.c tests/core/certificate-forms.h
tests_core_test_record_guard_SOURCES = tests/core/test-record-guard.c $(guard_records)
tests_core_test_record_guard_openssl_SOURCES = tests/core/test-record-guard-openssl.c \
	$(guard_records) $(ssl_peer)
tests_core_test_certificate_SOURCES = tests/core/test-certificate.c $(certificate_forms)
tests_core_test_certificate_load_SOURCES = tests/core/test-certificate-load.c $(certificate_forms)

# It watches what is freed itself.
tests_core_test_inbox_LDFLAGS = -export-dynamic -Wl,--wrap=malloc -Wl,--wrap=free
