#!/usr/bin/env bash
# The three policies side by side: the bank on four partitions of three nodes, in interleaved rounds, every run on accounts of its
# own that begin at home. Twice: transfers between any accounts, and each client between two accounts of its own. Prints the median
# of each figure and its range.
set -euo pipefail
bin="$(realpath "${1:-build/bin}")" rounds="${2:-5}" seconds="${3:-4}"
export PATH="$bin:$PATH"
work="$(mktemp -d "${TMPDIR:-/tmp}/kv-policies-XXXXXX")"
export KV_CLUSTER="$work/cluster"
finish() {
    kvctl cluster destroy -q >/dev/null 2>&1 || true
    rm -rf "$work"
}
trap finish EXIT
kvctl cluster start --nodes 3 --partitions 4 -q >&2

for shape in random pairs; do
    pairs="" && [ "$shape" = pairs ] && pairs=--pairs
    for round in $(seq "$rounds"); do
        for policy in exchange borrow move; do
            kvbench bank --accounts 64 --clients 8 --audits 0 --moves 0 --seconds "$seconds" --policy "$policy" $pairs \
                --prefix "$shape$round$policy" -o json >>"$work/$shape-$policy"
        done
    done
done

# figure FILE FILTER: median (least..most)
figure() {
    jq -s -r "[.[] | $2] | sort | \"\(.[length / 2 | floor]) (\(.[0])..\(.[-1]))\"" "$1"
}
printf '%-7s %-9s %-28s %-28s %-24s %-20s %s\n' accounts policy 'p50 us' 'p99 us' 'transfers/s' 'partitions' 'messages'
for shape in random pairs; do
    for policy in exchange borrow move; do
        file="$work/$shape-$policy"
        printf '%-8s %-9s %-28s %-28s %-24s %-20s %s\n' "$shape" "$policy" "$(figure "$file" .transfers.p50_us)" \
            "$(figure "$file" .transfers.p99_us)" "$(figure "$file" '.transfers.ok * 1000000 / .runtime_us | floor')" \
            "$(figure "$file" '.partitions_per_transfer * 100 | round / 100')" \
            "$(figure "$file" '.messages_per_answer * 10 | round / 10')"
    done
done
