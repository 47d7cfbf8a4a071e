#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""samples/forward between peers that others wrote: what a GStreamer publisher sends arrives at five subscribers, of
GStreamer and rtcprobe, each packet once, in order, its payload untouched, under header fields of the subscriber's own;
reports and requests are turned round; runs are sent and read as runs where the kernel can.

The forged twins: altered and replayed packets, media of nobody, a flood of ClientHellos from forged addresses, a cookie
that comes from another address, other certificates, a kernel that refuses runs, a socket that is always full."""

import os
import shlex
import struct
import sys

from gst import need_elements, sample, wait_until
from harness import Certificate, Probe, Process, check, check_equal, run
from forwarding import (MAPPED_TYPE, PAYLOAD_TYPE, PSFB, RR, RTPFB, SR, SSRC, Forward, GstPeer, Wire, address_of,
                        check_copies, client_hello, compile_shim, find_parts, flood, kernel_has_runs, make_packet,
                        report, udp, with_cookie)

RUNS = kernel_has_runs()
HERE = os.path.dirname(os.path.abspath(__file__))
BURST, BURSTS, SUBSCRIBERS = 30, 8, 5
ANYONE = ("--publisher", "-", "--subscriber", "-")


class Room:
    """A forwarder with a GStreamer publisher behind a wire and GStreamer subscribers, all verified."""

    def __init__(self, subscribers, *options, env=None, runs=RUNS):
        self.port_hint = 9  # GStreamer wants to know where to send before it has a certificate to show
        self.subscribers = [GstPeer(self.port_hint) for _ in range(subscribers)]
        self.publisher = GstPeer(self.port_hint)
        trust = ["--publisher", self.publisher.fingerprint()]
        for one in self.subscribers:
            trust += ["--subscriber", one.fingerprint()]
        self.forward = Forward(*trust, "--payload-type", "%d:%d" % (PAYLOAD_TYPE, MAPPED_TYPE), *options, env=env)
        self.wire = Wire(self.forward.port_of("publisher"), runs)
        self.sent = []

    def __enter__(self):
        self.forward.__enter__()
        self.wire.__enter__()
        self.publisher["out"].set_property("port", self.wire.port)
        for one in self.subscribers:
            one["out"].set_property("port", self.forward.port_of("subscriber"))
        for one in [*self.subscribers, self.publisher]:
            one.begin()
        return self

    def __exit__(self, *what):
        for one in [*self.subscribers, self.publisher]:
            one.__exit__()
        self.wire.__exit__()
        self.forward.__exit__(*what)

    def connect(self):
        wait_until(lambda: all(one.connected() for one in [*self.subscribers, self.publisher]), "connections")
        wait_until(lambda: len(self.forward.all("peer")) == len(self.subscribers) + 1, "verified peers")

    def send(self, bursts=BURSTS, forged=False):
        """Bursts of equal packets with a shorter one at the end. Returns how many forged ones were among them."""
        extra = 0
        for _ in range(bursts):
            for _ in range(BURST):
                number = len(self.sent)
                packet = make_packet(number, 700 if number % BURST == BURST - 1 else 1200)
                self.sent.append(packet)
                self.publisher.push("rtp", packet)
            extra += self.wire.release(BURST, forged)
        return extra

    def arrived(self, one):
        wait_until(lambda: len(one.rtp) >= len(self.sent), "arrival of %d packets" % len(self.sent))
        return check_copies(self.sent, one.rtp, MAPPED_TYPE)


def everything_arrives(_folder):
    with Room(SUBSCRIBERS) as room, Probe("connect", room.forward.address("subscriber"), "--insecure") as stranger:
        room.connect()
        stranger.exit_code()
        check(not room.forward.all("peer", profile="AEAD_AES_128_GCM"), "rtcprobe's certificate was not announced")
        extra = room.send(forged=True)
        ways = [room.arrived(one) for one in room.subscribers]
        check_equal(len({way["ssrc"] for way in ways}), SUBSCRIBERS, "different SSRCs")
        check_equal(len({way["timestamp"] for way in ways}), SUBSCRIBERS, "different timestamps")
        figures = room.forward.stop()
        check_equal(figures["publisher"]["dropped"], extra, "forged packets that were dropped")
        check_equal(figures["media"]["rtpIn"], len(room.sent), "packets taken")
        check_equal(figures["media"]["rtpOut"], SUBSCRIBERS * len(room.sent), "copies made")
        check_equal(figures["subscribers"]["packetsOut"], SUBSCRIBERS * len(room.sent), "copies sent")
        check_equal(figures["media"]["unsealed"] + figures["subscribers"]["lostBusy"], 0, "copies lost")
        if RUNS:
            check(figures["publisher"]["runsIn"] >= BURSTS, "runs were read as such: %s" % figures["publisher"])
            check(figures["subscribers"]["packetsInRuns"] > SUBSCRIBERS // 2 * len(room.sent),
                  "most were sent in runs: %s" % figures["subscribers"])
        print("# sent %d packets to %d in %d calls, %d runs; read %d runs" % (
            len(room.sent), SUBSCRIBERS, figures["subscribers"]["callsOut"], figures["subscribers"]["runsOut"],
            figures["publisher"]["runsIn"]))


def rtcprobe_too(folder):
    """Another implementation of the subscriber, another profile, beside one of GStreamer; and it comes late."""
    certificate = Certificate(folder, "late")
    with Room(1, "--subscriber", certificate.fingerprint()) as room:
        room.connect()
        room.send(2)
        with Probe("connect", room.forward.address("subscriber"), "--fingerprint", room.forward.fingerprint(),
                   "--seconds", 600, *certificate.arguments()) as late:
            room.forward.event("peer", profile="AEAD_AES_128_GCM")
            room.send(2)
            room.arrived(room.subscribers[0])
            wait_until(lambda: late.has("message", kind="rtp"), "RTP at rtcprobe")
            room.forward.wait_for_figure("subscribers", "packetsOut", 6 * BURST)
            room.forward.stop()  # closes in order
            late.check_exit(0)
            check_equal(late.event("traffic")["rtpReceived"], 2 * BURST, "packets that rtcprobe received")
            check_equal(late.event("end")["reason"], "close-notify", "how it ended")


def reports_and_requests(_folder):
    with Room(3) as room:
        room.connect()
        room.send(2)
        ways = [room.arrived(one) for one in room.subscribers]

        sender_report = struct.pack(">BBHLLLLLL", 0x80, SR, 6, SSRC, 0xAABBCCDD, 0x11223344, 0x7000, 99, 9999)
        description = struct.pack(">BBHLBB6s", 0x81, 202, 3, SSRC, 1, 4, b"name\0\0")
        room.publisher.push("rtcp", sender_report + description)
        octets = sum(len(packet) - 12 for packet in room.sent)
        for one, way in zip(room.subscribers, ways):
            wait_until(lambda one=one: find_parts(one.rtcp, SR), "sender report")
            got = struct.unpack(">LLLLLL", find_parts(one.rtcp, SR)[0][4:28])
            check_equal(got, (way["ssrc"], 0xAABBCCDD, 0x11223344, (0x7000 + way["timestamp"]) & 0xFFFFFFFF,
                              len(room.sent), octets), "sender report")
            check_equal(find_parts(one.rtcp, 202)[0][4:8], struct.pack(">L", way["ssrc"]), "SSRC of the description")

        # Two ask for a key frame, the second too soon; one has lost two packets; one asks about a stranger's stream.
        back = room.publisher.rtcp
        for one, way in zip(room.subscribers[:2], ways):
            one.push("rtcp", report() + struct.pack(">BBHLL", 0x81, PSFB, 2, 1, way["ssrc"]))
        lost = (60005 + ways[2]["sequence"]) & 0xFFFF
        room.subscribers[2].push("rtcp", report() + struct.pack(">BBHLLHH", 0x81, RTPFB, 3, 1, ways[2]["ssrc"], lost, 3))
        room.subscribers[2].push("rtcp", report() + struct.pack(">BBHLL", 0x81, PSFB, 2, 1, SSRC))
        wait_until(lambda: find_parts(back, PSFB, 1) and find_parts(back, RTPFB, 1), "requests")
        check_equal(find_parts(back, PSFB, 1)[0][8:12], struct.pack(">L", SSRC), "SSRC of the PLI")
        check_equal(find_parts(back, RTPFB, 1)[0][8:16], struct.pack(">LHH", SSRC, 60005, 3), "NACK")
        check_equal(find_parts(back, RR)[0][3:4], b"\x01", "an empty report goes in front")
        room.forward.wait_for_figure("subscribers", "datagramsIn", 1)
        figures = room.forward.stop()
        check_equal((figures["media"]["feedbackIn"], figures["media"]["feedbackOut"],
                     figures["media"]["feedbackSpared"]), (3, 2, 1), "requests in, passed on, spared")
        check_equal(len(find_parts(back, PSFB)), 1, "PLIs at the publisher")


def shim(folder, name, value):
    """The environment that puts send-shim.c under the program."""
    library = compile_shim(folder, os.path.join(HERE, "send-shim.c"), shlex.split(os.environ.get("CC") or "cc"))
    return {**os.environ, "LD_PRELOAD": library, name: str(value),
            "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"}


def refused_runs(folder, number):
    """The kernel says no to a run: it is said once, datagrams go singly, nothing is lost."""
    with Room(2, env=shim(folder, "SHIM_RUNS", number)) as room:
        room.connect()
        room.send(3)
        for one in room.subscribers:
            room.arrived(one)
        figures = room.forward.stop()
        check_equal(figures["subscribers"]["runsOut"], 0, "runs sent")
        check_equal(figures["subscribers"]["packetsOut"], 2 * len(room.sent), "packets sent")
        check_equal(len(room.forward.all("warning", side="subscriber")), 1, "warnings")


def without_runs(_folder):
    with Room(2, "--no-gso", runs=False) as room:
        room.connect()
        room.send(2)
        for one in room.subscribers:
            room.arrived(one)
        figures = room.forward.stop()
        check_equal((figures["publisher"]["runsIn"], figures["subscribers"]["runsOut"]), (0, 0), "runs")
        check(figures["subscribers"]["callsOut"] < figures["subscribers"]["packetsOut"] / 4, "sendmmsg is used")


def full_socket(folder):
    """DTLS waits and comes through, media is dropped and counted."""
    with Room(2, env=shim(folder, "SHIM_BUSY", 5)) as room:
        room.connect()
        room.send(4)
        room.forward.wait_for_figure("media", "rtpOut", 2 * len(room.sent))
        figures = room.forward.stop()
        lost = figures["subscribers"]["lostBusy"]
        check(lost > 0, "media was lost")
        check(figures["subscribers"]["dtlsWaited"] > 0, "DTLS had to wait")
        check_equal(figures["subscribers"]["packetsOut"] + lost, 2 * len(room.sent), "sent and lost")
        wait_until(lambda: sum(len(one.rtp) for one in room.subscribers) == 2 * len(room.sent) - lost,
                   "arrival of what was sent")


def subscriber(forward, *options):
    return Probe("connect", forward.address("subscriber"), "--insecure", *options)


def nobody_comes_in(_folder):
    """A flood of forged ClientHellos makes a bounded number of strangers and nothing else, is answered with less than it
    sent, and keeps neither those out who are there nor those who come."""
    count = 3000
    hello = client_hello()
    with Forward(*ANYONE) as forward, subscriber(forward, "--seconds", 600) as there:
        there.event("state", state="connected")
        port = forward.port_of("subscriber")
        flood(port, hello, 300)
        before = forward.resident()
        answers = flood(port, hello, count)
        growth = forward.resident() - before
        check(all(len(a) < len(hello) and a[13] == 3 for a in answers), "each is answered with a shorter cookie")
        figures = forward.statistics()["subscribers"]
        check_equal(figures["strangers"], count + 300 + 1, "strangers")
        check_equal(figures["strangersPeak"], 256, "most of them at a time")
        check_equal((figures["accepted"], figures["peersPeak"]), (1, 1), "peers")
        if not os.environ.get("SAN_CFLAGS"):  # a sanitizer keeps what was freed
            check(growth < 2000, "memory grew by %d kB" % growth)
        print("# %d strangers: %d kB more; hello %d bytes, answer %d" % (count, growth, len(hello), len(answers[0])))

        # A cookie counts for the address it was sent to alone.
        with udp(address_of(70000)) as honest, udp(address_of(70001)) as liar:
            honest.sendto(hello, ("127.0.0.1", port))
            back = with_cookie(hello, honest.recv(4096))
            liar.sendto(hello, ("127.0.0.1", port))
            liar.recv(4096)
            liar.sendto(back, ("127.0.0.1", port))
            check_equal(liar.recv(4096)[13], 3, "the answer to a cookie of somebody else")
            check_equal(forward.statistics()["subscribers"]["accepted"], 1, "accepted")
            honest.sendto(back, ("127.0.0.1", port))
            check_equal(honest.recv(4096)[13], 2, "the answer to one's own: a ServerHello")
        check_equal(forward.statistics()["subscribers"]["accepted"], 2, "accepted")

        # What is no ClientHello begins nothing.
        with udp(address_of(70002)) as one:
            for junk in (make_packet(1), b"\x16\xfe\xfd" + bytes(30), bytes(20), b"x"):
                one.sendto(junk, ("127.0.0.1", port))
            forward.wait_for_figure("subscribers", "unknown", 4)
        with subscriber(forward, "--seconds", 1) as late:
            late.check_exit(0)
        check_equal(forward.statistics()["subscribers"]["strangersPeak"], 256, "most strangers at a time")
        forward.stop()
        there.check_exit(0)
        check_equal(there.event("end")["reason"], "close-notify", "how it ended for who was there")
        check_equal(len(forward.all("end")), 3, "lines about ends")


def no_more_than_told(_folder):
    with Forward(*ANYONE, "--max-peers", 2) as forward, subscriber(forward, "--seconds", 600) as first, \
            subscriber(forward, "--seconds", 600) as second:
        first.event("state", state="connected")
        second.event("state", state="connected")
        with subscriber(forward, "--deadline", 1000) as third:
            third.check_exit(3)
        check(forward.statistics()["subscribers"]["refused"] > 0, "it was refused")
        first.interrupt()
        first.check_exit(0)
        with subscriber(forward, "--seconds", 1) as third:
            third.check_exit(0)
        check_equal(forward.stop()["subscribers"]["peersPeak"], 2, "most peers at a time")
        second.check_exit(0)


def silence(_folder):
    with Forward(*ANYONE, "--idle", 1) as forward, subscriber(forward, "--seconds", 600) as quiet, \
            subscriber(forward, "--send", "rtp:600", "--seconds", 600) as busy:
        quiet.check_exit(0)
        check_equal(quiet.event("end")["reason"], "close-notify", "how it ended for the quiet one")
        check(busy.child.poll() is None, "who sends stays")
        check_equal(forward.stop()["subscribers"]["idle"], 1, "dropped for their silence")
        busy.check_exit(0)


def somebody_else(folder):
    good, bad = Certificate(folder, "good"), Certificate(folder, "bad")
    with Forward("--publisher", good.fingerprint(), "--subscriber", good.fingerprint()) as forward:
        for side in ("publisher", "subscriber"):
            with Probe("connect", forward.address(side), "--insecure", "--seconds", 3, *bad.arguments()) as probe:
                probe.exit_code()
                check_equal(forward.event("end", side=side)["reason"], "fingerprint-mismatch", "why")
                check(not forward.all("peer", side=side), "never a peer")
            with Probe("connect", forward.address(side), "--fingerprint", forward.fingerprint(), "--seconds", 1,
                       *good.arguments()) as probe:
                probe.check_exit(0)
                forward.event("peer", side=side)
        forward.stop()


def another_publisher(_folder):
    """The newer one is heard, the older is told."""
    with Forward(*ANYONE) as forward, subscriber(forward, "--seconds", 600) as listener:
        listener.event("state", state="connected")
        with Probe("connect", forward.address("publisher"), "--insecure", "--seconds", 600) as first:
            first.event("state", state="connected")
            with Probe("connect", forward.address("publisher"), "--insecure", "--send", "rtp:50", "--seconds",
                       600) as second:
                first.check_exit(0)
                check_equal(first.event("end")["reason"], "close-notify", "how it ended for the first")
                forward.wait_for_figure("media", "rtpOut", 50)
                forward.stop()
                second.check_exit(0)
        listener.check_exit(0)
        check_equal(listener.event("traffic")["rtpReceived"], 50, "packets of the second")


def usage(folder):
    bad = os.path.join(folder, "bad.pem")
    with open(bad, "w", encoding="ascii") as file:
        file.write("no certificate\n")
    with udp() as taken:
        cases = [([], 2), (["--publisher", "-"], 2), ([*ANYONE, "--max-peers", "0"], 2),
                 ([*ANYONE, "--idle", "0"], 2), ([*ANYONE, "--payload-type", "96:80"], 2),
                 ([*ANYONE, "--payload-type", "96"], 2), (["--publisher", "sha-256 00", "--subscriber", "-"], 2),
                 ([*ANYONE, "more"], 2), ([*ANYONE, "--key", bad], 2), ([*ANYONE, "--certificate", bad], 1),
                 ([*ANYONE, "--certificate", bad + ".none"], 1), ([*ANYONE, "--bind", "nowhere"], 1),
                 ([*ANYONE, "--publisher-port", str(taken.getsockname()[1])], 1)]
        for arguments, code in cases:
            with Process(sample("forward"), *arguments) as one:
                check_equal(one.exit_code(), code, "exit code with %s" % arguments)
                check("forward: " in one.output, "it says why")


if __name__ == "__main__":
    need_elements("dtlssrtpenc", "dtlssrtpdec", "udpsink", "udpsrc", "appsrc", "identity")
    sys.exit(run([("everything arrives at each, rewritten; forged packets do not", everything_arrives),
                  ("rtcprobe with another profile, late", rtcprobe_too),
                  ("reports and requests are turned round", reports_and_requests),
                  ("runs refused with EIO", lambda folder: refused_runs(folder, 5)),
                  ("runs refused with EINVAL", lambda folder: refused_runs(folder, 22)),
                  ("without runs", without_runs),
                  ("a full socket", full_socket),
                  ("forged twin: a flood of strangers", nobody_comes_in),
                  ("forged twin: more peers than there are places", no_more_than_told),
                  ("who is silent is dropped", silence),
                  ("forged twin: other certificates", somebody_else),
                  ("another publisher takes over", another_publisher),
                  ("wrong usage", usage)]))
