#!/usr/bin/env bash
# How throughput grows with partitions, on one machine: a partition is three nodes of its own, and every node has the same small share of
# a CPU, so that the machine stands for as many small ones. Updates of two keys each, closed loop, 256 clients per partition, each always
# beginning in the same one (a client that goes anywhere ends up waiting where the queue is longest, and leaves the other partitions
# idle); the share of commands on two partitions is 0, 1, 5 and 10 %. In interleaved rounds; prints medians and ranges, and ratios round by
# round.
#
# usage: bench/scaling.sh [BIN [ROUNDS [SECONDS [QUOTA_PERCENT]]]]
#   PARTITIONS="1 2 4 8" SHARES="0 1 5 10" RECORDS=2000 CLIENTS=256 REPLICAS=3 (of a partition)
#   KEEP=DIR (the JSON of every run is left there) PAGE=FILE.html (plots)
#
# Needs root, and cgroups of version 1 or 2 with the cpu controller. Data is below $TMPDIR: with it on tmpfs (the default here, if there is
# /dev/shm) the disk, which the nodes of one machine share, does not hide what the CPUs do.
set -euo pipefail
bin="$(realpath "${1:-build/bin}")" rounds="${2:-3}" seconds="${3:-6}" quota="${4:-3}"
partitions_list="${PARTITIONS:-1 2 4 8}" shares="${SHARES:-0 1 5 10}" records="${RECORDS:-2000}" clients="${CLIENTS:-256}" replicas="${REPLICAS:-3}"
export PATH="$bin:$PATH"
[ -n "${TMPDIR:-}" ] || { [ -w /dev/shm ] && TMPDIR=/dev/shm; }
work="$(mktemp -d "${TMPDIR:-/tmp}/kv-scaling-XXXXXX")"
export KV_CLUSTER="$work/cluster"
keep="${KEEP:-$work/results}"
mkdir -p "$keep"
period_us=20000
quota_us=$((period_us * quota / 100))
[ "$quota_us" -ge 1000 ] || { period_us=$((100000 / quota)) && quota_us=1000; } # the kernel takes no less

# Where groups of the cpu controller are made, and how.
if grep -qw cpu /sys/fs/cgroup/cgroup.controllers 2>/dev/null; then
    version=2 root=/sys/fs/cgroup
else
    version=1 root="$(awk '$3 == "cgroup" && $4 ~ /(^|,)cpu(,|$)/ { print $2; exit }' /proc/mounts)"
fi
[ -n "$root" ] && [ -w "$root" ] || {
    echo "scaling: no cgroup with the cpu controller that this user may change" >&2
    exit 77
}
parent="$root/kv-scaling-$$"

remove_groups() {
    [ -d "$parent" ] || return 0
    local group
    for group in "$parent"/*/ "$parent/"; do
        [ -d "$group" ] || continue
        # A process that has ended leaves its group within a moment.
        for _ in $(seq 50); do rmdir "$group" 2>/dev/null && break || sleep 0.1; done
    done
}
finish() {
    kvctl cluster destroy -q >/dev/null 2>&1 || true
    remove_groups
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM

# limit NAME PID: the process gets its share from now on.
limit() {
    mkdir -p "$parent/$1"
    if [ "$version" = 2 ]; then
        echo "$quota_us $period_us" >"$parent/$1/cpu.max"
    else
        echo "$period_us" >"$parent/$1/cpu.cfs_period_us"
        echo "$quota_us" >"$parent/$1/cpu.cfs_quota_us"
    fi
    echo "$2" >"$parent/$1/cgroup.procs"
}

# A cluster of N partitions: each on nodes of its own, and so is the oracle. kvctl finds the ports.
start_cluster() {
    local partitions="$1" file="$KV_CLUSTER/cluster.yaml" group
    kvctl cluster start --nodes $((replicas * (partitions + 1))) --partitions "$partitions" --timeout 60s -q >/dev/null
    kvctl cluster stop -q >/dev/null
    rm -rf "$KV_CLUSTER"/node-*
    sed -i '/^groups:/,$d' "$file"
    {
        echo "groups:"
        for group in $(seq 0 "$partitions"); do
            printf '  - id: %d\n    members: [%s]\n' "$group" "$(seq -s ', ' $((replicas * group + 1)) $((replicas * (group + 1))))"
        done
    } >>"$file"
    kvctl cluster start --timeout 60s -q >/dev/null
    kvbench run -w put -n $((records * partitions)) --load-only -c 256 >/dev/null
    mkdir "$parent"
    if [ "$version" = 2 ]; then
        echo +cpu >"$root/cgroup.subtree_control"
        echo +cpu >"$parent/cgroup.subtree_control"
    fi
    for node in "$KV_CLUSTER"/node-*; do limit "${node##*/}" "$(cat "$node/pid")"; done
}
stop_cluster() {
    kvctl cluster destroy -q >/dev/null
    remove_groups
}

