#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The rules of HACKING.md and ARCHITECTURE.md that a program can hold.
. "$abs_top_srcdir/tests/support/tap.sh"
cd "$abs_top_srcdir" || exit 1

max_file=500
max_function=60

# The rooms of the core, a level a line, from the bottom up. A file includes headers of its own level or
# of a lower one; nothing points up.
rooms='
record fingerprint classify text stats pcapng timers byte-queue ssrc-table near
certificate ssl-pump bio-method allowance half-open generation-hints evidence reassembly
config config-context stream-config datagram-bio stream-bio dtls-clock output inbox event-queue
record-guard client-hello flight end srtp-openssl srtp-openssl-aes srtp-openssl-hmac srtp-openssl-vectors srtp-sessions
srtp-streams srtp-inbound srtp-outbound
dtls-private dtls dtls-flights dtls-input dtls-verify srtp lifecycle
transport transport-attempts transport-capture transport-dtls transport-end-dtls transport-input transport-keys transport-media transport-output transport-restart transport-second transport-ssrc stream-private stream stream-io stream-verify stream-session
'

level_of() {
    awk -v room="$1" '{ for (i = 1; i <= NF; i++) if ($i == room) { print NR; found = 1 } }
        END { if (!found) print 0 }' <<<"$rooms"
}

upward_includes() {
    local file from to target
    for file in src/core/*.[ch]; do
        from=$(level_of "$(basename "${file%.*}")")
        [ "$from" = 0 ] && echo "$file is in no row of the table in tests/house-rules.sh"
        while read -r target; do
            to=$(level_of "$target")
            [ "$to" -gt "$from" ] && echo "$file includes $target.h, which lies above it"
        done < <(sed -n 's/^ *# *include *"\(.*\)\.h".*/\1/p' "$file")
    done
}

includes() { # PATTERN FILE...: the #include lines that match
    local pattern=$1
    shift
    grep -nE "^ *# *include *[<\"]($pattern)" "$@" /dev/null
}
foreign_to_core='glib|gio/|gobject|gmodule|nice|agent\.h|interfaces\.h'
foreign_to_binding='openssl|srtp'

long_files() {
    local file lines
    for file in "$@"; do
        lines=$(wc -l <"$file")
        [ "$lines" -ge "$max_file" ] && echo "$file: $lines lines"
    done
}

# A macro that defines something is taken for a function when no semicolon follows it.
long_functions() {
    ctags --quiet -x --languages=C --langmap=C:.c.h --kinds-C=f --_xformat='%{end} %n %N %F' "$@" 2> >(grep -v '^ctags: Warning: .*TOML' >&2) |
        awk -v max="$max_function" '$3 !~ /^[A-Z_]+$/ && $1 - $2 + 1 >= max { print $4 ": " $3 " has " $1 - $2 + 1 " lines" }'
}

# page-files.c is what a build in the tree makes of the page.
mapfile -t code < <(ls src/*/*.[ch] include/*/*.h include/*/*.in samples/*.[ch] samples/*/*.[ch] tools/*.[ch] 2>/dev/null |
    grep -v '/page-files\.c$')
mapfile -t tests < <(ls tests/*/*.[ch] 2>/dev/null)

nothing "the core includes neither GLib nor libnice" includes "$foreign_to_core" src/core/*.[ch]
nothing "the binding includes neither OpenSSL nor libsrtp2" includes "$foreign_to_binding" src/glib/*.[ch]
nothing "the binding uses the core by its public headers alone" includes '\.\./core|src/core' src/glib/*.[ch]
nothing "no public header of the core includes another library" \
    includes "$foreign_to_core|$foreign_to_binding|sluice-glib" include/sluice/*.h include/sluice/*.in
nothing "no public header of the binding includes OpenSSL or libsrtp2" \
    includes "$foreign_to_binding" include/sluice-glib/*.h
nothing "nothing in the core points up" upward_includes

nothing "no file has $max_file lines" long_files "${code[@]}" "${tests[@]}"
if command -v ctags >/dev/null && ctags --version | grep -q Universal; then
    nothing "no function has $max_function lines" long_functions "${code[@]}"
else
    skip "no function has $max_function lines" "universal-ctags is not installed"
fi

# In two parts, or this file would find itself.
unfinished="TO""DO|FIX""ME|XX""X|HA""CK\\b|place""holder|for n""ow\\b|not (yet )?impl""emented|work in prog""ress"
texts=(src include samples tools tests docs ./*.md NEWS configure.ac Makefile.am m4/sluice.m4 check demo
    build-aux/check-debian.sh build-aux/packages.sh)
[ -d debian ] && texts+=(debian)
# A build in the tree leaves its own files there.
generated=(--exclude-dir=corpus --exclude-dir=reference --exclude-dir=.deps --exclude-dir=.libs
    --exclude='*.log' --exclude='*.trs' --exclude='*.la' --exclude='*.lo')
nothing "nothing is left unfinished" grep -rnIE "\\b($unfinished)" "${generated[@]}" "${texts[@]}"
nothing "no path of one machine" \
    grep -rnIE '(^|[^a-zA-Z0-9_.])/(home|root|work)/' "${generated[@]}" "${texts[@]}"

without_licence() {
    grep -L 'SPDX-License-Identifier: BSD-3-Clause' "${code[@]}" "${tests[@]}" tests/*.sh tests/*/*.sh tests/*/*.py \
        tests/*/*.js samples/*/page/* \
        configure.ac Makefile.am m4/sluice.m4 ./*/local.mk ./*/*/local.mk check demo 2>/dev/null
}
nothing "each file names its licence" without_licence

not_for_tsan() {
    local file
    for file in $(grep -lE '^ *# *include *[<"](pthread|threads)\.h' tests/core/test-*.c tests/pair/test-*.c tests/stream/test-*.c); do
        sed -n '/^threaded_tests =/,/[^\\]$/p' tests/local.mk | grep -q "${file%.c} " || echo "$file"
    done
}
nothing "no test with threads is missing in threaded_tests" not_for_tsan

# Time is an argument there; a test that waits for a clock fails on a slow machine and wastes a fast one.
waits='\b(sleep|usleep|nanosleep|clock_nanosleep|g_usleep|poll|ppoll|select|pselect|alarm|setitimer)'
nothing "tests of the core and of pairs wait for no clock" grep -nE "$waits *\\(" tests/core/*.c tests/pair/*.c tests/stream/*.c
nothing "they open no socket" grep -nE '\b(socket|bind|connect|listen) *\(' tests/core/*.c tests/pair/*.c tests/stream/*.c
tap_done
