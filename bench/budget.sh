#!/usr/bin/env bash
# Instructions per operation at client, leader and follower, counted by callgrind: the same in every run with the same compiler and
# libraries. Prints a table; with --check compares it with BUDGET.md and fails if one has grown by more than a tenth (and 20: some are small).
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
bin="$(realpath "${1:-$here/../build/bin}")" check="${2:-}"
work="$(mktemp -d "${TMPDIR:-/tmp}/kv-budget-XXXXXX")"
trap 'rm -rf "$work"' EXIT

# counts OPERATION OPERATIONS IN_FLIGHT: "role instructions" with what is called from there.
counts() {
    valgrind --tool=callgrind --callgrind-out-file="$work/$1-$2" "$bin/kvbudget" "$1" "$2" "$3" >/dev/null 2>"$work/log" || {
        cat "$work/log" >&2
        exit 1
    }
    callgrind_annotate --auto=no --inclusive=yes --threshold=100 "$work/$1-$2" |
        sed -nE 's/^ *([0-9,]+) [^=]*:budget_(client|leader|follower) .*$/\2 \1/p' | tr -d ,
}

# What twice as many operations need more is what operations need.
per_operation() {
    local few=2000 many=4000
    join <(counts "$1" "$few" "$2" | sort) <(counts "$1" "$many" "$2" | sort) |
        awk -v n=$((many - few)) -v op="$1" -v flight="$2" '{
            count = ($3 - $2) / n
            if ($1 == "follower") count /= 2 # there are two
            printf "%s %s %s %d\n", op, flight, $1, count
        }'
}

for operation in put get; do
    for in_flight in 1 64; do
        per_operation "$operation" "$in_flight"
    done
done >"$work/found"

printf '| operation | in flight | role | instructions |\n|---|---|---|---|\n'
awk '{ printf "| %s | %s | %s | %s |\n", $1, $2, $3, $4 }' "$work/found"
[ "$check" = --check ] || exit 0

sed -nE 's/^\| (put|get) \| ([0-9]+) \| ([a-z]+) \| ([0-9]+) \|$/\1 \2 \3 \4/p' "$here/BUDGET.md" >"$work/budget"
awk 'NR == FNR { budget[$1 " " $2 " " $3] = $4; next }
    { key = $1 " " $2 " " $3; seen++ }
    !(key in budget) { print "not in BUDGET.md: " key; bad = 1; next }
    $4 > budget[key] * 1.1 + 20 { printf "%s: %d instructions, the budget is %d\n", key, $4, budget[key]; bad = 1 }
    END { if (seen != 12) { print "counted " seen " of 12 figures"; bad = 1 } exit bad }' "$work/budget" "$work/found"
echo "within the budget"
