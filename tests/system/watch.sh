# Watches while the leader of a partition is killed and restarted, and keys move: numbers are counted up, so the changes of a key must be 1, 2, 3 and so
# on, each of them once. A second watcher stops all the time and goes on where it was. At last nobody knows what was before, and says so.
. "$(dirname "$0")/lib.sh"

keys=8 adds=2400

leader_of() { kvctl status -o json | jq -r ".groups[] | select(.group == $1) | .leader"; }

# One addition after the other, some hundred in a second.
additions() {
    local i
    for ((i = 0; i < adds; i++)); do
        echo "{\"id\":$i,\"op\":\"incr\",\"key\":\"n:$((i % keys))\"}"
        ((i % 4 == 3)) && sleep 0.01
    done
}

moves() {
    local i
    for ((i = 0; i < 40; i++)); do
        kvctl move "n:$((i % keys))" --to $((1 + i % 3)) --timeout 20s -q >/dev/null || echo "a move ended with $?"
        sleep 0.1
    done
}

# Watchers of 100 changes each, one behind the other, until nothing comes any more.
relay() {
    local from="$1" code=0
    while [ "$code" = 0 ]; do
        kvctl watch n: --from "$from" --count 100 --timeout 6s >>"$work/relay" 2>"$work/relay.err" || code=$?
        grep gap "$work/relay.err"
        from="$(sed -n 's/^kvctl: watch: ends; --from //p' "$work/relay.err")"
    done
}

# Of each key the values by version: 1, 2, 3 ... up to the one that it has. FILE of lines of a watch.
counts_of() { sort -t $'\t' -k3,3 -k4,4n "$1" | awk -F'\t' '$5 != ++n[$3] { bad++ } END { for (k in n) { keys++; sum += n[k] } print keys + 0, sum + 0, bad + 0 }'; }

# Lines of a watch whose index is not above the one before of its partition.
falls_in() { awk -F'[:\t]' '$2 + 0 <= last[$1] + 0 { bad++ } { last[$1] = $2 } END { print bad + 0 }' "$1"; }

say "three nodes, three partitions, and a watcher of all numbers"
start --nodes 3 --partitions 3
for ((i = 0; i < keys; i++)); do expect 0 kvctl create "n:$i" 0; done
expect 0 kvctl put other 1
kvctl watch n: >"$work/watch" 2>"$work/watch.err" &
watcher=$!
await 5 grep -q begins "$work/watch.err"
begin="$(sed -n 's/^kvctl: watch: begins; --from //p' "$work/watch.err")"
relay "$begin" >"$work/relay.gaps" &
relay=$!

say "additions and moves, while leaders are killed"
additions | kvctl pipe --timeout 30s >"$work/answers" 2>"$work/answers.err" &
adding=$!
moves >"$work/moves" &
moving=$!
for group in 1 2; do
    sleep 1.5
    node="$(leader_of "$group")"
    echo "  node $node, which leads partition $group"
    expect 0 kvctl cluster kill "$node"
    sleep 1
    expect 0 kvctl cluster restart "$node" --timeout 20s
done
wait "$adding"
same "the additions end well: $(cat "$work/answers.err")" 0 $?
wait "$moving"
same "moves that failed" "" "$(cat "$work/moves")"
same "additions that were made" "$adds" "$(jq -r 'select(.status == "ok") | .id' "$work/answers" | wc -l | tr -d ' ')"

say "each change was seen once, in order"
all_seen() { [ "$(wc -l <"$work/watch")" -ge "$adds" ]; }
await 10 all_seen
wait "$relay"
kill -TERM "$watcher"
wait "$watcher"
same "how a watcher ends that is told to" 130 $?
same "keys, changes, and those out of order" "$keys $adds 0" "$(counts_of "$work/watch")"
same "indexes that do not ascend" 0 "$(falls_in "$work/watch")"
same "gaps" "" "$(grep gap "$work/watch.err")"
same "numbers that the keys have" "$adds" "$(kvctl scan --prefix n: | awk '{ sum += $2 } END { print sum }')"
same "indexes that do not ascend in the relay" 0 "$(falls_in "$work/relay")"
same "gaps of the relay" "" "$(cat "$work/relay.gaps")"
same "the relay saw the same" "" "$(diff <(sort "$work/watch") <(sort "$work/relay"))"
same "keys that were moved" yes "$([ "$(cut -f3 "$work/watch" | sort -u | while read -r key; do grep "	$key	" "$work/watch" | cut -d: -f1 | sort -u | wc -l; done | sort -n | tail -1)" -ge 2 ] && echo yes)"

say "a gap where nobody knows any more, and none where nothing was missed"
end="$(sed -n 's/^kvctl: watch: ends; --from //p' "$work/watch.err")"
expect 0 kvctl checkpoint
expect 0 kvctl cluster stop
start
await 10 kvctl status
expect 5 kvctl watch n: --from "$end" --timeout 2s
has "nothing has changed" "nothing has changed" "$err"
same "no gap where it had ended" "" "$(grep gap "$work/err")"
expect 0 kvctl incr n:0
expect 0 kvctl watch n: --from "$begin" --count 1 --timeout 15s -o json
same "gaps in JSON, one for each partition" "1 2 3" "$(jq -r 'select(.event == "gap") | .group' <<<"$out" | sort | tr '\n' ' ' | sed 's/ $//')"
same "a gap goes from where it began" "${begin//,/ }" "$(jq -r 'select(.event == "gap") | "\(.group):\(.index)"' <<<"$out" | sort | tr '\n' ' ' | sed 's/ $//')"
same "what came behind it" "n:0" "$(jq -r 'select(.event == "put") | .key' <<<"$out")"
expect 0 kvctl watch n: --from "$end" --count 1 --timeout 5s
has "the change that came meanwhile" "	n:0	" "$out"
same "no gap for it" "" "$(grep gap "$work/err")"
expect 2 kvctl watch --from 1-2
expect 2 kvctl watch --from 9:1024
done_
