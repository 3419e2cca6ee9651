#!/usr/bin/env bash
# shellcheck disable=SC2016  # the stand-ins expand their own variables
# scripts/setup against a pretended machine: dpkg-query, apt-get, id and the compilers are small
# stand-ins in a folder of their own, so that nothing is installed and no network is used.
set -euo pipefail
source_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0

# A copy of the scripts, and stand-ins that note how they were called.
mkdir -p "$work/tree/scripts" "$work/bin"
cp -r "$source_root/scripts/setup" "$source_root/scripts/lib" "$work/tree/scripts/"
stand_in() { printf '#!/bin/bash\n%s\n' "$2" >"$work/bin/$1" && chmod +x "$work/bin/$1"; }
printf '#!/bin/bash\nexit "${VEGA_CODE:-0}"\n' >"$work/tree/scripts/fetch_vega"
chmod +x "$work/tree/scripts/fetch_vega"
stand_in apt-get 'echo "$DEBIAN_FRONTEND apt-get $*" >>"$CALLS"; exit "${APT_CODE:-0}"'
stand_in id 'echo "${PRETENDED_UID:-0}"'
stand_in cmake 'echo "cmake version ${PRETENDED_CMAKE:-3.25.1}"'
# Like the real one: prints what it knows and fails where it does not know a package.
stand_in dpkg-query 'code=0
for package in "${@:3}"; do
    case " $ABSENT " in *" $package "*) code=1 ;; *) echo "ii  $package" ;; esac
done
exit $code'
for tool in bash sh awk sort head tr grep cat mkdir dirname basename timeout touch nproc; do
    ln -s "$(command -v $tool)" "$work/bin/$tool"
done
programs="g++ ninja h5diff npm ngspice"

# run EXPECTED_CODE ARGUMENT...: calls setup on the pretended machine.
run() {
    local expected=$1 code=0 tool
    shift
    for tool in $programs; do rm -f "$work/bin/$tool"; done
    for tool in $programs; do
        case " ${ABSENT_PROGRAMS:-} " in *" $tool "*) ;; *) stand_in "$tool" 'exit 0' ;; esac
    done
    : >"$work/calls"
    env -i PATH="$work/bin" CALLS="$work/calls" ABSENT="${ABSENT:-}" APT_CODE="${APT_CODE:-0}" \
        VEGA_CODE="${VEGA_CODE:-0}" PRETENDED_UID="${PRETENDED_UID:-0}" \
        PRETENDED_CMAKE="${PRETENDED_CMAKE:-3.25.1}" \
        "$work/tree/scripts/setup" "$@" >"$work/out" 2>&1 || code=$?
    [ "$code" -eq "$expected" ] || fail "setup $*: exit code $code, expected $expected"
}
fail() {
    echo "FAILED: $1"
    sed 's/^/    output: /' "$work/out"
    sed 's/^/    calls:  /' "$work/calls"
    failures=$((failures + 1))
}
expect_calls() { [ "$(cat "$work/calls")" = "$1" ] || fail "apt calls, expected: $1"; }
expect_said() { grep -qF -- "$1" "$work/out" || fail "message, expected: $1"; }

options="--no-remove --no-install-recommends"

run 0
expect_calls ""

ABSENT="libfmt-dev catch2" ABSENT_PROGRAMS="ninja" run 0
expect_calls "noninteractive apt-get update
noninteractive apt-get -y $options install catch2 libfmt-dev ninja-build"

PRETENDED_CMAKE=3.9.2 run 0
expect_calls "noninteractive apt-get update
noninteractive apt-get -y $options install cmake"

ABSENT="python3-h5py" run 0
expect_calls ""
ABSENT="python3-h5py" run 0 --tests
expect_calls "noninteractive apt-get update
noninteractive apt-get -y $options install python3-h5py"

ABSENT_PROGRAMS="ngspice" run 0
expect_calls ""
ABSENT_PROGRAMS="ngspice" run 0 --tests
expect_calls "noninteractive apt-get update
noninteractive apt-get -y $options install ngspice"

ABSENT="libfmt-dev" ABSENT_PROGRAMS="npm" PRETENDED_UID=1000 run 2
expect_calls ""
expect_said "apt-get install $options libfmt-dev npm"

ABSENT_PROGRAMS="npm" PRETENDED_UID=1000 run 0
expect_calls ""
expect_said "without npm"

ABSENT="libfmt-dev" APT_CODE=100 run 1
expect_said "apt-get install $options libfmt-dev"

VEGA_CODE=1 run 0
expect_said "the plot library could not be fetched"

run 2 --verbose
expect_said "unknown option --verbose"
run 2 fast
expect_said "unknown preset fast"

[ "$failures" -eq 0 ] && echo "setup: all checks passed"
exit "$((failures > 0))"
