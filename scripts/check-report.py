#!/usr/bin/env python3
"""Checks that a JSON report of taut-bench has the form of schema 1 and is no failed run.

Usage: check-report.py FILE. Says what is wrong and ends with 1, or prints one line and ends with 0.
Timings decide nothing here; counts that are exact everywhere do.
"""

import json
import sys

TOP = {"schema", "workload", "status", "reasons", "environment", "series", "ratios"}
SERIES = {
    "name", "samples", "min", "p50", "p90", "p99", "p99_9", "p99_99", "max", "mean", "ops_per_s",
    "syscalls_per_op", "allocations_per_op",
}
RATIO = {"series", "to", "percentile", "median", "low", "high"}
SPINNING_RING = ("taut", "taut+think")


def problems(report):
    if set(report) != TOP:
        yield f"keys are {sorted(report)}"
        return
    if report["schema"] != 1 or report["workload"] != "echo":
        yield f"schema {report['schema']}, workload {report['workload']}"
    if report["status"] not in ("ok", "warn"):
        yield f"status {report['status']}: {report['reasons']}"
    if not report["ratios"]:
        yield "no ratios"
    for ratio in report["ratios"]:
        if set(ratio) != RATIO:
            yield f"a ratio has keys {sorted(ratio)}"
    for series in report["series"]:
        yield from series_problems(series)


def series_problems(series):
    name = series.get("name")
    if set(series) != SERIES:
        yield f"{name}: keys are {sorted(series)}"
        return
    if series["samples"] == 0:
        print(f"note: {name} is not available on this host")
        return
    shown = [series[key] for key in ("min", "p50", "p90", "p99", "p99_9", "p99_99", "max")]
    known = [value for value in shown if value is not None]
    if known != sorted(known):
        yield f"{name}: percentiles are not in order: {shown}"
    if name in SPINNING_RING and series["syscalls_per_op"] > 2.05:
        yield f"{name}: {series['syscalls_per_op']} system calls a round trip, at most 2 expected"
    if series["allocations_per_op"] > 0.001:
        yield f"{name}: {series['allocations_per_op']} allocations a round trip, none expected"


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
    print(f"report ok: status {report['status']}, {len(report['series'])} series")


if __name__ == "__main__":
    main()
