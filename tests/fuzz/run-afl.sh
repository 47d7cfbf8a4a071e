#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# In a build with --enable-fuzz CC=afl-clang-fast: run-afl.sh TARGET... runs AFL++ on each for FUZZ_SECONDS, one after the
# other. What it finds stays in found/NAME; its crashes are findings.
here=$(cd "$(dirname "$0")" && pwd)
seconds=${FUZZ_SECONDS:-60}
failed=0
command -v afl-fuzz >/dev/null || { echo "afl-fuzz is missing: Debian has it in afl++" >&2; exit 1; }
# It asks for settings of the whole machine that only its owner may change, and for a terminal.
export AFL_SKIP_CPUFREQ=1 AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES=1 AFL_NO_UI=1 AFL_NO_AFFINITY=1 AFL_AUTORESUME=1
export ASAN_OPTIONS="abort_on_error=1:symbolize=0:detect_leaks=0${ASAN_OPTIONS:+:$ASAN_OPTIONS}"
mkdir -p found
for target in "$@"; do
    name=$(basename "$target")
    afl-fuzz -i "$here/corpus/${name#fuzz-}" -o "found/$name" -t 5000+ -m none -V "$seconds" -- "$target" \
        >"found/$name.log" 2>&1 </dev/null
    stats=found/$name/default/fuzzer_stats
    if [ ! -s "$stats" ]; then
        echo "result fail $name, AFL++ did not start: see found/$name.log"
        tail -n 20 "found/$name.log"
        failed=1
        continue
    fi
    crashes=$(awk '$1 == "saved_crashes" { print $3 }' "$stats")
    awk -v name="$name" '{ value[$1] = $3 } END {
        printf "result %s %s, %s s of AFL++: %s executions, %s edges, %s inputs, %s crashes, %s hangs\n",
            (value["saved_crashes"] > 0 ? "fail" : "pass"), name, value["run_time"], value["execs_done"],
            value["edges_found"], value["corpus_count"], value["saved_crashes"], value["saved_hangs"] }' "$stats"
    [ "${crashes:-0}" = 0 ] || failed=1
done
exit "$failed"
