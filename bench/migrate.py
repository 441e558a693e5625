#!/usr/bin/python3
"""To disk: from accepted, from the hot queues, and one message alone.

From accepted: the worker is stopped while batches of 1 KiB are accepted for
--users users who are away, then goes on; the clock stops when nothing waits in
ingress and nobody is due to be migrated any more. From hot: the users are
connected until all is in their hot queues, and leave together; the clock runs
from when they are due, GRACE_MS later. Alone: one user after the other leaves
with one message; how long after it is due it is on disk and out of hot, by the
clock of Redis.
"""
import json
import os
import signal
import statistics
import time

from contestants import Waypost
from kit import Bench, run_generator
from meters import Meter
from pull import DATA, connected
from send import BATCH, write_bodies

from devkit.user import envelope  # noqa: E402, kit sets the path

GRACE_MS = 1000
LEAVERS = 10  # of a turn, one after the other
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


def redis_ms(ask):
    second, microsecond = ask("TIME")
    return int(second) * 1000 + int(microsecond) / 1000


def leave(stack, user):
    """With one message; how many ms after it was due it was on disk."""
    urn = "urn:sm:user:" + user
    with connected(stack, [user]):
        answer = stack.http().request(
            "POST", "/api/send", json.dumps(envelope(urn, DATA)),
            {"Authorization": "Bearer " + stack.token("sender"),
             "Content-Type": "application/json"})
        if answer.status != 202:
            raise SystemExit(f"not accepted: {answer.status}")
        stack.settle(on_disk=False)
    with stack.redis() as ask:
        marks = [f"wp:{{{p}}}:migrate" for p in range(stack.partitions)]
        due = {mark: ask("ZSCORE", mark, urn) for mark in marks}
        mark = next((key for key in marks if due[key] is not None), None)
        if mark is None:
            raise SystemExit("who leaves with a message is not marked")
        while ask("ZSCORE", mark, urn) is not None:
            time.sleep(0.001)
        return redis_ms(ask) - float(due[mark])


def first_turn(bench, stack, number):
    late = sorted(leave(stack, f"first{number}-{i}") for i in range(LEAVERS))
    return {"after_ms": statistics.median(late), "worst_ms": late[-1]}


def tables(bench, name, columns):
    """Of one message alone there is only how late it was."""
    if name == "migrate-first":
        return [bench.table(columns, "waypost", "after_ms", "after ms")]
    return [bench.table({"messages/s": "messages/s", **columns,
                         "on disk after s": "on_disk_s",
                         "peak MB of worker and Redis": "peak_mb"},
                        "waypost", "messages/s", "messages/s"),
            bench.cpu_table("message"), bench.memory_table()]


def main():
    for name, how, columns in (
            ("migrate", turn, {"in ingress": "messages",
                               "routed after s": "routed_s"}),
            ("migrate-hot", hot_turn, {"in hot": "messages"}),
            ("migrate-first", first_turn, {
                "on disk ms after due": "after_ms",
                "the last of them": "worst_ms"})):
        bench = Bench(name, __doc__, {
            "waypost": lambda bench: Waypost(bench, config=CONFIG),
            "before": lambda bench: Waypost(bench, bench.options.before,
                                            CONFIG),
        })
        bench.parser.add_argument("--users", type=int, default=200)
        bench.run(how)
        bench.write(*tables(bench, name, columns))


if __name__ == "__main__":
    main()
