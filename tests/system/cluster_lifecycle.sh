#!/usr/bin/env bash
# A local cluster: start, use, kill, restart, pause, resume, stop, start again, destroy. Nothing acknowledged is lost.
source "$(dirname "$0")/lib.sh"

say "a new cluster serves within seconds"
begin=$(date +%s%N)
expect 0 kvctl cluster start --nodes 3 --partitions 2
took=$((($(date +%s%N) - begin) / 1000000))
echo "  took $took ms"
[ "$took" -lt "${KV_START_MS_MAX:-10000}" ] || complain "the start took $took ms"
has "the export line" "export KV_CLUSTER='$KV_CLUSTER'" "$out"
for node in 1 2 3; do
    [ -s "$KV_CLUSTER/node-$node/pid" ] || complain "node $node has no pid file"
    [ -f "$KV_CLUSTER/node-$node/log" ] || complain "node $node has no log"
    [ -d "$KV_CLUSTER/node-$node/data" ] || complain "node $node has no data directory"
done
expect 0 kvctl status
same "leaders" 3 "$(grep -c leader <<<"$out")"

say "start again changes nothing"
before="$(cat "$KV_CLUSTER"/node-*/pid)"
expect 0 kvctl cluster start
same "pids" "$before" "$(cat "$KV_CLUSTER"/node-*/pid)"
expect 2 kvctl cluster start --nodes 5

say "one node of three may be killed"
for i in $(seq 20); do expect 0 kvctl put "key$i" "$i"; done
expect 0 kvctl cluster kill 1
expect 1 kvctl cluster kill 1; has "killed twice" "not running" "$err"
await 15 kvctl put during 1
for i in $(seq 20); do expect 0 kvctl get "key$i"; same "key$i" "$i" "$out"; done
await 15 kvctl status
expect 0 kvctl cluster restart 1
expect 0 kvctl cluster status -o json
same "all run" '["running","running","running"]' "$(jq -c '[.processes[].state]' <<<"$out")"
same "all answer" '[true,true,true]' "$(jq -c '[.nodes[].reachable]' <<<"$out")"

say "every node in turn may be killed and restarted, and the cluster goes on"
for node in 1 2 3; do
    expect 0 kvctl cluster kill "$node"
    expect 0 kvctl put --timeout 15s "turn$node" "$node"
    expect 0 kvctl cluster restart "$node"
done
for node in 1 2 3; do expect 0 kvctl get "turn$node"; same "turn$node" "$node" "$out"; done

say "a paused node is a dead node until it is resumed"
expect 0 kvctl cluster pause 2
same "paused" '["running","paused","running"]' "$(kvctl cluster status -o json | jq -c '[.processes[].state]')"
expect 0 kvctl put --timeout 15s paused 1
expect 0 kvctl cluster resume 2
expect 0 kvctl get paused; same "paused" 1 "$out"

say "members come to the same state"
alike() { # every group has one digest at one position
    kvctl status -o json |
        jq -e 'all(.groups[]; (.members | length) == 3 and ([.members[] | [.applied, .digest]] | unique | length) == 1)'
}
await 15 alike

say "leadership is handed over on request"
leader="$(kvctl status -o json | jq '.groups[1].leader')"
target=$((leader % 3 + 1))
expect 0 kvctl leader transfer 1 --to "$target"
same "the new leader" "$target" "$(kvctl status -o json | jq '.groups[1].leader')"

say "all nodes killed at once, as in a power cut: nothing is lost"
expect 0 kvctl cluster kill 1 2 3
expect 9 kvctl cluster status
expect 0 kvctl cluster start
for i in $(seq 20); do expect 0 kvctl get "key$i"; same "key$i" "$i" "$out"; done

say "stop is clean and loses nothing"
expect 0 kvctl cluster stop
same "all down" 3 "$(grep -c ' down ' <<<"$out")"
same "nothing had to be killed" "" "$err"
expect 0 kvctl cluster start
expect 0 kvctl get key7; same "key7" 7 "$out"

say "two clusters live side by side"
expect 0 kvctl cluster start --dir "$work/second" --nodes 1 --partitions 1 --name second
expect 3 kvctl get key7 --cluster "$work/second"
expect 0 kvctl cluster destroy --dir "$work/second"
[ ! -e "$work/second" ] || complain "the second cluster's directory is still there"

say "destroy leaves nothing"
pids="$(cat "$KV_CLUSTER"/node-*/pid)"
expect 0 kvctl cluster destroy
[ ! -e "$KV_CLUSTER" ] || complain "$KV_CLUSTER is still there"
for pid in $pids; do
    if grep -aqs "$KV_CLUSTER" "/proc/$pid/cmdline"; then complain "process $pid still runs"; fi
done
expect 2 kvctl cluster stop
done_
