#!/bin/sh
# setup.sh GROUP…: installs the Debian packages of these groups that are missing; silent when there is nothing to do.
# As root directly, else through sudo. Groups: build test clients fuzz.
set -eu

build="gcc make cmake ninja-build pkg-config git libc6-dev libuv1-dev libjansson-dev libsodium-dev libsqlite3-dev libssl-dev libcurl4-openssl-dev libzstd-dev libavahi-client-dev nodejs npm"
test="iproute2 libcmocka-dev python3 clang-format mandoc"
# The real editors: VS Code (code-server in Chromium; its native modules are compiled), Neovim, Emacs.
# Avahi with a D-Bus of its own in network namespaces of the tests; installing starts it on this machine, so `make test` does not.
clients="avahi-daemon dbus nodejs npm chromium libkrb5-dev g++ make python3 neovim emacs-nox elpa-eglot"
fuzz="clang libclang-rt-14-dev llvm"

present() { # PACKAGE: installed, or what it is for is there by another way
    case "$1" in
    nodejs) command -v node >/dev/null 2>&1 && return 0 ;;
    npm) command -v npm >/dev/null 2>&1 && return 0 ;;
    python3) command -v python3 >/dev/null 2>&1 && return 0 ;;
    esac
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null || true)" = installed ]
}

if ! command -v dpkg-query >/dev/null 2>&1; then
    echo "setup: this is no Debian system; please install by hand: $build" >&2
    exit 0
fi

missing=
for group in "$@"; do
    eval "packages=\${$group-}"
    [ -n "$packages" ] || { echo "setup: no group '$group'" >&2; exit 2; }
    for package in $packages; do
        present "$package" || missing="$missing $package"
    done
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" = 0 ]; then
    as_root=
elif command -v sudo >/dev/null 2>&1; then
    as_root=sudo
else
    echo "setup: missing packages:$missing" >&2
    echo "setup: run as root: apt-get install$missing" >&2
    exit 1
fi

echo "setup: installing$missing" >&2
export DEBIAN_FRONTEND=noninteractive
# The lists may be old or absent on a fresh machine; a second try after an update settles it.
$as_root apt-get install -y -qq --no-install-recommends $missing >/dev/null 2>&1 || {
    $as_root apt-get update -qq >&2
    $as_root apt-get install -y -qq --no-install-recommends $missing >/dev/null
}
