#!/usr/bin/python3
"""What grows with how many users are known, and with how many messages wait.

One stack each, filled step by step until --minutes are over. Users: each has
got one message, which waits on disk. Messages: so many of 200 bytes wait, on
disk, for 2,000 users. After each step, for --seconds each: POST /api/send of
1 KiB to these users, all of it routed and migrated, and GET
/api/messages?limit=10 of 1,000 of them.
"""
import glob
import json
import os
import signal
import time

from contestants import Waypost
from kit import Bench, run_generator, say, short
from meters import Meter
from pull import write_lines
from send import envelope

BATCH, CHUNK, SAMPLE, DIGITS = 50, 50000, 1000, 7
USERS = (10, 100, 1000, 10000, 100000, 1000000)
WAITING = (0, 1000, 10000, 100000, 1000000, 3000000, 10000000)
RECIPIENTS, FILL_S = 2000, 300
USER = "urn:sm:user:u" + "#" * DIGITS
CONFIG = {"mailbox": {"ingress_high_mark": 1000000, "max_waiting": 1000000,
                      "max_waiting_bytes": 1 << 40}}


class Growth:
    """A stack, and how to fill it."""

    def __init__(self, bench, stack):
        self.bench, self.stack = bench, stack
        self.options = bench.options
        self.count = 0    # of what grows
        self.waiting = 0  # messages, those of measurements included

    def post(self, path, body, seconds, *how):
        result = run_generator("http_load", [
            "-m", "POST", "-p", path, "-b", body, "-s", seconds, *how,
            "-j", self.stack.token("sender"), f"127.0.0.1:{self.stack.port}"],
            self.options.build, seconds)
        if set(result["status"]) - {"202"} or result["lost"]:
            raise SystemExit(f"not all was accepted: {result['status']}")
        return result

    def fill(self, first, count, data, population):
        """So many messages to users from first on, one each, in batches."""
        each = min(BATCH, count)
        body = write_lines(self.bench, "grow.json", [json.dumps(
            {"envelopes": [{"recipientId": USER, "encryptedData": data}]
             * each})])
        self.post("/api/send/batch", body, FILL_S, "-c", 8, "-q",
                  f"{first},{count}", "-n", population)
        self.waiting += count
        self.stack.settle()

    def send(self, population):
        body = write_lines(self.bench, "grow-one.json", [json.dumps(
            {**envelope(), "recipientId": USER})])
        meter = Meter(self.stack.programs)
        result = self.post("/api/send", body, self.options.seconds, "-n",
                           population)
        self.waiting += result["all"]
        self.stack.settle()
        return result, meter.costs(result["all"])

    def pull(self, population):
        users = [i * population // SAMPLE for i in range(SAMPLE)]
        tokens = write_lines(self.bench, "tokens.txt", [self.stack.token(
            f"u{user:0{DIGITS}}") for user in users])
        meter = Meter(self.stack.programs)
        result = run_generator("http_load", [
            "-p", "/api/messages?limit=10", "-H", "X-User: ####", "-J", tokens,
            "-n", SAMPLE, "-s", self.options.seconds,
            f"127.0.0.1:{self.stack.port}"],
            self.options.build, self.options.seconds)
        if set(result["status"]) - {"200"}:
            say(f"pulls: {result['status']}")
        return result, meter.costs(result["all"])

    def measure(self, population):
        """One line of the table."""
        self.send(population)  # everything is warm
        sent, send_costs = self.send(population)
        pulled, pull_costs = self.pull(population)
        resident = Meter(self.stack.programs).resident_mb()
        disk = sum(os.path.getsize(path) for path in glob.glob(
            os.path.join(self.stack.about["state"], "waypost.db*")))
        with self.stack.redis() as ask:
            used = next(line for line in ask("INFO", "memory").decode()
                        .splitlines() if line.startswith("used_memory:"))
        return {
            "waiting": self.waiting,
            "sends/s": sent["counted"] / sent["seconds"],
            "send_us": sum(send_costs["cpu_us"].values()),
            "pulls/s": pulled["counted"] / pulled["seconds"],
            "pull_us": sum(pull_costs["cpu_us"].values()),
            "redis_used_mb": int(used.split(":")[1]) / 1048576,
            **{f"{label}_mb": value for label, value in resident.items()},
            "disk_mb": disk / 1048576,
        }


def measure(bench, growth, population_of):
    name = f"{growth.count:,}"
    bench.results[name] = [growth.measure(population_of(growth.count))]
    say(f"{bench.name}: {name}: " + ", ".join(
        f"{key} {short(value)}" for key, value
        in bench.results[name][0].items()))


def grow(bench, steps, fill_to, population_of):
    """Step by step, until the time is over: results by step."""
    options = bench.options
    began = time.monotonic()
    with bench.workplace() as folder:
        stack = Waypost(bench, config=CONFIG)
        try:
            stack.start(folder)
            growth = Growth(bench, stack)
            for step in steps:
                is_over = False
                while growth.count < step and not is_over:
                    fill_to(growth, min(step, growth.count + CHUNK))
                    spent_s = time.monotonic() - began
                    is_over = spent_s > options.minutes * 60
                    say(f"{bench.name}: {growth.count} of {step}, "
                        f"{spent_s:.0f} s")
                measure(bench, growth, population_of)
                if is_over:
                    say(f"{bench.name}: no time for more")
                    return
        finally:
            signal.alarm(0)
            stack.stop()


def more_users(growth, count):
    growth.fill(growth.count, count - growth.count, "QUJD" * 16, USERS[-1])
    growth.count = count


def more_messages(growth, count):
    growth.fill(growth.count, count - growth.count, "QUJD" * 66, RECIPIENTS)
    growth.count = count


KINDS = {
    "users": (USERS, more_users, lambda count: count),
    "waiting": (WAITING, more_messages, lambda count: RECIPIENTS),
}
COLUMNS = {"waiting at the end": "waiting", "sends/s": "sends/s",
           "µs of all programs per send": "send_us",
           "pulls/s": "pulls/s", "µs per pull": "pull_us",
           "Redis' data MB": "redis_used_mb", "Redis' RSS": "redis_mb",
           "worker's": "worker_mb", "handlers'": "handlers_mb",
           "database MB": "disk_mb"}


def main():
    for kind, (steps, fill_to, population_of) in KINDS.items():
        bench = Bench("growth-" + kind, __doc__, {})
        bench.begin()
        bench.rounds = 1
        grow(bench, steps, fill_to, population_of)
        bench.makers = bench.results  # in the order of steps
        bench.write(bench.table(COLUMNS))


if __name__ == "__main__":
    main()
