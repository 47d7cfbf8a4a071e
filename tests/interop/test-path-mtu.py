#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""A path that refuses large datagrams (EMSGSIZE): the handshake MTU falls at once, without a timer.

Runs in a network namespace of its own, whose loopback has a small MTU."""

import os
import subprocess
import sys

from harness import LIMIT, Certificate, Probe, check, check_equal, need, run

INSIDE = "SLUICE_TEST_NAMESPACE"


def set_mtu(size):
    subprocess.run(["ip", "link", "set", "lo", "mtu", str(size), "up"], check=True, timeout=LIMIT)


def path(size, expected):
    def case(folder):
        set_mtu(size)
        # RSA certificates: flights 4 and 5 are larger than the path.
        a, b = Certificate(folder, "a", "rsa"), Certificate(folder, "b", "rsa")
        with Probe("listen", "udp:127.0.0.1:0", *a.arguments(), "--fingerprint", b.fingerprint(),
                   "--first-timeout", "5000", "--echo") as server, \
                Probe("connect", "udp:127.0.0.1:%d" % server.port(), *b.arguments(),
                      "--fingerprint", a.fingerprint(), "--first-timeout", "5000", "--send",
                      "data:5", "--send", "rtp:5", "--require-replies") as client:
            client.check_exit(0)
            server.check_exit(0)
            for probe in (client, server):
                stats = probe.event("stats")
                check_equal(stats["retransmissions"] <= 2, True, "flights made again")
                check((stats["mtuReductions"] > 0) == expected, "MTU reductions: %d" %
                      stats["mtuReductions"])
                check((stats["outputTooBig"] > 0) == expected, "datagrams refused: %d" %
                      stats["outputTooBig"])
            # With timers of 5 s nothing was waited for.
            check(client.event("stats")["connectUs"] < 3000000, "no timer was needed")
    return case


CASES = [("a path of 1500 bytes", path(1500, False)), ("a path of 700 bytes", path(700, True)),
         ("a path of 500 bytes", path(500, True))]

if __name__ == "__main__":
    need("openssl", "ip", "unshare")
    if INSIDE not in os.environ:
        flags = ["--net"] if os.geteuid() == 0 else ["--net", "--map-root-user"]
        allowed = subprocess.run(["unshare", *flags, "true"], stderr=subprocess.DEVNULL, check=False,
                                 timeout=LIMIT)
        if allowed.returncode != 0:
            print("1..0 # SKIP this user may make no network namespace")
            sys.exit(0)
        os.execvpe("unshare", ["unshare", *flags, sys.executable, os.path.abspath(__file__)],
                   dict(os.environ, **{INSIDE: "1"}))
    sys.exit(run(CASES))
