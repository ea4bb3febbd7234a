#!/usr/bin/env bash
# kvbench on a real cluster: an open loop while a node is killed and started again, commands over several partitions.
. "$(dirname "$0")/lib.sh"

start --nodes 3 --partitions 2

say "an open loop goes on while a node is killed and started again"
expect 0 kvbench run -w a -n 1000 --rate 300 --seconds 5 --timeout 10s --at 1s kill 3 --at 2s restart 3 -o json
same "no operation failed" 0 "$(jq .run.failed <<<"$out")"
same "none was left out" 0 "$(jq .run.unsent <<<"$out")"
same "the node was killed and started" "kill 0,restart 0" "$(jq -r '[.faults[] | "\(.what) \(.status)"] | join(",")' <<<"$out")"
same "there is a timeline" true "$(jq '.run.timeline | length >= 5' <<<"$out")"
cp "$work/out" "$work/result.json"
expect 0 kvbench report "$work/result.json"
has "a page of it has the fault" "kill 3</text>" "$out"
expect 2 kvbench report "$KV_CLUSTER/cluster.yaml"
expect 1 kvbench run -w get -n 1000 --no-load --rate 100 --seconds 2 --at 500ms restart 9
has "what failed is said" "kvctl cluster restart 9 failed" "$err"

say "commands with keys on several partitions"
expect 0 kvbench run -w a -n 1000 --no-load --closed --operations 2000 --multi 25 -o json
share="$(jq '.run.multi_partition.ok.count / .run.operations' <<<"$out")"
same "a quarter of them cross" true "$(jq -n "$share > 0.2 and $share < 0.3")"

if command -v redis-server >/dev/null && ! kvbench run --driver redis --endpoints 127.0.0.1:1 2>&1 | grep -q 'has no driver'; then
    say "the same on Redis"
    port=
    for _ in 1 2 3 4 5; do
        port=$((RANDOM % 20000 + 20000))
        redis-server --port "$port" --bind 127.0.0.1 --dir "$work" --save '' --appendonly no >"$work/redis" 2>&1 &
        redis=$!
        await 10 kvbench run --driver redis --endpoints "127.0.0.1:$port" -n 2 --load-only && break
        kill "$redis" 2>/dev/null
    done
    expect 0 kvbench run --driver redis --endpoints "127.0.0.1:$port" -w f -n 500 --closed --operations 3000 -k 3 -o json
    same "everything is there" 3000 "$(jq '.run.by_operation | .READ.ok.count' <<<"$out")"
    expect 0 kvbench run --driver redis --endpoints "127.0.0.1:$port" -w d -n 500 --no-load --rate 2000 --seconds 1
    kill "$redis"
    wait "$redis" 2>/dev/null
    expect 5 kvbench run --driver redis --endpoints "127.0.0.1:$port" -n 500 --no-load
fi

say "every count is done exactly once, also while a node is killed and started again"
expect 0 kvbench counter --seconds 4 --timeout 10s --multi 30 --at 1s kill 1 --at 2s restart 1 -o json
same "the counters are right" true "$(jq .correct <<<"$out")"
same "there were counts" true "$(jq '.by_operation.count.ok > 0 and .by_operation["count two"].ok > 0' <<<"$out")"

say "timelines are right while nodes are killed and started again"
expect 0 kvbench chirper --users 30 --follows 4 --seconds 5 --timeout 10s --at 1s kill 2 --at 2s restart 2 -o json
same "the timelines are right" true "$(jq .correct <<<"$out")"
same "everything took place" true "$(jq '[.by_operation[].ok > 0] | all' <<<"$out")"
done_
