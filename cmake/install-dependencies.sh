#!/usr/bin/env bash
# Install what building, testing and the demo need on Debian 12; does nothing, and needs no root, when all is there.
set -euo pipefail

build="gcc g++ libc6-dev make cmake ninja-build pkg-config libzmq3-dev libmsgpack-dev liblmdb-dev libxxhash-dev libyaml-dev
libjansson-dev libbsd-dev uthash-dev libcmocka-dev jq"
checks="clang clang-format valgrind"

wanted="$build"
[ "${1:-}" = "--checks" ] && wanted="$build $checks"

missing=""
for package in $wanted; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing="$missing $package"
done
[ -z "$missing" ] && exit 0

echo "installing:$missing" >&2
as_root=""
[ "$(id -u)" = 0 ] || as_root="sudo"
export DEBIAN_FRONTEND=noninteractive
$as_root apt-get update -qq
# shellcheck disable=SC2086
$as_root apt-get install -y -qq --no-install-recommends $missing >/dev/null
