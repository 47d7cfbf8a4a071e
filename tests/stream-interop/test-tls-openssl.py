#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""openssl s_client against our server, TLS 1.2 and 1.3. test-tls-openssl-server.py has the other way round.

Led by tls-peer, which can do all that a stream can; bulk data through tls-poll. Each case holds what must pass,
and its forged twin, which must not."""

import os
import re
import signal
import socket
import ssl
import sys

from tls_harness import (HOST, PADDING, VERSIONS, Foreign, Peer, Poll, Writer, check, check_begins,
                         check_equal, ids, key_lines, need, payload, run, talk_plain)

SUITES = {"1.3": ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"],
          "1.2": ["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384",
                  "ECDHE-ECDSA-CHACHA20-POLY1305"]}
REFUSED_SUITES = {"1.3": "TLS_AES_128_CCM_SHA256", "1.2": "ECDHE-ECDSA-AES128-SHA256"}
GROUPS = {"X25519": "x25519", "P-256": "P-256", "P-384": "P-384", "P-521": "secp521r1"}
KEY_UPDATE = "%s TLS 1.3, Handshake [length 0005], KeyUpdate"  # as -msg shows it
SUITE_OPTION = {"1.3": "-ciphersuites", "1.2": "-cipher"}


class Client(Foreign):
    """s_client that has decided to trust our authority and the host, and to end if it cannot."""

    def __init__(self, port, version, *more, ca=None, host=HOST, raw=False):
        tls = ["-tls" + version.replace(".", "_")] if version else []
        super().__init__("openssl", "s_client", "-connect", "127.0.0.1:%d" % port, *tls,
                         "-servername", host, "-CAfile", (ca or ids.root).path, "-verify_hostname",
                         host, "-verify_return_error", *more, raw=raw)

    def ready(self):
        self.wait_for("Verify return code: 0")
        return self

    def say(self, text):
        """Sends a line and waits for its echo: s_client does not print its own input."""
        mark = self.mark()
        self.write(text + "\n")
        self.wait_after(mark, text)

    def ask(self, command, answer):
        """A command letter; alone, for what comes in the same read is dropped with it."""
        mark = self.mark()
        self.write(command + "\n")
        self.wait_after(mark, answer)

    def quit(self):
        self.write("Q\n")
        self.check_exit(0)


def echo(version, keep=False, **options):
    return Peer("listen", tls=version, own=ids.server, echo=True, once=not keep, **options)


def lead(version, **options):
    options.setdefault("own", ids.server)
    return Peer("listen", tls=version, **options)


def refused(client):
    check(client.exit_code() != 0, "s_client failed")
    check(re.search("verify error|alert", client.output), "s_client says why")


# -- who is who ------------------------------------------------------------------------------------

def plain(version):
    with echo(version) as server, Client(server.port(), version).ready() as client:
        client.say("there and back")
        client.say("and once more")
        client.quit()
        server.wait_for("close-notify")
        server.check_exit(0)


def wrong_authority(version):
    with echo(version) as server, \
            Client(server.port(), version, ca=ids.other_root) as client:
        refused(client)
        server.wait_for("alert-received.*unknown_ca received")
        server.check_exit(1)
    with echo(version) as server, Client(server.port(), version, host="other.test") as client:
        refused(client)
        server.wait_for("alert-received.*bad_certificate received")
        server.check_exit(1)


def chain(version):
    with lead(version, own=ids.chained, chain=ids.middle, once=True) as server, \
            Client(server.port(), version).ready() as client:
        server.connected()
        client.quit()
        server.check_exit(0)
    with lead(version, own=ids.chained, once=True) as server, Client(server.port(), version) as client:
        refused(client)
        check_equal(server.end()[:2], ("alert-received", "unknown_ca"), "end")


def own(who):
    return ["-cert", who.path, "-key", who.key]


def client_by_fingerprint(version):
    fingerprint = ids.client.fingerprint()
    with echo(version, fingerprint=fingerprint) as server, \
            Client(server.port(), version, *own(ids.client)).ready() as client:
        client.say("it is me")
        client.quit()
        server.check_exit(0)
    for case, wrong, who, words in (
            ("wrong bit", ids.client.wrong_fingerprint(), own(ids.client), "fingerprint-mismatch"),
            ("another", fingerprint, own(ids.stranger), "fingerprint-mismatch"),
            ("none", fingerprint, [], "alert-sent.*(certificate_required|handshake_failure) sent")):
        with echo(version, fingerprint=wrong) as server, \
                Client(server.port(), version, *who) as client:
            client.try_write("must not come back\n")
            server.wait_for(words)
            server.check_exit(1)
            check(client.exit_code() != 0, case + ": s_client failed")
            check("must not come back" not in client.output, case + ": nothing was echoed")


def client_by_authority(version):
    options = {"ca": ids.root, "client_auth": "require", "once": True, "echo": True}
    with lead(version, **options) as server, \
            Client(server.port(), version, *own(ids.client)).ready() as client:
        server.wait_for("peer 0 " + ids.client.fingerprint())
        server.wait_for("(?m)^verify ok$")
        client.say("signed")
        client.quit()
        server.check_exit(0)
    for who, alert, words in (
            ([], {"1.2": "handshake_failure", "1.3": "certificate_required"}[version], "alert-sent"),
            (own(ids.stranger), "unknown_ca", "certificate"),
            (own(ids.expired_client), "certificate_expired", "certificate")):
        with lead(version, **options) as server, Client(server.port(), version, *who) as client:
            client.try_write("must not come back\n")
            check_equal(server.end()[:2], (words, alert), "end with %s" % who[1:2])
            check("state connected" not in server.output, "never connected")
            server.check_exit(1)
            check(client.exit_code() != 0, "s_client failed")
            check("must not come back" not in client.output, "nothing was echoed")


def client_may_have_none(version):
    """Asked for, not required: served without; with a wrong one still refused."""
    options = {"ca": ids.root, "client_auth": "request", "once": True, "echo": True}
    with lead(version, **options) as server, Client(server.port(), version).ready() as client:
        client.say("nobody")
        client.quit()
        server.check_exit(0)
        check("peer 0" not in server.output, "no certificate")
    with lead(version, **options) as server, \
            Client(server.port(), version, *own(ids.stranger)) as client:
        check_equal(server.end()[0], "certificate", "end")
        check(client.exit_code() != 0, "s_client failed")


def asked(version):
    """The application decides about a stranger."""
    for verdict, text in (("yes", "self-signed certificate"), ("no", "self-signed certificate")):
        with lead(version, verify=verdict, once=True, echo=True) as server, \
                Client(server.port(), version, *own(ids.other_root)) as client:
            client.try_write("am I let in\n")
            server.wait_for("(?m)^verify " + text)
            server.wait_for("(?m)^state unverified$")
            if verdict == "yes":
                client.wait_for("am I let in")
                client.quit()
                server.check_exit(0)
            else:
                check_equal(server.end()[0], "certificate", "end")
                server.check_exit(1)
                client.exit_code()
                check("am I let in" not in client.output, "nothing was echoed")


# -- what is agreed on -----------------------------------------------------------------------------

def alpn(version):
    for offered, agreed in (("h2,http/1.1", "http/1.1"), ("h2", "h2"), (None, "")):
        more = ["-alpn", offered] if offered else []
        with lead(version, alpn="http/1.1,h2", once=True) as server, \
                Client(server.port(), version, *more).ready() as client:
            check_equal(server.connected()["alpn"], agreed, "protocol of %s" % offered)
            check_equal(server.info()["name"], HOST, "name")
            client.wait_for("ALPN protocol: " + agreed if agreed else "No ALPN negotiated")
            client.quit()
            server.check_exit(0)
    with lead(version, alpn="http/1.1,h2", once=True) as server, \
            Client(server.port(), version, "-alpn", "h3,imap") as client:
        check_equal(server.end()[:2], ("alert-sent", "no_application_protocol"), "end")
        refused(client)


def suites(version):
    for suite in SUITES[version]:
        with lead(version, once=True, echo=True) as server, \
                Client(server.port(), version, SUITE_OPTION[version], suite).ready() as client:
            client.wait_for("Cipher is " + suite)
            client.say("by " + suite)
            client.quit()
            server.check_exit(0)
    with lead(version, once=True) as server, \
            Client(server.port(), version, SUITE_OPTION[version], REFUSED_SUITES[version]) as client:
        check_equal(server.end()[:2], ("alert-sent", "handshake_failure"), "end")
        refused(client)


def groups(version):
    # In TLS 1.2 the client's groups are also those of certificates: an RSA key is in none.
    for group, name in GROUPS.items():
        with lead(version, once=True, echo=True, own=ids.rsa_server) as server, \
                Client(server.port(), version, "-groups", group).ready() as client:
            check_equal(server.connected()["group"], name, "group")
            client.say("by " + group)
            client.quit()
            server.check_exit(0)
    # A group of ours that the client has not sent a share for: HelloRetryRequest in TLS 1.3.
    with lead(version, once=True, echo=True, own=ids.rsa_server) as server, \
            Client(server.port(), version, "-groups", "X448:P-384").ready() as client:
        check_equal(server.connected()["group"], "P-384", "group")
        client.say("second try")
        client.quit()
        server.check_exit(0)
    with lead(version, once=True, own=ids.rsa_server) as server, \
            Client(server.port(), version, "-groups", "X448") as client:
        check_equal(server.end()[:2], ("alert-sent", "handshake_failure"), "end")
        refused(client)


def old_version(_):
    for ours in (None, "1.2", "1.3"):
        with echo(ours, keep=True) as server:
            port = server.port()
            with Client(port, None, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0") as client:
                refused(client)
                client.wait_for("alert protocol version")
                server.wait_for("protocol_version sent; OpenSSL: unsupported protocol")
            with Client(port, ours).ready() as client:
                client.say("it goes on")
    # And each of the two alone is not the other.
    for ours, theirs in (VERSIONS, VERSIONS[::-1]):
        with echo(ours) as server, Client(server.port(), theirs) as client:
            refused(client)
            server.wait_for("protocol_version (sent|received)")
            server.check_exit(1)


def secrets(version, folder):
    ours, theirs = os.path.join(folder, "ours.log"), os.path.join(folder, "theirs.log")
    label = "EXPORTER-Channel-Binding"
    with lead(version, once=True, export=label, keylog=ours) as server, \
            Client(server.port(), version, "-keymatexport", label, "-keymatexportlen", "32",
                   "-keylogfile", theirs).ready() as client:
        exported = server.wait_for("(?m)^export ([0-9A-F]{64})$").group(1)
        check_equal(client.wait_for("Keying material: ([0-9A-F]{64})").group(1), exported, "exported")
        client.quit()
        server.check_exit(0)
    check_equal(key_lines(ours), key_lines(theirs), "key logs")
    check_equal(len(key_lines(ours)), {"1.2": 1, "1.3": 5}[version], "lines")


# -- sessions --------------------------------------------------------------------------------------

def resume(port, version, session, how, *more):
    """One connection with what an earlier one has left in the file, or that leaves it there."""
    option = ["-sess_in" if os.path.exists(session) else "-sess_out", session]
    with Client(port, version, *option, *more) as client:
        client.wait_for("(?m)^%s, TLSv%s" % (how, version))
        client.say("with a session")  # in TLS 1.3 the ticket came before the echo
        client.quit()


def sessions(version, folder):
    session = os.path.join(folder, "session")
    with echo(version, keep=True) as server, echo(version, keep=True) as other:
        port, other_port = server.port(), other.port()
        resume(port, version, session, "New")
        resume(port, version, session, "Reused")
        resume(port, version, session, "Reused")
        # Another server cannot read the ticket; it serves all the same.
        resume(other_port, version, session, "New")
        resume(port, version, os.path.join(folder, "no ticket"), "New", "-no_ticket")
    with lead(version, ca=ids.root, client_auth="require", echo=True) as server:
        session = os.path.join(folder, "with certificate")
        port = server.port()
        resume(port, version, session, "New", *own(ids.client))
        resume(port, version, session, "Reused", *own(ids.client))
        server.wait_for("(?s)info .*resumed=0 .*peer 0 %s.*resumed=1 " % ids.client.fingerprint())


def reconnect(_):
    """s_client comes back five times at once, without a close_notify."""
    with echo("1.2", keep=True) as server, Client(server.port(), "1.2", "-reconnect") as client:
        client.wait_for("(?s)^.*\nNew, TLSv1.2(.*\nReused, TLSv1.2){5}")
        client.say("after all that")
        client.quit()


# -- in the middle ---------------------------------------------------------------------------------

def key_updates(_):
    with echo("1.3") as server, Client(server.port(), "1.3", "-msg").ready() as client:
        client.say("before")
        for letter in "kKKkK":
            client.ask(letter, "KEYUPDATE")
            client.say("after " + letter * 3)
        check_equal(client.output.count(KEY_UPDATE % ">>>"), 5, "key updates sent")
        # K asks for ours in return: RFC 8446 section 4.6.3.
        check_equal(client.output.count(KEY_UPDATE % "<<<"), 3, "key updates that came")
        client.quit()
        server.check_exit(0)


def key_updates_of_ours(_):
    with lead("1.3", once=True) as server, Client(server.port(), "1.3", "-msg").ready() as client:
        for turn, command in enumerate(("update", "update-request") * 2):
            server.write("%s\nsay after %d\n" % (command, turn))
            client.wait_for("after %d" % turn)
            client.write("answer %d\n" % turn)
            server.wait_for("(?m)^got answer %d$" % turn)
        check_equal(len(re.findall("(?m)^done update(-request)? 0 ", server.output)), 4, "updates")
        client.quit()
        check_equal(client.output.count(KEY_UPDATE % "<<<"), 4, "key updates that came")
        check_equal(client.output.count(KEY_UPDATE % ">>>"), 2, "key updates asked for")
        server.check_exit(0)
    with lead("1.2", once=True) as server, Client(server.port(), "1.2").ready() as client:
        server.write("update\nsay there are none in 1.2\n")
        server.wait_for("done update -104 ")
        client.wait_for("there are none in 1.2")
        client.quit()
        server.check_exit(0)


def renegotiation(_):
    """Refused with no_renegotiation, upon which s_client itself gives up; the server serves on."""
    with echo("1.2", keep=True) as server:
        port = server.port()
        for _ in range(2):
            with Client(port, "1.2").ready() as client:
                client.say("before")
                client.ask("R", "RENEGOTIATING")
                client.wait_for("no renegotiation")
                check(client.exit_code() != 0, "s_client gave up")
                server.wait_for("alert-received.*handshake_failure received")
        with Client(port, "1.2").ready() as client:
            client.say("the next one")
            client.quit()


def small_fragments(version):
    """Records of 512 bytes at most both ways; s_client ends at a larger one."""
    text = payload(version, 40000, high=True).hex()
    for more in (["-maxfraglen", "512"], ["-maxfraglen", "4096", "-split_send_frag", "512"]):
        with echo(version) as server, Client(server.port(), version, *more).ready() as client:
            for at in range(0, len(text), 8000):
                client.say(text[at:at + 8000])
            client.quit()
            server.check_exit(0)


def killed(version):
    with echo(version, keep=True) as server:
        port = server.port()
        with Client(port, version).ready() as client:
            client.say("about to die")
            client.child.send_signal(signal.SIGKILL)
            server.wait_for("truncated, in state connected")
        with Client(port, version).ready() as client:
            client.say("the next one")
            client.quit()
            server.wait_for("close-notify")
    with echo(version) as server, Client(server.port(), version).ready() as client:
        client.child.send_signal(signal.SIGKILL)
        server.wait_for("truncated")
        server.check_exit(1)


def not_tls(_):
    """Each is refused with a reason, none hangs, and the server goes on."""
    with echo(None, keep=True) as server:
        port = server.port()
        for text, words in ((b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "OpenSSL: http request"),
                            (b"CONNECT server.test:443 HTTP/1.1\r\n\r\n", "OpenSSL: https proxy request"),
                            (b"SSH-2.0-OpenSSH_9.2p1\r\n", "OpenSSL: wrong version number"),
                            (b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00", "decode_error|length|bad extension"),
                            (bytes(100), "OpenSSL: ")):
            mark = server.mark()
            talk_plain(port, text)
            server.wait_after(mark, words)
        for begin in (b"", b"\x16\x03\x01"):
            mark = server.mark()
            socket.create_connection(("127.0.0.1", port)).close() if not begin else hang_up(port, begin)
            server.wait_after(mark, "truncated, in state connecting")
        with Client(port, "1.3").ready() as client:
            client.say("TLS at last")
            client.quit()


def hang_up(port, begin):
    with socket.create_connection(("127.0.0.1", port)) as s:
        s.sendall(begin)


def after_close_notify(version):
    """What follows a close_notify on the same connection is not TLS's, and is not lost."""
    context = ssl.create_default_context(cafile=ids.root.path)
    context.maximum_version = context.minimum_version = {
        "1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}[version]
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname=HOST)
    with lead(version, once=True) as server, \
            socket.create_connection(("127.0.0.1", server.port())) as s:
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                s.sendall(outgoing.read())
                incoming.write(s.recv(65536))
        tls.write(b"encrypted\n")
        try:
            tls.unwrap()
        except ssl.SSLWantReadError:
            pass
        s.sendall(outgoing.read() + b"in the clear")
        server.wait_for("(?m)^got encrypted$")
        server.wait_for("(?m)^rest in the clear$")
        check_equal(server.end()[0], "close-notify", "end")
        server.check_exit(0)


