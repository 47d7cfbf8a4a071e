#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""A DTLS 1.2 client of GnuTLS's own library with a local port of its choice, which gnutls-cli has no option for.

usage: gnutls-client.py LOCAL-PORT PORT CERTIFICATE KEY MTU SRTP-PROFILE

Says "connected", sends each line of its input as one record, and prints each record that comes."""

import ctypes
import select
import socket
import sys

CLIENT, DATAGRAM, NONBLOCK = 2, 4, 8  # of gnutls_init()
PEM, CRD_CERTIFICATE = 1, 1
AGAIN, INTERRUPTED = -28, -52
PRIORITY = b"NORMAL:-VERS-ALL:+VERS-DTLS1.2"

library = ctypes.CDLL("libgnutls.so.30")
library.gnutls_record_send.restype = library.gnutls_record_recv.restype = ctypes.c_ssize_t
library.gnutls_strerror.restype = ctypes.c_char_p


def must(result, what):
    if result < 0:
        sys.exit("%s: %s" % (what, library.gnutls_strerror(int(result)).decode()))
    return result


def connect(peer, certificate, key, mtu, profile):
    credentials, session = ctypes.c_void_p(), ctypes.c_void_p()
    must(library.gnutls_certificate_allocate_credentials(ctypes.byref(credentials)), "credentials")
    must(library.gnutls_certificate_set_x509_key_file(credentials, certificate.encode(), key.encode(), PEM), "key")
    must(library.gnutls_init(ctypes.byref(session), CLIENT | DATAGRAM | NONBLOCK), "session")
    must(library.gnutls_priority_set_direct(session, PRIORITY, None), "priority")
    must(library.gnutls_credentials_set(session, CRD_CERTIFICATE, credentials), "credentials")
    must(library.gnutls_srtp_set_profile_direct(session, profile.encode(), None), "profile")
    library.gnutls_transport_set_int2(session, peer.fileno(), peer.fileno())
    library.gnutls_dtls_set_mtu(session, mtu)
    peer.setblocking(False)
    while True:
        result = library.gnutls_handshake(session)
        if result >= 0:
            return session
        if library.gnutls_error_is_fatal(result):
            must(result, "handshake")
        select.select([peer], [], [], library.gnutls_dtls_get_timeout(session) / 1000)


def main():
    local, port, certificate, key, mtu, profile = sys.argv[1:]
    peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    peer.bind(("127.0.0.1", int(local)))
    peer.connect(("127.0.0.1", int(port)))
    session = connect(peer, certificate, key, int(mtu), profile)
    print("connected", flush=True)
    buffer = ctypes.create_string_buffer(16384)
    while True:
        for ready in select.select([sys.stdin, peer], [], [])[0]:
            if ready is peer:
                n = library.gnutls_record_recv(session, buffer, ctypes.c_size_t(len(buffer)))
                if n in (AGAIN, INTERRUPTED):
                    continue
                if must(n, "receive") == 0:
                    return 0
                print(buffer.raw[:n].decode("utf-8", "replace").rstrip("\n"), flush=True)
            else:
                line = sys.stdin.readline().encode()
                if not line:
                    return 0
                must(library.gnutls_record_send(session, line, ctypes.c_size_t(len(line))), "send")


if __name__ == "__main__":
    sys.exit(main())
