#!/usr/bin/env bash
# docs/examples/timeline.c as a service: three real nodes with different numbers of workers, three partitions; commands over partitions, a
# node killed and started again; all replicas have the same state, and what takes long was computed by workers.
. "$(dirname "$0")/lib.sh"

declare -A pids
finish_all() {
    for pid in "${pids[@]}"; do kill -9 "$pid" 2>/dev/null; done
    wait 2>/dev/null
    finish
}
trap finish_all EXIT

ports=()
while [ ${#ports[@]} -lt 3 ]; do
    port=$((20000 + RANDOM % 10000))
    [[ " ${ports[*]} " == *" $port "* ]] || (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || ports+=("$port")
done
{
    printf 'cluster: timeline\npartitions: 3\nnodes:\n'
    for i in 1 2 3; do printf '  - id: %s\n    endpoint: tcp://127.0.0.1:%s\n' $i "${ports[i - 1]}"; done
} >"$work/config.yaml"
endpoints="127.0.0.1:${ports[0]},127.0.0.1:${ports[1]},127.0.0.1:${ports[2]}"
unset KV_CLUSTER
KV_CLUSTER="$work" # for lib.sh only: kvctl goes to the endpoints
export KV_ENDPOINTS="$endpoints"

# serve NODE [WORKERS]
serve() {
    mkdir -p "$work/node-$1"
    timeline serve "$work/config.yaml" "$1" "$work/node-$1/data" ${2:+"$2"} 2>>"$work/node-$1/log" &
    pids[$1]=$!
}
say_it() { timeline "$endpoints" 3 "$@"; }
# agree: all replicas are there and have one state.
agree() {
    local one=false
    for _ in $(seq 200); do
        one="$(kvctl status -o json 2>/dev/null |
            jq '[.groups[] | (.members | length == 3) and ([.members[].digest] | unique | length == 1)] | all')"
        [ "$one" = true ] && break
    done
    same "all replicas have one state" true "$one"
}

say "three replicas of three partitions: one without workers, one with two, one that decides itself"
serve 1 0
serve 2 2
serve 3
for reader in ada barbara charles donald; do expect 0 say_it follow $reader grace; done
expect 0 say_it follow ada hedy
expect 4 say_it post grace ada "not to all of them"
has "the verdict" MISMATCH "$out"
expect 0 say_it post grace ada barbara charles donald "first"
expect 0 say_it post grace donald charles barbara ada "second"
expect 0 say_it post hedy ada "rare"
expect 0 say_it read ada
same "the timeline of ada" $'hedy: rare\ngrace: second\ngrace: first' "$out"
agree

say "every leader in turn, with reads that workers compute"
for node in 2 1 3; do
    for group in 1 2 3; do kvctl leader transfer $group --to $node >/dev/null 2>&1; done
    for reader in ada barbara charles donald; do expect 0 say_it read $reader; done
done
same "each node has done jobs" true "$(kvctl workers -o json | jq '[.nodes[].jobs > 0] | all')"
same "two workers are where they were asked for" 2 "$(kvctl workers -o json | jq '.nodes[] | select(.node == 2) | .workers')"

say "a node is killed, commands go on, it comes back from its files"
expect 0 kvctl checkpoint
kill -9 "${pids[2]}"
wait "${pids[2]}" 2>/dev/null
expect 0 say_it post grace ada barbara charles donald "third"
expect 0 kvctl workers 8 3
expect 0 say_it read barbara
same "the timeline of barbara" $'grace: third\ngrace: second\ngrace: first' "$out"
serve 2 64
agree
done_
