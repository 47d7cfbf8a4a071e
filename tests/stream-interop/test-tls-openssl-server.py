#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Our client against openssl s_server, TLS 1.2 and 1.3: the mirror of test-tls-openssl.py."""

import os
import signal
import sys

from tls_harness import (HOST, PADDING, VERSIONS, Foreign, Peer, PlainServer, Poll, Writer, check,
                         check_begins, check_equal, check_same, ids, key_lines, need, payload, run)

KEY_UPDATE = "%s TLS 1.3, Handshake [length 0005], KeyUpdate"  # as -msg shows it


class Server(Foreign):
    """s_server. -msg is there because what it prints of a message is flushed, other lines are not."""

    def __init__(self, version, *more, own=None, chain=None, raw=False):
        own = own or ids.server
        chain = ["-cert_chain", chain.path] if chain else []
        tls = ["-tls" + version.replace(".", "_")] if version else []
        super().__init__("openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", own.path, "-key",
                         own.key, *chain, *tls, *more, raw=raw)

    def port(self):
        if self.bytes_on_stdout:
            self.wait_until(lambda: b"ACCEPT 127.0.0.1:" in self.received and
                            b"\n" in self.received.split(b"ACCEPT", 1)[1], "ACCEPT")
            return int(self.received.split(b"ACCEPT 127.0.0.1:", 1)[1].split(b"\n")[0])
        return int(self.wait_for(r"ACCEPT 127.0.0.1:(\d+)\n").group(1))

    def ask(self, command, answer):
        """A command letter; alone, for what comes in the same read is dropped with it."""
        mark = self.mark()
        self.write(command + "\n")
        self.wait_after(mark, answer)


def join(port, version, **options):
    """Our client: it trusts our authority and wants our host, if nothing else is said."""
    settings = {"ca": ids.root, "host": HOST, "tls": version}
    settings.update(options)
    return Peer("connect", port, **settings)


def talk(server, client, word="word"):
    """A line each way."""
    client.write("say to the server: %s\n" % word)
    server.wait_for("to the server: %s\n" % word)
    server.write("to the client: %s\n" % word)
    client.wait_for("(?m)^got to the client: %s$" % word)


def leave(client):
    client.write("shutdown\n")
    client.check_exit(0)
    return client.end()


def connects(port, version, **options):
    with join(port, version, **options) as client:
        info = client.connected()
        leave(client)
        return info


def fails(port, version, reason, alert=None, **options):
    """Returns the sentence."""
    with join(port, version, **options) as client:
        client.try_write("say must not arrive\n")
        end = client.end()
        check_equal(end[0], reason, "reason")
        if alert:
            check_equal(end[1], alert, "alert")
        client.check_exit(1)
        return end[2]


# -- who is who ------------------------------------------------------------------------------------

def plain(version):
    with Server(version) as server:
        with join(server.port(), version) as client:
            check_equal(client.connected()["version"], version, "version")
            client.wait_for("(?m)^verify ok$")
            talk(server, client)
            check_equal(leave(client)[0], "local-close", "end")
    # It turns each line round, and closes upon one of them.
    with Server(version, "-rev") as server, join(server.port(), version) as client:
        client.connected()
        client.write("say once upon\n")
        client.wait_for("(?m)^got nopu ecno$")
        client.write("say CLOSE\n")
        client.check_exit(0)
        check_equal(client.end()[0], "close-notify", "end")


