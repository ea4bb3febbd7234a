#!/usr/bin/env bash
# What checkpoints cost those who use the store: puts on three nodes while every member writes a checkpoint, waits `pause` seconds and
# writes the next one, beside the same without any, in interleaved rounds. At the rates of a small machine the policy of 32 MiB of log
# makes about three seconds of it; 0 is the worst case, one checkpoint behind the other. Prints the median of each figure and its range,
# and the ratios.
set -euo pipefail
bin="$(realpath "${1:-build/bin}")" rounds="${2:-5}" seconds="${3:-6}" records="${4:-1000000}" pause="${5:-3}"
export PATH="$bin:$PATH"
work="$(mktemp -d "${TMPDIR:-/tmp}/kv-checkpoint-XXXXXX")"
export KV_CLUSTER="$work/cluster" KVD_OPTIONS="--checkpoint-mib 4096 --checkpoint-seconds 86400"
finish() {
    kvctl cluster destroy -q >/dev/null 2>&1 || true
    rm -rf "$work"
}
trap finish EXIT
kvctl cluster start --nodes 3 --partitions 1 -q >&2
kvbench run -w put -n "$records" --load-only -c 256 >/dev/null
kvctl checkpoint --timeout 60s >/dev/null

run() { kvbench run -w put -n "$records" --no-load -s "$seconds" -c 64 --seed "$2" -o json >>"$work/$1"; }

for round in $(seq "$rounds"); do
    run without "$round"
    kvctl checkpoint --timeout 60s >/dev/null # what was put meanwhile
    while :; do
        kvctl checkpoint --timeout 60s >/dev/null && echo >>"$work/written"
        sleep "$pause"
    done &
    checkpoints=$!
    run with "$round"
    kill "$checkpoints"
    wait "$checkpoints" 2>/dev/null || true
done

# figure FILE FILTER: median (least..most)
figure() {
    jq -s -r "[.[] | $2] | sort | \"\(.[length / 2 | floor]) (\(.[0])..\(.[-1]))\"" "$1"
}
# ratio FILTER: of with to without, round by round
ratio() {
    jq -n -r --slurpfile a "$work/with" --slurpfile b "$work/without" \
        "[[\$a, \$b] | transpose[] | (.[0] | $1) / (.[1] | $1) * 100 | round / 100] | sort | \"\(.[length / 2 | floor]) (\(.[0])..\(.[-1]))\""
}
throughput=.run.throughput p99='.run.by_operation.UPDATE.ok.p99_us'
printf '%-12s %-28s %s\n' checkpoints puts/s 'p99 us'
for kind in without with; do
    printf '%-12s %-28s %s\n' "$kind" "$(figure "$work/$kind" "$throughput | floor")" "$(figure "$work/$kind" "$p99")"
done
printf '%-12s %-28s %s\n' ratio "$(ratio "$throughput")" "$(ratio "$p99")"
echo "$(wc -l <"$work/written") checkpoints of each member of $records records in $((rounds * seconds)) s"
