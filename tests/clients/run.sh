#!/usr/bin/env bash
# run.sh [all|conformance|claude|inspector] PAIRED
#
# Runs paired with real clients. What they are is pinned in package.json and package-lock.json; they are installed
# from npm once, without their install scripts, into $PAIRED_TEST_CLIENTS_CACHE (default: paired-test-clients in the
# user's cache directory). Ends with "N passed, N failed, N skipped"; exit code 0, 1, or 77 when npm cannot be
# reached at all.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
suite=${1:-all}
case "$suite" in
all) suites="conformance claude inspector" ;;
conformance | claude | inspector) suites=$suite ;;
*)
    sed -n '2,7s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac
[ -x "${2-}" ] || { echo "run.sh: the second argument has to be the built program" >&2; exit 2; }
paired=$(realpath "$2")

case "$(uname -m)" in
x86_64) arch=x64 ;;
aarch64) arch=arm64 ;;
*) echo "run.sh: no client is published for $(uname -m)" >&2; exit 1 ;;
esac

cache=${PAIRED_TEST_CLIENTS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/paired-test-clients}
key=$(cat "$here/package.json" "$here/package-lock.json" | sha256sum | cut -c1-16)
home=$cache/$key

# Is it the network, or something that has to be looked at?
npm_unreachable() {
    local said
    said=$(npm view node-linux-$arch version --prefer-online --fetch-retries=0 --fetch-timeout=20000 2>&1) && return 1
    grep -qE 'ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ENETUNREACH|EHOSTUNREACH|ETIMEDOUT|ECONNRESET' <<<"$said"
}

install_clients() {
    [ -e "$home/installed" ] && return 0
    command -v npm >/dev/null || { echo "run.sh: npm is missing (Debian: apt-get install npm)" >&2; return 1; }
    mkdir -p "$home"
    cp "$here/package.json" "$here/package-lock.json" "$home/"
    echo "run.sh: installing the clients into $home" >&2
    if (cd "$home" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >npm.log 2>&1); then
        touch "$home/installed"
        return 0
    fi
    cat "$home/npm.log" >&2
    if npm_unreachable; then
        echo "0 passed, 0 failed, 1 skipped: SKIPPED, npm cannot be reached and no clients are installed"
        exit 77
    fi
    return 1
}

mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9
install_clients || { echo "run.sh: the clients could not be installed" >&2; exit 1; }
flock -u 9

export PAIRED_TEST_NODE=$home/node_modules/node-linux-$arch/bin/node
export PAIRED_TEST_CLAUDE=$home/node_modules/@anthropic-ai/claude-code-linux-$arch/claude
export PAIRED_TEST_MODULES=$home/node_modules
for file in "$PAIRED_TEST_NODE" "$PAIRED_TEST_CLAUDE"; do
    [ -x "$file" ] || { echo "run.sh: $file is missing: remove $home and run again" >&2; exit 1; }
done

PAIRED_TEST_TALLY=$(mktemp)
export PAIRED_TEST_TALLY
trap 'rm -f "$PAIRED_TEST_TALLY"' EXIT
code=0
for each in $suites; do
    echo "--- $each"
    python3 "$here/$each.py" "$paired" || code=1
done
awk '{ p += $1; f += $2; s += $3 } END { printf "%d passed, %d failed, %d skipped\n", p, f, s; exit f > 0 || p == 0 }' \
    "$PAIRED_TEST_TALLY" || code=1
exit $code
