#!/usr/bin/env bash
# Build and run every test of the main job. The last line is "N passed, N failed"; exit status 1 if any failed.
set -uo pipefail
build="${1:-build}"
jobs="$(nproc)"

if ! { cmake --preset release && cmake --build "$build" -j "$jobs"; } >"$build.log" 2>&1; then
    tail -n 40 "$build.log"
    rm -f "$build.log"
    echo "0 passed, 1 failed"
    exit 1
fi
mkdir -p "$build"
mv "$build.log" "$build/build.log"

report="$build/ctest.xml"
ctest --test-dir "$build" -j "$jobs" --output-on-failure --output-junit "$(realpath "$build")/ctest.xml" -LE long
counts="$(grep -m1 -o '<testsuite[^>]*' -z "$report" | tr -d '\0' | tr '\n\t' '  ')"
number() { sed -n "s/.* $1=\"\([0-9]*\)\".*/\1/p" <<<"$counts"; }
total="$(number tests)" failed="$(number failures)" skipped="$(number skipped)" disabled="$(number disabled)"
failed="${failed:-1}" total="${total:-0}" skipped="${skipped:-0}" disabled="${disabled:-0}"
passed=$((total - failed - skipped - disabled))
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
