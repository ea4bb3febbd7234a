#!/usr/bin/env bash
# Keys are created on partitions, moved between them, deleted and created again; transactions and commands over partitions by
# every policy; and what is known to a client needs no oracle.
source "$(dirname "$0")/lib.sh"
start --nodes 3 --partitions 4

# A key whose home is a given partition: home_at PARTITION PREFIX
home_at() {
    local i=0
    until [ "$(kvctl where -q "$2$i")" = "$1" ]; do i=$((i + 1)); done
    echo "$2$i"
}
# json EXPECTED FILTER: of the last output.
json() { same "$2 of $out" "$1" "$(jq -c "$2" <<<"$out")"; }
# placed: the counts of the oracle
placed() { kvctl partition list -o json | jq -c '[.result[].placed]'; }
# txn CODE OPTION...: with the text on stdin
txn() {
    local code="$1"
    shift
    cat >"$work/txn"
    expect "$code" kvctl txn "$work/txn" "$@"
}

key="$(home_at 1 user)"
say "create: on a partition, at home, where the fewest placed keys live"
expect 0 kvctl create "$key" Ada --on 3; same "create" OK "$out"
expect 0 kvctl where "$key"; same "where" "$key"$'\t'3 "$out"
expect 0 kvctl where -q "$key"; same "where -q" 3 "$out"
expect 0 kvctl get "$key"; same "its value" Ada "$out"
expect 4 kvctl create "$key" Bob; has "create" EXISTS "$err"
expect 4 kvctl create "$key" Bob --on 2; same "nothing on stdout" "" "$out"
expect 0 kvctl get "$key"; same "its value" Ada "$out"
expect 0 kvctl create empty; expect 0 kvctl get empty; same "without a value" "" "$out"
printf 'from stdin' | kvctl create -q piped - --on 2 || complain "create from stdin"
expect 0 kvctl get piped; same "its value" "from stdin" "$out"
same "the oracle counts" 1 "$(kvctl partition list -o json | jq '.result[2].placed')"
expect 0 kvctl create least --least-loaded
expect 2 kvctl create other --on 5; has "no such partition" "INVALID" "$err"
expect 2 kvctl create other --on 2 --least-loaded
expect 3 kvctl get other
expect 0 kvctl where -o table "$key"; has "where -o table" "placed  yes" "$out"
expect 0 kvctl where -o json "$key" other
json '[[3,true,true],[false,null]]' '[[.result[0]|.partition,.placed,.exists],[.result[1]|.placed,.exists]]'

say "move: a verdict for each key; a dry run changes nothing"
expect 0 kvctl move "$key" --to 4 --dry-run; same "dry run" "$key"$'\t'"would move"$'\t'3$'\t'4 "$out"
expect 0 kvctl where -q "$key"; same "it is where it was" 3 "$out"
expect 0 kvctl move "$key" --to 4; same "move" "$key"$'\t'moved$'\t'3$'\t'4 "$out"
expect 0 kvctl where -q "$key"; same "it has moved" 4 "$out"
expect 0 kvctl get "$key"; same "with its value" Ada "$out"
expect 3 kvctl move "$key" nokey empty --to 4
same "already there, no such key" "$key"$'\t'"already there"$'\t'4$'\t'4$'\n'nokey$'\t'"no such key"$'\t'-$'\t'4 \
    "$(head -n 2 <<<"$out")"
has "the third key moves" "empty" "$out"
expect 0 kvctl where -q empty; same "the third key" 4 "$out"
expect 2 kvctl move "$key"
expect 2 kvctl move "$key" --to 9
expect 2 kvctl move "$key" --to 64
expect 0 kvctl move "$key" --to 2 -o json
json '["move","ok",true,{"status":"ok","partition":2,"from":4,"moved":true}]' '[.op,.status,.result,.verdicts[0]]'

say "partition list and history"
expect 0 kvctl partition list; has "the heads" "PARTITION  KEYS  PLACED  LEADER" "$out"
same "a line for each partition" 5 "$(wc -l <<<"$out")"
expect 0 kvctl partition list -o json
json '[1,2,3,4]' '[.result[].partition]'
same "every partition has a leader" 4 "$(jq '[.result[]|select(.leader >= 1 and .leader <= 3)]|length' <<<"$out")"
same "keys in all" "$(kvctl scan | wc -l)" "$(jq '[.result[].keys]|add' <<<"$out")"
expect 0 kvctl partition history --limit 1
same "the last change" "$key move 4 2" "$(cut -f 1,2 <<<"$out" | tr '\t' ' ')"
has "there are more" "older" "$err"
expect 0 kvctl partition history -o json
json '[["move",4,2],["move",3,4],["create",null,3]]' "[.result[]|select(.key==\"$key\")|[.change,.from,.to]]"
expect 2 kvctl partition history --limit 0

