#!/usr/bin/env bash
# The demo: three real processes on loopback, real commands over partitions, a killed leader, a YCSB load. Cleans up behind itself.
set -euo pipefail
bin="$(realpath "${1:-build/bin}")"
export PATH="$bin:$PATH"
work="$(mktemp -d /tmp/kv-demo-XXXXXX)"
export KV_CLUSTER="$work/cluster"

finish() {
    kvctl cluster stop --dir "$KV_CLUSTER" >/dev/null 2>&1 || true
    rm -rf "$work"
}
trap finish EXIT

step() { printf '\n\033[1m== %s\033[0m\n' "$*"; }
run() { printf '$ %s\n' "$(printf '%q ' "$@")"; "$@"; }

step "A cluster of three nodes: an oracle and four partitions, three replicas each"
run kvctl cluster start --dir "$KV_CLUSTER" --nodes 3 --partitions 4

step "Commands: every answer is durable on a majority"
run kvctl put greeting "hello, world"
run kvctl get greeting
run kvctl incr visits 41
run kvctl incr visits 1
run kvctl cas visits 42 43
run kvctl put-if-absent greeting "never stored" || echo "   exit status $?: it exists"

step "Where keys live: by their hash, or where you say; and they can move"
run kvctl create account:1 100 --on 1
run kvctl create account:2 0 --on 2
run kvctl where account:1 account:2 greeting
run kvctl move account:1 --to 3
run kvctl where account:1
run kvctl partition list
run kvctl partition history

step "One transaction over keys of several partitions: all of it at one moment, or nothing"
cat >"$work/transfer" <<'TRANSFER'
if
  at-least account:1 60
then
  incr account:1 -60
  incr account:2 60
else
  get account:1
TRANSFER
run cat "$work/transfer"
run kvctl txn "$work/transfer"
run kvctl txn "$work/transfer"
run kvctl mget account:1 account:2 greeting visits
run kvctl scan "" "" --limit 10

step "The leader of the partition that holds 'greeting' is killed with kill -9"
partition="$(kvctl where -q greeting)"
leader="$(kvctl status -o json | jq -r --argjson g "$partition" \
    '.groups[] | select(.group == $g).leader')"
run kvctl cluster kill "$leader"
run kvctl get greeting
run kvctl incr visits 1
run kvctl cluster restart "$leader"

step "YCSB workload A: half reads, half updates, zipfian, 16 clients, everything synced to disk"
run kvbench run --workload a --records 2000 --seconds 5 --clients 16

step "All replicas agree: same digest in each group"
run kvctl status

step "Done"