def verification(version):
    with Server(version, own=ids.chained, chain=ids.middle) as server:
        connects(server.port(), version)
    for own, options, words in (
            (ids.chained, {}, "unable to get local issuer certificate"),
            (ids.server, {"ca": ids.other_root}, "unable to get local issuer certificate"),
            (ids.server, {"host": "other.test"}, "[Hh]ostname mismatch"),
            (ids.server, {"host": "test"}, "[Hh]ostname mismatch"),
            (ids.server, {"host": "127.0.0.1"}, "IP address mismatch"),
            (ids.address, {}, "[Hh]ostname mismatch"),
            (ids.expired, {}, "certificate has expired"),
            (ids.self_signed, {}, "self-signed certificate")):
        with Server(version, own=own) as server:
            port = server.port()
            with join(port, version, **options) as client:
                client.try_write("say must not arrive\n")
                client.wait_for("(?m)^end certificate .*OpenSSL: " + words)
                client.check_exit(1)
            # An application that is asked hears the same, and may say yes; or no.
            options = dict(options, verify="yes")
            with join(port, version, **options) as client:
                client.wait_for("(?m)^verify " + words)
                client.connected()
                leave(client)
            with join(port, version, **dict(options, verify="no")) as client:
                client.try_write("say must not arrive\n")
                check_equal(client.end()[0], "certificate", "end")
                client.check_exit(1)
            check("must not arrive" not in server.output, "nothing arrived")
    with Server(version, own=ids.address) as server:
        check_equal(connects(server.port(), version, host="127.0.0.1")["name"], "", "no SNI")


def fingerprint(version):
    with Server(version) as server:
        port = server.port()
        connects(port, version, fingerprint=ids.server.fingerprint(), ca=None, host=None)
        for wrong in (ids.server.wrong_fingerprint(), ids.client.fingerprint()):
            fails(port, version, "fingerprint-mismatch", fingerprint=wrong)
        check("must not arrive" not in server.output, "nothing arrived")


def names(version):
    """s_server has two certificates, and shows the one of the name that is asked for."""
    with Server(version, "-servername", HOST, "-cert2", ids.server.path, "-key2", ids.server.key,
                own=ids.other_host) as server:
        port = server.port()
        check_equal(connects(port, version)["name"], HOST, "name")
        connects(port, version, host="other.test")
        fails(port, version, "certificate", host="third.test")


def own_certificate(version):
    want = ["-Verify", "1", "-verify_return_error", "-CAfile", ids.root.path]
    with Server(version, *want) as server:
        port = server.port()
        with join(port, version, own=ids.client) as client:
            client.connected()
            talk(server, client)
            leave(client)
        missing = {"1.2": "handshake_failure", "1.3": "certificate_required"}[version]
        fails(port, version, "alert-received", missing)
        fails(port, version, "alert-received", "unknown_ca", own=ids.stranger)
        fails(port, version, "alert-received", "certificate_expired", own=ids.expired_client)
        check("must not arrive" not in server.output, "nothing arrived")
    # Asked, not required: none is shown unless one is set.
    with Server(version, "-verify", "1") as server:
        connects(server.port(), version)


# -- what is agreed on -----------------------------------------------------------------------------

def alpn(version):
    with Server(version, "-alpn", "http/1.1,h2") as server:
        port = server.port()
        for offered, agreed in (("h2,http/1.1", "http/1.1"), ("h2", "h2"), (None, "")):
            check_equal(connects(port, version, alpn=offered)["alpn"], agreed,
                        "protocol of %s" % offered)
        fails(port, version, "alert-received", "no_application_protocol", alpn="h3,imap")


def suites(version):
    option, all_suites, wrong = {
        "1.3": ("-ciphersuites", {"TLS_AES_128_GCM_SHA256": "TLS_AES_128_GCM_SHA256",
                                  "TLS_AES_256_GCM_SHA384": "TLS_AES_256_GCM_SHA384",
                                  "TLS_CHACHA20_POLY1305_SHA256": "TLS_CHACHA20_POLY1305_SHA256"},
                "TLS_AES_128_CCM_SHA256"),
        "1.2": ("-cipher", {
            "ECDHE-ECDSA-AES128-GCM-SHA256": "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
            "ECDHE-ECDSA-AES256-GCM-SHA384": "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
            "ECDHE-ECDSA-CHACHA20-POLY1305": "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"},
                "ECDHE-ECDSA-AES128-SHA256")}[version]
    for suite, name in all_suites.items():
        with Server(version, option, suite) as server, join(server.port(), version) as client:
            check_equal(client.connected()["cipher"], name, "suite")
            talk(server, client)
            leave(client)
    with Server(version, option, wrong) as server:
        fails(server.port(), version, "alert-received", "handshake_failure")