# node periods throttled: of every node, since its group was made.
throttling() {
    local group
    for group in "$parent"/node-*/; do
        awk -v node="${group//[^0-9\/]/}" '/^nr_periods/ { p = $2 } /^nr_throttled/ { split(node, part, "/"); n = part[length(part) - 1]; print n, p, $2 }' "$group/cpu.stat"
    done | sort -n
}

# limited BEFORE AFTER: how often nodes have been stopped by their share between two readings, in percent of the time: of each partition
# the busiest node, and of these the least. Close to 100 says that the throughput is that of the shares, and of nothing else.
limited() {
    join <(sort <<<"$1") <(sort <<<"$2") | awk -v replicas="$replicas" '
        $4 > $2 { share = 100 * ($5 - $3) / ($4 - $2); group = int(($1 - 1) / replicas); if (group > 0 && share > most[group]) most[group] = share }
        END { least = 100; for (group in most) if (most[group] < least) least = most[group]; print int(least) }'
}

# idle_ticks; all_ticks: of all CPUs, since boot.
ticks() { awk '/^cpu / { print $5 + $6, $2 + $3 + $4 + $5 + $6 + $7 + $8 + $9 }' /proc/stat; }

for round in $(seq "$rounds"); do
    for partitions in $partitions_list; do
        start_cluster "$partitions"
        for share in $shares; do
            [ "$partitions" -gt 1 ] || [ "$share" = 0 ] || continue
            read -r idle_before all_before < <(ticks)
            throttled_before="$(throttling)"
            kvbench run -w put -n $((records * partitions)) --no-load --clients $((clients * partitions)) --threads $(((clients * partitions + 1023) / 1024)) --seconds "$seconds" --warmup 2 \
                --keys-per-command 2 --multi "$share" --pinned --seed "$round" --timeout 20s -o json >"$work/run"
            read -r idle_after all_after < <(ticks)
            jq --argjson partitions "$partitions" --argjson share "$share" --argjson round "$round" --argjson quota "$quota" \
                --argjson limited "$(limited "$throttled_before" "$(throttling)")" \
                --argjson idle "$(((idle_after - idle_before) * 100 / (all_after - all_before)))" \
                '. + {scaling: {partitions: $partitions, share: $share, round: $round, quota_percent: $quota, idle_percent: $idle, limited_percent: $limited}}' \
                "$work/run" >"$keep/scaling-$partitions-$share-$round.json"
            echo "round $round, $partitions partitions, $share %: $(jq '.run.throughput | floor' "$work/run")/s" >&2
        done
        stop_cluster
    done
done

[ -z "${PAGE:-}" ] || kvbench report "$keep"/scaling-*.json >"$PAGE"
jq -s -r '
    def middle: sort | .[length / 2 | floor];
    def figure(digits): (pow(10; digits)) as $p | map(. * $p | round / $p) | "\(middle) (\(min)..\(max))";
    def of($p; $s): [.[] | select(.scaling.partitions == $p and .scaling.share == $s)] | sort_by(.scaling.round);
    # round by round: of these runs to those
    def ratio($a; $b): [[$a, $b] | transpose[] | .[0].run.throughput / .[1].run.throughput];
    . as $all | ([.[].scaling.partitions] | unique) as $ps | ([.[].scaling.share] | unique) as $ss
    | "| partitions | on two partitions | commands/s | to one partition, of linear | to 0 % | p50 ms | p99 ms | at the limit % | idle CPU % |",
      "|---|---|---|---|---|---|---|---|---|",
      ($ps[] as $p | $ss[] as $s | ($all | of($p; $s)) as $runs | select($runs | length > 0)
        | ($all | of($ps[0]; 0)) as $one | ($all | of($p; 0)) as $none
        | "| \($p) | \($s) % | \([$runs[].run.throughput] | figure(0)) "
          + "| \([ratio($runs; $one)[] / $p * $ps[0]] | figure(2)) | \(ratio($runs; $none) | figure(2)) "
          + "| \([$runs[].run.all.p50_us / 1000] | figure(1)) | \([$runs[].run.all.p99_us / 1000] | figure(1)) "
          + "| \([$runs[].scaling.limited_percent] | figure(0)) "
          + "| \([$runs[].scaling.idle_percent] | figure(0)) |")' "$keep"/scaling-*.json
