#!/usr/bin/env bash
# Loads servers of HTTP/1.1 by wrk and prints what each does in a second, and what a request costs
# it on its core: Taut, a raw loop and the peers, in turns.
#
# Usage: bench-http-wrk.sh [--rounds N] [--seconds N] [--connections N] [--pipeline N]
#                          [--cores SERVER,CLIENT] [--bench FILE] [--manifest FILE] [--json FILE]
#
#   --rounds N        rounds, in each of which every server has its turn (default: 5)
#   --seconds N       how long wrk loads a server in its turn (default: 3)
#   --connections N   connections of wrk's one thread (default: 64)
#   --pipeline N      requests that a connection sends at once (default: 1)
#   --cores A,B       the core of the servers and that of wrk (default: 0,1)
#   --bench FILE      a taut-bench that is there; builds it without it
#   --manifest FILE   peers that scripts/bench-peers-build.sh has built; builds them without it
#   --json FILE       the figures of all rounds besides
#
# Needs wrk and python3 (apt-get install wrk python3). Ends with 1 where a server failed: an answer
# was lost or was no 200.
set -euo pipefail
cd "$(dirname "$0")/.."

rounds=5 seconds=3 connections=64 pipeline=1 cores=0,1 bench= manifest= json=
while [ $# -gt 0 ]; do
    case $1 in
    --rounds | --seconds | --connections | --pipeline)
        if ! [[ ${2:-} =~ ^[1-9][0-9]{0,5}$ ]]; then
            echo "$0: $1 needs a number from 1" >&2
            exit 2
        fi
        declare "${1#--}=$2"
        ;;
    --cores)
        if ! [[ ${2:-} =~ ^[0-9]+,[0-9]+$ ]]; then
            echo "$0: --cores needs two cores, as 2,3" >&2
            exit 2
        fi
        cores=$2
        ;;
    --bench) bench=${2:?--bench needs a file} ;;
    --manifest) manifest=${2:?--manifest needs a file} ;;
    --json) json=${2:?--json needs a file} ;;
    *)
        sed -n '5,18s/^# \{0,1\}//p' "$0" >&2
        exit 2
        ;;
    esac
    shift 2
done
if ! command -v wrk >/dev/null; then
    echo "$0: wrk is not installed: apt-get install wrk" >&2
    exit 2
fi

if [ -z "$bench" ]; then
    cargo build --release --locked -p taut-bench
    bench=${CARGO_TARGET_DIR:-target}/release/taut-bench
fi
if [ -z "$manifest" ]; then
    manifest=$(scripts/bench-peers-build.sh)
fi

exec python3 - "$bench" "$manifest" "$json" "$rounds" "$seconds" "$connections" "$pipeline" \
    "${cores%,*}" "${cores#*,}" <<'PYTHON'
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile

bench, manifest, json_file = sys.argv[1:4]
rounds, seconds, connections, depth, server_core, client_core = map(int, sys.argv[4:])
OURS = ("floor", "raw-epoll-park", "taut", "taut-park", "taut-epoll")
WARM_UP_S = 1
# The bytes that SUBJECTS.md names: the raw servers count them instead of reading them.
SCRIPT = """
local one = "GET /plaintext HTTP/1.1\\r\\nhost: 127.0.0.1\\r\\n" ..
    "user-agent: taut-bench\\r\\naccept: text/plain\\r\\n\\r\\n"
local all = string.rep(one, %d)
request = function() return all end
"""


class Failed(Exception):
    """What a server did that makes its figures worthless."""


def servers():
    """Name and command of each, and the reason where there is none."""
    for kind in OURS:
        yield kind, [bench, "serve", kind, "--duty", "http"], None
    with open(manifest, encoding="utf-8") as file:
        for peer in json.load(file)["peers"]:
            if peer["role"] == "http":
                yield peer["name"], peer["command"], peer["unavailable"]


def processes(parent):
    """A server and those that it has started."""
    ids, known = [], [str(parent)]
    while known:
        ids.append(known.pop())
        for task in os.listdir(f"/proc/{ids[-1]}/task"):
            with open(f"/proc/{ids[-1]}/task/{task}/children", encoding="ascii") as file:
                known += file.read().split()
    return ids


def cpu_ns(parent):
    """Time on a core of all threads, as the kernel's scheduler counts it."""
    total = 0
    for process in processes(parent):
        for task in os.listdir(f"/proc/{process}/task"):
            with open(f"/proc/{process}/task/{task}/schedstat", encoding="ascii") as file:
                total += int(file.read().split()[0])
    return total


