#!/usr/bin/env bash
# This store beside ZooKeeper and Redis, on this machine: the same generators, values and checks through the client libraries of each,
# in interleaved rounds. Three nodes where a system has them, and every write on disk before it is answered: kvd as it is, ZooKeeper with
# forceSync (three servers), Redis with appendfsync always (one server: it has no synchronous replication). Prints medians and ranges,
# and ratios round by round.
#
# usage: bench/compare.sh [BIN [ROUNDS [SECONDS]]]
#   RECORDS=10000  WARM=10 (seconds of puts before, for compilers at run time)  KEEP=DIR (the JSON of every run is left there)  PAGE=FILE.html (plots)  SYSTEMS="kv zookeeper redis"
#
# Installs Debian packages that are missing (redis-server, zookeeper with a JRE, libhiredis-dev, libzookeeper-st-dev; root), and builds kvbench
# again if it lacks a driver. etcd is left out: its Debian package has no benchmark, and no C client library.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
bin="$(realpath "${1:-build/bin}")" rounds="${2:-5}" seconds="${3:-5}"
records="${RECORDS:-10000}" warm="${WARM:-10}" systems="${SYSTEMS:-kv zookeeper redis}"
export PATH="$bin:$PATH"
work="$(mktemp -d "${TMPDIR:-/tmp}/kv-compare-XXXXXX")"
export KV_CLUSTER="$work/cluster"
unset KV_ENDPOINTS
keep="${KEEP:-$work/results}"
mkdir -p "$keep"
servers=()

finish() {
    kvctl cluster destroy -q >/dev/null 2>&1 || true
    [ "${#servers[@]}" = 0 ] || kill "${servers[@]}" 2>/dev/null || true
    [ "${#servers[@]}" = 0 ] || wait "${servers[@]}" 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM

uses() { case " $systems " in *" $1 "*) return 0 ;; *) return 1 ;; esac; }
say() { echo "-- $*" >&2; }

install_missing() {
    local missing=()
    if uses redis; then
        command -v redis-server >/dev/null || missing+=(redis-server)
        [ -e /usr/include/hiredis/hiredis.h ] || missing+=(libhiredis-dev)
    fi
    if uses zookeeper; then
        [ -e /usr/share/java/zookeeper.jar ] || missing+=(zookeeper)
        command -v java >/dev/null || missing+=(default-jre-headless)
        compgen -G '/usr/lib/*/libzookeeper_st.so' >/dev/null || missing+=(libzookeeper-st-dev)
    fi
    [ "${#missing[@]}" = 0 ] && return
    say "installing ${missing[*]}"
    apt-get update -q >&2 || true
    # Not as services: we start our own.
    RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}" >&2
}

# has_driver NAME
has_driver() { ! kvbench run --driver "$1" --endpoints 127.0.0.1:1 --load-only -n 2 2>&1 | grep -q 'has no driver'; }

build_drivers() {
    local system
    for system in $systems; do
        has_driver "$system" && continue
        say "building kvbench with a driver for $system"
        cmake -S "$here/.." -B "$bin/.." >&2
        cmake --build "$bin/.." --target kvbench >&2
        has_driver "$system" || {
            echo "compare: kvbench still has no driver for $system" >&2
            exit 1
        }
        return
    done
}

# A port that nobody listens on.
free_port() {
    local port
    while :; do
        port=$((RANDOM % 20000 + 20000))
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
    done
    echo "$port"
}

# await COMMAND...: until it succeeds, for a minute.
await() {
    local end=$((SECONDS + 60))
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$end" ] || {
            echo "compare: $* did not succeed" >&2
            exit 1
        }
        sleep 0.2
    done
}

start_kv() {
    kvctl cluster start --nodes 3 --partitions 1 --timeout 60s -q >/dev/null
}

start_redis() {
    redis_port="$(free_port)"
    mkdir "$work/redis"
    redis-server --port "$redis_port" --bind 127.0.0.1 --dir "$work/redis" --save '' --appendonly yes --appendfsync always \
        --daemonize no >"$work/redis/log" 2>&1 &
    servers+=($!)
    redis=127.0.0.1:$redis_port
    await kvbench run --driver redis --endpoints "$redis" -w put -n 2 --load-only
}

start_zookeeper() {
    local id ports=() list="" quorum="" quorum_port election_port
    for id in 1 2 3; do
        ports[id]="$(free_port)" quorum_port="$(free_port)" election_port="$(free_port)"
        quorum+="server.$id=127.0.0.1:$quorum_port:$election_port"$'\n'
        list+="${list:+,}127.0.0.1:${ports[id]}"
    done
    for id in 1 2 3; do
        mkdir -p "$work/zookeeper-$id"
        echo "$id" >"$work/zookeeper-$id/myid"
        cat >"$work/zookeeper-$id/zoo.cfg" <<END
tickTime=2000
initLimit=10
syncLimit=5
dataDir=$work/zookeeper-$id
clientPort=${ports[id]}
clientPortAddress=127.0.0.1
maxClientCnxns=0
forceSync=yes
admin.enableServer=false
$quorum
END
        java -Xmx512m -Dzookeeper.admin.enableServer=false -cp "$work:/usr/share/java/zookeeper.jar" \
            org.apache.zookeeper.server.quorum.QuorumPeerMain "$work/zookeeper-$id/zoo.cfg" >"$work/zookeeper-$id/log" 2>&1 &
        servers+=($!)
    done
    zookeeper="$list"
    await kvbench run --driver zookeeper --endpoints "$zookeeper" -w put -n 2 --load-only
}

