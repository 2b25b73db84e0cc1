#!/usr/bin/env bash
# run.sh vscode|nvim|emacs PAIRED [PICTURE.png]
#
# A real editor with paired in it, headless: what it shows and what happens when somebody works in it. VS Code is
# code-server (pinned, from npm) in Debian's Chromium with the extension packed as users get it; Neovim and Emacs are
# Debian's. Ends with "N passed, N failed, N skipped"; exit code 0, 1, or 77 when npm cannot be reached at all.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
suite=${1-}
[ -x "${2-}" ] || { sed -n '2,7s/^# \{0,1\}//p' "$0" >&2; exit 2; }
paired=$(realpath "$2")
picture=${3-}

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

cannot() {
    echo "0 passed, 0 failed, 1 skipped: SKIPPED, $1"
    exit 77
}

vscode() {
    [ -x /usr/bin/chromium ] || cannot "there is no chromium"
    . "$here/../clients/npm.sh"
    # Its native modules are built against the pinned Node itself, whose headers come with its package.
    export npm_config_ignore_scripts=false
    install_vscode
    local node=$home/node_modules/node-linux-$arch/bin
    export PATH=$node:$PATH NODE_PATH=$home/node_modules
    pack "$node/node" "$here/../../editors/vscode" paired
    pack "$node/node" "$here/floor" floor
    exec_node "$node/node" "$here/vscode.mjs" --modules "$home/node_modules" --vsix "$scratch/paired.vsix" \
        --floor "$scratch/floor.vsix" --paired "$paired" ${picture:+--picture "$picture"}
}

install_vscode() {
    # Two steps: Node first, because the second one compiles against it.
    install_clients "$here" editors --ignore-scripts
    [ -e "$home/compiled" ] && return 0
    local node=$home/node_modules/node-linux-$arch
    echo "run.sh: compiling VS Code's native modules" >&2
    (cd "$home" && PATH=$node/bin:$PATH npm_config_nodedir=$node npm rebuild --foreground-scripts code-server argon2 \
        >compile.log 2>&1) || { tail -20 "$home/compile.log" >&2; cannot "VS Code's native modules cannot be compiled here"; }
    touch "$home/compiled"
}

# As users get it: bundled, packed, installed from the package.
pack() { # NODE FOLDER NAME
    local node=$1 extension=$scratch/$3
    cp -r "$2" "$extension"
    rm -rf "$extension/node_modules" "$extension/dist"
    [ -e "$extension/LICENSE" ] || cp "$here/../../LICENSE" "$extension/"
    if [ -e "$extension/build.mjs" ]; then
        ln -s "$home/node_modules" "$extension/node_modules"
        "$node" "$home/node_modules/esbuild/install.js" >/dev/null 2>&1 || true
        (cd "$extension" && "$node" build.mjs)
        rm "$extension/node_modules"
    fi
    (cd "$extension" && "$node" "$home/node_modules/@vscode/vsce/vsce" package --no-dependencies \
        -o "$scratch/$3.vsix") >"$scratch/vsce.log" 2>&1 || { cat "$scratch/vsce.log" >&2; exit 1; }
    if grep -i warning "$scratch/vsce.log"; then
        echo "run.sh: vsce has something to say" >&2
        exit 1
    fi
}

exec_node() {
    local status=0
    "$@" || status=$?
    exit $status
}

case "$suite" in
vscode) vscode ;;
nvim) command -v nvim >/dev/null || cannot "there is no Neovim"; exec_node python3 "$here/neovim.py" "$paired" ;;
emacs) command -v emacs >/dev/null || cannot "there is no Emacs"; exec_node python3 "$here/emacs.py" "$paired" ;;
*)
    echo "run.sh: vscode, nvim or emacs" >&2
    exit 2
    ;;
esac
