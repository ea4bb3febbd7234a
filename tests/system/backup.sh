# A backup while money moves between accounts, accounts between partitions, and puts are measured; and a new cluster from it. In the
# backup is the state of one moment: no money is missing, each account is where the oracle and its home say. Damaged files are refused.
. "$(dirname "$0")/lib.sh"

export KVD_OPTIONS="--checkpoint-mib 4 --segment-mib 4"
accounts=40 unit=1000000000 balance=1000
old="$KV_CLUSTER" new="$work/new"

# Of the cluster that $KV_CLUSTER names.
all_accounts() { kvctl scan --prefix account: | sort; }
bank_is_open() { [ "$(all_accounts | wc -l)" -eq "$accounts" ]; }
sum_of() { awk -v unit="$unit" '{ n++; sum += int($2 / unit) } END { print n, sum }' "$1"; }
# Of five groups of three. One that lost its disk votes when it has its state; before that a group stands with two others alone.
all_vote() { [ "$(kvctl status -o json | jq '[.groups[].members[] | select(.role == "leader" or .role == "follower")] | length')" = 15 ]; }
finish_new() { KV_CLUSTER="$new" kvctl cluster destroy -q 2>/dev/null; finish; }
trap finish_new EXIT

say "a bank on four partitions of three nodes, records of some MiB, and one who puts and measures"
start --nodes 3 --partitions 4
expect 0 kvbench run -w put -n 20000 --value-bytes 1000 --load-only
kvbench bank --accounts "$accounts" --clients 8 --moves 40 --seconds 16 --timeout 10s -o json >"$work/bank.json" 2>"$work/bank.err" &
bank=$!
await 10 bank_is_open
kvbench run -w put -n 20000 --no-load --clients 1 --seconds 14 -o json >"$work/put.json" 2>"$work/put.err" &
put=$!
sleep 2

say "backups while they go on"
for i in 1 2 3; do
    expect 0 kvctl backup "$work/backup.$i" --timeout 60s
    has "progress" "group 4 of 4: " "$err"
    has "progress" "100 %" "$err"
    sleep 1
done
expect 0 kvctl backup -q -o json "$work/json" --timeout 60s
same "a quiet one says nothing on stderr" "" "$err"
same "groups in the summary" 5 "$(jq '.groups | length' <<<"$out")"
same "bytes of the images" "$(jq .bytes <<<"$out")" "$(jq '[.groups[].bytes] | add' <<<"$out")"
checks=$((checks + 1))
[ "$(jq .bytes <<<"$out")" -gt 10000000 ] || complain "the images have only $(jq .bytes <<<"$out") bytes"
same "images that are left on the nodes" "" "$(ls "$old"/node-*/data/state | grep backup)"
same "files that are left half written" "" "$(ls "$work" | grep partial)"

say "the cluster has not noticed"
wait "$put"
same "the puts end well: $(cat "$work/put.err")" 0 $?
wait "$bank"
same "the bank ends well: $(cat "$work/bank.err")" 0 $?
same "all answers can be true" true "$(jq -r .correct "$work/bank.json")"
await 30 kvctl status
echo "  $(jq -r '.transfers.ok' "$work/bank.json") transfers, $(jq -r .moved "$work/bank.json") accounts moved"
echo "  longest pause of a put during four backups: $(jq -r '[.. | .max_us? // empty] | max / 1000' "$work/put.json") ms"

# The state of the new cluster, and that it is one of a store.
check_new() {
    local placed
    await 30 kvctl status
    all_accounts >"$work/found"
    same "accounts and their money" "$accounts $((accounts * balance))" "$(sum_of "$work/found")"
    mapfile -t keys < <(cut -f1 "$work/found")
    kvctl where -o table "${keys[@]}" >"$work/where"
    placed="$(grep -c placed "$work/where")"
    same "keys that the oracle counts as placed" "$placed" \
        "$(kvctl partition list -o json | jq '[.result[].placed] | add')"
    checks=$((checks + 1))
    [ "$placed" -gt 0 ] || complain "no account is placed: there was nothing to check"
    same "accounts are found where they are" "$accounts" "$(kvctl mget "${keys[@]}" | wc -l | tr -d ' ')"
}

