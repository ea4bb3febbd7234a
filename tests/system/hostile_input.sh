# Anything on a node's port: port scans, HTTP, TLS, random bytes, broken ZMTP, absurd lengths. The node drops it and goes on serving
# the same data, its memory stays where it was, and so do its other clients.
source "$(dirname "$0")/lib.sh"

start --nodes 1 --partitions 1
expect 0 kvctl put witness intact
port="$(sed -n 's/.*tcp:\/\/127.0.0.1:\([0-9]*\)/\1/p' "$KV_CLUSTER/cluster.yaml")"
pid="$(cat "$KV_CLUSTER/node-1/pid")"
rss() { awk '/^VmRSS/ {print $2}' "/proc/$pid/status"; }

# send: standard input goes to the port; what comes back is thrown away.
send() {
    exec 9<>"/dev/tcp/127.0.0.1/$port" || return 0
    cat >&9 2>/dev/null || true
    timeout 0.05 cat <&9 >/dev/null 2>&1 || true
    exec 9<&- 9>&-
}

# The greeting of ZMTP 3.0 with the NULL mechanism, and READY of a DEALER.
greeting() {
    printf '\377\000\000\000\000\000\000\000\001\177\003\000NULL'
    head -c 48 /dev/zero
}
ready() { printf '\004\031\005READY\013Socket-Type\000\000\000\006DEALER'; }

before="$(rss)"
say "connections that say nothing, or end at once"
for i in $(seq 50); do send </dev/null; done

say "other protocols"
printf 'GET / HTTP/1.1\r\nHost: kv\r\n\r\n' | send
printf '\026\003\001\002\000\001\000\001\374\003\003' | send
printf '*1\r\n$4\r\nPING\r\n' | send
printf 'SSH-2.0-OpenSSH_9.2\r\n' | send

say "random bytes"
for i in $(seq 40); do head -c $((i * 97)) /dev/urandom | send; done

say "a right greeting and then nonsense"
for i in $(seq 20); do { greeting; head -c 200 /dev/urandom; } | send; done
for i in $(seq 20); do { greeting; ready; head -c 500 /dev/urandom; } | send; done

say "frames that claim 2^63, 8 GiB and 1 GiB"
for length in '\177\377\377\377\377\377\377\377' '\000\000\000\002\000\000\000\000' '\000\000\000\000\100\000\000\000'; do
    for i in $(seq 10); do { greeting; ready; printf "\\002$length"; } | send; done
done

say "messages of many parts, and one that never ends its parts"
{ greeting; ready; for i in $(seq 2000); do printf '\001\002ab'; done; printf '\000\002ab'; } | send
{ greeting; ready; for i in $(seq 20000); do printf '\001\002ab'; done; } | send

say "frames of ours that are damaged"
for i in $(seq 30); do
    { greeting; ready; printf '\000\100KVF1\001\000'; head -c 58 /dev/urandom; } | send
done

same "the data" "intact" "$(kvctl get witness)"
same "the process" "$pid" "$(cat "$KV_CLUSTER/node-1/pid")"
checks=$((checks + 1))
kill -0 "$pid" || complain "the node has ended"
after="$(rss)"
checks=$((checks + 1))
[ $((after - before)) -lt 65536 ] || complain "memory grew from $before to $after kB"
checks=$((checks + 1))
! grep -q BUG "$KV_CLUSTER/node-1/log" || complain "the node's log names a bug"
expect 0 kvctl put witness "still served"
expect 0 kvctl get witness
same "the answer" "still served" "$out"

done_
