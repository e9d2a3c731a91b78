#!/usr/bin/env python3
"""Checks that every peer of a manifest (scripts/bench-peers-build.sh writes it) keeps the contract
of bench/SUBJECTS.md.

Usage: check-peers.py MANIFEST. Lists what failed and ends with 1, or prints one line and ends with
0. A peer that is not available is named, and is no failure. No timing decides anything here.
"""

import base64
import functools
import hashlib
import json
import os
import pathlib
import random
import re
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time

SIZES = (1, 64, 100 * 1024)
WORKS = {
    "spawn_join", "spawn_many", "yield", "spawn_cancel", "channel", "channel_try",
    "channel_ping_pong", "oneshot", "sleep_50us",
}
CROSS_WORKS = {"ping_pong", "stream", "stream_32"}
BATCHES = 3
OPERATIONS = 100
DEADLINE_S = 20


class Broken(Exception):
    """The subject broke the contract; the message says where."""


def require(condition, problem):
    if not condition:
        raise Broken(problem)


class Subject:
    """A started subject with its announcement; leaving the block ends it, whatever happened."""

    def __init__(self, command, cores=1):
        # Where there is one core alone both threads of a subject share it.
        allowed = sorted(os.sched_getaffinity(0))
        self.cores = [allowed[index % len(allowed)] for index in range(cores)]
        option = "--core" if cores == 1 else "--cores"
        self.process = subprocess.Popen(
            [*command, option, ",".join(map(str, self.cores))],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def __enter__(self):
        signal.alarm(DEADLINE_S)
        return self

    def __exit__(self, *_):
        signal.alarm(0)
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            pipe.close()

    def announcement(self, keys):
        line = self.process.stdout.readline()
        if not line:
            raise Broken(f"it announced nothing and said: {self.process.stderr.read().strip()}")
        announced = json.loads(line)
        require(set(announced) == keys, f"it announced the keys {sorted(announced)}")
        for key in ("version", "settings"):
            require(announced[key], f"its {key} is empty")
        return announced

    def check_core(self):
        threads = f"/proc/{self.process.pid}/task"
        for thread in os.listdir(threads):
            cores = os.sched_getaffinity(int(thread))
            pinned = len(cores) == 1 and cores <= set(self.cores)
            require(pinned, f"a thread of it may run on the cores {sorted(cores)}")

    def ask(self, line):
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()
        return self.process.stdout.readline()

    def count(self):
        answer = self.ask("count")
        require(answer[:-1].isdecimal(), f"it answered count with {answer!r}")
        return int(answer)

    def wait_for_count(self, expected):
        """The count may be behind what has been sent, never ahead; it never goes back."""
        count = 0
        while count < expected:
            count, before = self.count(), count
            require(before <= count <= expected, f"{before} became {count} of {expected}")

    def stop(self):
        self.process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.process.pid, os.WSTOPPED)

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)

    def end(self):
        self.process.stdin.close()
        status = self.process.wait()
        said = self.process.stderr.read().strip()
        require(status == 0, f"it ended with status {status} and said: {said}")
        require(not said, f"it said on stderr: {said}")


def echo(connection, size):
    """Sends a pattern in random pieces, reads meanwhile, and compares."""
    pattern = random.randbytes(size)
    sent = received = 0
    while received < size:
        if sent < size:
            piece = random.randint(1, size - sent)
            sent += connection.send(pattern[sent:sent + piece])
        got = connection.recv(random.randint(1, size - received))
        require(got, f"it closed a connection after {received} of {size} bytes")
        require(got == pattern[received:received + len(got)], f"the echo of {size} bytes differs")
        received += len(got)


def echo_over_a_stop(subject, connections):
    """Stopped while it waits, with bytes that arrive meanwhile; then all as before."""
    subject.stop()
    for connection in connections:
        connection.send(b"meanwhile")
    subject.go_on()
    for connection in connections:
        received = connection.recv(9, socket.MSG_WAITALL)
        require(received == b"meanwhile", f"after a stop it sent {received!r}")
        echo(connection, 100 * 1024)


