#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Each fuzz target takes each input of its corpus without a crash. Built for libFuzzer, the targets do the
# same with -runs=0.
. "$abs_top_srcdir/tests/support/tap.sh"

for source in "$abs_top_srcdir"/tests/fuzz/fuzz-*.c; do
    name=$(basename "$source" .c)
    corpus=$abs_top_srcdir/tests/fuzz/corpus/${name#fuzz-}
    check "$name takes its corpus" "$abs_top_builddir/tests/fuzz/$name" -runs=0 "$corpus"
done
tap_done
