#!/usr/bin/env bash
# Files stay readable: at most 800 lines each, headers at most 300 (the library's only public one 500), no unfinished marks, an
# SPDX line first.
set -euo pipefail
cd "$(dirname "$0")/../.."
status=0
complain() { echo "check_size: $*"; status=1; }
while read -r file; do
    lines=$(wc -l <"$file")
    case "$file" in
        client/lib/kv.h) [ "$lines" -le 500 ] || complain "$file has $lines lines; it has at most 500" ;;
        *.h) [ "$lines" -le 300 ] || complain "$file has $lines lines; a header has at most 300" ;;
        *) [ "$lines" -le 800 ] || complain "$file has $lines lines; a file has at most 800" ;;
    esac
    head -n 1 "$file" | grep -q 'SPDX-License-Identifier: Apache-2.0' || complain "$file: no SPDX line first"
    if grep -n -E '\b(TODO|FIXME|XXX|HACK)\b' "$file"; then complain "$file: unfinished marks"; fi
done < <(git ls-files '*.c' '*.h')
while read -r file; do
    if grep -n -E '\b(usleep|nanosleep|sleep) *\(' "$file"; then complain "$file: a test waits for a condition, never for time"; fi
done < <(git ls-files 'tests/*.c')
[ "$status" = 0 ] && echo "check_size: ok"
exit "$status"
