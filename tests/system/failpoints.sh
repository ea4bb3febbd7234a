# A node that ends at any step that makes something durable comes back with everything that was acknowledged: each failpoint that
# kvd lists, and that a run passes, ends a node of a real cluster under load, and a new cluster while its logs are made.
#
# A life of a node is armed with all points that have not been taken yet and ends at the first one it passes, so there are as many
# lives as points. KV_FAILPOINT_ROUNDS are words of ACTION@N, followed by :lead when the node leads all groups under load.
source "$(dirname "$0")/lib.sh"

rounds="${KV_FAILPOINT_ROUNDS:-kill@1 kill@7:lead}"
lives_max="${KV_FAILPOINT_LIVES:-40}"

# Small files of the log and frequent checkpoints, so that a load fills some and they are given up.
export KVD_OPTIONS="--segment-mib 1 --checkpoint-mib 1"

# spec ACTION@N POINT...: what arms them all.
spec() {
    local action="$1" text=""
    shift
    for point in "$@"; do text="$text,$point=$action"; done
    echo "${text#,}"
}

# The points that were taken, by the logs of all nodes.
taken() { grep -h -o '^failpoint [a-z._]*' "$KV_CLUSTER"/node-*/log 2>/dev/null | sed 's/failpoint //'; }

# 30 puts of 40 KB, 120 small ones, 120 increments of two counters.
filler="$(head -c 40000 /dev/zero | tr '\0' x)"
load() {
    seq 1 120 | awk -v life="$1" -v filler="$filler" '{
        printf "{\"id\":\"p%d\",\"op\":\"put\",\"key\":\"p%s:%d\",\"value\":\"%s.%d\"}\n", $1, life, $1, life, $1
        printf "{\"id\":\"i%d\",\"op\":\"incr\",\"key\":\"counter%d\",\"by\":1}\n", $1, $1 % 2
        if ($1 % 4 == 0) printf "{\"id\":\"f%d\",\"op\":\"put\",\"key\":\"filler%d\",\"value\":\"%s\"}\n", $1, $1, filler
    }' | kvctl pipe --timeout 60s >"$work/answers" 2>"$work/err"
    kvctl checkpoint --timeout 500ms >/dev/null 2>&1 # ends where its node does
}

# verify LIFE LOADS: all was acknowledged, and is there; digests agree.
verify() {
    local life="$1" wanted="$2" found
    same "life $life: operations that were not acknowledged" 0 "$(jq -r 'select(.status != "ok") | .id' "$work/answers" | wc -l)"
    same "life $life: answers" 270 "$(wc -l <"$work/answers")"
    await 20 kvctl status # 9 while digests differ
    same "life $life: increments" "$((wanted * 60)) $((wanted * 60))" "$(kvctl get counter0) $(kvctl get counter1)"
    found="$(seq 1 120 | awk -v l="$life" '{printf "{\"id\":\"%s.%d\",\"op\":\"get\",\"key\":\"p%s:%d\"}\n", l, $1, l, $1}' |
        kvctl pipe | jq -r 'select(.status == "ok" and .result == .id) | .id' | sort -u | wc -l)"
    same "life $life: acknowledged puts that are there" 120 "$found"
}

lead_all() {
    for group in oracle 1 2; do kvctl leader transfer "$group" --to "$1" -q >/dev/null 2>&1; done
}

say "a text that names no point is refused"
expect 2 env KV_FAILPOINTS=wal.never=kill kvd --dev; has "why" "no such point" "$err"
expect 2 env KV_FAILPOINTS=wal.before_sync=explode kvd --dev; has "why" "the actions are" "$err"
expect 0 kvd --failpoints
all="$(kvd --failpoints | cut -d ' ' -f 1)"
reached=""

say "kill while the logs of a new cluster are made: each life gets a step further"
remaining="$all"
for life in $(seq 1 "$lives_max"); do
    KV_FAILPOINTS="$(spec kill@1 $remaining)" kvctl cluster start --nodes 3 --partitions 2 >"$work/out" 2>&1 && break
    for node in 1 2 3; do kvctl cluster kill "$node" >/dev/null 2>&1; done # those that have not come as far
    now="$(taken | sort -u | comm -23 - <(tr ' ' '\n' <<<"$reached" | sort -u))"
    [ -n "$now" ] || { complain "a new cluster did not start, and no point was taken: $(cat "$work/out")"; break; }
    echo "  life $life: ended at $(echo $now)"
    remaining="$(comm -23 <(sort <<<"$remaining") <(sort <<<"$now"))"
    reached="$reached $now"
    grep -q "serves at" "$KV_CLUSTER"/node-*/log && break
done
start
load 0
verify 0 1
lives=0
for round in $rounds; do
    say "under load: $round"
    remaining="$all"
    for life in $(seq 1 "$lives_max"); do
        node=$((lives % 3 + 1)) lives=$((lives + 1))
        before="$(taken)"
        KV_FAILPOINTS="$(spec "${round%:lead}" $remaining)" kvctl cluster restart "$node" >"$work/out" 2>&1
        case "$round" in *:lead) lead_all "$node" ;; esac
        load "$lives"
        kvctl cluster restart "$node" >"$work/out" 2>&1 || complain "node $node does not come back: $(cat "$work/out")"
        verify "$lives" $((lives + 1))
        now="$(comm -13 <(sort <<<"$before") <(taken | sort) | sort -u)"
        [ -n "$now" ] || break
        echo "  life $lives: node $node ended at $(echo $now)"
        remaining="$(comm -23 <(sort <<<"$remaining") <(echo "$now"))"
        reached="$reached $now"
    done
done
echo "not reached: $(comm -23 <(sort <<<"$all") <(tr ' ' '\n' <<<"$reached" | sort -u) | xargs)"
has "the most important one" "wal.before_sync" "$reached"
done_
