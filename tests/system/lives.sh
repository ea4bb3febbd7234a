#!/usr/bin/env bash
# Keys that do not last, of real processes: by a ttl, and by a session whose owner is killed at any step. Nothing goes early: not by killed leaders,
# restarted nodes, moved keys, a wall clock that jumps; and nothing stays.
. "$(dirname "$0")/lib.sh"

ttl_ms=1000
# A key may last so much longer than it should: two TICKs at most are not counted (locks.md, K4), some more time passes in between, and
# this is a busy machine. Somebody waits for a session for its ttl and a second at most.
late_ms=1000

# gone KEY
gone() { ! kvctl get "$1"; }
await_gone() { # KEY...: all of them
    local key
    for key in "$@"; do await 10 gone "$key"; done
}

# lasted WHAT BEGIN LEAST MOST: a time in ms since BEGIN.
lasted() {
    local took=$(($(now_ms) - $2))
    echo "  $1: $took ms"
    checks=$((checks + 1))
    [ "$took" -ge "$3" ] && [ "$took" -le "$4" ] || complain "$1: $took ms, not from $3 to $4"
}

make_clock
LD_PRELOAD="$shim" start --nodes 3 --partitions 3

say "a ttl"
begin="$(now_ms)"
expect 0 kvctl put t1 v --ttl "${ttl_ms}ms"
expect 0 kvctl put t2 v --ttl 1h
expect 0 kvctl get t1
await_gone t1
lasted "a key with a ttl of $ttl_ms ms" "$begin" "$ttl_ms" $((ttl_ms + late_ms))
expect 0 kvctl put-if-absent t1 again --ttl 1h
expect 0 kvctl get t2
expect 0 kvctl put t3 v --ttl 1s
expect 0 kvctl put t3 "for ever"
expect 0 kvctl incr t4 5 --ttl 1s
expect 0 kvctl incr t4
expect 0 kvctl mput t5 a t6 b t7 c t8 d --ttl 1s
expect 0 kvctl create t9 v --on 3 --ttl 1s
expect 0 kvctl txn --ttl 1s <<<"put t10 v"
await_gone t4 t5 t6 t7 t8 t9 t10
expect 0 kvctl get t3
expect 0 kvctl create t9 again --on 2
has "in a pipe" '"status":"ok"' "$(echo '{"op":"put","key":"t11","value":"v","ttl_ms":500}' | kvctl pipe)"
await_gone t11
expect 2 kvctl put t1 v --ttl 1s --session 1.1
expect 2 kvctl put t1 v --ttl 1
expect 2 kvctl put t1 v --ttl 50d
expect 2 kvctl get t1 --ttl 1s

say "a watch tells of the end"
kvctl watch seen --count 2 --timeout 20s >"$work/seen" 2>"$work/begins" &
watching=$!
await 5 grep -q begins "$work/begins"
expect 0 kvctl put seen v --ttl 300ms
wait "$watching"
has "the first change" put "$(head -n 1 "$work/seen")"
has "the second" deleted "$(tail -n 1 "$work/seen")"

say "keys with a ttl that move"
begin="$(now_ms)"
expect 0 kvctl put m v --ttl 1500ms
for partition in 1 2 3; do expect 0 kvctl move m --to "$partition"; done
expect 0 kvctl get m
await_gone m
lasted "a key that moved three times" "$begin" 1500 $((1500 + late_ms + 3 * 500))
expect 0 kvctl create m again --on 1

say "a session, and a command under it"
expect 0 kvctl session open --ttl 2s -- sh -c \
    'kvctl put s1 v --session $KV_SESSION && kvctl mput s2 v s3 v s4 v --session $KV_SESSION && kvctl move s2 --to 1 && kvctl session list'
has "the list" session "$out"
await_gone s1 s2 s3 s4
expect 0 kvctl create s2 again --on 2
expect 7 kvctl session open -- sh -c 'exit 7'
expect 2 kvctl session open command
session="$(kvctl session open --ttl 60s)"
expect 0 kvctl put s5 v --session "$session"
expect 0 kvctl session end "$session"
await_gone s5
expect 4 kvctl put s5 v --session "$session"
has "an ended session" SESSION_ENDED "$err"
expect 4 kvctl session end "$session"
expect 4 kvctl session end 5.0
expect 2 kvctl session end x

