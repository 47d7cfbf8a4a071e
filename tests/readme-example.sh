#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The example of README.md, as it stands there, compiles without a warning and runs.
. "$abs_top_srcdir/tests/support/tap.sh"

awk '/^<!-- example -->/ { wanted = 1 }
     wanted && /^```c$/  { inside = 1; next }
     inside && /^```$/   { exit }
     inside              { print }' "$abs_top_srcdir/README.md" >"$tap_dir/example.c"

build() {
    local flags=(-L"$abs_top_builddir/.libs")
    if grep -q '<sluice-glib/' "$tap_dir/example.c"; then
        read -r -a flags <<<"$("$PKG_CONFIG" --cflags --libs nice gio-2.0) -lsluice-glib-1.0 ${flags[*]}"
    fi
    # shellcheck disable=SC2086
    ${CC:-cc} $SAN_CFLAGS -std=c99 -Wall -Wextra -Werror -pedantic \
        -I"$abs_top_builddir/include" -I"$abs_top_srcdir/include" "$tap_dir/example.c" \
        -o "$tap_dir/example" "${flags[@]}" -lsluice-1.0
}
check "README.md has an example after its marker" test -s "$tap_dir/example.c"
check "it is short: 30 lines at most" test "$(wc -l <"$tap_dir/example.c")" -le 30
check "it builds" build
check "it runs" "$tap_dir/example"
check "it prints something" bash -c "'$tap_dir/example' | grep -q ."
tap_done
