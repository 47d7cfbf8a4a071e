# SPDX-License-Identifier: BSD-3-Clause
# Two streams in memory, or one and OpenSSL itself. A new program needs only its name here.
stream_tests =
if HAVE_CMOCKA
stream_tests += \
	tests/stream/test-stream-allocations \
	tests/stream/test-stream-after-end \
	tests/stream/test-stream-alpn-sni \
	tests/stream/test-stream-client-auth \
	tests/stream/test-stream-close \
	tests/stream/test-stream-deadline \
	tests/stream/test-stream-errors \
	tests/stream/test-stream-fingerprint \
	tests/stream/test-stream-forged \
	tests/stream/test-stream-fragment-length \
	tests/stream/test-stream-half-message \
	tests/stream/test-stream-keys \
	tests/stream/test-stream-limits \
	tests/stream/test-stream-memory \
	tests/stream/test-stream-messages \
	tests/stream/test-stream-misuse \
	tests/stream/test-stream-session \
	tests/stream/test-stream-transfer \
	tests/stream/test-stream-trust \
	tests/stream/test-stream-verify
check_PROGRAMS += $(stream_tests)
support_sources += \
	tests/stream/bare.c \
	tests/stream/bare.h \
	tests/stream/common.c \
	tests/stream/common.h \
	tests/stream/identities.c \
	tests/stream/identities.h
endif

# A transport that keeps messages, and a flight that is larger than one of them.
tests_stream_test_stream_messages_SOURCES = \
	tests/stream/large-chain.c \
	tests/stream/large-chain.h \
	tests/stream/messages.c \
	tests/stream/messages.h \
	tests/stream/test-stream-messages.c
