# kvd --dev: a whole store in one process with no configuration; SIGTERM ends it cleanly and its temporary data is gone.
source "$(dirname "$0")/lib.sh"

port=$((20000 + RANDOM % 10000))
endpoint="127.0.0.1:$port"
kvd --dev --listen "$endpoint" 2>"$work/log" &
daemon=$!
serves() { kvctl --endpoints "$endpoint" --timeout 1s put hello world; }
await 20 serves
say "commands on both partitions"
for i in $(seq 20); do expect 0 kvctl --endpoints "$endpoint" incr "counter$i" "$i"; done
expect 0 kvctl --endpoints "$endpoint" get counter7
same "a counter" 7 "$out"
expect 0 kvctl --endpoints "$endpoint" status
has "the status" "2 partitions" "$out"
data="$(sed -n 's/.*data in \([^;]*\);.*/\1/p' "$work/log")"
checks=$((checks + 1))
[ -d "$data" ] || complain "no data in '$data'"

say "a second one on the same directory or port is refused, and the first does not mind"
expect 69 kvd --dev --listen "127.0.0.1:$((port + 10001))" --dir "$data"
expect 69 kvd --dev --listen "$endpoint"
expect 0 kvctl --endpoints "$endpoint" get hello
same "the value" world "$out"

say "SIGTERM: exit status 0, nothing left behind"
kill -TERM "$daemon"
code=0
wait "$daemon" || code=$?
same "exit status" 0 "$code"
gone() { [ ! -e "$data" ]; }
await 10 gone

say "a mistake on the command line or in the cluster file is an error with a status of its own"
expect 2 kvd --node 1
expect 2 kvd --dev --config x
printf 'cluster: x\npartitions: none\n' >"$work/bad.yaml"
expect 78 kvd --config "$work/bad.yaml" --node 1 --dir "$work/d"
has "the error" "bad.yaml:2" "$err"

done_
