#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""rtcprobe listens, one peer at a time, cookie on; its peer is killed and comes back from the same address and port, again
and again (RFC 6347 section 4.2.8). Each time: HelloVerifyRequest, a new association, data both ways; how long that took
from the new ClientHello is printed. Forged ClientHellos from the same address and port in between change nothing.

The peers are openssl s_client and a client of GnuTLS, each bound to one port; and, behind a relay, from where ClientHellos
are forged while they talk, s_client and gnutls-cli.

ROUNDS in the environment says how often (50)."""

import os
import re
import select
import socket
import statistics
import sys
import threading
import time

from harness import Certificate, Probe, Process, check, check_equal, free_port, need, run

ROUNDS = int(os.environ.get("ROUNDS", "50"))
ROUND = 0.2  # seconds; four ClientHellos a round are then less than the fifty a second that are answered
PROFILE = "AES128_CM_SHA1_80"
GNUTLS_PROFILE = "SRTP_AES128_CM_HMAC_SHA1_80"
HERE = os.path.dirname(os.path.abspath(__file__))


def listen(theirs, ours):
    return Probe("listen", "udp:127.0.0.1:0", *ours.arguments(), "--fingerprint", theirs.fingerprint(),
                 "--profiles", PROFILE, "--echo")


def is_client_hello(datagram):
    return len(datagram) > 59 and datagram[0] == 22 and datagram[13] == 1


def strange(hello):
    """The ClientHello of somebody else: another random, and no cookie that is right."""
    return hello[:27] + os.urandom(32) + hello[59:]


# -- clients. Each gives its process for a local port (None: any), a port and a certificate.

# Without -nbio it would sit in SSL_read() until the next datagram when one came that says nothing to it.
def openssl(local, port, certificate):
    bind = ["-bind", "127.0.0.1:%d" % local] if local else []
    return Process("openssl", "s_client", "-dtls1_2", "-connect", "127.0.0.1:%d" % port, *bind, "-mtu", "1200",
                   "-nbio", "-cert", certificate.path, "-key", certificate.key, "-use_srtp",
                   "SRTP_" + PROFILE)


def gnutls(local, port, certificate):
    return Process(sys.executable, os.path.join(HERE, "gnutls-client.py"), local, port, certificate.path,
                   certificate.key, 1200, GNUTLS_PROFILE)


def gnutls_cli(_, port, certificate):
    return Process("gnutls-cli", "--udp", "--insecure", "--port", port, "127.0.0.1",
                   "--x509certfile", certificate.path, "--x509keyfile", certificate.key,
                   "--srtp-profiles", GNUTLS_PROFILE, "--mtu", "1200")


def echoed(client, text):
    """Sends a line and waits for the echo: data both ways."""
    client.wait_for(r"Handshake was completed|Verify return code|^connected")
    client.write(text + "\n")
    # None of them prints what it sends; gnutls-cli prints its complaints in between.
    client.wait_until(lambda: text in re.sub(r"\|<\d>\|[^\n]*\n", "", client.output), "echo")


# -- what is printed

class Figures:
    def __init__(self, what):
        self.what, self.seconds = what, []

    def add(self, seconds):
        self.seconds.append(seconds)

    def say(self):
        times = sorted(self.seconds)
        print("# %s: %d rounds, %.3f s at least, %.3f s the median, %.3f s at most, %d over 1 s" % (
            self.what, len(times), times[0], statistics.median(times), times[-1],
            sum(t > 1 for t in times)), flush=True)


def wait_for_requests(probe, n):
    probe.wait_until(lambda: len(probe.all("flight", number=2, direction="sent")) >= n, "%d HelloVerifyRequests" % n)


def check_all(probe):
    check_equal(len(probe.all("generation")), ROUNDS, "generations")
    check_equal(len(probe.all("end")), 0, "ends")
    probe.interrupt()
    probe.check_exit(0)


# -- one port

def a_client_hello(folder):
    """Of openssl s_client."""
    certificate = Certificate(folder, "somebody")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("127.0.0.1", 0))
        s.settimeout(10)
        with openssl(None, s.getsockname()[1], certificate):
            hello = s.recv(65536)
    check(is_client_hello(hello), "a ClientHello")
    return hello


def forge_from(local, port, hello):
    """Three ClientHellos from the port of the client that is dead: each is answered by a request for a cookie, which is
    no longer, and by nothing else."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("127.0.0.1", local))
        s.connect(("127.0.0.1", port))
        s.settimeout(10)
        for _ in range(3):
            s.send(strange(hello))
            while True:
                answer = s.recv(65536)
                if answer[0] == 22 and answer[13] == 3:
                    break  # what was under way to the dead one may come first, under its keys
                check(answer[3:5] == b"\0\1", "an answer that is neither: %s" % answer[:14].hex())
            check(len(answer) <= len(hello), "no more bytes than came in")


