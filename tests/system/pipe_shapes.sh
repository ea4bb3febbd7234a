#!/usr/bin/env bash
# kvctl pipe: the form of every answer, many operations in flight, a leader that dies under load, and operations in doubt.
source "$(dirname "$0")/lib.sh"
start

# one REQUEST: the answer to one line.
one() {
    checks=$((checks + 1))
    out="$(kvctl pipe <<<"$1")" || complain "kvctl pipe ended with $? for $1"
}
# field EXPECTED FILTER: of the last answer.
field() { same "$2 of $out" "$1" "$(jq -c "$2" <<<"$out")"; }

say "the result of every operation"
one '{"id":1,"op":"put","key":"a","value":"1"}'
field '[1,"ok",true]' '[.id,.status,.result]'
field '["number","number","string"]' '[.group,.index,.timestamp|type]'
one '{"id":"two","op":"get","key":"a"}'; field '["two","ok","1"]' '[.id,.status,.result]'
one '{"id":[3],"op":"get","key":"nokey"}'; field '[[3],"ok",null]' '[.id,.status,.result]'
one '{"id":{"n":4},"op":"cas","key":"a","expect":"2","value":"3"}'
field '[{"n":4},"failed","MISMATCH","1"]' '[.id,.status,.error,.present]'
one '{"id":5,"op":"cas","key":"a","expect":"1","value":"2"}'; field '["ok",true]' '[.status,.result]'
one '{"id":6,"op":"cas","key":"nokey","expect":"1","value":"2"}'; field '["failed","NOT_FOUND"]' '[.status,.error]'
one '{"id":7,"op":"put_if_absent","key":"a","value":"9"}'; field '["failed","EXISTS","2"]' '[.status,.error,.present]'
one '{"id":8,"op":"put_if_absent","key":"new","value":"9"}'; field '["ok",true]' '[.status,.result]'
one '{"id":9,"op":"delete","key":"new"}'; field '["ok",true]' '[.status,.result]'
one '{"id":10,"op":"delete","key":"new"}'; field '["failed","NOT_FOUND"]' '[.status,.error]'
one '{"id":11,"op":"append","key":"a","value":"x"}'; field '["ok",true]' '[.status,.result]'
one '{"id":12,"op":"incr","key":"a","by":1}'; field '["failed","NOT_A_NUMBER"]' '[.status,.error]'
one '{"id":13,"op":"incr","key":"n","by":9223372036854775807}'
has "64 bits are exact" '"result":9223372036854775807,' "$out"
one '{"id":14,"op":"incr","key":"n","by":1}'; field '["failed","OVERFLOW"]' '[.status,.error]'
one '{"id":15,"op":"mput","pairs":{"m":"1"}}'; field '["ok",true]' '[.status,.result]'
one '{"id":16,"op":"mput","pairs":[["m","2"]]}'; field '["ok",true]' '[.status,.result]'
one '{"id":17,"op":"mget","keys":["m"]}'; field '["ok",["2"]]' '[.status,.result]'
one '{"id":18,"op":"scan","from":"a","to":"n","limit":1}'; field '["ok",[["a","2x"]],true]' '[.status,.result,.more]'
one '{"id":19,"op":"scan","from":"b"}'; field '["ok",false]' '[.status,.more]'
one '{"id":20,"op":"put","key":{"hex":"ff00"},"value":{"hex":"fe"}}'; field '["ok",true]' '[.status,.result]'
one '{"id":21,"op":"scan","from":{"hex":"ff"}}'; field '[[{"hex":"ff00"},{"hex":"fe"}]]' '[.result[]]'
one '{"id":22,"op":"get","key":"a","stale":true,"timeout_ms":2000}'; field '"ok"' '.status'

say "what is not a request is answered and does no harm"
printf '%s\n' 'garbage' '{' '[]' '{"id":1}' '{"id":2,"op":"frob"}' '{"id":3,"op":"get"}' \
    '{"id":4,"op":"get","key":""}' '{"id":5,"op":"mget","keys":[]}' '' \
    '{"id":6,"op":"put","key":"a","value":7}' "$(printf '[%.0s' {1..5000})" \
    '{"id":7,"op":"get","key":"m"}' >"$work/bad"