say "its owner is killed"
for pause in 0 0.4 1.3; do
    rm -f "$work/bound"
    kvctl session open --ttl "${ttl_ms}ms" -- sh -c \
        "kvctl mput k1$pause v k2$pause v k3$pause v --session \$KV_SESSION && touch $work/bound; exec sleep 30" &
    owner=$!
    await 5 test -f "$work/bound"
    sleep "$pause"
    expect 0 kvctl mget "k1$pause" "k2$pause" "k3$pause"
    begin="$(now_ms)"
    pkill -P "$owner" sleep
    kill -9 "$owner"
    await_gone "k1$pause" "k2$pause" "k3$pause"
    lasted "killed $pause s after it had bound its keys" "$begin" 0 $((ttl_ms + 1000))
done

say "killed at the beginning and at the end of its session"
for pause in 0 0.005 0.01 0.02 0.05; do
    kvctl session open --ttl "${ttl_ms}ms" -- true &
    owner=$!
    sleep "$pause"
    kill -9 "$owner" 2>/dev/null
done
no_sessions() { kvctl session list -o json | jq -e 'all(.[]; .kind == "client")' >/dev/null; }
await 5 no_sessions

say "killed leaders do not end sessions, nor does time stand still for what is to go"
kvctl session open --ttl 3s -- sh -c "kvctl put l1 v --session \$KV_SESSION && kvctl put l2 v --session \$KV_SESSION; touch $work/lasts; sleep 12; touch $work/over" &
owner=$!
await 5 test -f "$work/lasts"
expect 0 kvctl put l3 v --ttl 6s
expect 0 kvctl put l4 v --ttl 1h
begin="$(now_ms)"
for round in 1 2 3; do
    node="$(kvctl status -o json | jq -r '[.groups[] | .members[] | select(.role == "leader") | .node] | first')"
    expect 0 kvctl cluster kill "$node"
    expect 0 kvctl get l1 --timeout 10s
    expect 0 kvctl get l2 --timeout 10s
    expect 0 kvctl cluster restart "$node" --timeout 20s
done
await_gone l3
[ -f "$work/over" ] || expect 0 kvctl mget l1 l2 l4
wait "$owner"
await_gone l1 l2
expect 0 kvctl get l4

say "all nodes are killed: what is left of a ttl is left"
expect 0 kvctl put r1 v --ttl 4s
expect 0 kvctl put r2 v --ttl 1h
session="$(kvctl session open --ttl 3s)"
expect 0 kvctl put r3 v --session "$session"
begin="$(now_ms)"
sleep 2
for node in 1 2 3; do expect 0 kvctl cluster kill "$node"; done
for node in 1 2 3; do kvctl cluster restart "$node" --timeout 20s >/dev/null 2>&1 & restarts="${restarts:-} $!"; done
for pid in $restarts; do wait "$pid"; done
await_gone r1 r3
expect 0 kvctl get r2 --timeout 10s

say "a backup has no sessions, and what was left of each ttl"
new="$work/new"
session="$(kvctl session open --ttl 60s)"
expect 0 kvctl put b1 v --session "$session"
expect 0 kvctl put b2 v --ttl 3s
expect 0 kvctl put b3 v
expect 0 kvctl backup "$work/backup"
expect 0 kvctl restore "$work/backup" --dir "$new" --timeout 60s
old="$KV_CLUSTER"
export KV_CLUSTER="$new"
await_gone b1 b2
expect 0 kvctl get b3
expect 0 kvctl cluster destroy
export KV_CLUSTER="$old"
expect 0 kvctl get b1
expect 0 kvctl session end "$session"

say "a client that was shut out"
mkfifo "$work/pipe"
kvctl pipe <"$work/pipe" >"$work/answers" &
piped=$!
exec 7>"$work/pipe"
echo '{"op":"put","key":"c1","value":"before"}' >&7
await 5 grep -q ok "$work/answers"
client="$(kvctl session list -o json | jq -r '[.[] | select(.kind == "client") | .id] | .[-2]')"
expect 0 kvctl session end "$client"
expect 0 kvctl get c1
has "its value" before "$out"
exec 7>&-
wait "$piped"

if [ -n "$shim" ]; then
    say "the wall clock jumps, by an hour and by ten years, forth and back"
    for jump in 3600 0 315360000 0; do
        begin="$(now_ms)"
        expect 0 kvctl put "w$jump" v --ttl 2s
        write_clock "$jump"
        sleep 1
        expect 0 kvctl get "w$jump"
        await_gone "w$jump"
        lasted "a jump of $jump s" "$begin" 2000 $((2000 + late_ms))
    done
fi

done_
