# SPDX-License-Identifier: BSD-3-Clause
# The samples on SluiceStream against programs that others wrote. Run by `make check-interop`.
stream_interop_tests = \
	tests/stream-interop/test-tls-openssl.py \
	tests/stream-interop/test-tls-openssl-server.py \
	tests/stream-interop/test-tls-gnutls.py \
	tests/stream-interop/test-tls-curl-nginx.py \
	tests/stream-interop/test-tls-https.py \
	tests/stream-interop/test-tls-transfer.py \
	tests/stream-interop/test-tls-asio.py \
	tests/stream-interop/test-tls-faults.py \
	tests/stream-interop/test-tls-sctp.py
# Our end for what the sample leaves out: ALPN, sessions, chains, key updates.
stream_interop_programs = tests/stream-interop/tls-peer
EXTRA_PROGRAMS += $(stream_interop_programs)
CLEANFILES += $(stream_interop_programs)
tests_stream_interop_tls_peer_CPPFLAGS = -D_GNU_SOURCE $(public_cppflags)
tests_stream_interop_tls_peer_LDFLAGS =
tests_stream_interop_tls_peer_LDADD = libsluice-1.0.la
EXTRA_DIST += $(stream_interop_tests) \
	tests/stream-interop/asio-peer.cpp \
	tests/stream-interop/shim.c \
	tests/stream-interop/tls_harness.py \
	tests/stream-interop/transfer.py