target() {
    case "$1" in
        kv) echo "--cluster $KV_CLUSTER" ;;
        *) echo "--driver $1 --endpoints ${!1}" ;;
    esac
}

# measure CASE SYSTEM ROUND OPTION...
measure() {
    local case="$1" system="$2" round="$3"
    shift 3
    # shellcheck disable=SC2046
    kvbench run $(target "$system") -n "$records" --no-load --value-bytes 100 --seconds "$seconds" --warmup 1 --seed "$round" -o json "$@" \
        >"$work/run" || say "$case, $system: some operations failed"
    jq --arg case "$case" --arg system "$system" --argjson round "$round" '. + {compare: {case: $case, system: $system, round: $round}}' \
        "$work/run" >"$keep/compare-$case-$system-$round.json"
    say "round $round, $case, $system: $(jq '.run | "\(.throughput | floor)/s, p50 \(.all.p50_us) us, p99 \(.all.p99_us) us"' "$work/run")"
}

install_missing
build_drivers
for system in $systems; do
    say "starting and loading $system"
    "start_$system"
    # shellcheck disable=SC2046
    kvbench run $(target "$system") -w put -n "$records" --value-bytes 100 --clients 64 --seconds "$warm" >/dev/null
done

for round in $(seq "$rounds"); do
    for system in $systems; do
        [ "$system" = redis ] || measure put-256 "$system" "$round" -w put --clients 256
    done
    for clients in 1 50; do
        for workload in put get; do
            for system in $systems; do measure "$workload-$clients" "$system" "$round" -w "$workload" --clients "$clients"; done
        done
    done
done

# One node dead, another one in each round, at half of the rate of 64 clients: ours only. After the election, if there was one.
if uses kv; then
    rate="$(kvbench run --cluster "$KV_CLUSTER" -w a -n "$records" --value-bytes 100 --no-load --clients 64 --seconds 3 -o json | jq '.run.throughput / 2 | floor')"
    for round in $(seq "$rounds"); do
        measure healthy kv "$round" -w a --rate "$rate" --warmup 3
        kvctl cluster kill $((round % 3 + 1)) -q >/dev/null
        measure one-dead kv "$round" -w a --rate "$rate" --warmup 3
        kvctl cluster restart $((round % 3 + 1)) --timeout 60s -q >/dev/null
    done
fi

[ -z "${PAGE:-}" ] || kvbench report "$keep"/compare-*.json >"$PAGE"
echo "$(nproc) CPUs, a write with O_DSYNC takes $( (dd if=/dev/zero of="$work/sync" bs=4k count=200 oflag=dsync 2>&1) |
    awk '/copied/ { for (i = 1; i < NF; i++) if ($(i + 1) ~ /^s,?$/) printf "%.2f ms", $i * 1000 / 200 }') here, load average $(cut -d' ' -f1 /proc/loadavg)"
echo
jq -s -r '
    def middle: sort | .[length / 2 | floor];
    def figure(digits): (pow(10; digits)) as $p | map(. * $p | round / $p) | "\(middle) (\(min)..\(max))";
    def of($case; $system): map(select(.compare.case == $case and .compare.system == $system)) | sort_by(.compare.round);
    def pairs($a; $b; f): [[$a, $b] | transpose[] | select(.[0] != null and .[1] != null) | (.[0] | f) / (.[1] | f)];
    . as $all
    | "| case | system | operations/s | p50 us | p99 us | throughput, kv to it | p50, kv to it |",
      "|---|---|---|---|---|---|---|",
      ("put-256", "put-1", "put-50", "get-1", "get-50" | . as $case | ("kv", "zookeeper", "redis") | . as $system
        | ($all | of($case; $system)) as $runs | ($all | of($case; "kv")) as $kv | select($runs | length > 0)
        | "| \($case) | \($system) | \([$runs[].run.throughput] | figure(0)) | \([$runs[].run.all.p50_us] | figure(0)) "
          + "| \([$runs[].run.all.p99_us] | figure(0)) | "
          + (if $system == "kv" or ($kv | length) == 0 then " | |"
             else "\(pairs($kv; $runs; .run.throughput) | figure(2)) | \(pairs($kv; $runs; .run.all.p50_us) | figure(2)) |" end)),
      (($all | of("healthy"; "kv")) as $healthy | ($all | of("one-dead"; "kv")) as $dead | select($healthy | length > 0)
        | "", "At \($healthy[0].run.rate | floor) operations/s (YCSB A, half of what 64 clients get): p99 \([$healthy[].run.all.p99_us] | figure(0)) us with three nodes, "
          + "\([$dead[].run.all.p99_us] | figure(0)) us with one of them dead; ratio \(pairs($dead; $healthy; .run.all.p99_us) | figure(2)).")
    ' "$keep"/compare-*.json
