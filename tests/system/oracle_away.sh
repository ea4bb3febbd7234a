#!/usr/bin/env bash
# The oracle loses its quorum: keys that a client knows, and keys at their homes, are used as before and without a request to it;
# what needs it says so in time; nothing that was begun stops a partition; and when it is back everything goes on.
. "$(dirname "$0")/lib.sh"

say "six nodes: 1-3 have the partitions, 4-6 the oracle"
start --nodes 6 --partitions 2
expect 0 kvctl cluster stop
rm -rf "$KV_CLUSTER"/node-*
cat >>"$KV_CLUSTER/cluster.yaml" <<GROUPS
groups:
  - id: 0
    members: [4, 5, 6]
  - id: 1
    members: [1, 2, 3]
  - id: 2
    members: [1, 2, 3]
GROUPS
start --timeout 60s
endpoints="$(kvctl status -o json | jq -r '[.nodes[].endpoint] | join(",")')"

say "a client learns keys, then two of the oracle's nodes are killed"
mkfifo "$work/go" "$work/said"
"$KV_BIN/oracle_away" "$endpoints" <"$work/go" >"$work/said" 2>"$work/complaints" &
client=$!
exec 3>"$work/go" 4<"$work/said"
read -r said <&4
same "the client is ready: $(cat "$work/complaints")" ready "$said"
expect 0 kvctl put placed 1
expect 0 kvctl leader transfer oracle --to 6
expect 0 kvctl cluster kill 4 5

say "1200 operations on known keys and on fresh ones at home, without a request to the oracle"
echo go >&3
read -r requests <&4
wait "$client"
same "the client ends well: $(cat "$work/complaints")" 0 $?
same "requests to the oracle" 0 "$requests"

say "what needs the oracle ends in time, and stops nobody else"
out="$(echo '{"op":"put","key":"other","value":"2"}' | kvctl pipe --timeout 2s)"
same "a client without a session" unavailable_or_doubt \
    "$(jq -r 'if .error == "UNAVAILABLE" or .error == "IN_DOUBT" then "unavailable_or_doubt" else .error end' <<<"$out")"
expect 0 kvctl get home
expect 0 kvctl get placed

say "the oracle is back"
expect 0 kvctl cluster restart 4 5 --timeout 60s
expect 0 kvctl put placed 2
expect 0 kvctl get placed
same "the last value" 2 "$out"
await 60 kvctl status
done_
