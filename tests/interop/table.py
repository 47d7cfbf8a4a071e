#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Writes the table of docs/interop.md from the rows that the tests have left: table.py ROWS DOCUMENT.

A row is a line of JSON: peer, version, program, role (ours), dtls, profile, connectMs, sent, received, data.
Of calls that differ in nothing else the first one stands. Ends with an error when a peer was met in one role only."""

import json
import sys

BEGIN, END = "<!-- table: make docs-interop -->\n", "<!-- end of table -->\n"
VERSIONS = {"FEFD": "1.2", "FEFC": "1.3"}
# Two programs of one project are each one role.
PAIRS = {"openssl s_client": "openssl", "openssl s_server": "openssl", "gnutls-cli": "gnutls",
         "gnutls-serv": "gnutls"}
ORDER = ("Chromium", "aiortc", "node-datachannel", "Janus echotest", "GStreamer dtlssrtp",
         "openssl s_client", "openssl s_server", "gnutls-cli", "gnutls-serv")
PROFILES = ("AEAD_AES_128_GCM", "AEAD_AES_256_GCM", "AES128_CM_SHA1_80", "AES128_CM_SHA1_32")


def place(row):
    first = ORDER.index(row["peer"]) if row["peer"] in ORDER else len(ORDER)
    return first, row["peer"], row["role"], PROFILES.index(row["profile"])


def table(rows):
    lines = ["| peer | version | our program | our role | DTLS | SRTP profile | connected after | packets there | packets back | messages |",
             "|---|---|---|---|---|---|---:|---:|---:|---:|"]
    for row in rows:
        packets = ("%d" % row["sent"], "%d" % row["received"]) if row["sent"] else ("–", "–")
        lines.append("| %s | %s | `%s` | %s | %s | %s | %.0f ms | %s | %s | %d |" % (
            row["peer"], row["version"], row["program"], row["role"],
            VERSIONS.get(row["dtls"], row["dtls"]), row["profile"], row["connectMs"], *packets,
            row["data"]))
    return "\n".join(lines) + "\n"


def main(source, document):
    seen = {}
    with open(source, encoding="utf-8") as file:
        for row in map(json.loads, file):
            seen.setdefault((row["peer"], row["program"], row["role"], row["profile"]), row)
    rows = sorted(seen.values(), key=place)
    roles = {}
    for row in rows:
        roles.setdefault(PAIRS.get(row["peer"], row["peer"]), set()).add(row["role"])
    one_sided = sorted(peer for peer, both in roles.items() if both != {"client", "server"})
    with open(document, encoding="utf-8") as file:
        text = file.read()
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    with open(document, "w", encoding="utf-8") as file:
        file.write(before + BEGIN + table(rows) + END + after)
    if one_sided:
        sys.exit("in one role only: " + ", ".join(one_sided))
    print("%d rows of %d peers" % (len(rows), len(roles)))


if __name__ == "__main__":
    main(*sys.argv[1:])
