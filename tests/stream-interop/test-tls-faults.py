#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Copies of samples/tls-poll with the two faults that break TLS on non-blocking sockets: one drops the ciphertext
that the socket refuses, one counts what the socket took in part as taken whole. The transfer that works with the
sample must fail with them, or that test could not see such a fault. The sample itself, built in the same way, passes."""

import functools
import os
import re
import shlex
import sys
import tempfile

from transfer import (BROKEN, BUILD, ENDLESS, HARD, HERE, VERSIONS, TlsPoll, check, check_equal, compile_program,
                      connect, hash_of)
from harness import run

SOURCE = os.environ.get("abs_top_srcdir") or os.path.join(HERE, "..", "..")
AMOUNT = 16 << 20
RIGHT = "sluice_stream_pop_output(p->s, sent > 0 ? (size_t)sent : 0);"
FAULTS = {
    "none": RIGHT,
    "drops what the socket refuses": RIGHT.replace(": 0)", ": len)"),
    "counts a part as the whole": RIGHT.replace("(size_t)sent", "len")}


made = tempfile.TemporaryDirectory(prefix="faults-")


@functools.cache
def altered(fault):
    """Makes the copy; returns the program."""
    with open(os.path.join(SOURCE, "samples", "tls-poll.c"), encoding="ascii") as file:
        text = file.read()
    check_equal(text.count(RIGHT), 1, "the line that is altered")
    copy = os.path.join(made.name, "tls-poll-that-%s.c" % fault.replace(" ", "-"))
    with open(copy, "w", encoding="ascii") as file:
        file.write(text.replace(RIGHT, FAULTS[fault]))
    check_equal(FAULTS[fault] != RIGHT, fault != "none", "the copy differs")
    return compile_program(made.name, copy, *shlex.split(os.environ.get("SAN_CFLAGS", "")),
                           "-D_GNU_SOURCE", *("-I" + os.path.join(top, "include")
                                              for top in (BUILD or ".", SOURCE)),
                           "-L" + os.path.join(BUILD or ".", ".libs"), "-lsluice-1.0")


def transfer(version, fault, faulty_client):
    """One way, from the faulty end to a right one."""
    def case(_folder):
        programs = [{}, {"program": altered(fault)}]
        data, silence = (8, AMOUNT), (8, 0)
        if fault != "none":
            # The receiver leaves its own direction open: it can send no alert after close_notify.
            data, silence = (8, ENDLESS), None
        up, down = (data, silence) if faulty_client else (silence, data)
        with TlsPoll(*HARD, "-t", version, "listen", "127.0.0.1", 0, send=down,
                     **programs[not faulty_client]) as server, \
                connect(server, *HARD, send=up, **programs[faulty_client]) as client:
            sender, receiver = (client, server) if faulty_client else (server, client)
            if fault == "none":
                sender.check_done(AMOUNT, (8, 0))
                receiver.check_done(0, (8, AMOUNT))
                return
            receiver.check_exit(1)
            sender.check_exit(1)
            seen = re.search(BROKEN, receiver.output)
            check(seen, "the receiver says what it saw")
            check_equal(receiver.sha.hexdigest(), hash_of(8, receiver.received),
                        "SHA-256 of what came before")
            counts = sender.counts()
            check(counts["refused" if "refuses" in fault else "partial"] > 0, "it happened")
            print("# %s: %s" % (fault, seen.group()), flush=True)
    return case


if __name__ == "__main__":
    sys.exit(run([("TLS %s, a %s that %s" % (v, "client" if c else "server",
                                             "is right" if f == "none" else f), transfer(v, f, c))
                  for v in VERSIONS for f in FAULTS for c in (True, False)]))
