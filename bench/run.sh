#!/usr/bin/env bash
# YCSB-A and pure puts at 1 and 64 clients on a 3-node cluster with sync on. One JSON object per run on stdout.
set -euo pipefail
bin="$(realpath "${1:-build/bin}")"
export PATH="$bin:$PATH"
work="$(mktemp -d "${TMPDIR:-/tmp}/kv-bench-XXXXXX")"
export KV_CLUSTER="$work/cluster"
finish() {
    kvctl cluster stop --dir "$KV_CLUSTER" >/dev/null 2>&1 || true
    rm -rf "$work"
}
trap finish EXIT
kvctl cluster start --dir "$KV_CLUSTER" --nodes 3 --partitions 2 >&2
kvbench run --workload a --records 10000 --load-only >&2
for clients in 1 64; do
    for workload in a put get; do
        echo "-- workload $workload, $clients clients" >&2
        kvbench run --workload "$workload" --records 10000 --no-load --seconds 8 --warmup 2 --clients "$clients" -o json
    done
done
