#!/bin/sh
# fuzz.sh BUILD [SECONDS]: runs every libFuzzer target for a while on its seeds; new inputs stay in the build tree.
set -eu
build=$1
seconds=${2:-60}
root=$(cd "$(dirname "$0")/.." && pwd)
status=0
for target in "$build"/tests/fuzz/libfuzzer_*; do
    [ -x "$target" ] || continue
    name=$(basename "$target" | sed 's/^libfuzzer_//')
    mkdir -p "$build/corpus/$name"
    echo "fuzz: $name, $seconds s"
    "$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -artifact_prefix="$build/corpus/" \
        "$build/corpus/$name" "$root/tests/fuzz/seeds/$name" 2>"$build/corpus/$name.log" || {
        echo "fuzz: $name FAILED, see $build/corpus/$name.log" >&2
        status=1
    }
done
exit $status
