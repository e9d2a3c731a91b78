#!/usr/bin/env python3
"""Checks that a JSON report of taut-bench has the form of schema 2 and is no failed run.

Usage: check-report.py FILE. Says what is wrong and ends with 1, or prints one line and ends with 0.
The form is described in bench/REPORT.md. Timings decide nothing here; counts that are exact
everywhere do.
"""

import json
import sys

TOP = set("schema workload status reasons unit environment series ratios tables sla".split())
SERIES = set(
    "name about unavailable samples min p50 p90 p99 p99_9 p99_99 p99_999 max mean stddev ops_per_s "
    "bytes_per_s syscalls_per_op allocations_per_op cpu_ns_per_op client_cpu_ns_per_op "
    "voluntary_switches_per_op involuntary_switches page_faults rounds histogram".split()
)
ROUND = set(
    "run started_ms length_ms samples p50 p90 p99 p99_9 max ops_per_s cpu_ns_per_op "
    "voluntary_switches involuntary_switches page_faults server_core_interrupts "
    "client_core_interrupts".split()
)
RATIO = {"series", "to", "figure", "median", "low", "high"}
TABLE = {"title", "columns", "rows"}
PROMISE = {"series", "percentile", "one_in", "limit", "measured", "kept"}
ORDERED = ("min", "p50", "p90", "p99", "p99_9", "p99_99", "p99_999", "max")

# A ring that spins asks the kernel twice a round trip, however long it waits.
SPINNING_RING = "taut"

# Rings between cores that spin on both sides ask neither the kernel nor the allocator.
SPINNING_RINGS = {"spsc-spin", "mpsc-spin", "broadcast", "broadcast-lossy", "shm-spsc"}


def problems(report):
    if report.get("schema") != 2:
        yield f"schema {report.get('schema')}, 2 expected"
        return
    if set(report) != TOP:
        yield f"keys are {sorted(report)}"
        return
    if report["status"] not in ("ok", "warn"):
        yield f"status {report['status']}: {report['reasons']}"
    if (report["status"] == "ok") != (not report["reasons"]):
        yield f"status {report['status']} with reasons {report['reasons']}"
    if report["unit"] not in ("ns", "ps"):
        yield f"unit {report['unit']}"
    if not report["series"]:
        yield "no series"
    names = [series.get("name") for series in report["series"]]
    for kind, form in (("ratios", RATIO), ("tables", TABLE), ("sla", PROMISE)):
        for one in report[kind]:
            if set(one) != form:
                yield f"one of {kind} has keys {sorted(one)}"
    for ratio in report["ratios"]:
        yield from ratio_problems(ratio, names)
    for series in report["series"]:
        yield from series_problems(series)
    if report["workload"] == "echo":
        yield from echo_problems(report)
    if report["workload"] == "http-order":
        yield from order_problems(report)
    if report["workload"] == "tls-records":
        yield from records_problems(report)
    if report["workload"] == "cores":
        yield from cores_problems(report)


def ratio_problems(ratio, names):
    of = f"{ratio.get('figure')} of {ratio.get('series')} to {ratio.get('to')}"
    for name in (ratio.get("series"), ratio.get("to")):
        if name not in names:
            yield f"{of}: there is no series {name}"
    known = [ratio.get(key) for key in ("low", "median", "high")]
    if None not in known and known != sorted(known):
        yield f"{of}: the median is not between the quartiles: {known}"


def series_problems(series):
    name = series.get("name")
    if set(series) != SERIES:
        yield f"{name}: keys are {sorted(series)}"
        return
    for one in series["rounds"]:
        if set(one) != ROUND:
            yield f"{name}: a round has keys {sorted(one)}"
            return
    if series["unavailable"] is not None:
        print(f"note: {name} is unavailable: {series['unavailable']}")
        return
    known = [series[key] for key in ORDERED if series[key] is not None]
    if known != sorted(known):
        yield f"{name}: percentiles are not in order: {known}"
    if series["samples"] != sum(one["samples"] for one in series["rounds"]):
        yield f"{name}: {series['samples']} samples are not those of its rounds"
    if (series["samples"] == 0) != (series["histogram"] is None):
        yield f"{name}: {series['samples']} samples, histogram {series['histogram']}"


def echo_problems(report):
    if not report["ratios"]:
        yield "no ratios"
    for series in report["series"]:
        if set(series) != SERIES or series["unavailable"] is not None:
            continue
        name = series["name"]
        syscalls, allocations = series["syscalls_per_op"], series["allocations_per_op"]
        if series["samples"] == 0:
            yield f"{name}: no samples"
        if name.split("+")[0] == SPINNING_RING and (syscalls is None or syscalls > 2.05):
            yield f"{name}: {syscalls} system calls a round trip, at most 2 expected"
        # Peers don't tell what they allocate.
        if allocations is not None and allocations > 0.001:
            yield f"{name}: {allocations} allocations a round trip, none expected"


def ran(report):
    return [series for series in report["series"]
            if set(series) == SERIES and series["unavailable"] is None]


def no_allocations(series):
    # Peers don't tell what they allocate.
    allocations = series["allocations_per_op"]
    if allocations is not None and allocations > 0.001:
        yield f"{series['name']}: {allocations} allocations, none expected"


def order_problems(report):
    if not report["ratios"]:
        yield "no ratios"
    for series in ran(report):
        if series["samples"] == 0:
            yield f"{series['name']}: no samples"
        yield from no_allocations(series)
    names = {series["name"] for series in ran(report)}
    for one, to in (("taut-tls", "floor-aead"), ("taut-tls", "hyper-tls")):
        pair = [ratio for ratio in report["ratios"]
                if (ratio["series"], ratio["to"], ratio["figure"]) == (one, to, "p50")]
        if {one, to} <= names and not pair:
            yield f"{one} is not compared with {to}"


def records_problems(report):
    if not report["ratios"]:
        yield "no ratios"
    for series in ran(report):
        if series["samples"] == 0:
            yield f"{series['name']}: no samples"
        if series["name"].split("-")[0].split(":")[0] in ("aead", "own"):
            yield from no_allocations(series)


def cores_problems(report):
    if not report["ratios"]:
        yield "no ratios"
    for series in report["series"]:
        if set(series) != SERIES or series["unavailable"] is not None:
            continue
        if series["name"].split("+")[0].split(":")[0] not in SPINNING_RINGS:
            continue
        for figure, most in (("syscalls_per_op", 0.02), ("allocations_per_op", 0.001)):
            count = series[figure]
            if count is None or count > most:
                yield f"{series['name']}: {figure} is {count}, none expected"


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: check-report.py FILE")
    with open(sys.argv[1], encoding="utf-8") as file:
        report = json.load(file)
    found = list(problems(report))
    for problem in found:
        print(f"{sys.argv[1]}: {problem}", file=sys.stderr)
    if found:
        sys.exit(1)
    print(
        f"report ok: {report['workload']}, status {report['status']}, "
        f"{len(report['series'])} series"
    )


if __name__ == "__main__":
    main()
