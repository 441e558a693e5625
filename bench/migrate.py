#!/usr/bin/python3
"""To disk: from accepted, and from the hot queues.

From accepted: the worker is stopped while batches of 1 KiB are accepted for
--users users who are away, then goes on; the clock stops when nothing waits in
ingress and nobody is due to be migrated any more. From hot: the users are
connected until all is in their hot queues, and leave together; the clock runs
from when they are due, GRACE_MS later.
"""
import os
import signal
import time

from contestants import Waypost
from kit import Bench, run_generator
from meters import Meter
from pull import connected
from send import BATCH, write_bodies

GRACE_MS = 1000
EACH_SECOND, FILL_S = 20000, 120  # messages a turn, for each --seconds
# Which the messages do not fill.
CONFIG = {
    "websocket": {"grace_ms": GRACE_MS},
    "worker": {"lease_ms": 60000, "reap_after_ms": 180000},
    "mailbox": {"ingress_high_mark": 1000000, "max_waiting": 1000000,
                "max_waiting_bytes": 1 << 32},
}


def fill(bench, stack):
    """So many messages, to all users in turn; how many that were."""
    _, body = write_bodies(bench.scratch)
    count = int(EACH_SECOND * bench.options.seconds) // BATCH * BATCH
    result = run_generator("http_load", [
        "-c", 8, "-s", FILL_S, "-m", "POST", "-p", "/api/send/batch",
        "-b", body, "-j", stack.token("sender"), "-n", bench.options.users,
        "-q", f"0,{count}", f"127.0.0.1:{stack.port}"],
        bench.options.build, FILL_S)
    if set(result["status"]) != {"202"} or result["lost"]:
        raise SystemExit(f"not all was accepted: {result['status']}")
    return result["all"] * BATCH


def turn(bench, stack, number):
    worker = stack.programs["worker"]
    os.kill(worker, signal.SIGSTOP)
    try:
        count = fill(bench, stack)
        meter = Meter({"redis": stack.programs["redis"], "worker": worker})
        start = time.monotonic()
    finally:
        os.kill(worker, signal.SIGCONT)
    stack.settle(on_disk=False)
    routed = time.monotonic()
    stack.settle()
    end = time.monotonic()
    return {"messages/s": count / (end - start),
            "messages": count, "routed_s": routed - start,
            "on_disk_s": end - start,
            **meter.costs(count)}


def hot_turn(bench, stack, number):
    users = [f"u{i:04}" for i in range(bench.options.users)]
    with connected(stack, users):
        count = fill(bench, stack)
        stack.settle(on_disk=False)
    due = time.monotonic() + GRACE_MS / 1000
    meter = Meter({"redis": stack.programs["redis"],
                   "worker": stack.programs["worker"]})
    stack.settle()
    seconds = time.monotonic() - due
    return {"messages/s": count / seconds, "messages": count,
            "on_disk_s": seconds, **meter.costs(count)}


def main():
    for name, how, columns in (
            ("migrate", turn, {"in ingress": "messages",
                               "routed after s": "routed_s"}),
            ("migrate-hot", hot_turn, {"in hot": "messages"})):
        bench = Bench(name, __doc__, {
            "waypost": lambda bench: Waypost(bench, config=CONFIG),
            "before": lambda bench: Waypost(bench, bench.options.before,
                                            CONFIG),
        })
        bench.parser.add_argument("--users", type=int, default=200)
        bench.run(how)
        bench.write(bench.table({"messages/s": "messages/s", **columns,
                                 "on disk after s": "on_disk_s",
                                 "peak MB of worker and Redis": "peak_mb"},
                                "waypost", "messages/s", "messages/s"),
                    bench.cpu_table("message"), bench.memory_table())


if __name__ == "__main__":
    main()
