# A byte of a stopped node's files is changed, at many places of each file, one at a time: the node either refuses to start, or ends, or
# gives every key its value. It never gives a wrong one, and never says that a key is not there. It stands alone: nobody can repair it.
source "$(dirname "$0")/lib.sh"

port=$((20000 + RANDOM % 10000))
endpoint="127.0.0.1:$port"
good="$work/good" bad="$work/bad"
keys=400 places="${KV_FLIPS:-12}"

begin() { # DIRECTORY: a node with it that says that it serves, or has ended
    kvd --dev --partitions 1 --segment-mib 1 --listen "$endpoint" --dir "$1" >"$work/log" 2>&1 &
    daemon=$!
    until grep -q "serves at" "$work/log"; do
        kill -0 "$daemon" 2>/dev/null || return 1
        sleep 0.01
    done
}
end() {
    kill -"$1" "$daemon" 2>/dev/null
    wait "$daemon" 2>/dev/null
    code=$?
}
puts() {
    seq "$1" "$2" | awk '{ printf "{\"id\":%d,\"op\":\"put\",\"key\":\"key%d\",\"value\":\"value %d of 100 bytes %076d\"}\n", $1, $1, $1, $1 }' |
        kvctl --endpoints "$endpoint" pipe | jq -r 'select(.status != "ok") | .error'
}
# Keys that are said to have another value than theirs, or none. An error is no answer.
wrong() {
    seq 1 "$keys" | awk '{ printf "{\"id\":%d,\"op\":\"get\",\"key\":\"key%d\"}\n", $1, $1 }' |
        kvctl --endpoints "$endpoint" --timeout 3s pipe 2>/dev/null >"$work/answers"
    jq -r 'select(.status == "ok" and (.result // "" | split(" ")[1]) != (.id | tostring)) | "\(.id) \(.result)"' "$work/answers"
}
right() { jq -r 'select(.status == "ok") | .id' "$work/answers" | wc -l; }
# change FILE OFFSET: another byte there
change() {
    local byte
    byte="$(od -An -tu1 -j "$2" -N 1 "$1" | tr -d ' ')"
    printf "$(printf '\\%03o' $((byte ^ 0x41)))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}
# places_of FILE: offsets, where the headers are, and spread over the blocks that have any content.
places_of() {
    local size block
    size="$(stat -c %s "$1")"
    printf '%s\n' 0 9 20 33 60 63
    [ "$size" -gt 4096 ] || return
    printf '%s\n' 4100 4120 4150 4170 4200 8200
    for ((block = 0; block * 4096 < size; block++)); do
        [ -n "$(dd if="$1" bs=4096 skip="$block" count=1 status=none | tr -d '\0' | head -c 1)" ] && echo "$block"
    done >"$work/blocks"
    shuf -n "$places" --random-source=<(yes) "$work/blocks" | awk '{ print $1 * 4096 + 17 + ($1 * 977) % 3900 }'
}

say "a small node: a checkpoint and a log behind it"
begin "$good" || complain "does not start: $(cat "$work/log")"
await 10 kvctl --endpoints "$endpoint" put key0 0
same "puts that failed" "" "$(puts 1 300)"
expect 0 kvctl --endpoints "$endpoint" checkpoint
same "puts that failed" "" "$(puts 301 "$keys")"
same "wrong answers before anything is changed" "" "$(wrong)"
same "right ones" "$keys" "$(right)"
end TERM
same "its exit status" 0 "$code"

tried=0 refused=0 served=0 ended=0
for file in META $(cd "$good" && ls wal/*.seg state/*/data.mdb); do
    say "$file"
    for place in $(places_of "$good/$file"); do
        rm -rf "$bad"
        cp -r "$good" "$bad"
        change "$bad/$file" "$place"
        tried=$((tried + 1))
        if ! begin "$bad"; then
            end 0
            refused=$((refused + 1))
            same "exit status with byte $place of $file" 65 "$code"
            continue
        fi
        same "wrong answers with byte $place of $file" "" "$(wrong)"
        if kill -0 "$daemon" 2>/dev/null; then
            served=$((served + 1))
        else
            ended=$((ended + 1))
        fi
        end KILL
    done
done
echo "  $tried changed bytes: $refused refused at the start, $ended noticed later, $served without consequence"
checks=$((checks + 1))
[ "$refused" -gt 0 ] && [ "$served" -gt 0 ] || complain "the places are not those that were meant"

done_
