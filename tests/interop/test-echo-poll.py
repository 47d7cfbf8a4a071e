#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""samples/echo-poll, the whole core behind one poll(): rtcprobe has everything back and closes; with another
certificate than the announced one it is refused."""

import os
import sys

from harness import BUILD, Certificate, Probe, Process, check, check_equal, run


class Echo(Process):
    def __init__(self, fingerprint):
        super().__init__(os.path.join(BUILD or ".", "samples", "echo-poll"), "127.0.0.1", 0,
                         "--fingerprint", fingerprint)

    def probe(self, *options):
        fingerprint = self.wait_for("our fingerprint: (.*)").group(1)
        address = self.wait_for("listening on (udp:.*)").group(1)
        return Probe("connect", address, "--fingerprint", fingerprint, "--send", "data:50", "--send",
                     "rtp:200", "--require-replies", *options)


def everything_comes_back(kind, *options):
    def case(folder):
        certificate = Certificate(folder, "probe", kind)
        with Echo(certificate.fingerprint()) as echo, \
                echo.probe(*certificate.arguments(), *options) as probe:
            probe.check_exit(0)
            check_equal(probe.event("traffic")["dataReturned"], 50, "messages that came back")
            echo.check_exit(0)
            check("close-notify" in echo.output, "it says who closed")
            check("WARNING" not in echo.output, "no warning")
    return case


def anyone(_folder):
    with Echo("-") as echo, echo.probe() as probe:
        probe.check_exit(0)
        echo.check_exit(0)
        check("WARNING" in echo.output, "it warns")


def somebody_else(folder):
    certificate = Certificate(folder, "probe")
    with Echo(certificate.wrong_fingerprint()) as echo, \
            echo.probe(*certificate.arguments()) as probe:
        echo.check_exit(1)
        check("fingerprint-mismatch" in echo.output, "it says why")
        probe.check_exit(7)
        check(not probe.has("state", state="connected"), "never connected")


def usage(_folder):
    for arguments in ([], ["127.0.0.1", "0"], ["127.0.0.1", "0", "--fingerprint", "sha-256 00"],
                      ["127.0.0.1", "0", "--insecure", "-"]):
        with Process(os.path.join(BUILD or ".", "samples", "echo-poll"), *arguments) as echo:
            check_equal(echo.exit_code(), 2, "exit code with %s" % arguments)


if __name__ == "__main__":
    sys.exit(run([("everything comes back", everything_comes_back("ec")),
                  ("everything comes back, RSA and small datagrams",
                   everything_comes_back("rsa", "--mtu", "256")),
                  ("everything comes back, AES128_CM_SHA1_80",
                   everything_comes_back("ec", "--profiles", "AES128_CM_SHA1_80")),
                  ("anyone, with a warning", anyone),
                  ("forged twin: another fingerprint", somebody_else),
                  ("wrong usage", usage)]))
