#!/usr/bin/env bash
# Locks of real processes: a client that is killed at any step delays others by its ttl and a second at most; one that was stopped and wakes
# up changes nothing; the wall clock may jump; 64 contenders have their turns alike.
. "$(dirname "$0")/lib.sh"

ttl_ms=1000

# prompt WHAT BEGIN: no more than ttl + 1 s have passed.
prompt() {
    local took=$(($(now_ms) - $2))
    echo "  $1: others were delayed by $took ms"
    checks=$((checks + 1))
    [ "$took" -le $((ttl_ms + 1000)) ] || complain "$1: $took ms"
}

# held KEY: somebody holds it.
held() { kvctl locks -o json | jq -e --arg key "$1" 'any(.[]; .key == $key and .state == "held")' >/dev/null; }
waits() { kvctl locks -o json | jq -e --arg key "$1" 'any(.[]; .key == $key and .state == "waits")' >/dev/null; }

# holder KEY COMMAND...: a process that holds it; its pid is in $holder.
holder() {
    local key="$1"
    shift
    kvctl lock "$key" --ttl "${ttl_ms}ms" -- "$@" &
    holder=$!
    await 5 held "$key"
}

make_clock
LD_PRELOAD="$shim" start --nodes 3 --partitions 2

say "a command runs under a lock, and its token is what counts"
expect 0 kvctl lock a b --ttl 5s -- sh -c 'kvctl put a 1 && kvctl mput a 2 b 3 && kvctl get b'
has "the command's output" 3 "$out"
expect 4 kvctl lock a -- kvctl put c 1
has "a key that is not held" LOCK_LOST "$err"
expect 7 kvctl lock a -- sh -c 'exit 7'
expect 127 kvctl lock a -- "$work/nothing"
expect 2 kvctl lock -- true
expect 0 kvctl get a
same "what was written under the lock" 2 "$out"
expect 4 kvctl put a 9 --token 12345.0
expect 2 kvctl put a 9 --token x

say "others wait, or are told"
holder a sleep 1.5
expect 4 kvctl lock a --no-wait -- true
has "who would not wait" LOCKED "$err"
expect 4 kvctl put a 5 --no-wait
has "locks" held "$(kvctl locks)"
expect 0 kvctl put a 5
wait "$holder"
token="$(kvctl lock d --ttl 60s)"
expect 0 kvctl put d 1 --token "$token"
expect 0 kvctl unlock "$token"
expect 4 kvctl unlock "$token"
expect 4 kvctl put d 2 --token "$token"

say "a backup does not wait for who waits for a lock, and what begins with it has neither of them"
expect 0 kvctl put f before
holder f sleep 8
kvctl lock f --ttl "${ttl_ms}ms" -- kvctl put f waited &
waiter=$!
await 5 waits f
kvctl put f waits &
putter=$!
expect 0 kvctl backup "$work/locked" --timeout 5s
checks=$((checks + 1))
held f || complain "the lock was gone before the backup was taken"
wait "$holder" "$waiter" "$putter"
same "who waited has had his turn" waits "$(kvctl get f)"
(
    export KV_CLUSTER="$work/new"
    expect 0 kvctl restore "$work/locked" --dir "$work/new" --timeout 60s
    await 30 kvctl status
    same "locks in the new cluster" "[]" "$(kvctl locks -o json)"
    same "what was written before the lock" before "$(kvctl get f)"
    expect 0 kvctl lock f --no-wait -- kvctl put f new --timeout 5s
    expect 0 kvctl cluster destroy
    [ "$failures" -eq 0 ]
) || complain "the new cluster is not right"

say "killed while it waits"
holder k1 sleep 1.5
kvctl lock k1 --ttl "${ttl_ms}ms" -- true &
waiter=$!
await 5 waits k1
kill -9 "$waiter"
wait "$holder"
begin="$(now_ms)"
expect 0 kvctl put k1 1
prompt "killed while it waits" "$begin"

