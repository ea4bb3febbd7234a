#!/usr/bin/env bash
# Every profile of the multicast simulator, 10,000 seeds each. usage: profiles.sh KVSIM-MULTICAST
set -euo pipefail
for profile in calm elections restarts forgetting floors oracle; do
    "$1" --profile "$profile" --seeds 10000 --first 1 --jobs 2
done
