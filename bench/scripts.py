#!/usr/bin/python3
"""The send and route scripts alone: a bare pipelined client, and the worker.

One stack, its worker stopped while scripts are called. Sends go in with 1, 10
and 100 envelopes a call; then all that waits is routed, by a bare loop in the
worker's name, or by the worker itself once it may go on. The recipients are
connected, so that nothing migrates meanwhile; or away, which the stopped worker
cannot move either. With push on, a stack of its own has route ask for all of
them to be told.
"""
import contextlib
import os
import signal
import time

from contestants import Waypost
from kit import Bench, run_generator
from meters import Meter
from pull import connected

USERS, SENDS, ROUTES = 200, 64, 8  # calls that are on their way at once
# A worker that stands still keeps its partitions, and nobody is full.
CONFIG = {
    "worker": {"lease_ms": 60000, "reap_after_ms": 180000},
    "websocket": {"grace_ms": 100},
    "mailbox": {"ingress_high_mark": 1000000, "max_waiting": 1000000,
                "max_waiting_bytes": 1 << 32},
}
ROUTE_S = 120


class Way:
    """One way to call; the stack behind is shared by all."""

    def __init__(self, stack, each=1, router=None, is_away=False):
        self.stack, self.each, self.router = stack, each, router
        self.is_away = is_away

    def start(self, folder):
        if self.stack.process is None:
            self.stack.start(folder)

    def stop(self):
        self.stack.stop()


def worker_pid(stack):
    return stack.programs["worker"]


def loop(bench, stack, what, count, each=1):
    window = SENDS if what == "send" else ROUTES
    return run_generator("script_loop", [
        what, os.path.join(stack.about["state"], "waypost.yaml"),
        stack.redis_path, count, window, each, USERS],
        bench.options.build, ROUTE_S)


def route_by_worker(stack, count):
    start = time.monotonic()
    os.kill(worker_pid(stack), signal.SIGCONT)
    stack.settle(on_disk=False)
    return {"seconds": time.monotonic() - start, "messages": count, "cpu_s": 0}


def turn(bench, way, number):
    """The connected users are new every turn: their mailboxes are empty."""
    stack = way.stack
    count = bench.options.messages or int(10000 * bench.options.seconds)
    users = [f"u{i:04}" for i in range(USERS)]
    there = contextlib.nullcontext() if way.is_away else \
        connected(stack, users)
    with there:
        stack.settle(on_disk=False)
        os.kill(worker_pid(stack), signal.SIGSTOP)
        try:
            meter = Meter({"redis": stack.programs["redis"],
                           "worker": worker_pid(stack)})
            if way.router is None:
                result = loop(bench, stack, "send", count, way.each)
            else:
                loop(bench, stack, "send", count, 100)
                meter = Meter({"redis": stack.programs["redis"],
                               "worker": worker_pid(stack)})
                if way.router == "worker":
                    result = route_by_worker(stack, count)
                else:
                    result = loop(bench, stack, "route", count)
            costs = meter.costs(count)
        finally:
            os.kill(worker_pid(stack), signal.SIGCONT)
    stack.settle()
    costs["cpu_us"]["client"] = result["cpu_s"] / result["messages"] * 1e6
    return {"messages/s": result["messages"] / result["seconds"], **costs}


def contestants():
    shared = {}

    def stack(bench, is_push=False):
        if is_push not in shared:
            shared[is_push] = Waypost(
                bench, config={**CONFIG, "push": {"enabled": is_push}})
        return shared[is_push]
    return {
        "route, bare loop": lambda bench: Way(stack(bench), router="loop"),
        "route with push": lambda bench: Way(stack(bench, True), router="loop"),
        "route to absent": lambda bench: Way(stack(bench), router="loop",
                                         is_away=True),
        "route to absent with push": lambda bench: Way(
            stack(bench, True), router="loop", is_away=True),
        "route, worker": lambda bench: Way(stack(bench), router="worker"),
        "send × 1": lambda bench: Way(stack(bench), 1),
        "send × 10": lambda bench: Way(stack(bench), 10),
        "send × 100": lambda bench: Way(stack(bench), 100),
    }


def main():
    bench = Bench("redis", __doc__, contestants())
    bench.parser.add_argument("--messages", type=int, default=0,
                              help="a turn; default: 10000 a second of it")
    bench.run(turn)
    bench.write(bench.table({"messages/s": "messages/s"}, "route, bare loop",
                            "messages/s", "messages/s"),
                bench.cpu_table("message"), bench.memory_table())


if __name__ == "__main__":
    main()
