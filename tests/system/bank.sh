#!/usr/bin/env bash
# Money moves between accounts on four partitions, the accounts move between the partitions, and nodes are killed and started
# again: no answer may contradict another one. KV_BANK_SECONDS is the length of it; `make bank` runs ten minutes.
. "$(dirname "$0")/lib.sh"

seconds="${KV_BANK_SECONDS:-15}"
pause="${KV_BANK_PAUSE:-3}"

say "a bank on four partitions of three nodes, for $seconds s"
start --nodes 3 --partitions 4
kvbench bank --accounts 40 --clients 8 --moves 20 --seconds "$seconds" --timeout 10s --history "$work/history" \
    -o json >"$work/bank.json" 2>"$work/bank.err" &
bank=$!

kills=0 node=1
while kill -0 "$bank" 2>/dev/null; do
    until_kill=$((SECONDS + pause))
    while [ "$SECONDS" -lt "$until_kill" ] && kill -0 "$bank" 2>/dev/null; do sleep 0.2; done
    kill -0 "$bank" 2>/dev/null || break
    expect 0 kvctl cluster kill "$node"
    expect 0 kvctl cluster restart "$node" --timeout 60s
    kills=$((kills + 1)) node=$((node % 3 + 1))
done
wait "$bank"
same "the bank ends well: $(cat "$work/bank.err")" 0 $?
same "all answers can be true" true "$(jq -r .correct "$work/bank.json")"
jq -r '"  \(.transfers.ok) transfers, \(.audits.ok) audits, \(.moved) accounts moved, \(.unknown) unknown, \(.ledger_operations) in the ledger"' \
    "$work/bank.json"
echo "  $kills times a node was killed and started again"
checks=$((checks + 1))
[ "$(jq .transfers.ok "$work/bank.json")" -gt 0 ] || complain "no transfer was done"
checks=$((checks + 1))
[ "$(jq .moved "$work/bank.json")" -gt 0 ] || complain "no account was moved"
checks=$((checks + 1))
[ "$kills" -gt 0 ] || complain "no node was killed"
same "the history has every operation of the ledger" "$(jq .ledger_operations "$work/bank.json")" \
    "$(wc -l <"$work/history" | tr -d ' ')"

say "all members of all groups have the same state"
await 60 kvctl status
done_
