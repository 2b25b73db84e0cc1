#!/usr/bin/env bash
# run.sh WIRE_TOOL: what core/models/wire reads, writes and converts, against the packages that the vendors of the model
# APIs publish and an emulator of the APIs; pinned in package.json, installed from npm once (see ../npm.sh). Exit code 77
# when npm cannot be reached at all.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
[ -x "${1-}" ] || { echo "run.sh: the argument has to be the built wire_tool" >&2; exit 2; }
. "$here/../npm.sh"
install_clients "$here" apis --ignore-scripts
exec node "$here/apis.mjs" "$1" "$home/node_modules" "$here/../../fuzz/seeds/wire_read"
