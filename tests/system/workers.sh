#!/usr/bin/env bash
# The number of workers is each node's own, from its command line or from an operator, at any time; commands go on and members agree.
. "$(dirname "$0")/lib.sh"

# numbers: "node:workers:automatic" of all nodes.
numbers() { kvctl workers -o json | jq -r '[.nodes[] | "\(.node):\(.workers):\(.workers_automatic)"] | join(" ")'; }

say "from the command line"
export KVD_OPTIONS="--workers 3"
start --nodes 3 --partitions 2
unset KVD_OPTIONS
same "all nodes have what they were told" "1:3:false 2:3:false 3:3:false" "$(numbers)"
expect 2 kvd --dev --workers 65
expect 2 kvd --dev --workers some

say "from an operator, on one node and on all"
expect 0 kvctl workers 0 2
has "the table" "fixed" "$out"
same "one has changed" "1:3:false 2:0:false 3:3:false" "$(numbers)"
expect 0 kvctl workers auto
same "without load they keep what they have for a while" "true true true" \
    "$(kvctl workers -o json | jq -r '[.nodes[].workers_automatic] | join(" ")')"
expect 2 kvctl workers 65
expect 2 kvctl workers 1 nobody

say "while commands go on"
for i in $(seq 1 30); do echo "{\"op\":\"incr\",\"key\":\"n$((i % 5))\",\"number\":1}"; done >"$work/commands"
for workers in 1 8 64 0 auto; do
    kvctl pipe <"$work/commands" >"$work/answers" 2>&1 &
    pipe=$!
    expect 0 kvctl workers "$workers"
    wait "$pipe"
    same "commands while there are $workers workers: $(head -c 300 "$work/answers")" 0 $?
done
expect 0 kvctl get n0
same "every increment counts once" 30 "$out"
expect 0 kvctl status
done_