expect 0 kvctl pipe <"$work/bad"
same "one answer for each line but the empty one" 11 "$(wc -l <<<"$out")"
same "one of them is ok" 1 "$(jq -c 'select(.status=="ok")' <<<"$out" | wc -l)"
same "the others are failed" 10 "$(jq -c 'select(.status=="failed")' <<<"$out" | wc -l)"
same "bad requests say so" 9 "$(jq -c 'select(.error=="BAD_REQUEST")' <<<"$out" | wc -l)"

say "answers come while stdin stays open"
coproc talk { kvctl pipe; }
# A coprocess that has ended is forgotten by bash at any time, so its number is kept.
pid="$talk_PID"
for i in 1 2 3; do
    echo "{\"id\":$i,\"op\":\"incr\",\"key\":\"talk\"}" >&"${talk[1]}"
    IFS= read -r -t 10 out <&"${talk[0]}" || complain "no answer while stdin is open"
    field "[$i,$i]" '[.id,.result]'
done
eval "exec ${talk[1]}>&-"
code=0; wait "$pid" || code=$?
same "exit code at the end of stdin" 0 "$code"

say "5000 increments in flight take effect exactly once each"
for i in $(seq 5000); do echo "{\"id\":$i,\"op\":\"incr\",\"key\":\"count\"}"; done >"$work/load"
expect 0 kvctl pipe <"$work/load"
same "answers" 5000 "$(wc -l <<<"$out")"
same "every sum from 1 to 5000 once" "$(seq 5000 | md5sum)" "$(jq .result <<<"$out" | sort -n | md5sum)"
expect 0 kvctl get count; same "count" 5000 "$out"

say "the leaders die under load: every increment is still executed exactly once"
feed() {
    for i in $(seq 3000); do
        echo "{\"id\":$i,\"op\":\"incr\",\"key\":\"survivor\",\"timeout_ms\":20000}"
        [ $((i % 100)) = 0 ] && sleep 0.05
    done
}
feed | kvctl pipe >"$work/answers" 2>"$work/err" &
load=$!
group="$(kvctl where -q survivor)"
await 10 test -s "$work/answers"
leader="$(kvctl status -o json | jq ".groups[] | select(.group==$group) | .leader")"
expect 0 kvctl cluster kill "$leader"
code=0; wait "$load" || code=$?
same "exit code of the pipe" 0 "$code"
same "ok answers" 3000 "$(jq -c 'select(.status=="ok")' "$work/answers" | wc -l)"
expect 0 kvctl get survivor; same "survivor" 3000 "$out"
expect 0 kvctl cluster restart "$leader"

say "without a majority a write that was sent is in doubt: status in_doubt, exit code 6"
group="$(kvctl where -q doubt)"
leader="$(kvctl status -o json | jq ".groups[] | select(.group==$group) | .leader")"
coproc talk { kvctl pipe; }
pid="$talk_PID"
echo '{"id":1,"op":"put","key":"doubt","value":"1"}' >&"${talk[1]}"
IFS= read -r -t 10 out <&"${talk[0]}"; field '"ok"' '.status'
for node in 1 2 3; do [ "$node" = "$leader" ] || kvctl cluster pause "$node" -q; done
echo '{"id":2,"op":"put","key":"doubt","value":"2","timeout_ms":1000}' >&"${talk[1]}"
IFS= read -r -t 10 out <&"${talk[0]}"; field '[2,"in_doubt","IN_DOUBT"]' '[.id,.status,.error]'
eval "exec ${talk[1]}>&-"
code=0; wait "$pid" || code=$?
same "exit code with an answer in doubt" 6 "$code"
kvctl cluster resume 1 2 3 -q
await 15 kvctl status
expect 0 kvctl get doubt; has "one of the two values" "$out" "1 2"
done_
