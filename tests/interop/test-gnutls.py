#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""rtcprobe against gnutls-serv and gnutls-cli: a second TLS stack, both DTLS roles. GnuTLS has no AEAD profile
of SRTP; gnutls-serv prints no exported keys, gnutls-cli does."""

import sys

from harness import (SRTP_LABEL, Certificate, Probe, Process, check, check_equal,
                     free_port, need, note, run, sha256_of_hex, version_of)

PROFILES = {"AES128_CM_SHA1_80": "SRTP_AES128_CM_HMAC_SHA1_80",
            "AES128_CM_SHA1_32": "SRTP_AES128_CM_HMAC_SHA1_32"}


class Server(Process):
    def __init__(self, certificate, profile):
        self.port = free_port()
        super().__init__("gnutls-serv", "--udp", "--echo", "--port", self.port, "--x509certfile",
                         certificate.path, "--x509keyfile", certificate.key,
                         "--require-client-cert", "--srtp-profiles", profile, "--mtu", "1200")
        self.wait_for(r"listening on IPv4 .*done")


class Client(Process):
    def __init__(self, port, certificate, profile):
        super().__init__("gnutls-cli", "--udp", "--insecure", "--port", port, "127.0.0.1",
                         "--x509certfile", certificate.path, "--x509keyfile", certificate.key,
                         "--srtp-profiles", profile, "--mtu", "1200",
                         "--keymatexport=" + SRTP_LABEL, "--keymatexportsize=60")


def with_server(profile, kind):
    def case(folder):
        theirs = Certificate(folder, "theirs", kind)
        ours = Certificate(folder, "ours", kind)
        with Server(theirs, PROFILES[profile]) as server, \
                Probe("connect", "udp:127.0.0.1:%d" % server.port, *ours.arguments(),
                      "--fingerprint", theirs.fingerprint(), "--profiles",
                      "AEAD_AES_128_GCM," + profile, "--send", "data:5",
                      "--require-replies") as probe:
            probe.event("state", state="connected")
            check_equal(probe.event("selected")["srtpCipher"], profile, "profile")
            check(probe.event("certificate", side="remote")["match"], "fingerprint matches")
            probe.check_exit(0)  # 9 if the server had not sent all five back
            check_equal(probe.event("traffic")["dataReturned"], 5, "messages that came back")
            check("rtcprobe data" in server.output, "the server saw them")
            if kind == "ec":
                note("gnutls-serv", version_of("gnutls-serv", "--version"), probe)
    return case


def with_client(profile, kind):
    def case(folder):
        theirs = Certificate(folder, "theirs", kind)
        ours = Certificate(folder, "ours", kind)
        with Probe("listen", "udp:127.0.0.1:0", *ours.arguments(), "--fingerprint",
                   theirs.fingerprint(), "--profiles", profile, "--echo", "--export",
                   SRTP_LABEL + ":60") as probe, \
                Client(probe.port(), theirs, PROFILES[profile]) as client:
            probe.event("state", state="connected")
            check_equal(probe.event("selected")["srtpCipher"], profile, "profile")
            keys = client.wait_for("Key material: ([0-9a-f]{120})").group(1)
            check_equal(probe.event("export")["sha256"], sha256_of_hex(keys), "exported keys")
            client.wait_for("Handshake was completed")
            client.write("from the client\n")
            check_equal(probe.event("message", kind="data")["text"], "from the client\\n", "data")
            client.wait_for("from the client")  # the echo: gnutls-cli does not print its input
            client.child.stdin.close()
            probe.check_exit(0)
            check(probe.has("end", reason="close-notify"), "the peer's close_notify ended it")
            if kind == "ec":
                note("gnutls-cli", version_of("gnutls-cli", "--version"), probe)
    return case


def close_reaches_client(folder):
    """Our close_notify ends gnutls-cli."""
    theirs, ours = Certificate(folder, "theirs"), Certificate(folder, "ours")
    with Probe("listen", "udp:127.0.0.1:0", *ours.arguments(), "--fingerprint",
               theirs.fingerprint(), "--seconds", "1", "--profiles", "AES128_CM_SHA1_80") as probe, \
            Client(probe.port(), theirs, PROFILES["AES128_CM_SHA1_80"]) as client:
        client.wait_for("Peer has closed the GnuTLS connection")
        probe.check_exit(0)


def wrong_fingerprint_of_server(folder):
    theirs, ours = Certificate(folder, "theirs"), Certificate(folder, "ours")
    with Server(theirs, PROFILES["AES128_CM_SHA1_80"]) as server, \
            Probe("connect", "udp:127.0.0.1:%d" % server.port, *ours.arguments(), "--fingerprint",
                  theirs.wrong_fingerprint(), "--send", "data:5") as probe:
        probe.check_exit(4)
        check(not probe.has("state", state="connected"), "never connected")
        check("rtcprobe data" not in server.output, "nothing was sent")


def wrong_fingerprint_of_client(folder):
    theirs, ours = Certificate(folder, "theirs"), Certificate(folder, "ours")
    with Probe("listen", "udp:127.0.0.1:0", *ours.arguments(), "--fingerprint",
               theirs.wrong_fingerprint(), "--export", SRTP_LABEL + ":60") as probe, \
            Client(probe.port(), theirs, PROFILES["AES128_CM_SHA1_80"]) as client:
        client.write("must not arrive\n")
        probe.check_exit(4)
        check(not probe.has("message"), "nothing delivered")
        check(not probe.has("export"), "no key exported")
        client.wait_for("[Cc]ertificate is bad|Bad certificate")


def no_common_profile(folder):
    theirs, ours = Certificate(folder, "theirs"), Certificate(folder, "ours")
    with Probe("listen", "udp:127.0.0.1:0", *ours.arguments(), "--fingerprint",
               theirs.fingerprint(), "--profiles", "AEAD_AES_128_GCM") as probe, \
            Client(probe.port(), theirs, PROFILES["AES128_CM_SHA1_80"]):
        probe.check_exit(6)


CASES = (
    [("connect to gnutls-serv, %s, %s" % (p, k), with_server(p, k))
     for p, k in (("AES128_CM_SHA1_80", "ec"), ("AES128_CM_SHA1_32", "ec"),
                  ("AES128_CM_SHA1_80", "rsa"))] +
    [("listen to gnutls-cli, %s, %s" % (p, k), with_client(p, k))
     for p, k in (("AES128_CM_SHA1_80", "ec"), ("AES128_CM_SHA1_32", "ec"),
                  ("AES128_CM_SHA1_80", "rsa"))] +
    [("our close_notify ends gnutls-cli", close_reaches_client),
     ("wrong fingerprint of gnutls-serv", wrong_fingerprint_of_server),
     ("wrong fingerprint of gnutls-cli", wrong_fingerprint_of_client),
     ("no common profile with gnutls-cli", no_common_profile)])

if __name__ == "__main__":
    need("openssl", "gnutls-serv", "gnutls-cli")
    sys.exit(run(CASES))
