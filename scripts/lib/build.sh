# Configure and build one preset. Source it after common.sh.
# shellcheck shell=bash disable=SC2154

# build_preset PRESET [TARGET...]: configures where needed, then builds what changed.
build_preset() {
    local preset=$1 tree=$root/build/$1 fresh=() targets=()
    shift
    [ $# -gt 0 ] && targets=(--target "$@")

    # A build folder that came from elsewhere with the checkout begins anew.
    if [ -f "$tree/CMakeCache.txt" ] &&
        ! grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$root" "$tree/CMakeCache.txt"; then
        fresh=(--fresh)
    fi
    if [ ${#fresh[@]} -gt 0 ] || [ ! -f "$tree/build.ninja" ] ||
        [ "$root/CMakePresets.json" -nt "$tree/build.ninja" ]; then
        say "Configuring $preset"
        (cd "$root" && quietly "$root/build/log/configure-$preset.txt" \
            cmake --preset "$preset" "${fresh[@]}") || return 1
        touch "$tree/build.ninja"
    fi

    # Ninja draws its own progress on a terminal; a pipe gets failures only.
    say "Building $preset"
    local quiet=(-- --quiet)
    [ -t 1 ] && quiet=()
    (cd "$root" && cmake --build "$tree" --parallel "$(jobs_at_once)" "${targets[@]}" "${quiet[@]}")
}

# slowest_files PRESET COUNT: the longest compilations in the log of a build, in seconds.
slowest_files() {
    awk -F'\t' '
        !/^#/ && $4 ~ /\.o$/ { seconds[$4] = ($2 - $1) / 1000 }
        END {
            for (file in seconds) {
                name = file
                gsub(/CMakeFiles\/[^\/]*\.dir\//, "", name)
                sub(/\.o$/, "", name)
                printf "%8.1f s  %s\n", seconds[file], name
            }
        }' "$root/build/$1/.ninja_log" | sort -rn | awk -v count="$2" 'NR <= count'
}