def killed_and_back(start, name):
    def case(folder):
        theirs, ours = Certificate(folder, "theirs"), Certificate(folder, "ours")
        hello, local = a_client_hello(folder), free_port()
        process, handshake = Figures(name + ", from its start to the echo"), Figures(
            name + ", from ClientHello to its first data under the new keys")
        with listen(theirs, ours) as probe:
            for n in range(1, ROUNDS + 1):
                seen = len(probe.all("flight", number=1, direction="received"))
                begun = time.monotonic()
                with start(local, probe.port(), theirs) as client:
                    echoed(client, "line %d of the client" % n)
                    process.add(time.monotonic() - begun)
                    wait_for_requests(probe, 4 * n - 3)
                    first = probe.all("flight", number=1, direction="received")[seen]
                    new = probe.event("generation", number=n)
                    handshake.add((new["us"] - first["us"]) / 1e6)
                    client.child.kill()
                    client.child.wait()
                forge_from(local, probe.port(), hello)
                wait_for_requests(probe, 4 * n)
                time.sleep(max(0, begun + ROUND - time.monotonic()))
            process.say()
            handshake.say()
            check_all(probe)
    return case


# -- behind a relay

class Relay:
    """One port towards rtcprobe, whatever ports its clients have: they all come from the same address and port."""

    def __init__(self, port):
        self.near, self.far = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        self.near.bind(("127.0.0.1", 0))
        self.far.bind(("127.0.0.1", 0))
        self.far.connect(("127.0.0.1", port))
        self.port = self.near.getsockname()[1]
        self.client = None
        self.hello = None  # the last ClientHello
        self.hello_at = None  # when the first of a new client came
        self.open = True
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.open = False
        self.thread.join()
        self.near.close()
        self.far.close()

    def _run(self):
        while self.open:
            for ready in select.select([self.near, self.far], [], [], 0.05)[0]:
                try:
                    if ready is self.near:
                        data, client = self.near.recvfrom(65536)
                        if client != self.client:
                            self.client, self.hello_at = client, time.monotonic()
                        if is_client_hello(data):
                            self.hello = data
                        self.far.send(data)
                    else:
                        data = self.far.recv(65536)
                        if self.client:
                            self.near.sendto(data, self.client)
                except ConnectionError:
                    pass  # one of them is gone just now

    def forge(self):
        self.far.send(strange(self.hello))


def comes_back(start, name):
    def case(folder):
        theirs, ours = Certificate(folder, "theirs"), Certificate(folder, "ours")
        figures = Figures(name + ", from ClientHello to the echo")
        with listen(theirs, ours) as probe, Relay(probe.port()) as relay:
            for n in range(1, ROUNDS + 1):
                with start(None, relay.port, theirs) as client:
                    echoed(client, "line %d of the client" % n)
                    figures.add(time.monotonic() - relay.hello_at)
                    probe.event("generation", number=n)
                    wait_for_requests(probe, n)
                    for _ in range(3):
                        relay.forge()
                    echoed(client, "and after the forged ones %d" % n)
                    client.child.kill()
            figures.say()
            check_all(probe)
    return case


def main():
    need("openssl", "gnutls-cli")
    return run([("openssl s_client, bound to one port, killed %d times" % ROUNDS,
                 killed_and_back(openssl, "openssl s_client")),
                ("a client of GnuTLS, bound to one port, killed %d times" % ROUNDS,
                 killed_and_back(gnutls, "GnuTLS")),
                ("openssl s_client comes back, others forge while it talks",
                 comes_back(openssl, "openssl s_client behind a relay")),
                ("gnutls-cli comes back, others forge while it talks",
                 comes_back(gnutls_cli, "gnutls-cli behind a relay"))])


if __name__ == "__main__":
    sys.exit(main())