say "a placed key is deleted, and created again at home and elsewhere"
expect 0 kvctl delete "$key"; same "delete" OK "$out"
expect 3 kvctl get "$key"
expect 3 kvctl delete "$key"
expect 0 kvctl where -q "$key"; same "where it would be" 1 "$out"
expect 0 kvctl put "$key" again
expect 0 kvctl where -q "$key"; same "it is at home" 1 "$out"
expect 4 kvctl create "$key" --on 3
expect 0 kvctl delete "$key"
expect 0 kvctl create "$key" third --on 3
expect 0 kvctl get "$key"; same "its value" third "$out"
expect 3 kvctl delete "$key" nokey piped; has "which" "no such key: nokey" "$err"
expect 3 kvctl mget "$key" piped; same "the others are gone" "" "$out"
expect 0 kvctl put "$key" 1
expect 0 kvctl delete "$key" least; same "several" OK "$out"

say "transactions over partitions: both branches, none, and steps that cannot be done"
expect 0 kvctl create a:1 9 --on 1; expect 0 kvctl create a:2 0 --on 2; expect 0 kvctl create a:3 open --on 3
transfer() {
    txn "$1" "${@:2}" <<'TXN'
# five from a:1 to a:2
if
  eq a:3 "open"
  at-least a:1 5
then
  incr a:1 -5
  incr a:2 5
  put note 'moved: 5'
  get nokey
else
  get a:1
TXN
}
transfer 0; same "then" $'then\na:1\t4\na:2\t5\nnote\nnokey' "$out"
transfer 0; same "else" $'else\na:1\t4' "$out"
transfer 0 -o json; json '["txn","ok",false,[["a:1","4"]]]' '[.op,.status,.guards_held,.rows]'
expect 0 kvctl mget a:1 a:2 note; same "what is there" $'a:1\t4\na:2\t5\nnote\tmoved: 5' "$out"
txn 4 <<<$'if\nabsent a:3\nthen\nput a:1 0'; same "no else" else "$out"; has "no else" "do not hold" "$err"
txn 4 <<<$'put a:1 0\ncas a:3 closed x'; has "cas" MISMATCH "$err"; same "cas" "" "$out"
txn 4 <<<$'put a:1 0\nput-if-absent a:3 x'; has "put-if-absent" EXISTS "$err"
txn 4 <<<$'put a:1 0\nincr a:3'; has "incr" NOT_A_NUMBER "$err"
txn 3 <<<$'put a:1 0\ncas nokey 1 2'; has "cas" NOT_FOUND "$err"
txn 2 <<<$'put a:1 0\nfrob a:1'; has "which line" "line 2" "$err"
expect 0 kvctl get a:1; same "nothing was done" 4 "$out"
printf 'get a:1\nget a:3\n' | kvctl txn >"$work/out" || complain "txn from stdin"
same "from stdin" $'then\na:1\t4\na:3\topen' "$(cat "$work/out")"
txn 0 <<<$'delete a:3\nput a:3 "\\x00\\n"'; expect 0 kvctl get --encoding hex 613a33; same "any bytes" 000a "$out"
expect 0 kvctl put a:3 open

say "mput, mget and txn by each policy; only move moves"
expect 0 kvctl where a:1 a:2 a:3; same "before" $'a:1\t1\na:2\t2\na:3\t3' "$out"
first="$(home_at 1 home)" second="$(home_at 2 home)"
expect 0 kvctl mput "$first" 1 "$second" 2 -v; has "two partitions take part" "2 partition(s)," "$err"
for policy in exchange borrow; do
    expect 0 kvctl mput a:1 "$policy" a:2 2 a:3 3 --policy $policy
    expect 0 kvctl mget a:1 a:2 a:3 --policy $policy; same "$policy" "a:1"$'\t'"$policy"$'\na:2\t2\na:3\t3' "$out"
    txn 0 --policy $policy <<<$'incr a:2\nappend a:3 x\nget a:1'
    same "txn $policy" $'then\na:2\t3\na:3\na:1\t'"$policy" "$out"
    expect 0 kvctl where a:1 a:2 a:3; same "$policy moves nothing" $'a:1\t1\na:2\t2\na:3\t3' "$out"
