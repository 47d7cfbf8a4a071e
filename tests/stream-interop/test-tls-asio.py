#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""samples/tls-poll against Boost.Asio's ssl::stream (asio-peer.cpp), both roles, both directions at once.

Boost writes in two ways: with async_write_some(), through a send buffer as small as can be; and with write_some()
on a non-blocking socket, as in Boost's ticket 13319 (https://svn.boost.org/trac10/ticket/13319). The second loses
what the socket refuses, in Debian's Boost too, so there the socket has room for a record whenever Boost writes,
and it is checked that it refused nothing. The last cases take that room away: our end must notice."""

import os
import re
import sys
import tempfile

from transfer import AMOUNT, BROKEN, ENDLESS, HARD, HERE, VERSIONS, TlsPoll, check, check_equal, compile_program, hash_of
from harness import Certificate, Failure, Process, run

SOURCE = os.path.join(HERE, "asio-peer.cpp")
WAYS = {"async": ["--sndbuf", "1"], "nonblocking": ["--sndbuf", "1048576"]}
asio_peer = None


class Asio(Process):
    def __init__(self, *args):
        super().__init__(asio_peer, *args)

    def address(self):
        return self.wait_for(r"listening on (\S+) (\d+)").groups()

    def total(self, what):
        amount, sha = self.wait_for(r"(?m)^%s (\d+) (\w+)$" % what).groups()
        return int(amount), sha

    def refused(self):
        return int(self.wait_for(r"(?m)^refused (\d+)$").group(1))

    def check_done(self, sent, received):
        self.check_exit(0)
        check_equal(self.total("received"), (received[1], hash_of(*received)), "what Boost received")
        check_equal(self.total("sent")[0], sent, "what Boost sent")
        check_equal(self.refused(), 0, "sends that Boost's socket refused")


def check_both(asio, ours, seed, amount):
    asio.check_done(amount, (seed, amount))
    ours.check_done(amount)
    check_equal((ours.received, ours.sha.hexdigest()), asio.total("sent"), "what we received")


def with_server(version, way):
    def case(folder):
        theirs = Certificate(folder, "theirs")
        with Asio("--send", AMOUNT, "--tls", version, "--certificate", theirs.path, "--key",
                  theirs.key, *WAYS[way], "listen", way, "127.0.0.1", 0) as asio, \
                TlsPoll(*HARD, "-f", theirs.fingerprint(), "connect", *asio.address(),
                        send=(5, AMOUNT)) as ours:
            check_both(asio, ours, 5, AMOUNT)
    return case


def with_client(version, way):
    def case(folder):
        own = Certificate(folder, "own")
        with TlsPoll(*HARD, "-t", version, "-c", own.path, "-k", own.key, "listen", "127.0.0.1", 0,
                     send=(6, AMOUNT)) as ours, \
                Asio("--send", AMOUNT, "--ca", own.path, *WAYS[way], "connect", way,
                     *ours.address()) as asio:
            check_both(asio, ours, 6, AMOUNT)
    return case


def echo(version, way):
    """What we send comes back from Boost."""
    def case(folder):
        theirs = Certificate(folder, "theirs")
        with Asio("--echo", "--tls", version, "--certificate", theirs.path, "--key", theirs.key,
                  *WAYS[way], "listen", way, "127.0.0.1", 0) as asio, \
                TlsPoll(*HARD, "-f", theirs.fingerprint(), "connect", *asio.address(),
                        send=(7, AMOUNT)) as ours:
            ours.check_done(AMOUNT, (7, AMOUNT))
            asio.check_done(AMOUNT, (7, AMOUNT))
    return case


def distrusted(version):
    def case(folder):
        own, other = Certificate(folder, "own"), Certificate(folder, "other")
        with TlsPoll("-t", version, "-c", own.path, "-k", own.key, "listen", "127.0.0.1", 0,
                     send=(6, 1000)) as ours, \
                Asio("--send", 1000, "--ca", other.path, "connect", "async", *ours.address()) as asio:
            asio.check_exit(1)
            ours.check_exit(1)
            check("alert-received" in ours.output, "we were told")
            check_equal(ours.received, 0, "bytes received")
    return case


def boosts_fault(version):
    """write_some() when the socket is full: Boost has encrypted a record, and forgets what was not sent. It goes on for as
    long as we let it: had it an end, all of it could be lost that we would notice the fault by."""
    def case(folder):
        own = Certificate(folder, "own")
        with TlsPoll("-t", version, "-c", own.path, "-k", own.key, "-b", "1", "listen", "127.0.0.1",
                     0, send=None) as ours, \
                Asio("--send", ENDLESS, "--ca", own.path, "--sndbuf", "1", "--eager", "connect", "nonblocking",
                     *ours.address()) as asio:
            ours.check_exit(1)
            asio.exit_code()
            check(asio.refused() > 0, "Boost's socket refused something")
            check(re.search(BROKEN, ours.output), "our end says what it saw")
    return case


def main():
    global asio_peer
    with tempfile.TemporaryDirectory(prefix="asio-") as folder:
        try:
            asio_peer = compile_program(folder, SOURCE, "-std=c++17", "-lssl", "-lcrypto", "-pthread")
        except Failure as failure:
            if "boost/asio" not in str(failure):
                raise
            print("1..0 # SKIP Boost.Asio is not installed")
            return 0
        return run([case for v in VERSIONS for way in WAYS for case in (
            ("TLS %s: Boost's %s server" % (v, way), with_server(v, way)),
            ("TLS %s: Boost's %s client" % (v, way), with_client(v, way)),
            ("TLS %s: Boost's %s echo" % (v, way), echo(v, way)))] + [case for v in VERSIONS for case in (
                ("TLS %s, forged twin: Boost does not trust us" % v, distrusted(v)),
                ("TLS %s: Boost loses ciphertext, we notice" % v, boosts_fault(v)))])


if __name__ == "__main__":
    sys.exit(main())
