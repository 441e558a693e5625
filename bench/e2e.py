#!/usr/bin/python3
"""From POST /api/send to the poke of a connected recipient, at a fixed rate.

Everything through the web server: --clients clients are connected, each is sent
1 KiB in turn, and the time runs from when the POST was due until the poke is
there; then on, until whoever was poked has pulled and acknowledged it. The load
is light on purpose; times on a machine that does other work are those of the
other work.
"""
import json
import os
import statistics

from contestants import some
from kit import Bench
from meters import Meter
from send import envelope
from ws import Generator, until_quiet

STEP_MS = 50


def posting(contestant):
    """What is sent for one poke."""
    body = json.dumps({**envelope(), "recipientId": "urn:sm:user:u#####"})
    return ("POST /api/send HTTP/1.1\r\nHost: bench\r\n"
            "Content-Type: application/json\r\n"
            f"Authorization: Bearer {contestant.token('sender')}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}")


def series(bench, name):
    return os.path.join(bench.scratch, f"e2e-{name}.txt")


def summarize(bench, name):
    """What each STEP_MS were like, for the plot."""
    steps = {}
    with open(series(bench, name), encoding="ascii") as file:
        for line in file:
            due, took = map(float, line.split())
            steps.setdefault(due // STEP_MS, []).append(took)
    path = os.path.join(bench.options.out, f"e2e-{name}.dat")
    with open(path, "w", encoding="ascii") as file:
        file.write("# s median_ms longest_ms\n")
        for step, took in sorted(steps.items()):
            file.write(f"{step * STEP_MS / 1000:.2f} "
                       f"{statistics.median(took):.3f} {max(took):.3f}\n")


def turn(bench, contestant, number):
    options = bench.options
    until_quiet(contestant)
    address = f"127.0.0.1:{contestant.port}"
    generator = Generator(bench, contestant, address, address,
                          posting(contestant), "-k", "32", "-x", address,
                          "-o", series(bench, contestant.label))
    try:
        generator.read()
        meter = Meter(contestant.programs)
        result = generator.do(f"rate {options.rate} {options.seconds}")
        costs = meter.costs(result["received"])
    finally:
        generator.close()
    contestant.settle()
    summarize(bench, contestant.label)
    if hasattr(contestant, "empty"):
        contestant.empty()
    return {"poked/s": result["received"] / result["seconds"],
            "p50_ms": result["us"]["p50"] / 1e3,
            "p90_ms": result["us"]["p90"] / 1e3,
            "p99_ms": result["us"]["p99"] / 1e3,
            "max_ms": result["us"]["max"] / 1e3,
            "acked_p50_ms": result["acked_us"]["p50"] / 1e3,
            "acked_p99_ms": result["acked_us"]["p99"] / 1e3,
            "empty": result["empty"], "lost": result["lost"],
            **costs}


def main():
    bench = Bench("e2e", __doc__, some("waypost", "before", "go + nginx"))
    bench.parser.add_argument("--clients", type=int, default=1000)
    bench.parser.add_argument("--rate", type=int, default=1000)
    bench.run(turn)
    bench.write(bench.table({"poked/s": "poked/s", "p50 ms": "p50_ms",
                             "p90 ms": "p90_ms", "p99 ms": "p99_ms",
                             "longest ms": "max_ms",
                             "acked p50 ms": "acked_p50_ms",
                             "acked p99 ms": "acked_p99_ms",
                             "empty pulls": "empty", "lost": "lost"},
                            "waypost", "p50_ms", "p50"),
                bench.cpu_table("message"), bench.memory_table())


if __name__ == "__main__":
    main()
