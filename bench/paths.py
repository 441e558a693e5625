#!/usr/bin/python3
"""What each path of a message costs, of two builds side by side.

usage: bench/paths.py BEFORE AFTER [--rounds N]

BEFORE and AFTER are folders with the programs, each beside its own tree's
tools (…/build/release). Both run all the time, each with a Redis of its own,
and take turns, so that what the machine does besides hits both. It counts the
ratio AFTER / BEFORE, per step: of time, and of processor time of the handlers,
the worker, the daemon and Redis together. The median of all rounds, and between
which ratios the middle half of them lies.
"""
import argparse
import glob
import os
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tools"))

from devkit.stack import Stack, no_limits  # noqa: E402
from devkit.user import User, envelope  # noqa: E402

SINGLES, BATCHES, BATCH, READS, FRAMES, CROWD = 200, 10, 100, 10, 200, 100
PARTITIONS, WAIT_S = 8, 120

# How much is on its way: to the mailboxes, and to the disk.
LOOK = """
local queued, due = 0, 0
for p = 0, ARGV[1] - 1 do
  local prefix = 'wp:{' .. p .. '}:'
  queued = queued + redis.call('XLEN', prefix .. 'ingress')
  due = due + redis.call('ZCARD', prefix .. 'migrate')
end
return {queued, due}
"""


def processor_ns(session):
    """What the processes of a session have used, all their threads."""
    total = 0
    for path in glob.glob("/proc/[0-9]*/stat"):
        try:
            with open(path, encoding="ascii", errors="replace") as file:
                fields = file.read().rpartition(")")[2].split()
            if int(fields[3]) != session:
                continue
            folder = os.path.dirname(path)
            for task in glob.glob(folder + "/task/*/schedstat"):
                with open(task, encoding="ascii") as file:
                    total += int(file.read().split()[0])
        except OSError:
            continue  # it has ended
    return total


def limits_of(build):
    """None, also where the build is of before there were any."""
    said = subprocess.run(
        [os.path.join(build, "waypost-handlers"), "--print-config"],
        capture_output=True, text=True, check=False).stdout
    return {"limits": no_limits()} if "\nlimits:" in said else {}


class Side:
    """One build, running."""

    def __init__(self, name, folder, build):
        self.name = name
        self.stack = Stack(os.path.join(folder, name), build=build, config={
            "mailbox": {"partitions": PARTITIONS,
                        "max_waiting": 100000},
            # An earlier build has no program that tells anybody.
            "push": {"enabled": False}, **limits_of(build)})
        self.stack.start()
        self.times = {}  # step -> [(wall s, processor ns), …]
        self.sender = User(self.stack, "sender")

    def settle(self, on_disk=False):
        with self.stack.redis() as redis:
            end = time.monotonic() + WAIT_S
            while time.monotonic() < end:
                queued, due = redis("EVAL", LOOK, "0", str(PARTITIONS))
                if queued == 0 and (due == 0 or not on_disk):
                    return
                time.sleep(0.002)
        raise SystemExit(f"{self.name}: still on its way after {WAIT_S} s")

    def used(self):
        return sum(processor_ns(program.pid)
                   for name, program in self.stack.programs.items()
                   if name not in ("nginx", "lighttpd"))

    def step(self, name, work):
        used, start = self.used(), time.monotonic()
        work()
        self.times.setdefault(name, []).append(
            (time.monotonic() - start, self.used() - used))

    def send_batches(self, recipient, settle):
        for _ in range(BATCHES):
            answer = self.sender.call("POST", "/api/send/batch", {
                "envelopes": [envelope(recipient.urn, b"x" * 200)] * BATCH})
            results = answer.json()["results"]
            if not all(result.get("id") for result in results):
                raise SystemExit(f"{self.name}: refused: {results[0]}")
        settle()

    def send_singles(self, recipient):
        for _ in range(SINGLES):
            if self.sender.send(recipient, b"x" * 200).status != 202:
                raise SystemExit(f"{self.name}: refused")

    def pull(self, user, store):
        ids = []
        for _ in range(READS):
            answer = user.pull(limit=BATCH)
            ids = [message["id"] for message in answer.json()["messages"]]
            if len(ids) != BATCH:
                raise SystemExit(f"{self.name}: {len(ids)} {store} messages")
        return ids

    def ack(self, user):
        while True:
            messages = user.pull(limit=BATCH).json()["messages"]
            if not messages:
                return
            self.step("acknowledge", lambda ids=messages: user.ack(
                message["id"] for message in ids))

    def frames(self, user, peer):
        for ref in range(FRAMES):
            peer.send_json({"type": "send", "ref": ref,
                            "envelope": envelope(user.urn, b"x" * 200)})
            peer.expect("accepted")

    def crowd(self, round_number):
        peers = [User(self.stack, f"crowd-{round_number}-{i}").connect()
                 for i in range(CROWD)]
        for peer in peers:
            peer.expect("connected")
        for peer in peers:
            peer.close()

    def round(self, number):
        here = User(self.stack, f"here-{number}")
        away = User(self.stack, f"away-{number}")
        peer = here.connect()
        peer.expect("connected")
        self.step("send, one by one", lambda: self.send_singles(here))
        self.settle()
        self.step("send and route, batches",
                  lambda: self.send_batches(here, self.settle))
        self.step("pull, hot", lambda: self.pull(here, "hot"))
        self.ack(here)
        self.step("send, route and move, batches",
                  lambda: self.send_batches(
                      away, lambda: self.settle(on_disk=True)))
        self.step("pull, cold", lambda: self.pull(away, "cold"))
        self.ack(away)
        self.step("send, by frame", lambda: self.frames(here, peer))
        self.step("connect", lambda: self.crowd(number))
        peer.close()
        self.ack(here)
        self.settle(on_disk=True)


def middle_half(values):
    quarters = statistics.quantiles(values, n=4)
    return (f"{statistics.median(values):.2f} "
            f"({quarters[0]:.2f}–{quarters[2]:.2f})")


def report(before, after, rounds):
    print("| step | time | processor time |")
    print("| --- | --- | --- |")
    for name, times in before.times.items():
        others = after.times[name]
        each = len(times) // rounds  # acknowledgements: several a round
        sums = [[tuple(map(sum, zip(*list_[i * each:(i + 1) * each])))
                 for i in range(rounds)] for list_ in (times, others)]
        columns = [[b[k] / a[k] for a, b in zip(*sums)] for k in (0, 1)]
        print(f"| {name} | {middle_half(columns[0])} | "
              f"{middle_half(columns[1])} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("before")
    parser.add_argument("after")
    parser.add_argument("--rounds", type=int, default=12)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="wpb") as folder:
        sides = []
        try:
            for name in ("before", "after"):
                sides.append(Side(name, folder, getattr(options, name)))
            sides[0].round("warm")
            sides[1].round("warm")
            for side in sides:
                side.times = {}
            for number in range(options.rounds):
                for side in sides if number % 2 else reversed(sides):
                    side.round(number)
        finally:
            for side in sides:
                side.stack.stop()
        report(*sides, options.rounds)


if __name__ == "__main__":
    main()
