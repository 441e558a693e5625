#!/usr/bin/python3
"""A crowd of connections while another daemon takes over from theirs.

usage: bench/rolling.py [--connections N] [--spread-ms MS] [--processes N]
                        [--build DIR]

Every client does as it is told: it opens another connection when `reconnect`
says so, and then closes the old one. A few of them are sent messages all the
time. Counted is who was refused, who was cut off without having been told, how
late a poke was at most, and what the other programs needed for it.
"""
import heapq
import json
import multiprocessing
import os
import select
import signal
import socket
import time

from gathering import DAEMON, parser, request, run

from devkit.user import User

OTHERS = ("redis", "handlers", "worker-0")
PER_CROWD = 5000  # connections of one process of ours, twice for a moment
AT_ONCE = 200     # handshakes under way
LISTENERS = 5     # clients that are sent messages
PATIENCE_S = 120


class Client:
    """One connection of a member of the crowd."""

    def __init__(self, path, member, token, before=None):
        self.member, self.before = member, before
        self.has_leave = False  # it was told to go, or nobody waits for it
        self.is_up = False
        self.data = b""
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.socket.sendall(request(token))
        self.socket.setblocking(False)

    def frames(self):
        """Those that have come; None at the end of the connection."""
        try:
            data = self.socket.recv(65536)
        except BlockingIOError:
            return []
        except OSError:
            return None
        if not data:
            return None
        self.data += data
        found = []
        if not self.is_up:
            head, end, rest = self.data.partition(b"\r\n\r\n")
            if not end:
                return []
            if not head.startswith(b"HTTP/1.1 101 "):
                return None
            self.is_up, self.data = True, rest
        while len(self.data) >= 2:
            size, start = self.data[1], 2
            if size == 126:
                size, start = int.from_bytes(self.data[2:4], "big"), 4
            if len(self.data) < start + size:
                break
            found.append((self.data[0] & 15, self.data[start:start + size]))
            self.data = self.data[start + size:]
        return found


class Crowd:
    """Members that one process of ours holds."""

    def __init__(self, path, tokens, pipe):
        self.path, self.tokens, self.pipe = path, tokens, pipe
        self.poll = select.epoll()
        self.poll.register(pipe.fileno(), select.EPOLLIN)
        self.clients = {}
        self.due = []  # (when, member, its connection)
        self.opening = 0
        self.counts = dict.fromkeys(("refused", "cut_off", "moved"), 0)

    def open(self, member, before=None):
        self.opening += 1
        try:
            client = Client(self.path, member, self.tokens[member], before)
        except OSError:
            self.opening -= 1
            self.counts["refused"] += 1
            return
        self.clients[client.socket.fileno()] = client
        self.poll.register(client.socket.fileno(), select.EPOLLIN)

    def close(self, client):
        self.clients.pop(client.socket.fileno(), None)
        client.socket.close()

    def on_frame(self, client, opcode, text):
        if opcode != 1:
            return
        frame = json.loads(text)
        if frame["type"] == "connected":
            self.opening -= 1
            if client.before is not None:
                self.counts["moved"] += 1
                if client.before.socket.fileno() != -1:
                    self.close(client.before)
                client.before = None
        elif frame["type"] == "reconnect":
            client.has_leave = True
            heapq.heappush(self.due, (
                time.monotonic() + frame["afterMs"] / 1000, client.member,
                client.socket.fileno()))
        elif frame["type"] == "poke" and client.member < LISTENERS:
            self.pipe.send((client.member, time.monotonic()))

    def on_end(self, client):
        if not client.is_up:
            self.opening -= 1
            self.counts["refused"] += 1
        elif not client.has_leave:
            self.counts["cut_off"] += 1
        self.close(client)

    def turn(self, wait_s):
        now = time.monotonic()
        while self.due and self.due[0][0] <= now and self.opening < AT_ONCE:
            _, member, number = heapq.heappop(self.due)
            self.open(member, self.clients.get(number))
        for number, _ in self.poll.poll(wait_s):
            client = self.clients.get(number)
            if client is None:
                continue
            frames = client.frames()
            if frames is None:
                self.on_end(client)
                continue
            for opcode, text in frames:
                self.on_frame(client, opcode, text)

    def run(self):
        for member in range(len(self.tokens)):
            while self.opening >= AT_ONCE:
                self.turn(1)
            self.open(member)
        while self.opening:
            self.turn(1)
        self.pipe.send("up")
        while not self.pipe.poll():
            self.turn(0.02 if self.due else 0.2)
        self.pipe.send({**self.counts, "open": len(self.clients)})