def flood(connection, size):
    """Sends more than the socket buffers hold before it reads anything back."""
    pattern = random.randbytes(size)
    connection.setblocking(False)
    sent = 0
    try:
        while sent < size:
            sent += connection.send(pattern[sent:])
    except BlockingIOError:
        pass
    connection.settimeout(DEADLINE_S)
    received = bytearray()
    while len(received) < sent:
        got = connection.recv(1 << 16)
        require(got, f"it closed a flooded connection after {len(received)} of {sent} bytes")
        received += got
    require(received == pattern[:sent], f"the echo of a flood of {sent} bytes differs")


def connect(address):
    connection = socket.create_connection(address, timeout=DEADLINE_S)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def secure(connection, certificate):
    """The connection within TLS 1.3 by that authority, which speaks HTTP/1.1; plain without one."""
    if not certificate:
        return connection
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=pathlib.Path(certificate).read_bytes())
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.set_alpn_protocols(["http/1.1"])
    encrypted = context.wrap_socket(connection, server_hostname="127.0.0.1")
    agreed = encrypted.selected_alpn_protocol()
    require(agreed == "http/1.1", f"it agreed on the protocol {agreed}")
    return encrypted


def listening(subject, prefix, *more):
    """Its announcement, which may have more keys, and its address, written after a prefix."""
    announced = subject.announcement({"listening", "version", "settings", *more})
    where = announced["listening"]
    require(where.startswith(prefix), f"it listens on {where}")
    host, port = where.removeprefix(prefix).rsplit(":", 1)
    require(host == "127.0.0.1", f"it listens on {host}")
    subject.check_core()
    return announced, (host, int(port))


def check_echo(command):
    with Subject(command) as subject:
        announced, address = listening(subject, "")
        connections = [connect(address) for _ in range(3)]
        for size in SIZES:
            for connection in connections:
                echo(connection, size)
        flood(connections[1], 16 << 20)
        connections.pop().close()
        for connection in connections:
            echo(connection, 64)
        abort(connect(address))
        for _ in range(3):
            echo_over_a_stop(subject, connections)
        connections.append(connect(address))
        echo(connections[-1], 64)
        subject.end()
        return announced


def abort(connection):
    """Closes with a reset in the middle of an exchange."""
    connection.send(bytes(1000))
    linger_for_nothing = b"\1\0\0\0\0\0\0\0"
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_for_nothing)
    connection.close()


def check_sink(command):
    with Subject(command) as subject:
        announced, address = listening(subject, "")
        require(subject.count() == 0, "it counts before anything has come")
        connections = [connect(address) for _ in range(3)]
        total = 0
        for size in (*SIZES, 16 << 20):
            for connection in connections:
                connection.sendall(random.randbytes(size))
                total += size
            subject.wait_for_count(total)
        subject.stop()
        for connection in connections:
            connection.sendall(b"meanwhile")
        subject.go_on()
        total += 9 * len(connections)
        subject.wait_for_count(total)
        ended = connections.pop()
        ended.shutdown(socket.SHUT_WR)
        require(ended.recv(1) == b"", "it sends something back")
        connections.append(connect(address))
        connections[-1].sendall(b"more")
        subject.wait_for_count(total + 4)
        subject.end()
        return announced


def check_udp_sink(command):
    with Subject(command) as subject:
        announced, address = listening(subject, "udp:")
        require(subject.count() == 0, "it counts before anything has come")
        sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        # One after the other: what is sent faster than it is received may be lost.
        for number, size in enumerate((0, 1, 64, 1_472, 9_000, 65_507), 1):
            sender.sendto(random.randbytes(size), address)
            subject.wait_for_count(number)
        subject.stop()
        for _ in range(100):
            sender.sendto(b"meanwhile", address)
        subject.go_on()
        subject.wait_for_count(number + 100)
        subject.end()
        return announced


REQUEST = (b"GET /plaintext HTTP/1.1\r\nhost: 127.0.0.1\r\n"
           b"user-agent: taut-bench\r\naccept: text/plain\r\n\r\n")


