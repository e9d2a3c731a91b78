#!/usr/bin/env bash
# Measures Taut beside other runtimes, interleaved in the same rounds, and writes one report.
#
# Usage: bench-peers.sh [--quick] [--json FILE] [--out DIR]
#
#   --quick      few rounds: a first look, in under ten minutes with the builds
#   --json FILE  another file for the merged reports
#   --out DIR    folder of all files (default: target/taut/peers)
#
# Builds taut-bench and the peers first (scripts/bench-peers-build.sh); a peer that can't be built
# or started is a row with the reason. Ends with 1 where a run failed.
set -euo pipefail
cd "$(dirname "$0")/.."

rounds=45 share=4 out=target/taut/peers json=
while [ $# -gt 0 ]; do
    case $1 in
    --quick) rounds=9 share=1 ;;
    --json) json=${2:?--json needs a file} && shift ;;
    --out) out=${2:?--out needs a folder} && shift ;;
    *)
        sed -n '4,8s/^# \{0,1\}//p' "$0" >&2
        exit 2
        ;;
    esac
    shift
done
mkdir -p "$out"

cargo build --release --locked -p taut-bench
manifest=$out/peers.json
scripts/bench-peers-build.sh --manifest "$manifest"
bench=${CARGO_TARGET_DIR:-target}/release/taut-bench

status=0
reports=()
# WORKLOAD SECONDS ARGUMENTS...: the seconds are those of a quick run.
measure() {
    local workload=$1 seconds=$(($2 * share))
    shift 2
    printf '\n== %s\n' "$workload" >&2
    "$bench" "$workload" --peers "$manifest" --rounds "$rounds" --duration "${seconds}s" \
        --out "$out" "$@" >"$out/$workload.txt" || status=1
    reports+=("$out/$workload.json")
}

measure echo 60
measure connections 40 --connections 64,1000 --no-churn
measure throughput 30 --size 65536
measure http 30 --connections 1,64
measure http-order 30
measure flood 20
measure tasks 20
measure channels 20
measure cores 30
measure timers 15

"$bench" report "${reports[@]}" --out "$out" ${json:+--json "$json"} >/dev/null
for text in "$out"/*.txt; do
    printf '\n== %s\n' "$(basename "$text" .txt)"
    awk '/^written/ { shown = 0 } /^status/ { shown = 1 } shown' "$text"
done
printf '\nread %s/report.html, or %s/report.md\n' "$out" "$out"
exit "$status"
