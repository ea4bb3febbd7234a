#!/usr/bin/env bash
# What docs/kvctl.md shows of placement, transactions and policies is what kvctl prints: every example of these sections is run,
# in its order, on a cluster of four partitions. Timestamps and leaders may differ; what is behind # is a comment, and of it exit
# codes are checked.
source "$(dirname "$0")/lib.sh"
page="$(realpath "$(dirname "$0")/../../docs/kvctl.md")"
start --nodes 3 --partitions 4

# The sections as "command", "more of it", "output" lines, each with its mark: $ > or nothing.
examples() { awk '/^## /{ on = ($2 == "Placement" || $2 == "Transactions") } on && /^    /{ print substr($0, 5) }' "$page"; }

plain() { sed -E 's/ +# .*$//; s/[0-9]{16}/TIME/g; s/^([0-9]+ +[0-9]+ +[0-9]+ +)[0-9]$/\1N/'; }

command="" wanted="" code=0
check() {
    [ -z "$command" ] && return
    local found=0
    (cd "$work" && bash -c "$command") >"$work/said" 2>"$work/err" || found=$?
    cat "$work/err" >>"$work/said"
    same "$command" "$wanted" "$(plain <"$work/said")"
    same "exit code of $command" "$code" "$found"
}
while IFS= read -r line; do
    case "$line" in
        '$ '*) check; command="$(sed -E 's/  +# .*$//' <<<"${line#\$ }")" wanted="" code=0; echo "  $command" ;;
        '> '*) command+=$'\n'"${line#> }" ;;
        *)
            [[ "$line" =~ exit\ code\ ([0-9]+)$ ]] && code="${BASH_REMATCH[1]}"
            wanted+="${wanted:+$'\n'}$(plain <<<"$line")" ;;
    esac
done < <(examples)
check
[ "$checks" -ge 30 ] || complain "only $checks checks: are the sections still there?"
done_