def answers(connection, count, rest=b""):
    """Reads so many answers, each whole and right, and nothing more."""
    for _ in range(count):
        while b"\r\n\r\n" not in rest:
            got = connection.recv(1 << 16)
            require(got, f"it closed a connection within an answer: {rest!r}")
            rest += got
        head, rest = rest.split(b"\r\n\r\n", 1)
        lines = head.decode("ascii").split("\r\n")
        require(lines[0].startswith("HTTP/1.1 200 "), f"it answered {lines[0]!r}")
        fields = dict(line.lower().split(":", 1) for line in lines[1:])
        require(fields.get("content-length", "").strip() == "13", f"its head is {fields}")
        while len(rest) < 13:
            rest += connection.recv(1 << 16)
        body, rest = rest[:13], rest[13:]
        require(body == b"Hello, World!", f"its body is {body!r}")
    require(not rest, f"behind its answers it sent {rest!r}")


def check_http(command):
    return check_answers(command)


def check_https(command):
    return check_answers(command, "certificate")


def check_answers(command, *more):
    with Subject(command) as subject:
        announced, address = listening(subject, "", *more)
        secured = functools.partial(secure, certificate=announced.get("certificate"))
        connections = [secured(connect(address)) for _ in range(3)]
        for count in (1, 2, 16, 100):
            for connection in connections:
                connection.sendall(REQUEST * count)
                answers(connection, count)
        for cut in range(1, len(REQUEST), 7):
            # hyper with `pipeline_flush` keeps the first answer back until the next request is whole.
            connections[0].sendall(REQUEST + REQUEST[:cut])
            time.sleep(0.01)
            connections[0].sendall(REQUEST[cut:])
            answers(connections[0], 2)
        connections.pop().close()
        abort(connect(address))
        for _ in range(3):
            subject.stop()
            for connection in connections:
                connection.sendall(REQUEST)
            subject.go_on()
            for connection in connections:
                answers(connection, 1)
        connections.append(secured(connect(address)))
        connections[-1].sendall(REQUEST)
        answers(connections[-1], 1)
        subject.end()
        return announced


UPGRADE = (b"GET /echo HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
           b"Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
           b"Sec-WebSocket-Version: 13\r\n\r\n")
TEXT, BINARY = 1, 2


