#!/usr/bin/env bash
# Cores are pure: a core library refers to nothing that could do I/O, read a clock, draw a random number or start a
# thread. usage: check_purity.sh LIBRARY... (every core and kv_base; symbols one of them defines are fine in another)
set -euo pipefail

# What the C library may offer to a core: memory, strings, text formatting into memory, sorting, assertions.
allowed='memcpy memmove memset memcmp memchr strlen strcmp strncmp strchr strrchr strstr strcpy strncpy
snprintf vsnprintf strtol strtoll strtoul strtoull qsort bsearch bcmp abort _GLOBAL_OFFSET_TABLE_ __stack_chk_fail
ntohl ntohs __popcountdi2 __errno_location __isoc99_sscanf __isoc23_strtol __memcpy_chk __memset_chk __snprintf_chk __vsnprintf_chk'
# kv_base alone may allocate and print its last words.
base_allowed='malloc calloc realloc free fprintf stderr fputs fwrite _Exit exit __fprintf_chk'

check() {
    local library="$1" own extra=""
    [ "$(basename "$library")" = libkv_base.a ] && extra="$base_allowed"
    own="$(nm --defined-only "${libraries[@]}" 2>/dev/null | awk 'NF==3 {print $3}' | sort -u)"
    comm -23 <(nm -u "$library" | awk 'NF==2 && ($1=="U"||$1=="w") {print $2}' | sed 's/@.*//' | sort -u) \
             <(printf '%s\n' $allowed $extra $own | sort -u) |
        grep -v -E '^(__asan|__ubsan|__tsan|__sanitizer|__gcov|__llvm|XXH)' || true
}

libraries=("$@")
[ "${#libraries[@]}" -gt 0 ] || { echo "usage: check_purity.sh LIBRARY..." >&2; exit 2; }
status=0
for library in "${libraries[@]}"; do
    impure="$(check "$library")"
    if [ -n "$impure" ]; then
        echo "check_purity: $(basename "$library") refers to: $(echo $impure)"
        status=1
    fi
done
[ "$status" = 0 ] && echo "check_purity: ${#libraries[@]} libraries are pure"
exit "$status"
