# Sourced: install_clients FOLDER PREFIX [npm options] installs what FOLDER's package-lock.json pins, once, into
# $PAIRED_TEST_CLIENTS_CACHE (default: paired-test-clients in the user's cache directory), and sets `home` to the place.
# Ends the script with code 77 and a loud line when npm cannot be reached at all.

case "$(uname -m)" in
x86_64) arch=x64 ;;
aarch64) arch=arm64 ;;
*) echo "npm.sh: no client is published for $(uname -m)" >&2; exit 1 ;;
esac

# Is it the network, or something that has to be looked at?
npm_unreachable() {
    local said
    said=$(npm view node-linux-$arch version --prefer-online --fetch-retries=0 --fetch-timeout=20000 2>&1) && return 1
    grep -qE 'ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ENETUNREACH|EHOSTUNREACH|ETIMEDOUT|ECONNRESET' <<<"$said"
}

npm_install() { # FOLDER PREFIX npm-options…
    local from=$1 prefix=$2
    shift 2
    [ -e "$home/installed" ] && return 0
    command -v npm >/dev/null || { echo "npm.sh: npm is missing (Debian: apt-get install npm)" >&2; return 1; }
    mkdir -p "$home"
    cp "$from/package.json" "$from/package-lock.json" "$home/"
    echo "npm.sh: installing the $prefix into $home" >&2
    if (cd "$home" && npm ci --no-audit --no-fund --loglevel=error "$@" >npm.log 2>&1); then
        touch "$home/installed"
        return 0
    fi
    cat "$home/npm.log" >&2
    if npm_unreachable; then
        echo "0 passed, 0 failed, 1 skipped: SKIPPED, npm cannot be reached and no $prefix are installed"
        exit 77
    fi
    return 1
}

install_clients() { # FOLDER PREFIX npm-options…
    local cache=${PAIRED_TEST_CLIENTS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/paired-test-clients} from=$1 prefix=$2 key
    key=$(cat "$from/package.json" "$from/package-lock.json" | sha256sum | cut -c1-16)
    home=$cache/$key
    mkdir -p "$cache"
    exec 9>"$cache/lock"
    flock 9
    npm_install "$@" || { echo "npm.sh: the $prefix could not be installed" >&2; exit 1; }
    flock -u 9
}
