#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# In a build with --enable-fuzz: run.sh TARGET... replays each target's corpus, and fuzzes it for FUZZ_SECONDS,
# FUZZ_JOBS targets at a time. What is found stays in found/, with a line for each run in found/log.
here=$(cd "$(dirname "$0")" && pwd)
seconds=${FUZZ_SECONDS:-60}
jobs=${FUZZ_JOBS:-1}
[ -s found/log ] || { mkdir -p found && printf 'target\tseconds\texecutions\tedges\tfeatures\tinputs\tfindings\n' >found/log; }

# run TARGET: libFuzzer's own words go to found/NAME.log, the result to found/NAME.result.
run() {
    local target=$1 name rc=0 log
    name=$(basename "$target")
    log=found/$name.log
    mkdir -p "found/$name"
    # A slow machine is no finding: -timeout is for what hangs.
    "$target" -max_total_time="$seconds" -max_len=4096 -timeout=60 -rss_limit_mb=2048 -print_final_stats=1 \
        -artifact_prefix="found/$name-" "found/$name" "$here/corpus/${name#fuzz-}" >"$log" 2>&1 || rc=$?
    awk -v name="$name" -v seconds="$seconds" -v found="$([ "$rc" = 0 ] && echo 0 || echo 1)" '
        { for (i = 1; i < NF; i++) { if ($i == "cov:") edges = $(i + 1); if ($i == "ft:") features = $(i + 1)
              if ($i == "corp:") { split($(i + 1), part, "/"); inputs = part[1] } } }
        /^#[0-9]+/ { runs = substr($1, 2) }
        /number_of_executed_units/ { runs = $2 }
        END { printf "%s\t%d\t%d\t%d\t%d\t%d\t%d\n", name, seconds, runs, edges, features, inputs, found }
        ' "$log" >"found/$name.line"
    cat "found/$name.line" >>found/log
    if [ "$rc" = 0 ]; then
        awk '{ print "result pass " $1 ", " $2 " s of libFuzzer: " $3 " executions, " $5 " features" }' "found/$name.line"
    else
        echo "result fail $name, libFuzzer: see found/$name.log"
        grep -nE 'broken:|ERROR|SUMMARY|Test unit written' "$log"
    fi
    return "$rc"
}

failed=0
running=0
for target in "$@"; do
    if [ "$running" -ge "$jobs" ]; then
        wait -n || failed=1
        running=$((running - 1))
    fi
    run "$target" &
    running=$((running + 1))
done
while [ "$running" -gt 0 ]; do
    wait -n || failed=1
    running=$((running - 1))
done
exit "$failed"
