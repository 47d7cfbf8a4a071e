#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Each public header compiles alone, in C99 and C++, with every compiler there is; and what it pulls in is
# its own library's business: nothing but libc for the core, GLib and libnice for the binding.
. "$abs_top_srcdir/tests/support/tap.sh"

include=("-I$abs_top_builddir/include" "-I$abs_top_srcdir/include")
warnings=(-Wall -Wextra -Werror -pedantic-errors -fsyntax-only)
glib=()
if [ "$WITH_GLIB" = yes ]; then
    # Not ours to correct: what these headers do is not reported.
    read -r -a glib <<<"$("$PKG_CONFIG" --cflags gio-2.0 nice | sed 's/-I/-isystem /g')"
fi

# compile LANGUAGE STANDARD HEADER EXTRA...
compile() {
    local language=$1 standard=$2 header=$3 suffix=c
    shift 3
    [ "$language" = c++ ] && suffix=cc
    # Twice, for the guard.
    printf '#include <%s>\n#include <%s>\nint main(void);\nint main(void) { return 0; }\n' \
        "$header" "$header" >"$tap_dir/alone.$suffix"
    "$compiler" "-std=$standard" "${warnings[@]}" "${include[@]}" "$@" "$tap_dir/alone.$suffix"
}

core_headers=$(cd "$abs_top_srcdir/include" && ls sluice/*.h; echo sluice/version.h)
core_headers=$(echo "$core_headers" | sort -u)
glib_headers=
[ "$WITH_GLIB" = yes ] && glib_headers=$(cd "$abs_top_srcdir/include" && ls sluice-glib/*.h)

for family in gcc:g++ clang:clang++; do
    if ! command -v "${family%:*}" >/dev/null || ! command -v "${family#*:}" >/dev/null; then
        skip "headers with ${family%:*}" "${family%:*} and ${family#*:} are not both installed"
        continue
    fi
    for header in $core_headers; do
        compiler=${family%:*}
        check "$header alone, $compiler C99" compile c c99 "$header"
        compiler=${family#*:}
        check "$header alone, $compiler C++98" compile c++ c++98 "$header"
        check "$header alone, $compiler C++17" compile c++ c++17 "$header"
    done
    for header in $glib_headers; do
        compiler=${family%:*}
        check "$header alone, $compiler C99" compile c c99 "$header" "${glib[@]}"
        compiler=${family#*:}
        check "$header alone, $compiler C++11" compile c++ c++11 "$header" "${glib[@]}"
        check "$header alone, $compiler C++17" compile c++ c++17 "$header" "${glib[@]}"
    done
done

# What the preprocessor opened, down to the last level.
opened() {
    printf '#include <%s>\n' "$1" >"$tap_dir/opened.c"
    shift
    ${CC:-cc} -M -MT x "${include[@]}" "$@" "$tap_dir/opened.c" | tr ' ' '\n'
}
for header in $core_headers; do
    opened "$header" >"$tap_dir/list"
    nothing "$header opens no header of another library" \
        grep -E '/(glib-2.0|gio|nice|openssl|srtp2)[^ ]*/' "$tap_dir/list"
done
for header in $glib_headers; do
    opened "$header" "${glib[@]}" >"$tap_dir/list"
    nothing "$header opens no header of OpenSSL or libsrtp2" grep -E '/(openssl|srtp2)/' "$tap_dir/list"
done
tap_done
