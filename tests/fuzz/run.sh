#!/usr/bin/env bash
# Run every fuzzer for some seconds from the kept corpus; new inputs go to a temporary copy. Fails at the first finding.
# usage: run.sh DIRECTORY-OF-FUZZERS SECONDS
set -euo pipefail
programs="$1" seconds="${2:-60}"
here="$(cd "$(dirname "$0")" && pwd)"
work="$(mktemp -d "${TMPDIR:-/tmp}/kv-fuzz-XXXXXX")"
trap 'rm -rf "$work"' EXIT
count=0
for program in "$programs"/fuzz_*; do
    name="$(basename "$program")"
    name="${name#fuzz_}"
    mkdir -p "$work/$name"
    [ -d "$here/corpus/$name" ] && cp -r "$here/corpus/$name/." "$work/$name/"
    echo "== $name: $seconds s"
    "$program" -max_total_time="$seconds" -max_len=65536 -rss_limit_mb=2048 -print_final_stats=1 \
        -artifact_prefix="$programs/" "$work/$name" 2>&1 | grep -E 'stat::number_of_executed_units|SUMMARY|ERROR|Test unit written' || true
    [ "${PIPESTATUS[0]}" = 0 ] || { echo "fuzz: $name found something; see $programs"; exit 1; }
    count=$((count + 1))
done
echo "$count fuzzers ran clean"
