# A node whose data directory was emptied comes back as a voter with everything, and no acknowledged write is lost on the way:
# not when it is emptied under load, not when others are killed behind it, and not when it meets one other node only.
source "$(dirname "$0")/lib.sh"

operations=15000

load() {
    seq 1 "$operations" | awk -v p="$1" '{
        printf "{\"id\":\"%s%d\",\"op\":\"put\",\"key\":\"%s%d\",\"value\":\"value of %s%d\"}\n", p, $1, p, $1, p, $1
    }'
}

answered() { [ "$(wc -l <"$work/answers")" -ge "$1" ]; }

# all_present: each acknowledged put of all loads is there with its value.
all_present() {
    local acked wrong
    jq -r 'select(.status == "ok" and .result == true) | .id' "$work"/answers* | sort >"$work/acked"
    acked="$(wc -l <"$work/acked")"
    awk '{printf "{\"id\":\"%s\",\"op\":\"get\",\"key\":\"%s\"}\n", $1, $1}' "$work/acked" |
        kvctl pipe >"$work/found" 2>"$work/err" || complain "reading back: $(cat "$work/err")"
    wrong="$(jq -r 'select(.status != "ok" or .result != "value of " + .id) | .id' "$work/found" | wc -l)"
    same "acknowledged puts that are lost or wrong, of $acked" 0 "$wrong"
    same "answers when reading back" "$acked" "$(wc -l <"$work/found")"
    echo "  $acked puts acknowledged and found"
}

# Nine members that vote, with equal states in each group.
all_well() {
    [ "$(kvctl status -o json | jq -c '[
        ([.groups[] | .members[] | select(.role == "leader" or .role == "follower")] | length),
        ([.groups[] | [.members[] | .digest] | unique | length] | max)]')" = "[9,1]" ]
}

leader_of() { kvctl status -o json | jq ".groups[] | select(.group == $1).leader"; }

start --nodes 3 --partitions 2
await 30 all_well

say "kill -9 of the node that leads partition 1, under load; its data directory is removed"
load a | kvctl pipe >"$work/answers" 2>"$work/err" &
pipe=$!
await 30 answered 2000
emptied="$(leader_of 1)"
expect 0 kvctl cluster kill "$emptied"
rm -rf "$KV_CLUSTER/node-$emptied/data"
expect 0 kvctl cluster restart "$emptied"
wait "$pipe"
await 30 all_well
has "the node's log" "nothing on disk -> calls the roll" "$(tail -n 40 "$KV_CLUSTER/node-$emptied/log")"
has "the node's log" "learns in term" "$(tail -n 40 "$KV_CLUSTER/node-$emptied/log")"
all_present

say "another node is killed: the one that came back is part of the majority"
other=$((emptied % 3 + 1))
expect 0 kvctl cluster kill "$other"
mv "$work/answers" "$work/answers-a"
load b | kvctl pipe >"$work/answers" 2>"$work/err"
all_present
expect 0 kvctl cluster restart "$other"
await 30 all_well
all_present

say "with an emptied node and one other no majority remembers: nothing is served until the third is back"
third=$((other % 3 + 1))
expect 0 kvctl cluster kill "$emptied"
expect 0 kvctl cluster kill "$third"
rm -rf "$KV_CLUSTER/node-$emptied/data"
kvctl cluster restart "$emptied" >/dev/null 2>&1
checks=$((checks + 1))
kvctl put lonely 1 --timeout 4s >/dev/null 2>&1 && complain "a put was served without a majority"
expect 0 kvctl cluster restart "$third"
await 30 all_well
all_present

done_