say "killed while it uses and renews"
for pause in 0 0.4 1.3; do
    holder "k2$pause" sleep 30
    sleep "$pause"
    begin="$(now_ms)"
    pkill -P "$holder" sleep
    kill -9 "$holder"
    expect 0 kvctl put "k2$pause" 1
    prompt "killed $pause s after the grant" "$begin"
done

say "killed while it releases"
for pause in 0 0.005 0.01 0.02 0.03 0.05; do
    rm -f "$work/ends"
    kvctl lock k3 --ttl "${ttl_ms}ms" -- touch "$work/ends" &
    holder=$!
    until [ -f "$work/ends" ]; do :; done
    sleep "$pause"
    begin="$(now_ms)"
    kill -9 "$holder" 2>/dev/null
    expect 0 kvctl put k3 1
    prompt "killed at its release" "$begin"
done

say "stopped for longer than its ttl, it wakes up and changes nothing"
expect 0 kvctl mput s1 old s2 old s3 old s4 old
kvctl lock s1 s2 s3 s4 --ttl "${ttl_ms}ms" -- sh -c \
    "kill -STOP \$PPID; sleep 2.5; for k in s1 s2 s3 s4; do kvctl put \$k stale; echo \$? >>$work/codes; done
     kvctl mput s1 stale s2 stale s3 stale s4 stale; echo \$? >>$work/codes; kill -CONT \$PPID" 2>"$work/stopped" &
stopped=$!
await 5 held s1
begin="$(now_ms)"
expect 0 kvctl mput s1 new s2 new s3 new s4 new
prompt "the holder is stopped" "$begin"
wait "$stopped"
same "what the stopped holder was told" "4 4 4 4 4" "$(tr '\n' ' ' <"$work/codes" | sed 's/ $//')"
has "what it was told" LOCK_LOST "$(cat "$work/stopped")"
for key in s1 s2 s3 s4; do
    expect 0 kvctl get "$key"
    same "the value of $key" new "$out"
done

say "64 contenders"
endpoints="$(kvctl status -o json | jq -r '[.nodes[].endpoint | sub("tcp://"; "")] | join(",")')"
expect 0 lock_contenders "$endpoints" 64 1280
echo "  each had it $(echo "$out" | cut -d' ' -f1) to $(echo "$out" | cut -d' ' -f2) times, $(echo "$out" | cut -d' ' -f4) a second"
checks=$((checks + 1))
[ $(($(echo "$out" | cut -d' ' -f2) - $(echo "$out" | cut -d' ' -f1))) -le 2 ] || complain "not fair: $out"

if [ -n "$shim" ]; then
    say "the wall clock jumps, by an hour and by ten years, forth and back"
    for jump in 3600 0 315360000 0; do
        key="w$jump"
        kvctl lock "$key" --ttl "${ttl_ms}ms" -- sh -c "sleep 2; kvctl put $key mine; echo \$? >$work/code" &
        holder=$!
        await 5 held "$key"
        write_clock "$jump"
        expect 4 kvctl put "$key" other --no-wait
        wait "$holder"
        same "the holder's write behind a jump to $jump" 0 "$(cat "$work/code")"
        holder "$key" sleep 30
        begin="$(now_ms)"
        pkill -P "$holder" sleep
        kill -9 "$holder"
        expect 0 kvctl put "$key" 1
        prompt "killed behind a jump to $jump" "$begin"
    done
    token="$(kvctl lock v --ttl 1s)"
    checks=$((checks + 1))
    [ "${token%.*}" -gt $((($(date +%s) + 315359000) * 1000000)) ] || complain "the clock did not jump: $token"
fi

say "a leader of the oracle that dies does not end a lock"
kvctl lock l --ttl 3s -- sh -c "sleep 2; kvctl put l mine; echo \$? >$work/code" &
holder=$!
await 5 held l
expect 0 kvctl leader transfer oracle
expect 4 kvctl put l other --no-wait
wait "$holder"
same "the holder's write behind a change of leaders" 0 "$(cat "$work/code")"
await 10 kvctl status
done_
