#!/usr/bin/env bash
# The worked example of docs/crossbar.md, run as it stands there: every python and sh block in order,
# their output against the text blocks. The digits of the residual are rounding and are left out.
#
#   docs_crossbar_test.sh PROGRAM     PROGRAM: the attohm to run
set -euo pipefail
page=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)/docs/crossbar.md
program=$(realpath "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
mkdir bin && ln -s "$program" bin/attohm
export PATH=$work/bin:$PATH

# One file per block, numbered, named by its language.
awk '/^```[a-z]/ { language = substr($0, 4); name = sprintf("block%02d.%s", ++count, language); next }
     /^```$/ { name = ""; next }
     name != "" { print > name }' "$page"
ran=0
: >found.out && : >expected.out
for block in block*; do
    case $block in
        *.python) /usr/bin/python3 "$block" >>found.out && ran=$((ran + 1)) ;;
        *.sh) bash -euo pipefail "$block" >>found.out && ran=$((ran + 1)) ;;
        *.text) cat "$block" >>expected.out ;;
        *) echo "unknown block $block" && exit 1 ;;
    esac
done
[ "$ran" -ge 4 ] || { echo "the page has $ran blocks to run, expected 4" && exit 1; }
sed -i -E 's/(residual +)[0-9.e+-]+/\1.../' found.out expected.out
diff -u expected.out found.out || { echo "docs/crossbar.md does not say what the program does" && exit 1; }
echo "docs/crossbar.md: $ran blocks say what the program does"
