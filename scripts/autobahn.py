"""Starts the ends of each run of the Autobahn suite, and judges its report; for autobahn.sh."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time

# How many cases each group has: a run that leaves one out has not passed.
GROUPS = {1: 16, 2: 11, 3: 7, 4: 10, 5: 20, 6: 145, 7: 37, 9: 54, 10: 1, 12: 90, 13: 126}
FAST = (1, 2, 3, 4, 5, 6, 7, 10)
ENDS = ("server-ws", "server-wss", "client-ws", "client-wss")
PASSED = ("OK", "INFORMATIONAL")
REPORTS = "target/autobahn"
START_TIMEOUT_S = 30
# Of one run: `full` takes minutes, and one that hangs is to end by itself.
RUN_TIMEOUT_S = 1800


class Broken(Exception):
    """Why a run came to no verdict."""


@contextlib.contextmanager
def started(command, **options):
    """A process that does not outlive the block."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, **options)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def wait_for_port(port, process):
    end = time.monotonic() + START_TIMEOUT_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if process.poll() is not None:
                raise Broken("the suite ended before it listened") from None
            if time.monotonic() > end:
                raise Broken("the suite does not listen") from None
            time.sleep(0.05)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def write_spec(folder, spec):
    path = os.path.join(folder, "spec.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump(spec, file)
    return path


def finish(process, what, log):
    try:
        status = process.wait(RUN_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        raise Broken(f"{what} takes more than {RUN_TIMEOUT_S} s; see {log.name}") from None
    if status:
        raise Broken(f"{what} ended with {status}; see {log.name}")


def run_server(end, scheme, spec, folder, suite, program, log):
    """Our server, and the suite as its client."""
    with started([program, "server"], stdout=subprocess.PIPE, stderr=log, text=True) as server:
        urls = [server.stdout.readline().strip() for _ in ("ws", "wss")]
        url = next((url for url in urls if url.startswith(f"{scheme}://")), None)
        if not url:
            raise Broken(f"the server did not start; see {log.name}")
        spec["servers"] = [{"agent": end, "url": url}]
        command = [suite, "-m", "fuzzingclient", "-s", write_spec(folder, spec)]
        with started(command, stdout=log, stderr=log) as client:
            finish(client, "the suite", log)
        if server.poll() is not None:
            raise Broken(f"the server ended with {server.returncode}; see {log.name}")


def run_client(end, scheme, spec, folder, suite, program, log):
    """The suite as a server, and our client."""
    port = free_port()
    spec["url"] = f"{scheme}://127.0.0.1:{port}"
    client = [program, "client", spec["url"], end]
    if scheme == "wss":
        subprocess.run([program, "identity", folder], check=True)
        spec["cert"] = os.path.join(folder, "certificate.pem")
        spec["key"] = os.path.join(folder, "key.pem")
        client.append(spec["cert"])
    # Its web server is not wanted: port 0 leaves it out.
    command = [suite, "-m", "fuzzingserver", "-u", "0", "-s", write_spec(folder, spec)]
    with started(command, stdout=log, stderr=log) as server:
        wait_for_port(port, server)
        with started(client, stdout=log, stderr=log) as process:
            finish(process, "the client", log)


def judge(end, folder, expected):
    """Prints what is not OK, and the counts. Whether all is as it has to be."""
    with open(os.path.join(folder, "index.json"), encoding="utf-8") as file:
        cases = json.load(file)[end]
    counts, named, failed = {}, {}, []
    for case, told in sorted(cases.items(), key=lambda item: [int(n) for n in item[0].split(".")]):
        verdicts = (told["behavior"], told["behaviorClose"])
        wrong = next((verdict for verdict in verdicts if verdict not in PASSED), None)
        if wrong:
            failed.append(case)
            print(f"{end}: {case} is {wrong}: behavior {verdicts[0]}, close {verdicts[1]}, "
                  f"{folder}/{told['reportfile']}")
        verdict = wrong or verdicts[0]
        counts[verdict] = counts.get(verdict, 0) + 1
        if verdict != "OK":
            named.setdefault(verdict, []).append(case)
    missing = max(expected - len(cases), 0) if expected else int(not cases)
    parts = [f"{counts.get('OK', 0)} OK"]
    parts += [f"{counts[verdict]} {verdict} ({', '.join(named[verdict])})"
              if verdict == "INFORMATIONAL" else f"{counts[verdict]} {verdict}"
              for verdict in sorted(named)]
    if missing:
        parts.append(f"{missing} missing")
    print(f"{end}: {len(cases)} cases: {', '.join(parts)}", flush=True)
    return not failed and not missing


def run(end, cases, expected, suite, program):
    role, scheme = end.split("-")
    folder = os.path.abspath(os.path.join(REPORTS, end))
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    spec = {"outdir": folder, "cases": cases, "exclude-cases": [], "exclude-agent-cases": {}}
    start = run_server if role == "server" else run_client
    try:
        with open(os.path.join(folder, "log"), "w", encoding="utf-8") as log:
            start(end, scheme, spec, folder, suite, program, log)
        return judge(end, folder, expected)
    except (Broken, OSError, KeyError, subprocess.SubprocessError) as problem:
        print(f"{end}: no verdict: {problem}", flush=True)
        return False


def main():
    mode, only, ends, suite, program = sys.argv[1:]
    groups = FAST if mode == "fast" else tuple(GROUPS)
    cases = only.split(",") if only else [f"{group}.*" for group in groups]
    expected = None if only else sum(GROUPS[group] for group in groups)
    ends = ends.split(",")
    unknown = [end for end in ends if end not in ENDS]
    if unknown:
        print(f"autobahn.sh: an end is one of {', '.join(ENDS)}, not {unknown[0]!r}",
              file=sys.stderr)
        sys.exit(2)
    passed = [run(end, cases, expected, suite, program) for end in ends]
    sys.exit(not all(passed))


main()
