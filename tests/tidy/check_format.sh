#!/usr/bin/env bash
# All C code is formatted as .clang-format says.
set -euo pipefail
cd "$(dirname "$0")/../.."
if ! command -v clang-format >/dev/null; then
    echo "check_format: clang-format is not installed" >&2
    exit 1
fi
git ls-files '*.c' '*.h' | xargs -r clang-format --dry-run -Werror
echo "check_format: ok"
