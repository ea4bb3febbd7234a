#!/usr/bin/env bash
# docs/protocol/messages.md carries the same tables as the headers of multicast/wire: each table of the page stands
# behind a line "<!-- table: NAME -->", and its rows are those that the header gives.
# usage: check_messages.sh           compare; prints what differs and fails on any drift
#        check_messages.sh --print   the rows as they should be, to paste
set -euo pipefail
cd "$(dirname "$0")/../.."
page="docs/protocol/messages.md"

# The rows of an X-macro: rows HEADER MAP COLUMN... ; a column is the number of an argument of X, the text comes last.
# A row may be broken over several lines, and so may its text.
rows() {
    local header="$1" map="$2"
    shift 2
    awk -v map="$map" -v columns="$*" '
        index($0, "#define " map "(X)") == 1 { inside = 1; next }
        inside {
            last = ($0 !~ /\\$/)
            sub(/ *\\$/, "")
            all = all " " $0
            if (last) exit
        }
        END {
            gsub(/" +"/, "", all)
            count = split(columns, column, " ")
            while ((open = index(all, "X(")) > 0) {
                all = substr(all, open + 2)
                first = index(all, "\"")
                split(substr(all, 1, first - 1), field, / *, */)
                all = substr(all, first + 1)
                row = "|"
                for (i = 1; i <= count; i++) row = row " " field[column[i]] " |"
                print row " " substr(all, 1, index(all, "\"") - 1) " |"
                all = substr(all, index(all, "\"") + 1)
            }
        }' "$header"
}

# The rows of an enum whose values have a comment each: choices HEADER ENUM PREFIX.
choices() {
    awk -v name="enum $2 {" -v prefix="$3" '
        index($0, name) == 1 { inside = 1; next }
        inside && /^};/ { exit }
        inside { all = all " " $0 }
        END {
            gsub(/ +/, " ", all)
            while (match(all, prefix "[A-Z_]+ = [0-9]+,? /\\* ")) {
                value = substr(all, RSTART + length(prefix), RLENGTH - length(prefix))
                split(value, part, " = ")
                all = substr(all, RSTART + RLENGTH)
                end = index(all, " */")
                print "| " part[1] " | " part[2] + 0 " | " substr(all, 1, end - 1) " |"
                all = substr(all, end)
            }
        }' "$1"
}

expected() {
    case "$1" in
        messages) rows multicast/wire/message.h WIRE_MESSAGE_MAP 1 3 4 5 ;;
        entries) rows multicast/wire/entry.h WIRE_ENTRY_MAP 1 2 ;;
        commands) rows multicast/wire/command.h WIRE_OP_MAP 1 3 4 5 6 7 ;;
        guards) rows multicast/wire/command.h WIRE_GUARD_MAP 1 3 4 ;;
        steps) rows multicast/wire/command.h WIRE_STEP_MAP 1 3 4 ;;
        verdicts) rows multicast/wire/command.h WIRE_VERDICT_MAP 1 2 ;;
        outcomes) choices multicast/wire/message.h wire_outcome WIRE_OUTCOME_ ;;
        fields) # the page names them, so only their number can be compared
            sed -n 's/^ *WIRE_FIELDS_\([A-Z_]*\) = \([0-9]*\),*$/| \1 | \2 |/p' multicast/wire/codec_internal.h ;;
    esac
}

# The rows of a table of the page, without its two head lines. Fields: name, number, and as many names as it says.
written() {
    awk -v marker="<!-- table: $1 -->" -v table="$1" '
        $0 == marker { inside = 1; next }
        inside && /^\|/ {
            if (++line <= 2) next
            if (table != "fields") { print; next }
            split($0, cell, " *[|] *")
            print "| " cell[2] " | " split(cell[4], unused, ", ") " |"
            if (split(cell[4], unused, ", ") != cell[3]) print cell[2] ": says " cell[3] " fields"
            next
        }
        inside && line > 0 { exit }' "$page"
}

tables="messages fields entries commands guards steps verdicts outcomes"
if [ "${1:-}" = --print ]; then
    for table in $tables; do
        echo "<!-- table: $table -->"
        expected "$table"
    done
    exit 0
fi

status=0
for table in $tables; do
    if [ -z "$(expected "$table")" ]; then
        echo "check_messages: the header has no table of $table"
        status=1
    elif ! diff --label "$page: $table" --label "header" -u <(written "$table") <(expected "$table"); then
        echo "check_messages: the table of $table in $page is not that of the header"
        status=1
    fi
done
[ "$status" = 0 ] && echo "check_messages: ok"
exit "$status"
