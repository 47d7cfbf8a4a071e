# SPDX-License-Identifier: BSD-3-Clause
"""What the test of samples/forward needs: the program, GStreamer as publisher and as subscribers, a wire on which
datagrams can be altered and sent in runs, strangers with addresses of their own."""

import random
import select
import signal
import socket
import struct
import subprocess
import threading

from gst import Gst, Pipeline, fingerprint, sample, wait_until
from harness import LIMIT, Probe, Process, check, check_equal

SOL_UDP, UDP_SEGMENT = 17, 103
SSRC = 0x5EC0FFEE
PAYLOAD_TYPE, MAPPED_TYPE = 96, 105
SR, RR, RTPFB, PSFB = 200, 201, 205, 206


def udp(address="127.0.0.1", port=0):
    one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    one.bind((address, port))
    return one


def send_run(sock, datagrams):
    """Several datagrams of one size, the last may be shorter, with one call."""
    sock.sendmsg(datagrams, [(SOL_UDP, UDP_SEGMENT, struct.pack("@H", len(datagrams[0])))])


def kernel_has_runs():
    with udp() as near, udp() as far:
        near.connect(far.getsockname())
        try:
            send_run(near, [b"x" * 100] * 3)
        except OSError:
            return False
        return True


class Forward(Probe):
    """samples/forward --json with its events."""

    def __init__(self, *args, env=None):
        self.events = []
        self.rest = ""
        Process.__init__(self, sample("forward"), "--json", "--publisher-port", 0, "--subscriber-port", 0, *args,
                         env=env)

    def address(self, side):
        return "udp:127.0.0.1:%d" % self.port_of(side)

    def port_of(self, side):
        return int(self.event("listening", side=side)["port"])

    def fingerprint(self):
        return self.event("certificate")["fingerprint"]

    def statistics(self):
        """As of now; at the end, of the whole run."""
        before = len(self.all("statistics"))
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGUSR1)
            self.wait_until(lambda: len(self.all("statistics")) > before, "statistics")
        return self.all("statistics")[-1]

    def wait_for_figure(self, group, name, least):
        wait_until(lambda: self.statistics()[group][name] >= least, "%s of %d" % (name, least))

    def resident(self):
        """Kilobytes."""
        with open("/proc/%d/status" % self.pid(), encoding="ascii") as status:
            return int(next(line for line in status if line.startswith("VmRSS")).split()[1])

    def pid(self):
        return self.child.pid

    def stop(self):
        self.interrupt()
        self.check_exit(0)
        return self.statistics()


# -- media ------------------------------------------------------------------------------------------------------

