#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""samples/tls-poll at both ends, SO_SNDBUF as small as it can be, writes of random size: what comes is what was
sent, by SHA-256, and each end's three counts agree. The forged twins: another server than the one expected, and
a connection that is cut."""

import sys

from transfer import AMOUNT, ENDLESS, HARD, VERSIONS, TlsPoll, check, check_equal, connect
from harness import run


def echo(version):
    def case(_folder):
        with TlsPoll(*HARD, "-t", version, "echo", "127.0.0.1", 0) as server, \
                connect(server, *HARD, send=(1, AMOUNT)) as client:
            client.check_done(AMOUNT, (1, AMOUNT))
            server.check_done(AMOUNT)
            check(client.counts()["refused"] > 0, "the client's socket refused a send")
            check(server.counts()["refused"] > 0, "the server's socket refused a send")
            check(client.counts()["partial"] + server.counts()["partial"] > 0,
                  "a socket took a part of a send")
            check_equal("\nTLS_AES" in client.output, version == "1.3", "a suite of TLS 1.3")
    return case


def at_once(version, down=AMOUNT, up=AMOUNT):
    """Each sends its own. Who has sent all, or has nothing to send, closes its direction and reads on."""
    def case(_folder):
        with TlsPoll(*HARD, "-t", version, "listen", "127.0.0.1", 0, send=(2, down)) as server, \
                connect(server, *HARD, send=(3, up)) as client:
            client.check_done(up, (2, down))
            server.check_done(down, (3, up))
    return case


def somebody_else(version):
    def case(_folder):
        with TlsPoll("-t", version, "listen", "127.0.0.1", 0, send=(2, 1000)) as server:
            right = server.fingerprint()
            wrong = right[:-2] + "%02X" % (int(right[-2:], 16) ^ 1)
            with TlsPoll("-f", wrong, "connect", *server.address(), send=(3, 1000)) as client:
                client.check_exit(1)
                check("fingerprint-mismatch" in client.output, "the client says why")
                server.check_exit(1)
                check("bad_certificate" in server.output or "alert" in server.output,
                      "the server was told")
                check_equal(client.received + server.received, 0, "bytes received")
    return case


def cut(version):
    """The client dies in the middle: what came is not taken for all there was."""
    def case(_folder):
        with TlsPoll("-t", version, "listen", "127.0.0.1", 0) as server, \
                connect(server, send=(3, ENDLESS)) as client:
            server.wait_until(lambda: server.received > 1000000, "a million bytes")
            client.child.kill()
            server.check_exit(1)
            check("truncated" in server.output, "it says so")
    return case


if __name__ == "__main__":
    sys.exit(run([case for v in VERSIONS for case in (
        ("TLS %s: an echo returns all of it" % v, echo(v)),
        ("TLS %s: both send at once" % v, at_once(v)),
        ("TLS %s: the server sends, the client has closed" % v, at_once(v, up=0)),
        ("TLS %s: the client sends, the server has closed" % v, at_once(v, down=0)),
        ("TLS %s: nothing at all" % v, at_once(v, 0, 0)),
        ("TLS %s, forged twin: somebody else" % v, somebody_else(v)),
        ("TLS %s, forged twin: cut in the middle" % v, cut(v)))]))
