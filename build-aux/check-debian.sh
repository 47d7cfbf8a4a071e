#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# check-debian.sh SOURCE BUILD: makes the Debian packages from the tarball that `make distcheck` left in
# BUILD/gcc, asks lintian, and uses the packages as their autopkgtest does. Writes "result pass|fail|skip
# WHAT" lines for ./check.
source_dir=$1
build_dir=$2
work=$build_dir/debian
root=$work/root

if ! command -v dpkg-buildpackage >/dev/null; then
    echo "result skip Debian packages # SKIP dpkg-buildpackage is not installed"
    exit 0
fi

failed=0
result() { # STATUS WHAT
    if [ "$1" = 0 ]; then echo "result pass $2"; else
        echo "result fail $2"
        failed=1
    fi
}

version=$(sed -n '1s/^libsluice (\(.*\)-[^-]*).*/\1/p' "$source_dir/debian/changelog")
tarball=$build_dir/gcc/libsluice-$version.tar.xz
[ -e "$tarball" ] || make -C "$build_dir/gcc" dist || exit 1
chmod -R u+w "$work" 2>/dev/null
rm -rf "$work"
mkdir -p "$work" && cd "$work" || exit 1
cp "$tarball" "libsluice_$version.orig.tar.xz" && tar xf "$tarball" || exit 1
cp -R "$source_dir/debian" "libsluice-$version/" || exit 1

# distcheck has just run the tests of this very tarball.
(cd "libsluice-$version" &&
    DEB_BUILD_OPTIONS="nocheck parallel=$(nproc)" dpkg-buildpackage -us -uc)
result $? "dpkg-buildpackage"
[ "$failed" = 0 ] || exit 1

# What only the person who uploads to Debian can give: the bug that asked for the package, and where
# releases are found.
lintian --allow-root --display-info --tag-display-limit 0 --fail-on error,warning,info \
    --suppress-tags initial-upload-closes-no-bugs,debian-watch-file-is-missing ./*.changes
result $? "lintian has nothing to say"

for package in libsluice-1.0-0 libsluice-1.0-dev libsluice-glib-1.0-0 libsluice-glib-1.0-dev \
    gir1.2-sluice-1.0 libsluice-doc rtcprobe; do
    deb=$(ls "$package"_*.deb) && dpkg-deb -x "$deb" "$root"
    result $? "$package unpacks"
done

# The packages lie under a folder of our own here; nothing else differs from an installation.
libdir=$(dirname "$(find "$root" -name 'libsluice-1.0.so')")
sed -i "s|^prefix=.*|prefix=$root/usr|; s|^\(libdir\|includedir\)=/usr|\1=$root/usr|" "$libdir"/pkgconfig/*.pc
env PKG_CONFIG_PATH="$libdir/pkgconfig" LD_LIBRARY_PATH="$libdir" \
    GI_TYPELIB_PATH="$libdir/girepository-1.0" PATH="$root/usr/bin:$PATH" \
    sh "$source_dir/debian/tests/build-example" >/dev/null
result $? "a user's programs build and run with the packages"
exit "$failed"
