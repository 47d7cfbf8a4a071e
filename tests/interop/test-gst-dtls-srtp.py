#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""GStreamer's dtlssrtpenc and dtlssrtpdec as the other end of DTLS-SRTP over plain UDP: both DTLS roles, against
rtcprobe and samples/echo-poll, RTP and RTCP flowing both ways (our end sends back what it gets).

GStreamer takes any certificate and has AES128_CM_SHA1_80 only; our end checks its RSA certificate by fingerprint. It
sends its flights as many small datagrams. The forged twin: with another fingerprint nothing comes back."""

import struct
import sys

from gst import Gst, Pipeline, Process, fingerprint, need_elements, sample, wait_until
from harness import Probe, check, check_equal, free_port, note, run

PACKETS = 60  # at least so many of sound: more than a second
REPORTS = 20
PROFILE = "AES128_CM_SHA1_80"

# The decoder owns the connection: it comes first. One socket serves both directions.
PIPELINE = """
    udpsrc name=in address=127.0.0.1 port=0 ! dtlssrtpdec name=dec connection-id=%s
        dec.rtp_src ! identity name=rtp_back ! fakesink sync=false async=false
        dec.rtcp_src ! identity name=rtcp_back ! fakesink sync=false async=false
    dtlssrtpenc name=enc connection-id=%s is-client=%s
        ! udpsink name=out host=127.0.0.1 port=%d sync=false async=false
    audiotestsrc is-live=true samplesperbuffer=960 ! audio/x-raw,rate=48000,channels=1 ! opusenc frame-size=20
        ! rtpopuspay pt=111 ! valve name=gate drop=true ! enc.rtp_sink_0
    appsrc name=rtcp format=time caps=application/x-rtcp ! identity name=reports ! enc.rtcp_sink_0"""


def sender_report(number):
    """RFC 3550 section 6.4.1, without report blocks."""
    return struct.pack(">BBHLLLLLL", 0x80, 200, 6, 0x12345678, number, 0, 0, number, number)


class Peer(Pipeline):
    """Sends sound and reports once the keys are there, and counts what comes back."""

    made = 0

    def __init__(self, client, port):
        Peer.made += 1
        name = "call-%d" % Peer.made
        super().__init__(PIPELINE % (name, name, "true" if client else "false", port))
        self.sent, self.back = self.count("gate"), self.count("rtp_back")
        self.reports, self.reports_back = self.count("reports"), self.count("rtcp_back")
        self["in"].set_state(Gst.State.READY)  # opens the socket
        socket = self["in"].get_property("used-socket")
        self["out"].set_property("socket", socket)
        self["out"].set_property("close-socket", False)
        self.port = socket.get_local_address().get_port()

    def fingerprint(self):
        return fingerprint(self["dec"].get_property("pem"))

    def connect(self):
        """Shakes hands. Returns the fingerprint that our end showed."""
        self.play()
        wait_until(lambda: self["dec"].get_property("peer-pem") or self.error, "certificate of ours")
        self.check_error()
        return fingerprint(self["dec"].get_property("peer-pem"))

    def send(self):
        self["gate"].set_property("drop", False)
        wait_until(lambda: self.sent.number >= 5, "sound")
        for number in range(REPORTS):
            self["rtcp"].emit("push-buffer", Gst.Buffer.new_wrapped(sender_report(number)))
        wait_until(lambda: self.sent.number >= PACKETS, "end of the sound")
        self["gate"].set_property("drop", True)

    def exchange(self):
        """Sends everything and has it all back."""
        self.send()
        wait_until(lambda: self.back.number >= self.sent.number and
                   self.reports_back.number >= self.reports.number, "return of every packet")
        self.check_error()
        check_equal(self.reports.number, REPORTS, "RTCP packets sent")
        check_equal(self.back.number, self.sent.number, "RTP packets that came back")
        check_equal(self.reports_back.number, self.reports.number, "RTCP packets that came back")
        print("# %d RTP and %d RTCP packets each way" % (self.back.number, self.reports_back.number))


def wrong(right):
    """Right but for the last bit."""
    return right[:-2] + "%02X" % (int(right[-2:], 16) ^ 1)


def ours(probe):
    return next(f for f in probe.event("certificate", side="local")["fingerprints"]
                if f.startswith("sha-256"))


def check_exchange(peer, probe):
    check_equal(peer.connect(), ours(probe), "the certificate that GStreamer saw")
    probe.event("state", state="connected")
    check_equal(probe.event("selected")["srtpCipher"], PROFILE, "profile")
    check(probe.event("certificate", side="remote")["match"], "fingerprint matches")
    peer.exchange()
    probe.interrupt()
    probe.check_exit(0)
    note("GStreamer dtlssrtp", Gst.version_string().split()[-1], probe)


def gstreamer_is_client(_folder):
    # GStreamer wants to know where to send before it has a certificate to show.
    port = free_port()
    with Peer(True, port) as peer, \
            Probe("listen", "udp:127.0.0.1:%d" % port, "--echo", "--fingerprint",
                  peer.fingerprint()) as probe:
        check_equal(probe.port(), port, "port")
        check_exchange(peer, probe)


def gstreamer_is_server(_folder):
    port = free_port()
    with Peer(False, port) as peer:
        peer.play()
        with Probe("connect", "udp:127.0.0.1:%d" % peer.port, "--bind", "udp:127.0.0.1:%d" % port,
                   "--echo", "--fingerprint", peer.fingerprint()) as probe:
            check_exchange(peer, probe)


def gstreamer_with_echo_poll(_folder):
    port = free_port()
    with Peer(True, port) as peer, \
            Process(sample("echo-poll"), "127.0.0.1", port, "--fingerprint",
                    peer.fingerprint()) as server:
        server.wait_for("listening on udp:127.0.0.1:%d" % port)
        check(peer.connect() in server.output, "GStreamer saw the certificate that was printed")
        peer.exchange()


def somebody_else(_folder):
    port = free_port()
    with Peer(True, port) as peer, \
            Probe("listen", "udp:127.0.0.1:%d" % port, "--echo", "--fingerprint",
                  wrong(peer.fingerprint())) as probe:
        probe.port()
        peer.play()
        probe.check_exit(4)
        check(not probe.has("state", state="connected"), "it never counted as connected")
        check_equal(peer.back.number, 0, "RTP packets that came back")


if __name__ == "__main__":
    need_elements("dtlssrtpenc", "dtlssrtpdec", "opusenc", "rtpopuspay", "udpsink", "udpsrc", "valve",
                  "appsrc")
    sys.exit(run([("GStreamer is the DTLS client of rtcprobe", gstreamer_is_client),
                  ("GStreamer is the DTLS server of rtcprobe", gstreamer_is_server),
                  ("GStreamer is the DTLS client of echo-poll", gstreamer_with_echo_poll),
                  ("forged twin: another fingerprint than GStreamer's", somebody_else)]))
