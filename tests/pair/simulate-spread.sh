#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
#
# Holds: over a spread of links no call is ever stuck, leaks or goes wrong; and how fast a call connects. All times
# are virtual, so the limits hold on any machine.
#
# SIMULATE: the program. SIMULATE_PERCENT: so many of the calls, for builds with sanitizers (100: 31,200 calls).

simulate=${SIMULATE:-./tests/pair/simulate}
percent=${SIMULATE_PERCENT:-100}
seed=${SLUICE_TEST_SEED:-20261121}
number=0
failed=0
total=0

# value JSON NAME: a number of the JSON line
value() {
    printf '%s\n' "$1" | sed -n "s/.*\"$2\":\([0-9.]*\).*/\1/p"
}

# at_most A B: A <= B, with fractions
at_most() {
    awk "BEGIN { exit !($1 <= $2) }"
}

result() {
    number=$((number + 1))
    if [ "$1" = 0 ]; then
        echo "ok $number - $2"
    else
        echo "not ok $number - $2"
        failed=1
    fi
}

# calls N MIN OPTIONS...: at least MIN percent of N calls connect, the others fail with a reason
calls() {
    count=$(($1 * percent / 100))
    [ "$count" -gt 0 ] || count=1
    least=$2
    shift 2
    json=$($simulate --calls "$count" --seed "$seed" --json "$@")
    status=$?
    seed=$((seed + count))
    total=$((total + count))
    echo "# $json"
    [ "$status" = 0 ] && [ "$(value "$json" stuck)" = 0 ] &&
        [ "$(value "$json" bytes_leaked)" = 0 ] && [ "$(value "$json" wrong)" = 0 ] &&
        at_most "$((count * least / 100))" "$(value "$json" connected)"
    result $? "$count calls $*"
}

# quick P50 P95: the calls just made were that quick, in milliseconds
quick() {
    at_most "$(value "$json" p50)" "$1" && at_most "$(value "$json" p95)" "$2"
    result $? "p50 under $1 ms, p95 under $2 ms"
}

echo "# seed $seed"

bad="--duplicate 0.05 --reorder 0.05"
# shellcheck disable=SC2086 # $bad is a list of options
{
    calls 3000 100 --loss 0 $bad --delay 20
    quick 100 200
    calls 4000 100 --loss 0.05 $bad --delay 20
    quick 119.999 449.999
    calls 3000 99 --loss 0.2 $bad --delay 20
    calls 3000 95 --loss 0.4 $bad --delay 20
    calls 500 100 --delay 0
    calls 700 100 --loss 0.05 $bad --delay 1
    calls 700 99 --loss 0.1 $bad --delay 250
    calls 300 90 --loss 0.05 $bad --delay 1500
    calls 700 99 --loss 0.1 --duplicate 1 --delay 20
    calls 700 99 --loss 0.1 --reorder 0.5 --delay 50
    calls 700 100 --mtu 1200 --loss 0.05 $bad
    calls 700 100 --mtu 600 --loss 0.05 $bad
    calls 700 99 --mtu 500 --loss 0.1 $bad
    calls 700 95 --mtu 256 --loss 0.2 $bad
    # A flipped bit in a plaintext record may end a handshake, with a reason.
    calls 1000 70 --corrupt 0.02 --loss 0.05 $bad
    calls 500 20 --corrupt 0.2 --loss 0.1 $bad
}
# Attackers, stopped processes, set clocks, refused sends, no memory: those that do not connect met a stop of
# half a minute, a path that went away, memory that ran out or a flipped bit that nobody can tell from the peer's.
calls 4000 85 --faults
calls 4000 85 --faults --loss 0.05 --duplicate 0.05 --reorder 0.05
calls 2000 75 --faults --loss 0.2 --reorder 0.2 --mtu 600 --delay 50
# No path at all: each call fails at the deadline, none is stuck.
calls 300 0 --loss 1
[ "$(value "$json" connected)" = 0 ] && [ "$(value "$json" deadline)" = "$(value "$json" calls)" ]
result $? "with no path every call fails at its deadline"

# The program refuses what it does not know.
$simulate --calls 1 --no-such-option >/dev/null 2>&1
[ $? = 2 ]
result $? "an unknown option is an error"
$simulate --calls 1 --loss 1.5 >/dev/null 2>&1
[ $? = 2 ]
result $? "a probability above 1 is an error"
$simulate --calls 1 stray >/dev/null 2>&1
[ $? = 2 ]
result $? "a stray argument is an error"

first=$($simulate --calls 50 --seed 7 --loss 0.2 --json)
second=$($simulate --calls 50 --seed 7 --loss 0.2 --json)
[ -n "$first" ] && [ "$first" = "$second" ]
result $? "the same seed gives the same figures"

echo "# $total calls"
echo "1..$number"
exit $failed