for i in 1 3; do
    say "a new cluster from backup $i"
    export KV_CLUSTER="$new"
    expect 0 kvctl restore "$work/backup.$i" --dir "$new" --name "second-$i" --timeout 60s
    has "progress" "restore: node 3 of 3" "$err"
    check_new
    key="$(awk '$3 == "placed" { print $1; exit }' "$work/where")"
    expect 0 kvctl delete "$key"
    expect 3 kvctl get "$key"
    expect 0 kvctl create "$key" 7 --on 1
    expect 4 kvctl create "$key" 8 --on 2
    expect 0 kvctl move "$key" --to 3
    same "a key that was deleted and created again" 7 "$(kvctl get "$key")"
    expect 0 kvctl delete "$key"
    expect 0 kvbench bank --accounts 8 --prefix new: --clients 4 --moves 20 --seconds 2 --timeout 10s
    await 30 kvctl status

    say "and it goes on after kill -9"
    for node in 1 2 3; do expect 0 kvctl cluster kill $node; done
    expect 0 kvctl cluster start --timeout 60s
    await 30 kvctl status
    same "accounts that are left" "$((accounts - 1))" "$(all_accounts | wc -l | tr -d ' ')"
    if [ "$i" = 3 ]; then
        expect 0 kvctl backup "$work/again" --timeout 60s
        expect 0 kvctl cluster kill 2
        rm -rf "$new/node-2/data/wal"
        expect 1 kvctl cluster restart 2 --timeout 5s # its log is gone: it must not vote as if it had never promised anything
    fi
    expect 0 kvctl cluster destroy
done

say "a backup of a restored cluster is one, too"
export KV_CLUSTER="$new"
expect 0 kvctl restore "$work/again" --dir "$new" --nodes 1 --timeout 60s
same "its name" second-3 "$(kvctl status -o json | jq -r .cluster)"
expect 0 kvctl cluster destroy

say "on five nodes; one of them loses its disk and gets an image; one is away during a backup"
expect 0 kvctl restore "$work/backup.2" --dir "$new" --nodes 5 --replicas 3 --timeout 60s
check_new
expect 0 kvctl cluster kill 4
rm -rf "$new/node-4/data"
expect 0 kvctl cluster restart 4 --timeout 60s
await 60 all_vote
expect 0 kvctl cluster pause 2
expect 0 kvctl backup "$work/paused" --timeout 60s
[ -e "$work/paused" ] || { kvctl status; tail -n 20 "$new"/node-*/log; }
expect 0 kvctl cluster resume 2
expect 0 kvctl cluster destroy
expect 0 kvctl restore "$work/paused" --dir "$new" --timeout 60s
check_new
expect 0 kvctl cluster destroy
export KV_CLUSTER="$old"

say "what cannot be restored is refused, and nothing is left of it"
size="$(stat -c %s "$work/backup.1")"
cp "$work/backup.1" "$work/damaged"
printf '\377' | dd of="$work/damaged" bs=1 seek=$((size / 2)) conv=notrunc 2>/dev/null
cmp -s "$work/damaged" "$work/backup.1" && printf '\0' | dd of="$work/damaged" bs=1 seek=$((size / 2)) conv=notrunc 2>/dev/null
expect 1 kvctl restore "$work/damaged" --dir "$new"
has "why" "damaged" "$err"
head -c $((size - 1)) "$work/backup.1" >"$work/short"
expect 1 kvctl restore "$work/short" --dir "$new"
has "why" "too early" "$err"
expect 1 kvctl restore "$old/cluster.yaml" --dir "$new"
expect 1 kvctl restore "$work/nothing" --dir "$new"
expect 2 kvctl restore "$work/backup.1" --dir "$new" --partitions 3
same "what is there" "" "$(ls "$new" 2>/dev/null)"
mkdir -p "$new" && touch "$new/something"
expect 2 kvctl restore "$work/backup.1" --dir "$new"
has "why" "not empty" "$err"
rm -rf "$new"
expect 2 kvctl restore "$work/backup.1" --dir "$old"
await 10 kvctl status

say "kvd restore by itself"
expect 65 kvd restore --config "$old/cluster.yaml" --node 1 --dir "$work/data" "$work/damaged"
expect 69 kvd restore --config "$old/cluster.yaml" --node 1 --dir "$old/node-1/data" "$work/backup.1"
expect 0 kvd restore --config "$old/cluster.yaml" --node 1 --dir "$work/data" "$work/backup.1"
expect 0 kvd check "$work/data"
expect 69 kvd restore --config "$old/cluster.yaml" --node 1 --dir "$work/data" "$work/backup.1"
expect 2 kvd restore --node 1 --dir "$work/data2" "$work/backup.1"

say "without a majority of a group there is no backup, and nothing of one"
expect 0 kvctl cluster kill 2 3
expect 5 kvctl backup "$work/never" --timeout 2s
same "files" "" "$(ls "$work" | grep never)"
done_
