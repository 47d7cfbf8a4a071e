#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""rtcprobe whip against samples/whip-echo: in each DTLS role, with each profile, each kind of media, ICE-lite, IPv6; all that
is sent comes back; what it captures opens in tshark; every way to fail has its exit code and a sentence; the server has no
session and no descriptor left when it has gone."""

import http.server
import os
import subprocess
import sys
import threading
import urllib.request

from harness import LIMIT, PROFILES, Probe, check, check_equal, need, run
from whip import Server

SEND = ("--send", "rtp:20", "--send", "data:20", "--require-replies")


def whip(server, *args):
    return Probe("whip", server.url + "/whip", *args)


def check_traffic(probe, audio=20, video=20, data=20):
    traffic = probe.event("traffic")
    for kind, count in (("audio", audio), ("video", video), ("data", data)):
        check_equal((traffic[kind + "Sent"], traffic[kind + "Returned"]), (count, count), kind)


def echo(role, profile, *more):
    def case(folder):
        with Server("--profiles", profile) as server:
            with whip(server, "--role", role, "--profiles", profile, *SEND, *more) as probe:
                probe.check_exit(0)
                check_traffic(probe)
                check_equal(probe.event("selected")["srtpCipher"], profile, "profile")
                if role != "auto":
                    check_equal(probe.event("selected")["dtlsRole"], role, "role")
                check_equal([e["status"] for e in probe.all("http")], [201, 200], "HTTP")
                check(probe.has("certificate", side="remote", match=True), "the certificate is the answer's")
                for event in ("ice", "state", "flight", "end", "stats", "phases"):
                    check(probe.has(event), "event " + event)
                phases = probe.event("phases")
                times = [phases[k] for k in ("postedUs", "answeredUs", "connectedUs")]
                check(times == sorted(times) and phases["pathUs"] <= phases["connectedUs"], "phases in order")
                stats = probe.event("stats")
                times = [stats[k] for k in ("helloUs", "certificateUs", "handshakeUs", "connectUs")]
                check(times == sorted(times), "phases of DTLS in order: %r" % times)
            server.event("ended", reason="deleted")
            check_equal(server.sessions(), [], "sessions")
            server.wait_for_descriptors()
            server.stop()
    return case


def some_media(kinds):
    def case(folder):
        counts = {kind: 20 if kind in kinds else 0 for kind in ("audio", "video", "data")}
        send = [a for a in SEND]
        if kinds == ["data"]:
            send = ["--send", "data:20", "--require-replies"]
        elif "data" not in kinds:
            send = ["--send", "rtp:20", "--require-replies"]
        with Server() as server:
            with whip(server, "--media", ",".join(kinds), *send) as probe:
                probe.check_exit(0)
                check_traffic(probe, **counts)
            server.stop()
    return case


def server_is(*args):
    def case(folder):
        with Server(*args) as server:
            with whip(server, *SEND) as probe:
                probe.check_exit(0)
                check_traffic(probe)
            server.stop()
    return case


def over_ipv6(folder):
    with Server("--bind", "::1", "--ice-bind", "::1") as server:
        with whip(server, *SEND) as probe:
            probe.check_exit(0)
            check_traffic(probe)
            check(any("[::1]" in e.get("local", "") for e in probe.all("ice")), "IPv6 was used")
        server.stop()


def for_a_while(folder):
    """Without --send: RTP all the time, a message now and then, for --duration."""
    with Server() as server:
        with whip(server, "--duration", "1") as probe:
            probe.check_exit(0)
            traffic = probe.event("traffic")
            check(traffic["audioSent"] >= 10 and traffic["audioSent"] == traffic["audioReturned"], "audio")
            check(traffic["dataSent"] >= 1 and traffic["dataSent"] == traffic["dataReturned"], "data")
            check(traffic["rtcpSent"] >= 2 and traffic["rtcpReceived"] >= 2, "RTCP")
        server.stop()


def capture(folder):
    path = os.path.join(folder, "capture.pcapng")
    with Server() as server:
        with whip(server, *SEND, "--pcapng", path) as probe:
            probe.check_exit(0)
        server.stop()
    shown = subprocess.run(["tshark", "-r", path, "-T", "fields", "-e", "frame.interface_name", "-e", "frame.protocols",
                            "-e", "dtls.handshake.type", "-e", "sctp.chunk_type"], stdout=subprocess.PIPE,
                           stderr=subprocess.DEVNULL, timeout=LIMIT, check=True, text=True,
                           env=dict(os.environ, HOME=folder)).stdout
    rows = [line.split("\t") for line in shown.splitlines()]
    check_equal(len([r for r in rows if r[0] == "plain" and r[1] == "exported_pdu:rtp"]), 80, "RTP in clear")
    check(len([r for r in rows if r[1] == "exported_pdu:rtcp"]) >= 4, "RTCP in clear")
    check_equal(len([r for r in rows if "20" in r[2].split(",")]), 2, "Finished, decrypted")


def many(folder):
    with Server("--max-sessions", "30") as server:
        with whip(server, "--count", "20", "--rate", "40", "--interval", "100", *SEND) as probe:
            probe.check_exit(0)
            totals = probe.event("totals")
            check_equal([totals[k] for k in ("clients", "connected", "failed", "incomplete")], [20, 20, 0, 0], "totals")
            check_traffic(probe, 400, 400, 400)
            for phase in ("postedUs", "answeredUs", "pathUs", "connectedUs"):
                check_equal(totals[phase], sorted(totals[phase]), phase)
        server.wait_for_descriptors()
        server.stop()


def too_many(folder):
    """One that the server refuses is counted, and the others go on."""
    with Server("--max-sessions", "2") as server:
        with whip(server, "--count", "3", "--rate", "100", "--duration", "2") as probe:
            probe.check_exit(8)
            totals = probe.event("totals")
            check_equal([totals[k] for k in ("connected", "failed")], [2, 1], "totals")
            check("503" in probe.event("error")["message"], "the status is told")
        server.stop()


def interrupted(folder):
    with Server() as server:
        with whip(server, "--duration", "60") as probe:
            probe.event("state", state="connected")
            probe.interrupt()
            probe.check_exit(0)
            check(probe.has("http", method="DELETE", status=200), "DELETE")
        server.event("ended", reason="deleted")
        server.stop()


def server_goes(folder):
    with Server() as server:
        with whip(server, "--duration", "60") as probe:
            probe.event("state", state="connected")
            server.stop()
            probe.check_exit(8)
            check_equal(probe.event("error")["code"], "closed", "error")


class Script(http.server.BaseHTTPRequestHandler):
    """A server that answers what it was told to."""
    status, body, change = 500, b"no", None
    upstream = None

    def do_POST(self):
        offer = self.rfile.read(int(self.headers["Content-Length"]))
        status, body, location = self.status, self.body, None
        if self.upstream:
            request = urllib.request.Request(self.upstream, offer, {"Content-Type": "application/sdp"})
            with urllib.request.urlopen(request, timeout=LIMIT) as reply:
                status, location = reply.status, reply.headers["Location"]
                body = self.change(reply.read())
        self.send_response(status)
        if location:
            self.send_header("Location", location)
        self.send_header("Content-Type", "application/sdp")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_DELETE(self):
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass


def answered(exit_code, error, **members):
    """A server that gives that answer; with change, the answer of whip-echo, altered on its way."""
    def case(folder):
        with Server() as echo_server:
            if "change" in members:
                members["upstream"] = echo_server.url + "/whip"
                members["change"] = staticmethod(members["change"])
            script = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Told", (Script,), members))
            thread = threading.Thread(target=script.serve_forever)
            thread.start()
            try:
                with Probe("whip", "http://127.0.0.1:%d/whip" % script.server_port, "--deadline", "4000",
                           "--duration", "1") as probe:
                    probe.check_exit(exit_code)
                    check_equal(probe.event("error")["code"], error, "error")
                    check(len(probe.event("error")["message"]) > 10, "a sentence")
            finally:
                script.shutdown()
                thread.join()
                script.server_close()
            echo_server.stop()
    return case


def flip_fingerprint(sdp):
    lines = sdp.split(b"\r\n")
    return b"\r\n".join(line[:-1] + (b"0" if line[-1:] != b"0" else b"1") if line.startswith(b"a=fingerprint:") else line
                        for line in lines)


def usage(folder):
    for args in (["whip"], ["whip", "ftp://x/y"], ["whip", "udp:127.0.0.1:1"], ["whip", "http://h/w", "--count", "0"],
                 ["whip", "http://h/w", "--rate", "-1"], ["whip", "http://h/w", "--media", "smell"],
                 ["whip", "http://h/w", "--interval", "1"], ["whip", "http://h/w", "--ice-bind", "here"],
                 ["whip", "http://h/w", "--fingerprint", "sha-256 " + ":".join(["00"] * 32)],
                 ["whip", "http://h/w", "--role", "actpass"]):
        with Probe(*args) as probe:
            probe.check_exit(2)
            check("rtcprobe:" in probe.output, "what is wrong with %r" % args)


def no_server(folder):
    with Probe("whip", "http://127.0.0.1:9/whip") as probe:
        probe.check_exit(8)
        check_equal(probe.event("error")["code"], "http", "error")


if __name__ == "__main__":
    need("tshark")
    cases = [("%s, %s" % (role, profile), echo(role, profile))
             for role in ("client", "server") for profile in PROFILES]
    cases += [
        ("auto", echo("auto", PROFILES[0])),
        ("small datagrams", echo("client", PROFILES[0], "--mtu", "576")),
        ("an RSA key", echo("server", PROFILES[0], "--rsa")),
        ("audio alone", some_media(["audio"])),
        ("video and data", some_media(["video", "data"])),
        ("data alone", some_media(["data"])),
        ("the server is active", server_is("--role", "active")),
        ("the server is ICE-lite", server_is("--lite")),
        ("over IPv6", over_ipv6),
        ("for a while", for_a_while),
        ("a capture", capture),
        ("twenty at a time", many),
        ("more than the server takes", too_many),
        ("interrupted", interrupted),
        ("the server goes", server_goes),
        ("an answer that is no SDP", answered(8, "answer", status=201, body=b"v=0\r\n")),
        ("a refusal", answered(8, "http", status=403, body=b"not you\n")),
        ("an answer of another certificate", answered(4, "fingerprint-mismatch", change=flip_fingerprint)),
        ("an answer without candidates",
         answered(3, "deadline", change=lambda s: b"\r\n".join(l for l in s.split(b"\r\n") if b"candidate" not in l)
                  .replace(b"a=ice-pwd:", b"a=ice-pwd:wrong"))),
        ("no server", no_server),
        ("wrong usage", usage),
    ]
    sys.exit(run(cases))
