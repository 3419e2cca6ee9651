# What the scripts share. Source it after `set -euo pipefail`; gives $root (the checkout) and the
# functions below. Bash and the tools of a minimal Debian only: no Python.
# shellcheck shell=bash disable=SC2034

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

say() { printf '%s\n' "$*"; }
warn() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; }

# die CODE MESSAGE...: 2 = what the user gave or has is wrong, 1 = anything else.
die() {
    local code=$1
    shift
    warn "$*"
    exit "$code"
}

# usage: the comment at the head of the script, as help text.
usage() { awk 'NR > 1 && !/^#/ { exit } NR > 1 { sub(/^# ?/, ""); print }' "$0"; }

# jobs: compilers and tests that run at once.
jobs_at_once() { nproc 2>/dev/null || say 2; }

# quietly LOG COMMAND...: runs it with its output in LOG, which is shown only when it fails.
quietly() {
    local log=$1 code=0
    shift
    mkdir -p "$(dirname "$log")"
    "$@" >"$log" 2>&1 || code=$?
    if [ "$code" -ne 0 ]; then
        cat "$log" >&2
        warn "failed (exit code $code): $*"
    fi
    return "$code"
}
