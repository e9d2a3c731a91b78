#!/usr/bin/env bash
# Builds each peer of bench/peers by itself and writes the manifest that says how each is started,
# or why it is not there. One that fails to build harms no other.
#
# Usage: bench-peers-build.sh [--manifest FILE]     (default: peers.json in the target directory)
#
# The target directory is target/peers, or CARGO_TARGET_DIR. Ends with 0 even where peers are
# unavailable: the manifest has their reasons. Needs cargo and python3, cc and c++ for two peers.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target/peers}
mkdir -p "$target/release"
target=$(cd "$target" && pwd)
export CARGO_TARGET_DIR=$target
manifest=$target/peers.json

if [ $# -eq 2 ] && [ "$1" = --manifest ]; then
    manifest=$(realpath -m "$2")
elif [ $# -ne 0 ]; then
    echo "usage: $0 [--manifest FILE]" >&2
    exit 2
fi
cd "$root/bench/peers"

work=$(mktemp -d)
trap 'rm -r "$work"' EXIT

# What `entry` writes of: the program that was built last, and why it is not there.
program=
unavailable=

# Runs a build; keeps its last errors, as one short line, where it fails.
build() {
    if ! "$@" >"$work/log" 2>&1; then
        unavailable="it does not build: $({ grep -i error "$work/log" || cat "$work/log"; } |
            tail -n 3 | tr '\n\t' '  ' | cut -c 1-300)"
    fi
}

rust() {
    echo "building $1" >&2
    program=$target/release/peer-$1
    unavailable=
    build cargo build --locked --release -p "peer-$1"
}

# NAME HEADER PACKAGE COMPILER LANGUAGE ARGUMENTS...: where PACKAGE is the one of Debian that has
# the header.
native() {
    echo "building $1" >&2
    program=$target/release/peer-$1
    unavailable=
    if ! command -v "$4" >/dev/null; then
        unavailable="there is no compiler: $4 was not found"
    elif ! printf '#include <%s>\n' "$2" | "$4" -x "$5" -E - >/dev/null 2>&1; then
        unavailable="$3 is not installed: $2 was not found"
    else
        build "$4" -x "$5" "${@:6}" -O3 -DNDEBUG -pthread -o "$program"
    fi
}

# NAME ROLE SPINS MODE: one line of the manifest for the program that was built last.
entry() {
    printf '%s\t' "$1" "$2" "$3" "$4" "$program" >>"$work/entries"
    printf '%s\n' "$unavailable" >>"$work/entries"
}

rust tokio
entry tokio echo false echo
entry tokio sink false sink
entry tokio udp-sink false udp-sink
entry tokio micro false micro
entry tokio cores false 'cores park'
entry tokio-spin cores true 'cores spin'
rust monoio
entry monoio echo false echo
entry monoio sink false sink
entry monoio udp-sink false udp-sink
entry monoio micro false micro
rust glommio
entry glommio-spin echo true 'echo spin'
entry glommio-park echo false 'echo park'
entry glommio-spin sink true 'sink spin'
entry glommio-park sink false 'sink park'
entry glommio-spin udp-sink true 'udp-sink spin'
entry glommio-park udp-sink false 'udp-sink park'
entry glommio micro false micro
entry glommio cores true cores
rust compio
entry compio echo false echo
entry compio sink false sink
entry compio udp-sink false udp-sink
entry compio micro false micro
rust tokio-uring
entry tokio-uring echo false echo
entry tokio-uring sink false sink
entry tokio-uring udp-sink false udp-sink
rust smol
entry smol echo false echo
entry smol sink false sink
entry smol udp-sink false udp-sink
native asio asio.hpp libasio-dev c++ c++ native/asio.cpp -std=c++20
entry asio echo false echo
entry asio-poll echo true echo-poll
entry asio sink false sink
entry asio-poll sink true sink-poll
entry asio udp-sink false udp-sink
entry asio-poll udp-sink true udp-sink-poll
native libuv uv.h libuv1-dev cc c native/libuv.c -std=c11 -luv
entry libuv echo false echo
entry libuv-nowait echo true echo-nowait
entry libuv sink false sink
entry libuv-nowait sink true sink-nowait
entry libuv udp-sink false udp-sink
entry libuv-nowait udp-sink true udp-sink-nowait
rust hyper
entry hyper http false http
entry hyper https false https
rust hyper-order
entry hyper order false order
entry hyper-tls order false 'order tls'
rust may-minihttp
entry may-minihttp http false http
rust actix-web
entry actix-web http false http
entry actix-web https false https
rust nginx
if ! PATH=$PATH:/usr/sbin command -v nginx >/dev/null; then
    unavailable='nginx is not installed: apt-get install nginx'
fi
entry nginx http false http
for name in sockudo fastwebsockets tungstenite tokio-websockets yawc; do
    rust "ws-$name"
    entry "$name" ws false ws
    entry "$name" wss false wss
done
program=$target/release/peer-bun
unavailable=
if bun=$(PATH=$PATH:$root/target/interop/node_modules/.bin command -v bun); then
    printf '#!/bin/sh\nexec "%s" "%s" "$@"\n' "$bun" "$root/bench/peers/bun/server.js" >"$program"
    chmod +x "$program"
else
    unavailable='bun is not installed: npm install --prefix target/interop bun'
fi
entry bun ws false ws
rust ws-codec
for name in sockudo fastwebsockets tungstenite tokio-websockets yawc; do
    entry "$name" codec false "codec $name"
done
rust ws-feed
for name in sockudo tungstenite tokio-websockets yawc; do
    entry "$name" feed false "feed $name"
done
rust async-executor
entry async-executor micro false micro
entry async-channel cores true cores
for name in rtrb crossbeam-channel kanal; do
    rust "$name"
    entry "$name" micro false micro
    entry "$name" cores true cores
done
rust flume
entry flume cores true cores

python3 - "$work/entries" "$manifest" <<'PYTHON'
import json
import sys

peers = []
for line in open(sys.argv[1], encoding="utf-8"):
    name, role, spins, mode, program, unavailable = line.rstrip("\n").split("\t")
    peers.append({
        "name": name,
        "role": role,
        "command": [program, *mode.split()],
        "spins": spins == "true",
        "unavailable": unavailable or None,
    })
    if unavailable:
        print(f"{name} ({role}) is unavailable: {unavailable}", file=sys.stderr)
with open(sys.argv[2], "w", encoding="utf-8") as file:
    json.dump({"peers": peers}, file, indent=1)
    file.write("\n")
PYTHON
echo "$manifest"
