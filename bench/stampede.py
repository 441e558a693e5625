#!/usr/bin/python3
"""How long a crowd takes to connect at once, and what a bystander feels of it.

usage: bench/stampede.py [--connections N] [--build DIR]

One waypost-ws, one connection per user, no pause, past the web server. A
bystander is sent message after message through the front door meanwhile; what
counts is the ratio of its poke times before and during the stampede.
"""
import socket
import statistics
import threading
import time

from gathering import DAEMON, parser, request, run

from devkit.user import User

QUIET_S, POKE_TIMEOUT_S = 1.0, 30


class Bystander(threading.Thread):
    """Somebody who is poked for each message, one after the other."""

    def __init__(self, stack, path):
        super().__init__(daemon=True)
        self.sender = User(stack, "sender")
        self.socket = User(stack, "bystander").connect(unix_path=path)
        self.socket.expect("connected")
        self.is_over = threading.Event()
        self.pokes = []  # (when sent, milliseconds until the poke)

    def run(self):
        while not self.is_over.is_set():
            sent = time.monotonic()
            answer = self.sender.send("bystander", b"x")
            if answer.status == 202:
                self.socket.expect("poke", POKE_TIMEOUT_S)
                self.pokes.append((sent, (time.monotonic() - sent) * 1000))

    def between(self, start, end):
        return [ms for sent, ms in self.pokes if start <= sent <= end]


def stampede(path, requests):
    """Connect all, then wait until each has been told that it is connected."""
    crowd = []
    for text in requests:
        peer = socket.socket(socket.AF_UNIX)
        peer.connect(path)
        peer.sendall(text)
        crowd.append(peer)
    for peer in crowd:
        told = b""
        while b'"connected"' not in told:
            data = peer.recv(4096)
            if not data:
                raise SystemExit(f"refused: {told!r}")
            told += data
    return crowd


def measure(stack, options):
    count = options.connections
    path = stack.socket_path(DAEMON + ".sock")
    requests = [request(stack.token(f"user-{i}")) for i in range(count)]
    bystander = Bystander(stack, path)
    bystander.start()
    quiet = time.monotonic()
    time.sleep(QUIET_S)
    start = time.monotonic()
    crowd = stampede(path, requests)
    end = time.monotonic()
    bystander.is_over.set()
    bystander.join(POKE_TIMEOUT_S)
    before = bystander.between(quiet, start)
    during = bystander.between(start, end)
    for peer in crowd:
        peer.close()
    ratio = statistics.median(during) / statistics.median(before)
    print(f"{count} connections registered and told in {end - start:.2f} s, "
          f"{count / (end - start):.0f}/s")
    print(f"poke of a bystander, ms: median {statistics.median(before):.1f} "
          f"before, {statistics.median(during):.1f} during "
          f"(ratio {ratio:.1f}); worst {max(before):.1f} and {max(during):.1f}")


if __name__ == "__main__":
    run(parser(__doc__, 5000).parse_args(), measure)
