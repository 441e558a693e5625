#!/usr/bin/python3
"""Messages on the socket: --users users have --each messages waiting in Redis,
get them inline and acknowledge them, each whatever came meanwhile in one frame.

Directly at the daemon, by unix socket. The window that each has before the
first acknowledgement was sent before the clock began, and is not counted. "per
core" is what the daemon would deliver if it had one for itself.
"""
import json
import os
import subprocess
import threading

from contestants import WaypostHub
from kit import Bench, run_generator
from meters import Meter

from devkit.user import envelope  # noqa: E402, kit sets the path

READY_S, BATCH = 120, 50
DATA = "QUJD" * 15


def write(bench, name, lines):
    path = os.path.join(bench.scratch, name)
    with open(path, "w", encoding="ascii") as file:
        file.writelines(line + "\n" for line in lines)
    return path


class Takers:
    """inline_load, which takes when it is told to."""

    def __init__(self, bench, contestant, users):
        self.process = subprocess.Popen(
            [os.path.join(bench.options.build, "bench", "inline_load"),
             "-c", str(len(users)), "-J",
             write(bench, "takers.txt", map(contestant.token, users)),
             contestant.address],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def read(self):
        guard = threading.Timer(READY_S, self.process.kill)
        guard.start()
        line = self.process.stdout.readline()
        guard.cancel()
        if not line:
            raise SystemExit("inline_load has ended")
        return json.loads(line)

    def take(self, count):
        self.process.stdin.write(f"take {count}\n")
        self.process.stdin.flush()
        return self.read()

    def close(self):
        self.process.stdin.close()
        self.process.wait(READY_S)


def fill(bench, contestant, users, each):
    lines = [json.dumps({"envelopes": [envelope("urn:sm:user:" + user, DATA)]
                         * BATCH}) for user in users] * (each // BATCH)
    result = run_generator("http_load", [
        "-c", bench.options.connections, "-s", READY_S, "-m", "POST", "-p",
        "/api/send/batch", "-B", write(bench, "fill.txt", lines), "-j",
        contestant.token("sender"), f"127.0.0.1:{contestant.port}"],
        bench.options.build, READY_S)
    if set(result["status"]) != {"202"} or result["lost"]:
        raise SystemExit(f"not all was accepted: {result['status']}")
    contestant.settle(on_disk=False)
    return len(lines) * BATCH


def turn(bench, contestant, number):
    options = bench.options
    users = [f"inline-{number + 1}-{i:04}" for i in range(options.users)]
    takers = Takers(bench, contestant, users)
    try:
        takers.read()
        count = fill(bench, contestant, users, options.each)
        meter = Meter(contestant.programs)
        result = takers.take(count)
    finally:
        takers.close()
    counted = result["came"] - result["before"]
    costs = meter.costs(counted)
    return {"messages/s": counted / result["seconds"],
            "per_core": 1e6 / costs["cpu_us"][contestant.daemon],
            "lost": count - result["came"], **costs,
            "load_us": result["cpu_s"] * 1e6 / counted}


def main():
    bench = Bench("ws-inline", __doc__, {"waypost": WaypostHub})
    bench.parser.add_argument("--users", type=int, default=200)
    bench.parser.add_argument("--each", type=int, default=500,
                              help="a multiple of 50")
    bench.run(turn)
    bench.write(bench.table({
        "messages/s": "messages/s", "per core of the daemon": "per_core",
        "lost": "lost", "load generator µs": "load_us"}),
        bench.cpu_table("message"), bench.memory_table())


if __name__ == "__main__":
    main()
