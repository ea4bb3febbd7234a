#!/usr/bin/env bash
# docs/examples/multicast_log.c on three real processes: four clients append to one or both of two groups, one node is killed under
# them, comes back, and then another one is killed. Entries of both groups are in one order in both; what was acknowledged is there
# exactly once, what perhaps happened at most once.
# usage: multicast_log.sh [PROGRAM]     default: $KV_BIN/multicast_log
set -euo pipefail
program="${1:-${KV_BIN:?the directory of the programs}/multicast_log}"
writers=4 lines=150
work="$(mktemp -d /tmp/multicast-log-XXXXXX)"
declare -A pids

finish() {
    for pid in "${pids[@]}"; do kill -9 "$pid" 2>/dev/null || true; done
    wait 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT
fail() { echo "multicast_log: $*" >&2; tail -n 20 "$work"/node-*.log >&2; exit 1; }

# A port that nobody listens to, below those that the system gives to outgoing connections.
free_port() {
    local port
    for _ in $(seq 100); do
        port=$((20000 + RANDOM % 10000))
        if [[ " $* " != *" $port "* ]] && ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
            echo "$port"
            return
        fi
    done
    fail "no free port"
}

ports=()
for _ in 1 2 3; do ports+=("$(free_port "${ports[@]}")"); done
{
    echo "cluster: multicast-log-$$"
    echo "partitions: 2"
    echo "nodes:"
    for i in 1 2 3; do
        echo "  - id: $i"
        echo "    endpoint: tcp://127.0.0.1:${ports[i - 1]}"
    done
} >"$work/cluster.yaml"
endpoints="127.0.0.1:${ports[0]},127.0.0.1:${ports[1]},127.0.0.1:${ports[2]}"

start() {
    "$program" serve "$work/cluster.yaml" "$1" "$work/node-$1" 2>>"$work/node-$1.log" &
    pids[$1]=$!
}
kill_hard() {
    kill -9 "${pids[$1]}"
    wait "${pids[$1]}" 2>/dev/null || true
    unset "pids[$1]"
}

for node in 1 2 3; do start "$node"; done
"$program" append "$endpoints" 1,2 "both first" >"$work/out-0" || fail "the first append failed"

# A third of the lines to each group, a third to both; every line is different.
to=(1 2 1,2) kind=(one two both)
writing=()
for writer in $(seq "$writers"); do
    for line in $(seq "$lines"); do
        i=$(((writer + line) % 3))
        echo "${to[i]} ${kind[i]} $writer $line"
    done | "$program" append "$endpoints" >"$work/out-$writer" &
    writing+=($!)
done

# Wait until enough of it is written, by its answers; each answer has a bounded time.
written() { cat "$work"/out-* | wc -l; }
wait_for() {
    local deadline=$((SECONDS + 60))
    until [ "$(written)" -ge "$1" ]; do
        [ "$SECONDS" -lt "$deadline" ] || fail "only $(written) of $1 lines in 60 s"
        read -r -t 0.02 <> <(:) || true
    done
}
wait_for $((writers * lines / 4))
kill_hard 1
wait_for $((writers * lines / 2))
start 1
for pid in "${writing[@]}"; do
    wait "$pid" || [ $? = 3 ] || fail "a writer failed: $(grep -h ^failed "$work"/out-* | head -n 1)"
done
kill_hard 2 # the restarted node is needed now
"$program" append "$endpoints" 1,2 "both last" >"$work/out-last" || fail "the last append failed"

for group in 1 2; do
    "$program" read "$endpoints" "$group" >"$work/group-$group" || fail "group $group cannot be read"
done

# Both groups have the same entries of both, with the same timestamps, in the same order, and timestamps rise.
for group in 1 2; do grep ' both ' "$work/group-$group" >"$work/both-$group"; done
diff "$work/both-1" "$work/both-2" >&2 || fail "the groups order their common entries differently"
for group in 1 2; do
    tr '.' ' ' <"$work/group-$group" | awk '{ if ($1 < c || ($1 == c && $2 <= g)) exit 1; c = $1; g = $2 }' ||
        fail "timestamps of group $group do not rise"
done

# Each acknowledged entry once in each of its groups, each uncertain one at most once.
check_once() { # entry, group, fewest
    local count
    count="$(grep -c -x "[0-9.]* $1" "$work/group-$2" || true)"
    [ "$count" -le 1 ] && [ "$count" -ge "$3" ] || fail "'$1' is $count times in group $2"
}
while read -r outcome what writer line _; do
    fewest=$([ "$outcome" = ok ] && echo 1 || echo 0)
    line="${line%:}"
    case "$what" in
        one) check_once "one $writer $line" 1 "$fewest" ;;
        two) check_once "two $writer $line" 2 "$fewest" ;;
        both) for group in 1 2; do check_once "both $writer $line" "$group" "$fewest"; done ;;
    esac
done < <(cat $(seq -f "$work/out-%.0f" "$writers"))
[ "$(cat $(seq -f "$work/out-%.0f" "$writers") | wc -l)" = $((writers * lines)) ] || fail "lines without an answer"

for node in 1 3; do
    kill "${pids[$node]}"
    wait "${pids[$node]}" || fail "node $node did not stop cleanly"
    unset "pids[$node]"
done
echo "multicast_log: ok, $(wc -l <"$work/both-1") common entries," \
    "$(cat $(seq -f "$work/out-%.0f" "$writers") | awk '/^perhaps/ { n++ } END { print n + 0 }') uncertain"