def run_crowd(path, tokens, pipe):
    try:
        Crowd(path, tokens, pipe).run()
    except KeyboardInterrupt:
        pass


def cpu_s(program):
    """Of a program with its children."""
    pid = program.process.pid
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        pids = [pid, *map(int, file.read().split())]
    total = 0
    for one in pids:
        with open(f"/proc/{one}/stat", encoding="ascii") as file:
            fields = file.read().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")


class Senders:
    """To each listener one message after the other; how late was each poke?"""

    def __init__(self, stack, pipe):
        self.stack, self.pipe = stack, pipe
        self.sender = User(stack, "sender")
        self.waiting = {}  # listener: since when
        self.worst_ms = self.pokes = 0

    def turn(self):
        for listener in range(LISTENERS):
            if listener in self.waiting:
                continue
            since = time.monotonic()
            if self.sender.send(f"user-{listener}", b"x").status == 202:
                self.waiting[listener] = since
        while self.pipe.poll(0.02):
            listener, at = self.pipe.recv()
            since = self.waiting.pop(listener, None)
            if since is not None:
                self.pokes += 1
                self.worst_ms = max(self.worst_ms, (at - since) * 1000)


def follow(stack, senders, options):
    """SIGUSR2, until the old daemon has ended. Returns: seconds"""
    old = stack.programs[DAEMON].process
    begin = time.monotonic()
    old.send_signal(signal.SIGUSR2)
    while old.poll() is None:
        if time.monotonic() - begin > PATIENCE_S + options.spread_ms / 1000:
            raise SystemExit("the old daemon does not end")
        senders.turn()
    while senders.waiting and time.monotonic() - begin < PATIENCE_S:
        senders.turn()
    return time.monotonic() - begin


def measure(stack, options):
    path = stack.socket_path(DAEMON + ".sock")
    tokens = [stack.token(f"user-{i}") for i in range(options.connections)]
    crowds, pipes = [], []
    for first in range(0, len(tokens), PER_CROWD):
        ours, theirs = multiprocessing.Pipe()
        crowd = multiprocessing.Process(
            target=run_crowd, daemon=True,
            args=(path, tokens[first:first + PER_CROWD], theirs))
        crowd.start()
        crowds.append(crowd)
        pipes.append(ours)
    for pipe in pipes:
        if not pipe.poll(PATIENCE_S) or pipe.recv() != "up":
            raise SystemExit("the crowd is not let in")
    senders = Senders(stack, pipes[0])
    quiet = time.monotonic()
    while time.monotonic() - quiet < 1:
        senders.turn()
    before_ms, senders.worst_ms = senders.worst_ms, 0
    used = {other: cpu_s(stack.programs[other]) for other in OTHERS}
    seconds = follow(stack, senders, options)
    counts = {}
    for pipe in pipes:
        pipe.send("end")
        answer = None
        while not isinstance(answer, dict):
            answer = pipe.recv()
        for key, value in answer.items():
            counts[key] = counts.get(key, 0) + value
    return {
        "connections": options.connections, "spread_ms": options.spread_ms,
        **counts, "seconds": round(seconds, 2), "pokes": senders.pokes,
        "worst_poke_ms_before": round(before_ms, 1),
        "worst_poke_ms": round(senders.worst_ms, 1),
        "cpu_s": {other: round(cpu_s(stack.programs[other]) - used[other], 2)
                  for other in OTHERS}}


def main():
    made = parser(__doc__, 20000)
    made.add_argument("--spread-ms", type=int, default=20000)
    made.add_argument("--processes", type=int, default=2)
    options = made.parse_args()
    print(json.dumps(run(options, measure, processes=options.processes,
                         drain_ms=options.spread_ms)))


if __name__ == "__main__":
    main()
