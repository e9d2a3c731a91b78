#!/usr/bin/env bash
# Runs two builds of taut-bench in alternation and compares them: what moves the host moves both.
#
#   scripts/bench-ab.sh A_BINARY B_BINARY [--runs 7] [--seed N] [--out DIR] -- WORKLOAD ARGUMENTS...
#
# Each pair of runs has both in random order, which the seed decides (printed, so that it can be
# repeated). The reports go to DIR/a/NN and DIR/b/NN (target/taut-ab by default), which must not
# hold older ones. B's `compare` reads them, and its table is also in DIR/compare.json.
#
# Ends with 0 after a comparison, 1 when a run failed, 2 when the command line or DIR is wrong.
set -euo pipefail

wrong() { printf 'bench-ab.sh: %s\n' "$*" >&2; exit 2; }

usage='usage: scripts/bench-ab.sh A_BINARY B_BINARY [--runs 7] [--seed N] [--out DIR] --'
usage+=' WORKLOAD ARGUMENTS...'
runs=7 seed=1 out=target/taut-ab
binaries=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do
    case $1 in
        -h | --help) sed -n '2,/^set /{/^set /!s/^# \{0,1\}//p}' "$0"; exit 0 ;;
        --runs | --seed | --out)
            [ $# -ge 2 ] && [ "$2" != -- ] || wrong "$1 needs a value; $usage"
            declare "${1#--}=$2"; shift 2 ;;
        -*) wrong "unknown option $1; $usage" ;;
        *) binaries+=("$1"); shift ;;
    esac
done
[ $# -ge 2 ] || wrong "no workload behind --; $usage"
shift
[ ${#binaries[@]} = 2 ] || wrong "two binaries are compared, ${#binaries[@]} given; $usage"
[[ $runs =~ ^[0-9]+$ && $runs -ge 5 && $runs -le 50 ]] || wrong "--runs takes 5 to 50, not $runs"
[[ $seed =~ ^[0-9]+$ ]] || wrong "--seed takes a number, not $seed"
for index in 0 1; do
    binary=${binaries[$index]}
    [ -f "$binary" ] && [ -x "$binary" ] || wrong "$binary is no program that can be run"
    binaries[index]=$(realpath "$binary") # a name without a folder would be looked for on PATH
done
for side in a b; do
    [ ! -e "$out/$side" ] || wrong "$out/$side holds older runs: remove it, or name another --out"
    mkdir -p "$out/$side" || wrong "$out/$side can't be made: name a writable --out"
done

RANDOM=$seed
printf 'A %s, B %s, %s runs each, seed %s: %s\n' "${binaries[@]}" "$runs" "$seed" "$*"
for ((pair = 1; pair <= runs; pair++)); do
    order=(0 1)
    ((RANDOM % 2)) && order=(1 0)
    for index in "${order[@]}"; do
        side=$([ "$index" = 0 ] && echo a || echo b)
        folder=$out/$side/$(printf '%02d' "$pair")
        mkdir "$folder"
        printf 'pair %s of %s: %s\n' "$pair" "$runs" "${side^}"
        if ! "${binaries[$index]}" "$@" --out "$folder" \
            >"$folder/printed.txt" 2>"$folder/errors.txt"; then
            tail -n 5 "$folder/printed.txt" "$folder/errors.txt" >&2
            printf 'bench-ab.sh: run %s of %s failed; see %s\n' "$pair" "${side^}" "$folder" >&2
            exit 1
        fi
    done
done
echo
"${binaries[1]}" compare "$out/a" "$out/b" --json "$out/compare.json"
