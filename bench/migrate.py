#!/usr/bin/python3
"""From accepted to on disk: what waits in ingress for users who are away.

The worker is stopped while batches of 1 KiB are accepted for --users users,
then goes on; the clock stops when nothing waits in ingress and nobody is due to
be migrated any more. Routing is included.
"""
import os
import signal
import time

from contestants import Waypost
from kit import Bench, run_generator
from meters import Meter
from send import BATCH, write_bodies

# Which the messages do not fill.
CONFIG = {
    "worker": {"lease_ms": 60000, "reap_after_ms": 180000},
    "mailbox": {"ingress_high_mark": 1000000, "max_waiting": 1000000,
                "max_waiting_bytes": 1 << 32},
}


def fill(bench, stack, seconds, seed):
    """Accept for some seconds; how many messages that were."""
    _, body = write_bodies(bench.scratch)
    result = run_generator("http_load", [
        "-c", 8, "-s", seconds, "-w", 0, "-m", "POST", "-p", "/api/send/batch",
        "-b", body, "-j", stack.token("sender"), "-n", bench.options.users,
        "-S", seed, f"127.0.0.1:{stack.port}"], bench.options.build, seconds)
    if set(result["status"]) != {"202"} or result["lost"]:
        raise SystemExit(f"not all was accepted: {result['status']}")
    return result["all"] * BATCH


def turn(bench, stack, number):
    worker = stack.programs["worker"]
    os.kill(worker, signal.SIGSTOP)
    try:
        count = fill(bench, stack, bench.options.seconds, number + 2)
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


def main():
    bench = Bench("migrate", __doc__, {
        "waypost": lambda bench: Waypost(bench, config=CONFIG),
        "before": lambda bench: Waypost(bench, bench.options.before, CONFIG),
    })
    bench.parser.add_argument("--users", type=int, default=200)
    bench.run(turn)
    bench.write(bench.table({"messages/s": "messages/s",
                             "in ingress": "messages",
                             "routed after s": "routed_s",
                             "on disk after s": "on_disk_s",
                             "peak MB of worker and Redis": "peak_mb"},
                            "waypost", "messages/s", "messages/s"),
                bench.cpu_table("message"), bench.memory_table())


if __name__ == "__main__":
    main()