def frame(opcode, payload, key=None):
    """One frame of a whole message, masked where there is a key."""
    mask = 0x80 if key else 0
    if len(payload) < 126:
        head = bytes((0x80 | opcode, mask | len(payload)))
    elif len(payload) < 1 << 16:
        head = struct.pack(">BBH", 0x80 | opcode, mask | 126, len(payload))
    else:
        head = struct.pack(">BBQ", 0x80 | opcode, mask | 127, len(payload))
    if not key:
        return head + payload
    masked = int.from_bytes(payload, "big") ^ int.from_bytes(
        (key * (len(payload) // 4 + 1))[:len(payload)], "big")
    return head + key + masked.to_bytes(len(payload), "big")


def upgrade(address, certificate):
    connection = secure(connect(address), certificate)
    connection.sendall(UPGRADE)
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        got = connection.recv(1)
        require(got, f"it closed a connection in its handshake: {head!r}")
        head += got
    lines = head.decode("ascii").split("\r\n")
    require(lines[0].startswith("HTTP/1.1 101"), f"it answered {lines[0]!r}")
    fields = dict(line.lower().split(": ", 1) for line in lines[1:] if line)
    require(fields.get("sec-websocket-accept") == "s3pplmbitxaq9kygzzhzrbk+xoo=",
            f"its head is {fields}")
    require("sec-websocket-extensions" not in fields, f"nobody offered extensions: {fields}")
    return connection


def echo_messages(connection, messages, cuts=()):
    """Sends messages, in pieces if cuts are given; each must come back as one minimal frame."""
    sent = b"".join(frame(opcode, payload, random.randbytes(4)) for opcode, payload in messages)
    expected = b"".join(frame(opcode, payload) for opcode, payload in messages)
    start = 0
    for cut in cuts:
        connection.sendall(sent[start:cut])
        start = cut
        time.sleep(0.002)
    connection.sendall(sent[start:])
    received = b""
    while len(received) < len(expected):
        got = connection.recv(1 << 16)
        require(got, f"it closed a connection after {len(received)} of {len(expected)} bytes")
        received += got
    require(received == expected, f"the echo of {len(messages)} messages differs")


def check_ws(command):
    return check_messages(command)


def check_wss(command):
    return check_messages(command, "certificate")


def check_messages(command, *more):
    with Subject(command) as subject:
        announced, address = listening(subject, "", *more)
        certificate = announced.get("certificate")
        connections = [upgrade(address, certificate) for _ in range(3)]
        for connection in connections:
            for size in (0, 1, 64, 125, 126, 256, 16 << 10, 64 << 10, 200_000):
                echo_messages(connection, [(BINARY, random.randbytes(size))])
                echo_messages(connection, [(TEXT, ("\u20acx\u00fc" * size)[:size].encode())])
            both = [(random.choice((TEXT, BINARY)), b"%063d" % number) for number in range(64)]
            echo_messages(connection, both)
        for cut in range(1, 90, 8):
            echo_messages(connections[0], [(TEXT, b"x" * 40), (BINARY, b"y" * 40)], [cut])
        connections.pop().close()
        abort(connect(address))
        for _ in range(3):
            subject.stop()
            for connection in connections:
                connection.sendall(frame(TEXT, b"meanwhile", b"\1\2\3\4"))
            subject.go_on()
            for connection in connections:
                received = b""
                while len(received) < 11:
                    received += connection.recv(11 - len(received))
                require(received == frame(TEXT, b"meanwhile"), f"after a stop: {received!r}")
        connections.append(upgrade(address, certificate))
        echo_messages(connections[-1], [(TEXT, b"x" * 64)])
        subject.end()
        return announced


class FeedVenue(threading.Thread):
    """Shakes hands with one client, and sends it messages each time that it says so."""

    def __init__(self, counts):
        super().__init__(daemon=True)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.counts, self.problem = counts, None

    def run(self):
        try:
            connection, _ = self.listener.accept()
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                got = connection.recv(1 << 12)
                require(got, f"it closed its connection in the handshake: {head!r}")
                head += got
            fields = {name.lower(): value.strip()
                      for name, value in re.findall(r"([\w-]+):([^\r]*)", head.decode("ascii"))}
            key = fields["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
            accept = base64.b64encode(hashlib.sha1(key.encode()).digest())
            connection.sendall(
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                b"Connection: Upgrade\r\nSec-WebSocket-Accept: " + accept + b"\r\n\r\n")
            for count in self.counts:
                go = connection.recv(8, socket.MSG_WAITALL)
                text = bytes(byte ^ go[2 + place % 4] for place, byte in enumerate(go[6:]))
                require(go[:2] == b"\x81\x82" and text == b"go", f"to begin it sent {go!r}")
                for number in range(count):
                    stamp = b"%019d" % time.monotonic_ns()
                    filler = b"x" * random.choice((10, 90, 300, 4_000))
                    connection.sendall(frame(TEXT, b'{"E":"' + stamp + b'","x":"' + filler + b'"}'))
        except (Broken, KeyError, OSError) as problem:
            self.problem = problem


def check_feed(command):
    counts = (1, 500, 2_000)
    with Subject(command) as subject:
        announced = subject.announcement({"works", "version", "settings"})
        subject.check_core()
        require(announced["works"] == ["feed"], f"it announced the works {announced['works']}")
        venue = FeedVenue(counts)
        venue.start()
        answer = subject.ask(f"connect 127.0.0.1:{venue.listener.getsockname()[1]}")
        require(answer == "connected\n", f"it was to connect and answered {answer!r}")
        for count in counts:
            words = subject.ask(f"feed {count}").split()
            require(len(words) == count, f"of {count} messages it told {len(words)} lags")
            lags = [int(word) for word in words]
            require(0 < min(lags) and max(lags) < DEADLINE_S * 10**9, f"its lags are {lags[:9]}")
            subject.stop()
            subject.go_on()
        venue.join()
        require(not venue.problem, f"with the venue: {venue.problem}")
        subject.end()
        return announced


CODEC = (pathlib.Path(__file__).parent / "../bench/src/codec/load.rs").read_text(encoding="utf-8")
CODEC_WORKS = {
    f"{name}{size}" for name in re.findall(r'at_each_size!\("(\w+)"', CODEC)
    for size in re.findall(r'concat!\(\$name, "(_\d+)"\)', CODEC)
}


def check_codec(command):
    return check_works(command, CODEC_WORKS)


def check_micro(command):
    return check_works(command, WORKS)


def check_works(command, known):
    with Subject(command) as subject:
        announced = subject.announcement({"works", "version", "settings"})
        subject.check_core()
        works = announced["works"]
        require(works and known.issuperset(works), f"it announced the works {works}")
        for work in works:
            operations = 1 if work == "sleep_50us" else OPERATIONS
            answer = subject.ask(f"{work} {BATCHES} {operations}")
            words = answer.rstrip("\n").split(" ")
            well_formed = len(words) == BATCHES and all(word.isdecimal() for word in words)
            require(well_formed, f"it answered {work} with {answer!r}")
            least = 50_000 if work == "sleep_50us" else 1
            require(all(int(word) >= least for word in words), f"{work} took {answer!r} ns")
        subject.stop()
        subject.go_on()
        subject.end()
        return announced


def check_cores(command):
    with Subject(command, cores=2) as subject:
        announced = subject.announcement({"works", "version", "settings"})
        subject.check_core()
        works = announced["works"]
        require(works and CROSS_WORKS.issuperset(works), f"it announced the works {works}")
        for work in works:
            for batches, operations, pause_ns in ((0, 1, 0), (BATCHES, 100, 0), (BATCHES, 1, 50_000)):
                line = f"{work} {batches} {operations} {pause_ns}"
                answer = subject.ask(line)
                words = answer.split()
                well_formed = len(words) == batches and all(word.isdecimal() for word in words)
                require(well_formed, f"it answered {line!r} with {answer!r}")
                require(all(int(word) >= 1 for word in words), f"{line} took {answer!r} ns")
        subject.stop()
        subject.go_on()
        subject.end()
        return announced


ORDER = (pathlib.Path(__file__).parent / "../bench/src/order/text.rs").read_text(encoding="utf-8")
ANSWER = re.search(r'ANSWER: &str =\s*r#"(.*)"#;', ORDER).group(1).encode()
TARGET = re.search(r'TARGET: &str = "(.*)";', ORDER).group(1)
HEADERS = dict(re.findall(r'^    \("([a-z-]+)", "(.*)"\),$', ORDER, re.MULTILINE))
WARM_UP_ORDERS = 16


class Venue(threading.Thread):
    """Reads orders on one connection, plain or over TLS, and gives each the same answer."""

    def __init__(self, folder):
        super().__init__(daemon=True)
        self.certificate, key = f"{folder}/certificate.der", f"{folder}/key.pem"
        pem = f"{folder}/certificate.pem"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-keyout", key, "-out", pem, "-subj", "/CN=venue.test",
             "-addext", "subjectAltName=IP:127.0.0.1",
             "-addext", "basicConstraints=critical,CA:FALSE"], check=True, capture_output=True)
        subprocess.run(["openssl", "x509", "-in", pem, "-outform", "der", "-out",
                        self.certificate], check=True)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(pem, key)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_3
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.orders, self.is_tls, self.problem = [], None, None

    def run(self):
        try:
            connection, _ = self.listener.accept()
            self.is_tls = connection.recv(1, socket.MSG_PEEK) == b"\x16"
            if self.is_tls:
                connection = self.context.wrap_socket(connection, server_side=True)
            self.converse(connection)
        except (Broken, OSError, ValueError) as problem:
            self.problem = problem

    def converse(self, connection):
        received = b""
        while True:
            while b"\r\n\r\n" not in received:
                got = connection.recv(1 << 16)
                if not got:
                    return
                received += got
            head, received = received.split(b"\r\n\r\n", 1)
            lines = head.decode("ascii").split("\r\n")
            require(lines[0] == f"POST {TARGET} HTTP/1.1", f"it asked {lines[0]!r}")
            fields = {name.lower(): value.strip()
                      for name, value in (line.split(":", 1) for line in lines[1:])}
            for name, value in HEADERS.items():
                require(fields.get(name) == value, f"its {name} is {fields.get(name)!r}")
            signature = fields.get("x-signature", "")
            require(len(signature) == 64 and signature.isdecimal(), f"its signature is {signature!r}")
            length = int(fields["content-length"])
            while len(received) < length:
                received += connection.recv(1 << 16)
            order, received = json.loads(received[:length]), received[length:]
            require(not received, f"behind an order that has no answer it sent {received!r}")
            self.orders.append(int(order["newClientOrderId"]))
            connection.sendall(
                b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
                b"content-length: %d\r\n\r\n%s" % (len(ANSWER), ANSWER))


def check_order(command):
    with tempfile.TemporaryDirectory() as folder, Subject(command) as subject:
        venue = Venue(folder)
        announced = subject.announcement({"works", "version", "settings"})
        subject.check_core()
        require(announced["works"] == ["order"], f"it announced the works {announced['works']}")
        venue.start()
        port = venue.listener.getsockname()[1]
        answer = subject.ask(f"connect 127.0.0.1:{port} {venue.certificate}")
        require(answer == "connected\n", f"it was to connect and answered {answer!r}")
        expected = len(venue.orders)
        for batches, operations in ((0, 1), (BATCHES, 1), (2, 10)):
            answer = subject.ask(f"order {batches} {operations}")
            words = answer.split()
            well_formed = len(words) == batches and all(word.isdecimal() for word in words)
            require(well_formed, f"it answered {batches} batches with {answer!r}")
            expected += WARM_UP_ORDERS + batches * operations
            require(len(venue.orders) == expected,
                    f"it sent {len(venue.orders)} orders, {expected} expected: {venue.problem}")
        first = venue.orders[0]
        require(venue.orders == list(range(first, first + expected)), "its orders are out of order")
        require(venue.is_tls == (command[-1] == "tls"), f"TLS: {venue.is_tls}")
        subject.stop()
        subject.go_on()
        subject.end()
        return announced


def check_refusals(command, option):
    """A core that doesn't exist and a wrong command line: a sentence and status 1."""
    program = command[0]
    for arguments in ([*command, option, "1000"], [*command, option, "-1,-1"], [program]):
        done = subprocess.run(
            arguments, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=DEADLINE_S)
        shown = " ".join(["...", *arguments[1:]])
        require(done.returncode == 1, f"{shown} ended with status {done.returncode}")
        require(len(done.stderr.splitlines()) == 1, f"{shown} said {done.stderr!r}")
        require(not done.stdout, f"{shown} announced {done.stdout!r}")


def check(peer):
    checks = {
        "echo": check_echo, "sink": check_sink, "udp-sink": check_udp_sink, "micro": check_micro,
        "cores": check_cores, "http": check_http, "https": check_https, "order": check_order, "ws": check_ws,
        "wss": check_wss, "codec": check_codec, "feed": check_feed,
    }
    announced = checks[peer["role"]](peer["command"])
    check_refusals(peer["command"], "--cores" if peer["role"] == "cores" else "--core")
    print(f"{peer['name']} ({peer['role']}): {announced['version']}: {announced['settings']}")


def on_alarm(*_):
    raise Broken(f"it did not answer within {DEADLINE_S} s")


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: check-peers.py MANIFEST")
    signal.signal(signal.SIGALRM, on_alarm)
    random.seed(4)
    with open(sys.argv[1], encoding="utf-8") as file:
        peers = json.load(file)["peers"]
    failures = 0
    for peer in peers:
        name = f"{peer['name']} ({peer['role']})"
        if peer["unavailable"]:
            print(f"{name} is unavailable: {peer['unavailable']}")
            continue
        try:
            check(peer)
        except (Broken, OSError, ValueError, subprocess.TimeoutExpired) as problem:
            failures += 1
            print(f"{name}: {problem}", file=sys.stderr)
    if failures:
        sys.exit(f"{failures} peers break the contract")
    print("peers ok")


if __name__ == "__main__":
    main()
