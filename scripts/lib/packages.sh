# What a build needs from Debian 12, and what of it is missing. Source it after common.sh.
# shellcheck shell=bash disable=SC2154

# Libraries, known by their package; catch2 and libfftw3-dev (which judges our transforms) for the tests alone.
library_packages=(
    libboost-dev nlohmann-json3-dev libeigen3-dev libopenblas-dev libhdf5-dev catch2
    libyaml-cpp-dev libcli11-dev libfmt-dev librandom123-dev libdeflate-dev
    libfftw3-dev
)
# Programs, known by their command: one that came another way serves as well.
program_packages=(g++:g++ ninja:ninja-build h5diff:hdf5-tools npm:npm)
# For the tests of the Python exporter, which compare with PyTorch itself.
python_packages=(python3 python3-numpy python3-h5py python3-torch)
# Programs that the tests alone call: the circuit simulator that judges wires and cells.
test_programs=(ngspice:ngspice)
cmake_needed=3.25

# at_least NEEDED FOUND: versions compared number by number.
at_least() { [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]; }

# installed PACKAGE...: those of them that are installed (dpkg-query fails where it knows one not).
installed() {
    { dpkg-query -W -f='${db:Status-Abbrev} ${Package}\n' "$@" 2>/dev/null || true; } |
        awk '$1 ~ /^.i$/ { print $2 }'
}

# missing_packages [tests]: prints what has to be installed, one package a line.
missing_packages() {
    local wanted=("${library_packages[@]}") programs=("${program_packages[@]}") entry have found
    [ "${1:-}" = tests ] && wanted+=("${python_packages[@]}") && programs+=("${test_programs[@]}")
    have=" $(installed "${wanted[@]}" | tr '\n' ' ')"
    for entry in "${wanted[@]}"; do
        case $have in *" $entry "*) ;; *) say "$entry" ;; esac
    done
    for entry in "${programs[@]}"; do
        command -v "${entry%%:*}" >/dev/null || say "${entry#*:}"
    done
    found=$(cmake --version 2>/dev/null | awk 'NR == 1 { print $3 }') || true
    at_least "$cmake_needed" "${found:-0}" || say cmake
}

can_install() { [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; }

# install_packages PACKAGE...: as root with apt; otherwise says what to do and leaves with 2.
install_packages() {
    local line="apt-get install --no-remove --no-install-recommends $*"
    if ! can_install; then
        warn "these Debian 12 packages are missing, and installing them takes root and apt:"
        say "    $line" >&2
        exit 2
    fi
    say "Installing: $*"
    export DEBIAN_FRONTEND=noninteractive
    quietly "$root/build/log/apt.txt" apt-get update ||
        warn "the package lists could not be renewed; trying with those that are here"
    quietly "$root/build/log/apt.txt" apt-get -y --no-remove --no-install-recommends install "$@" ||
        die 1 "apt could not install the packages; by hand: $line"
}
