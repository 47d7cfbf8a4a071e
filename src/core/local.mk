# SPDX-License-Identifier: BSD-3-Clause
core_sources = \
	src/core/allowance.c \
	src/core/allowance.h \
	src/core/bio-method.c \
	src/core/bio-method.h \
	src/core/byte-queue.c \
	src/core/byte-queue.h \
	src/core/certificate.c \
	src/core/certificate.h \
	src/core/classify.c \
	src/core/classify.h \
	src/core/client-hello.c \
	src/core/client-hello.h \
	src/core/config-context.c \
	src/core/config.c \
	src/core/config.h \
	src/core/datagram-bio.c \
	src/core/datagram-bio.h \
	src/core/dtls-clock.c \
	src/core/dtls-clock.h \
	src/core/dtls-flights.c \
	src/core/dtls-input.c \
	src/core/dtls-private.h \
	src/core/dtls-verify.c \
	src/core/dtls.c \
	src/core/dtls.h \
	src/core/end.c \
	src/core/event-queue.c \
	src/core/event-queue.h \
	src/core/evidence.c \
	src/core/evidence.h \
	src/core/fingerprint.c \
	src/core/fingerprint.h \
	src/core/flight.c \
	src/core/flight.h \
	src/core/generation-hints.c \
	src/core/generation-hints.h \
	src/core/half-open.c \
	src/core/half-open.h \
	src/core/inbox.c \
	src/core/inbox.h \
	src/core/lifecycle.c \
	src/core/lifecycle.h \
	src/core/near.c \
	src/core/near.h \
	src/core/output.c \
	src/core/output.h \
	src/core/pcapng.c \
	src/core/reassembly.c \
	src/core/reassembly.h \
	src/core/record-guard.c \
	src/core/record-guard.h \
	src/core/record.c \
	src/core/record.h \
	src/core/srtp-inbound.c \
	src/core/srtp-openssl-aes.c \
	src/core/srtp-openssl-hmac.c \
	src/core/srtp-openssl-vectors.c \
	src/core/srtp-openssl.c \
	src/core/srtp-openssl.h \
	src/core/srtp-outbound.c \
	src/core/srtp-sessions.c \
	src/core/srtp-sessions.h \
	src/core/srtp-streams.c \
	src/core/srtp-streams.h \
	src/core/srtp.c \
	src/core/srtp.h \
	src/core/ssl-pump.c \
	src/core/ssl-pump.h \
	src/core/ssrc-table.c \
	src/core/ssrc-table.h \
	src/core/stats.c \
	src/core/stream-bio.c \
	src/core/stream-bio.h \
	src/core/stream-config.c \
	src/core/stream-config.h \
	src/core/stream-io.c \
	src/core/stream-private.h \
	src/core/stream-session.c \
	src/core/stream-verify.c \
	src/core/stream.c \
	src/core/text.c \
	src/core/timers.c \
	src/core/transport-attempts.c \
	src/core/transport-capture.c \
	src/core/transport-dtls.c \
	src/core/transport-end-dtls.c \
	src/core/transport-input.c \
	src/core/transport-keys.c \
	src/core/transport-media.c \
	src/core/transport-output.c \
	src/core/transport-restart.c \
	src/core/transport-second.c \
	src/core/transport-ssrc.c \
	src/core/transport.c \
	src/core/transport.h
core_map = src/core/libsluice.map
EXTRA_DIST += $(core_map)

# The objects are made once: the library is nothing but this one with its symbols closed, and tests and
# fuzz targets link this one itself.
noinst_LTLIBRARIES += libsluice-core.la
libsluice_core_la_SOURCES = $(core_sources)
libsluice_core_la_CPPFLAGS = -D_GNU_SOURCE $(core_cppflags)
libsluice_core_la_CFLAGS = $(AM_CFLAGS) $(VISIBILITY_CFLAGS)
libsluice_core_la_LIBADD = $(OPENSSL_LIBS) $(SRTP_LIBS)

lib_LTLIBRARIES += libsluice-1.0.la
libsluice_1_0_la_SOURCES =
libsluice_1_0_la_LIBADD = libsluice-core.la
libsluice_1_0_la_LDFLAGS = $(library_ldflags)
libsluice_1_0_la_DEPENDENCIES = libsluice-core.la $(core_map)
if HAVE_VERSION_SCRIPT
libsluice_1_0_la_LDFLAGS += -Wl,--version-script=$(srcdir)/$(core_map)
# libsrtp's kernel keeps pointers to srtp-openssl: the code has to stay when a plugin that brought it goes.
libsluice_1_0_la_LDFLAGS += -Wl,-z,nodelete
endif

pkgconfig_DATA += src/core/sluice-1.0.pc
