#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""samples/call by itself: in one process and in two that introduce themselves over pipes, with each SRTP profile and
with none, at small and large sizes; what it says as JSON, to a reader and in a key log; its exit status.

The forged twins: a description with another fingerprint, a description that is none, packets that get lost."""

import json
import os
import signal
import stat
import sys
import time

from harness import BUILD, PROFILES, Process, check, check_equal, run

CALL = os.path.join(BUILD or ".", "samples", "call")
COUNTS = ("rtp", "rtcp", "data")


class Call(Process):
    def __init__(self, *args):
        self.lines = []
        self.rest = ""
        super().__init__(CALL, *args)

    def on_stdout(self, text):
        lines = (self.rest + text).split("\n")
        self.rest = lines.pop()
        self.lines += lines

    def line(self, number):
        return self.wait_until(lambda: self.lines[number:number + 1], "line %d" % number)[0]

    def account(self, status=0):
        """What --json says, checked as far as that goes without knowing what the call was to do."""
        self.check_exit(status)
        account = json.loads(self.lines[-1])
        check_equal(account["problems"] == [], status == 0, "problems: %s" % account["problems"])
        return account


def check_arrived(account, media=True):
    a, b = account["a"], account["b"]
    for what in COUNTS:
        check_equal(b[what + "_received"], a[what + "_sent"], "%s from A to B" % what)
        check_equal(a[what + "_received"], b[what + "_sent"], "%s from B to A" % what)
        check((a[what + "_sent"] > 0) == (media or what == "data"), "%s was sent" % what)
    check_equal(account["connected"], True, "connected")
    check_equal(account["dtls_version"], "DTLS 1.2", "version")
    check(account["dtls_cipher"].startswith("TLS_ECDHE_ECDSA_WITH_"), "cipher")
    check(account["ice_ms"] > 0 and account["dtls_ms"] > 0, "times")


def check_closed(account):
    # What only the other process knows is null.
    check_equal(account["a"]["closed_by"] or "local-close", "local-close", "A's end")
    check_equal(account["b"]["closed_by"] or "close-notify", "close-notify", "B's end")
    # On a busy machine a copy of a DTLS flight, or the answer to close_notify, may come when it is of no use any more.
    harmless = ("unexpected", "unvalidated", "ended")
    for side in ("a", "b"):
        dropped = {why: count for why, count in (account[side]["drops"] or {}).items()
                   if count and why not in harmless}
        check_equal(dropped, {}, "dropped by " + side)


def one_process(*options, profile="AEAD_AES_128_GCM", media=True):
    def case(_folder):
        with Call("--json", "--seconds", 1, *options) as call:
            account = call.account()
            check_equal(len(call.lines), 1, "lines of output")
        check_equal(account["srtp_profile"], profile, "profile")
        check_arrived(account, media)
        check_closed(account)
    return case


def introduce(a, b, forge=lambda line: line):
    b.write(forge(a.line(0)) + "\n")
    a.write(b.line(0) + "\n")


def two_processes(_folder):
    with Call("--offer", "--json", "--seconds", 1) as a, Call("--answer", "--json") as b:
        introduce(a, b)
        for account in (a.account(), b.account()):
            check_arrived(account)
            check_closed(account)


def other_fingerprint(_folder):
    """B believes that A has another certificate: nobody is connected, nothing was sent."""
    def forge(line):
        description = json.loads(line)
        right = description["fingerprint"]
        description["fingerprint"] = right[:-1] + ("0" if right[-1] != "0" else "1")
        return json.dumps(description)

    with Call("--offer", "--json") as a, Call("--answer", "--json") as b:
        introduce(a, b, forge)
        # B refuses, and says so in an alert, which A reports.
        for name, call in (("b", b), ("a", a)):
            account = call.account(1)
            check_equal(account["connected"], False, name + " connected")
            check_equal(account[name]["rtp_received"], 0, "RTP that came to " + name)
            if name == "b":
                check_equal(account["b"]["closed_by"], "fingerprint-mismatch", "why B ended")


def loss(_folder):
    """B sleeps until the kernel has no room for what A sends: both ends say that it is not all there."""
    with Call("--offer", "--json", "--seconds", 4) as a, Call("--answer") as b:
        introduce(a, b)
        b.wait_for(r"\nSRTP ")
        b.child.send_signal(signal.SIGSTOP)
        time.sleep(3)
        b.child.send_signal(signal.SIGCONT)
        account = a.account(1)
        b.check_exit(1)
    sent, received = account["a"]["rtp_sent"], account["b"]["rtp_received"]
    check(received < sent, "%d of %d RTP packets are lost" % (received, sent))
    check("B received %d of the %d RTP packets that A sent" % (received, sent) in account["problems"],
          "A says so")
    check("B received %d of the %d RTP packets" % (received, sent) in b.output, "B says so")
    check_equal(account["a"]["rtp_received"], account["b"]["rtp_sent"], "RTP from B to A")
    check_equal(account["a"]["closed_by"], "local-close", "A closed all the same")


def no_description(_folder):
    for text in ("{}\n", "{\"type\": \"offer\", \"ice-ufrag\": 3}\n", "hello\n{]\n"):
        with Call("--answer", "--json") as b:
            b.write(text)
            check(b.account(1)["problems"], "it says what is wrong with %r" % text)


def input_ends(_folder):
    with Call("--answer", "--json") as b:
        b.child.stdin.close()
        check("standard input" in " ".join(b.account(1)["problems"]), "it says so")


def words(_folder):
    with Call("--seconds", 1) as call:
        call.check_exit(0)
        for head in ("ICE", "DTLS", "SRTP", "Close", "Result"):
            check("\n" + head in call.output, "the phase %s is told" % head)
        check("everything that was sent arrived" in call.output, "the verdict")


def interrupted(_folder):
    """Ctrl-C ends the call in order."""
    with Call("--seconds", 0) as call:
        call.wait_for(r"\n +1 s ")
        call.interrupt()
        call.check_exit(0)
        check("everything that was sent arrived" in call.output, "the verdict")


def keylog(folder):
    path = os.path.join(folder, "keys")
    with Call("--json", "--seconds", 1, "--keylog", path) as call:
        call.account()
    with open(path, encoding="ascii") as file:
        lines = file.read().splitlines()
    check_equal(len(lines), 1, "lines in the key log")
    check(lines[0].startswith("CLIENT_RANDOM "), "it is of NSS's format")
    check_equal(stat.S_IMODE(os.stat(path).st_mode), 0o600, "mode of the key log")


def usage(_folder):
    for arguments in (["--no-such-option"], ["too-many"], ["--offer", "--answer"], ["--mtu", "255"],
                      ["--mtu", "4097"], ["--seconds", "-1"], ["--profile", "ROT13"],
                      ["--rtp-in", "65536"], ["--bind", "nowhere"]):
        with Call(*arguments) as call:
            call.check_exit(2)
            check("--help" in call.output, "%s: it points to --help" % arguments)
    with Call("--help") as call:
        call.check_exit(0)
        check("--rtp-in" in call.output, "help")


if __name__ == "__main__":
    sys.exit(run(
        [("a call in one process", one_process())] +
        [("a call with " + p, one_process("--profile", p, profile=p)) for p in PROFILES] +
        [("a call with messages only", one_process("--profile", "none", profile="none", media=False)),
         ("small datagrams", one_process("--mtu", 256)),
         ("large datagrams", one_process("--mtu", 4096)),
         ("a call between two processes", two_processes),
         ("forged twin: another fingerprint", other_fingerprint),
         ("forged twin: packets get lost", loss),
         ("forged twin: no description", no_description),
         ("standard input ends too early", input_ends),
         ("what a reader sees", words),
         ("Ctrl-C", interrupted),
         ("the key log", keylog),
         ("wrong usage", usage)]))
