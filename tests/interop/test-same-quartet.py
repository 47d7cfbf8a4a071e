#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""rtcprobe listens, one peer at a time, cookie on; its peer is killed and comes back from the same address and port, again
and again (RFC 6347 section 4.2.8). Each time: HelloVerifyRequest, a new association, data both ways within a second of the
new ClientHello (GnuTLS: two). Forged ClientHellos from the same address and port in between change nothing.

ROUNDS in the environment says how often (10)."""

import os
import re
import select
import socket
import sys
import threading
import time

from harness import Certificate, Probe, Process, check, check_equal, need, run

ROUNDS = int(os.environ.get("ROUNDS", "10"))
PROFILE = "AES128_CM_SHA1_80"


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
                        if data[0] == 22 and data[13] == 1:
                            self.hello = data
                        self.far.send(data)
                    else:
                        data = self.far.recv(65536)
                        if self.client:
                            self.near.sendto(data, self.client)
                except ConnectionError:
                    pass  # one of them is gone just now

    def forge(self):
        """Somebody's ClientHello, with another random and no cookie that is right."""
        hello = bytearray(self.hello)
        hello[27:59] = os.urandom(32)
        self.far.send(bytes(hello))


# Without -nbio it would sit in SSL_read() until the next datagram when one came that says nothing to it.
def openssl(port, certificate):
    return Process("openssl", "s_client", "-dtls1_2", "-connect", "127.0.0.1:%d" % port, "-mtu", "1200",
                   "-nbio", "-cert", certificate.path, "-key", certificate.key, "-use_srtp",
                   "SRTP_" + PROFILE)


def gnutls(port, certificate):
    return Process("gnutls-cli", "--udp", "--insecure", "--port", port, "127.0.0.1",
                   "--x509certfile", certificate.path, "--x509keyfile", certificate.key,
                   "--srtp-profiles", "SRTP_AES128_CM_HMAC_SHA1_80", "--mtu", "1200")


def talk(client, relay, text):
    """Sends a line and waits for the echo. Returns seconds since its ClientHello."""
    client.wait_for(r"Handshake was completed|Verify return code")
    client.write(text + "\n")
    # gnutls-cli and s_client print what they receive, not what they send; gnutls-cli its complaints in between.
    client.wait_until(lambda: text in re.sub(r"\|<\d>\|[^\n]*\n", "", client.output), "echo")
    return time.monotonic() - relay.hello_at


def comes_back(start, limit):
    def case(folder):
        theirs, ours = Certificate(folder, "theirs"), Certificate(folder, "ours")
        with Probe("listen", "udp:127.0.0.1:0", *ours.arguments(), "--fingerprint",
                   theirs.fingerprint(), "--profiles", PROFILE, "--echo") as probe, \
                Relay(probe.port()) as relay:
            for n in range(1, ROUNDS + 1):
                with start(relay.port, theirs) as client:
                    took = talk(client, relay, "line %d of the client" % n)
                    print("# round %d: %.3f s from ClientHello to echo" % (n, took))
                    check(took < limit, "%.3f s in round %d" % (took, n))
                    probe.event("generation", number=n)
                    for _ in range(3):
                        relay.forge()
                    talk(client, relay, "and after the forged ones %d" % n)
                    client.child.kill()
            check_equal(len(probe.all("generation")), ROUNDS, "generations")
            check(probe.has("flight", number=2, direction="sent"), "a cookie was asked for")
            check_equal(len(probe.all("end")), 0, "ends")
            probe.interrupt()
            probe.check_exit(0)
    return case


def main():
    need("openssl", "gnutls-cli")
    # gnutls-cli takes half a second for its first handshake, too.
    return run([("openssl s_client comes back", comes_back(openssl, 1)),
                ("gnutls-cli comes back", comes_back(gnutls, 2))])


if __name__ == "__main__":
    sys.exit(main())
