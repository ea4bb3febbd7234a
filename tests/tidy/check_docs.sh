#!/usr/bin/env bash
# The documentation keeps up with the code:
#   1. every relative link in a *.md file leads to something;
#   2. every numbered invariant in a header ("Invariants. R1 ..." and the lines below it) has a row in
#      docs/invariants.md, under the heading that links to that header, and every row is still in its header.
# usage: check_docs.sh [ROOT]
set -euo pipefail
cd "${1:-$(dirname "$0")/../..}"
invariants=docs/invariants.md
status=0
complain() { echo "check_docs: $*"; status=1; }

# Files of the project, committed or about to be.
files() { git ls-files --cached --others --exclude-standard -- "$@" | while read -r file; do [ -f "$file" ] && echo "$file"; done; }

# "line target" for each link outside of code.
links_of() {
    awk '/^```/ { code = !code; next }
         code || /^    / { next }
         { line = $0; gsub(/`[^`]*`/, "", line)
           while (match(line, /\]\([^)]*\)/)) {
               print NR, substr(line, RSTART + 2, RLENGTH - 3)
               line = substr(line, RSTART + RLENGTH) } }' "$1"
}

while read -r file; do
    while read -r line target; do
        case "$target" in
            http://* | https://* | mailto:* | '#'*) continue ;;
        esac
        [ -e "$(dirname "$file")/${target%%#*}" ] || complain "$file:$line: nothing is at $target"
    done < <(links_of "$file")
done < <(files '*.md')

# "header number" for each invariant in the comment that begins a header.
declared() {
    files '*.h' | while read -r header; do
        awk -v header="$header" '
            / (Invariants|Rules)\. / { on = 1 }
            on && match($0, /^ \* +((Invariants|Rules)\. +)?[A-Z][0-9]+ /) {
                split(substr($0, RSTART, RLENGTH), words, " ")
                for (i in words) if (words[i] ~ /^[A-Z][0-9]+$/) print header, words[i] }
            on && /\*\// { exit }' "$header"
    done | sort -u
}

# The same out of the table.
documented() {
    awk '/^## / { header = match($0, /\]\(\.\.\/[^)]*\)/) ? substr($0, RSTART + 5, RLENGTH - 6) : "" }
         header != "" && match($0, /^\| [A-Z][0-9]+ \|/) { split($0, words, " "); print header, words[2] }' "$invariants" | sort -u
}

if [ ! -f "$invariants" ]; then
    complain "$invariants does not exist"
else
    while read -r header number; do
        complain "$header declares $number, but $invariants has no row for it"
    done < <(comm -23 <(declared) <(documented))
    while read -r header number; do
        complain "$invariants has a row for $number of $header, but the header does not declare it"
    done < <(comm -13 <(declared) <(documented))
fi

[ "$status" = 0 ] && echo "check_docs: ok, $(declared | wc -l) invariants"
exit "$status"