def make_packet(number, size=1200):
    """The payload is as good as random, and the same each time."""
    marker = 0x80 if number % 30 == 29 else 0
    header = struct.pack(">BBHLL", 0x80, marker | PAYLOAD_TYPE, (60000 + number) & 0xFFFF,
                         (0xFFFFF000 + number // 30 * 3000) & 0xFFFFFFFF, SSRC)
    return header + random.Random(number).randbytes(size)


def parse(packet):
    first, second, sequence, timestamp, ssrc = struct.unpack(">BBHLL", packet[:12])
    return {"first": first, "marker": second >> 7, "type": second & 127, "sequence": sequence,
            "timestamp": timestamp, "ssrc": ssrc, "payload": packet[12:]}


def check_copies(sent, received, payload_type):
    """Each packet of @sent is there, once, in order, with a header of its own and the same payload."""
    check_equal(len(received), len(sent), "packets that arrived")
    pairs = [(parse(a), parse(b)) for a, b in zip(sent, received)]
    first_sent, first_got = pairs[0]
    for a, b in pairs:
        check_equal((b["first"], b["marker"], b["type"]), (a["first"], a["marker"], payload_type),
                    "head of the header")
        check_equal(b["ssrc"], first_got["ssrc"], "SSRC, always the same")
        check_equal((b["sequence"] - first_got["sequence"]) & 0xFFFF,
                    (a["sequence"] - first_sent["sequence"]) & 0xFFFF, "distance of sequence numbers")
        check_equal((b["timestamp"] - first_got["timestamp"]) & 0xFFFFFFFF,
                    (a["timestamp"] - first_sent["timestamp"]) & 0xFFFFFFFF, "distance of timestamps")
        check(b["payload"] == a["payload"], "payload of packet %d" % a["sequence"])
    check(first_got["ssrc"] != SSRC, "an SSRC of its own")
    return {"ssrc": first_got["ssrc"],
            "sequence": (first_got["sequence"] - first_sent["sequence"]) & 0xFFFF,
            "timestamp": (first_got["timestamp"] - first_sent["timestamp"]) & 0xFFFFFFFF}


def rtcp_parts(packet):
    """(type, count, the bytes) of each packet of a compound."""
    while len(packet) >= 4:
        length = 4 * (struct.unpack(">H", packet[2:4])[0] + 1)
        yield packet[1], packet[0] & 31, packet[:length]
        packet = packet[length:]


def find_parts(packets, wanted, count=None):
    return [part for packet in packets for kind, n, part in rtcp_parts(packet)
            if kind == wanted and count in (None, n)]


def report(ssrc=1):
    return struct.pack(">BBHL", 0x80, RR, 1, ssrc)


# -- GStreamer --------------------------------------------------------------------------------------------------

# The decoder owns the connection: it comes first. One socket serves both directions.
PIPELINE = """
    udpsrc name=in address=127.0.0.1 port=0 ! dtlssrtpdec name=dec connection-id=%s
        dec.rtp_src ! identity name=rtp_in ! fakesink sync=false async=false
        dec.rtcp_src ! identity name=rtcp_in ! fakesink sync=false async=false
    dtlssrtpenc name=enc connection-id=%s is-client=true
        ! udpsink name=out host=127.0.0.1 port=%d sync=false async=false
    appsrc name=rtp format=time caps=application/x-rtp,media=video,clock-rate=90000,payload=96 ! enc.rtp_sink_0
    appsrc name=rtcp format=time caps=application/x-rtcp ! enc.rtcp_sink_0"""


class GstPeer(Pipeline):
    """A DTLS client; what it receives is kept."""

    made = 0

    def __init__(self, port):
        GstPeer.made += 1
        name = "forward-%d" % GstPeer.made
        super().__init__(PIPELINE % (name, name, port))
        self.rtp, self.rtcp = [], []
        self._keep("rtp_in", self.rtp)
        self._keep("rtcp_in", self.rtcp)
        self["in"].set_state(Gst.State.READY)  # opens the socket
        opened = self["in"].get_property("used-socket")
        self["out"].set_property("socket", opened)
        self["out"].set_property("close-socket", False)
        self.port = opened.get_local_address().get_port()

    def _keep(self, element, where):
        def probe(_pad, info):
            if info.type & Gst.PadProbeType.BUFFER_LIST:
                buffers = info.get_buffer_list()
                where.extend(_bytes_of(buffers.get(i)) for i in range(buffers.length()))
            else:
                where.append(_bytes_of(info.get_buffer()))
            return Gst.PadProbeReturn.OK
        self.pad(element, "src").add_probe(Gst.PadProbeType.BUFFER | Gst.PadProbeType.BUFFER_LIST, probe)

    def fingerprint(self):
        return fingerprint(self["dec"].get_property("pem"))

    def begin(self):
        self.play()

    def connected(self):
        self.check_error()
        inner = next(e for e in self["dec"].children if e.get_factory().get_name() == "dtlsdec")
        return inner.get_property("decoder-key") is not None and \
            self["dec"].get_property("connection-state").value_nick == "connected"

    def push(self, kind, packet):
        self[kind].emit("push-buffer", Gst.Buffer.new_wrapped(packet))


def _bytes_of(buffer):
    return buffer.extract_dup(0, buffer.get_size())


# -- the wire ---------------------------------------------------------------------------------------------------

class Wire(threading.Thread):
    """Between the publisher and the forwarder. DTLS passes at once, media when told to, in runs where the kernel can."""

    def __init__(self, forward_port, runs):
        super().__init__()
        self.near, self.far = udp(), udp()
        self.far.connect(("127.0.0.1", forward_port))
        self.port = self.near.getsockname()[1]
        self.publisher = None
        self.media = []
        self.runs = runs
        self.stopping = threading.Event()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.join()
        self.near.close()
        self.far.close()

    def run(self):
        while not self.stopping.is_set():
            for ready in select.select([self.near, self.far], [], [], 0.05)[0]:
                try:
                    data, sender = ready.recvfrom(65536)
                    self._pass(ready, data, sender)
                except ConnectionRefusedError:
                    pass

    def _pass(self, ready, data, sender):
        if ready is self.far:
            self.near.sendto(data, self.publisher)
        else:
            self.publisher = sender
            if 128 <= data[0] <= 191 and not 192 <= data[1] <= 223:
                self.media.append(data)
            else:
                self.far.send(data)

    def release(self, count, forged=False):
        """Waits for so many packets of media and sends them; with forged ones between them: altered copies come
        before, replays behind. Returns how many of those."""
        wait_until(lambda: len(self.media) >= count, "%d packets on the wire" % count)
        packets, self.media[:count] = self.media[:count], []
        extra = 0
        if forged:
            altered = [bytes(p[:-20]) + bytes([p[-20] ^ 1]) + bytes(p[-19:]) for p in packets[:2]]
            packets = altered + packets + packets[-2:]
            extra = 4
        while packets:
            size = next((i for i, p in enumerate(packets) if len(p) != len(packets[0])), len(packets))
            run, packets = packets[:min(size, 40)], packets[min(size, 40):]
            if self.runs and len(run) > 1:
                send_run(self.far, run)
            else:
                for packet in run:
                    self.far.send(packet)
        return extra


# -- strangers --------------------------------------------------------------------------------------------------

def client_hello():
    """A real one: rtcprobe's first datagram."""
    with udp() as one:
        one.settimeout(LIMIT)
        with Probe("connect", "udp:127.0.0.1:%d" % one.getsockname()[1], "--insecure") as probe:
            hello = one.recv(4096)
            probe.interrupt()
            probe.exit_code()
        return hello


def address_of(number):
    """All of 127.0.0.0/8 is ours."""
    return "127.%d.%d.%d" % (1 + number // 60000, number // 250 % 240, 1 + number % 250)


def flood(port, hello, count):
    """A ClientHello from each of so many addresses. Returns the answers."""
    answers = []
    for number in range(count):
        with udp(address_of(number)) as one:
            one.settimeout(LIMIT)
            one.sendto(hello, ("127.0.0.1", port))
            answers.append(one.recv(65536))
    return answers


def with_cookie(hello, answer):
    """The ClientHello that brings back the cookie of a HelloVerifyRequest (RFC 6347 section 4.2.1)."""
    length = answer[13 + 12 + 2]
    cookie = answer[28:28 + length]
    check_equal(len(cookie), length, "bytes of the cookie")
    body = hello[13 + 12:]
    at = 2 + 32 + 1 + body[34]
    check_equal(body[at], 0, "length of the cookie in the first ClientHello")
    body = body[:at] + bytes([length]) + cookie + body[at + 1:]
    size = struct.pack(">L", len(body))[1:]
    message = b"\x01" + size + b"\x00\x01" + b"\x00\x00\x00" + size + body
    return hello[:3] + hello[3:5] + struct.pack(">Q", 1)[2:] + struct.pack(">H", len(message)) + message


def compile_shim(folder, source, compiler):
    library = folder + "/shim.so"
    done = subprocess.run([*compiler, "-D_GNU_SOURCE", "-shared", "-fPIC", "-o", library, source, "-ldl"],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, check=False)
    check_equal(done.returncode, 0, done.stdout.decode("utf-8", "replace"))
    return library


__all__ = ["Forward", "GstPeer", "Wire", "MAPPED_TYPE", "PAYLOAD_TYPE", "PSFB", "RR", "RTPFB", "SR", "SSRC",
           "address_of", "check_copies", "client_hello", "compile_shim", "find_parts", "flood",
           "kernel_has_runs", "make_packet", "parse", "report", "udp", "with_cookie"]
