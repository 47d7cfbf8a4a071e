# SPDX-License-Identifier: BSD-3-Clause
# Sourced by ./demo and ./check: the Debian packages they need, and how they get them.

packages_build='
    gcc libc6-dev make autoconf automake libtool pkg-config
    libssl-dev libsrtp2-dev libglib2.0-dev libnice-dev libjson-glib-dev
'
packages_check='
    g++ clang libclang-rt-dev llvm valgrind libc6-dbg gcovr
    libcmocka-dev universal-ctags xz-utils file libzstd-dev zlib1g-dev
    gobject-introspection libgirepository1.0-dev gir1.2-nice-0.1 gi-docgen
    python3 python3-gi
    libuv1-dev liburiparser-dev libusrsctp-dev libboost-dev
    openssl gnutls-bin libgnutls28-dev iproute2 nginx-light curl
    gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad
    gstreamer1.0-nice gir1.2-gstreamer-1.0
    tshark janus python3-aiortc python3-aiohttp
'
packages_whip='
    libsoup-3.0-dev libgstreamer-plugins-base1.0-dev libusrsctp-dev
'
packages_browser='
    chromium nodejs python3-aiortc python3-aiohttp
'
packages_debian='
    build-essential debhelper fakeroot lintian
'
packages_afl='
    afl++
'

# Some Debians do without these (13 has no Janus); the tests that want one say there that they are skipped.
packages_of_some='
    janus
'

# offered_packages NAME...: without those of packages_of_some that this Debian has not.
offered_packages() {
    local name
    for name in "$@"; do
        if ! grep -qw -- "$name" <<<"$packages_of_some" || [ -n "$(apt-cache madison "$name")" ]; then
            echo "$name"
        fi
    done
}

# missing_packages NAME...
missing_packages() {
    dpkg-query -W -f '${Package} ${Status}\n' "$@" 2>/dev/null |
        awk -v wanted="$*" '$4 == "installed" { have[$1] = 1 }
            END { n = split(wanted, name, " "); for (i = 1; i <= n; i++) if (!(name[i] in have)) print name[i] }'
}

# ensure_packages NAME...: installs what is missing, all chatter on stderr. When it may not, it says what
# to do and returns 1. Where there is no dpkg, configure says what it misses.
ensure_packages() {
    local missing as_root=
    command -v dpkg-query >/dev/null || return 0
    missing=$(missing_packages "$@" | tr '\n' ' ')
    # shellcheck disable=SC2086
    [ -z "$(offered_packages $missing)" ] && return 0
    if [ "$(id -u)" != 0 ]; then
        if ! command -v sudo >/dev/null || { [ ! -t 0 ] && ! sudo -n true 2>/dev/null; }; then
            echo "These packages are missing, and only root may install them:" >&2
            echo "    apt-get install $missing" >&2
            return 1
        fi
        as_root=sudo
    fi
    # RUNLEVEL: nginx is for the tests, which start their own; where sysvinit decides, no server starts here.
    # shellcheck disable=SC2086
    if ! { $as_root apt-get update -q && missing=$(offered_packages $missing | tr '\n' ' ') && echo "installing: $missing" &&
           $as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -q -y --no-install-recommends $missing
         } >&2 </dev/null; then
        echo "apt-get could not install: $missing" >&2
        return 1
    fi
}
