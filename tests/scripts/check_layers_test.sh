#!/usr/bin/env bash
# scripts/check_layers on a copy of the sources: the right tree passes, each planted fault is found.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0

# copy: a fresh tree with the C++ and CMake files only.
copy() {
    rm -rf "$work/tree"
    mkdir "$work/tree"
    (cd "$root" && find src crossbar circuits workloads -type f \
        \( -name '*.[chi]pp' -o -name '*.inl' -o -name CMakeLists.txt \) -exec cp --parents -t "$work/tree" {} +)
}
# expect CODE TEXT WHAT: the check ends with CODE and its output holds TEXT.
expect() {
    local code=0
    "$root/scripts/check_layers" "$work/tree" >"$work/out" 2>&1 || code=$?
    if [ "$code" -ne "$1" ] || ! grep -qF -- "$2" "$work/out"; then
        echo "FAILED: $3 (exit code $code, expected $1; looked for: $2)"
        sed 's/^/    /' "$work/out"
        failures=$((failures + 1))
    fi
}
# plant FILE LINE TEXT: LINE in FILE of a fresh copy is reported with TEXT.
plant() {
    copy
    mkdir -p "$(dirname "$work/tree/$1")"
    printf '%s\n' "$2" >>"$work/tree/$1"
    expect 1 "$3" "planted in $1: $2"
}

copy
expect 0 "includes in order" "the tree as it is"

plant src/base/units.hpp '#include "src/work/work.hpp"' "src/base may not use src/work"
plant crossbar/device.cpp '  #  include "circuits/digital.hpp"' "crossbar may not use circuits"
plant workloads/trace.hpp '#include "src/schemes/sprint.hpp"' "workloads may not use src/schemes"
plant src/machine/planted.inl '#include "workloads/trace.hpp"' "src/machine may not use workloads"
plant src/machine/planted.cpp '#include "crossbar/device/device.hpp"' "src/machine may not use crossbar"
plant src/report/planted.cpp '#include "src/app/commands.hpp"' "src/report may not use src/app"
plant src/base/error.cpp '#include "error.hpp"' '"error.hpp" is not a path from the root'
plant src/tile/planted.cpp '#include "tests/reference/sprint_reference.hpp"' "is not a path from the root"
plant src/shortcut/planted.cpp '#include "src/base/error.hpp"' "src/shortcut is not in the table"
plant crossbar/CMakeLists.txt 'target_link_libraries(attohm_crossbar PUBLIC attohm_tile)' \
    "crossbar may not use src/tile"
plant src/base/settings.hpp '#include <yaml-cpp/yaml.h>' "a heavy header belongs into a .cpp file"
plant src/report/report.hpp '#include <nlohmann/json.hpp>' "a heavy header belongs into a .cpp file"
plant src/sweep/planted.cpp '#include <CLI/CLI.hpp>' "CLI11 belongs into src/app only"

[ "$failures" -eq 0 ] && echo "check_layers: all checks passed"
exit "$((failures > 0))"
