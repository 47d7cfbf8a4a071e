#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Many sessions of samples/whip-echo, all at the same time, three rounds: all connect and have back what they sent; after the last DELETE the
server has the descriptors that it had at first, and after the third round the memory of the first, within 5 %.

What a session costs the server is printed: resident memory while all are there, and processor time for a second of each.
SESSIONS in the environment says how many (500), RATE how many begin in a second (50)."""

import os
import re
import sys
import time

from harness import Probe, check, check_equal, run
from whip import Server

SESSIONS = int(os.environ.get("SESSIONS", "500"))
RATE = int(os.environ.get("RATE", "50"))
SECONDS = 10   # that all of them are connected
INTERVAL = 250  # milliseconds between packets of one kind: eight a second each way and session


class Watched(Server):
    def resident(self):
        with open("/proc/%d/status" % self.child.pid, encoding="ascii") as file:
            return int(re.search(r"VmRSS:\s+(\d+)", file.read()).group(1))

    def processor(self):
        """Seconds, of user and system."""
        with open("/proc/%d/stat" % self.child.pid, encoding="ascii") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


    def session_seconds(self, begun):
        """How long all of them lived together, of the events from that one on."""
        return sum(event["lifeMs"] for event in self.events[begun:] if event["event"] == "ended") / 1000

    def at_a_time(self, begun):
        """The most that were connected at the same time, of the events from that one on."""
        most, connected = 0, set()
        for event in self.events[begun:]:
            if event["event"] == "connected":
                connected.add(event["session"])
            elif event["event"] == "ended":
                connected.discard(event["session"])
            most = max(most, len(connected))
        return most


def session_rounds(folder):
    limit = SESSIONS / RATE + SECONDS + 120
    with Watched("--max-sessions", str(SESSIONS + 10)) as server:
        first_memory, after = server.resident(), []
        for number in range(3):
            used, began, peak, begun = server.processor(), time.monotonic(), 0, len(server.events)
            with Probe("whip", server.url + "/whip", "--count", SESSIONS, "--rate", RATE, "--interval", INTERVAL,
                       "--duration", SECONDS, "--together", "--deadline", "120000") as probe:
                while probe.child.poll() is None and time.monotonic() - began < limit:
                    peak = max(peak, server.resident())
                    time.sleep(0.2)
                took = time.monotonic() - began
                probe.check_exit(0)
                totals, traffic = probe.event("totals"), probe.event("traffic")
                check_equal([totals[k] for k in ("connected", "failed", "incomplete")], [SESSIONS, 0, 0], "totals")
                check_equal(server.at_a_time(begun), SESSIONS, "sessions at the same time")
                check_equal(traffic["rtpReturned"], traffic["rtpSent"], "RTP back")
                check_equal(traffic["dataReturned"], traffic["dataSent"], "messages back")
            server.wait_for_descriptors()
            check_equal(server.sessions(), [], "sessions")
            after.append(server.resident())
            print("# round %d: %d sessions in %.0f s; at the most %d KB, %d KB a session; after it %d KB; %.2f s of "
                  "processor, %.2f ms a session and second; connected after %d, %d, %d ms (median, 90 %%, last); %d flights "
                  "sent again" %
                  (number + 1, SESSIONS, took, peak, (peak - first_memory) // SESSIONS, after[-1],
                   server.processor() - used, (server.processor() - used) * 1000 / server.session_seconds(begun),
                   *(us // 1000 for us in totals["connectedUs"]), totals["retransmissions"]), flush=True)
        check(after[2] <= after[0] * 1.05, "memory grows: %r KB after each round" % after)
        server.stop()


if __name__ == "__main__":
    sys.exit(run([("%d sessions, three times" % SESSIONS, session_rounds)]))
