#!/usr/bin/env bash
# Line coverage of each directory from a coverage build. usage: coverage.sh BUILD
set -euo pipefail
build="$(realpath "$1")"
cd "$(dirname "$0")/.."
root="$PWD"
find "$build" -name '*.gcda' -not -path '*/tests/*' | while read -r data; do
    gcov -n -o "$(dirname "$data")" "$data" 2>/dev/null
done | awk -v root="$root/" '
    /^File / { file = $2; gsub(/\x27/, "", file); sub(root, "", file) }
    /^Lines executed:/ && file !~ /^(\/|tests)/ {
        split($0, part, /[:% ]+/); lines = part[5]; percent = part[3]
        if (!(file in total) || percent > best[file]) { best[file] = percent; total[file] = lines }
    }
    END {
        for (file in total) {
            directory = file; sub(/\/[^\/]*$/, "", directory)
            all[directory] += total[file]; hit[directory] += total[file] * best[file] / 100
        }
        for (directory in all) printf "%6.1f %%  %5d lines  %s\n", 100 * hit[directory] / all[directory], all[directory], directory
    }' | sort -k4
