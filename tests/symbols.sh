#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The ABI: only sluice_ symbols leave the libraries, each with its version; what the headers promise is
# there, and nothing else is; the core needs neither GLib nor libnice.
. "$abs_top_srcdir/tests/support/tap.sh"

core=$abs_top_builddir/.libs/libsluice-1.0.so
binding=$abs_top_builddir/.libs/libsluice-glib-1.0.so
if [ ! -e "$core" ]; then
    skip "symbols" "configured without shared libraries"
    tap_done
fi

# NAME VERSION of each symbol, without the absolute symbol that names the version node.
exported() {
    readelf --wide --dyn-syms "$1" | awk '$7 != "UND" && $5 != "LOCAL" && $8 ~ /@/ {
        split($8, part, "@+"); if (part[1] != part[2]) print part[1], part[2] }' | sort -u
}

# The functions that the headers declare: comments out, then what carries the mark of the ABI, or, for
# GObject's declaration macros, the type function it names.
declared() {
    cat "$@" | tr '\n' ' ' | sed 's|/\*|\n&|g; s|\*/|&\n|g' | grep -v '^/\*' | tr '\n' ' ' | tr ';{}' '\n\n\n' |
        grep SLUICE_API | grep -oE '\<sluice_[a-z0-9_]+ *\(' | tr -d ' (' | sort -u
}

inspect() {
    local library=$1 name=$2
    shift 2
    exported "$library" >"$tap_dir/exported"
    check "$name exports something" test -s "$tap_dir/exported"
    nothing "$name exports only versioned sluice_ symbols" grep -vE '^sluice_[a-z0-9_]+ SLUICE_1\.0$' "$tap_dir/exported"
    cut -d' ' -f1 "$tap_dir/exported" >"$tap_dir/names"
    # Without a version, the name would not be in the list above at all.
    readelf --wide --dyn-syms "$library" |
        awk '$7 != "UND" && $7 ~ /^[0-9]+$/ && $5 == "GLOBAL" && $8 !~ /@/ { print $8 }' >"$tap_dir/bare"
    nothing "$name exports nothing without a version" cat "$tap_dir/bare"
    declared "$@" >"$tap_dir/declared"
    nothing "$name exports all that its headers declare" comm -13 "$tap_dir/names" "$tap_dir/declared"
    nothing "$name exports nothing that its headers do not declare" comm -23 "$tap_dir/names" "$tap_dir/declared"
}

needed() {
    readelf --dynamic --wide "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'
}

core_headers=("$abs_top_srcdir"/include/sluice/*.h "$abs_top_builddir/include/sluice/version.h")
inspect "$core" libsluice "${core_headers[@]}"
needed "$core" >"$tap_dir/needed"
nothing "libsluice needs neither GLib nor libnice" grep -E '^lib(glib|gobject|gio|nice)' "$tap_dir/needed"
check "libsluice needs libssl and libsrtp2" \
    bash -c "grep -q ^libssl '$tap_dir/needed' && grep -q ^libsrtp2 '$tap_dir/needed'"

if [ "$WITH_GLIB" = yes ]; then
    inspect "$binding" libsluice-glib "$abs_top_srcdir"/include/sluice-glib/*.h
    needed "$binding" >"$tap_dir/needed"
    nothing "libsluice-glib needs neither OpenSSL nor libsrtp2 by itself" \
        grep -E '^lib(ssl|crypto|srtp2)' "$tap_dir/needed"
fi
tap_done
