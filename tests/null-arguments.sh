#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# API-01: each public function of the core that takes a pointer first is called with NULL there by some test, which knows what it
# answers. (What a test says of it is the test's own.) The binding's functions end in a critical: tests/glib.
. "$abs_top_srcdir/tests/support/tap.sh"
cd "$abs_top_srcdir" || exit 1

# Those that a table of functions calls, all alike.
by_table='sluice_config_add_stream_(ca|chain)_pem'

# NAME of each function whose first argument is a pointer: comments out, one declaration a line.
takers() {
    cat include/sluice/*.h | tr '\n' ' ' | sed 's|/\*|\n&|g; s|\*/|&\n|g' | grep -v '^/\*' | tr '\n' ' ' | tr ';{}' '\n\n\n' |
        grep SLUICE_API | grep -oE '\<sluice_[a-z0-9_]+ *\([^,)]*\*[^,)]*[,)]' | grep -oE '^sluice_[a-z0-9_]+' | sort -u
}

called() {
    cat tests/core/*.c tests/pair/*.c tests/stream/*.c | tr '\n' ' ' |
        grep -oE '\<sluice_[a-z0-9_]+\( *NULL\>' | grep -oE '^sluice_[a-z0-9_]+' | sort -u
}

check "the headers have such functions" test "$(takers | wc -l)" -gt 100
nothing "each is called with NULL" comm -23 <(takers | grep -vxE "$by_table") <(called)
nothing "those in a table are in one" comm -23 <(takers | grep -xE "$by_table") \
    <(grep -ohE '\<sluice_[a-z0-9_]+[,}]' tests/core/test-stream-config.c | tr -d ',}' | sort -u)
tap_done