def groups(version):
    # All but the first are no share that we send: HelloRetryRequest in TLS 1.3.
    for group, name in (("X25519", "x25519"), ("P-256", "P-256"), ("P-384", "P-384"),
                        ("P-521", "secp521r1"), ("X448:P-384", "P-384")):
        with Server(version, "-groups", group, own=ids.rsa_server) as server, \
                join(server.port(), version) as client:
            check_equal(client.connected()["group"], name, "group")
            talk(server, client)
            leave(client)
    with Server(version, "-groups", "X448", own=ids.rsa_server) as server:
        fails(server.port(), version, "alert-received", "handshake_failure")


def old_version(_):
    with Server(None, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0") as server:
        port = server.port()
        for ours in (None, "1.3"):
            text = fails(port, ours, "alert-received", "protocol_version")
            check("TLS 1.2 and 1.3 are spoken here" in text, text)
        fails(port, "1.2", "alert-received")  # no suite of ours is as old as that
    for ours, theirs in (VERSIONS, VERSIONS[::-1]):
        with Server(theirs) as server:
            fails(server.port(), ours, "alert-received", "protocol_version")


def secrets(version, folder):
    ours, theirs = os.path.join(folder, "ours.log"), os.path.join(folder, "theirs.log")
    label = "EXPORTER-Channel-Binding"
    with Server(version, "-keymatexport", label, "-keymatexportlen", "32", "-keylogfile",
                theirs) as server, \
            join(server.port(), version, export=label, keylog=ours) as client:
        exported = client.wait_for("(?m)^export ([0-9A-F]{64})$").group(1)
        talk(server, client)
        check_equal(server.wait_for("Keying material: ([0-9A-F]{64})").group(1), exported, "exported")
        leave(client)
    check_equal(key_lines(ours), key_lines(theirs), "key logs")
    check_equal(len(key_lines(ours)), {"1.2": 1, "1.3": 5}[version], "lines")


# -- sessions --------------------------------------------------------------------------------------

def keep_session(port, version, session, **options):
    """A connection that leaves a session in the file."""
    with join(port, version, session=session, **options) as client:
        info = client.connected()
        client.wait_for(r"(?m)^session \d+$")
        leave(client)
        return info["resumed"]


def sessions(version, folder):
    session = os.path.join(folder, "session")
    with Server(version) as server, Server(version) as other:
        port, other_port = server.port(), other.port()
        check_equal(keep_session(port, version, session), "0", "the first")
        check_equal(keep_session(port, version, session) if version == "1.3" else
                    connects(port, version, session=session)["resumed"], "1", "the second")
        check_equal(connects(port, version, session=session)["resumed"], "1", "the third")
        check_equal(connects(other_port, version, session=session)["resumed"], "0",
                    "at another server")
    with Server(version, "-no_ticket") as server:
        session = os.path.join(folder, "without tickets")
        port = server.port()
        keep_session(port, version, session)
        check_equal(connects(port, version, session=session)["resumed"], "1", "from its cache")
    with Server(version, "-Verify", "1", "-CAfile", ids.root.path) as server:
        session = os.path.join(folder, "with certificate")
        port = server.port()
        keep_session(port, version, session, own=ids.client)
        check_equal(connects(port, version, session=session, own=ids.client)["resumed"], "1",
                    "with a client's certificate")


def forged_sessions(version, folder):
    """The peer of a resumed session is judged again, by what the session rests on."""
    def path(name):
        return os.path.join(folder, name)

    with Server(version) as server:
        port = server.port()
        keep_session(port, version, path("trusted"))
        text = fails(port, version, "certificate", session=path("trusted"), host="other.test")
        check("ostname mismatch" in text, "why")
        keep_session(port, version, path("asked"), ca=ids.other_root, verify="yes")
        fails(port, version, "certificate", session=path("asked"), ca=ids.other_root)
        keep_session(port, version, path("pinned"), fingerprint=ids.server.fingerprint())
        fails(port, version, "certificate", session=path("pinned"))
        keep_session(port, version, path("pinned too"), fingerprint=ids.server.fingerprint())
        fails(port, version, "fingerprint-mismatch", session=path("pinned too"),
              fingerprint=ids.client.fingerprint())
        check("must not arrive" not in server.output, "nothing arrived")
        keep_session(port, version, path("other authority"))
        with join(port, version, session=path("other authority"), ca=ids.other_root) as client:
            client.check_exit(2)
        keep_session(port, version, path("short"))
        with open(path("short"), "r+b") as file:
            file.truncate(os.path.getsize(path("short")) - 1)
        with join(port, version, session=path("short")) as client:
            client.check_exit(2)


# -- in the middle ---------------------------------------------------------------------------------

def key_updates(_):
    with Server("1.3", "-msg") as server, join(server.port(), "1.3") as client:
        client.connected()
        for turn, letter in enumerate("kKKkK"):
            server.ask(letter, KEY_UPDATE.replace("[", r"\[").replace("]", r"\]") % ">>>")
            server.write("turn %d\n" % turn)
            client.wait_for("(?m)^got turn %d$" % turn)  # by now it knows; its answer goes before its next data
            talk(server, client, "and %d" % turn)
        check_equal(server.output.count(KEY_UPDATE % "<<<"), 3, "key updates that came")
        leave(client)


def key_updates_of_ours(_):
    with Server("1.3", "-msg") as server, join(server.port(), "1.3") as client:
        client.connected()
        for turn, command in enumerate(("update", "update-request") * 2):
            client.write(command + "\n")
            client.wait_for("(?s)(done %s 0 .*){%d}" % (command, turn // 2 + 1))
            talk(server, client, "turn %d" % turn)
        # In the middle of much data, with what is unsent in the way.
        client.write("flood 3000000\nupdate-request\nrelease\nflood 3000000\nupdate\nsay all of it\n")
        server.wait_for("all of it")
        server.write("still there\n")
        client.wait_for("got still there")
        check_equal(server.output.count(KEY_UPDATE % "<<<"), 6, "key updates that came")
        server.wait_until(lambda: server.output.count(KEY_UPDATE % ">>>") == 3, "3 answers to them")
        leave(client)
    with Server("1.2") as server, join(server.port(), "1.2") as client:
        client.connected()
        client.write("update\n")
        client.wait_for("done update -104 ")
        talk(server, client)
        leave(client)


def renegotiation(_):
    """Refused with no_renegotiation, upon which s_server itself gives up this connection."""
    for letter in "rR":
        with Server("1.2", "-msg") as server:
            port = server.port()
            with join(port, "1.2") as client:
                client.connected()
                talk(server, client)
                server.ask(letter, "no_renegotiation")
                check_equal(client.end()[:2], ("alert-received", "handshake_failure"), "end")
                check("<<< TLS 1.2, Handshake [length 0001], ClientHello" not in server.output,
                      "no second handshake")
                client.check_exit(1)
            connects(port, "1.2")


def clear_text(version):
    """s_server's P puts text that is not TLS among the records."""
    with Server(version) as server, join(server.port(), version) as client:
        client.connected()
        talk(server, client)
        server.write("P\n")
        check_equal(client.end()[0], "alert-sent", "end")
        check("clear text" not in client.output, "nothing of it was read")
        client.check_exit(1)


def certificate_later(_):
    """A request for the client's certificate after the handshake: we have not offered that."""
    with Server("1.3", "-msg") as server, join(server.port(), "1.3", own=ids.client) as client:
        client.connected()
        server.write("c\n")
        talk(server, client)
        check("CertificateRequest" not in server.output, "none was sent")
        leave(client)


def small_fragments(version):
    text = payload(version, 2000).hex()
    with Server(version, "-max_send_frag", "512", "-split_send_frag", "512") as server, \
            join(server.port(), version) as client:
        client.connected()
        server.write(text + "\n")
        client.wait_until(lambda: text in client.output.replace("\ngot ", ""), "the text")
        talk(server, client)
        leave(client)


def truncated(version):
    with Server(version) as server, join(server.port(), version) as client:
        client.connected()
        talk(server, client)
        server.child.send_signal(signal.SIGKILL)
        check_equal(client.end()[0], "truncated", "end")
        client.check_exit(1)
    with Server(version) as server, join(server.port(), version) as client:
        client.connected()
        talk(server, client)
        server.write("Q\n")  # closes the socket before it would say close_notify
        check_equal(client.end()[0], "truncated", "end")
        client.check_exit(1)


def not_tls(_):
    for answer, reason, words in (
            (b"HTTP/1.1 400 Bad Request\r\n\r\n", "protocol", "wrong version number"),
            (b"220 mail.example ESMTP\r\n", "protocol", "wrong version number"),
            (b"\x15\x03\x01\x00\x02\x02\x28", "alert-received", "handshake_failure received"),
            (b"\x15\x03\x01\x00\x02\x01\x00", "close-notify", "in state connecting"),
            (b"\x16\x03\x03", "truncated", "in state connecting"),
            (b"", "truncated", "in state connecting")):
        server = PlainServer(answer, shut=reason == "truncated")
        text = fails(server.port, None, reason)
        check(words in text, text)
        server.finish()
        check(b"must not" not in server.got, "nothing was said in clear")


def bulk(version):
    """Both directions at once, in pieces of random sizes."""
    # Not quiet, to have its port; so it takes letters for commands, and text comes before the data.
    out, back = payload("out" + version), payload("back" + version, high=True)
    with Server(version, raw=True) as server, \
            Poll("connect", server.port(), tls=version, ca=ids.root, host=HOST) as client:
        writers = Writer(client, out + PADDING, 1), Writer(server, back + PADDING, 2)
        check_begins(client, back, "what s_server sent")
        # Its own words come first.
        server.wait_until(lambda: out[-64:] in server.received, "all that we sent")
        at = server.received.index(out[:64])
        check_same(server.received[at:at + len(out)], out, "what we sent")
        for writer in writers:
            writer.finish()
        client.close_stdin()
        client.check_exit(0)


def of(function, *more):
    """A case for each version."""
    return [("%s, TLS %s" % (more[0], v), lambda folder, v=v:
             function(v, folder) if function.__code__.co_argcount == 2 else function(v))
            for v in (more[1:] or VERSIONS)]


CASES = (
    of(plain, "a line each way, closed by each end") +
    of(verification, "what is wrong with a certificate") +
    of(fingerprint, "the server by its fingerprint") +
    of(names, "SNI") +
    of(own_certificate, "our own certificate") +
    of(alpn, "ALPN") +
    of(suites, "each suite, and one that is not ours") +
    of(groups, "each group, and one that is not ours") +
    of(old_version, "other versions are refused", "all") +
    of(secrets, "exporter and key log are those of s_server") +
    of(sessions, "sessions are resumed") +
    of(forged_sessions, "sessions for somebody else") +
    of(key_updates, "key updates of s_server", "1.3") +
    of(key_updates_of_ours, "key updates of ours", "1.3") +
    of(renegotiation, "renegotiation is refused", "1.2") +
    of(clear_text, "clear text among the records") +
    of(certificate_later, "a certificate is wanted later", "1.3") +
    of(small_fragments, "small fragments") +
    of(truncated, "a server that ends without close_notify") +
    of(not_tls, "what is not TLS", "none") +
    of(bulk, "5 MiB each way at once"))

if __name__ == "__main__":
    need("openssl")
    sys.exit(run(CASES))
