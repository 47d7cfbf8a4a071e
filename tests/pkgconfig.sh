#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# What a user does after `make install`: compile, link and run a program in C and in C++ with what
# pkg-config says, against the shared and the static library.
. "$abs_top_srcdir/tests/support/tap.sh"

root=$tap_dir/root
prefix=$(sed -n 's/^prefix=//p' "$abs_top_builddir/src/core/sluice-1.0.pc")

install_tree() {
    # Not through the jobserver of the make that runs the tests.
    (unset MAKEFLAGS MFLAGS MAKELEVEL
     "${MAKE:-make}" -C "$abs_top_builddir" install DESTDIR="$root")
}
check "make install DESTDIR=..." install_tree
pc=$(dirname "$(find "$root" -name sluice-1.0.pc | head -n 1)")
libdir=$(dirname "$pc")
# The tree was built for another place than where it lies.
sed -i "s|^prefix=.*|prefix=$root$prefix|" "$pc"/sluice-*.pc
export PKG_CONFIG_PATH=$pc
export LD_LIBRARY_PATH=$libdir

cat >"$tap_dir/core.c" <<'END'
#include <sluice/sluice.h>
#include <stdio.h>
#include <string.h>
int main(void)
{
    SluiceConfig *config = sluice_config_new(NULL);
    SluiceTransport *transport = sluice_transport_new(config);
    int ok = config != NULL && transport != NULL && strlen(sluice_version_string()) > 0;

    sluice_transport_free(transport);
    sluice_config_unref(config);
    return ok ? 0 : 1;
}
END
cat >"$tap_dir/binding.c" <<'END'
#include <sluice-glib/sluice-glib.h>
int main(void)
{
    return g_type_is_a(sluice_ice_transport_get_type(), G_TYPE_OBJECT) ? 0 : 1;
}
END
cp "$tap_dir/core.c" "$tap_dir/core.cc"
cp "$tap_dir/binding.c" "$tap_dir/binding.cc"

# libs_of PACKAGE [--static]: with --static our own libraries are the static ones and everybody else's
# the shared ones. What libnice needs to be static itself is not for us to test.
libs_of() {
    if [ "${2:-}" != --static ]; then
        "$PKG_CONFIG" --libs "$1"
    elif [ "$1" = sluice-1.0 ]; then
        "$PKG_CONFIG" --static --libs "$1"
    else
        echo "-lsluice-glib-1.0 $("$PKG_CONFIG" --static --libs sluice-1.0)" \
            "$("$PKG_CONFIG" --libs nice gio-2.0)"
    fi | if [ "${2:-}" = --static ]; then sed -E 's/-l(sluice(-glib)?-1\.0)\>/-l:lib\1.a/g'; else cat; fi
}

# user COMPILER SOURCE PACKAGE [--static]
user() {
    local compiler=$1 source=$2 package=$3
    # shellcheck disable=SC2046,SC2086
    $compiler $SAN_CFLAGS "$tap_dir/$source" -o "$tap_dir/program" \
        $("$PKG_CONFIG" --cflags "$package") $(libs_of "$package" ${4:+"$4"}) && "$tap_dir/program"
}

flags_of_core() {
    "$PKG_CONFIG" --cflags --libs sluice-1.0 | tr ' ' '\n' | grep . | grep -vE "^-I$root|^-L$root|^-lsluice-1.0$"
}

users() {
    local package=$1 source=$2
    check "$package is valid" "$PKG_CONFIG" --validate "$package"
    check "$package: a C program, shared" user "${CC:-cc}" "$source.c" "$package"
    check "$package: a C++ program, shared" user "${CXX:-c++}" "$source.cc" "$package"
    # Not with --disable-static.
    if [ -e "$libdir/libsluice-1.0.a" ]; then
        check "$package: a C program, static" user "${CC:-cc}" "$source.c" "$package" --static
        check "$package: a C++ program, static" user "${CXX:-c++}" "$source.cc" "$package" --static
    fi
}

nothing "sluice-1.0 asks for nothing but itself" flags_of_core
users sluice-1.0 core
[ "$WITH_GLIB" = yes ] && users sluice-glib-1.0 binding
nothing "no libtool or build folder is left in the installed .pc files" \
    grep -E "$abs_top_builddir|\.la" "$pc"/sluice-*.pc
tap_done
