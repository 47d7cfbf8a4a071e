# SPDX-License-Identifier: BSD-3-Clause
# TAP for the tests that are shell scripts: source it, use check or pass/fail/skip, end with tap_done.
tap_count=0
tap_failed=0
tap_dir=$(mktemp -d)
trap 'rm -rf "$tap_dir"' EXIT

pass() {
    tap_count=$((tap_count + 1))
    echo "ok $tap_count - $1"
}

# fail NAME [FILE]: the file says why.
fail() {
    tap_count=$((tap_count + 1))
    tap_failed=1
    echo "not ok $tap_count - $1"
    if [ $# -gt 1 ]; then sed 's/^/# /' "$2"; fi
}

skip() {
    tap_count=$((tap_count + 1))
    echo "ok $tap_count - $1 # SKIP $2"
}

# check NAME COMMAND...: passes if the command does; shows what it wrote if not.
check() {
    local name=$1
    shift
    if "$@" >"$tap_dir/check.log" 2>&1; then pass "$name"; else fail "$name" "$tap_dir/check.log"; fi
}

# nothing NAME COMMAND...: passes if the command writes nothing.
nothing() {
    local name=$1
    shift
    "$@" >"$tap_dir/nothing.log" 2>&1
    if [ -s "$tap_dir/nothing.log" ]; then fail "$name" "$tap_dir/nothing.log"; else pass "$name"; fi
}

tap_done() {
    echo "1..$tap_count"
    exit "$tap_failed"
}
