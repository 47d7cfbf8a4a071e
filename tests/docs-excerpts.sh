#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# docs/memory-bio-guide.md quotes the tree word for word, and what it names is there:
#   - each block of C says in its first line where it is from ("// FILE: FUNCTION()"), and stands there as it is;
#   - each link leads to a file; what its text names, in backquotes, is in that file: `name()` is a function that is defined
#     there, `name` a word of it;
#   - every other `name()` is a function of our headers, or of OpenSSL's, libuv's or POSIX's that our code calls.
# docs/reliability.md and docs/known-bugs.md name tests by such links and functions likewise, and each case has one test at least.
. "$abs_top_srcdir/tests/support/tap.sh"
cd "$abs_top_srcdir" || exit 1
guide=${1:-docs/memory-bio-guide.md}
reliability=docs/reliability.md

# Each block of C goes to a file of its own: its number, and its first line apart.
awk -v dir="$tap_dir" '
    /^```c$/ { n++; inside = 1; first = 1; next }
    /^```/ && inside { inside = 0; next }
    inside && first { print > (dir "/" n ".from"); first = 0; next }
    inside { print > (dir "/" n ".text") }' "$guide"

# occurs TEXT FILE: its lines stand in the file, one behind the other.
occurs() {
    awk 'NR == FNR { want[++n] = $0; next }
        { line[++m] = $0 }
        END { for (i = 1; i + n - 1 <= m; i++) {
                for (j = 1; j <= n && line[i + j - 1] == want[j]; j++) ;
                if (j > n) exit 0 }
            exit 1 }' "$1" "$2"
}

# defines FILE NAME: of C at the left margin; of Python.
defines() {
    grep -qE "^[A-Za-z].*\\<$2\\(|^ *def $2\\(" "$1"
}

wrong_excerpts() {
    local from file name
    for from in "$tap_dir"/*.from; do
        if ! [[ $(<"$from") =~ ^//\ ([a-z][^ :]*):\ ([a-z_0-9]+)\(\)$ ]]; then
            echo "a block does not say where it is from: $(<"$from")"
            continue
        fi
        file=${BASH_REMATCH[1]} name=${BASH_REMATCH[2]}
        [ -f "$file" ] || { echo "$file is not there" && continue; }
        defines "$file" "$name" || echo "$file does not define $name()"
        occurs "${from%.from}.text" "$file" || echo "$file does not say: $(head -n 1 "${from%.from}.text") ..."
    done
}

# TEXT <tab> TARGET of each link.
links() {
    tr '\n' ' ' <"$guide" | grep -oE '\[[^][]+\]\([^()[:space:]]+\)' | sed -E 's/^\[(.*)\]\((.*)\)$/\1\t\2/'
}

anchors() {
    sed -n 's/^##* //p' "$guide" | tr '[:upper:]' '[:lower:]' | tr -cd 'a-z0-9 \n-' | tr ' ' '-'
}

wrong_links() {
    local text target file word
    while IFS=$'\t' read -r text target; do
        case $target in
        https:*) continue ;;
        '#'*)
            anchors | grep -qxF -- "${target#\#}" || echo "no heading is $target"
            continue
            ;;
        esac
        file=$(dirname "$guide")/$target
        [ -f "$file" ] || { echo "$target is not there" && continue; }
        # A name with an extension is the file's own.
        for word in $(grep -oE '`[^`]+`' <<<"$text" | tr -d '`'); do
            case $word in
            *.*) [ "$(basename "$target")" = "$word" ] || echo "$word is not $target" ;;
            *'()') defines "$file" "${word%??}" || echo "$target does not define $word" ;;
            *) grep -qw -- "$word" "$file" || echo "$target has no $word" ;;
            esac
        done
    done < <(links)
}

# What OpenSSL's headers hold, to judge the names that our code has no use for.
openssl=$("${PKG_CONFIG:-pkg-config}" --variable=includedir openssl 2>/dev/null)/openssl
[ -d "$openssl" ] || openssl=/usr/include/openssl

unknown_functions() {
    local name
    # Links have been judged by their targets, and blocks by their sources.
    for name in $(sed '/^```c$/,/^```$/d' "$guide" | tr '\n' ' ' | sed -E 's/\[[^][]+\]\([^()[:space:]]+\)//g' |
        grep -oE '`[A-Za-z_0-9]+\(' | tr -d '`(' | sort -u); do
        if [[ $name = sluice_* ]]; then
            grep -qE "^SLUICE_API.*\\<$name\\(" include/sluice/*.h || echo "$name() is in no public header"
        else
            grep -qE "\\<$name\\(" samples/*.c src/core/*.c tests/*/*.c "$openssl"/*.h || echo "nobody knows $name()"
        fi
    done
}

check "$guide quotes code" test -e "$tap_dir/1.from"
check "it names functions and tests by links" test "$(links | grep -c '`')" -gt 20
nothing "each excerpt stands in the tree as it is" wrong_excerpts
nothing "each link leads to a file that has what it names" wrong_links
nothing "each other function that is named exists" unknown_functions

# A case whose row names neither a test nor whose matter it is.
cases_without_test() {
    grep -E '^\| [A-Z]+-[0-9]+ ' "$guide" | grep -vE '\]\(\.\./tests/|\| libnice \|'
}

guide=$reliability
check "$guide names tests by links" test "$(links | grep -c '`')" -gt 150
nothing "each test that it names is there" wrong_links
nothing "each other function that it names exists" unknown_functions
nothing "each case has a test" cases_without_test

rows_without_test() {
    grep -E '^\| [0-9]+ ' "$guide" | grep -vF '](../tests/'
}

guide=docs/known-bugs.md
check "$guide names tests by links" test "$(links | grep -c '`')" -gt 80
nothing "each test that it names is there" wrong_links
nothing "each other function that it names exists" unknown_functions
nothing "each bug has a test" rows_without_test
tap_done