done
expect 0 kvctl mget a:1 a:2 --policy borrow --on 4; same "borrow --on" $'a:1\tborrow\na:2\t3' "$out"
expect 0 kvctl mput a:1 m1 a:2 5 --policy move --on 4
expect 0 kvctl where a:1 a:2 a:3; same "move --on 4" $'a:1\t4\na:2\t4\na:3\t3' "$out"
txn 0 --policy move --on 2 <<<$'incr a:2\nget a:3\nget a:1'; same "txn move" $'then\na:2\t6\na:3\t3x\na:1\tm1' "$out"
expect 0 kvctl mget a:1 a:2 a:3 --policy move -v; has "one partition now" "partition 2," "$err"
same "mget" $'a:1\tm1\na:2\t6\na:3\t3x' "$out"
expect 2 kvctl mget a:1 a:2 --on 2
expect 2 kvctl mget a:1 a:2 --policy lend

say "pipe: the same operations as JSON"
one() {
    checks=$((checks + 1))
    out="$(kvctl pipe <<<"$1")" || complain "kvctl pipe ended with $? for $1"
}
one '{"id":1,"op":"create","key":"p:1","value":"1","on":2}'; json '[1,"ok",true,2]' '[.id,.status,.result,.verdicts[0].partition]'
one '{"id":2,"op":"create","key":"p:1"}'; json '["failed","EXISTS",null]' '[.status,.error,.result]'
one '{"id":3,"op":"create","key":"p:2","on":"least-loaded"}'; json '"ok"' .status
one '{"id":4,"op":"where","keys":["p:1","nokey"]}'; json '[2,2]' '[.result[0].partition,(.result|length)]'
one '{"id":5,"op":"move","keys":["p:1","nokey"],"to":3}'
json '["failed","NOT_FOUND",[{"status":"ok","partition":3},{"status":"failed","error":"NOT_FOUND"}]]' '[.status,.error,.verdicts]'
one '{"id":6,"op":"partitions"}'; json '4' '.result|length'
one '{"id":7,"op":"history","limit":1}'; json '["p:1","move",2,3,true]' '[(.result[0]|.key,.change,.from,.to),.more]'
one '{"id":8,"op":"txn","guards":[["eq","p:1","1"]],"ops":[["get","p:1"],["incr","p:3","-5"],["append","p:4","x"]],"else":[["get","p:2"]]}'
json '["ok",true,[["p:1","1"],["p:3","-5"],["p:4",null]]]' '[.status,.guards_held,.rows]'
one '{"id":9,"op":"txn","guards":[["absent","p:1"]],"else":[["delete","p:4"],["get","p:4"]]}'
json '["ok",false,[["p:4",""],["p:4",null]]]' '[.status,.guards_held,.rows]'
one '{"id":10,"op":"txn","ops":[["cas","p:1","7","8"]],"policy":"borrow"}'; json '["failed","MISMATCH"]' '[.status,.error]'
for policy in exchange borrow move; do
    one "{\"op\":\"mput\",\"pairs\":{\"a:1\":\"$policy\",\"p:1\":\"2\"},\"policy\":\"$policy\"}"; json '"ok"' .status
    one "{\"op\":\"mget\",\"keys\":[\"a:1\",\"p:1\"],\"policy\":\"$policy\"}"; json "[\"$policy\",\"2\"]" .result
done
one '{"id":11,"op":"delete","keys":["p:1","p:2","nokey"]}'
json '["failed","NOT_FOUND",["ok","ok","failed"]]' '[.status,.error,[.verdicts[].status]]'

say "commands on known keys of one partition ask the oracle nothing, however many there are"
expect 0 kvctl create known 0 --on 4
load() { for i in $(seq "$1"); do echo '{"op":"incr","key":"known"}'; echo '{"op":"get","key":"known"}'; done; }
load 1 | kvctl pipe -v 2>"$work/few" >/dev/null || complain "a short pipe"
load 300 | kvctl pipe -v 2>"$work/many" >"$work/answers" || complain "a long pipe"
same "all are answered" 600 "$(jq -c 'select(.status=="ok")' "$work/answers" | wc -l)"
same "requests to the oracle" "$(jq .oracle_requests "$work/few")" "$(jq .oracle_requests "$work/many")"

say "nothing is left behind"
expect 0 kvctl status
kvctl scan --encoding hex | cut -f 1 >"$work/keys"
expect 0 kvctl delete --encoding hex $(cat "$work/keys")
same "no placed key" '[0,0,0,0]' "$(placed)"
expect 0 kvctl partition list -o json; json '[0,0,0,0]' '[.result[].keys]'
done_
