# SPDX-License-Identifier: BSD-3-Clause
"""samples/whip-echo as a server for rtcprobe whip."""

import json
import os
import time
import urllib.request

from harness import BUILD, LIMIT, Process, check_equal

WHIP_ECHO = os.path.join(BUILD or ".", "samples", "whip-echo", "whip-echo")


class Server(Process):
    """whip-echo with its events."""

    def __init__(self, *args):
        self.events, self.rest = [], ""
        super().__init__(WHIP_ECHO, "--json", "--port", "0", "--ice-bind", "127.0.0.1", *args)
        self.url = self.event("listening")["url"].rstrip("/")
        self.sessions()  # from here on its loop runs, which has descriptors of its own
        self.first_descriptors = self.settled_descriptors()

    def on_stdout(self, text):
        lines = (self.rest + text).split("\n")
        self.rest = lines.pop()
        self.events += [json.loads(line) for line in lines]

    def event(self, name, **members):
        def found():
            return [e for e in self.events if e["event"] == name and
                    all(e.get(k) == v for k, v in members.items())]
        return self.wait_until(found, "event " + name)[0]

    def descriptors(self):
        return len(os.listdir("/proc/%d/fd" % self.child.pid))

    def settled_descriptors(self):
        """When the connection of the last request is closed."""
        before, same = -1, 0
        while same < 4:
            now = self.descriptors()
            before, same = now, same + 1 if now == before else 0
            time.sleep(0.05)
        return before

    def wait_for_descriptors(self):
        """Until it has as many as at first."""
        deadline = time.monotonic() + LIMIT
        while self.descriptors() != self.first_descriptors and time.monotonic() < deadline:
            time.sleep(0.05)
        check_equal(self.descriptors(), self.first_descriptors, "descriptors of the server")

    def sessions(self):
        with urllib.request.urlopen(self.url + "/stats", timeout=LIMIT) as reply:
            return json.load(reply)["sessions"]

    def stop(self):
        self.interrupt()
        self.check_exit(0)
