# SPDX-License-Identifier: BSD-3-Clause
# rtcprobe and samples/call against programs that others wrote. Run by `make check-interop`.
interop_tests = \
	tests/interop/test-rtcprobe.py \
	tests/interop/test-openssl.py \
	tests/interop/test-gnutls.py \
	tests/interop/test-path-mtu.py \
	tests/interop/test-pcapng.py \
	tests/interop/test-same-quartet.py \
	tests/interop/test-call.py \
	tests/interop/test-echo-poll.py \
	tests/interop/test-forward.py \
	tests/interop/test-gst-dtls-srtp.py \
	tests/interop/test-gst-media.py
whip_interop_tests = \
	tests/interop/test-whip.py \
	tests/interop/test-whip-peers.py \
	tests/interop/test-whip-load.py
if WITH_WHIP
interop_tests += $(whip_interop_tests)
endif
EXTRA_DIST += $(interop_tests) $(whip_interop_tests) tests/interop/whip.py tests/interop/whip-aiortc.py \
	tests/interop/harness.py tests/interop/gst.py \
	tests/interop/forwarding.py tests/interop/table.py tests/interop/gnutls-client.py tests/interop/send-shim.c
