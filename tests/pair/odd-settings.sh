#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Holds: what an administrator has set for all programs that use OpenSSL, or has broken, changes no call (RES-08): versions, suites,
# groups, the security level and options are set by the library. The library's own tests run under each of these settings.
. "$abs_top_srcdir/tests/support/tap.sh"

programs='tests/pair/test-connect tests/pair/test-data'

# under NAME: OPENSSL_CONF is $tap_dir/conf
under() {
    local program
    for program in $programs; do
        check "$1: $program" env OPENSSL_CONF="$tap_dir/conf" "./$program"
    done
}

# settings LINE...: those of every SSL_CTX
settings() {
    printf 'openssl_conf = init\n[init]\nssl_conf = ssl\n[ssl]\nsystem_default = all\n[all]\n' >"$tap_dir/conf"
    printf '%s\n' "$@" >>"$tap_dir/conf"
}

rm -f "$tap_dir/conf"
under "no such file"
: >"$tap_dir/conf"
under "an empty file"
settings 'MinProtocol = TLSv1.3' 'MaxProtocol = TLSv1.3'
under "TLS 1.3 alone"
settings 'CipherString = DEFAULT@SECLEVEL=0'
under "security level 0"
for level in 3 5; do
    settings "CipherString = DEFAULT@SECLEVEL=$level"
    under "security level $level"
done
settings 'CipherString = AES256-SHA' 'Groups = P-521' 'SignatureAlgorithms = RSA+SHA512'
under "another suite, group and signature"
settings 'Options = UnsafeLegacyRenegotiation,-ExtendedMasterSecret,SessionTicket,Compression,ServerPreference'
under "options"

# The twin: such settings do count for a program that makes no choice of its own.
settings 'CipherString = AES256-SHA' 'Groups = P-521'
OPENSSL_CONF="$tap_dir/conf" openssl s_client -dtls1_2 -connect 127.0.0.1:9 -msg </dev/null >"$tap_dir/theirs" 2>&1
OPENSSL_CONF=/dev/null openssl s_client -dtls1_2 -connect 127.0.0.1:9 -msg </dev/null >"$tap_dir/stock" 2>&1
if ! cmp -s <(wc -l <"$tap_dir/theirs") <(wc -l <"$tap_dir/stock"); then
    pass "the file is read"
else
    fail "the file is read" "$tap_dir/theirs"
fi
tap_done
