#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# dpdk_headers.sh INCLUDE_DIR FOLDER
# DPDK's headers for drivers, which distributions do not install, of the version whose public headers lie in INCLUDE_DIR. Prints the
# folder that has them: FOLDER itself, if one is named (DPDK's source tree, or a folder with the headers in it); else they come out
# of the distribution's own source package, by apt with lists and a cache of its own, and stay in ~/.cache/dpdk-bond. When there are
# none: one line on stderr, status 1.
set -u -o pipefail
installed=$1 named=$2
needed="ethdev_driver.h ethdev_vdev.h rte_flow_driver.h bus_vdev_driver.h dev_driver.h bus_driver.h"

fail() { echo "$*" >&2; exit 1; }

complete() {
    local header
    for header in $needed; do
        [ -e "$1/$header" ] || [ -e "$installed/$header" ] || return 1
    done
}

# collect FROM TO: the headers of a source tree that are not installed.
collect() {
    local header
    mkdir -p "$2"
    for header in "$1"/lib/ethdev/*.h "$1"/lib/eal/include/*_driver.h "$1"/drivers/bus/vdev/*.h; do
        [ ! -e "$header" ] || [ -e "$installed/$(basename "$header")" ] || cp "$header" "$2/"
    done
}

cache=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/dpdk-bond
if [ -n "$named" ]; then
    [ -d "$named" ] || fail "$named is no folder"
    complete "$named" && { echo "$named"; exit 0; }
    [ -d "$named/lib/ethdev" ] || fail "$named has no ethdev_driver.h"
    version=$(cat "$named/VERSION" 2>/dev/null || echo unknown)
    into=$cache/dpdk-headers-named-$version
    rm -rf "$into"
    collect "$named" "$into"
    complete "$into" || fail "$named lacks one of: $needed"
    echo "$into"
    exit 0
fi

command -v dpkg-query >/dev/null && command -v apt-get >/dev/null || fail "this is not Debian; name a folder with -Ddpdk_headers"
version=$(dpkg-query -W -f '${source:Version}' libdpdk-dev 2>/dev/null) && [ -n "$version" ] ||
    fail "libdpdk-dev is not a package here; name a folder with -Ddpdk_headers"
into=$cache/dpdk-headers-$version
complete "$into" && { echo "$into"; exit 0; }
command -v dpkg-source >/dev/null || fail "there is no dpkg-source to unpack DPDK's source package with (package dpkg-dev)"

work=$(mktemp -d) || fail "no room for a working folder"
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/source"
# The archives that this machine installs from, of the distribution alone.
apt-get indextargets --format '$(ORIGIN)|$(REPO_URI)|$(RELEASE)|$(COMPONENT)' 'Created-By: Packages' 2>/dev/null | sort -u |
    while IFS='|' read -r origin uri release component; do
        case $origin in Debian | Ubuntu) echo "deb-src $uri $release $component" ;; esac
    done >"$work/sources.list"
[ -s "$work/sources.list" ] || fail "apt knows no package lists of Debian (apt-get update)"
options=(-q -o Dir::Etc::SourceList="$work/sources.list" -o Dir::Etc::SourceParts=/dev/null -o Dir::State::Lists="$work/lists"
    -o Dir::Cache="$work/cache" -o Dir::Cache::Archives="$work/cache/archives" -o Debug::NoLocking=true -o APT::Sandbox::User=root
    -o Acquire::Retries=1 -o Acquire::http::Timeout=15)
timeout 120 apt-get "${options[@]}" update >"$work/log" 2>&1 || fail "no lists of source packages: $(grep -m1 '^[EW]:' "$work/log")"
if (cd "$work/source" && timeout 300 apt-get "${options[@]}" source --download-only "dpdk=$version") >"$work/log" 2>&1; then
    dpkg-source --no-check -x "$work"/source/dpdk_*.dsc "$work/dpdk" >"$work/log" 2>&1 || fail "dpkg-source: $(tail -n 1 "$work/log")"
else
    why=$(grep -m1 '^[EW]:' "$work/log")
    # A mirror that lacks files of its own list: the tar file alone, which the distribution patches no header of, from there or from
    # DPDK's own server, is as good, if its sum is the one in the signed list.
    read -r uri name _ sum < <(apt-get "${options[@]}" source --print-uris "dpdk=$version" 2>/dev/null | grep -F '.orig.tar.' | grep -v '\.asc' | tr -d "'")
    upstream=${version#*:} upstream=${upstream%-*}
    for from in ${uri:+"$uri"} "https://fast.dpdk.org/rel/dpdk-$upstream.tar.xz"; do
        timeout 300 /usr/lib/apt/apt-helper "${options[@]}" download-file "$from" "$work/source/$name" "$sum" >"$work/log" 2>&1 && break
        rm -f "$work/source/$name"
    done
    [ -n "${name-}" ] && [ -e "$work/source/$name" ] || fail "no source package dpdk $version: $why"
    mkdir "$work/dpdk" && tar -x -C "$work/dpdk" --strip-components=1 -f "$work/source/$name" 2>"$work/log" || fail "tar: $(tail -n 1 "$work/log")"
fi
mkdir -p "$cache" || fail "no cache folder $cache"
rm -rf "$into"
collect "$work/dpdk" "$into.new" && mv "$into.new" "$into"
complete "$into" || fail "the source package dpdk $version lacks one of: $needed"
echo "$into"
