#!/usr/bin/env bash
# What one operation asks of the system, on a real cluster of three nodes with one partition: system calls and context switches by role,
# syncs, and bytes written to the log. It depends a little on how much comes together in a turn, so it is printed, not checked. Needs
# perf (linux-perf) with tracepoints, so root.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
bin="$(realpath "${1:-$here/../build/bin}")" seconds="${2:-5}"
export PATH="$bin:$PATH"
perf stat -e raw_syscalls:sys_enter -- true 2>/dev/null || { echo "perf cannot count system calls here" >&2; exit 1; }
work="$(mktemp -d "${TMPDIR:-/tmp}/kv-budget-XXXXXX")"
export KV_CLUSTER="$work/cluster"
trap 'kvctl cluster destroy -q >/dev/null 2>&1; rm -rf "$work"' EXIT
kvctl cluster start --nodes 3 --partitions 1 >/dev/null
kvbench run -w put -n 1000 --load-only >/dev/null 2>&1

events=context-switches,raw_syscalls:sys_enter
for call in getpid poll ppoll epoll_wait epoll_ctl sendto recvfrom read write pwrite64 fdatasync futex; do
    events="$events,syscalls:sys_enter_$call"
done

# calls FILE OPERATIONS: switches, all calls, and the most frequent ones.
calls() {
    awk -F, -v n="$2" '
        $3 == "context-switches" { switches = $1 }
        $3 == "raw_syscalls:sys_enter" { all = $1 }
        sub(/^syscalls:sys_enter_/, "", $3) { c[$3] = $1 }
        END {
            printf "%.2f | %.2f |", switches / n, all / n
            for (i = 0; i < 6; i++) {
                best = ""
                for (k in c) if (best == "" || c[k] > c[best]) best = k
                printf "%s %s %.3f", i ? "," : "", best, c[best] / n
                delete c[best]
            }
        }' "$1"
}

printf '| operation | in flight | role | switches | calls | the most frequent ones |\n|---|---|---|---|---|---|\n'
for operation in put get; do
    for clients in 1 64; do
        leader="$(kvctl status -o json | jq '.groups[] | select(.group == 1).leader')"
        counters=()
        for node in 1 2 3; do
            perf stat -x, -e "$events" -o "$work/node-$node" -p "$(cat "$KV_CLUSTER/node-$node/pid")" &
            counters+=($!)
        done
        perf stat -x, -e "$events" -o "$work/client" kvbench run -w "$operation" -n 1000 --no-load --clients "$clients" \
            --seconds "$seconds" -o json >"$work/json" 2>/dev/null
        kill -INT "${counters[@]}"
        wait "${counters[@]}" 2>/dev/null || true
        operations="$(jq .run.operations "$work/json")"
        echo "| $operation | $clients | client | $(calls "$work/client" "$operations") |"
        echo "| $operation | $clients | leader | $(calls "$work/node-$leader" "$operations") |"
        echo "| $operation | $clients | follower | $(calls "$work/node-$((leader % 3 + 1))" "$operations") |"
        jq -r '.log | "| | | three nodes | | | \(.syncs_per_operation * 1000 | round / 1000) syncs, \(.bytes_per_operation | round) bytes of log |"' \
            "$work/json"
    done
done
