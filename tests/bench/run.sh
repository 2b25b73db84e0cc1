#!/bin/sh
# Runs bench_mcp beside the npm memory server: tests/bench/run.sh BUILD [bench_mcp's options]
set -eu
build=${1:?usage: tests/bench/run.sh BUILD-DIRECTORY [options]}
shift
version=2026.8.31 # of @modelcontextprotocol/server-memory
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM

npm_script=
if command -v npm >/dev/null && command -v node >/dev/null &&
   npm install --silent --no-audit --no-fund --prefix "$work" \
       "@modelcontextprotocol/server-memory@$version" >"$work/npm.log" 2>&1; then
    npm_script="$work/node_modules/@modelcontextprotocol/server-memory/dist/index.js"
else
    echo "bench: SKIPPED: @modelcontextprotocol/server-memory could not be installed (node and npm needed):" >&2
    tail -n 3 "$work/npm.log" >&2 2>/dev/null || true
fi
echo "machine: $(nproc) cores, load $(cut -d' ' -f1-3 /proc/loadavg), Linux $(uname -r)"
"$build/tests/bench/bench_mcp" --paired "$build/bin/paired" --floor "$build/tests/bench/floor_server" \
    ${npm_script:+--npm "$npm_script"} "$@"
