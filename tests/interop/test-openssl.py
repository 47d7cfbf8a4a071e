#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""rtcprobe against openssl s_server and s_client: both DTLS roles, every SRTP profile, EC and RSA.

Each holds: the exporter gives both ends the same SRTP keys, data arrives both ways, close_notify ends
it. The forged twins: a fingerprint that is wrong in one bit, no common profile, a peer without a
certificate; then nothing is delivered and the exit code says why."""

import os
import stat
import sys

from harness import (PROFILES, SRTP_LABEL, Certificate, Probe, Process, check, check_equal,
                     free_port, key_lines, need, note, run, sha256_of_hex, version_of)

EXPORT = ["-keymatexport", SRTP_LABEL, "-keymatexportlen", "60"]


class Server(Process):
    def __init__(self, certificate, *more, verify=True):
        self.port = free_port()
        super().__init__("openssl", "s_server", "-dtls1_2", "-accept", "127.0.0.1:%d" % self.port,
                         "-cert", certificate.path, "-key", certificate.key, "-naccept", "1",
                         *(["-Verify", "1"] if verify else []), *EXPORT, *more)
        self.wait_for("ACCEPT")


class Client(Process):
    def __init__(self, port, certificate, *more):
        own = ["-cert", certificate.path, "-key", certificate.key] if certificate else []
        super().__init__("openssl", "s_client", "-dtls1_2", "-connect", "127.0.0.1:%d" % port,
                         "-mtu", "1200", *own, *EXPORT, *more)


def connect(port, own, *more):
    return Probe("connect", "udp:127.0.0.1:%d" % port, *own.arguments(), "--export",
                 SRTP_LABEL + ":60", *more)


def listen(own, *more):
    return Probe("listen", "udp:127.0.0.1:0", *own.arguments(), "--export", SRTP_LABEL + ":60",
                 *more)


def check_selected(probe, profile, role):
    selected = probe.event("selected")
    check_equal(selected["srtpCipher"], profile, "profile")
    check_equal(selected["tlsVersion"], "FEFD", "version")
    check_equal(selected["dtlsRole"], role, "role")
    check_equal(selected["tlsGroup"], "x25519", "group")
    check("GCM" in selected["dtlsCipher"] or "CHACHA20" in selected["dtlsCipher"], "AEAD suite")


def check_keys(peer, probe):
    theirs = peer.wait_for("Keying material: ([0-9A-F]{120})").group(1)
    check_equal(probe.event("export")["sha256"], sha256_of_hex(theirs), "exported keys")


def with_server(profile, kind="ec"):
    def case(folder):
        theirs = Certificate(folder, "theirs", kind)
        ours = Certificate(folder, "ours", kind)
        with Server(theirs, "-use_srtp", "SRTP_" + profile) as server, \
                connect(server.port, ours, "--profiles", profile, "--fingerprint",
                        theirs.fingerprint(), "--send", "data:3", "--seconds", "60") as probe:
            probe.event("state", state="connected")
            check_selected(probe, profile, "client")
            check(probe.event("certificate", side="remote")["match"], "fingerprint matches")
            check("CN=theirs" in probe.event("certificate", side="remote")["subject"], "subject")
            check_keys(server, probe)
            server.wait_for("(?s)rtcprobe data .*rtcprobe data .*rtcprobe data ")
            server.write("from the server\n")
            check_equal(probe.event("message", kind="data")["text"], "from the server\\n", "data")
            probe.interrupt()
            probe.check_exit(0)
            check(probe.has("end", reason="local-close"), "we closed")
            server.wait_for("CONNECTION CLOSED")
            check(server.exit_code() == 0, "s_server took the close_notify")
            if kind == "ec":
                note("openssl s_server", version_of("openssl", "version"), probe)
    return case


def with_client(profile, kind="ec"):
    def case(folder):
        theirs = Certificate(folder, "theirs", kind)
        ours = Certificate(folder, "ours", kind)
        with listen(ours, "--profiles", profile, "--fingerprint", theirs.fingerprint(), "--echo",
                    "--send", "data:2") as probe, \
                Client(probe.port(), theirs, "-use_srtp", "SRTP_" + profile) as client:
            probe.event("state", state="connected")
            check_selected(probe, profile, "server")
            check(probe.event("certificate", side="remote")["match"], "fingerprint matches")
            check_keys(client, probe)
            client.wait_for("(?s)rtcprobe data .*rtcprobe data ")
            client.write("from the client\n")
            check_equal(probe.event("message", kind="data")["text"], "from the client\\n", "data")
            client.wait_for("from the client")  # the echo: s_client does not print its own input
            client.write("Q\n")
            probe.check_exit(0)
            check(probe.has("end", reason="close-notify"), "the peer's close_notify ended it")
            check(probe.has("flight", number=2, direction="sent"), "a cookie was asked for")
            check_equal(client.exit_code(), 0, "exit code of s_client")
            if kind == "ec":
                note("openssl s_client", version_of("openssl", "version"), probe)
    return case


def offer_is_shown(folder):
    theirs, ours = Certificate(folder, "theirs"), Certificate(folder, "ours")
    with listen(ours, "--insecure") as probe, \
            Client(probe.port(), theirs, "-use_srtp", "SRTP_AES128_CM_SHA1_80:SRTP_AEAD_AES_128_GCM",
                   "-groups", "P-384:P-256", "-cipher",
                   "ECDHE-ECDSA-AES128-GCM-SHA256:AES128-SHA") as client:
        probe.event("state", state="connected")
        offer = probe.event("offer")
        check_equal(offer["srtpProfiles"], ["AES128_CM_SHA1_80", "AEAD_AES_128_GCM"], "profiles")
        check_equal(offer["groups"], ["P-384", "P-256"], "groups")
        # The third is no cipher: older ones say by it what later ones say in an extension.
        check_equal([c for c in offer["ciphers"] if c != "TLS_EMPTY_RENEGOTIATION_INFO_SCSV"],
                    ["TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "TLS_RSA_WITH_AES_128_CBC_SHA"],
                    "ciphers")
        check(offer["extendedMasterSecret"], "extended master secret")
        # Our order decides as server (RFC 5764 section 4.1.1).
        check_equal(probe.event("selected")["srtpCipher"], "AEAD_AES_128_GCM", "profile")
        client.write("Q\n")
        probe.check_exit(0)


def wrong_fingerprint_of_server(folder):
    theirs, ours = Certificate(folder, "theirs"), Certificate(folder, "ours")
    with Server(theirs, "-use_srtp", "SRTP_AEAD_AES_128_GCM") as server:
        server.write("must not arrive\n")
        with connect(server.port, ours, "--fingerprint", theirs.wrong_fingerprint(), "--send",
                     "data:3", "--send", "rtp:3") as probe:
            probe.check_exit(4)
            check_nothing_passed(probe)
            check(probe.has("error", code="fingerprint-mismatch", exit=4), "the error says so")
            server.wait_for("alert bad certificate")
            check("rtcprobe data" not in server.output, "nothing was sent")


def wrong_fingerprint_of_client(folder):
    theirs, ours = Certificate(folder, "theirs"), Certificate(folder, "ours")
    with listen(ours, "--fingerprint", theirs.wrong_fingerprint(), "--send", "data:3") as probe, \
            Client(probe.port(), theirs, "-use_srtp", "SRTP_AEAD_AES_128_GCM") as client:
        client.write("must not arrive\n")
        probe.check_exit(4)
        check_nothing_passed(probe)
        client.wait_for("alert bad certificate")
        check("rtcprobe data" not in client.output, "nothing was sent")


def check_nothing_passed(probe):
    check(not probe.has("state", state="connected"), "never connected")
    check(not probe.has("export"), "no key exported")
    check(not probe.has("message"), "nothing delivered")
    stats = probe.event("stats")
    check_equal((stats["dataDelivered"], stats["dataSent"], stats["rtpProtected"]), (0, 0, 0),
                "delivered, sent, protected")


def no_fingerprint(folder):
    theirs, ours = Certificate(folder, "theirs"), Certificate(folder, "ours")
    with Server(theirs, "-use_srtp", "SRTP_AEAD_AES_128_GCM") as server, \
            connect(server.port, ours, "--send", "data:3") as probe:
        probe.check_exit(5)
        check_nothing_passed(probe)
        shown = probe.event("certificate", side="remote")["fingerprints"]
        check_equal(shown, [theirs.fingerprint(h) for h in ("sha-256", "sha-384", "sha-512")],
                    "the fingerprints that are shown")
        check_selected(probe, "AEAD_AES_128_GCM", "client")


def strongest_fingerprint_counts(folder):
    """RFC 8122 section 5: a right sha-256 does not help where the sha-512 is wrong."""
    theirs, ours = Certificate(folder, "theirs"), Certificate(folder, "ours")
    wrong = ours.fingerprint("sha-512")
    with Server(theirs, "-use_srtp", "SRTP_AEAD_AES_128_GCM") as server, \
            connect(server.port, ours, "--fingerprint", theirs.fingerprint(), "--fingerprint",
                    wrong) as probe:
        probe.check_exit(4)
    with Server(theirs, "-use_srtp", "SRTP_AEAD_AES_128_GCM") as server, \
            connect(server.port, ours, "--fingerprint", theirs.fingerprint("sha-512").lower(),
                    "--fingerprint", wrong) as probe:
        probe.check_exit(0)


def no_common_profile_as_client(folder):
    theirs, ours = Certificate(folder, "theirs"), Certificate(folder, "ours")
    with Server(theirs, "-use_srtp", "SRTP_AES128_CM_SHA1_32") as server, \
            connect(server.port, ours, "--fingerprint", theirs.fingerprint()) as probe:
        probe.check_exit(6)
        check_nothing_passed(probe)


def no_common_profile_as_server(folder):
    theirs, ours = Certificate(folder, "theirs"), Certificate(folder, "ours")
    for offered in (["-use_srtp", "SRTP_AES128_CM_SHA1_32"], []):
        with listen(ours, "--fingerprint", theirs.fingerprint()) as probe, \
                Client(probe.port(), theirs, *offered):
            probe.check_exit(6)
            check_nothing_passed(probe)


def data_only(folder):
    theirs, ours = Certificate(folder, "theirs"), Certificate(folder, "ours")
    with listen(ours, "--fingerprint", theirs.fingerprint(), "--profiles", "none",
                "--echo") as probe, Client(probe.port(), theirs) as client:
        check_equal(probe.event("selected")["srtpCipher"], "none", "profile")
        client.write("without media\n")
        client.wait_for("without media")
        client.write("Q\n")
        probe.check_exit(0)


def peer_without_certificate(folder):
    ours = Certificate(folder, "ours")
    with listen(ours, "--insecure") as probe, \
            Client(probe.port(), None, "-use_srtp", "SRTP_AEAD_AES_128_GCM"):
        probe.check_exit(7)
        check_nothing_passed(probe)
        check(probe.has("alert", direction="sent", name="handshake_failure"), "our alert")


def server_that_wants_no_certificate(folder):
    """We present ours only when asked; that the server does not ask is its own affair."""
    theirs, ours = Certificate(folder, "theirs"), Certificate(folder, "ours")
    with Server(theirs, "-use_srtp", "SRTP_AEAD_AES_128_GCM", verify=False) as server, \
            connect(server.port, ours, "--fingerprint", theirs.fingerprint()) as probe:
        probe.check_exit(0)


def keylog(folder):
    theirs, ours = Certificate(folder, "theirs"), Certificate(folder, "ours")
    our_log, their_log = os.path.join(folder, "our.log"), os.path.join(folder, "their.log")
    with Server(theirs, "-use_srtp", "SRTP_AEAD_AES_128_GCM", "-keylogfile", their_log) as server, \
            connect(server.port, ours, "--fingerprint", theirs.fingerprint(), "--keylog",
                    our_log) as probe:
        probe.check_exit(0)
        server.wait_for("CONNECTION CLOSED")
    check_equal(len(key_lines(our_log)), 1, "lines")
    check_equal(key_lines(our_log), key_lines(their_log), "key logs")
    check_equal(stat.S_IMODE(os.stat(our_log).st_mode), 0o600, "mode of the key log")
    # A second run appends.
    os.remove(their_log)
    with listen(ours, "--fingerprint", theirs.fingerprint(), "--keylog", our_log) as probe, \
            Client(probe.port(), theirs, "-use_srtp", "SRTP_AEAD_AES_128_GCM", "-keylogfile",
                   their_log) as client:
        probe.event("state", state="connected")
        client.write("Q\n")
        probe.check_exit(0)
    check_equal(len(key_lines(our_log)), 2, "lines after the second run")
    check(set(key_lines(their_log)) < set(key_lines(our_log)), "key logs of the second run")


def small_mtu(folder):
    """Flights of many small datagrams, both ways."""
    theirs, ours = Certificate(folder, "theirs", "rsa"), Certificate(folder, "ours", "rsa")
    with listen(ours, "--fingerprint", theirs.fingerprint(), "--mtu", "256", "--echo") as probe, \
            Client(probe.port(), theirs, "-use_srtp", "SRTP_AEAD_AES_128_GCM", "-mtu",
                   "256") as client:
        probe.event("state", state="connected")
        check(probe.event("flight", number=4)["datagrams"] >= 4, "many datagrams")
        client.write("through small datagrams\n")
        client.wait_for("through small datagrams")
        client.write("Q\n")
        probe.check_exit(0)


CASES = (
    [("connect to s_server, %s" % p, with_server(p)) for p in PROFILES] +
    [("listen to s_client, %s" % p, with_client(p)) for p in PROFILES] +
    [("connect to s_server, RSA", with_server(PROFILES[0], "rsa")),
     ("listen to s_client, RSA", with_client(PROFILES[0], "rsa")),
     ("the offer of s_client is shown", offer_is_shown),
     ("wrong fingerprint of s_server", wrong_fingerprint_of_server),
     ("wrong fingerprint of s_client", wrong_fingerprint_of_client),
     ("no fingerprint", no_fingerprint),
     ("the strongest fingerprint counts", strongest_fingerprint_counts),
     ("no common profile, we are client", no_common_profile_as_client),
     ("no common profile, we are server", no_common_profile_as_server),
     ("data only", data_only),
     ("a client without a certificate is refused", peer_without_certificate),
     ("a server that asks for no certificate", server_that_wants_no_certificate),
     ("the key log is that of the peer", keylog),
     ("an MTU of 256", small_mtu)])

if __name__ == "__main__":
    need("openssl")
    sys.exit(run(CASES))
