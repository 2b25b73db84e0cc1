#!/usr/bin/env bash
# run.sh [all|conformance|claude|plugin|setup|inspector|acp|gateway] PAIRED
#
# Runs paired with real clients. What they are is pinned in package.json and package-lock.json; they are installed
# from npm once, without their install scripts, into $PAIRED_TEST_CLIENTS_CACHE (default: paired-test-clients in the
# user's cache directory). Ends with "N passed, N failed, N skipped"; exit code 0, 1, or 77 when npm cannot be
# reached at all.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
suite=${1:-all}
case "$suite" in
all) suites="conformance claude plugin setup inspector acp gateway" ;;
conformance | claude | plugin | setup | inspector | acp | gateway) suites=$suite ;;
*)
    sed -n '2,7s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac
[ -x "${2-}" ] || { echo "run.sh: the second argument has to be the built program" >&2; exit 2; }
paired=$(realpath "$2")

. "$here/npm.sh"
install_clients "$here" clients --ignore-scripts

export PAIRED_TEST_NODE=$home/node_modules/node-linux-$arch/bin/node
export PAIRED_TEST_CLAUDE=$home/node_modules/@anthropic-ai/claude-code-linux-$arch/claude
export PAIRED_TEST_MODULES=$home/node_modules
for file in "$PAIRED_TEST_NODE" "$PAIRED_TEST_CLAUDE"; do
    [ -x "$file" ] || { echo "run.sh: $file is missing: remove $home and run again" >&2; exit 1; }
done

# Three more, large ones, only where they are wanted.
case " $suites " in
*" setup "*)
    install_clients "$here/others" "other clients" --ignore-scripts
    export PAIRED_TEST_OTHERS=$home/node_modules
    ;;
esac

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
