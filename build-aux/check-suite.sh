#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# check-suite.sh SUITE TARBALL FOLDER [STAGE...]: builds and tests the tarball in a chroot of another Debian suite (trixie,
# sid, or experimental, which is sid with the OpenSSL of experimental), made in FOLDER/SUITE by debootstrap. The stages are those of
# ./check; without any: the build, its tests, the real peers, AddressSanitizer, the core alone. Root only. The mirror is the one
# this machine uses, or $DEBIAN_MIRROR.
set -u
suite=$1
tarball=$2
root=$3/$suite
shift 3
stages=${*:-gcc-build gcc-check interop asan core-alone}
base=$suite
[ "$suite" = experimental ] && base=sid
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

complain() {
    echo "check-suite: $*" >&2
    exit 1
}
[ "$(id -u)" = 0 ] || complain "only root may make a chroot"
command -v debootstrap >/dev/null || complain "debootstrap is missing: apt-get install debootstrap"

mirror=${DEBIAN_MIRROR:-$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 'Origin: Debian' 2>/dev/null |
    grep -v security | head -n 1)}
[ -n "$mirror" ] || complain "set DEBIAN_MIRROR: apt names no mirror of Debian"

# Commands see processes, mounts and a loopback of their own; nothing of them is left behind.
inside() {
    unshare --mount --pid --fork --mount-proc="$root/proc" \
        chroot "$root" env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 "$@"
}

make_root() {
    local file
    rm -rf "$root"
    mkdir -p "$root"
    debootstrap --variant=minbase --keyring="$keyring" --include=ca-certificates "$base" "$root" "$mirror" ||
        complain "debootstrap failed"
    # How this machine reaches its mirror.
    for file in $(grep -ls '^ *Acquire' /etc/apt/apt.conf /etc/apt/apt.conf.d/*); do
        cp "$file" "$root/etc/apt/apt.conf.d/"
    done
    cp /etc/resolv.conf /etc/hosts "$root/etc/" 2>/dev/null
    if [ "$suite" = experimental ]; then
        echo "deb [signed-by=$keyring] $mirror experimental main" >"$root/etc/apt/sources.list.d/experimental.list"
        inside apt-get update -q || complain "apt-get update failed"
        inside apt-get install -q -y --no-install-recommends -t experimental openssl libssl-dev || complain "no OpenSSL"
    fi
    touch "$root/ready"
}

[ -e "$root/ready" ] || make_root >&2
inside apt-get update -q >&2
if [ "$suite" = experimental ]; then # it goes on with what experimental has got since
    inside apt-get install -q -y --no-install-recommends -t experimental openssl libssl-dev >&2
fi
rm -rf "$root/src"
mkdir "$root/src"
tar -xf "$tarball" -C "$root/src" --strip-components=1 || complain "cannot unpack $tarball"
# shellcheck disable=SC2086
inside CI="${CI:-}" JOBS="${JOBS:-}" sh -c "cd /src && ./check $stages"
verdict=$?
echo "with:"
inside dpkg-query -W -f '    ${Package} ${Version}\n' 'libssl3*' 'libssl4*' 'libsrtp2-1*' 'libnice10*' 'libglib2.0-0*' gcc clang \
    2>/dev/null | grep ' [0-9]'
exit "$verdict"
