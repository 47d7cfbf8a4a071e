# SPDX-License-Identifier: BSD-3-Clause
# One program for each source file of the core. A new one that needs no second file needs only its
# name here.
core_tests =
if HAVE_CMOCKA
core_tests += \
	tests/core/test-certificate \
	tests/core/test-certificate-load \
	tests/core/test-certificate-memory \
	tests/core/test-classify \
	tests/core/test-end \
	tests/core/test-event-queue \
	tests/core/test-fingerprint \
	tests/core/test-inbox \
	tests/core/test-output \
	tests/core/test-record \
	tests/core/test-srtp \
	tests/core/test-srtp-foreign-init \
	tests/core/test-srtp-vectors \
	tests/core/test-text
check_PROGRAMS += $(core_tests)
endif

# Keys in every form.
certificate_forms = tests/core/certificate-forms.c tests/core/certificate-forms.h
tests_core_test_certificate_SOURCES = tests/core/test-certificate.c $(certificate_forms)
tests_core_test_certificate_load_SOURCES = tests/core/test-certificate-load.c $(certificate_forms)

# It watches what is freed itself.
tests_core_test_inbox_LDFLAGS = -export-dynamic -Wl,--wrap=malloc -Wl,--wrap=free
