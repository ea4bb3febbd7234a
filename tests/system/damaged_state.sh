# A member whose checkpoint is damaged sets it aside and begins anew from its peers: found when it starts, or by the scrub while it
# runs. No wrong value is served meanwhile, and the evidence is kept.
source "$(dirname "$0")/lib.sh"

export KVD_OPTIONS="--checkpoint-mib 1 --segment-mib 1 --scrub-seconds 1"
alarms_expected=1 count=8000

puts() {
    seq 1 "$count" | awk 'BEGIN { v = sprintf("%0200d", 0) }
        { printf "{\"id\":%d,\"op\":\"put\",\"key\":\"k%d\",\"value\":\"%d %s\"}\n", $1, $1, $1, v }' |
        kvctl pipe --timeout 60s | jq -r 'select(.status != "ok") | .error' | sort | uniq -c
}

# Keys that do not have their value.
wrong_values() {
    seq 1 "$count" | awk '{ printf "{\"id\":%d,\"op\":\"get\",\"key\":\"k%d\"}\n", $1, $1 }' |
        kvctl pipe --timeout 60s | jq -r 'select(.status != "ok" or (.result | split(" ")[0]) != (.id | tostring)) | .id' | wc -l
}

# damage FILE: bytes in the middle of every page but the first two, so that every table of it is hit. The file is opened once: it may
# be renamed meanwhile.
damage() {
    local pages=$(($(stat -c %s "$1") / 4096)) page
    exec 3<>"$1"
    for ((page = 2; page < pages; page++)); do
        printf 'DAMAGED!' | dd of=/dev/fd/3 bs=1 seek=$((page * 4096 + 2000)) conv=notrunc status=none
    done
    exec 3>&-
}

agree() {
    [ "$(kvctl status -o json | jq -c '[
        ([.groups[] | .members[] | select(.role == "leader" or .role == "follower")] | length),
        ([.groups[] | [.members[] | .digest] | unique | length] | max)]')" = "[9,1]" ]
}

said() { [ "$(grep -c "$2" "$KV_CLUSTER/node-$1/log")" -ge "$3" ]; }
kept() { echo "$KV_CLUSTER/node-$1/data/state/$2.damaged-1/data.mdb"; }

start --nodes 3 --partitions 2
same "puts that failed" "" "$(puts)"
expect 0 kvctl checkpoint
await 30 agree

say "found at the start"
expect 0 kvctl cluster kill 2
damage "$KV_CLUSTER/node-2/data/state/1/data.mdb"
expect 0 kvctl cluster start
await 30 said 2 "begins anew" 1
await 60 agree
expect 0 test -s "$(kept 2 1)"
same "wrong values" 0 "$(wrong_values)"

say "found by the scrub, while the node runs"
damage "$KV_CLUSTER/node-3/data/state/2/data.mdb"
await 30 said 3 ALARM 1
await 60 agree
expect 0 test -s "$(kept 3 2)"
same "wrong values" 0 "$(wrong_values)"

say "who began anew has a vote and a checkpoint again, also behind a restart"
expect 0 kvctl checkpoint
for node in 1 2 3; do expect 0 kvctl cluster kill $node; done
expect 0 kvctl cluster start
await 30 agree
same "wrong values" 0 "$(wrong_values)"

done_