def load(address, script, duration_s):
    """Requests a second and requests, as wrk counts answers."""
    command = ["taskset", "-c", str(client_core), "wrk", "-t1", f"-c{connections}",
               f"-d{duration_s}s", "-s", script, f"http://{address}/plaintext"]
    said = subprocess.run(command, capture_output=True, text=True, timeout=duration_s + 60)
    text = said.stdout
    rate = re.search(r"^Requests/sec: +([\d.]+)", text, re.MULTILINE)
    count = re.search(r"^ +(\d+) requests in", text, re.MULTILINE)
    if said.returncode or not rate or not count:
        raise Failed(f"wrk ended with {said.returncode}: {said.stderr.strip() or text.strip()}")
    for wrong in ("Socket errors", "Non-2xx"):
        if wrong in text:
            raise Failed(re.search(f"{wrong}.*", text).group())
    if not int(count.group(1)):
        raise Failed("no request was answered")
    return float(rate.group(1)), int(count.group(1))


def turn(command, script):
    """One turn of one server, in a process of its own: requests a second, CPU ns a request."""
    process = subprocess.Popen([*command, "--core", str(server_core)], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        line = process.stdout.readline()
        if not line:
            raise Failed(f"it did not start: {process.stderr.read().strip()}")
        address = json.loads(line)["listening"]
        load(address, script, WARM_UP_S)
        before = cpu_ns(process.pid)
        rate, count = load(address, script, seconds)
        return rate, (cpu_ns(process.pid) - before) / count
    finally:
        process.stdin.close()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def spread(values):
    """Median and quartiles."""
    if len(values) == 1:
        return values[0], values[0], values[0]
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return statistics.median(values), low, high


def shown(values, divisor, digits):
    median, low, high = (f"{value / divisor:.{digits}f}" for value in spread(values))
    return f"{median} ({low} to {high})"


def tell(progress):
    if sys.stderr.isatty():
        print(f"\r\033[K{progress}", end="", file=sys.stderr, flush=True)


def main():
    known, figures, reasons = [], {}, {}
    for name, command, unavailable in servers():
        if unavailable:
            reasons[name] = unavailable
        else:
            known.append((name, command))
            figures[name] = []
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(SCRIPT % depth)
        script.flush()
        for number in range(rounds):
            place = number % len(known)
            for name, command in known[place:] + known[:place]:
                if name in reasons:
                    continue
                try:
                    figures[name].append(turn(command, script.name))
                except (Failed, OSError, subprocess.TimeoutExpired) as problem:
                    reasons[name] = f"failed in round {number + 1}: {problem}"
                tell(f"round {number + 1} of {rounds}: {name}")
    tell("")
    report(figures, reasons)
    sys.exit(any(reason.startswith("failed") for reason in reasons.values()))


def report(figures, reasons):
    print(f"wrk -t1 -c{connections}, {depth} at once, {rounds} rounds of {seconds} s after "
          f"{WARM_UP_S} s; servers on core {server_core}, wrk on core {client_core}; medians and "
          "quartiles")
    to = "hyper" if figures.get("hyper") and "hyper" not in reasons else None
    form = "{:<16} {:>26} {:>28} {:>12} {:>12}"
    print(form.format("server", "K requests/s", "CPU ns/request", "to hyper", "CPU to hyper"))
    for name, turns in figures.items():
        if name in reasons:
            continue
        ratios = ["-", "-"]
        if to:
            # Within the round, since the host drifts.
            pairs = list(zip(turns, figures[to]))
            ratios = [f"{spread([one[place] / other[place] for one, other in pairs])[0]:.2f}"
                      for place in (0, 1)]
        rates, costs = zip(*turns)
        print(form.format(name, shown(rates, 1e3, 1), shown(costs, 1, 0), *ratios))
    for name, reason in reasons.items():
        print(f"{name}: {reason}")
    if json_file:
        with open(json_file, "w", encoding="utf-8") as file:
            json.dump({
                "connections": connections, "pipeline": depth, "seconds": seconds,
                "servers": [
                    {"name": name, "unavailable": reasons.get(name),
                     "requests_per_s": [rate for rate, _ in turns],
                     "cpu_ns_per_request": [cost for _, cost in turns]}
                    for name, turns in (figures | {name: [] for name in reasons
                                                   if name not in figures}).items()
                ],
            }, file, indent=1)
            file.write("\n")


main()
PYTHON
