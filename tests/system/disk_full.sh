# A disk that is almost full refuses writes clearly, serves reads, and takes writes again by itself when there is room.
source "$(dirname "$0")/lib.sh"

disk="$KV_CLUSTER"
mkdir -p "$disk"
mount -t tmpfs -o size=400m kv-test "$disk" 2>/dev/null || { echo "skipped: cannot mount a small file system"; exit 77; }
trap 'finish 2>/dev/null; umount "$disk"; rm -rf "$work"' EXIT

export KVD_OPTIONS="--segment-mib 1 --reserve-mib 100"

# All nodes say that their disk is low, or that it is not.
low() { [ "$(kvctl status -o json | jq -c '[.nodes[].no_space] | unique')" = "[$1]" ]; }

start --nodes 3 --partitions 2
say "with room"
expect 0 kvctl put before 1
expect 0 kvctl status
same "low" false "$(kvctl status -o json | jq '.nodes[0].no_space')"

say "almost full"
head -c 330M /dev/zero >"$disk/filler"
await 10 low true
expect 8 kvctl put during 1 --timeout 1s
has "why" "NO_SPACE" "$err"
has "and what to do" "make room" "$err"
expect 8 kvctl incr during --timeout 1s
expect 0 kvctl get before; same "reads go on" 1 "$out"
expect 3 kvctl get during
expect 9 kvctl status; has "a problem" "its disk is almost full" "$(kvctl status -o json | jq -r '.problems[]')"
printf '{"id":1,"op":"put","key":"k","value":"1"}\n{"id":2,"op":"get","key":"before"}\n' | kvctl pipe --timeout 1s >"$work/answers"
same "pipe" '1 NO_SPACE,2 null' "$(jq -r '"\(.id) \(.error)"' "$work/answers" | sort | paste -s -d ,)"

say "leaders change without room"
leader="$(kvctl status -o json | jq '.groups[1].leader')"
expect 0 kvctl leader transfer 1 --to $((leader % 3 + 1))
expect 0 kvctl cluster kill "$leader"
await 20 kvctl get before
expect 0 kvctl cluster restart "$leader"

say "a write that is patient is done when there is room"
kvctl put patient 1 --timeout 30s >"$work/patient" 2>&1 &
patient=$!
rm "$disk/filler"
wait "$patient" || complain "the patient write: $(cat "$work/patient")"
await 10 low false
expect 0 kvctl put after 1
expect 0 kvctl mget before patient after
same "what is there" $'before\t1\npatient\t1\nafter\t1' "$out"
expect 3 kvctl get during
await 20 kvctl status
for node in 1 2 3; do
    same "node $node has said it since its last start" 1 "$(tac "$KV_CLUSTER/node-$node/log" | sed '/serves at/q' | grep -c "has room again")"
done
same "no node has ended by itself" "" "$(grep -l "cannot write\|cannot sync" "$KV_CLUSTER"/node-*/log)"
done_
