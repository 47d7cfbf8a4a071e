#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Holds: whatever happens to a call, what tests/pair/simulate-invariants.c says stays true, and a restart makes a call of what is left.
# And: on a path that loses, delays and doubles one datagram in five and takes 512 bytes, twenty calls of twenty connect within 12 s,
# half of them within 2 s, of virtual time.
#
# SIMULATE: the program. SIMULATE_PERCENT: so many of the calls, for builds with sanitizers (100: 8,000 calls). SLUICE_TEST_SEED: the
# first seed; a failure names its own, with the command that runs it again.
. "$abs_top_srcdir/tests/support/tap.sh"

simulate=${SIMULATE:-./tests/pair/simulate}
calls=$((8000 * ${SIMULATE_PERCENT:-100} / 100))
seed=${SLUICE_TEST_SEED:-20261121}

# value NAME: a number of the JSON line
value() {
    sed -n "s/.*\"$1\":\([0-9.]*\).*/\1/p" "$tap_dir/json"
}

# at_most A B: A <= B, with fractions
at_most() {
    awk "BEGIN { exit !($1 <= $2) }"
}

# run OPTIONS...: prints the figures; passes if nothing is stuck, leaked or wrong
run() {
    $simulate --json "$@" >"$tap_dir/json" 2>"$tap_dir/trace"
    local status=$?
    sed 's/^/# /' "$tap_dir/json" "$tap_dir/trace"
    return "$status"
}

echo "# seed $seed"
if run --anything --calls "$calls" --seed "$seed"; then
    pass "$calls calls in which everything may happen"
else
    fail "$calls calls in which everything may happen"
fi

if run --calls 20 --seed 1 --loss 0.2 --reorder 0.2 --duplicate 0.2 --mtu 512 &&
    [ "$(value connected)" = 20 ] && at_most "$(value max)" 12000; then
    pass "20 of 20 connect within 12 s: one datagram in five lost, delayed, doubled; 512 bytes"
else
    fail "20 of 20 connect within 12 s: one datagram in five lost, delayed, doubled; 512 bytes"
fi
check "half of them within 2 s" at_most "$(value p50)" 1999.999

# The same seed is the same call: its figures do not depend on what ran before.
first=$($simulate --anything --calls 20 --seed 41 --json 2>&1)
second=$($simulate --anything --calls 20 --seed 41 --json 2>&1)
[ -n "$first" ] && [ "$first" = "$second" ]
check "the same seeds give the same figures" test $? = 0
tap_done
