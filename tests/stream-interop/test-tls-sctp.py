#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""samples/tls-sctp, both ends, over usrsctp with a small send buffer: sends are refused, and every byte is there.

SLUICE_TRANSFER_MIB says how much goes each way, 32 or more. The faults that users report are made in copies of the
sample, by a regular expression, and must be seen; so must be what the tests rely on (that a message is refused, or
comes in parts)."""

import hashlib
import os
import re
import shlex
import subprocess
import sys

from tls_harness import (BUILD, HOST, VERSIONS, Foreign, Process, check, check_equal, ids, need, program,
                         run)
import harness

MIB = max(32, int(os.environ.get("SLUICE_TRANSFER_MIB", "32")))
# No time is asserted; this only ends what hangs. A slow machine moves a few MiB a second.
harness.LIMIT = max(harness.LIMIT, 60 + MIB)
SOURCE = os.path.join(os.environ.get("abs_top_srcdir", "."), "samples")
TLS_SCTP = program("TLS_SCTP", "samples", "tls-sctp")
MESSAGE = 16384  # the largest that the sample sends
# Two messages and a half: who has enough to send is refused the third, however the machine is scheduled.
SNDBUF = 40000
REFUSED = 1000  # sends at least: a transfer counts only if SCTP said no so often
STATS = re.compile(r"plaintext accepted (\d+), ciphertext produced (\d+), taken (\d+); messages sent (\d+), "
                   r"refused (\d+), largest (\d+), partial reads (\d+)")
NAMES = ("accepted", "produced", "taken", "messages", "refused", "largest", "parts")


# -- ends ------------------------------------------------------------------------------------------

class End(Process):
    """One tls-sctp, or a copy."""

    def __init__(self, mode, port=0, *words, program=TLS_SCTP, sndbuf=SNDBUF, own=None, **options):
        self.limit = min(MESSAGE, sndbuf // 2)
        words = list(words) + ["--sndbuf", sndbuf]
        words += ["--certificate", own.path, "--key", own.key] if own else []
        for name, value in options.items():
            words += ["--" + name, getattr(value, "path", value)] if value else []
        super().__init__(program, *words, mode, "127.0.0.1:%d" % port)

    def port(self):
        return int(self.wait_for(r"listening on 127\.0\.0\.1:(\d+)\n").group(1))

    def fingerprint(self):
        return self.wait_for(r"(?m)^fingerprint (sha-256 [0-9A-F:]+)$").group(1)

    def stats(self):
        """The counts at the end. Whatever happened, no message was larger than allowed."""
        self.exit_code()
        found = STATS.search(self.output)
        check(found, "%s says its counts" % self.args[0])
        counts = dict(zip(NAMES, map(int, found.groups())))
        check(counts["largest"] <= self.limit, "largest message: %(largest)d bytes" % counts)
        check(counts["taken"] <= counts["produced"], "no more taken than produced: %s" % counts)
        return counts

    def check_all_sent(self, accepted):
        """Ended in order, and what it accepted was sent: records add a little."""
        self.check_exit(0)
        counts = self.stats()
        check_equal(counts["accepted"], accepted, "plaintext accepted")
        check_equal(counts["taken"], counts["produced"], "ciphertext taken")
        check(accepted < counts["taken"] < accepted * 1.1 + 10000, "ciphertext: %s" % counts)
        return counts

    def check_failed(self, *reasons):
        self.check_exit(1)
        for reason in reasons:
            check(re.search(reason, self.output), "it says %s" % reason)


def make_copy(folder, name, *changes):
    """Builds the sample with (pattern, replacement) applied; each must change it once."""
    with open(os.path.join(SOURCE, "tls-sctp.c"), encoding="utf-8") as file:
        text = file.read()
    for pattern, replacement in changes:
        text, n = re.subn(pattern, replacement, text)
        check_equal(n, 1, "places in tls-sctp.c like %r" % pattern)
    path = os.path.join(folder, name + ".c")
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    usrsctp = subprocess.run([os.environ.get("PKG_CONFIG", "pkg-config"), "--cflags", "--libs", "usrsctp"],
                             check=True, capture_output=True, text=True).stdout
    built = subprocess.run(
        [*shlex.split(os.environ.get("CC", "cc")), *shlex.split(os.environ.get("SAN_CFLAGS", "")),
         "-std=gnu11", "-D_GNU_SOURCE", "-I" + os.path.join(BUILD, "include"),
         "-I" + os.path.join(SOURCE, "..", "include"), "-I" + SOURCE, path,
         os.path.join(SOURCE, "tls-sctp-options.c"), os.path.join(SOURCE, "sctp-udp.c"), "-o", path[:-2],
         "-L" + os.path.join(BUILD, ".libs"), "-lsluice-1.0", *shlex.split(usrsctp)],
        check=False, capture_output=True, text=True)
    check(built.returncode == 0, "the copy %s builds:\n%s" % (name, built.stderr))
    return path[:-2]


# -- files -----------------------------------------------------------------------------------------

def make_file(folder, name, size):
    """Random bytes; returns the path. Never in memory as a whole: it may be a GiB."""
    path = os.path.join(folder, name)
    with open(path, "wb") as file:
        while size:
            size -= file.write(os.urandom(min(size, 1 << 20)))
    return path


def digest(path):
    with open(path, "rb") as file:
        hashed = hashlib.sha256()
        while block := file.read(1 << 20):
            hashed.update(block)
    return hashed.hexdigest()


def check_same_file(got, sent):
    check_equal(os.path.getsize(got), os.path.getsize(sent), "bytes that came")
    check_equal(digest(got), digest(sent), "hash of what came")


def say(what, counts):
    print("# %s: %s" % (what, ", ".join("%s %d" % item for item in counts.items())), flush=True)


# -- cases -----------------------------------------------------------------------------------------

def there_and_back(version):
    def case(folder):
        sent, size = make_file(folder, "sent", MIB << 20), MIB << 20
        got = os.path.join(folder, "got")
        with End("listen", 0, "--echo", tls=version) as server, \
                End("connect", server.port(), send=sent, receive=got, tls=version,
                    fingerprint=server.fingerprint()) as client:
            for end, name in ((client, "client"), (server, "server")):
                say(name, end.check_all_sent(size))
                check("_GCM_" in end.output and ("TLS_ECDHE" in end.output) == (version == "1.2"),
                      "the suite is one of TLS " + version)
            check(client.stats()["refused"] >= REFUSED, "SCTP refused so many")
        check_same_file(got, sent)
    return case


def both_ways_at_once(folder):
    """Two files that differ; who is ready first says close_notify and still receives."""
    sizes = (5 << 20) + 1, (3 << 20) + 7
    sent = [make_file(folder, "sent%d" % i, sizes[i]) for i in range(2)]
    got = [os.path.join(folder, "got%d" % i) for i in range(2)]
    with End("listen", send=sent[1], receive=got[0]) as server, \
            End("connect", server.port(), send=sent[0], receive=got[1],
                fingerprint=server.fingerprint()) as client:
        for end, size in ((client, sizes[0]), (server, sizes[1])):
            check(end.check_all_sent(size)["refused"] > 0, "sends were refused")
    for i in range(2):
        check_same_file(got[i], sent[i])


def messages_in_parts(folder):
    """A copy with so small a buffer that SCTP has to cut messages up."""
    copy = make_copy(folder, "small-reads", (r"sizeof b->data, NULL", "777, NULL"))
    sent, got = make_file(folder, "sent", 3 << 20), os.path.join(folder, "got")
    for version in VERSIONS:
        with End("listen", 0, "--echo", program=copy) as server, \
                End("connect", server.port(), program=copy, send=sent, receive=got, tls=version,
                    fingerprint=server.fingerprint()) as client:
            for end in (client, server):
                check(end.check_all_sent(3 << 20)["parts"] > REFUSED, "messages came in parts")
        check_same_file(got, sent)


def small_messages(folder):
    """A send buffer that is smaller than a record: so are the messages, then."""
    sent, got = make_file(folder, "sent", 300000), os.path.join(folder, "got")
    for version in VERSIONS:
        with End("listen", 0, "--echo", sndbuf=5000) as server, \
                End("connect", server.port(), sndbuf=5000, send=sent, receive=got, tls=version,
                    fingerprint=server.fingerprint()) as client:
            for end in (client, server):
                largest = end.check_all_sent(300000)["largest"]
                check(2400 < largest <= 2500, "largest message: %d" % largest)
        check_same_file(got, sent)


def pipes(_folder):
    """`-` at both ends, and nothing at all in one direction."""
    text = b"standard input\n" * 50000
    with End("listen", 0, "--echo") as server:
        words = [TLS_SCTP, "--send", "-", "--receive", "-", "--fingerprint", server.fingerprint(),
                 "connect", "127.0.0.1:%d" % server.port()]
        done = subprocess.run(words, input=text, capture_output=True, check=False, timeout=harness.LIMIT)
        check_equal((done.returncode, len(done.stdout), done.stdout == text), (0, len(text), True),
                    "what came back")
        server.check_exit(0)
    with End("listen", 0, send=os.devnull) as server, \
            End("connect", server.port(), fingerprint=server.fingerprint()) as client:
        client.check_exit(0)
        server.check_exit(0)


def refused_message_is_dropped(faulty_end, version):
    """Problem 000: what SCTP refuses is thrown away. The other end must see a record that does not fit."""
    def case(folder):
        copy = make_copy(folder, "drops", (r"(p->refused \+= errno == EWOULDBLOCK;)(?s:.*?)(break;)",
                                           r"\1 sluice_stream_pop_output(p->stream, len); \2"))
        sent, got = make_file(folder, "sent", 4 << 20), os.path.join(folder, "got")
        # Who has closed its own direction has no way to say an alert: both have enough to send.
        roles = {"program": copy, "send": sent}, {"send": sent, "receive": got}
        listening, connecting = roles if faulty_end == "server" else roles[::-1]
        with End("listen", tls=version, **listening) as server, \
                End("connect", server.port(), tls=version, fingerprint=server.fingerprint(),
                    **connecting) as client:
            faulty, victim = (server, client) if faulty_end == "server" else (client, server)
            victim.check_failed("alert-sent.*alert 20 bad_record_mac sent")
            faulty.check_failed("alert-received.*alert 20 bad_record_mac received")
            check(faulty.stats()["refused"] > 0, "a send was refused")
        check(os.path.getsize(got) < 4 << 20, "less came than was sent")
    return case


def no_close_notify(folder):
    """An end of SCTP is not an end of TLS."""
    copy = make_copy(folder, "truncates", (r"sluice_stream_shutdown\(p->stream\)",
                                           "usrsctp_shutdown(p->sctp.socket, SHUT_WR)"))
    sent = make_file(folder, "sent", 100000)
    with End("listen", 0, "--echo") as server, \
            End("connect", server.port(), program=copy, send=sent,
                fingerprint=server.fingerprint()) as client:
        server.check_failed("truncated")
        client.check_exit(1)


def wrong_fingerprint(_folder):
    with End("listen", 0, "--echo", own=ids.server) as server, \
            End("connect", server.port(), fingerprint=ids.server.wrong_fingerprint()) as client:
        client.check_failed("fingerprint-mismatch")
        server.check_failed("alert-received.*bad_certificate")
    with End("listen", 0, "--echo", own=ids.server) as server, \
            End("connect", server.port(), fingerprint=ids.server.fingerprint()) as client:
        check_equal(server.fingerprint(), ids.server.fingerprint(), "what it prints")
        client.check_exit(0)
        server.check_exit(0)


def authorities(_folder):
    """(authority, host, who the server is, whether that is right)"""
    for ca, host, own, good in ((ids.root, HOST, ids.server, True), (ids.other_root, HOST, ids.server, False),
                                (ids.root, "other.test", ids.server, False),
                                (ids.root, HOST, ids.expired, False), (ids.root, None, ids.address, True),
                                (ids.root, None, ids.server, False)):
        with End("listen", 0, "--echo", own=own) as server, \
                End("connect", server.port(), ca=ca, host=host) as client:
            if good:
                client.check_exit(0)
                server.check_exit(0)
            else:
                client.check_failed("certificate")
                server.check_failed("alert-received")
    with End("listen", 0, "--echo", own=ids.self_signed) as server, \
            End("connect", server.port(), "--insecure") as client:
        client.check_exit(0)
        server.check_exit(0)


def clients(_folder):
    for own, good in ((ids.client, True), (ids.stranger, False), (None, False)):
        for wanted in ({"ca": ids.root}, {"fingerprint": ids.client.fingerprint()}):
            with End("listen", 0, "--echo", own=ids.server, **wanted) as server, \
                    End("connect", server.port(), own=own, fingerprint=ids.server.fingerprint()) as client:
                if good:
                    client.check_exit(0)
                    server.check_exit(0)
                else:
                    server.check_exit(1)
                    client.check_failed("alert-received")


def usage(_folder):
    for words in ([], ["listen"], ["listen", "127.0.0.1"], ["serve", "127.0.0.1:0"],
                  ["--tls", "1.1", "listen", "127.0.0.1:0"], ["--nonsense", "listen", "127.0.0.1:0"],
                  ["--sndbuf", "1", "listen", "127.0.0.1:0"],
                  ["--fingerprint", "sha-256 00", "connect", "127.0.0.1:1"],
                  ["--echo", "--send", os.devnull, "listen", "127.0.0.1:0"],
                  ["--ca", os.devnull, "connect", "127.0.0.1:1"]):
        with Foreign(TLS_SCTP, *words) as process:
            check_equal(process.exit_code(), 2, "exit code with %s" % words)


if __name__ == "__main__":
    need("openssl", TLS_SCTP)
    sys.exit(run(
        [("%d MiB there and back, TLS %s" % (MIB, version), there_and_back(version)) for version in VERSIONS] +
        [("both ways at once", both_ways_at_once),
         ("messages that come in parts", messages_in_parts),
         ("small messages", small_messages),
         ("pipes", pipes)] +
        [("fault: the %s drops what SCTP refused, TLS %s" % (end, version),
          refused_message_is_dropped(end, version)) for end in ("client", "server") for version in VERSIONS] +
        [("fault: no close_notify", no_close_notify),
         ("fingerprint, and a forged twin", wrong_fingerprint),
         ("authorities, and forged twins", authorities),
         ("clients' certificates, and forged twins", clients),
         ("wrong usage", usage)]))
