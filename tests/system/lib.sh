# What the system tests share; sourced, not run. Each test has a directory of its own, and a cluster in it that is destroyed
# at the end, whatever happens. KV_BIN is the directory of kvd and kvctl.
set -uo pipefail

: "${KV_BIN:?KV_BIN must be the directory of kvd and kvctl}"
PATH="$KV_BIN:$PATH"
work="$(mktemp -d "${TMPDIR:-/tmp}/kv-system-XXXXXX")"
export KV_CLUSTER="$work/cluster"
unset KV_ENDPOINTS
checks=0 failures=0

finish() {
    if [ "$failures" -gt 0 ]; then
        for log in "$KV_CLUSTER"/node-*/log; do
            [ -f "$log" ] && { echo "--- $log"; tail -n 20 "$log"; }
        done
    fi
    [ -f "$KV_CLUSTER/cluster.yaml" ] && kvctl cluster destroy -q
    rm -rf "$work"
}
trap finish EXIT

# say WHAT: begins a group of checks.
say() { echo "* $*"; }

complain() {
    failures=$((failures + 1))
    echo "FAILED: $*"
}

# expect CODE COMMAND...: its exit code. Output is in $out, errors are in $err.
expect() {
    local wanted="$1" code=0
    shift
    checks=$((checks + 1))
    "$@" >"$work/out" 2>"$work/err" || code=$?
    out="$(cat "$work/out")" err="$(cat "$work/err")"
    [ "$code" = "$wanted" ] || complain "$* ended with $code, not $wanted; stdout '$out'; stderr '$err'"
}

# same WHAT EXPECTED FOUND
same() {
    checks=$((checks + 1))
    [ "$2" = "$3" ] || complain "$1: expected '$2', found '$3'"
}

# has WHAT PART TEXT
has() {
    checks=$((checks + 1))
    case "$3" in
        *"$2"*) ;;
        *) complain "$1: '$2' is not in '$3'" ;;
    esac
}

# start OPTION...: a cluster that serves, or the end.
start() {
    if ! kvctl cluster start "$@" >"$work/out" 2>"$work/err"; then
        complain "kvctl cluster start: $(cat "$work/err")"
        done_
    fi
}

# await SECONDS COMMAND...: until it succeeds.
await() {
    local end=$((SECONDS + $1))
    shift
    checks=$((checks + 1))
    until "$@" >/dev/null 2>&1; do
        if [ "$SECONDS" -ge "$end" ]; then
            complain "$* did not succeed in time"
            return 1
        fi
        sleep 0.05
    done
}

now_ms() { echo $(($(date +%s%N) / 1000000)); }

# A wall clock for nodes that are started with LD_PRELOAD="$shim", which is empty where there is none; it goes right until write_clock.
make_clock() {
    printf '\0\0\0\0\0\0\0\0' >"$work/clock"
    shim=""
    for file in "$KV_BIN/libclock_shim.so"; do [ -f "$file" ] && shim="$file"; done
    export CLOCK_SHIM="$work/clock"
}

# write_clock SECONDS: the wall clock of all nodes jumps.
write_clock() {
    local rest="$1" bytes="" i
    for i in 1 2 3 4 5 6 7 8; do
        bytes+="\\x$(printf %02x $((rest & 255)))"
        rest=$((rest >> 8))
    done
    printf "$bytes" | dd of="$work/clock" conv=notrunc status=none
}

# Ends the test. Members whose states differ have said so; alarms_expected=1: the test has seen to it.
done_() {
    checks=$((checks + 1))
    if [ "${alarms_expected:-0}" = 0 ] && grep -l ALARM "$KV_CLUSTER"/node-*/log >"$work/alarms" 2>/dev/null; then
        complain "an alarm in $(tr '\n' ' ' <"$work/alarms")"
    fi
    if [ "$failures" -gt 0 ]; then
        echo "$failures of $checks checks failed"
        exit 1
    fi
    echo "$checks checks passed"
    exit 0
}
