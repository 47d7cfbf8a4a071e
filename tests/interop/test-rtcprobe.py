#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""rtcprobe against itself, and what its manual promises: the echo, the events, every exit code, the files that
`certificate` writes, the cookie of a listener (SPF-10)."""

import os
import re
import socket
import stat
import subprocess
import sys

from harness import (LIMIT, PROFILES, RTCPROBE, Certificate, Probe, Process, check, check_equal,
                     free_port, need, run)


def pair(folder):
    return Certificate(folder, "a"), Certificate(folder, "b")


def listen(own, other, *more):
    return Probe("listen", "udp:127.0.0.1:0", *own.arguments(), "--fingerprint",
                 other.fingerprint(), *more)


def connect(listener, own, other, *more):
    return Probe("connect", "udp:127.0.0.1:%d" % listener.port(), *own.arguments(),
                 "--fingerprint", other.fingerprint(), *more)


def run_probe(*args):
    return subprocess.run([RTCPROBE, *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=LIMIT, check=False, text=True)


def echo(profile):
    def case(folder):
        a, b = pair(folder)
        with listen(a, b, "--echo", "--profiles", profile) as server, \
                connect(server, b, a, "--send", "data:100", "--send", "rtp:100", "--profiles",
                        profile, "--require-replies") as client:
            client.check_exit(0)
            server.check_exit(0)
            traffic = client.event("traffic")
            check_equal([traffic[k] for k in ("dataSent", "dataReturned", "rtpSent",
                                              "rtpReturned")], [100] * 4, "traffic")
            check_equal(server.event("traffic")["echoed"], 200, "echoed")
            check_equal(server.event("stats")["srtpCipher"], profile, "profile")
            check_equal(client.event("stats")["rtpDelivered"], 100, "RTP delivered")
            check(server.has("end", reason="close-notify"), "closed in order")
    return case


def data_only(folder):
    a, b = pair(folder)
    with listen(a, b, "--echo", "--profiles", "none") as server, \
            connect(server, b, a, "--send", "data:20", "--profiles", "none",
                    "--require-replies") as client:
        client.check_exit(0)
        server.check_exit(0)
        check_equal(client.event("selected")["srtpCipher"], "none", "profile")


def events(folder):
    """Every line is an object with event, ms and us; times do not go back; both ends agree."""
    a, b = pair(folder)
    with listen(a, b, "--export", "EXPORTER-test:32") as server, \
            connect(server, b, a, "--export", "EXPORTER-test:32", "--show-keys") as client:
        client.check_exit(0)
        server.check_exit(0)
        for probe in (server, client):
            check_equal(probe.rest, "", "a last line without its end")
            for event in probe.events:
                check(isinstance(event["event"], str) and event["ms"] >= 0 and
                      event["us"] // 1000 == event["ms"], "event %r" % event)
            names = {e["event"] for e in probe.events}
            for name in ("start", "state", "flight", "certificate", "selected", "export", "alert",
                         "end", "traffic", "stats"):
                check(name in names, "no event " + name)
            states = [e["state"] for e in probe.all("state")]
            check_equal(states[-2:], ["connected", "closed"], "states")
        check_equal({f["number"] for f in client.all("flight")}, {1, 2, 3, 4, 5, 6}, "flights")
        flight = client.event("flight", number=5)
        check_equal((flight["direction"], flight["retransmission"]), ("sent", False), "flight 5")
        check("Finished" in flight["messages"] and "Certificate" in flight["messages"], "messages")
        check_equal(server.event("export")["sha256"], client.event("export")["sha256"], "keys")
        check_equal(len(client.event("export")["bytes"]), 64, "bytes that are shown")
        check("bytes" not in server.event("export"), "bytes that nobody asked to see")
        check(server.has("alert", direction="received", number=0, name="close_notify"), "alert")


def text_form(folder):
    a, b = pair(folder)
    with Process(RTCPROBE, "listen", "udp:127.0.0.1:0", *a.arguments(), "--fingerprint",
                 b.fingerprint()) as server:
        port = server.wait_for(r"listening  udp:127\.0\.0\.1:(\d+)").group(1)
        with Process(RTCPROBE, "connect", "udp:127.0.0.1:" + port, *b.arguments(),
                     "--fingerprint", a.fingerprint()) as client:
            client.check_exit(0)
            server.check_exit(0)
            for pattern in (r"-->  flight 1  ClientHello", r"<--  flight 4  .*Certificate",
                            r"chosen  DTLS 1\.2, TLS_ECDHE_", r"CN=a.*MATCHES",
                            r"state  connected", r"alert 0  close_notify", r"statistics"):
                check(re.search(pattern, client.output), "no " + pattern)
            check(re.search(r"peer offers SRTP profiles: AEAD_AES_128_GCM, ", server.output),
                  "no offer")


def subject_is_escaped(folder):
    """A name with line ends and control characters, longer than any fixed buffer, cannot forge a line."""
    key, path = os.path.join(folder, "evil.key"), os.path.join(folder, "evil.pem")
    config = os.path.join(folder, "evil.cnf")
    units = "".join("%d.OU = %s\n" % (i, "x" * 60) for i in range(40))
    with open(config, "w", encoding="utf-8") as file:
        file.write("[req]\nprompt = no\nutf8 = yes\nstring_mask = utf8only\n"
                   "distinguished_name = dn\n[dn]\n" + units + "CN = a\\nb\x1b[2J\u00e9\n")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", path, "-config",
                    config], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                   timeout=LIMIT)
    with Process(RTCPROBE, "listen", "udp:127.0.0.1:0", "--insecure") as server:
        port = server.wait_for(r"listening  udp:127\.0\.0\.1:(\d+)").group(1)
        done = run_probe("connect", "udp:127.0.0.1:" + port, "--insecure", "--certificate", path,
                         "--key", key)
        check_equal(done.returncode, 0, "exit code")
        server.check_exit(0)
        check("\x1b" not in server.output, "an escape character came through")
        check(re.search(r"CN=a\\0Ab\\1B\[2J\\C3\\A9", server.output), "no escaped subject")
        check(server.output.count("OU=" + "x" * 60) == 40, "the whole subject")


def timeout_code(folder):
    a, b = pair(folder)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        with Probe("connect", "udp:127.0.0.1:%d" % silent.getsockname()[1], *a.arguments(),
                   "--fingerprint", b.fingerprint(), "--deadline", "700", "--first-timeout",
                   "50") as probe:
            probe.check_exit(3)
            check(probe.has("error", code="deadline", exit=3), "the error says so")
            again = probe.all("flight", number=1, retransmission=True)
            # 50, 150, 350 ms: three more within 700 ms, four with the doubling cut short
            check(3 <= len(again) <= 4, "%d retransmissions" % len(again))
            check(again[0]["ms"] >= 50, "the first after the first timeout")


def nobody_there(folder):
    """ICMP says that nobody listens: a word about it, but only the deadline ends it."""
    a, b = pair(folder)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    with Probe("connect", "udp:127.0.0.1:%d" % port, *a.arguments(), "--fingerprint",
               b.fingerprint(), "--deadline", "400") as probe:
        probe.check_exit(3)
        check_equal(len(probe.all("warning", code="unreachable")), 1, "warnings")


def mismatch_code(folder):
    a, b = pair(folder)
    with listen(a, a) as server, connect(server, b, a) as client:
        server.check_exit(4)
        client.check_exit(7)
        check(client.has("alert", direction="received", name="bad_certificate"), "alert")
    with listen(a, b) as server, connect(server, b, b) as client:
        client.check_exit(4)
        server.check_exit(7)
        check(client.event("end")["reason"] == "fingerprint-mismatch", "reason")


def unverified_code(folder):
    a, _ = pair(folder)
    with Probe("listen", "udp:127.0.0.1:0", *a.arguments()) as server:
        done = run_probe("connect", "udp:127.0.0.1:%d" % server.port(), "--send", "data:1")
        check_equal(done.returncode, 5, "exit code")
        check("PEER NOT VERIFIED" in done.stderr, "said loudly")
        check(a.fingerprint() in done.stdout, "the fingerprint is shown")
        check(not server.has("message"), "nothing was sent")
        check(server.exit_code() in (5, 8), "the listener did not verify either")


def profile_code(folder):
    a, b = pair(folder)
    with listen(a, b, "--profiles", "AES128_CM_SHA1_32") as server, \
            connect(server, b, a, "--profiles", "AEAD_AES_256_GCM") as client:
        server.check_exit(6)
        check(client.exit_code() in (6, 7), "the client's exit code")


def replies_code(folder):
    a, b = pair(folder)
    with listen(a, b) as server, \
            connect(server, b, a, "--send", "data:3", "--seconds", "1",
                    "--require-replies") as client:
        client.check_exit(9)
        server.check_exit(0)
        check_equal(len(server.all("message", kind="data")), 3, "messages delivered")
    with listen(a, b) as server, \
            connect(server, b, a, "--send", "data:3", "--seconds", "1") as client:
        client.check_exit(0)


def interrupted(folder):
    a, b = pair(folder)
    with listen(a, b) as server:
        server.port()
        server.interrupt()
        server.check_exit(8)
    with listen(a, b) as server, connect(server, b, a, "--seconds", "60") as client:
        client.event("state", state="connected")
        server.event("state", state="connected")
        server.interrupt()
        server.check_exit(0)
        client.check_exit(0)
        check(client.has("end", reason="close-notify"), "closed in order")


def usage_code(_folder):
    good = "sha-256 " + ":".join(["AB"] * 32)
    for args in ([], ["dance"], ["connect"], ["connect", "127.0.0.1:1"], ["connect", "udp:h"],
                 ["connect", "udp:127.0.0.1:0"], ["connect", "udp:127.0.0.1:65536"],
                 ["connect", "udp:::1:5000"], ["connect", "udp:127.0.0.1:x"],
                 ["connect", "udp:127.0.0.1:9", "--fingerprint", "sha-256 AB"],
                 ["connect", "udp:127.0.0.1:9", "--fingerprint", "md5 AB:CD"],
                 ["connect", "udp:127.0.0.1:9", "--fingerprint",
                  "sha-1 " + ":".join(["AB"] * 20)],
                 ["connect", "udp:127.0.0.1:9", "--fingerprint", good, "--insecure"],
                 ["connect", "udp:127.0.0.1:9", "--profiles", "ROT13"],
                 ["connect", "udp:127.0.0.1:9", "--profiles", ""],
                 ["connect", "udp:127.0.0.1:9", "--profiles", "AEAD_AES_128_GCM,AEAD_AES_128_GCM"],
                 ["connect", "udp:127.0.0.1:9", "--mtu", "255"],
                 ["connect", "udp:127.0.0.1:9", "--mtu", "big"],
                 ["connect", "udp:127.0.0.1:9", "--deadline", "5"],
                 ["connect", "udp:127.0.0.1:9", "--role", "chef"],
                 ["connect", "udp:127.0.0.1:9", "--send", "data:0"],
                 ["connect", "udp:127.0.0.1:9", "--send", "data"],
                 ["connect", "udp:127.0.0.1:9", "--export", "label"],
                 ["connect", "udp:127.0.0.1:9", "--export", ":60"],
                 ["connect", "udp:127.0.0.1:9", "--show-keys"],
                 ["connect", "udp:127.0.0.1:9", "--key", "k"],
                 ["connect", "udp:127.0.0.1:9", "--unknown"],
                 ["connect", "udp:127.0.0.1:9", "udp:127.0.0.1:9"],
                 ["listen", "udp:127.0.0.1:0", "--bind", "udp:127.0.0.1:0"],
                 ["certificate", "extra"]):
        done = run_probe(*args)
        check_equal(done.returncode, 2, "exit code of " + " ".join(args))
        check_equal(done.stdout, "", "output of " + " ".join(args))
        check(done.stderr.startswith("rtcprobe: "), "message of " + " ".join(args))


def help_and_version(_folder):
    done = run_probe("--help")
    check_equal(done.returncode, 0, "exit code")
    for option in ("--fingerprint", "--insecure", "--profiles", "--keylog", "--first-timeout",
                   "Exit codes", "fingerprint mismatch"):
        check(option in done.stdout, "no " + option)
    done = run_probe("--version")
    check_equal(done.returncode, 0, "exit code")
    check(re.match(r"rtcprobe \d+\.\d+\.\d+ \(libsluice \d+\.\d+\.\d+", done.stdout), "version")


def failure_code(folder):
    done = run_probe("connect", "udp:127.0.0.1:9", "--certificate",
                     os.path.join(folder, "missing"))
    check_equal(done.returncode, 8, "exit code")
    check("missing" in done.stderr, "message")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        done = run_probe("listen", "udp:127.0.0.1:%d" % taken.getsockname()[1])
        check_equal(done.returncode, 8, "exit code where the port is taken")
    check_equal(run_probe("connect", "udp:127.0.0.1:9", "--keylog",
                          os.path.join(folder, "no", "such")).returncode, 8, "key log")


def certificate_command(folder):
    for kind, flags, key in (("ec", [], "id-ecPublicKey"), ("rsa", ["--rsa"], "rsaEncryption")):
        cert, private = os.path.join(folder, kind + ".pem"), os.path.join(folder, kind + ".key")
        done = run_probe("certificate", "--certificate", cert, "--key", private, *flags)
        check_equal(done.returncode, 0, "exit code")
        check_equal(stat.S_IMODE(os.stat(private).st_mode), 0o600, "mode of the key")
        made = Certificate.__new__(Certificate)
        made.path, made.key = cert, private
        check_equal(done.stdout.splitlines(),
                    [made.fingerprint(h) for h in ("sha-256", "sha-384", "sha-512")],
                    "fingerprints")
        text = subprocess.run(["openssl", "x509", "-in", cert, "-noout", "-text"], timeout=LIMIT,
                              stdout=subprocess.PIPE, check=True, text=True).stdout
        check(key in text, "kind of key")
        with open(cert, encoding="ascii") as file:
            check("PRIVATE" not in file.read(), "no key in the file of the certificate")
        again = run_probe("certificate", "--certificate", cert, "--key", private, *flags)
        check_equal(again.returncode, 8, "exit code where the files are there")
    done = run_probe("certificate")
    check("BEGIN CERTIFICATE" in done.stdout and "BEGIN PRIVATE KEY" in done.stdout, "PEM")
    check_equal(len(re.findall("^sha-", done.stdout, re.M)), 3, "fingerprint lines")
    # The output as a file is one that connect and listen take.
    both = os.path.join(folder, "both.pem")
    with open(both, "w", encoding="ascii") as file:
        file.write(done.stdout)
    with Probe("listen", "udp:127.0.0.1:0", "--certificate", both) as probe:
        shown = probe.event("certificate", side="local")["fingerprints"]
        check_equal(shown, re.findall("^sha-.*$", done.stdout, re.M), "fingerprints")


def roles(folder):
    """The DTLS role is free of who listens."""
    a, b = pair(folder)
    with listen(a, b, "--role", "auto") as one, connect(one, b, a) as two:
        two.check_exit(0)
        one.check_exit(0)
        check_equal(one.event("selected")["dtlsRole"], "server", "role")
    one_port, two_port = free_port(), free_port()
    with Probe("connect", "udp:127.0.0.1:%d" % two_port, "--bind", "udp:127.0.0.1:%d" % one_port,
               "--role", "server", *a.arguments(), "--fingerprint", b.fingerprint()) as one:
        one.event("state", state="connecting")
        with Probe("connect", "udp:127.0.0.1:%d" % one_port, "--bind",
                   "udp:127.0.0.1:%d" % two_port, *b.arguments(), "--fingerprint",
                   a.fingerprint()) as two:
            two.check_exit(0)
            one.check_exit(0)
            check_equal(one.event("selected")["dtlsRole"], "server", "role")


def listening_client(folder):
    """It sends its ClientHello to the first who knocks, not before."""
    a, b = pair(folder)
    with listen(a, b, "--role", "client") as probe, \
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(LIMIT)
        s.sendto(b"knock", ("127.0.0.1", probe.port()))
        datagram = s.recv(65536)
        check_equal((datagram[0], datagram[13]), (22, 1), "a ClientHello")
        probe.interrupt()
        probe.check_exit(8)


def ipv6(folder):
    a, b = pair(folder)
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as s:
            s.bind(("::1", 0))
    except OSError:
        return
    with Probe("listen", "udp:[::1]:0", *a.arguments(), "--fingerprint",
               b.fingerprint()) as server, \
            Probe("connect", "udp:[::1]:%d" % server.port(), *b.arguments(), "--fingerprint",
                  a.fingerprint()) as client:
        client.check_exit(0)
        server.check_exit(0)


def client_hello(folder):
    """The first datagram of a client."""
    a, b = pair(folder)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("127.0.0.1", 0))
        s.settimeout(LIMIT)
        with Probe("connect", "udp:127.0.0.1:%d" % s.getsockname()[1], *a.arguments(),
                   "--fingerprint", b.fingerprint()):
            return s.recv(65536)


def no_amplification(folder):
    """SPF-10: who forges an address gets less sent there than he spends, and does not take the place of the
    peer."""
    a, b = pair(folder)
    hello = client_hello(folder)
    with listen(a, b) as server, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as forger, \
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stray:
        forger.settimeout(LIMIT)
        stray.settimeout(0.2)
        address = ("127.0.0.1", server.port())
        stray.sendto(b"\x80" + bytes(40), address)  # RTP: nobody answers that
        for _ in range(3):
            forger.sendto(hello, address)
            answer = forger.recv(65536)
            check(len(answer) < len(hello), "%d bytes for %d" % (len(answer), len(hello)))
            check_equal(answer[13], 3, "HelloVerifyRequest")
        check(not server.has("peer"), "nobody is the peer yet")
        with connect(server, b, a) as client:
            client.check_exit(0)
        server.check_exit(0)
        try:
            check(not stray.recv(65536), "an answer to a stray datagram")
        except TimeoutError:
            pass


def visitor_is_forgotten(folder):
    """Who begins a handshake and never brings the cookie does not end the listener with its deadline."""
    a, b = pair(folder)
    hello = client_hello(folder)
    with listen(a, b, "--deadline", "300") as server, \
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as visitor:
        visitor.sendto(hello, ("127.0.0.1", server.port()))
        server.event("warning", code="visitor")
        check(not server.has("peer"), "nobody is the peer yet")
        with connect(server, b, a) as client:
            client.check_exit(0)
        server.check_exit(0)


def no_cookie(folder):
    a, b = pair(folder)
    with listen(a, b, "--no-cookie") as server, connect(server, b, a) as client:
        client.check_exit(0)
        server.check_exit(0)
        check(not client.has("flight", number=2), "a cookie was asked for")


CASES = (
    [("echo of data and RTP, %s" % p, echo(p)) for p in PROFILES] +
    [("data only", data_only),
     ("events of --json", events),
     ("the text form", text_form),
     ("a hostile subject is escaped", subject_is_escaped),
     ("exit code 2, usage", usage_code),
     ("exit code 3, timeout", timeout_code),
     ("exit code 3, nobody there", nobody_there),
     ("exit code 4, fingerprint mismatch", mismatch_code),
     ("exit code 5, not verified", unverified_code),
     ("exit code 6, no common profile", profile_code),
     ("exit code 8, other failures", failure_code),
     ("exit code 9, replies", replies_code),
     ("SIGINT closes in order", interrupted),
     ("--help and --version", help_and_version),
     ("certificate", certificate_command),
     ("roles", roles),
     ("a client that listens", listening_client),
     ("IPv6", ipv6),
     ("SPF-10: a listener asks for a cookie", no_amplification),
     ("a visitor without the cookie is forgotten", visitor_is_forgotten),
     ("--no-cookie", no_cookie)])

if __name__ == "__main__":
    need("openssl")
    sys.exit(run(CASES))