def bulk(version):
    """Both directions at once, in pieces of random sizes."""
    out, back = payload("out" + version), payload("back" + version)
    with Poll("listen", tls=version, own=ids.server) as server, \
            Client(server.port(), version, "-quiet", "-nocommands", raw=True) as client:
        writers = Writer(client, out + PADDING, 1), Writer(server, back + PADDING, 2)
        check_begins(server, out, "what s_client sent")
        check_begins(client, back, "what we sent")
        for writer in writers:
            writer.finish()
        server.close_stdin()
        server.check_exit(0)


def of(function, *more):
    """A case for each version."""
    return [("%s, TLS %s" % (more[0], v), lambda folder, v=v:
             function(v, folder) if function.__code__.co_argcount == 2 else function(v))
            for v in (more[1:] or VERSIONS)]


CASES = (
    of(plain, "echo, close_notify both ways") +
    of(wrong_authority, "s_client trusts another authority or host") +
    of(chain, "a chain, and without its middle") +
    of(client_by_fingerprint, "the client by its fingerprint") +
    of(client_by_authority, "the client by its authority") +
    of(client_may_have_none, "a client may have no certificate") +
    of(asked, "the application is asked about the client") +
    of(alpn, "ALPN and SNI") +
    of(suites, "each suite, and one that is not ours") +
    of(groups, "each group, and one that is not ours") +
    of(old_version, "other versions are refused", "all") +
    of(secrets, "exporter and key log are those of s_client") +
    of(sessions, "sessions are resumed") +
    of(reconnect, "reconnects", "1.2") +
    of(key_updates, "key updates of s_client", "1.3") +
    of(key_updates_of_ours, "key updates of ours", "1.3") +
    of(renegotiation, "renegotiation is refused", "1.2") +
    of(small_fragments, "small fragments") +
    of(killed, "a client that is killed") +
    of(not_tls, "what is not TLS", "none") +
    of(after_close_notify, "plaintext behind close_notify") +
    of(bulk, "5 MiB each way at once"))

if __name__ == "__main__":
    need("openssl")
    sys.exit(run(CASES))
