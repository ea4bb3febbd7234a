# Acknowledged writes survive: kill -9 of a leader's node under load, and of all nodes at once under load. Every acknowledged
# increment took effect exactly once, every unacknowledged one at most once.
source "$(dirname "$0")/lib.sh"

operations=30000

# Puts of distinct keys, and an increment of one counter behind each tenth.
load() {
    seq 1 "$operations" | awk -v p="$1" '{
        printf "{\"id\":\"%s%d\",\"op\":\"put\",\"key\":\"%s%d\",\"value\":\"value of %s%d\"}\n", p, $1, p, $1, p, $1
        if ($1 % 10 == 0) printf "{\"id\":\"%sc%d\",\"op\":\"incr\",\"key\":\"%scounter\",\"by\":1}\n", p, $1, p
    }'
}

answered() { [ "$(wc -l <"$work/answers")" -ge "$1" ]; }

# all_present PREFIX: each acknowledged put is there with its value; the counter fits the acknowledged increments.
all_present() {
    local prefix="$1" acked wrong sum ok doubt
    jq -r 'select(.status == "ok" and .result == true) | .id' "$work/answers" | sort >"$work/acked"
    acked="$(wc -l <"$work/acked")"
    awk '{printf "{\"id\":\"%s\",\"op\":\"get\",\"key\":\"%s\"}\n", $1, $1}' "$work/acked" |
        kvctl pipe >"$work/found" 2>"$work/err" || complain "reading back: $(cat "$work/err")"
    wrong="$(jq -r 'select(.status != "ok" or .result != "value of " + .id) | .id' "$work/found" | wc -l)"
    same "acknowledged puts that are lost or wrong, of $acked" 0 "$wrong"
    same "answers when reading back" "$acked" "$(wc -l <"$work/found")"
    ok="$(jq -r 'select(.status == "ok" and (.id | startswith("'"$prefix"'c"))) | .id' "$work/answers" | wc -l)"
    doubt="$(jq -r 'select(.status != "ok" and (.id | startswith("'"$prefix"'c"))) | .id' "$work/answers" | wc -l)"
    sum="$(kvctl get "${prefix}counter" 2>/dev/null || echo 0)"
    checks=$((checks + 1))
    [ "$sum" -ge "$ok" ] && [ "$sum" -le $((ok + doubt)) ] ||
        complain "counter is $sum with $ok acknowledged and $doubt other increments"
    echo "  $acked puts acknowledged and found; counter $sum with $ok acknowledged, $doubt other increments"
}

start --nodes 3 --partitions 2

say "kill -9 of the node that leads partition 1, under load"
load a | kvctl pipe >"$work/answers" 2>"$work/err" &
pipe=$!
await 30 answered 2000
leader="$(kvctl status -o json | jq '.groups[] | select(.group == 1).leader')"
expect 0 kvctl cluster kill "$leader"
wait "$pipe"
all_present a
expect 0 kvctl cluster restart "$leader"
all_present a

say "kill -9 of all nodes at once, under load"
load b | kvctl pipe --timeout 60s >"$work/answers" 2>"$work/err" &
pipe=$!
await 30 answered 2000
for node in 1 2 3; do kvctl cluster kill "$node" >/dev/null 2>&1 & killers="${killers:-} $!"; done
wait $killers
expect 0 kvctl cluster start
wait "$pipe"
all_present b
all_present_a_again="$(kvctl get a1)"
same "a key of the first load" "value of a1" "$all_present_a_again"

say "all members of each group have the same digest in the end"
agree() {
    [ "$(kvctl status -o json | jq '[.groups[] | [.members[] | .digest] | unique | length] | max')" = 1 ]
}
await 30 agree

done_
