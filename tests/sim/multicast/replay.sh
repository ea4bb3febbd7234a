#!/usr/bin/env bash
# The same seeds give the same trace, whatever the number of jobs. usage: replay.sh KVSIM-MULTICAST
set -euo pipefail
digest() { "$1" --seeds 60 --first 1 --jobs "$2" | grep digest; }
one="$(digest "$1" 1)" two="$(digest "$1" 2)" again="$(digest "$1" 2)"
echo "$one = $two = $again"
[ -n "$one" ] && [ "$one" = "$two" ] && [ "$two" = "$again" ]
