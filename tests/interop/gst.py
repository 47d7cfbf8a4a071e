# SPDX-License-Identifier: BSD-3-Clause
"""GStreamer as the other end, in this process: pipelines whose buffers are counted."""

import hashlib
import os
import ssl
import sys
import time

from harness import BUILD, LIMIT, Process, check

# GStreamer's plugins warn about things that are not ours to mend.
os.environ["G_DEBUG"] = ""
try:
    import gi
    gi.require_version("Gst", "1.0")
    from gi.repository import Gio, GLib, Gst  # noqa: F401 (Gio: for the sockets of udpsrc)
    MISSING = ""
except (ImportError, ValueError) as problem:
    # The first python3 of the path need not be the one that distribution packages serve.
    if sys.executable != "/usr/bin/python3" and os.path.exists("/usr/bin/python3"):
        os.execv("/usr/bin/python3", ["/usr/bin/python3"] + sys.argv)
    MISSING = str(problem)


def need_elements(*names):
    """Ends the test as skipped where GStreamer, or one of its elements, is not installed."""
    missing = MISSING
    if not missing:
        Gst.init(None)
        absent = [n for n in names if Gst.ElementFactory.find(n) is None]
        missing = "GStreamer has no " + ", ".join(absent) if absent else ""
    if missing:
        print("1..0 # SKIP " + missing)
        sys.exit(0)


def sample(name):
    return os.path.join(BUILD or ".", "samples", name)


def wait_until(condition, what, seconds=LIMIT):
    """Runs the main loop, which the pipelines' messages need, until condition() is true."""
    deadline = time.monotonic() + seconds
    context = GLib.MainContext.default()
    while not condition():
        check(time.monotonic() < deadline, "no %s within %g s" % (what, seconds))
        while context.iteration(False):
            pass
        time.sleep(0.005)


def is_bound(port):
    """Whether some process of this machine has that UDP port."""
    with open("/proc/net/udp", encoding="ascii") as table:
        return any(line.split()[1].endswith(":%04X" % port) for line in list(table)[1:])


def fingerprint(pem):
    """That of the first certificate in a PEM text, as SDP has it."""
    end = "-----END CERTIFICATE-----"
    der = ssl.PEM_cert_to_DER_cert(pem[:pem.index(end) + len(end)] + "\n")
    return "sha-256 " + ":".join("%02X" % b for b in hashlib.sha256(der).digest())


class Count:
    """How many buffers passed a pad, those in lists too."""

    def __init__(self, pad):
        self.number = 0
        pad.add_probe(Gst.PadProbeType.BUFFER | Gst.PadProbeType.BUFFER_LIST, self._probe)

    def _probe(self, _pad, info):
        is_list = info.type & Gst.PadProbeType.BUFFER_LIST
        self.number += info.get_buffer_list().length() if is_list else 1
        return Gst.PadProbeReturn.OK


class Pipeline:
    """A pipeline that remembers whether it failed or came to its end; `with` stops it."""

    def __init__(self, description):
        self.bin = Gst.parse_launch(description)
        self.error = ""
        self.ended = False
        bus = self.bin.get_bus()
        bus.add_signal_watch()
        bus.connect("message", self._on_message)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.bin.set_state(Gst.State.NULL)
        self.bin.get_bus().remove_signal_watch()

    def _on_message(self, _bus, message):
        if message.type == Gst.MessageType.EOS:
            self.ended = True
        elif message.type == Gst.MessageType.ERROR and not self.error:
            self.error = message.parse_error()[0].message

    def __getitem__(self, name):
        return self.bin.get_by_name(name)

    def pad(self, element, name):
        return self[element].get_static_pad(name)

    def count(self, element, name="src"):
        return Count(self.pad(element, name))

    def play(self):
        self.bin.set_state(Gst.State.PLAYING)
        self.bin.get_state(5 * Gst.SECOND)

    def wait_for_end(self, seconds=LIMIT):
        wait_until(lambda: self.ended or self.error, "end of the pipeline", seconds)
        self.check_error()

    def check_error(self):
        check(not self.error, "GStreamer: " + self.error)


__all__ = ["Count", "Gst", "Pipeline", "Process", "fingerprint", "is_bound", "need_elements", "sample",
           "wait_until"]
