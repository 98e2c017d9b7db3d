# Why: what the scripts beside this file share: where the repository is, what has to be installed, and how to build.
# Source it; it runs nothing by itself. Bash 4.4 or later.

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# say TEXT: a step, for the person who watches.
say() { printf '\n== %s\n' "$*"; }

# fail TEXT: ends the script.
fail() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# have COMMAND
have() { command -v "$1" >/dev/null 2>&1; }

# install PACKAGE...: Debian packages, as root or through sudo. Returns 1, having said why, when it cannot.
install() {
    local run=()
    if [[ $(id -u) -ne 0 ]]; then
        if ! have sudo; then
            printf 'cannot install %s: neither root nor sudo\n' "$*" >&2
            return 1
        fi
        run=(sudo)
    fi
    if ! have apt-get; then
        printf 'cannot install %s: there is no apt-get on this system\n' "$*" >&2
        return 1
    fi
    say "Installing $*"
    "${run[@]}" apt-get update -qq &&
        "${run[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"
}

# has_zeromq: whether a C program would find the header of libzmq.
has_zeromq() {
    local compiler
    for compiler in clang cc gcc; do
        if have "$compiler"; then
            printf '#include <zmq.h>\n' | "$compiler" -E -x c - >/dev/null 2>&1
            return
        fi
    done
    [[ -e /usr/include/zmq.h || -e /usr/local/include/zmq.h ]]
}

# require_tools: the Swift toolchain, git (the package manager needs it) and libzmq.
require_tools() {
    have swift || fail "swift is not on the PATH; install a Swift toolchain, 6.2 or later, from https://www.swift.org/install"
    local version
    version=$(swift --version 2>/dev/null | sed -nE 's/.*Swift version ([0-9]+)\.([0-9]+).*/\1 \2/p' | head -n 1)
    local major minor
    read -r major minor <<<"$version"
    if ((${major:-0} < 6 || (${major:-0} == 6 && ${minor:-0} < 2))); then
        fail "this needs Swift 6.2 or later, and swift --version says: $(swift --version 2>&1 | head -n 1)"
    fi
    have git || install git ca-certificates || fail "git is missing; install it by hand: apt-get install git"
    has_zeromq || install libzmq3-dev ||
        fail "the header of libzmq is missing; install it by hand: apt-get install libzmq3-dev"
}

# build LOG [OPTION...]: a release build with its output in LOG; a warning is as bad as an error.
build() {
    local log=$1
    shift
    mkdir -p "$(dirname "$log")"
    if ! (cd "$repository" && swift build -c release "$@") >"$log" 2>&1; then
        cat "$log" >&2
        fail "the build failed; its output is above and in $log"
    fi
    if grep -E '(^|[^a-zA-Z])warning:' "$log" >&2; then
        fail "the build printed warnings; they are above and in $log"
    fi
}
