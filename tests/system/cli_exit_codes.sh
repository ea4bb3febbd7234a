#!/usr/bin/env bash
# Every way in which a command can end has its exit code; results are on stdout and nothing else is.
source "$(dirname "$0")/lib.sh"

say "usage errors end with 2 and need no cluster"
expect 2 kvctl
expect 2 kvctl frob
expect 2 kvctl get
expect 2 kvctl get a b
expect 2 kvctl get a --frob
expect 2 kvctl get a --timeout 5
expect 2 kvctl put a 1 --limit 3
expect 2 kvctl get a --cluster "$work/nothing"
expect 2 kvctl cluster kill 1
expect 0 kvctl help
expect 0 kvctl help cluster start
expect 0 kvctl version
expect 0 kvctl completion bash
bash -n <(kvctl completion bash) || complain "the completion is not valid bash"

start
say "done is 0, and the result alone is on stdout"
expect 0 kvctl put a 1; same "put" "OK" "$out"; same "put" "" "$err"
expect 0 kvctl get a; same "get" "1" "$out"; same "get" "" "$err"
expect 0 kvctl incr n -3; same "incr" "-3" "$out"
expect 0 kvctl incr n; same "incr" "-2" "$out"
expect 0 kvctl cas a 1 2; same "cas" "OK" "$out"
expect 0 kvctl append a x; expect 0 kvctl get a; same "append" "2x" "$out"
expect 0 kvctl put-if-absent p 1
expect 0 kvctl delete p
expect 0 kvctl get a --stale
expect 0 kvctl scan; same "scan" $'a\t2x\nn\t-2' "$out"
expect 0 kvctl where -q a; has "where" "$out" "1 2"

say "values are exact: stdin, files, empty, binary"
head -c 100000 /dev/urandom >"$work/bytes"
expect 0 kvctl put blob "@$work/bytes"
kvctl get --raw blob | cmp -s - "$work/bytes" || complain "the bytes of a file came back different"
kvctl put -q blob2 - <"$work/bytes" && kvctl get --raw blob2 | cmp -s - "$work/bytes" ||
    complain "the bytes of stdin came back different"
expect 0 kvctl put empty ""; expect 0 kvctl get empty; same "empty value" "" "$out"
expect 0 kvctl put --encoding hex 00ff 0a00
expect 0 kvctl get --encoding base64 AP8=; same "base64" "CgA=" "$out"
expect 0 kvctl put -- -key -value; expect 0 kvctl get -- -key; same "dashes" "-value" "$out"

say "no such key is 3"
expect 3 kvctl get nokey; same "get nokey" "" "$out"; has "get nokey" "NOT_FOUND" "$err"
expect 3 kvctl delete nokey
expect 3 kvctl cas nokey 1 2

say "a condition that does not hold is 4"
expect 4 kvctl cas a 1 3; has "cas" "present value: 2x" "$err"
expect 4 kvctl put-if-absent a 1
expect 4 kvctl incr a

say "a limit is 8"
expect 0 kvctl put big 9223372036854775807
expect 8 kvctl incr big
expect 8 kvctl put "$(head -c 481 /dev/zero | tr '\0' k)" 1
head -c 1048577 /dev/zero >"$work/large"
expect 8 kvctl put large "@$work/large"
expect 0 kvctl get big; same "after overflow" "9223372036854775807" "$out"

say "keys of one command may be of one partition or of several"
a="$(kvctl where -q a)" other="" mate=""
for key in k1 k2 k3 k4 k5 k6 k7 k8 k9 k10 k11 k12; do
    if [ "$(kvctl where -q $key)" = "$a" ]; then mate=$key; else other=$key; fi
done
expect 0 kvctl mput a 1 "$mate" 2
expect 0 kvctl mget a "$mate"; same "mget" "a"$'\t'"1"$'\n'"$mate"$'\t'"2" "$out"
expect 0 kvctl mput a 3 "$other" 4
expect 0 kvctl mget a "$other"; same "cross" "a"$'\t'"3"$'\n'"$other"$'\t'"4" "$out"

say "with -o json results and errors are JSON, each where it belongs"
expect 0 kvctl -o json get a; same "json" "ok" "$(jq -r .status <<<"$out")"
expect 3 kvctl -o json get nokey; same "json" "" "$out"; same "json" "NOT_FOUND 3" "$(jq -r '"\(.error) \(.exit)"' <<<"$err")"
expect 2 kvctl -o json frob; same "json" "USAGE" "$(jq -r .error <<<"$err")"
expect 0 kvctl -o json status; same "json" "true" "$(jq -r .healthy <<<"$out")"
expect 0 kvctl -o json put t 1
same "64-bit ids are strings, index and group are numbers" "string number number" \
    "$(jq -r '"\(.timestamp|type) \(.index|type) \(.group|type)"' <<<"$out")"

say "another cluster's name is refused with 7"
sed 's/^cluster: .*/cluster: another/' "$KV_CLUSTER/cluster.yaml" >"$work/another.yaml"
expect 7 kvctl get a --cluster "$work/another.yaml" --timeout 2s

say "an interrupt is 130"
kvctl cluster pause 1 2 3 -q
(trap - INT; exec kvctl get a --timeout 30s >/dev/null 2>&1) &
waiting=$!
catches_sigterm() { # it is kvctl, and its handler is there
    grep -q kvctl "/proc/$waiting/comm" &&
        (((0x$(sed -n 's/^SigCgt:[[:space:]]*//p' "/proc/$waiting/status") >> 14) & 1))
}
await 5 catches_sigterm
kill -TERM "$waiting"
code=0; wait "$waiting" || code=$?
same "interrupted get" 130 "$code"
kvctl cluster resume 1 2 3 -q
await 15 kvctl status

say "a cluster without a majority: 9 for status, 5 for what was not executed"
kvctl cluster kill 2 3 -q
expect 9 kvctl status
expect 5 kvctl get a --timeout 500ms; same "no answer" "" "$out"
kvctl cluster stop -q
expect 9 kvctl status
expect 5 kvctl put a 1 --timeout 300ms
expect 5 kvctl get a --timeout 300ms --endpoints 127.0.0.1:1
done_
